use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// An imaging modality that regimen embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// X-ray mammography (DICOM MG).
    Mammography,
    /// B-mode ultrasound (DICOM US).
    Ultrasound,
    /// Dynamic contrast-enhanced MRI (DICOM MR).
    Mri,
}

impl Modality {
    /// All modalities, in the order in which pages list them.
    pub const ALL: [Self; 3] = [Self::Mammography, Self::Ultrasound, Self::Mri];

    /// The word used in columns and JSON: `mammography`, `ultrasound`, `mri`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mammography => "mammography",
            Self::Ultrasound => "ultrasound",
            Self::Mri => "mri",
        }
    }

    /// The modality of a DICOM Modality (0008,0060) value, if it is one of ours.
    #[must_use]
    pub fn from_dicom(code: &str) -> Option<Self> {
        match code.trim() {
            "MG" => Some(Self::Mammography),
            "US" => Some(Self::Ultrasound),
            "MR" => Some(Self::Mri),
            _ => None,
        }
    }

    /// Reads the word that [`Modality::as_str`] writes.
    ///
    /// # Errors
    /// [`Error::Unknown`] for any other word.
    pub fn parse(word: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|modality| modality.as_str() == word).ok_or_else(|| Error::Unknown {
            what: "modality",
            expected: "mammography, ultrasound, mri",
            found: word.to_owned(),
        })
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The side of the body of an image (DICOM Image Laterality).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Laterality {
    /// Left.
    Left,
    /// Right.
    Right,
}

impl Laterality {
    /// `left` or `right`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A mammographic projection (DICOM View Position).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MammogramView {
    /// Cranio-caudal.
    Cc,
    /// Medio-lateral oblique.
    Mlo,
}

impl MammogramView {
    /// `CC` or `MLO`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cc => "CC",
            Self::Mlo => "MLO",
        }
    }
}
