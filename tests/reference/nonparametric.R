# Writes nonparametric.json: Kaplan-Meier, cumulative hazard, Aalen-Johansen, restricted means and log-rank tests by
# R's survival, for tests/it/nonparametric_parity.rs.
# Run:  Rscript nonparametric.R   from this folder (survival, jsonlite). Cohorts: $REGIMEN_PEERS/data and $REGIMEN_DATA,
# by default ../../../shared/peers/data and ../../../shared/data.
# Every data set is (time, event, group, stratum, cause); weights and entry times follow from the row number by the
# formulas in `derive`, which the Rust test repeats. Of the cohorts only curve values at a few times, sums and test
# statistics are written; only the rows of the simulated set are written in full.

# timefix = FALSE in the curves: times are compared exactly, as ours are. (R's default merges times within 1.5e-8 of each
# other; METABRIC's single-precision times with entries at eighths of them do come that close.)

suppressMessages(library(survival))
library(jsonlite)

folder <- function(variable, fallback) {
  value <- Sys.getenv(variable)
  if (nzchar(value)) value else fallback
}
peers <- file.path(folder("REGIMEN_PEERS", "../../../shared/peers"), "data")
public <- folder("REGIMEN_DATA", "../../../shared/data")

derive <- function(d) {
  row <- seq_len(nrow(d)) - 1
  if (is.null(d$cause)) d$cause <- d$event * (1 + row %% 2)
  d$whole <- 1 + row %% 3
  d$fractional <- 0.5 + (row %% 7) / 4
  d$entry <- d$time * (row %% 4) / 8
  d
}

simulated <- function() {
  set.seed(20261124)
  n <- 60
  group <- rep(1:3, length.out = n)
  latent <- rexp(n, c(0.10, 0.14, 0.07)[group])
  censored <- runif(n, 2, 18)
  data.frame(
    time = pmax(0.5, round(2 * pmin(latent, censored)) / 2), event = as.numeric(latent <= censored),
    group = group, stratum = sample(1:4, n, replace = TRUE)
  )
}
sets <- list(
  simulated = simulated(),
  gbsg2 = with(read.csv(file.path(peers, "gbsg2.csv")), data.frame(time, event, group = 1 + tgrade_II + 2 * tgrade_III, stratum = horTh)),
  metabric = with(read.csv(file.path(peers, "metabric.csv")), data.frame(time, event, group = 2 * chemo + radio, stratum = hormone)),
  rotterdam = with(read.csv(file.path(public, "rotterdam/rotterdam.csv")), {
    cause <- ifelse(recur == 1, 1, ifelse(death == 1, 2, 0))
    data.frame(
      time = ifelse(recur == 1, rtime, dtime), event = as.numeric(cause > 0),
      group = match(size, c("<=20", "20-50", ">50")), stratum = hormon, cause = cause
    )
  })
)
sets <- lapply(sets, function(d) derive(d[d$time > 0, ]))
inline <- "simulated"

# A vector at the chosen positions and its sum over all positions where it exists.
pick <- function(v, at) list(at = I(unname(v)[at]), sum = sum(v[is.finite(v)]))
chosen <- function(n, all) if (all) seq_len(n) else unique(round(seq(1, n, length.out = 7)))

options_of <- list(
  plain_rows = list(weights = NULL, entry = FALSE),
  whole_weights = list(weights = "whole", entry = FALSE),
  fractional_weights = list(weights = "fractional", entry = FALSE),
  delayed_entry = list(weights = NULL, entry = TRUE),
  delayed_entry_whole = list(weights = "whole", entry = TRUE),
  delayed_entry_fractional = list(weights = "fractional", entry = TRUE)
)
fit_with <- function(d, o, ...) {
  d$w <- if (is.null(o$weights)) 1 else d[[o$weights]]
  if (o$entry) survfit(Surv(entry, time, event) ~ 1, data = d, weights = w, timefix = FALSE, ...)
  else survfit(Surv(time, event) ~ 1, data = d, weights = w, timefix = FALSE, ...)
}
probabilities <- c(0.1, 0.25, 0.5, 0.75, 0.9)

kaplan_meier <- function(d, o, conf, level, all) {
  fit <- fit_with(d, o, conf.type = conf, conf.int = level)
  at <- chosen(length(fit$time), all)
  se <- if (fit$logse) fit$std.err * fit$surv else fit$std.err
  q <- quantile(fit, probabilities)
  list(
    conf_type = conf, level = level, n_times = length(fit$time), positions = I(at - 1), times = pick(fit$time, at),
    n_at_risk = pick(fit$n.risk, at), n_events = pick(fit$n.event, at), n_censored = pick(fit$n.censor, at),
    survival = pick(fit$surv, at), std_err = pick(se, at), lower = pick(fit$lower, at), upper = pick(fit$upper, at),
    quantile = I(unname(q$quantile)), quantile_lower = I(unname(q$lower)), quantile_upper = I(unname(q$upper))
  )
}
hazard <- function(d, o, ctype, all) {
  fit <- fit_with(d, o, stype = 2, ctype = ctype)
  at <- chosen(length(fit$time), all)
  list(
    ctype = ctype, positions = I(at - 1), cum_hazard = pick(fit$cumhaz, at), std_err = pick(fit$std.chaz, at),
    survival = pick(fit$surv, at)
  )
}
restricted_mean <- function(d, o, tau) {
  fit <- fit_with(d, o)
  row <- summary(fit, rmean = tau)$table
  list(tau = tau, mean = unname(row["rmean"]), std_err = unname(row["se(rmean)"]))
}
# The jackknife of the area from R's own influence of each row on S: dA = sum of dS times the length of its stretch.
jackknife_mean_se <- function(d, tau) {
  fit <- survfit(Surv(time, event) ~ 1, data = d, weights = fractional, influence = 1)
  ends <- pmin(c(fit$time[-1], Inf), tau)
  stretch <- pmax(0, ends - pmin(fit$time, tau))
  sqrt(sum((fit$influence.surv %*% stretch)^2))
}
incidence <- function(d, o, conf, all) {
  d$w <- if (is.null(o$weights)) 1 else d[[o$weights]]
  d$id <- seq_len(nrow(d))
  d$state <- factor(d$cause, 0:2)
  fit <- if (o$entry) survfit(Surv(entry, time, state) ~ 1, data = d, weights = w, id = id, conf.type = conf, timefix = FALSE)
  else survfit(Surv(time, state) ~ 1, data = d, weights = w, conf.type = conf, timefix = FALSE)
  # With delayed entry R lists entry times too; ours are exit times.
  keep <- which(fit$time %in% d$time)
  at <- keep[chosen(length(keep), all)]
  column <- function(m, j) list(at = I(m[at, j]), sum = sum(m[keep, j][is.finite(m[keep, j])]))
  state <- function(j) {
    list(
      probability = column(fit$pstate, j), std_err = column(fit$std.err, j),
      lower = column(fit$lower, j), upper = column(fit$upper, j)
    )
  }
  list(
    conf_type = conf, n_times = length(keep), positions = I(match(at, keep) - 1), times = list(at = I(fit$time[at]), sum = sum(fit$time[keep])),
    event_free = state(1), incidence = list(state(2), state(3))
  )
}
log_rank <- function(d, rho, stratified) {
  fit <- if (stratified) survdiff(Surv(time, event) ~ group + strata(stratum), data = d, rho = rho)
  else survdiff(Surv(time, event) ~ group, data = d, rho = rho)
  total <- function(x) if (is.matrix(x)) rowSums(x) else x
  observed <- unname(total(fit$obs))
  expected <- unname(total(fit$exp))
  df <- sum(expected > 0) - 1
  scores <- seq_along(observed)
  list(
    rho = rho, stratified = stratified, observed = I(observed), expected = I(expected), variance = I(as.vector(t(fit$var))),
    chi_squared = fit$chisq, df = df, p = pchisq(fit$chisq, df, lower.tail = FALSE),
    trend_z = sum(scores * (observed - expected)) / sqrt(drop(scores %*% fit$var %*% scores))
  )
}
# Events before censorings at the same time: censored times move up by less than any gap.
censoring <- function(d) {
  shift <- 1e-4
  fit <- survfit(Surv(time + shift * (1 - event), 1 - event) ~ 1, data = d)
  times <- floor(unname(quantile(d$time, c(0.05, 0.25, 0.5, 0.75, 0.9), type = 1)))
  after <- stepfun(fit$time, c(1, fit$surv))
  list(times = times, at = after(times + 2 * shift), just_before = after(times - shift / 2), sum = sum(after(sort(unique(d$time)) + 2 * shift)))
}
at_risk <- function(d) {
  times <- c(0, floor(unname(quantile(d$time, c(0.1, 0.3, 0.5, 0.77, 1)))))
  fit <- survfit(Surv(time, event) ~ 1, data = d)
  list(times = times, n_at_risk = summary(fit, times = times, extend = TRUE)$n.risk)
}

reference <- function(name) {
  d <- sets[[name]]
  tau <- as.numeric(round(quantile(d$time, 0.7)))
  curves <- lapply(names(options_of), function(key) {
    o <- options_of[[key]]
    all <- name == "simulated" && key %in% c("plain_rows", "delayed_entry_fractional")
    settings <- if (key == "plain_rows") list(list("log", 0.95), list("log-log", 0.95), list("plain", 0.95), list("log", 0.9)) else list(list("log", 0.95), list("plain", 0.95))
    list(
      options = key,
      kaplan_meier = lapply(settings, function(s) kaplan_meier(d, o, s[[1]], s[[2]], all)),
      hazard = lapply(1:2, function(ctype) hazard(d, o, ctype, all)),
      rmst = restricted_mean(d, o, tau),
      incidence = lapply(if (key == "plain_rows") c("log", "log-log", "plain") else "log", function(conf) incidence(d, o, conf, all))
    )
  })
  out <- list(
    name = name, n_samples = nrow(d), curves = curves, jackknife_rmst_se = jackknife_mean_se(d, tau),
    log_rank = list(log_rank(d, 0, FALSE), log_rank(d, 1, FALSE), log_rank(d, 0.5, FALSE), log_rank(d, 0, TRUE), log_rank(d, 1, TRUE)),
    censoring = censoring(d), at_risk = at_risk(d),
    group_rmst = lapply(sort(unique(d$group))[1:2], function(g) restricted_mean(d[d$group == g, ], options_of$plain_rows, tau))
  )
  if (name %in% inline) out$rows <- list(time = d$time, event = d$event, group = d$group, stratum = d$stratum)
  out
}

# A group censored before the first event: R drops it and its degree of freedom.
early <- data.frame(time = c(1, 1, 2, 3, 4, 5, 6, 7), event = c(0, 0, 1, 1, 0, 1, 1, 1), group = c(3, 3, 1, 1, 1, 2, 2, 2))
fit <- survdiff(Surv(time, event) ~ group, data = early)
dropped <- list(time = early$time, event = early$event, group = early$group, chi_squared = fit$chisq, df = sum(fit$exp > 0) - 1)

writeLines(toJSON(list(
  script = "nonparametric.R",
  versions = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival"))),
  probabilities = probabilities,
  sets = lapply(names(sets), reference), dropped_group = dropped
), digits = NA, auto_unbox = TRUE, na = "null"), "nonparametric.json")
