//! The patients who are not ordinary, and where in the cohort they sit.

use serde::Serialize;

/// What is special about a synthetic patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// No mammograms.
    WithoutMammography,
    /// No ultrasound.
    WithoutUltrasound,
    /// No MRI, and so no tumour volume in the clinical table.
    WithoutMri,
    /// No row in the genomic table.
    WithoutGenomics,
    /// No image of any modality; tables only.
    WithoutImages,
    /// The clinical row gives an age of 214 years, which the schema must refuse.
    ImplausibleAge,
    /// Scores and volume far outside what any model was trained on.
    UnlikeTraining,
    /// HER2 status is empty in the clinical table.
    UnknownHer2,
    /// One mammogram is cut inside its pixel data.
    TruncatedDicom,
    /// A text file named `.dcm` lies among the mammograms.
    TextNamedDcm,
}

/// A special patient of the cohort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CastMember {
    /// The study code, such as `DEMO-004`.
    pub patient: String,
    /// What is special.
    pub role: Role,
    /// The same in one sentence, for a reader.
    pub note: &'static str,
}

/// Special patients by their number in the cohort, counted from 1.
const CAST: [(usize, Role); 14] = [
    (4, Role::WithoutMammography),
    (6, Role::WithoutGenomics),
    (7, Role::WithoutUltrasound),
    (9, Role::WithoutMri),
    (11, Role::ImplausibleAge),
    (12, Role::WithoutMammography),
    (14, Role::UnknownHer2),
    (15, Role::WithoutGenomics),
    (16, Role::TruncatedDicom),
    (18, Role::TextNamedDcm),
    (19, Role::WithoutUltrasound),
    (21, Role::WithoutMri),
    (23, Role::UnlikeTraining),
    (25, Role::WithoutImages),
];

impl Role {
    /// The role in one sentence.
    #[must_use]
    pub fn note(self) -> &'static str {
        match self {
            Self::WithoutMammography => "has no mammography folder",
            Self::WithoutUltrasound => "has no ultrasound folder",
            Self::WithoutMri => "has no mri folder; tumour_volume_mm3 is empty",
            Self::WithoutGenomics => "has no row in genomic.csv",
            Self::WithoutImages => "has no images at all, only table rows",
            Self::ImplausibleAge => "has age_years 214 in clinical.csv, which a check must refuse",
            Self::UnlikeTraining => {
                "has immune and proliferation scores 6 to 8 standard deviations out and a tumour volume of 900000 mm3, \
                 more than the MRI covers"
            }
            Self::UnknownHer2 => "has an empty her2 in clinical.csv and an equivocal HER2 state in pathology.csv",
            Self::TruncatedDicom => "has a mammogram (RMLO.dcm) that ends inside its pixel data",
            Self::TextNamedDcm => "has a text file (letter.dcm) among the mammograms",
        }
    }

    /// True when the role only shows in the images.
    pub(super) fn needs_images(self) -> bool {
        matches!(
            self,
            Self::WithoutMammography
                | Self::WithoutUltrasound
                | Self::WithoutImages
                | Self::TruncatedDicom
                | Self::TextNamedDcm
        )
    }
}

/// The role of the patient with this number, counted from 1; `None` for an ordinary one.
pub(super) fn role_of(number: usize) -> Option<Role> {
    CAST.iter().find(|(at, _)| *at == number).map(|(_, role)| *role)
}
