"""DICOM SEG objects, binary and fractional, written by highdicom from synthetic masks over four synthetic MR slices.

Writes segmentation.json: for each case the gzipped file (hexadecimal), the geometry of the four slices, and for each
segment its label and its mask on every slice (fractions, rows first). Run: python tests/reference/segmentation.py
"""

import gzip
import io
import json
import pathlib

import highdicom
import numpy as np
import pydicom
from highdicom.sr.coding import CodedConcept
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

ROWS, COLUMNS, SLICES = 6, 5, 4
# An oblique, orthonormal grid.
ROW = np.array([0.6, 0.8, 0.0])
COLUMN = np.array([0.0, 0.0, -1.0])
NORMAL = np.cross(ROW, COLUMN)


def source(slice_number):
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = f"2.25.10{slice_number}"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "2.25.2", "2.25.3", "2.25.4"
    image.PatientID, image.PatientName, image.PatientBirthDate, image.PatientSex = "phantom", "", "", ""
    image.StudyID, image.StudyDate, image.StudyTime, image.AccessionNumber = "", "", "", ""
    image.Modality, image.ReferringPhysicianName, image.PositionReferenceIndicator = "MR", "", ""
    image.Rows, image.Columns, image.PixelSpacing, image.SliceThickness = ROWS, COLUMNS, [0.5, 0.75], 2
    image.ImageOrientationPatient = [*ROW.tolist(), *COLUMN.tolist()]
    image.ImagePositionPatient = [round(float(v), 6) for v in np.array([-10.0, 5.0, 20.0]) + 2.0 * slice_number * NORMAL]
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 16, 15
    image.PixelRepresentation, image.PhotometricInterpretation = 0, "MONOCHROME2"
    image.PixelData = bytes(2 * ROWS * COLUMNS)
    return image


def description(number, label):
    tissue = CodedConcept("85756007", "SCT", "Tissue")
    mass = CodedConcept("4147007", "SCT", "Mass")
    return highdicom.seg.SegmentDescription(
        segment_number=number, segment_label=label, segmented_property_category=tissue, segmented_property_type=mass,
        algorithm_type="MANUAL",
    )


def case(name, kind, masks, syntax, images, labels):
    written = highdicom.seg.Segmentation(
        source_images=images, pixel_array=masks, segmentation_type=kind,
        segment_descriptions=[description(n + 1, label) for n, label in enumerate(labels)],
        series_instance_uid="2.25.5", series_number=9, sop_instance_uid="2.25.6", instance_number=1,
        manufacturer="regimen", manufacturer_model_name="synthetic", software_versions="1", device_serial_number="1",
        max_fractional_value=200, transfer_syntax_uid=syntax,
    )
    bytes_out = io.BytesIO()
    written.save_as(bytes_out)
    maximum = 200 if kind == "FRACTIONAL" else 1
    fractions = masks if kind == "BINARY" else np.around(masks * maximum) / maximum
    return {
        "name": name,
        "file": gzip.compress(bytes_out.getvalue(), 9, mtime=0).hex(),
        "slices": [
            {
                "sop": image.SOPInstanceUID,
                "position": [float(v) for v in image.ImagePositionPatient],
                "orientation": [float(v) for v in image.ImageOrientationPatient],
            }
            for image in images
        ],
        "labels": labels,
        "masks": [[fractions[s, :, :, n].ravel().astype(float).tolist() for s in range(SLICES)] for n in range(len(labels))],
    }


def main():
    images = [source(n) for n in range(SLICES)]
    place = np.arange(SLICES * ROWS * COLUMNS).reshape((SLICES, ROWS, COLUMNS))
    first = (place % 7 == 0) & (place // (ROWS * COLUMNS) != 2)
    second = (place % 5 == 1) & (place // (ROWS * COLUMNS) < 2)
    binary = np.stack([first, second], axis=-1).astype(np.uint8)
    fractional = (np.stack([first * (place % 11) / 10.0, second * (place % 3) / 4.0], axis=-1)).astype(np.float32)
    labels = ["tumour", "vessel"]
    cases = [
        case("binary", "BINARY", binary, ExplicitVRLittleEndian, images, labels),
        case("fractional", "FRACTIONAL", fractional, ExplicitVRLittleEndian, images, labels),
        case("fractional, RLE", "FRACTIONAL", fractional, RLELossless, images, labels),
    ]
    out = {"highdicom": highdicom.__version__, "pydicom": pydicom.__version__, "pixel_spacing_mm": [0.5, 0.75],
           "rows": ROWS, "columns": COLUMNS, "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")


main()
