# Writes competing_risks.json: cause-specific Cox regressions and the incidences they imply, by R's survival.
#
# Run:  Rscript competing_risks.R   (survival, jsonlite; versions go into the file)
# The rows are simulated and seeded. Read by tests/it/calibrate_parity.rs.

# The JSON lies beside the script, wherever it is run from.
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
output <- sub("\\.R$", ".json", script)

library(survival)
library(jsonlite)

set.seed(20261124)
n <- 240
x1 <- rbinom(n, 1, 0.4)
x2 <- round(rnorm(n) * 64) / 64 # exact in single precision
first <- rexp(n, 0.12 * exp(0.7 * x1 + 0.3 * x2))
second <- rexp(n, 0.07 * exp(-0.4 * x1 + 0.5 * x2))
censored <- runif(n, 1, 14)
raw <- pmin(first, second, censored)
cause <- ifelse(raw == censored, 0, ifelse(raw == first, 1, 2))
time <- ceiling(raw * 4) / 4 # ties, between causes too
rows <- data.frame(id = seq_len(n), time, cause = factor(cause, 0:2, c("none", "first", "second")), x1, x2)
grid <- c(0.5, 1, 2.25, 4, 6.1, 9, 12)
new <- data.frame(x1 = c(0, 1, 0, 1), x2 = c(0, 0.5, -1.25, 2))

tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15)

# A multi-state coxph takes Breslow's ties whatever is asked (survival 3.5). pstate: time x patient x state.
multi <- coxph(Surv(time, cause) ~ x1 + x2, data = rows, id = id, ties = "breslow", control = tight)
whole <- survfit(multi, newdata = new)
at <- findInterval(grid, whole$time)
state <- function(s) lapply(seq_len(nrow(new)), function(i) whole$pstate[at, i, s])
breslow <- list(coef = unname(coef(multi)), event_free = state(1), first = state(2), second = state(3))

# Efron's hazards by one coxph per cause; put together from the definition: S falls by exp(-dH), causes share by dH.
ones <- lapply(c("first", "second"), function(name) {
  coxph(Surv(time, cause == name) ~ x1 + x2, data = rows, ties = "efron", control = tight)
})
jumps <- sort(unique(time))
together <- lapply(seq_len(nrow(new)), function(i) {
  steps <- sapply(ones, function(fit) {
    curve <- survfit(fit, newdata = new[i, ])
    diff(c(0, c(0, curve$cumhaz)[findInterval(jumps, curve$time) + 1]))
  })
  total <- rowSums(steps)
  after <- exp(-cumsum(total))
  lost <- c(1, head(after, -1)) - after
  share <- ifelse(total > 0, lost / total, 0)
  at <- findInterval(grid, jumps)
  list(event_free = after[at], first = cumsum(share * steps[, 1])[at], second = cumsum(share * steps[, 2])[at])
})
efron <- list(
  coef = unname(unlist(lapply(ones, coef))),
  event_free = lapply(together, `[[`, "event_free"),
  first = lapply(together, `[[`, "first"),
  second = lapply(together, `[[`, "second")
)

plain <- survfit(Surv(time, cause) ~ 1, data = rows, id = id)
at <- findInterval(grid, plain$time)

write(toJSON(list(
  versions = list(R = as.character(getRversion()), survival = as.character(packageVersion("survival"))),
  rows = list(time = time, cause = cause, x1 = x1, x2 = x2),
  new = list(x1 = new$x1, x2 = new$x2),
  grid = grid,
  efron = efron,
  breslow = breslow,
  plain = list(event_free = plain$pstate[at, 1], first = plain$pstate[at, 2], second = plain$pstate[at, 3])
), digits = NA, auto_unbox = TRUE), output)
