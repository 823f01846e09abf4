# One fit of ranger's survival forest on a cohort, timed; with a fourth argument also the prediction of its rows.
# usage: Rscript ranger.R DATASET [N_THREADS] [N_TREES] [predict]; reads $REGIMEN_PEERS (default ../shared/peers)
suppressMessages({ library(ranger); library(survival) })
args <- commandArgs(TRUE)
n_threads <- if (length(args) > 1) as.integer(args[2]) else 2L
n_trees <- if (length(args) > 2) as.integer(args[3]) else 500L
root <- Sys.getenv("REGIMEN_PEERS", "../shared/peers")
d <- read.csv(file.path(root, "data", paste0(args[1], ".csv")))
d <- d[, setdiff(names(d), c("id", "is_test"))]
start <- proc.time()
fit <- ranger(Surv(time, event) ~ ., d, num.trees = n_trees, min.node.size = 15, num.threads = n_threads, seed = 1,
              verbose = FALSE)
took <- proc.time() - start
leaves <- mean(sapply(fit$forest$child.nodeIDs, function(tree) sum(tree[[1]] == 0)))
cat(sprintf("ranger %s %s fit_and_oob_s %.3f cpu_s %.3f leaves %.1f oob_c %.4f", as.character(packageVersion("ranger")),
            args[1], took[[3]], took[[1]] + took[[2]], leaves, 1 - fit$prediction.error))
if (length(args) > 3) cat(sprintf(" predict_s %.3f", system.time(predict(fit, d, num.threads = n_threads))[[3]]))
cat("\n")
