"""Tables for the benchmark, and the peers' times on them as one JSON object (median seconds of the runs).

usage: peers.py gen DIR PEERS_DIR        the tables (recipes of ../shared/peers/bench)
       peers.py time DIR NAME...         NAME: concordance cox coxnet boosted shap
Two threads for XGBoost, as for regimen. Versions are printed with the times.
"""
import json, sys, time
import numpy as np, pandas as pd


def gen(folder, peers):
    import pyarrow as pa, pyarrow.parquet as pq, shutil
    g = np.random.default_rng(3)
    n = 100000
    x = g.standard_normal(n); T = g.exponential(size=n) * np.exp(-x) * 1000; C = g.exponential(1500, size=n)
    pd.DataFrame({"time": np.ceil(np.minimum(T, C)), "event": (T <= C) * 1, "x": x}).to_csv(f"{folder}/cindex.csv", index=False)
    g = np.random.default_rng(5)
    X = g.standard_normal((n, 10)); b = np.linspace(-.5, .5, 10)
    T = g.exponential(size=n) * np.exp(-X @ b) * 1000; C = g.exponential(1500, size=n)
    d = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    d.insert(0, "event", (T <= C) * 1); d.insert(0, "time", np.ceil(np.minimum(T, C)))
    d.to_csv(f"{folder}/surv_1e5.csv", index=False)
    sys.path.insert(0, f"{peers}/bench")
    from gen_synth import make
    for rows, seed, name in ((100000, 7, "synth_100000"), (50000, 8, "synth_test")):
        X, y, t, e = make(rows, seed)
        pq.write_table(pa.table({**{f"f{j}": X[:, j] for j in range(100)}, "y": y.astype(np.int64), "time": t, "event": e.astype(np.int64)}), f"{folder}/{name}.parquet")
    for name in ("gbsg2", "metabric", "gse7390"):
        shutil.copyfile(f"{peers}/data/{name}.csv", f"{folder}/{name}.csv")


def median(run, repeats=5, warm=True):
    if warm:
        run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter(); run(); seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def times(folder, names):
    found = {}
    if "concordance" in names:
        from lifelines.utils import concordance_index
        d = pd.read_csv(f"{folder}/cindex.csv")
        found["concordance lifelines"] = median(lambda: concordance_index(d.time, -d.x, d.event))
    if "cox" in names:
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        from sksurv.util import Surv
        d = pd.read_csv(f"{folder}/surv_1e5.csv")
        y = Surv.from_arrays(d.event == 1, d.time); X = d[[f"x{j}" for j in range(10)]].values
        found["cox_efron scikit-survival"] = median(lambda: CoxPHSurvivalAnalysis(ties="efron").fit(X, y), 1, warm=False)
    if "coxnet" in names:
        from sksurv.linear_model import CoxnetSurvivalAnalysis
        from sksurv.util import Surv
        for name in ("gbsg2", "metabric", "gse7390"):
            d = pd.read_csv(f"{folder}/{name}.csv")
            X = d.drop(columns=["id", "time", "event", "is_test"], errors="ignore").values.astype(float)
            y = Surv.from_arrays(d.event == 1, d.time); Z = (X - X.mean(0)) / X.std(0)
            found[f"coxnet_{name} scikit-survival"] = median(lambda: CoxnetSurvivalAnalysis(l1_ratio=.5, n_alphas=50, alpha_min_ratio=.01).fit(Z, y))
    if "boosted" in names or "shap" in names:
        import xgboost as xgb
        train, test = pd.read_parquet(f"{folder}/synth_100000.parquet"), pd.read_parquet(f"{folder}/synth_test.parquet")
        f = [f"f{j}" for j in range(100)]
        params = dict(max_depth=6, eta=.1, subsample=1., tree_method="hist", max_bin=256, nthread=2, seed=1, verbosity=0)
        dtest = xgb.DMatrix(test[f])

        def fit(objective, label):
            start = time.perf_counter()
            model = xgb.train({**params, "objective": objective}, xgb.DMatrix(train[f], label=label), 100)
            return model, time.perf_counter() - start

        model, found["boosted_logistic xgboost"] = fit("binary:logistic", train.y)
        p = np.clip(model.predict(dtest), 1e-7, 1 - 1e-7)
        found["boosted_logistic_test_log_loss xgboost"] = float(-np.mean(np.where(test.y == 1, np.log(p), np.log(1 - p))))
        few = xgb.DMatrix(test[f][:10000])
        start = time.perf_counter(); model.predict(few, pred_contribs=True); found["shap_10000 xgboost"] = time.perf_counter() - start
        model, found["boosted_cox xgboost"] = fit("survival:cox", np.where(train.event == 1, train.time, -train.time))
        from lifelines.utils import concordance_index
        found["boosted_cox_test_c_index xgboost"] = float(concordance_index(test.time, -model.predict(dtest, output_margin=True), test.event))
    print(json.dumps(found))


if sys.argv[1] == "gen":
    gen(sys.argv[2], sys.argv[3])
else:
    times(sys.argv[2], sys.argv[3:])
