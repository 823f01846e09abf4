use super::Raster;
use super::intensity::{largest_region, percentile, scale};
use super::prepare::{LesionBox, Prepared, fit};

/// A whole image for a network that searches it, 1 × `side` × `side`: aspect kept, centred, black around it.
///
/// Intensities run from the 1st to the 99.5th percentile of the image. [`WholeFrame`] finds the way back.
#[must_use]
pub fn prepare_whole(image: &Raster, side: usize) -> Prepared {
    let mut grey = image.to_grey();
    let low = percentile(&grey.pixels, 0.01).unwrap_or(0.0);
    let high = percentile(&grey.pixels, 0.995).unwrap_or(0.0);
    scale(&mut grey.pixels, low, high);
    Prepared::from_raster(&fit(&grey, side, true).0)
}

/// Where a whole image of `rows × columns` pixels lies in the square of [`prepare_whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeFrame {
    /// Height of the image.
    pub rows: usize,
    /// Width of the image.
    pub columns: usize,
    /// Side of the square.
    pub side: usize,
}

impl WholeFrame {
    /// An aligned image (a mask of 0 and 1, say) in the square, without any change of its values but averaging.
    #[must_use]
    pub fn square(&self, image: &Raster) -> Prepared {
        Prepared::from_raster(&fit(image, self.side, true).0)
    }

    /// A map over the square (of any side that covers it) back at the size of the image.
    #[must_use]
    pub fn restore(&self, map: &Raster) -> Raster {
        let longest = self.rows.max(self.columns).max(1);
        // The map is grown to a square of the image's longer side first, so that the image is cut from it on whole pixels.
        let square = map.resize(longest, longest);
        let (top, left) = ((longest - self.rows) / 2, (longest - self.columns) / 2);
        square.crop(top, left, self.rows, self.columns)
    }
}

/// The largest connected region of values of at least `level`: the box around it and its pixels, numbered row after row.
/// `None` when no value reaches the level.
#[must_use]
pub fn largest_lesion(map: &Raster, level: f32) -> Option<(LesionBox, Vec<usize>)> {
    let mask: Vec<bool> = map.channel(0).pixels.iter().map(|value| *value >= level).collect();
    let region = largest_region(&mask, map.columns);
    let rows = || region.iter().map(|at| at / map.columns.max(1));
    let columns = || region.iter().map(|at| at % map.columns.max(1));
    let (top, bottom, left, right) = (rows().min()?, rows().max()?, columns().min()?, columns().max()?);
    Some((LesionBox { top, left, rows: bottom - top + 1, columns: right - left + 1 }, region))
}

#[cfg(test)]
mod tests {
    use super::super::mask_box;
    use super::*;

    #[test]
    fn a_mask_comes_back_from_the_square_where_it_was() {
        for (rows, columns) in [(60, 100), (100, 60), (64, 64), (33, 80)] {
            let mut mask = Raster::filled(rows, columns, 1, 0.0);
            for row in rows / 4..rows / 2 {
                for column in columns / 3..columns * 2 / 3 {
                    mask.pixels[row * columns + column] = 1.0;
                }
            }
            let frame = WholeFrame { rows, columns, side: 64 };
            let square = frame.square(&mask);
            let map = Raster { rows: 64, columns: 64, channels: 1, pixels: square.pixels };
            let back = frame.restore(&map);
            assert_eq!((back.rows, back.columns), (rows, columns));
            let (found, truth) = (largest_lesion(&back, 0.5).unwrap().0, mask_box(&mask).unwrap());
            for (a, b) in [
                (found.top, truth.top),
                (found.left, truth.left),
                (found.rows, truth.rows),
                (found.columns, truth.columns),
            ] {
                // Two resizings move an edge by at most two pixels of the coarser grid.
                assert!(a.abs_diff(b) <= 3, "{found:?} {truth:?}");
            }
        }
    }

    #[test]
    fn only_the_largest_region_makes_the_box() {
        let mut map = Raster::filled(10, 10, 1, 0.0);
        map.pixels[0] = 1.0;
        for at in [55, 56, 65, 66] {
            map.pixels[at] = 0.9;
        }
        let expected = LesionBox { top: 5, left: 5, rows: 2, columns: 2 };
        assert_eq!(largest_lesion(&map, 0.5), Some((expected, vec![55, 56, 65, 66])));
        assert_eq!(largest_lesion(&map, 1.5), None);
    }
}
