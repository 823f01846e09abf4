use super::attributes::Attributes;
use super::{DicomFile, Error};

/// Two places closer than this are the same, in millimetres.
const SAME_PLACE_MM: f64 = 0.01;

/// Where one slice lies in the patient: its grid of pixels, in the DICOM patient coordinates (left, posterior, superior).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceGeometry {
    /// Centre of the first pixel (ImagePositionPatient), millimetres.
    pub position: [f64; 3],
    /// Direction cosines along a row, then along a column (ImageOrientationPatient).
    pub orientation: [f64; 6],
    /// Between rows and between columns (PixelSpacing), millimetres.
    pub pixel_spacing_mm: [f64; 2],
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
}

impl SliceGeometry {
    /// Where a frame of `file` lies; `None` when the file does not place it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for directions that are not orthogonal unit vectors, a spacing that is not positive, or a
    /// position that is not three numbers.
    ///
    /// # Source
    /// PS3.3 C.7.6.2 (image plane) and C.7.6.16.2 (plane position, plane orientation and pixel measures per frame).
    pub fn of_frame(file: &DicomFile, frame: usize) -> Result<Option<Self>, Error> {
        let attributes = file.frame(frame);
        let (Some(position), Some(orientation), Some(pixel_spacing_mm)) = (
            attributes.vector("ImagePositionPatient")?,
            attributes.vector::<6>("ImageOrientationPatient")?,
            attributes.vector::<2>("PixelSpacing")?,
        ) else {
            return Ok(None);
        };
        let [a, b, c, d, e, f] = orientation;
        let unit = |x: f64, y: f64, z: f64| (x * x + y * y + z * z - 1.0).abs() < 1e-2;
        if !unit(a, b, c) || !unit(d, e, f) || (a * d + b * e + c * f).abs() > 1e-2 {
            return Err(Error::Malformed {
                attribute: "ImageOrientationPatient",
                expected: "two orthogonal unit vectors",
                found: format!("{orientation:?}"),
            });
        }
        if pixel_spacing_mm.iter().any(|side| *side <= 0.0) {
            return Err(Error::Malformed {
                attribute: "PixelSpacing",
                expected: "two positive lengths",
                found: format!("{pixel_spacing_mm:?}"),
            });
        }
        let rows = attributes.required("Rows", 1, 65_535)?;
        let columns = attributes.required("Columns", 1, 65_535)?;
        Ok(Some(Self { position, orientation, pixel_spacing_mm, rows, columns }))
    }

    /// Rows and columns from the first pixel of `self` to the first of `other`, when both lie on one grid in one plane.
    ///
    /// `None` when directions differ by more than 0.001 or spacings by more than 0.1 %, or `other` lies more than
    /// 0.01 mm off the plane or off the grid.
    pub(super) fn offset_of(&self, other: &Self) -> Option<(i64, i64)> {
        let turned = self.orientation.iter().zip(other.orientation).any(|(a, b)| (a - b).abs() > 1e-3);
        let scaled = self.pixel_spacing_mm.iter().zip(other.pixel_spacing_mm).any(|(a, b)| (a / b - 1.0).abs() > 1e-3);
        if turned || scaled {
            return None;
        }
        let [a, b, c, d, e, f] = self.orientation;
        let shift: [f64; 3] = std::array::from_fn(|axis| other.position[axis] - self.position[axis]);
        let along = |x: f64, y: f64, z: f64| shift[0] * x + shift[1] * y + shift[2] * z;
        let off_plane = along(b * f - c * e, c * d - a * f, a * e - b * d);
        let [between_rows, between_columns] = self.pixel_spacing_mm;
        let (across, down) = (along(a, b, c) / between_columns, along(d, e, f) / between_rows);
        let on_grid = |steps: f64, side: f64| (steps - steps.round()).abs() * side <= SAME_PLACE_MM;
        let fits = off_plane.abs() <= SAME_PLACE_MM && on_grid(across, between_columns) && on_grid(down, between_rows);
        (fits && across.abs() < 1e6 && down.abs() < 1e6).then(|| (down.round() as i64, across.round() as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(position: [f64; 3]) -> SliceGeometry {
        SliceGeometry {
            position,
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            pixel_spacing_mm: [2.0, 0.5],
            rows: 10,
            columns: 10,
        }
    }

    #[test]
    fn grids_fit_when_they_are_whole_pixels_apart_in_one_plane() {
        let first = slice([-10.0, 5.0, 3.0]);
        assert_eq!(first.offset_of(&slice([-9.0, 1.0, 3.004])), Some((-2, 2)));
        assert_eq!(first.offset_of(&slice([-10.0, 5.0, 3.02])), None, "another slice");
        assert_eq!(first.offset_of(&slice([-9.9, 5.0, 3.0])), None, "between two columns");
        let turned = SliceGeometry { orientation: [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0], ..first };
        assert_eq!(first.offset_of(&turned), None);
        assert_eq!(first.offset_of(&SliceGeometry { pixel_spacing_mm: [2.0, 0.51], ..first }), None);
    }
}
