"""Out-of-fold probabilities of pCR by other software on the given TransNEO folds, for `regimen evaluate --cv --external`.

usage: peers_pcr.py MODEL REGIMEN_DATA PEERS_DIR OUT.csv     MODEL: catboost | rf
Settings are those of ../shared/docs/peers.md (note 11): 200 trees, boosters of depth 3, rate 0.05, subsample 0.8, forests with
leaves of 15. Features: clinical, DNA, RNA and digital pathology, as in models/specs/peers/transneo.toml.
"""
import sys, tomllib
import numpy as np, pandas as pd

model, data, peers, out = sys.argv[1:5]
d = pd.read_csv(f"{data}/transneo/training_df.csv")
folds = pd.read_csv(f"{peers}/folds/natml_folds.csv")
spec = tomllib.load(open(__file__.rsplit("/", 3)[0] + "/models/specs/peers/transneo.toml", "rb"))
X = d[[column for group in spec["features"].values() for column in group]].astype(float).values
y = d["resp.pCR"].values
parts = []
for rep in range(5):
    fold_of = folds[f"rep{rep}"].values
    for fold in range(5):
        tr, te = fold_of != fold, fold_of == fold
        seed = 100 * rep + fold
        if model == "catboost":
            from catboost import CatBoostClassifier
            m = CatBoostClassifier(iterations=200, learning_rate=.05, depth=3, subsample=.8, bootstrap_type="Bernoulli",
                                   thread_count=1, random_seed=seed, verbose=0, allow_writing_files=False)
        else:
            from sklearn.ensemble import RandomForestClassifier
            m = RandomForestClassifier(n_estimators=200, min_samples_leaf=15, random_state=seed)
        p = m.fit(X[tr], y[tr]).predict_proba(X[te])[:, 1]
        parts.append(pd.DataFrame({"rep": rep, "fold": fold, "id": folds.id.values[te], "p": p}))
pd.concat(parts).to_csv(out, index=False)
