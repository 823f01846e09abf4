"""Writes elastic_net_cox.json: elastic-net Cox and logistic coefficients by scikit-survival and scikit-learn.

Run:  python elastic_net_cox.py [PEERS]   (PEERS holds data/*.csv; default ../../../shared/peers or $REGIMEN_PEERS)
Cohort entries hold coefficients only; the simulated sets are written out, since elastic_net_glmnet.R reads them too.
All columns are rounded to float32 first, as the Rust design matrix is. Coefficients are per population standard deviation.
"""

import json
import os
import pathlib
import platform
import sys

import numpy as np
import pandas as pd
import sklearn
import sksurv
from sklearn.linear_model import LogisticRegression
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

HERE = pathlib.Path(__file__).resolve().parent
PEERS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REGIMEN_PEERS", HERE / "../../../shared/peers"))
ALPHAS = [0.1, 0.5, 1.0]
SHOWN = [3, 10, 17, 24, 31, 38, 44, 49]


def standardise(x):
    x = np.asarray(x, dtype=np.float32).astype(np.float64)
    return (x - x.mean(0)) / x.std(0), x


def coxnet(z, event, time, alpha, lambdas=None, ratio=0.01, **options):
    # tol bounds the change of the coefficients, not the optimality conditions: as tight as rounding allows.
    model = CoxnetSurvivalAnalysis(l1_ratio=alpha, alphas=lambdas, n_alphas=50, alpha_min_ratio=ratio, tol=1e-15,
                                   max_iter=10**6, normalize=False, **options)
    return model.fit(z, Surv.from_arrays(event == 1, time))


def cohort(name):
    d = pd.read_csv(PEERS / "data" / f"{name}.csv")
    features = [c for c in d.columns if c not in ("id", "time", "event", "is_test")]
    z, _ = standardise(d[features].to_numpy())
    paths = []
    for alpha in ALPHAS:
        m = coxnet(z, d.event.to_numpy(), d.time.to_numpy(), alpha)
        paths.append(dict(alpha=alpha, **{"lambda": list(m.alphas_)}, shown=SHOWN,
                          coef=[list(m.coef_[:, k]) for k in SHOWN]))
    return dict(name=name, features=features, paths=paths)


def deviance(eta, event, time):
    """2 (saturated - Breslow log partial likelihood), term by term from the definition."""
    total = 0.0
    for t in np.unique(time[event == 1]):
        dead = (time == t) & (event == 1)
        total -= eta[dead].sum() - dead.sum() * np.log(np.exp(eta[time >= t]).sum()) + dead.sum() * np.log(dead.sum())
    return 2 * total


def cross_validated_cox(name, alpha, lambdas, n_folds):
    """Deviance of all rows less that of the rows outside each fold, by glmnet's rules but exact coefficients."""
    d = pd.read_csv(PEERS / "data" / f"{name}.csv")
    z, _ = standardise(d[[c for c in d.columns if c not in ("id", "time", "event")]].to_numpy())
    event, time, fold = d.event.to_numpy(), d.time.to_numpy(), np.arange(len(d)) % n_folds
    weight, raw = [], []
    for k in range(n_folds):
        out = fold != k
        inner = (z[out] - z[out].mean(0)) / z[out].std(0)
        coef = coxnet(inner, event[out], time[out], alpha, lambdas).coef_ / z[out].std(0)[:, None]
        weight.append(event[~out].sum())
        raw.append([(deviance(z @ b, event, time) - deviance(z[out] @ b, event[out], time[out])) / weight[-1] for b in coef.T])
    mean = np.average(raw, axis=0, weights=weight)
    spread = np.sqrt(np.average((np.array(raw) - mean) ** 2, axis=0, weights=weight) / (n_folds - 1))
    return dict(n_folds=n_folds, **{"lambda": list(lambdas)}, deviance=list(mean), standard_error=list(spread))


def simulated_cox(rng):
    """Ties (times are whole weeks), correlated columns of different scale."""
    n, p = 60, 6
    shared = rng.normal(size=(n, 1))
    x = (0.7 * shared + rng.normal(size=(n, p))) * np.array([1, 10, 0.1, 3, 1, 2]) + np.array([5, 0, 1, -2, 0, 0])
    z, x = standardise(x)
    time = np.ceil(12 * rng.exponential(size=n) * np.exp(-0.6 * z[:, 0] + 0.4 * z[:, 3]))
    censor = np.ceil(20 * rng.random(n))
    event, time = (time <= censor).astype(int), np.minimum(time, censor)
    lam = list(np.geomspace(1, 0.01, 50) * coxnet(z, event, time, 0.5).alphas_[0])
    # One penalty at a time: with ties scikit-survival's deviance ratio turns negative, which ends its paths early.
    models = [coxnet(z, event, time, 0.5, [value], fit_baseline_model=True) for value in lam]
    k, times, rows = 20, [2.0, 5.0, 9.0, 14.0], [0, 7, 31]
    curves = models[k].predict_survival_function(z[rows])
    return dict(x=x.tolist(), time=time.tolist(), event=event.tolist(), weight=(0.5 + rng.integers(0, 4, n) / 2).tolist(),
                alpha=0.5, **{"lambda": lam}, coef=[m.coef_[:, 0].tolist() for m in models], survival_index=k, survival_times=times,
                survival_rows=rows, survival=[[float(f(t)) for t in times] for f in curves])


def simulated_logistic(rng):
    n, p = 80, 6
    shared = rng.normal(size=(n, 1))
    x = (0.8 * shared + rng.normal(size=(n, p))) * np.array([1, 10, 0.1, 3, 1, 2]) + np.array([5, 0, 1, -2, 0, 0])
    z, x = standardise(x)
    y = (rng.random(n) < 1 / (1 + np.exp(0.7 - 1.2 * z[:, 0] + 0.8 * z[:, 4]))).astype(int)
    fits = []
    for alpha in [0.0, 0.1, 0.5, 1.0]:
        for lam in [0.1, 0.03, 0.003]:
            common = dict(C=1 / (n * lam), max_iter=10**6)
            if alpha == 0.0:
                m = LogisticRegression(solver="newton-cholesky", tol=1e-12, **common).fit(z, y)
            else:
                m = LogisticRegression(l1_ratio=alpha, solver="saga", tol=1e-13, random_state=0, **common).fit(z, y)
            fits.append(dict(alpha=alpha, **{"lambda": lam}, coef=m.coef_[0].tolist(), intercept_at_mean=float(m.intercept_[0])))
    return dict(x=x.tolist(), y=y.tolist(), weight=(0.5 + rng.integers(0, 4, n) / 2).tolist(), fits=fits)


rng = np.random.default_rng(20261124)
cohorts = [cohort(name) for name in ("gbsg2", "metabric", "gse7390")]
out = dict(
    versions=dict(python=platform.python_version(), numpy=np.__version__, sksurv=sksurv.__version__, sklearn=sklearn.__version__),
    cox=simulated_cox(rng), logistic=simulated_logistic(rng),
    cohorts=cohorts,
    cv_cox=cross_validated_cox("gbsg2", 0.5, cohorts[0]["paths"][1]["lambda"][:40], 5))
(HERE / "elastic_net_cox.json").write_text(json.dumps(out) + "\n")
