# Writes cox.json: Cox regressions by R's survival (coxph, basehaz, survfit, residuals, cox.zph).
# Run:  Rscript cox.R   from this folder (survival, jsonlite). REGIMEN_PEERS names the folder with data/gbsg2.csv,
# data/rotterdam.csv and data/metabric.csv (default ../../../shared/peers). COX_BUILTIN, when set, names a folder to
# which lung, veteran and ovarian are exported, so that tests/it/cox_parity.rs can read them (REGIMEN_R_DATA).
# Patients' rows never enter the JSON: for cohorts it holds aggregates, per-row values only of simulated data.

suppressMessages({library(survival); library(jsonlite)})
peers <- Sys.getenv("REGIMEN_PEERS", "../../../shared/peers")
control <- coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14)
transforms <- c("km", "rank", "identity", "log")

# One regression with the tests, curves and aggregates that every case reports. d has the columns of `features` and
# time, event, w, entry, cl, s, o; `use` names which of them the model takes.
regress <- function(d, features, ties, use) {
  response <- if ("entry" %in% use) "Surv(entry, time, event)" else "Surv(time, event)"
  terms <- c(features, if ("s" %in% use) "strata(s)", if ("o" %in% use) "offset(o)")
  call <- list(as.formula(paste(response, "~", paste(terms, collapse = " + "))), data = d, ties = ties, control = control)
  if ("w" %in% use) call$weights <- d$w
  if ("cl" %in% use) call$cluster <- d$cl
  call$robust <- "cl" %in% use || "robust" %in% use
  call$x <- TRUE
  do.call(coxph, call)
}

curves <- function(fit, profiles, times, s, o, intervals) {
  lapply(seq_len(nrow(profiles)), function(i) {
    one <- profiles[i, , drop = FALSE]
    one$s <- s
    one$o <- o
    by_type <- lapply(c(log = "log", loglog = "log-log", plain = "plain"), function(type) {
      at <- summary(survfit(fit, newdata = one, conf.type = type), times = times, extend = TRUE)
      list(surv = at$surv, std_err = at$std.err, lower = at$lower, upper = at$upper)
    })
    c(list(surv = by_type$log$surv, std_err = by_type$log$std_err),
      if (intervals) lapply(by_type, function(b) list(lower = b$lower, upper = b$upper)))
  })
}

# The lower triangle, row by row.
lower <- function(m) t(m)[upper.tri(m, diag = TRUE)]

steps_at <- function(table, times) vapply(times, function(t) max(0, table$hazard[table$time <= t]), 0)

report <- function(name, file, d, features, ties, use, profiles, zph = TRUE) {
  fit <- regress(d, features, ties, use)
  stratum <- if ("s" %in% use) min(d$s) else 0
  inside <- if ("s" %in% use) d$s == stratum else rep(TRUE, nrow(d))
  times <- unique(unname(quantile(d$time[inside & d$event == 1], c(.05, .25, .5, .75, .95, 1), type = 1)))
  hazard <- function(centered) {
    table <- basehaz(fit, centered = centered)
    if ("s" %in% use) table <- table[sub("s=", "", as.character(table$strata)) == as.character(stratum), ]
    steps_at(table, times)
  }
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  squares <- function(type) unname(colSums(as.matrix(residuals(fit, type))^2))
  scaled <- function() unname(colSums(as.matrix(residuals(fit, "scaledsch"))^2))
  list(
    name = unbox(name), file = unbox(file), features = features, ties = unbox(ties), use = I(use), stratum = unbox(stratum),
    n = unbox(fit$n), n_events = unbox(fit$nevent), coef = unname(coef(fit)), var = lower(naive),
    robust_var = if (is.null(fit$naive.var)) NULL else lower(fit$var),
    loglik = fit$loglik, score = unbox(fit$score), wald = unbox(unname(fit$wald.test)),
    rscore = if (is.null(fit$rscore)) NULL else unbox(fit$rscore),
    means = unname(fit$means), times = times,
    hazard_centred = if ("o" %in% use) NULL else hazard(TRUE), hazard_at_zero = if ("o" %in% use) NULL else hazard(FALSE),
    profiles = as.vector(t(as.matrix(profiles[, features]))), curves = curves(fit, profiles, times, stratum, 0.3, grepl("plain|all", name)),
    zph = if (zph) lapply(setNames(transforms, transforms), function(tr) {
      unname(cox.zph(fit, transform = tr, terms = FALSE)$table[, "chisq"])
    }),
    squares = list(martingale = squares("martingale"), deviance = squares("deviance"), score = squares("score"),
                   dfbeta = squares("dfbeta"), schoenfeld = squares("schoenfeld"), scaled_schoenfeld = scaled())
  )
}

# Columns of the options, by rules that the Rust test repeats (row counts from 0).
with_options <- function(d, stratum = NULL) {
  row <- seq_len(nrow(d)) - 1
  d$w <- 0.5 + (row %% 7) / 4
  d$entry <- d$time * (row %% 5) / 8
  d$cl <- row %/% 4
  d$o <- ((row %% 11) - 5) / 10
  d$s <- if (is.null(stratum)) 0 else d[[stratum]]
  d
}
profiles_of <- function(d, features) as.data.frame(lapply(d[features], quantile, c(.5, .9), type = 1))

cohort <- function(d, file, features, stratum = NULL, zph = TRUE) {
  d <- with_options(d, stratum)
  p <- profiles_of(d, features)
  rest <- setdiff(features, stratum)
  one <- function(label, ties, use, f = features) report(paste(file, label, ties), file, d, f, ties, use, p, zph)
  cases <- list(one("plain", "efron", character()), one("plain", "breslow", character()),
    one("weights", "efron", "w"), one("entry", "efron", "entry"), one("robust", "efron", "robust"), one("cluster, weights", "efron", c("cl", "w")),
    one("offset", "efron", "o"))
  if (!is.null(stratum)) {
    cases <- c(cases, list(one("strata", "efron", "s", rest), one("strata", "breslow", "s", rest),
      one("all", "efron", c("s", "w", "entry", "cl"), rest), one("all", "breslow", c("s", "w", "entry", "cl"), rest)))
  }
  lapply(cases, function(case) { case$stratum_column <- if (is.null(stratum)) NULL else unbox(stratum); case })
}

gbsg2 <- read.csv(file.path(peers, "data/gbsg2.csv"))
rotterdam <- read.csv(file.path(peers, "data/rotterdam.csv"))
metabric <- read.csv(file.path(peers, "data/metabric.csv"))
metabric <- metabric[metabric$time > 0, ]
numbers <- function(d) { d <- d[complete.cases(d), ]; d$id <- NULL; d }
lung <- numbers(data.frame(lung[c("time", "age", "sex", "ph.ecog", "ph.karno", "wt.loss")], event = lung$status - 1))
names(lung) <- gsub(".", "_", names(lung), fixed = TRUE)
veteran <- data.frame(time = veteran$time, event = veteran$status, trt = veteran$trt, karno = veteran$karno,
  diagtime = veteran$diagtime, age = veteran$age, prior = veteran$prior, small = as.integer(veteran$celltype == "smallcell"))
ovarian <- data.frame(time = ovarian$futime, event = ovarian$fustat, ovarian[c("age", "resid.ds", "rx", "ecog.ps")])
names(ovarian) <- gsub(".", "_", names(ovarian), fixed = TRUE)
if (nzchar(Sys.getenv("COX_BUILTIN"))) for (n in c("lung", "veteran", "ovarian")) {
  write.csv(get(n), file.path(Sys.getenv("COX_BUILTIN"), paste0(n, ".csv")), row.names = FALSE)
}
cases <- c(
  cohort(gbsg2, "gbsg2", c("horTh", "age", "menostat", "tsize", "tgrade_II", "tgrade_III", "pnodes", "progrec", "estrec"), "menostat"),
  cohort(rotterdam, "rotterdam", setdiff(names(rotterdam), c("id", "time", "event")), "grade3"),
  cohort(metabric, "metabric", c("MKI67", "EGFR", "PGR", "ERBB2", "hormone", "radio", "chemo", "ER", "age"), "chemo"),
  cohort(lung, "lung", c("age", "sex", "ph_ecog", "ph_karno", "wt_loss"), "sex"),
  cohort(veteran, "veteran", c("trt", "karno", "diagtime", "age", "prior", "small"), "trt"),
  cohort(ovarian, "ovarian", c("age", "resid_ds", "rx", "ecog_ps"))
)

# A factor of three dummies is one term with as many degrees of freedom.
factor_fit <- coxph(Surv(time, event) ~ age + cbind(tgrade_II, tgrade_III) + progrec, gbsg2, control = control)
factor_table <- cox.zph(factor_fit)$table

# A ridge on the features as given.
ridge_fit <- coxph(Surv(time, event) ~ ridge(horTh, age, pnodes, progrec, theta = 10, scale = FALSE), gbsg2,
  ties = "efron", control = coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14, outer.max = 100))

# Simulated rows, with every residual of every row.
set.seed(20261124)
n <- 45
sim <- data.frame(x1 = round(rnorm(n), 3), x2 = rbinom(n, 1, 0.4), x3 = round(runif(n, 0, 50), 1), s = rep(c(3, 7), length.out = n))
sim$time <- ceiling(8 * rexp(n) / exp(0.5 * sim$x1 - 0.7 * sim$x2 + 0.01 * sim$x3))
sim$event <- rbinom(n, 1, 0.75)
sim$w <- round(runif(n, 0.5, 3), 2)
sim$entry <- floor(sim$time * runif(n, 0, 0.8) * 2) / 2
sim$cl <- rep(1:15, 3)
sim$o <- round(rnorm(n, 1, 0.3), 2)
sim_features <- c("x1", "x2", "x3")
simulated <- lapply(list(
  list("plain", character()), list("strata", "s"), list("weights", "w"), list("entry", "entry"), list("offset", "o"),
  list("all", c("s", "w", "entry", "cl"))
), function(setting) lapply(c("efron", "breslow"), function(ties) {
  use <- setting[[2]]
  case <- report(paste("simulated", setting[[1]], ties), "simulated", sim, sim_features, ties, use, profiles_of(sim, sim_features))
  fit <- regress(sim, sim_features, ties, use)
  matrix_of <- function(type) as.vector(t(as.matrix(residuals(fit, type))))
  if (grepl("plain|all", case$name)) case$rows <- list(martingale = unname(residuals(fit, "martingale")), deviance = unname(residuals(fit, "deviance")),
    score = matrix_of("score"), dfbeta = matrix_of("dfbeta"), schoenfeld = matrix_of("schoenfeld"),
    scaled_schoenfeld = matrix_of("scaledsch"))
  case
}))

# Breslow's baseline of a given score.
score <- with(sim, 0.8 * x1 - 0.3 * x2 + 0.02 * x3)
fixed <- coxph(Surv(time, event) ~ offset(score), sim, ties = "breslow")
given <- survfit(fixed, newdata = data.frame(score = 0), stype = 2, ctype = 1)

document <- list(
  script = unbox("cox.R"),
  versions = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival"))),
  cases = cases,
  factor_zph = list(chisq = unname(factor_table[, 1]), df = unname(factor_table[, 2]), p = unname(factor_table[, 3])),
  ridge = list(theta = unbox(10), coef = unname(coef(ridge_fit)), var = as.vector(ridge_fit$var)),
  simulated = list(data = sim, cases = unlist(simulated, recursive = FALSE), score = score,
    score_baseline = list(time = given$time[given$n.event > 0], cumhaz = given$cumhaz[given$n.event > 0]))
)
writeLines(toJSON(document, digits = I(13), null = "null", dataframe = "columns"), "cox.json")
