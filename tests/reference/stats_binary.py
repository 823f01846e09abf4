"""Writes stats_binary.json: estimates for binary outcomes by other people's programs.

Run:  python stats_binary.py   (numpy, scipy, scikit-learn, statsmodels; versions go into the file)
All inputs are synthetic and seeded. The JSON is read by tests/it/stats_parity.rs.
"""

import json
import pathlib
import platform

import numpy
import scipy
import scipy.special
import scipy.stats
import sklearn
import sklearn.linear_model
import sklearn.metrics
import statsmodels
import statsmodels.api as sm


def logistic(y, x, offset=None):
    """Unpenalised logistic regression by statsmodels; stops when the coefficients, not the deviance, stand still."""
    model = sm.GLM(y, x, family=sm.families.Binomial(), offset=offset)
    fit = model.fit(method="IRLS", maxiter=200, tol=1e-10, tol_criterion="params")
    assert fit.converged
    return fit


def coefficient(y, x, index, offset=None):
    """One coefficient with its Wald 95 % interval, as [estimate, lower, upper]."""
    fit = logistic(y, x, offset)
    return [fit.params[index], *fit.conf_int(alpha=0.05)[index]]


def spline_basis(x, knots):
    """Restricted cubic spline as in Harrell 2015, section 2.4.5, written from the book's formula."""
    t = numpy.asarray(knots)
    k = len(t)
    plus = lambda v: numpy.maximum(v, 0.0) ** 3
    columns = [x]
    for j in range(k - 2):
        term = (
            plus(x - t[j])
            - plus(x - t[k - 2]) * (t[k - 1] - t[j]) / (t[k - 1] - t[k - 2])
            + plus(x - t[k - 1]) * (t[k - 2] - t[j]) / (t[k - 1] - t[k - 2])
        )
        columns.append(term / (t[k - 1] - t[0]) ** 2)
    return numpy.column_stack(columns)


def calibration(y, p):
    x = scipy.special.logit(p)
    ones = numpy.ones((len(y), 1))
    result = {
        "intercept": coefficient(y, ones, 0, offset=x),
        "slope": coefficient(y, numpy.column_stack([ones, x]), 1),
    }
    knots = numpy.quantile(x, [0.05, 0.35, 0.65, 0.95])
    if numpy.all(numpy.diff(knots) > 1e-6 * (knots[-1] - knots[0])):
        design = numpy.column_stack([ones, spline_basis(x, knots)])
    else:
        design = numpy.column_stack([ones, x])
    result["ici"] = numpy.mean(numpy.abs(p - logistic(y, design).fittedvalues))
    result["smooth_columns"] = design.shape[1]
    return result


def case(name, y, p):
    y = y.astype(int)
    found = {
        "name": name,
        "y": [int(v) for v in y],
        "p": [float(v) for v in p],
        "auc": sklearn.metrics.roc_auc_score(y, p),
        "average_precision": sklearn.metrics.average_precision_score(y, p),
        "brier": sklearn.metrics.brier_score_loss(y, p),
        "log_loss": sklearn.metrics.log_loss(y, p),
    }
    found.update(calibration(y, p))
    return found


def cases():
    rng = numpy.random.default_rng(20261101)
    x = rng.normal(-0.7, 1.1, 250)
    yield case("calibrated, continuous", rng.random(250) < scipy.special.expit(x), scipy.special.expit(x))
    x = rng.normal(-0.4, 0.8, 180)
    overfit = scipy.special.expit(2.3 * x + 0.5)
    yield case("too extreme and too high", rng.random(180) < scipy.special.expit(x), overfit)
    x = rng.normal(0.0, 1.0, 200)
    tied = numpy.round(scipy.special.expit(x), 1).clip(0.1, 0.9)
    yield case("tied at tenths", rng.random(200) < scipy.special.expit(x), tied)
    x = rng.choice([-1.5, 0.4], 60)
    yield case("two levels, knots coincide", rng.random(60) < scipy.special.expit(x), scipy.special.expit(x))
    x = rng.normal(-3.2, 1.4, 400)
    yield case("rare event", rng.random(400) < scipy.special.expit(x), scipy.special.expit(x))
    yield case("no information", rng.random(90) < 0.35, rng.random(90) * 0.6 + 0.1)
    x = rng.normal(-0.5, 1.2, 30)
    yield case("thirty rows", rng.random(30) < scipy.special.expit(x), scipy.special.expit(x))


def jeffreys():
    for n in [1, 2, 5, 17, 50, 333, 10_000, 1_000_000]:
        for events in sorted({0, 1, n // 7, n // 3, n // 2, n - 1, n}):
            lower = 0.0 if events == 0 else scipy.stats.beta.ppf(0.025, events + 0.5, n - events + 0.5)
            upper = 1.0 if events == n else scipy.stats.beta.ppf(0.975, events + 0.5, n - events + 0.5)
            yield {"events": events, "n": n, "lower": lower, "upper": upper}


def beta_cdf():
    for a, b in [(0.5, 0.5), (0.5, 40.5), (3.0, 7.0), (12.5, 0.5), (88.5, 245.5), (5000.5, 15000.5)]:
        sd = (a * b / (a + b + 1)) ** 0.5 / (a + b)
        for shift in [-3.0, -1.0, 0.0, 0.5, 2.0]:
            x = a / (a + b) + shift * sd
            if 0 < x < 1:
                yield {"x": x, "a": a, "b": b, "cdf": scipy.special.betainc(a, b, x)}


def normal():
    for x in [-37.0, -12.5, -5.0, -1.96, -0.9999, -0.3, 0.0, 1e-9, 0.7, 1.5, 3.3, 8.0]:
        yield {"x": x, "cdf": scipy.stats.norm.cdf(x)}


def normal_quantile():
    for p in [1e-300, 1e-20, 1e-6, 0.025, 0.31, 0.5, 0.5000001, 0.8, 0.975, 0.9999]:
        yield {"p": p, "quantile": scipy.stats.norm.ppf(p)}


def regression():
    """Logistic regression on three features, without a penalty and with ridge ½ λ Σ b², intercept free."""
    rng = numpy.random.default_rng(7)
    x = rng.normal(size=(120, 3)) * [1.0, 5.0, 0.2] + [0.0, 30.0, 1.0]
    y = (rng.random(120) < scipy.special.expit(0.5 * x[:, 0] - 0.1 * (x[:, 1] - 30) + x[:, 2] - 1.5)).astype(int)
    design = numpy.column_stack([numpy.ones(120), x])
    plain = logistic(y, design)
    ridge = 2.5
    # scikit-learn minimises ½|b|² + C Σ loss, so C = 1/λ. tol bounds the gradient of the mean loss.
    shrunk = sklearn.linear_model.LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-14, max_iter=1000)
    shrunk.fit(x, y)
    return {
        "x": x.ravel().tolist(),
        "y": y.tolist(),
        "n_features": 3,
        "coef": plain.params.tolist(),
        "covariance": plain.cov_params().ravel().tolist(),
        "log_likelihood": plain.llf,
        "ridge": ridge,
        "coef_ridge": [*shrunk.intercept_, *shrunk.coef_[0]],
    }


def main():
    document = {
        "script": "stats_binary.py",
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "statsmodels": statsmodels.__version__,
        },
        "cases": list(cases()),
        "jeffreys": list(jeffreys()),
        "beta_cdf": list(beta_cdf()),
        "normal": list(normal()),
        "normal_quantile": list(normal_quantile()),
        "regression": regression(),
    }
    target = pathlib.Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(document, default=float) + "\n")


if __name__ == "__main__":
    main()
