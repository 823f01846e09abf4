"""Writes components.json: principal components by scikit-learn and NumPy, column moments by NumPy.

Run:  python components.py   (numpy, scikit-learn; versions go into the file)
All inputs are synthetic, seeded and rounded to float32. The JSON is read by the tests of src/learn/components.rs.

Tolerances there, in the largest variance: 1e-12 on variances and 1e-13 on ratios (both sides diagonalise in float64);
components and scores up to sign 1e-9, only of components whose variance stands apart ("n_distinct"), scores after
rounding to float32 relative to the largest score 1e-6. Moments: 1e-13 relative.
"""

import json
import pathlib
import platform

import numpy
import sklearn
from sklearn.decomposition import PCA


def flat(values):
    """Row-major floats with None for NaN."""
    return [None if numpy.isnan(value) else float(value) for value in numpy.asarray(values, dtype=float).ravel()]


def case(name, values, k):
    values = values.astype(numpy.float32)
    complete = values[~numpy.isnan(values).any(axis=1)].astype(numpy.float64)
    fit = PCA(n_components=k, svd_solver="full").fit(complete)
    eigen = PCA(n_components=k, svd_solver="covariance_eigh").fit(complete)
    top = fit.explained_variance_[0]
    # covariance_eigh forms E[xx'] - mean mean', which cancels far from the origin.
    cancelled = 1e-15 * (1 + (complete**2).mean() / top) * 10
    assert numpy.allclose(fit.explained_variance_, eigen.explained_variance_, rtol=0, atol=cancelled * top)
    # NumPy alone, as a third opinion.
    centred = complete - complete.mean(axis=0)
    singular = numpy.linalg.svd(centred, compute_uv=False) ** 2 / (len(complete) - 1)
    assert numpy.allclose(singular[:k], fit.explained_variance_, rtol=0, atol=1e-12 * top)
    gaps = numpy.abs(numpy.diff(numpy.append(singular, 0.0)[: k + 1])) > 1e-4 * top
    distinct = k if gaps.all() else int(numpy.argmin(gaps))
    return {
        "name": name,
        "n_rows": len(values),
        "n_columns": values.shape[1],
        "n_components": k,
        "n_complete": len(complete),
        "n_distinct": distinct,
        "values": flat(values),
        "mean": flat(fit.mean_),
        "components": flat(fit.components_),
        "explained_variance": flat(fit.explained_variance_),
        "explained_ratio": flat(fit.explained_variance_ratio_),
        "scores": flat(fit.transform(complete)),
    }


def cases():
    rng = numpy.random.default_rng(20261124)
    yield case("more rows than columns", rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + 3, 6)
    yield case("fewer rows than columns", rng.normal(size=(12, 30)) * numpy.linspace(3, 1, 30), 11)
    low = rng.integers(-4, 5, size=(40, 3)) @ rng.integers(-3, 4, size=(3, 9))
    yield case("rank three of nine", low.astype(float), 7)
    gappy = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5))
    gappy[rng.random(gappy.shape) < 0.04] = numpy.nan
    yield case("rows with missing values", gappy, 4)
    yield case("scales from 0.01 to 100", rng.normal(size=(45, 5)) * [100, 10, 1, 0.1, 0.01], 5)
    yield case("far from the origin", rng.normal(size=(80, 4)) * [4, 3, 2, 1] + 5000, 4)
    yield case("one column", rng.normal(size=(9, 1)), 1)
    yield case("a constant column", numpy.column_stack([numpy.full(20, 7.0), rng.normal(size=(20, 3)) * [3, 2, 1]]), 3)
    yield case("two rows", rng.normal(size=(2, 4)), 1)
    spikes = rng.normal(size=(70, 3)) @ rng.normal(size=(3, 24)) * 2
    yield case("spiked, 24 columns", spikes + rng.normal(size=(70, 24)), 5)


def moments():
    rng = numpy.random.default_rng(5)
    for n, shift, scale, missing in [(1, 2, 1, 0), (2, 0, 3, 0), (37, 100, 0.5, 0.2), (500, -5, 40, 0.05)]:
        column = (rng.normal(size=n) * scale + shift).astype(numpy.float32).astype(float)
        column[rng.random(n) < missing] = numpy.nan
        yield {
            "values": flat(column),
            "n_samples": int(numpy.sum(~numpy.isnan(column))),
            "mean": float(numpy.nanmean(column)),
            "variance": float(numpy.nanvar(column)),
            "sample_variance": float(numpy.nanvar(column, ddof=1)) if n > 1 else None,
            "min": float(numpy.nanmin(column)),
            "max": float(numpy.nanmax(column)),
            "median": float(numpy.nanmedian(column)),
            "upper_quartile": float(numpy.nanquantile(column, 0.75)),
        }


def main():
    document = {
        "script": "components.py",
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "cases": list(cases()),
        "moments": list(moments()),
    }
    target = pathlib.Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(document, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
