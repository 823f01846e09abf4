"""Sharpness and noise of one synthetic image, by scikit-image and scipy.

Writes image_quality.json beside this file: the blur effect of Crete et al. 2007 (scikit-image, which names its source) and
the noise level of Immerkaer 1996 (the printed kernel, by scipy.ndimage). The image is a formula, so that no pixels are
stored: value(r, c) = ((37 r + 17 c + r c) mod 251) averaged over a window of `width` columns from c on, rows x columns.

    python tests/reference/image_quality.py
"""

import json
import math
from pathlib import Path

import numpy as np
import scipy
import skimage
from scipy.ndimage import convolve
from skimage.measure import blur_effect

ROWS, COLUMNS = 40, 52


def image(width):
    r, c = np.meshgrid(np.arange(ROWS), np.arange(COLUMNS + width - 1), indexing="ij")
    base = ((37 * r + 17 * c + r * c) % 251).astype(np.float64)
    return sum(base[:, k : k + COLUMNS] for k in range(width)) / width


def immerkaer(values):
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    inner = np.abs(convolve(values, kernel))[1:-1, 1:-1]
    rows, columns = values.shape
    return math.sqrt(math.pi / 2) * inner.sum() / (6 * (rows - 2) * (columns - 2))


cases = []
for width in (1, 4, 12):
    values = image(width)
    spread = np.percentile(values, 95) - np.percentile(values, 5)
    cases.append({"width": width, "blur": blur_effect(values, h_size=11), "noise": immerkaer(values) / spread})
result = {
    "script": "tests/reference/image_quality.py",
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__},
    "rows": ROWS,
    "columns": COLUMNS,
    "cases": cases,
}
Path(__file__).with_suffix(".json").write_text(json.dumps(result) + "\n")
