"""Writes tree_shap.json: boosted survival trees and their SHAP values by XGBoost and shap, and the regressions that
recalibrate them by R's survival.

Run:  python tree_shap.py   (numpy, xgboost, shap, scikit-learn; Rscript with survival and jsonlite on the path)
All inputs are synthetic and seeded. The JSON is read by tests/it/trees_parity.rs.
"""

import json
import pathlib
import platform
import subprocess

import numpy
import shap
import sklearn
import sklearn.svm
import xgboost

R_SCRIPT = """
suppressMessages(library(survival)); library(jsonlite)
input <- fromJSON(file("stdin"))
d <- data.frame(time = input$time, event = input$event, score = input$score)
control <- coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-15)
cox <- coxph(Surv(time, event) ~ score, data = d, ties = "efron", control = control)
base <- basehaz(cox, centered = FALSE)
aft <- lapply(c(normal = "lognormal", logistic = "loglogistic", extreme = "weibull"), function(name) {
  fit <- survreg(Surv(time, event) ~ score, data = d, dist = name, control = survreg.control(rel.tolerance = 1e-15, maxiter = 200))
  list(intercept = unname(coef(fit)[1]), slope = unname(coef(fit)[2]), scale = fit$scale,
       survival = 1 - psurvreg(input$at, mean = predict(fit, type = "lp")[1], scale = fit$scale, distribution = name))
})
start <- survreg(Surv(fine, event) ~ 1, data = data.frame(fine = input$fine, event = input$event), dist = "lognormal",
                 scale = input$scale, control = survreg.control(rel.tolerance = 1e-15, maxiter = 200))
cat(toJSON(list(slope = unname(coef(cox)), times = base$time, hazard = base$hazard, aft = aft,
                start = unname(coef(start)), R = R.version.string,
                survival = as.character(packageVersion("survival"))), digits = NA, auto_unbox = TRUE))
"""


def numbers(array):
    return [None if numpy.isnan(v) else float(v) for v in numpy.asarray(array, dtype=numpy.float64).ravel()]


def booster(params, data, rounds):
    settings = {
        "max_depth": 3, "eta": 0.1, "min_child_weight": 1.0, "lambda": 1.0, "tree_method": "hist", "nthread": 1,
    }
    return xgboost.train(settings | params, data, num_boost_round=rounds)


def described(model, data, x, with_shap=True):
    margin = model.predict(data, output_margin=True)
    result = {
        "model": model.save_raw("json").decode(),
        "margin": numbers(margin),
        "contributions": numbers(model.predict(data, pred_contribs=True)),
    }
    if with_shap:
        result["shap"] = numbers(shap.TreeExplainer(model).shap_values(x))
    return result


def main():
    rng = numpy.random.default_rng(20261124)
    n = 160
    x = numpy.round(rng.normal(size=(n, 5)), 3).astype(numpy.float32)
    x[:, 4] = rng.integers(0, 3, size=n)
    x[rng.random(n) < 0.15, 3] = numpy.nan
    eta = 0.9 * x[:, 0] - 0.6 * (x[:, 1] > 0.3) + 0.5 * x[:, 0] * (x[:, 4] == 2)
    # Distinct times: with ties XGBoost's gradient depends on the order of the rows. Whole numbers are exact in f32.
    raw = rng.exponential(size=n) * 900 * numpy.exp(-eta)
    fine = numpy.empty(n)
    fine[numpy.argsort(raw)] = numpy.sort(raw).astype(int) + numpy.arange(1, n + 1)
    event = (rng.random(n) < 0.65).astype(int)
    tied = numpy.ceil(fine / 300)
    score = numpy.round(0.8 * eta + 0.4 * rng.normal(size=n), 4).astype(float)
    scale = 1.2

    at = [1.0, 2.5, 6.0]
    payload = {"time": tied.tolist(), "event": event.tolist(), "score": score.tolist(), "at": at,
               "fine": fine.tolist(), "scale": scale}
    answer = subprocess.run(["Rscript", "-e", R_SCRIPT], input=json.dumps(payload), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    regression = json.loads(answer.stdout)

    cox_data = xgboost.DMatrix(x, label=numpy.where(event == 1, fine, -fine))
    cox = booster({"objective": "survival:cox"}, cox_data, 20)
    aft_data = xgboost.DMatrix(x)
    aft_data.set_float_info("label_lower_bound", fine)
    aft_data.set_float_info("label_upper_bound", numpy.where(event == 1, fine, numpy.inf))
    aft = booster(
        {"objective": "survival:aft", "aft_loss_distribution": "normal", "aft_loss_distribution_scale": scale,
         "base_score": float(numpy.exp(regression["start"]))},
        aft_data, 20,
    )
    y = (fine < 1000).astype(int)
    logistic_data = xgboost.DMatrix(x, label=y)
    logistic = booster({"objective": "binary:logistic"}, logistic_data, 15)

    # The exact maximum-margin classifiers on standardised columns, population standard deviation.
    complete = numpy.nan_to_num(x.astype(float), nan=0.0)
    z = (complete - complete.mean(axis=0)) / complete.std(axis=0)
    svm = {}
    for name, options in {"linear": {"kernel": "linear"}, "rbf": {"kernel": "rbf", "gamma": 0.2}}.items():
        fit = sklearn.svm.SVC(C=1.0, tol=1e-10, **options).fit(z, y)
        svm[name] = numbers(fit.decision_function(z))

    result = {
        "versions": {
            "python": platform.python_version(), "numpy": numpy.__version__, "xgboost": xgboost.__version__,
            "shap": shap.__version__, "scikit-learn": sklearn.__version__, "R": regression.pop("R"),
            "survival": regression.pop("survival"),
        },
        "x": numbers(x),
        "n_features": 5,
        "time": fine.tolist(),
        "event": event.tolist(),
        "y": y.tolist(),
        "tied_time": tied.tolist(),
        "score": score.tolist(),
        "aft_scale": scale,
        "at": at,
        "regression": regression,
        "cox": described(cox, cox_data, x),
        "aft": described(aft, aft_data, x, with_shap=False),
        "logistic": described(logistic, logistic_data, x),
        "svm": svm,
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")


main()
