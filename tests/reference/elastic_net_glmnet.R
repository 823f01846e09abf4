# Writes elastic_net_glmnet.json: glmnet's paths and cross-validation, coxph's Efron fits.
#
# Run:  Rscript elastic_net_glmnet.R [PEERS]   after elastic_net_cox.py, whose JSON gives the penalties and the simulated
# sets. Read by tests/it/elastic_net_parity.rs. Cohort entries hold coefficients and cross-validated deviances only.
suppressMessages({library(glmnet); library(survival); library(jsonlite)})
here <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)[1])))
args <- commandArgs(TRUE)
peers <- if (length(args)) args[1] else Sys.getenv("REGIMEN_PEERS", file.path(here, "../../../shared/peers"))
python <- fromJSON(file.path(here, "elastic_net_cox.json"), simplifyMatrix = TRUE, simplifyDataFrame = FALSE)
glmnet.control(fdev = 0, devmax = 1)
sd_pop <- function(x) sqrt(colMeans(sweep(x, 2, colMeans(x))^2))
# Rounding to float32, as the design matrix does, by a write and a read of four bytes per value.
float32 <- function(x) { x[] <- readBin(writeBin(as.numeric(x), raw(), size = 4), "numeric", length(x), size = 4); x }
standardised <- function(fit, x) unname(as.matrix(fit$beta) * sd_pop(x))
columns <- function(m, k) lapply(k, function(i) unname(m[, i]))

cohorts <- lapply(python$cohorts, function(cohort) {
  d <- read.csv(file.path(peers, "data", paste0(cohort$name, ".csv")))
  x <- float32(as.matrix(d[, cohort$features])); y <- Surv(d$time, d$event)
  paths <- lapply(cohort$paths, function(p) {
    k <- p$shown + 1
    fit <- glmnet(x, y, family = "cox", alpha = p$alpha, lambda = p$lambda, thresh = 1e-14, maxit = 1e7)
    k <- k[k <= length(fit$lambda)]
    list(alpha = p$alpha, shown = k - 1, coef = columns(standardised(fit, x), k), deviance_ratio = fit$dev.ratio[k])
  })
  list(name = cohort$name, paths = paths)
})

# Cross-validation of the Cox path on GBSG2, folds by row number.
g <- python$cohorts[[which(sapply(python$cohorts, `[[`, "name") == "gbsg2")]]
d <- read.csv(file.path(peers, "data", "gbsg2.csv")); x <- float32(as.matrix(d[, g$features]))
p <- g$paths[[2]]; p$lambda <- p$lambda[1:40]
cv <- cv.glmnet(x, Surv(d$time, d$event), family = "cox", alpha = p$alpha, lambda = p$lambda,
                foldid = (seq_len(nrow(x)) - 1) %% 5 + 1, thresh = 1e-14, maxit = 1e7)
cv_cox <- list(n_folds = 5, lambda = p$lambda, deviance = cv$cvm, standard_error = cv$cvsd, lambda_min = cv$lambda.min,
               lambda_1se = cv$lambda.1se)

# The simulated logistic set: plain, weighted with penalty factors (mean 1), cross-validated.
l <- python$logistic; lambda <- c(0.1, 0.03, 0.003); factors <- c(0, 0.5, 1, 1, 1.5, 2)
one <- function(alpha, ...) {
  fit <- glmnet(l$x, l$y, family = "binomial", alpha = alpha, lambda = lambda, thresh = 1e-14, maxit = 1e7, ...)
  list(alpha = alpha, coef = columns(as.matrix(fit$beta), 1:3), intercept = unname(fit$a0), deviance_ratio = fit$dev.ratio)
}
cv <- cv.glmnet(l$x, l$y, family = "binomial", alpha = 0.5, lambda = c(0.2, 0.1, 0.05, 0.03, 0.01, 0.003),
                foldid = (seq_len(nrow(l$x)) - 1) %% 4 + 1, thresh = 1e-14, maxit = 1e7, weights = l$weight)
logistic <- list(lambda = lambda, penalty_factor = factors, plain = lapply(c(0.1, 0.5, 1), one),
                 weighted = lapply(c(0.1, 0.5, 1), one, weights = l$weight, penalty.factor = factors),
                 cv = list(n_folds = 4, lambda = cv$lambda, deviance = cv$cvm, standard_error = cv$cvsd,
                           lambda_min = cv$lambda.min, lambda_1se = cv$lambda.1se))

# The simulated Cox set: weighted glmnet; Efron without a penalty and with a ridge, where coxph is exact.
s <- python$cox; y <- Surv(s$time, s$event); n <- nrow(s$x); z <- sweep(sweep(s$x, 2, colMeans(s$x)), 2, sd_pop(s$x), "/")
k <- c(6, 21, 36, 50)
fit <- glmnet(s$x, y, family = "cox", alpha = 0.5, lambda = s$lambda, weights = s$weight, thresh = 1e-14, maxit = 1e7)
exact <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
free <- coxph(y ~ z, ties = "efron", control = exact)
theta <- 3
penalised <- coxph(y ~ ridge(z[, 1], z[, 2], z[, 3], z[, 4], z[, 5], z[, 6], theta = theta, scale = FALSE), ties = "efron", control = exact)
cox <- list(shown = k - 1, weighted = columns(as.matrix(fit$beta), k), deviance_ratio = fit$dev.ratio[k],
            efron = unname(coef(free)), ridge_lambda = theta / n, efron_ridge = unname(coef(penalised)))

out <- list(versions = list(R = R.version.string, glmnet = as.character(packageVersion("glmnet")), survival = as.character(packageVersion("survival"))),
            cohorts = cohorts, cv_cox = cv_cox, logistic = logistic, cox = cox)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(here, "elastic_net_glmnet.json"))
