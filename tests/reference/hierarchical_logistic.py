"""Writes hierarchical_logistic.json: logistic regression with grouped Gaussian priors, by general-purpose optimisers.

One synthetic data set of 150 rows: an intercept (flat), three columns of group 0, four of group 1. For given variances
the mode, the Laplace covariance and the log evidence; then the variances that maximise the evidence, and those that
maximise it times half-normal(1) priors on the standard deviations (density of their logarithms); and posterior means and
variances of the coefficients when the variances are averaged over on a fine grid under those priors.

Run:  python hierarchical_logistic.py   (numpy, scipy)
"""

import json
import pathlib
import platform

import numpy as np
import scipy
from scipy.optimize import minimize
from scipy.special import expit

rng = np.random.default_rng(20261125)
n = 150
x = np.round(np.column_stack([np.ones(n), rng.normal(size=(n, 7))]), 3)
x[:, 5] = rng.integers(0, 2, n)
x[:, 6] = x[:, 5] * (rng.random(n) < 0.3)
truth = np.array([-0.6, 0.9, -0.5, 0.0, 0.3, 0.2, 0.0, -0.2])
y = (rng.random(n) < expit(x @ truth)).astype(int)
group = [None, 0, 0, 0, 1, 1, 1, 1]


def precision(variances):
    return np.array([0.0 if g is None else 1 / variances[g] for g in group])


def negative(beta, lam):
    eta = x @ beta
    return np.logaddexp(0, eta).sum() - y @ eta + 0.5 * lam @ beta**2


def slope(beta, lam):
    return x.T @ (expit(x @ beta) - y) + lam * beta


def laplace(variances):
    lam = precision(variances)
    fit = minimize(negative, np.zeros(8), (lam,), "L-BFGS-B", slope, options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000})
    beta = fit.x
    for _ in range(3):  # polish
        p = expit(x @ beta)
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(lam)
        beta = beta - np.linalg.solve(hessian, slope(beta, lam))
    p = expit(x @ beta)
    hessian = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(lam)
    evidence = (
        -negative(beta, lam)
        + 0.5 * np.log(lam[lam > 0]).sum()
        - 0.5 * np.linalg.slogdet(hessian)[1]
        + 0.5 * np.log(2 * np.pi)
    )
    return beta, np.linalg.inv(hessian), evidence


def log_prior(u):
    return np.sum(0.5 * u - np.exp(u) / 2)


def best(objective):
    fit = minimize(lambda u: -objective(u), [-2.0, -2.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
    return np.exp(fit.x)


variances = [0.5, 0.08]
mode, covariance, evidence = laplace(variances)
by_evidence = best(lambda u: laplace(np.exp(u))[2])
penalised = best(lambda u: laplace(np.exp(u))[2] + log_prior(u))

# The posterior of ln tau^2 on a grid, 0.25 apart; its tails beyond are below 1e-4 of its mass.
axis = np.arange(-12.0, 4.01, 0.25)
grid = [(np.array([a, b]), *laplace(np.exp([a, b]))) for a in axis for b in axis]
height = np.array([evidence_ + log_prior(u) for u, _, _, evidence_ in grid])
weight = np.exp(height - height.max())
weight /= weight.sum()
mean = sum(w * beta for w, (_, beta, _, _) in zip(weight, grid))
variance = sum(w * (np.diag(c) + (beta - mean) ** 2) for w, (_, beta, c, _) in zip(weight, grid))

out = {
    "script": "hierarchical_logistic.py",
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__},
    "x": x.ravel().tolist(),
    "y": y.tolist(),
    "group": group,
    "variances": variances,
    "mode": mode.tolist(),
    "covariance": covariance.ravel().tolist(),
    "log_evidence": float(evidence),
    "by_evidence": by_evidence.tolist(),
    "penalised": penalised.tolist(),
    "averaged_mean": mean.tolist(),
    "averaged_variance": variance.tolist(),
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=0) + "\n")
print(by_evidence, penalised, mean, variance)
