"""Writes survival_metrics.json: Uno's c, dynamic AUC, Brier scores, D-calibration and decision curves.

Run:  python survival_metrics.py   from this folder (numpy, pandas, scikit-survival, lifelines).
REGIMEN_PEERS names the folder that holds data/{gbsg2,rotterdam,metabric}.csv; default ../../../shared/peers.
The JSON holds aggregates of those cohorts only; its per-row data are simulated and seeded.
scikit-survival and lifelines run as programs. Brier for competing risks, D-calibration and net benefit have no program
here: they are written out below by loops over patients, from the papers. Read by tests/it/survival_metrics_parity.rs.
"""

import json
import os
import pathlib
import platform

import lifelines
import lifelines.utils
import numpy as np
import pandas as pd
import sksurv
from scipy.stats import chi2
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv

HERE = pathlib.Path(__file__).parent
PEERS = pathlib.Path(os.environ.get("REGIMEN_PEERS", HERE / "../../../shared/peers"))

# Cohort, the two columns of its risk, their factors, scale of the exponential prediction, its slope and centre, times, tau.
COHORTS = [
    ("gbsg2", ["pnodes", "age"], [1.0, 0.01], 2500.0, 0.08, 5.5, [300.0, 700.0, 1200.0, 1800.0], 1800.0),
    ("rotterdam", ["nodes", "age"], [1.0, 0.01], 4000.0, 0.10, 3.2, [365.0, 1000.0, 1826.0, 2500.0, 3000.0], 3000.0),
    ("metabric", ["age", "MKI67"], [0.04, 0.2], 220.0, 0.7, 3.6, [30.0, 60.0, 120.0, 200.0], 220.0),
]


def rows(name, columns, factors, scale, slope, centre):
    data = pd.read_csv(PEERS / "data" / f"{name}.csv")
    risk = factors[0] * data[columns[0]].to_numpy(float) + factors[1] * data[columns[1]].to_numpy(float)
    rate = np.exp(slope * (risk - centre)) / scale
    return data["time"].to_numpy(float), data["event"].to_numpy() == 1, risk, rate


def simulated():
    """Heavy ties in time and in risk; three causes, of which 0 is censoring."""
    rng = np.random.default_rng(20261124)
    n = 240
    risk = rng.integers(0, 6, n).astype(float)
    cause = rng.choice([0, 1, 2], n, p=[0.35, 0.45, 0.2])
    time = np.minimum(np.ceil(rng.exponential(9 * np.exp(-0.25 * risk), n)), 14.0)
    cause[time == 14.0] = rng.choice([0, 1], int((time == 14.0).sum()))
    rate = np.round(0.03 * np.exp(0.2 * risk), 6)
    return time, cause, risk, rate


def steps(data_time, drop, risk_set):
    """Product limit by its definition: product over distinct times of 1 - drops / at risk."""

    def at(t):
        value = 1.0
        for u in sorted(set(data_time[data_time <= t])):
            n, d = risk_set(u), drop(u)
            if n > 0:
                value *= 1.0 - d / n
        return value

    return at


def kaplan_meier(time, event):
    return steps(time, lambda u: np.sum((time == u) & event), lambda u: np.sum(time >= u))


def censoring(time, event):
    return steps(
        time, lambda u: np.sum((time == u) & ~event), lambda u: np.sum(time >= u) - np.sum((time == u) & event)
    )


def brier_competing(time, cause, k, incidence, t):
    g = censoring(time, cause > 0)
    total = 0.0
    for i in range(len(time)):
        if time[i] <= t and cause[i] > 0:
            total += (float(cause[i] == k) - incidence[i]) ** 2 / g(time[i])
        elif time[i] > t:
            total += incidence[i] ** 2 / g(t)
    return total / len(time)


def d_calibration(s_own, event, n_bins=10):
    """Haider et al. 2020: a censored patient is spread evenly over [0, S(c)]."""
    edges = np.linspace(0, 1, n_bins + 1)
    mass = np.zeros(n_bins)
    for s, e in zip(s_own, event):
        for k in range(n_bins):
            lo, hi = edges[k], edges[k + 1]
            if e:
                mass[k] += float(lo <= s < hi or (k == n_bins - 1 and s == 1.0))
            else:
                mass[k] += max(0.0, min(s, hi) - lo) / s
    expected = len(s_own) / n_bins
    statistic = float(np.sum((mass - expected) ** 2 / expected))
    return {"mass": mass.tolist(), "statistic": statistic, "p": float(chi2.sf(statistic, n_bins - 1))}


def decision(time, event, p, t, thresholds):
    fit = lifelines.KaplanMeierFitter()
    everyone = fit.fit(time, event).predict(t)
    found = []
    for threshold in thresholds:
        treated = p >= threshold
        odds = threshold / (1 - threshold)
        all_ = (1 - everyone) - everyone * odds
        model = 0.0
        if treated.any():
            s = lifelines.KaplanMeierFitter().fit(time[treated], event[treated]).predict(t)
            model = treated.mean() * ((1 - s) - s * odds)
        found.append({"threshold": threshold, "model": model, "treat_all": all_, "avoided": (model - all_) / odds})
    return found


def decision_binary(y, p, thresholds, prevalence=None):
    found = []
    for threshold in thresholds:
        odds = threshold / (1 - threshold)
        rate = y.mean() if prevalence is None else prevalence
        tpr, fpr = (p[y] >= threshold).mean(), (p[~y] >= threshold).mean()
        model, all_ = rate * tpr - (1 - rate) * fpr * odds, rate - (1 - rate) * odds
        found.append({"threshold": threshold, "model": model, "treat_all": all_, "avoided": (model - all_) / odds})
    return found


def cohort(name, columns, factors, scale, slope, centre, times, tau):
    time, event, risk, rate = rows(name, columns, factors, scale, slope, centre)
    return {
        "name": name, "columns": columns, "factors": factors, "scale": scale, "slope": slope, "centre": centre,
        "times": times, "tau": tau, **measures(time, event, risk, rate, times, tau),
    }


def measures(time, event, risk, rate, times, tau):
    train, test = np.arange(len(time)) % 2 == 0, np.arange(len(time)) % 2 == 1
    # scikit-survival refuses a test set that outlives the training set.
    keep = test & (time < time[train].max())
    y = Surv.from_arrays(event, time)
    times = np.array(times)
    s = np.exp(-np.outer(rate[keep], times))
    auc, mean_auc = cumulative_dynamic_auc(y[train], y[keep], risk[keep], times, tied_tol=0)
    _, brier = brier_score(y[train], y[keep], s, times)
    g = CensoringDistributionEstimator().fit(y[train])
    km = kaplan_meier(time[train], event[train])
    null = np.array([[km(t) for t in times]] * int(keep.sum()))
    _, brier_null = brier_score(y[train], y[keep], null, times)
    horizon = times[2]
    p = -np.expm1(-rate * horizon)
    thresholds = [0.1, 0.2, 0.3, 0.4]
    return {
        "n_test": int(keep.sum()),
        "c_index": concordance_index_censored(event, time, risk, tied_tol=0)[0],
        "c_index_lifelines": lifelines.utils.concordance_index(time, -risk, event),
        "c_index_ipcw": concordance_index_ipcw(y[train], y[keep], risk[keep], tau, tied_tol=0)[0],
        "c_index_ipcw_no_tau": concordance_index_ipcw(y, y, risk, times[-1], tied_tol=0)[0],
        "censor_survival": g.predict_proba(times).tolist(),
        "auc": auc.tolist(),
        "mean_auc": mean_auc,
        "brier": brier.tolist(),
        "brier_null": brier_null.tolist(),
        "ibs": integrated_brier_score(y[train], y[keep], s, times),
        "d_calibration": d_calibration(np.exp(-rate * time), event),
        "horizon": horizon,
        "thresholds": thresholds,
        "decision": decision(time, event, p, horizon, thresholds),
        "observed_over_expected": (1 - kaplan_meier(time, event)(horizon)) / p.mean(),
    }


def main():
    time, cause, risk, rate = simulated()
    rng = np.random.default_rng(7)
    p = np.round(rng.beta(2, 4, 150), 2)
    outcome = rng.random(150) < p**0.8
    horizon = 6.0
    incidence = np.round(0.7 * -np.expm1(-rate * horizon), 6)
    document = {
        "script": "survival_metrics.py",
        "versions": {
            "python": platform.python_version(), "numpy": np.__version__, "pandas": pd.__version__,
            "scikit-survival": sksurv.__version__, "lifelines": lifelines.__version__,
        },
        "cohorts": [cohort(*arguments) for arguments in COHORTS],
        "simulated": {
            "time": time.tolist(), "cause": cause.tolist(), "risk": risk.tolist(), "rate": rate.tolist(),
            "times": [2.0, 4.0, 6.0, 9.0], "tau": 10.0,
            **measures(time, cause > 0, risk, rate, [2.0, 4.0, 6.0, 9.0], 10.0),
        },
        "competing": {
            "horizon": horizon, "incidence": incidence.tolist(),
            "brier": [brier_competing(time, cause, k, incidence, horizon) for k in (1, 2)],
        },
        "binary": {
            "y": outcome.astype(int).tolist(), "p": p.tolist(), "thresholds": [0.05, 0.2, 0.35, 0.5, 0.99],
            "decision": decision_binary(outcome, p, [0.05, 0.2, 0.35, 0.5, 0.99]),
            "prevalence": 0.1,
            "decision_at_prevalence": decision_binary(outcome, p, [0.05, 0.2, 0.35, 0.5, 0.99], 0.1),
        },
    }
    target = pathlib.Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(document, default=float) + "\n")


if __name__ == "__main__":
    main()
