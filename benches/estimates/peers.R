# R's times on the tables of peers.py as one JSON object, median seconds of five runs. usage: Rscript peers.R DIR NAME...
suppressMessages({library(survival); library(glmnet)}); a <- commandArgs(TRUE); found <- c()
med <- function(f) { f(); median(replicate(5, { t <- proc.time()[[3]]; f(); proc.time()[[3]] - t })) }
put <- function(name, value) found <<- c(found, sprintf('"%s": %.6g', name, value))
if ("cox" %in% a) {
  d <- read.csv(file.path(a[1], "surv_1e5.csv")); x <- as.matrix(d[, paste0("x", 0:9)])
  put("cox_efron R coxph", med(function() coxph(Surv(time, event) ~ x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9, d)))
}
if ("concordance" %in% a) {
  d <- read.csv(file.path(a[1], "cindex.csv"))
  put("concordance_with_std_err R", med(function() concordance(Surv(time, event) ~ x, d, reverse = TRUE)))
}
if ("coxnet" %in% a) for (name in c("gbsg2", "metabric", "gse7390")) {
  d <- read.csv(file.path(a[1], paste0(name, ".csv")))
  x <- as.matrix(d[, setdiff(names(d), c("id", "time", "event", "is_test"))]); y <- Surv(d$time, d$event)
  k <- 20; put(sprintf("coxnet_%s glmnet", name), med(function() for (i in 1:k) glmnet(x, y, family = "cox", alpha = .5, nlambda = 50, lambda.min.ratio = .01)) / k)
}
cat("{", paste(found, collapse = ", "), "}\n", sep = "")
