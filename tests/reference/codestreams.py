"""Tiny compressed frames written by OpenJPEG and CharLS, with the values that went in.

Writes codestreams.json: for each case the codestream (hexadecimal), its transfer syntax, the attributes of the image
that holds it, and its values row by row. All input is synthetic. Run: python tests/reference/codestreams.py
"""

import json
import pathlib

import jpeg_ls
import numpy as np
import openjpeg
import openjpeg.utils

J2K, JPEG_LS = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80"
ROWS, COLUMNS = 32, 33


def case(name, syntax, stream, array, allocated, stored, signed=False):
    samples = 1 if array.ndim == 2 else array.shape[2]
    return {"name": name, "syntax": syntax, "stream": bytes(stream).hex(), "rows": ROWS, "columns": COLUMNS,
            "samples": samples, "allocated": allocated, "stored": stored, "signed": signed,
            "values": [int(v) for v in array.ravel()]}


def j2k(array, stored, **options):
    return openjpeg.utils.encode_array(array, bits_stored=stored, **options)


def main():
    place = np.arange(ROWS * COLUMNS).reshape((ROWS, COLUMNS))
    signed = ((place * 97) % 4096 - 2048).astype(np.int16)
    wide = ((place * 7919) % 65536).astype(np.uint16)
    bit = (place % 3 == 0).astype(np.uint8)
    colour = np.stack([place * 2 % 256, place * 5 % 256, 255 - place % 256], axis=-1).astype(np.uint8)
    grey = (place * 2 % 256).astype(np.uint8)
    cases = [
        case("J2K, 12 signed bits in 16", J2K, j2k(signed, 12), signed, 16, 12, True),
        case("J2K, 12 signed bits in 32", J2K, j2k(signed, 12), signed, 32, 12, True),
        case("J2K, 16 bits in 32", J2K, j2k(wide, 16), wide, 32, 16),
        case("J2K, one bit", J2K, j2k(bit, 1), bit, 1, 1),
        case("J2K, colour", J2K, j2k(colour, 8, photometric_interpretation=1), colour, 8, 8),
        case("JPEG-LS, 8 bits", JPEG_LS, jpeg_ls.encode_array(grey), grey, 8, 8),
        case("JPEG-LS, 16 bits", JPEG_LS, jpeg_ls.encode_array(wide), wide, 16, 16),
        case("JPEG-LS, 16 bits in 32", JPEG_LS, jpeg_ls.encode_array(wide), wide, 32, 16),
        case("JPEG-LS, colour by pixel", JPEG_LS, jpeg_ls.encode_array(colour, interleave_mode=2), colour, 8, 8),
    ]
    out = {"openjpeg": openjpeg.__version__, "pyjpegls": jpeg_ls.__version__, "numpy": np.__version__, "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")


main()
