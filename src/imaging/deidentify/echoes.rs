use std::collections::BTreeSet;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// Attributes beside the person names that name the patient, the visit or the hospital.
const IDS: [Tag; 9] = [
    tags::PATIENT_ID,
    // OtherPatientIDs, retired and still written.
    Tag(0x0010, 0x1000),
    tags::ACCESSION_NUMBER,
    tags::ADMISSION_ID,
    tags::STUDY_ID,
    tags::REQUESTED_PROCEDURE_ID,
    tags::CLINICAL_TRIAL_SUBJECT_ID,
    tags::PATIENT_TELEPHONE_NUMBERS,
    tags::INSTITUTION_NAME,
];

/// Shortest part of a name that is looked for; shorter ones are words like `de`.
const MIN_NAME: usize = 3;

/// Shortest identifier that is looked for inside other text.
const MIN_ID: usize = 4;

/// Shortest number that is taken for an identifier when it equals one.
const MIN_NUMBER: usize = 6;

/// The names and identifiers of one file, to find them where a hand or a machine has copied them to: a technologist types
/// a name into a protocol, a scanner repeats an accession number in a label.
#[derive(Default)]
pub(super) struct Echoes {
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Echoes {
    /// Collects the names (all person names) and identifiers of a dataset, at any depth down to `depth`.
    pub fn collect(&mut self, dataset: &InMemDicomObject, depth: usize) {
        for element in dataset {
            if let (Some(items), true) = (element.items(), depth > 0) {
                items.iter().for_each(|item| self.collect(item, depth - 1));
            } else if element.vr() == VR::PN {
                let text = element.to_str().unwrap_or_default().to_uppercase();
                let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() >= MIN_NAME);
                self.names.extend(parts.map(str::to_owned));
            } else if IDS.contains(&element.header().tag) {
                let text = element.to_str().unwrap_or_default().to_uppercase();
                let ids = text.split('\\').map(str::trim).filter(|id| id.len() >= MIN_ID);
                self.ids.extend(ids.map(str::to_owned));
            }
        }
    }

    /// True when `value` is one of the identifiers, and long enough not to be a count by chance.
    pub fn is_id(&self, value: &str) -> bool {
        value.trim().len() >= MIN_NUMBER && self.ids.contains(value.trim())
    }

    /// True when `value` has a part of a name as a word of its own, or an identifier anywhere.
    pub fn found_in(&self, value: &str) -> bool {
        let value = value.to_uppercase();
        let mut words = value.split(|c: char| !c.is_alphanumeric());
        words.any(|word| self.names.contains(word)) || self.ids.iter().any(|id| value.contains(id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::synthetic::Synthetic;
    use super::*;

    #[test]
    fn a_copied_name_or_identifier_is_found_and_a_syllable_is_not() {
        let mut file = Synthetic::new("MG", 1, 1, &[0]);
        file.text(tags::PATIENT_NAME, VR::PN, "Van der M\u{fc}ller^Ann").text(tags::STUDY_ID, VR::SH, "17");
        let mut echoes = Echoes::default();
        echoes.collect(&file.0, 4);
        assert!(
            ["DIXON_ANN", "m\u{fc}ller", "protocol of Van", "xSECRET-17x"].iter().all(|text| echoes.found_in(text))
        );
        assert!(["ANNEXIN", "MONOCHROME2", "17", "DE"].iter().all(|text| !echoes.found_in(text)));
        assert!(echoes.is_id(" SECRET-17 ") && !echoes.is_id("SECRET-1"));
    }
}
