"""Writes calibrators.json: calibration maps, recalibration and stacking by other people's programs.

Run:  python calibrators.py   (numpy, scipy, scikit-learn, statsmodels; versions go into the file)
All rows are simulated and seeded. The JSON is read by tests/it/calibrate_parity.rs.
"""

import json
import pathlib
import platform

import numpy
import scipy
import scipy.optimize
import scipy.special
import sklearn
import sklearn.calibration
import sklearn.isotonic
import statsmodels
import statsmodels.api as sm

logit, expit = scipy.special.logit, scipy.special.expit


def fit_glm(y, x, family, offset=None):
    """Unpenalised regression by statsmodels, run until the coefficients stand still."""
    fit = sm.GLM(y, x, family=family, offset=offset).fit(
        method="IRLS", maxiter=200, tol=1e-12, tol_criterion="params"
    )
    assert fit.converged
    return fit


def binomial(y, x, offset=None):
    return fit_glm(y, x, sm.families.Binomial(), offset)


def log_loss(target, eta):
    """Mean of -t ln P - (1 - t) ln(1 - P), without overflow."""
    return numpy.mean(target * numpy.logaddexp(0, -eta) + (1 - target) * numpy.logaddexp(0, eta))


def newton_polish(target, x, start):
    """A few Newton steps written from the definition, so that an optimiser's stop does not limit the comparison."""
    coef = numpy.array(start, dtype=float)
    for _ in range(50):
        p = expit(x @ coef)
        step = numpy.linalg.solve((x.T * (p * (1 - p))) @ x, x.T @ (target - p))
        coef = coef + step
    return coef


def calibrators(rng, n, a, b, c):
    """Predictions with ties, outcomes from expit(a ln p - b ln(1 - p) + c); every family fitted."""
    p = numpy.round(expit(rng.normal(-0.3, 1.4, n)) * 200) / 200
    p = numpy.clip(p, 0.005, 0.995)
    y = (rng.uniform(size=n) < expit(a * numpy.log(p) - b * numpy.log1p(-p) + c)).astype(float)
    grid = numpy.concatenate([[0.001], numpy.linspace(0.01, 0.99, 50), [0.999]])
    ones = numpy.ones(n)

    isotonic = sklearn.isotonic.IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(p, y)

    x = numpy.column_stack([ones, logit(p)])
    platt = binomial(y, x)
    n1, n0 = y.sum(), n - y.sum()
    smoothed_target = numpy.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    smoothed = newton_polish(smoothed_target, x, platt.params)
    # scikit-learn's own sigmoid, on the logit as its decision value; its optimiser stops early.
    sigmoid = sklearn.calibration._SigmoidCalibration().fit(logit(p), y)

    score = lambda slope: numpy.sum((y - expit(slope * logit(p))) * logit(p))
    temperature = scipy.optimize.brentq(score, 0, 20, xtol=1e-15, rtol=1e-14) if score(0) > 0 else 0.0

    columns = numpy.column_stack([ones, numpy.log(p), -numpy.log1p(-p)])
    bounded = scipy.optimize.minimize(
        lambda coef: log_loss(y, columns @ coef),
        [0.0, 1.0, 1.0],
        jac=lambda coef: columns.T @ (expit(columns @ coef) - y) / n,
        bounds=[(None, None), (0, None), (0, None)],
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-12, "maxiter": 5000},
    )
    active = numpy.array([True, bounded.x[1] > 1e-6, bounded.x[2] > 1e-6])
    beta = numpy.zeros(3)
    beta[active] = newton_polish(y, columns[:, active], bounded.x[active])
    assert log_loss(y, columns @ beta) <= bounded.fun + 1e-12

    return {
        "p": p.tolist(),
        "y": y.astype(int).tolist(),
        "grid": grid.tolist(),
        "isotonic": isotonic.predict(grid).tolist(),
        "isotonic_knots": len(isotonic.X_thresholds_),
        "platt": platt.params.tolist(),
        "platt_smoothed": smoothed.tolist(),
        "sklearn_sigmoid": sigmoid.predict(logit(grid)).tolist(),
        "inverse_temperature": temperature,
        "beta": beta.tolist(),
    }


def recalibration(rng, n):
    """Level, level and slope, and likelihood-ratio statistics, for binary outcomes and for survival."""
    p = expit(rng.normal(-0.5, 1.0, n))
    y = (rng.uniform(size=n) < expit(0.35 + 0.75 * logit(p))).astype(float)
    level = binomial(y, numpy.ones((n, 1)), offset=logit(p))
    both = binomial(y, numpy.column_stack([numpy.ones(n), logit(p)]))
    unchanged = -n * log_loss(y, logit(p))

    lp = rng.normal(0.2, 0.8, n)
    time = rng.exponential(1 / (0.08 * numpy.exp(0.3 + 0.7 * lp)))
    close = rng.uniform(2, 15, n)
    event = (time <= close).astype(float)
    time = numpy.minimum(time, close)
    hazard = 0.08 * time * numpy.exp(lp)
    centred = lp - lp.mean()
    poisson = sm.families.Poisson()
    s_level = fit_glm(event, numpy.ones((n, 1)), poisson, numpy.log(hazard))
    s_both = fit_glm(event, numpy.column_stack([numpy.ones(n), centred]), poisson, numpy.log(hazard) - centred)
    s_unchanged = numpy.sum(event * numpy.log(hazard) - hazard)
    poisson_value = lambda mu: numpy.sum(event * numpy.log(mu) - mu)

    pack = lambda fit: {"params": fit.params.tolist(), "covariance": numpy.asarray(fit.cov_params()).ravel().tolist()}
    return {
        "binary": {
            "p": p.tolist(),
            "y": y.astype(int).tolist(),
            "level": pack(level),
            "both": pack(both),
            "lr_any": 2 * (both.llf - unchanged),
            "lr_slope": 2 * (both.llf - level.llf),
        },
        "survival": {
            "time": time.tolist(),
            "event": event.astype(int).tolist(),
            "cum_hazard": hazard.tolist(),
            "linear_predictor": lp.tolist(),
            "level": pack(s_level),
            "both": pack(s_both),
            "lr_any": 2 * (poisson_value(s_both.mu) - s_unchanged),
            "lr_slope": 2 * (poisson_value(s_both.mu) - poisson_value(s_level.mu)),
        },
    }


def stacking(rng, n):
    """Weights of three models under every objective, by SLSQP from the best of many starts."""
    eta = rng.normal(0, 1.2, n)
    y = (rng.uniform(size=n) < expit(eta)).astype(float)
    models = numpy.column_stack([expit(eta + rng.normal(0, s, n) + 0.4 * k) for k, s in enumerate([0.6, 0.9, 1.5])])
    losses = {
        "probability_log_loss": lambda w: -numpy.mean(y * numpy.log(models @ w) + (1 - y) * numpy.log1p(-(models @ w))),
        "probability_brier": lambda w: numpy.mean((models @ w - y) ** 2),
        "logit_log_loss": lambda w: log_loss(y, logit(models) @ w),
    }
    found = {}
    for name, loss in losses.items():
        starts = [numpy.ones(3) / 3, *numpy.eye(3) * 0.8 + 0.2 / 3]
        fits = [
            scipy.optimize.minimize(
                loss,
                start,
                bounds=[(0, 1)] * 3,
                constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
                method="SLSQP",
                options={"ftol": 1e-16, "maxiter": 1000},
            )
            for start in starts
        ]
        best = min(fits, key=lambda fit: fit.fun)
        found[name] = {"weights": best.x.tolist(), "loss": float(best.fun)}
    return {"y": y.astype(int).tolist(), "models": models.T.tolist(), "objectives": found}


def main():
    rng = numpy.random.default_rng(20261124)
    result = {
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "statsmodels": statsmodels.__version__,
        },
        "calibrators": [
            calibrators(rng, 300, 1.0, 1.0, 0.0),
            calibrators(rng, 300, 0.7, 0.3, -0.4),
            calibrators(rng, 120, 0.4, 0.6, 0.8),
            # The free maximum lies outside a, b >= 0: the map sits on an edge.
            calibrators(rng, 250, 1.2, -0.5, 1.0),
        ],
        "recalibration": recalibration(rng, 250),
        "stacking": stacking(rng, 200),
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
