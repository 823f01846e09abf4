use std::fmt;

use serde::{Deserialize, Serialize};

use super::PixelRisk;

/// What became of a folder; holds no identifier, and no path of the source, whose names may be names of patients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeidentifyReport {
    /// One entry per file, in the order of [`super::source_files`].
    pub files: Vec<DeidentifiedFile>,
    /// Pseudonyms among the written files.
    pub patients: usize,
}

impl DeidentifyReport {
    /// How many files were written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.files.iter().filter(|file| matches!(file.outcome, Outcome::Written { .. })).count()
    }

    /// How many written files have pixels that may show text.
    #[must_use]
    pub fn flagged(&self) -> usize {
        let risky = |file: &&DeidentifiedFile| file.risks.iter().any(|risk| risk.may_show_text());
        self.files.iter().filter(|file| matches!(file.outcome, Outcome::Written { .. })).filter(risky).count()
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeidentifiedFile {
    /// Rank of the source among the files of its folder, from 1.
    pub number: usize,
    /// Written where, or refused why.
    pub outcome: Outcome,
    /// Why its pixels need an eye; empty when nothing is known against them.
    pub risks: Vec<PixelRisk>,
    /// Attributes removed, emptied or replaced, at any depth.
    pub changed: usize,
    /// Attributes removed because they repeated a name or an identifier of the patient.
    pub echoes: usize,
}

/// Written or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Written to a path below the output folder, parts separated by `/`: pseudonym, new series UID, new instance UID.
    Written {
        /// The path.
        path: String,
    },
    /// Not written.
    Refused {
        /// The rule that the file breaks.
        reason: Refusal,
    },
}

/// Why a file was not written. No variant holds a value of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The operating system does not give it out.
    Unreadable,
    /// Not DICOM.
    NotDicom,
    /// DICOM that cannot be parsed, or nested too deeply.
    Damaged,
    /// A transfer syntax that is unknown or cannot be written.
    TransferSyntax,
    /// No pixel data: reports, documents, waveforms and directories are not cleaned, since their content is text.
    NoPixels,
    /// A SOP class outside the standard, whose content is not known.
    PrivateClass,
    /// PatientID is absent, so there is nothing to make the pseudonym of.
    NoPatientId,
    /// SOPInstanceUID, SeriesInstanceUID or StudyInstanceUID is absent.
    NoUid,
    /// Pixels that may show text, under [`super::DeidentifyOptions::refuse_risky_pixels`].
    RiskyPixels,
    /// An output of this name exists: an earlier run wrote it, or an earlier file of this run has the same UIDs.
    Exists,
    /// The output cannot be written.
    NotWritten,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "the file cannot be read",
            Self::NotDicom => "not a DICOM file",
            Self::Damaged => "the DICOM dataset is damaged",
            Self::TransferSyntax => "unsupported transfer syntax",
            Self::NoPixels => "no pixel data: only images are de-identified",
            Self::PrivateClass => "a SOP class outside the standard",
            Self::NoPatientId => "PatientID is absent",
            Self::NoUid => "SOPInstanceUID, SeriesInstanceUID or StudyInstanceUID is absent",
            Self::RiskyPixels => "the pixels may show text",
            Self::Exists => "the output exists",
            Self::NotWritten => "the output cannot be written",
        })
    }
}
