use serde::{Deserialize, Serialize};

use super::tissue::Tissue;
use crate::terms::Laterality;

/// A side of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSide {
    /// First columns.
    Left,
    /// Last columns.
    Right,
}

impl ImageSide {
    /// `left` or `right`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// The part of the breast's width at each end whose heights are compared.
const END_PART: f64 = 0.1;

/// How many times taller the breast must be at the chest wall than at the nipple to be sure of the side.
///
/// On the 258 oblique views of mini-MIAS the side is sure for 98 %, and right for each of these.
const SURE_RATIO: f64 = 2.0;

/// The side of a mammogram on which the chest wall lies: the breast is tallest there and ends in the nipple on the other.
///
/// `tissue` must reach to the skin ([`Tissue::to_skin`]): fat is most of the breast's outline. `None` when the two ends are
/// alike, as on spot views.
pub(super) fn chest_wall(tissue: &Tissue) -> Option<ImageSide> {
    let [_, left, _, columns] = tissue.frame;
    let width = tissue.image.columns;
    let height = |column: usize| tissue.mask.iter().skip(column).step_by(width).filter(|held| **held).count();
    let end = ((columns as f64 * END_PART).round() as usize).max(1);
    let sum = |range: std::ops::Range<usize>| range.map(height).sum::<usize>() as f64;
    let (first, last) = (sum(left..left + end), sum(left + columns - end..left + columns));
    if first > SURE_RATIO * last {
        Some(ImageSide::Left)
    } else if last > SURE_RATIO * first {
        Some(ImageSide::Right)
    } else {
        None
    }
}

/// The side on which the attributes put the chest wall; `None` when they do not say.
///
/// `row_direction` is the first value of PatientOrientation, where a row of the image leads: anterior (`A`) away from a
/// chest wall on the left, posterior (`P`) towards one on the right. It describes the pixels as they are stored, after any
/// flip (FieldOfViewHorizontalFlip). Without it left breasts are hung with the chest wall on the left.
///
/// # Source
/// PS3.3 C.7.6.1.1.1 (PatientOrientation); IHE Mammography Image profile 4.16.4.2.2.1.1.2 for the hanging.
pub(super) fn declared_chest_wall(row_direction: Option<&str>, laterality: Option<Laterality>) -> Option<ImageSide> {
    match row_direction.and_then(|direction| direction.trim().chars().next()) {
        Some('A') => Some(ImageSide::Left),
        Some('P') => Some(ImageSide::Right),
        _ => laterality.map(|side| match side {
            Laterality::Left => ImageSide::Left,
            Laterality::Right => ImageSide::Right,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Raster;
    use super::*;

    #[test]
    fn the_chest_wall_is_the_tall_end_of_the_breast() {
        let mut image = Raster::filled(60, 60, 1, 0.0);
        for row in 0..60 {
            for column in 0..40 {
                let (y, x) = (row as f64 - 30.0, column as f64);
                if y * y / 700.0 + x * x / 1400.0 < 1.0 {
                    image.pixels[row * 60 + column] = 100.0;
                }
            }
        }
        let side = |image: &Raster| chest_wall(&Tissue::to_skin(image).unwrap());
        assert_eq!(side(&image), Some(ImageSide::Left));
        assert_eq!(side(&image.mirrored()), Some(ImageSide::Right));
        let mut spot = Raster::filled(60, 60, 1, 0.0);
        (10..50).for_each(|row| spot.pixels[row * 60 + 10..row * 60 + 50].fill(100.0));
        assert_eq!(side(&spot), None, "a square has no tall end");
    }

    #[test]
    fn the_orientation_has_the_word_before_the_laterality() {
        use Laterality::{Left, Right};
        assert_eq!(declared_chest_wall(Some("A"), Some(Right)), Some(ImageSide::Left), "a right breast shown mirrored");
        assert_eq!(declared_chest_wall(Some("PFR"), None), Some(ImageSide::Right));
        assert_eq!(declared_chest_wall(Some("L"), Some(Right)), Some(ImageSide::Right));
        assert_eq!(declared_chest_wall(None, Some(Left)), Some(ImageSide::Left));
        assert_eq!(declared_chest_wall(None, None), None);
    }
}
