use std::fmt;

use serde::{Deserialize, Serialize};

use super::ImageSide;

/// Something about an image that makes an answer drawn from it doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum QualityFinding {
    /// Nothing is shown.
    Blank,
    /// Tissue at the brightest value.
    Saturated {
        /// Part of the tissue's pixels, in [0, 1].
        fraction: f64,
    },
    /// Tissue at the darkest value.
    Blackened {
        /// Part of the tissue's pixels, in [0, 1].
        fraction: f64,
    },
    /// Bright and dark tissue are nearly alike.
    LowContrast {
        /// Michelson contrast of the 95th and 5th percentile, in [0, 1].
        contrast: f64,
    },
    /// Motion or defocus: the edges are as soft as after a blur.
    Blurred {
        /// Crete's measure, 0 sharp to 1 all blur.
        blur: f64,
    },
    /// Noise that hides tissue.
    Noisy {
        /// Standard deviation as a part of the spread of the tissue's values.
        noise: f64,
    },
    /// The breast moved between the phases of a dynamic series.
    PhaseMotion {
        /// Length of the displacement in the plane of the slices, millimetres.
        shift_mm: f64,
    },
    /// The chest wall lies where the attributes say it does not.
    WrongSide {
        /// Where the attributes put it.
        declared: ImageSide,
        /// Where the pixels have it.
        found: ImageSide,
    },
    /// A colour image of a modality that takes grey ones.
    ColourOfGreyModality {
        /// Part of the pixels that are coloured, in [0, 1].
        fraction: f64,
    },
    /// A shape that no mammogram has.
    UnlikelyShape {
        /// Width divided by height.
        aspect: f64,
    },
}

impl QualityFinding {
    /// The stable code of the finding, as serialised.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Saturated { .. } => "saturated",
            Self::Blackened { .. } => "blackened",
            Self::LowContrast { .. } => "low_contrast",
            Self::Blurred { .. } => "blurred",
            Self::Noisy { .. } => "noisy",
            Self::PhaseMotion { .. } => "phase_motion",
            Self::WrongSide { .. } => "wrong_side",
            Self::ColourOfGreyModality { .. } => "colour_of_grey_modality",
            Self::UnlikelyShape { .. } => "unlikely_shape",
        }
    }
}

impl fmt::Display for QualityFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: &f64| 100.0 * part;
        match self {
            Self::Blank => write!(f, "blank: the image shows nothing"),
            Self::Saturated { fraction } => {
                write!(f, "saturated: {:.0} % of the tissue is at the brightest value", percent(fraction))
            }
            Self::Blackened { fraction } => {
                write!(f, "blackened: {:.0} % of the tissue is at the darkest value", percent(fraction))
            }
            Self::LowContrast { contrast } => {
                write!(f, "low contrast: bright and dark tissue differ by {contrast:.2} of 1")
            }
            Self::Blurred { blur } => write!(f, "motion or blur: softness {blur:.2} of 1"),
            Self::Noisy { noise } => write!(f, "noise: {:.0} % of the spread of the tissue's values", percent(noise)),
            Self::PhaseMotion { shift_mm } => write!(f, "motion between phases: {shift_mm:.1} mm"),
            Self::WrongSide { declared, found } => write!(
                f,
                "wrong side: the chest wall is declared on the {} of the image and lies on the {}",
                declared.as_str(),
                found.as_str()
            ),
            Self::ColourOfGreyModality { fraction } => {
                write!(f, "wrong modality: {:.0} % of the pixels are coloured", percent(fraction))
            }
            Self::UnlikelyShape { aspect } => {
                write!(f, "wrong modality: no mammogram is {aspect:.1} times as wide as high")
            }
        }
    }
}
