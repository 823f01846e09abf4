# Writes stats_delong.json: ROC areas, DeLong intervals and DeLong's paired test by R's pROC.
# Run:  Rscript stats_delong.R   from this folder (pROC; PROC_LIB names a further library folder).
# All inputs are synthetic and seeded. The JSON is read by tests/it/stats_parity.rs.

library_folder <- Sys.getenv("PROC_LIB")
if (nzchar(library_folder)) .libPaths(c(library_folder, .libPaths()))
suppressMessages(library(pROC))

numbers <- function(values) paste0("[", paste(sprintf("%.17g", values), collapse = ","), "]")

one_case <- function(name, y, a, b) {
  curve <- function(score) roc(y, score, levels = c(0, 1), direction = "<", quiet = TRUE)
  first <- curve(a)
  second <- curve(b)
  paired <- roc.test(first, second, method = "delong", paired = TRUE)
  interval <- function(r) as.numeric(ci.auc(r, method = "delong"))[c(2, 1, 3)]
  sprintf(
    '{"name":"%s","y":%s,"a":%s,"b":%s,"auc_a":%s,"auc_b":%s,"z":%.17g,"p":%.17g,"variance_a":%.17g,"variance_b":%.17g}',
    name, numbers(y), numbers(a), numbers(b), numbers(interval(first)), numbers(interval(second)),
    as.numeric(paired$statistic), paired$p.value, var(first, method = "delong"), var(second, method = "delong")
  )
}

set.seed(20261101)
draw <- function(n, shift_a, shift_b, digits) {
  y <- rbinom(n, 1, 0.35)
  shared <- rnorm(n)
  list(
    y = y,
    a = round(shared + rnorm(n) + shift_a * y, digits),
    b = round(shared + rnorm(n) + shift_b * y, digits)
  )
}
settings <- list(
  list("continuous", 150, 1.2, 0.8, 12),
  list("tied at tenths", 220, 0.9, 1.1, 1),
  list("heavily tied", 300, 0.7, 0.2, 0),
  list("no information", 80, 0, 0, 6),
  list("small", 24, 1, 0.5, 3),
  list("near perfect", 120, 5, 3, 2)
)
cases <- vapply(settings, function(s) {
  d <- draw(s[[2]], s[[3]], s[[4]], s[[5]])
  one_case(s[[1]], d$y, d$a, d$b)
}, "")

writeLines(sprintf(
  '{"script":"stats_delong.R","versions":{"R":"%s","pROC":"%s"},"cases":[\n%s\n]}',
  as.character(getRversion()), as.character(packageVersion("pROC")), paste(cases, collapse = ",\n")
), "stats_delong.json")
