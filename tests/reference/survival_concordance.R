# Writes survival_concordance.json: concordance with its standard error, Uno's weights, and calibration at a horizon by R.
# Run:  Rscript survival_concordance.R   from this folder (survival, Hmisc, jsonlite).
# REGIMEN_PEERS names the folder that holds data/{gbsg2,rotterdam,metabric}.csv; default ../../../shared/peers.
# The JSON holds aggregates of those cohorts only; its per-row data are simulated and seeded.
# Read by tests/it/survival_metrics_parity.rs.

suppressMessages({library(survival); library(jsonlite)})
peers <- Sys.getenv("REGIMEN_PEERS", "../../../shared/peers")

harrell <- function(time, event, risk) {
  fit <- concordance(Surv(time, event) ~ risk, reverse = TRUE, timefix = FALSE)
  list(c_index = unname(fit$concordance), std_err = sqrt(fit$var), counts = unname(fit$count))
}

# R's own order of a tie (events before censorings) and limit G(t-); tau must not be an event time.
uno <- function(time, event, risk, tau) {
  fit <- concordance(Surv(time, event) ~ risk, reverse = TRUE, timefix = FALSE, timewt = "n/G2", ymax = tau)
  list(c_index = unname(fit$concordance), std_err = sqrt(fit$var), tau = tau)
}

calibration <- function(time, event, risk_prob, horizon, with_groups) {
  cut_time <- pmin(time, horizon)
  cut_event <- as.integer(event == 1 & time <= horizon)
  x <- log(-log1p(-risk_prob))
  km <- summary(survfit(Surv(time, event) ~ 1), times = horizon)
  observed <- 1 - km$surv
  expected <- mean(risk_prob)
  slope <- coxph(Surv(cut_time, cut_event) ~ x, ties = "efron", control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  knots <- quantile(x, c(0.05, 0.35, 0.65, 0.95), type = 7)
  basis <- unclass(Hmisc::rcspline.eval(x, knots = knots, norm = 2, inclx = TRUE))
  attributes(basis) <- list(dim = dim(basis))
  frame <- data.frame(cut_time, cut_event, a = basis[, 1], b = basis[, 2], c = basis[, 3])
  smooth <- coxph(Surv(cut_time, cut_event) ~ a + b + c, frame, ties = "efron",
                  control = coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50))
  # survfit of a Cox model with Efron's ties uses Efron's increments; the curve of the column means, then each patient's.
  means <- as.list(colMeans(frame[, 3:5]))
  base <- survfit(smooth, newdata = as.data.frame(means))
  at <- max(which(base$time <= horizon))
  eta <- as.matrix(sweep(frame[, 3:5], 2, unlist(means))) %*% coef(smooth)
  smoothed <- 1 - exp(-base$cumhaz[at] * exp(as.vector(eta)))
  distance <- abs(smoothed - risk_prob)
  found <- list(
    horizon = horizon, n = length(time),
    observed_expected = observed / expected,
    observed_expected_log_se = km$std.err / observed,
    slope = unname(coef(slope)), slope_se = sqrt(vcov(slope)[1, 1]),
    ici = mean(distance), e50 = unname(quantile(distance, 0.5)), e90 = unname(quantile(distance, 0.9))
  )
  if (with_groups) {
    # Ranks of ties lowest, as equal predictions stay in the group of their first.
    group <- floor((rank(risk_prob, ties.method = "min") - 1) * 10 / length(risk_prob))
    found$groups <- lapply(sort(unique(group)), function(g) {
      rows <- group == g
      fit <- summary(survfit(Surv(time[rows], event[rows]) ~ 1, conf.type = "log-log"), times = horizon)
      list(n = sum(rows), predicted = mean(risk_prob[rows]), observed = 1 - fit$surv, lower = 1 - fit$upper,
           upper = 1 - fit$lower)
    })
  }
  found
}

cohorts <- list(
  list("gbsg2", c("pnodes", "age"), c(1, 0.01), 2500, 0.08, 5.5, 1200),
  list("rotterdam", c("nodes", "age"), c(1, 0.01), 4000, 0.10, 3.2, 1826),
  list("metabric", c("age", "MKI67"), c(0.04, 0.2), 220, 0.7, 3.6, 120)
)
cohort <- function(spec) {
  data <- read.csv(file.path(peers, "data", paste0(spec[[1]], ".csv")))
  risk <- spec[[3]][1] * data[[spec[[2]][1]]] + spec[[3]][2] * data[[spec[[2]][2]]]
  rate <- exp(spec[[5]] * (risk - spec[[6]])) / spec[[4]]
  list(
    name = spec[[1]], columns = spec[[2]], factors = spec[[3]], scale = spec[[4]], slope = spec[[5]], centre = spec[[6]],
    harrell = harrell(data$time, data$event, risk),
    # One column alone ties heavily.
    harrell_first = harrell(data$time, data$event, data[[spec[[2]][1]]]),
    uno = uno(data$time, data$event, risk, spec[[7]] + 0.25),
    calibration = calibration(data$time, data$event, -expm1(-rate * spec[[7]]), spec[[7]], TRUE)
  )
}

simulate <- function(n, digits, seed) {
  set.seed(seed)
  risk <- round(rnorm(n), digits)
  died <- rexp(n, 0.1 * exp(0.7 * risk))
  censored <- rexp(n, 0.05)
  time <- ceiling(pmin(died, censored) * 10^digits) / 10^digits
  event <- as.integer(died <= censored)
  list(name = paste(digits, "digits"), time = time, event = event, risk = risk, harrell = harrell(time, event, risk),
       uno = uno(time, event, risk, 8.03125))
}

document <- list(
  script = unbox("survival_concordance.R"),
  versions = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival")),
                  Hmisc = as.character(packageVersion("Hmisc"))),
  cohorts = lapply(cohorts, cohort),
  simulated = list(simulate(150, 0, 1), simulate(200, 1, 2), simulate(120, 6, 3))
)
writeLines(toJSON(document, digits = NA, auto_unbox = TRUE), "survival_concordance.json")
