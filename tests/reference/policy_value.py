"""Doubly robust value of policies on a synthetic trial, in numpy: writes policy_value.json beside this file.

Formulas: Zhang et al., Biometrics 2012;68:1010 (value of a regime); Chernozhukov et al. 2018, definition 3.3 (repeats).
Run: python3 tests/reference/policy_value.py
"""

import json
import pathlib
import numpy as np

rng = np.random.default_rng(20261125)
n, n_options, pseudo, floor = 300, 4, 5.0, 0.03
group = rng.integers(0, 2, n)
stratum = group * 3 + rng.integers(0, 3, n)
# Option 3 is not open in group 0.
chance = np.where(group[:, None] == 0, [[0.5, 0.3, 0.2, 0.0]], [[0.4, 0.1, 0.1, 0.4]])
received = np.array([rng.choice(n_options, p=row) for row in chance])
truth = np.clip(0.2 + 0.1 * received + 0.05 * stratum, 0, 1)
y = rng.random(n) < truth
predicted = np.clip(0.25 + 0.08 * np.arange(n_options)[:, None] + rng.normal(0, 0.05, (n_options, n)), 0.01, 0.99)


def frequencies(labels):
    counts = np.zeros((labels.max() + 1, n_options))
    np.add.at(counts, (labels, received), 1.0)
    return counts[labels]


coarse = frequencies(group)
coarse = coarse / coarse.sum(1, keepdims=True)
fine = frequencies(stratum)
propensity = (fine + pseudo * coarse) / (fine.sum(1, keepdims=True) + pseudo)
rows = np.arange(n)


def scores(choice):
    e = propensity[rows, choice]
    ok = e >= floor
    m = predicted[choice, rows]
    w = np.where(ok & (received == choice), 1.0 / np.where(ok, e, 1.0), 0.0)
    return np.where(ok, m + w * (y - m), np.nan), w, ok


def mean_and_error(psi):
    return float(psi.mean()), float(psi.std(ddof=1) / np.sqrt(len(psi)))


choices = [np.where(group == 0, 1, 3), rng.integers(0, 2, n), np.full(n, 3)]
policies, all_scores = [], []
for choice in choices:
    psi, w, ok = scores(choice)
    estimate, error = mean_and_error(psi[ok])
    all_scores.append(psi)
    policies.append({
        "choice": choice.tolist(), "value": estimate, "standard_error": error, "n_supported": int(ok.sum()),
        "n_matched": int((w > 0).sum()), "effective_n": float(w.sum() ** 2 / (w**2).sum()), "max_weight": float(w.max()),
    })
both = all_scores[0] - all_scores[1]
repeats = np.array([[policies[at]["value"], policies[at]["standard_error"]] for at in (0, 1)])
centre = repeats[:, 0].mean()
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({
    "numpy": np.__version__, "group": group.tolist(), "stratum": stratum.tolist(), "received": received.tolist(),
    "y": y.tolist(), "predicted": predicted.tolist(), "pseudo_patients": pseudo, "floor": floor,
    "propensity": propensity.tolist(), "policies": policies,
    "difference": mean_and_error(both[~np.isnan(both)]),
    "repeats": [float(centre), float(np.sqrt((repeats[:, 1] ** 2 + (repeats[:, 0] - centre) ** 2).mean()))],
}) + "\n")
