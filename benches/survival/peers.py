"""Out-of-fold predictions of other software on the given folds, in the form that `regimen evaluate --cv --external` reads.

usage: peers.py DATASET MODEL PEERS_DIR OUT.csv        MODEL: gbs | xgb_aft | xgb_cox | coxph | rsf
Settings are those of ../shared/peers/bench/surv_cv.py. Columns out: rep,fold,id,risk,s0..s19 (survival on the grid of
metrics_surv.py). ranger: Rscript ../shared/peers/bench/ranger_cv.R writes the same form.
Versions used: scikit-survival 0.28.0, xgboost-cpu 3.2.0 (printed at the end).
"""
import sys, warnings
import numpy as np, pandas as pd

warnings.filterwarnings("ignore")
name, model, peers, out = sys.argv[1:5]
sys.path.insert(0, f"{peers}/bench")
from metrics_surv import breslow_surv, grid
from sksurv.util import Surv

d = pd.read_csv(f"{peers}/data/{name}.csv")
folds = pd.read_csv(f"{peers}/folds/{name}_folds.csv")
X = d.drop(columns=["id", "time", "event", "is_test"], errors="ignore").astype(float).values
times = grid(d)


def fit_predict(tr, te, seed):
    t, e = d.time.values[tr], d.event.values[tr]
    y = Surv.from_arrays(e == 1, t)
    proportional = lambda train, test: (test, breslow_surv(train, t, e, test, times))
    if model == "coxph":
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        mean, sd = X[tr].mean(0), X[tr].std(0)
        sd[sd == 0] = 1
        Z = (X - mean) / sd
        coef = CoxPHSurvivalAnalysis(ties="efron").fit(Z[tr], y).coef_
        return proportional(Z[tr] @ coef, Z[te] @ coef)
    if model == "gbs":
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis
        m = GradientBoostingSurvivalAnalysis(n_estimators=200, learning_rate=.05, max_depth=3, subsample=.8,
                                             min_samples_leaf=10, random_state=seed).fit(X[tr], y)
        return proportional(m.predict(X[tr]), m.predict(X[te]))
    if model == "rsf":
        from sksurv.ensemble import RandomSurvivalForest
        m = RandomSurvivalForest(n_estimators=200, min_samples_leaf=15, max_features="sqrt", n_jobs=1,
                                 random_state=seed).fit(X[tr], y)
        S = m.predict_survival_function(X[te], return_array=True)
        k = np.searchsorted(m.unique_times_, times, side="right") - 1
        return m.predict(X[te]), np.where(k >= 0, S[:, np.maximum(k, 0)], 1.0)
    import xgboost as xgb
    params = dict(eta=.05, max_depth=3, subsample=.8, tree_method="hist", max_bin=256, nthread=1, seed=seed, verbosity=0)
    if model == "xgb_cox":
        b = xgb.train({**params, "objective": "survival:cox"}, xgb.DMatrix(X[tr], label=np.where(e == 1, t, -t)), 200)
        margin = lambda Z: b.predict(xgb.DMatrix(Z), output_margin=True)
        return proportional(margin(X[tr]), margin(X[te]))
    from scipy.stats import norm
    data = xgb.DMatrix(X[tr])
    data.set_float_info("label_lower_bound", t)
    data.set_float_info("label_upper_bound", np.where(e == 1, t, np.inf))
    b = xgb.train({**params, "objective": "survival:aft", "aft_loss_distribution": "normal",
                   "aft_loss_distribution_scale": 1.0, "base_score": float(np.median(t))}, data, 200)
    log_time = b.predict(xgb.DMatrix(X[te]), output_margin=True)
    return -log_time, norm.sf(np.log(times)[None, :] - log_time[:, None])


parts = []
for rep in range(5):
    fold_of = folds[f"rep{rep}"].values
    for fold in range(5):
        tr, te = np.where(fold_of != fold)[0], np.where(fold_of == fold)[0]
        risk, S = fit_predict(tr, te, 100 * rep + fold)
        part = pd.DataFrame(S, columns=[f"s{i}" for i in range(20)])
        part.insert(0, "risk", risk)
        part.insert(0, "id", d.id.values[te])
        part.insert(0, "fold", fold)
        part.insert(0, "rep", rep)
        parts.append(part)
pd.concat(parts).to_csv(out, index=False)
import sksurv
print(name, model, "scikit-survival", sksurv.__version__)
