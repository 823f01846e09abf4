//! DICOM objects, element by element: what every synthetic file says about itself, and its bytes.

use std::path::Path;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use sha2::{Digest, Sha256};

use super::{Error, SimulatedPatient};

/// Day on which every synthetic picture was taken.
const DATE: &str = "20240115";

/// A unique identifier under 2.25 that depends on nothing but the seed and the words.
///
/// # Source
/// PS3.5 B.2: a UUID as a decimal number; the UUID is a hash in the layout of RFC 9562 version 8.
pub(super) fn uid(seed: u64, words: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"regimen synthetic uid");
    hash.update(seed.to_le_bytes());
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word.as_bytes());
    }
    let number = hash.finalize().iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    let version = (number & !(0xf << 76)) | (0x8 << 76);
    let variant = (version & !(0b11 << 62)) | (0b10 << 62);
    format!("2.25.{variant}")
}

/// What the examination of one modality shares among its files.
pub(super) struct Examination {
    /// DICOM modality code.
    pub(super) modality: &'static str,
    /// SOP class.
    pub(super) class: &'static str,
    /// Study and series descriptions.
    pub(super) description: &'static str,
    /// Study and series number, which also is the hour at which the examination began, less 8.
    pub(super) number: u32,
}

/// The grey values of a picture and their size.
pub(super) enum Pixels {
    /// 12 bits stored in 16.
    Twelve(Vec<u16>),
    /// 8 bits.
    Eight(Vec<u8>),
}

/// A DICOM object in the making.
pub(super) struct DicomFile {
    object: InMemDicomObject,
    class: &'static str,
    instance: String,
}

/// The elements of one item of a sequence, or of a whole object.
pub(super) fn item(elements: impl IntoIterator<Item = (Tag, PrimitiveValue)>) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (tag, value) in elements {
        put(&mut object, tag, value);
    }
    object
}

/// A coded concept: value, scheme, meaning (PS3.3 section 8).
pub(super) fn code(value: &str, scheme: &str, meaning: &str) -> InMemDicomObject {
    item([
        (tags::CODE_VALUE, value.into()),
        (tags::CODING_SCHEME_DESIGNATOR, scheme.into()),
        (tags::CODE_MEANING, meaning.into()),
    ])
}

/// Decimal strings, separated as DICOM wants them.
pub(super) fn decimals(values: &[f32]) -> PrimitiveValue {
    let texts: Vec<String> = values.iter().map(|value| format!("{value}")).collect();
    PrimitiveValue::from(texts.join("\\"))
}

/// 16-bit words as the transfer syntax stores them, ready to be written in one piece.
fn little_endian(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn put(object: &mut InMemDicomObject, tag: Tag, value: PrimitiveValue) {
    let vr = StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed());
    object.put(DataElement::new(tag, vr, value));
}

impl DicomFile {
    /// An object with the patient, study, series and equipment modules filled in.
    pub(super) fn new(seed: u64, patient: &SimulatedPatient, exam: &Examination, name: &str, instance: u32) -> Self {
        let words = |level: &'static str| [level, patient.code.as_str(), exam.modality];
        let sop = uid(seed, &["instance", &patient.code, exam.modality, name]);
        let time = format!("{:02}0000", exam.number + 8);
        let object = item([
            (tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192".into()),
            (tags::SYNTHETIC_DATA, "YES".into()),
            (tags::SOP_CLASS_UID, exam.class.into()),
            (tags::SOP_INSTANCE_UID, sop.as_str().into()),
            (tags::STUDY_DATE, DATE.into()),
            (tags::SERIES_DATE, DATE.into()),
            (tags::ACQUISITION_DATE, DATE.into()),
            (tags::CONTENT_DATE, DATE.into()),
            (tags::STUDY_TIME, time.as_str().into()),
            (tags::SERIES_TIME, time.as_str().into()),
            (tags::ACQUISITION_TIME, time.as_str().into()),
            (tags::CONTENT_TIME, time.as_str().into()),
            (tags::ACCESSION_NUMBER, PrimitiveValue::Empty),
            (tags::MODALITY, exam.modality.into()),
            (tags::MANUFACTURER, "SYNTHETIC".into()),
            (tags::MANUFACTURER_MODEL_NAME, "regimen simulate".into()),
            (tags::REFERRING_PHYSICIAN_NAME, PrimitiveValue::Empty),
            (tags::STUDY_DESCRIPTION, format!("SYNTHETIC {}", exam.description).into()),
            (tags::SERIES_DESCRIPTION, format!("SYNTHETIC {}", exam.description).into()),
            (tags::PATIENT_NAME, format!("SYNTHETIC^{}", patient.code).into()),
            (tags::PATIENT_ID, patient.code.as_str().into()),
            (tags::PATIENT_BIRTH_DATE, PrimitiveValue::Empty),
            (tags::PATIENT_SEX, "F".into()),
            (tags::PATIENT_AGE, format!("{:03}Y", patient.age_years).into()),
            (tags::BODY_PART_EXAMINED, "BREAST".into()),
            (tags::STUDY_INSTANCE_UID, uid(seed, &words("study")).into()),
            (tags::SERIES_INSTANCE_UID, uid(seed, &words("series")).into()),
            (tags::STUDY_ID, exam.number.to_string().into()),
            (tags::SERIES_NUMBER, exam.number.to_string().into()),
            (tags::INSTANCE_NUMBER, instance.to_string().into()),
            (tags::IMAGE_COMMENTS, "SYNTHETIC".into()),
            (tags::BURNED_IN_ANNOTATION, "NO".into()),
            (tags::LOSSY_IMAGE_COMPRESSION, "00".into()),
        ]);
        Self { object, class: exam.class, instance: sop }
    }

    /// Adds elements, replacing those of the same tag.
    pub(super) fn with(mut self, elements: impl IntoIterator<Item = (Tag, PrimitiveValue)>) -> Self {
        for (tag, value) in elements {
            put(&mut self.object, tag, value);
        }
        self
    }

    /// Adds a sequence of one item.
    pub(super) fn with_sequence(mut self, tag: Tag, item: InMemDicomObject) -> Self {
        self.object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![item])));
        self
    }

    /// Adds the image pixel module: unsigned MONOCHROME2 of the given size.
    pub(super) fn with_pixels(self, rows: usize, columns: usize, pixels: Pixels) -> Self {
        let (allocated, stored, vr, value) = match pixels {
            Pixels::Twelve(values) => (16u16, 12u16, VR::OW, PrimitiveValue::from(little_endian(&values))),
            Pixels::Eight(values) => (8, 8, VR::OB, PrimitiveValue::from(values)),
        };
        let mut file = self.with([
            (tags::SAMPLES_PER_PIXEL, PrimitiveValue::from(1u16)),
            (tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2".into()),
            (tags::ROWS, PrimitiveValue::from(rows as u16)),
            (tags::COLUMNS, PrimitiveValue::from(columns as u16)),
            (tags::BITS_ALLOCATED, PrimitiveValue::from(allocated)),
            (tags::BITS_STORED, PrimitiveValue::from(stored)),
            (tags::HIGH_BIT, PrimitiveValue::from(stored - 1)),
            (tags::PIXEL_REPRESENTATION, PrimitiveValue::from(0u16)),
        ]);
        file.object.put(DataElement::new(tags::PIXEL_DATA, vr, value));
        file
    }

    /// The file's bytes in Explicit VR Little Endian, preamble and file meta group included; `path` only
    /// names the file in an error.
    ///
    /// # Errors
    /// [`Error::Dicom`] when the object cannot be encoded.
    pub(super) fn into_bytes(self, path: &Path) -> Result<Vec<u8>, Error> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(self.class)
            .media_storage_sop_instance_uid(self.instance);
        let file = self.object.with_meta(meta);
        let file = file.map_err(|source| Error::Dicom { path: path.to_owned(), source: Box::new(source) })?;
        let mut bytes = Vec::new();
        file.write_all(&mut bytes)
            .map_err(|source| Error::Dicom { path: path.to_owned(), source: Box::new(source) })?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_short_numeric_and_repeatable() {
        let first = uid(1, &["study", "DEMO-001", "MG"]);
        assert_eq!(first, uid(1, &["study", "DEMO-001", "MG"]));
        assert_ne!(first, uid(2, &["study", "DEMO-001", "MG"]));
        assert_ne!(first, uid(1, &["studyDEMO-001", "MG"]));
        assert!(first.len() <= 64 && first.starts_with("2.25."));
        assert!(first["2.25.".len()..].bytes().all(|byte| byte.is_ascii_digit()));
    }
}
