use std::io::Write;

use dicom_core::value::{DataSetSequence, Value};
use dicom_core::{DataElement, Length, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::Codec;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::super::DicomFile;
use super::clean::{Cleaner, MAX_DEPTH, is_standard_uid};
use super::echoes::Echoes;
use super::risk::{self, PixelRisk};
use super::{DeidentifyKey, DeidentifyOptions, Refusal, comments};

/// A de-identified file in memory, and where it belongs.
pub(super) struct Cleaned {
    dataset: InMemDicomObject,
    transfer_syntax: String,
    instance: String,
    pub pseudonym: String,
    pub series: String,
    pub risks: Vec<PixelRisk>,
    pub changed: usize,
    pub echoes: usize,
}

/// Cleans one parsed file.
///
/// # Errors
/// The [`Refusal`] that says why the file may not be written.
pub(super) fn clean(file: DicomFile, key: &DeidentifyKey, options: &DeidentifyOptions) -> Result<Cleaned, Refusal> {
    let transfer_syntax = file.transfer_syntax().to_owned();
    let syntax = TransferSyntaxIndex::get(&TransferSyntaxRegistry, &transfer_syntax);
    // A dataset codec that is only a stub cannot write.
    if syntax.is_none_or(|syntax| matches!(syntax.codec(), Codec::Dataset(None))) {
        return Err(Refusal::TransferSyntax);
    }
    let dataset = file.dataset;
    let text = |tag: Tag| {
        let element = dataset.get(tag)?;
        let text = element.to_str().ok()?;
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    };
    let pixels = [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA];
    if pixels.iter().all(|tag| dataset.get(*tag).is_none()) {
        return Err(Refusal::NoPixels);
    }
    let class = text(tags::SOP_CLASS_UID).ok_or(Refusal::NoUid)?;
    if !is_standard_uid(&class) {
        return Err(Refusal::PrivateClass);
    }
    let patient = text(tags::PATIENT_ID).ok_or(Refusal::NoPatientId)?;
    let instance = text(tags::SOP_INSTANCE_UID).ok_or(Refusal::NoUid)?;
    let series = text(tags::SERIES_INSTANCE_UID).ok_or(Refusal::NoUid)?;
    text(tags::STUDY_INSTANCE_UID).ok_or(Refusal::NoUid)?;
    let risks = risk::risks(&dataset, &transfer_syntax);
    if options.refuse_risky_pixels && !risks.is_empty() {
        return Err(Refusal::RiskyPixels);
    }
    let mut identifiers = Echoes::default();
    identifiers.collect(&dataset, MAX_DEPTH);
    let mut cleaner = Cleaner { key, options, days: key.days_back(&patient), identifiers, changed: 0, echoes: 0 };
    let dataset = cleaner.dataset(dataset, 0);
    let mut cleaned = Cleaned {
        dataset,
        transfer_syntax,
        instance: key.uid(&instance),
        pseudonym: key.pseudonym(&patient),
        series: key.uid(&series),
        risks,
        changed: cleaner.changed,
        echoes: cleaner.echoes,
    };
    cleaned.blank_comments();
    cleaned.declare(options);
    Ok(cleaned)
}

impl Cleaned {
    /// The path below the output folder, parts separated by `/`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}.dcm", self.pseudonym, self.series, self.instance)
    }

    /// Blanks comments in the heads of compressed frames; no decoded pixel changes.
    fn blank_comments(&mut self) {
        let mut blanked = 0;
        self.dataset.update_value(tags::PIXEL_DATA, |value| {
            if let Value::PixelSequence(sequence) = value {
                blanked = sequence.fragments_mut().iter_mut().map(|fragment| comments::blank(fragment)).sum();
            }
        });
        if blanked > 0 {
            self.risks.push(PixelRisk::CommentsBlanked);
        }
    }

    /// Writes the pseudonym and the attributes that say what was done.
    ///
    /// # Source
    /// PS3.15 section E.1.1; PS3.3 C.7.1.1 and C.12.1 for the attributes; PS3.16 CID 7050 for the codes.
    fn declare(&mut self, options: &DeidentifyOptions) {
        let mut text =
            |tag, vr, value: &str| drop(self.dataset.put(DataElement::new(tag, vr, PrimitiveValue::from(value))));
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        text(tags::PATIENT_ID, VR::LO, &self.pseudonym);
        text(tags::PATIENT_NAME, VR::PN, &self.pseudonym);
        text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
        text(tags::DEIDENTIFICATION_METHOD, VR::LO, "regimen: PS3.15 E.1, closed list of retained text");
        let dates = if options.retain_modified_dates { "MODIFIED" } else { "REMOVED" };
        text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, dates);
        let codes = [
            (true, "113100", "Basic Application Confidentiality Profile"),
            (options.retain_modified_dates, "113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
            (options.retain_patient_characteristics, "113108", "Retain Patient Characteristics Option"),
        ];
        let items: Vec<InMemDicomObject> = codes
            .into_iter()
            .filter(|(applies, ..)| *applies)
            .map(|(_, code, meaning)| {
                InMemDicomObject::from_element_iter([
                    DataElement::new(tags::CODE_VALUE, VR::SH, PrimitiveValue::from(code)),
                    DataElement::new(tags::CODING_SCHEME_DESIGNATOR, VR::SH, PrimitiveValue::from("DCM")),
                    DataElement::new(tags::CODE_MEANING, VR::LO, PrimitiveValue::from(meaning)),
                ])
            })
            .collect();
        let sequence = DataSetSequence::new(items, Length::UNDEFINED);
        self.dataset.put(DataElement::new(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, VR::SQ, sequence));
    }

    /// Writes the file: an empty preamble, file meta information of our own, and the cleaned dataset.
    ///
    /// # Errors
    /// [`Refusal::NotWritten`].
    pub fn write(self, to: impl Write) -> Result<(), Refusal> {
        let meta = FileMetaTableBuilder::new().transfer_syntax(self.transfer_syntax);
        let file = self.dataset.with_meta(meta).map_err(|_| Refusal::NotWritten)?;
        file.write_all(to).map_err(|_| Refusal::NotWritten)
    }
}
