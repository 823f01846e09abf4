"""NIfTI-1 files of every data type, order and orientation, written and read back by nibabel.

Writes nifti.json: for each case the gzipped file (hexadecimal), the voxels as nibabel scales them ([volume, z, y, x]),
the voxel sizes (z, y, x), the transform, and the letters of the axes. All input is synthetic: counters and cosines.
Run: python tests/reference/nifti.py
"""

import gzip
import json
import pathlib

import nibabel
import numpy as np

TURNED = np.array([[0.0, -1.2, 0.3, 10.0], [0.9, 0.1, 0.0, -20.0], [0.1, 0.2, -2.5, 30.0], [0, 0, 0, 1]])
PLAIN = np.diag([-0.5, 0.75, 2.0, 1.0])


def case(name, array, affine, slope=None, inter=None, big=False, qform=False):
    header = nibabel.Nifti1Header(endianness=">" if big else "<")
    header.set_data_dtype(array.dtype)
    image = nibabel.Nifti1Image(array, affine, header)
    image.header.set_xyzt_units("mm")
    if qform:
        image.set_sform(None, 0)
        image.set_qform(affine, 1)
    else:
        image.set_qform(None, 0)
        image.set_sform(affine, 2)
    data = bytearray(image.to_bytes())
    if slope is not None:
        order = ">" if big else "<"
        data[112:120] = np.array([slope, inter], dtype=order + "f4").tobytes()
    read = nibabel.Nifti1Image.from_bytes(bytes(data))
    stored = np.asanyarray(read.dataobj)
    if stored.dtype.names:
        values = np.stack([stored[n] for n in stored.dtype.names], axis=-1).astype(float)
    elif np.iscomplexobj(stored):
        values = np.stack([stored.real, stored.imag], axis=-1).astype(float)
    else:
        values = stored.astype(float)[..., None]
    # Fortran order of the axes before the channels: x fastest.
    channels = values.shape[-1]
    flat = np.stack([values[..., c].flatten(order="F") for c in range(channels)], axis=-1).ravel()
    return {
        "name": name,
        "file": gzip.compress(bytes(data), 9, mtime=0).hex(),
        "channels": channels,
        "shape": list(reversed((list(array.shape) + [1, 1, 1])[:3])),
        "spacing_mm": [float(v) for v in np.linalg.norm(read.affine[:3, :3], axis=0)[::-1]],
        "affine": read.affine[:3].tolist(),
        "axes": "".join(nibabel.aff2axcodes(read.affine)),
        "voxels": [float(v) for v in flat],
    }


def main():
    count = np.arange(24).reshape((2, 3, 4))
    wave = np.cos(count * 0.7) * 100
    cases = []
    for kind in ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]:
        array = (wave if kind[0] != "u" else count * 9).astype(kind)
        cases.append(case(kind, array, TURNED))
        cases.append(case(kind + " big, scaled", array, PLAIN, 0.25, -3.0, big=True))
    for kind in ["c8", "c16"]:
        cases.append(case(kind, (wave + 1j * count).astype(kind), PLAIN))
    for names, kind in [("RGB", 128), ("RGBA", 2304)]:
        colour = np.zeros(count.shape, dtype=[(n, "u1") for n in names])
        for index, name in enumerate(names):
            colour[name] = (count * 7 + 50 * index) % 256
        cases.append(case(names, colour, PLAIN))
    turn = nibabel.quaternions.quat2mat([0.5, 0.5, -0.5, 0.5])
    rigid = np.eye(4)
    rigid[:3, :3] = turn * [0.7, 0.8, 3.0]
    rigid[:3, 3] = [1, 2, 3]
    cases.append(case("qform", wave.astype("f4"), rigid, qform=True))
    mirrored = rigid.copy()
    mirrored[:3, 2] *= -1
    cases.append(case("qform, left-handed", wave.astype("f4"), mirrored, qform=True))
    series = np.arange(48).reshape((2, 3, 4, 2)).astype("i2")
    cases.append(case("four axes", series, PLAIN))
    cases.append(case("two axes", count[..., 0].astype("u2"), PLAIN))
    out = {"nibabel": nibabel.__version__, "numpy": np.__version__, "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")


main()
