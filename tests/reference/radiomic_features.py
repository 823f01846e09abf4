"""Writes radiomic_features.json: all 107 features of pyradiomics 3.0.1 on the original image of five synthetic volumes.

Run:  python radiomic_features.py   (pyradiomics 3.0.1, SimpleITK, numpy; versions go into the file)
The volumes follow from integer arithmetic alone, so src/imaging/radiomics/synthetic.rs makes the same ones without a file.

Tolerance there: 1e-6 relative, with a floor of 1e-9 (both sides compute in float64; a feature that is zero in exact
arithmetic, as the skewness of a symmetric volume, is rounding noise on both sides).
"""

import json
import logging
import pathlib

import numpy
import radiomics
import SimpleITK
from radiomics import featureextractor

radiomics.setVerbosity(logging.CRITICAL)
WORD = 0xFFFFFFFF


def mix(z, y, x, seed):
    """A 32-bit hash of a voxel's place, the same on every machine."""
    h = (z * 0x9E3779B1 + y * 0x85EBCA77 + x * 0xC2B2AE3D + seed) & WORD
    h ^= h >> 15
    h = (h * 0x2C1B3C6D) & WORD
    h ^= h >> 12
    h = (h * 0x297A2D39) & WORD
    return h ^ (h >> 15)


def lesion(z, y, x):
    """A rough ellipsoid of semi-axes 7, 17 and 14 voxels, brightest in its middle."""
    e = (z - 10) ** 2 * 238**2 + (y - 22) ** 2 * 98**2 + (x - 19) ** 2 * 119**2
    r, h = 1666**2, mix(z, y, x, 1)
    return 200 + 360 * (r - min(e, r)) // r + (h >> 8) % 60, 16 * e < r * (16 + h % 5)


def speckle(z, y, x):
    """Scattered voxels with holes, quarters of a unit below and above zero."""
    h = mix(z, y, x, 2)
    return ((h >> 8) % 4001 - 2000) / 4, h % 100 < 45


def blocks(z, y, x):
    """Two separate cuboids of plateaus: long runs, large zones."""
    inside = (1 <= z <= 4 and 2 <= y <= 11 and 1 <= x <= 9) or (7 <= z <= 8 and 6 <= y <= 13 and 5 <= x <= 15)
    return 40 * (z // 2) + 30 * ((y // 3 + x // 4) % 3), inside


def sheet(z, y, x):
    """One slice: a disc of radius 13 pixels with texture."""
    return 100 + 8 * ((x * y) % 17) + mix(z, y, x, 3) % 30, (y - 15) ** 2 + (x - 16) ** 2 <= 169


def flat(z, y, x):
    """A cube of one intensity."""
    return 77, 1 <= z <= 4 and 1 <= y <= 4 and 1 <= x <= 4


CASES = [
    (lesion, (20, 44, 40), (2.0, 0.7, 0.7), 25.0),
    (speckle, (11, 15, 13), (3.0, 0.9, 1.1), 25.0),
    (blocks, (10, 16, 18), (1.5, 1.0, 0.8), 25.0),
    (sheet, (1, 32, 33), (1.0, 0.5, 0.5), 10.0),
    (flat, (6, 6, 6), (1.0, 1.0, 1.0), 25.0),
]


def case(place, shape, spacing_mm, bin_width):
    voxels = [[[place(z, y, x) for x in range(shape[2])] for y in range(shape[1])] for z in range(shape[0])]
    image = numpy.array([[[v[0] for v in line] for line in plane] for plane in voxels], dtype=numpy.float32)
    mask = numpy.array([[[v[1] for v in line] for line in plane] for plane in voxels], dtype=numpy.uint8)
    image_node, mask_node = SimpleITK.GetImageFromArray(image), SimpleITK.GetImageFromArray(mask)
    for node in (image_node, mask_node):
        node.SetSpacing(spacing_mm[::-1])
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=bin_width)
    extractor.disableAllImageTypes()
    extractor.enableImageTypeByName("Original")
    extractor.enableAllFeatures()
    found = extractor.execute(image_node, mask_node)
    features = {name: float(value) for name, value in found.items() if name.startswith("original_")}
    features = {name: value for name, value in features.items() if "shape2D" not in name}
    assert len(features) == 107 and numpy.isfinite(list(features.values())).all(), place.__name__
    return {
        "name": place.__name__,
        "shape": shape,
        "spacing_mm": spacing_mm,
        "bin_width": bin_width,
        "voxels": int(mask.sum()),
        "intensity_sum": float(image.sum(dtype=numpy.float64)),
        "features": features,
    }


versions = {
    "pyradiomics": radiomics.__version__,
    "SimpleITK": SimpleITK.Version().VersionString(),
    "numpy": numpy.__version__,
}
report = {"versions": versions, "cases": [case(*parts) for parts in CASES]}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
