//! Tiny synthetic DICOM files for the tests of this folder.

use std::path::{Path, PathBuf};

use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

/// A dataset under construction: one 16-bit grey image unless told otherwise.
pub(super) struct Synthetic(pub InMemDicomObject);

impl Synthetic {
    pub fn new(modality: &str, rows: usize, columns: usize, values: &[u16]) -> Self {
        let mut new = Self(InMemDicomObject::new_empty());
        new.text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.7")
            .text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.1")
            .text(tags::STUDY_INSTANCE_UID, VR::UI, "2.25.2")
            .text(tags::SERIES_INSTANCE_UID, VR::UI, "2.25.3")
            .text(tags::PATIENT_ID, VR::LO, "SECRET-17")
            .text(tags::MODALITY, VR::CS, modality)
            .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .number(tags::ROWS, rows as u16)
            .number(tags::COLUMNS, columns as u16)
            .number(tags::SAMPLES_PER_PIXEL, 1)
            .number(tags::BITS_ALLOCATED, 16)
            .number(tags::BITS_STORED, 16)
            .number(tags::HIGH_BIT, 15)
            .number(tags::PIXEL_REPRESENTATION, 0);
        new.0.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values.iter().copied().collect())));
        new
    }

    pub fn text(&mut self, tag: Tag, vr: VR, value: &str) -> &mut Self {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        self
    }

    pub fn number(&mut self, tag: Tag, value: u16) -> &mut Self {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        self
    }

    pub fn bytes(&mut self, values: &[u8]) -> &mut Self {
        self.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(values.iter().copied().collect())));
        self
    }

    /// The bytes of the file with its pixel data replaced by compressed frames, one fragment each.
    pub fn compressed(&self, transfer_syntax: &str, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut copy = Self(self.0.clone());
        let even =
            |frame: &Vec<u8>| if frame.len() % 2 == 1 { [frame.as_slice(), &[0]].concat() } else { frame.clone() };
        let fragments: Vec<Vec<u8>> = frames.iter().map(even).collect();
        copy.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PixelFragmentSequence::new_fragments(fragments)));
        copy.file_in(transfer_syntax)
    }

    /// The bytes of the file in explicit little endian, with preamble and meta header.
    pub fn file(&self) -> Vec<u8> {
        self.file_in("1.2.840.10008.1.2.1")
    }

    fn file_in(&self, transfer_syntax: &str) -> Vec<u8> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(transfer_syntax)
            .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.7")
            .media_storage_sop_instance_uid("2.25.1");
        let mut bytes = Vec::new();
        self.0.clone().with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
        bytes
    }

    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, self.file()).unwrap();
        path
    }
}

/// A slice of a dynamic series: a body at 100 that a lesion at row 20, column 40, slices 2 and 3 outshines after contrast.
pub(super) fn dce_slice(phase: usize, slice: usize) -> Synthetic {
    let side = 64usize;
    let values: Vec<u16> = (0..side * side)
        .map(|at| {
            let (row, column) = (at / side, at % side);
            let body = if (4..60).contains(&row) && (4..60).contains(&column) { 100 } else { 0 };
            let lesion = row.abs_diff(20) <= 4 && column.abs_diff(40) <= 4 && (2..=3).contains(&slice);
            body + if lesion { [0, 300, 220][phase.min(2)] } else { 0 } + (at % 7) as u16
        })
        .collect();
    let mut new = Synthetic::new("MR", side, side, &values);
    new.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-80\\-80\\{}", 2.5 * slice as f64))
        .text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")
        .text(tags::PIXEL_SPACING, VR::DS, "2.5\\2.5")
        .text(tags::TEMPORAL_POSITION_IDENTIFIER, VR::IS, &(phase + 1).to_string())
        .text(tags::ACQUISITION_TIME, VR::TM, &format!("10{:02}00", 10 + 2 * phase))
        .text(tags::INSTANCE_NUMBER, VR::IS, &(phase * 6 + slice + 1).to_string());
    new
}

/// A mammogram whose breast lies on its left edge, mirrored for the right side, with a label in the far corner.
pub(super) fn mammogram(side: &str, view: &str) -> Synthetic {
    let (rows, columns) = (128usize, 100usize);
    let mut values = vec![0u16; rows * columns];
    for row in 0..rows {
        for column in 0..columns {
            let (y, x) = (row as f64 - 64.0, column as f64);
            let label = row < 8 && column > 90;
            let value = if y * y / 2500.0 + x * x / 3600.0 < 1.0 { 500 + 5 * (60 - column.min(60)) } else { 10 };
            let at = if side == "R" { columns - 1 - column } else { column };
            values[row * columns + at] = if label { 4000 } else { value as u16 };
        }
    }
    let mut new = Synthetic::new("MG", rows, columns, &values);
    new.text(tags::IMAGE_LATERALITY, VR::CS, side).text(tags::VIEW_POSITION, VR::CS, view);
    new
}

/// A NIfTI-1 file of x × y × z voxels of a data type, 0.5 × 0.75 × 2 mm, little-endian, with a sform.
pub(super) fn nifti([x, y, z]: [i16; 3], datatype: i16, voxels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0u8; 352];
    bytes[..4].copy_from_slice(&348i32.to_le_bytes());
    let mut short = |at: usize, value: i16| bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    for (axis, size) in [3, x, y, z, 1, 1, 1, 1].into_iter().enumerate() {
        short(40 + 2 * axis, size);
    }
    short(70, datatype);
    short(252, 0);
    short(254, 1);
    let mut float = |at: usize, value: f32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (axis, side) in [1.0, 0.5, 0.75, 2.0].into_iter().enumerate() {
        float(76 + 4 * axis, side);
    }
    float(108, 352.0);
    for (row, side) in [-0.5, 0.75, 2.0].into_iter().enumerate() {
        float(280 + 20 * row, side);
    }
    bytes[123] = 2;
    bytes[344..348].copy_from_slice(b"n+1\0");
    bytes.extend_from_slice(voxels);
    bytes
}

/// The items of a sequence, each filled by its own closure.
pub(super) fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// A file-set directory that lists files by their ReferencedFileID.
pub(super) fn dicomdir(listed: &[&str]) -> Synthetic {
    let record = |id: &&str| {
        InMemDicomObject::from_element_iter([
            DataElement::new(tags::DIRECTORY_RECORD_TYPE, VR::CS, PrimitiveValue::from("IMAGE")),
            DataElement::new(tags::REFERENCED_FILE_ID, VR::CS, PrimitiveValue::from(*id)),
        ])
    };
    let mut new = Synthetic(InMemDicomObject::new_empty());
    new.0.put(sequence(tags::DIRECTORY_RECORD_SEQUENCE, listed.iter().map(record).collect()));
    new
}
