# One survival tree grown by brute force with survival::survdiff and read with survival::survfit, on simulated rows.
# usage: Rscript survival_forest.R > survival_forest.json
suppressMessages({ library(survival); library(jsonlite) })
set.seed(20261124)
n <- 160
# Multiples of 1/64: exact in single precision, and so are the midpoints between them.
x <- cbind(a = round(rnorm(n) * 64) / 64, b = rpois(n, 3), c = rbinom(n, 1, 0.4), d = round(runif(n) * 64) / 64)
hazard <- exp(0.8 * x[, "a"] - 0.3 * x[, "b"] + 0.7 * x[, "c"] * x[, "d"])
time <- ceiling(20 * rexp(n) / hazard)          # many ties
censoring <- ceiling(runif(n, 5, 120))
event <- as.integer(time <= censoring)
time <- pmin(time, censoring)
x[sample(n, 30), "d"] <- NA
x[event == 1 & runif(n) < 0.3, "b"] <- NA       # missing says something
new <- x[sample(n, 40), ]
new[sample(length(new), 30)] <- NA              # missing where no split saw it
min_size <- 12
min_events <- 2

statistic <- function(rows, left) {
  if (min(sum(left), sum(!left)) < min_size) return(0)
  e <- event[rows]
  if (min(sum(e[left]), sum(e[!left])) < min_events) return(0)
  unname(survdiff(Surv(time[rows], e) ~ left)$chisq)
}
grow <- function(rows) {
  best <- list(statistic = 0)
  consider <- function(column, threshold, missing_left, left) {
    s <- statistic(rows, left)
    if (s > best$statistic + 1e-9)
      best <<- list(statistic = s, column = column, threshold = threshold, missing_left = missing_left, left = left)
  }
  for (column in colnames(x)) {
    v <- x[rows, column]; gone <- is.na(v); u <- sort(unique(v[!gone])); cuts <- head(u, -1) + diff(u) / 2
    for (cut in cuts) {
      below <- !gone & v <= cut
      if (any(gone)) { consider(column, cut, FALSE, below); consider(column, cut, TRUE, below | gone) }
      else consider(column, cut, 2 * sum(below) >= length(rows), below)
    }
    if (any(gone) && !all(gone)) consider(column, Inf, FALSE, !gone)
  }
  if (best$statistic == 0) return(list(rows = rows))
  c(best[c("statistic", "column", "threshold", "missing_left")],
    list(left_child = grow(rows[best$left]), right_child = grow(rows[!best$left])))
}
grid <- sort(unique(time[event == 1]))
leaf <- function(node, row) {
  if (!is.null(node$rows)) return(node$rows)
  v <- row[[node$column]]
  left <- if (is.na(v)) node$missing_left else v <= node$threshold
  leaf(if (left) node$left_child else node$right_child, row)
}
curves <- function(row) {
  rows <- leaf(tree, row)
  at <- summary(survfit(Surv(time[rows], event[rows]) ~ 1), times = grid, extend = TRUE)
  list(survival = at$surv, hazard = at$cumhaz)
}
tree <- grow(seq_len(n))
statistics <- function(node) if (is.null(node$rows)) c(node$statistic, statistics(node$left_child), statistics(node$right_child))
read <- function(rows) {
  all <- apply(rows, 1, curves)
  list(survival = t(sapply(all, `[[`, "survival")), hazard = t(sapply(all, `[[`, "hazard")))
}
cat(toJSON(list(
  versions = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival"))),
  names = colnames(x), x = unname(x), time = time, event = event, new = unname(new), grid = grid,
  min_leaf_size = unbox(min_size), min_leaf_events = unbox(min_events), n_splits = unbox(length(statistics(tree))),
  statistics = statistics(tree), trained = read(x[1:40, ]), predicted = read(new)), digits = NA, na = "null"), "\n")
