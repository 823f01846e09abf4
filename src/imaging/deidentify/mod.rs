//! DICOM images without their patients: PS3.15 Annex E as a function from folder to folder.
//!
//! Lives here: the action table of the Basic Application Level Confidentiality Profile with the options Retain Patient
//! Characteristics and Retain Longitudinal Temporal Information with Modified Dates, the closed list of what may stay
//! beside it, keyed pseudonyms, and the check for text inside pixels. May import what `imaging` may. Deliberately
//! absent: painting over burned-in text (such files are flagged or refused), and a way back from pseudonym to patient.

mod clean;
mod codes;
mod comments;
mod dates;
mod echoes;
mod folder;
mod grammar;
mod hmac;
mod key;
#[cfg(test)]
mod phantom;
mod profile;
mod report;
mod risk;
mod write;

pub use folder::{deidentify_folder, source_files};
pub use key::DeidentifyKey;
pub use report::{DeidentifiedFile, DeidentifyReport, Outcome, Refusal};
pub use risk::PixelRisk;

/// What a de-identification keeps and refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeidentifyOptions {
    /// PS3.15 E.3.7: sex, age (90 and above as 90), size, weight, ethnic group, smoking and pregnancy status stay.
    pub retain_patient_characteristics: bool,
    /// PS3.15 E.3.6: dates stay, moved by a number of days that is the same for all files of a patient.
    pub retain_modified_dates: bool,
    /// Refuses files whose pixels may show text ([`PixelRisk::may_show_text`]) instead of flagging them.
    pub refuse_risky_pixels: bool,
}

impl Default for DeidentifyOptions {
    /// Both options kept, risky pixels flagged.
    fn default() -> Self {
        Self { retain_patient_characteristics: true, retain_modified_dates: true, refuse_risky_pixels: false }
    }
}
