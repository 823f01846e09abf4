use super::super::Raster;
use super::super::intensity::{largest_region, otsu};

/// Longer side to which images are shrunk before their regions and sharpness are measured, pixels.
///
/// The reference images have sides of 224 (BUS-BRA) and 256 (mini-MIAS); sharpness compares only at a like size.
pub(super) const MEASURE_SIDE: usize = 256;

/// Mean of a border row or column, as a part of the range, up to which it counts as empty.
const EMPTY_BORDER: f32 = 0.04;

/// The part of an image that shows the body, on the image shrunk to [`MEASURE_SIDE`].
pub(super) struct Tissue {
    /// The shrunk image, grey.
    pub image: Raster,
    /// True where the body is, holes filled; one entry per pixel of `image`.
    pub mask: Vec<bool>,
    /// First row, first column, rows and columns of the box around the body.
    pub frame: [usize; 4],
}

impl Tissue {
    /// A body on air without its faint edge: what is brighter than half of Otsu's threshold.
    ///
    /// `None` for an image without a region, such as a constant one.
    pub fn on_air(image: &Raster) -> Option<Self> {
        Self::brighter(image, 0.5)
    }

    /// A body on air to its skin: what is brighter than 15 % of Otsu's threshold.
    pub fn to_skin(image: &Raster) -> Option<Self> {
        Self::brighter(image, 0.15)
    }

    /// The largest region above a part of Otsu's threshold, both counted from the darkest value.
    fn brighter(image: &Raster, part: f32) -> Option<Self> {
        let image = shrink(&image.to_grey());
        let threshold = otsu(&image)?;
        let dark = image.range().map_or(0.0, |(low, _)| low);
        let level = dark + part * (threshold - dark);
        let bright: Vec<bool> = image.pixels.iter().map(|value| *value >= level).collect();
        let mut mask = vec![false; bright.len()];
        largest_region(&bright, image.columns).into_iter().for_each(|at| mask[at] = true);
        fill_holes(&mut mask, image.columns);
        Self::framed(image, mask)
    }

    /// The image without its empty border rows and columns: the field of a sonogram.
    pub fn in_field(image: &Raster) -> Option<Self> {
        let image = shrink(&image.to_grey());
        let (low, high) = image.range().filter(|(low, high)| high > low)?;
        let lit = |means: &Raster| -> Vec<bool> {
            means.pixels.iter().map(|mean| *mean > low + EMPTY_BORDER * (high - low)).collect()
        };
        let (rows, columns) = (lit(&image.resize(image.rows, 1)), lit(&image.resize(1, image.columns)));
        let span = |lit: &[bool]| Some(lit.iter().position(|l| *l)?..=lit.iter().rposition(|l| *l)?);
        let (rows, columns) = (span(&rows)?, span(&columns)?);
        let width = image.columns;
        let mask = (0..image.pixels.len()).map(|at| rows.contains(&(at / width)) && columns.contains(&(at % width)));
        let mask = mask.collect();
        Self::framed(image, mask)
    }

    fn framed(image: Raster, mask: Vec<bool>) -> Option<Self> {
        let width = image.columns;
        let held = || mask.iter().enumerate().filter(|(_, held)| **held).map(|(at, _)| (at / width, at % width));
        let (top, bottom) = (held().map(|p| p.0).min()?, held().map(|p| p.0).max()?);
        let (left, right) = (held().map(|p| p.1).min()?, held().map(|p| p.1).max()?);
        Some(Self { image, mask, frame: [top, left, bottom - top + 1, right - left + 1] })
    }

    /// The values of the shrunk image inside the body.
    pub fn values(&self) -> Vec<f32> {
        self.image.pixels.iter().zip(&self.mask).filter_map(|(value, held)| held.then_some(*value)).collect()
    }

    /// The values of `full`, the image before it was shrunk, inside the body.
    pub fn full_values(&self, full: &Raster) -> Vec<f32> {
        let place = |at: usize, from: usize, to: usize| (at * to / from.max(1)).min(to.saturating_sub(1));
        let grey = full.to_grey();
        let mut values = Vec::new();
        for (row, line) in grey.pixels.chunks_exact(grey.columns.max(1)).enumerate() {
            let start = place(row, grey.rows, self.image.rows) * self.image.columns;
            let held = |column: usize| self.mask.get(start + place(column, grey.columns, self.image.columns));
            values.extend(line.iter().enumerate().filter(|(at, _)| held(*at) == Some(&true)).map(|(_, value)| *value));
        }
        values
    }

    /// The shrunk image cut to the box around the body.
    pub fn cut(&self) -> Raster {
        let [top, left, rows, columns] = self.frame;
        self.image.crop(top, left, rows, columns)
    }
}

/// The image with its longer side at most [`MEASURE_SIDE`]; values that are not finite become the darkest.
fn shrink(grey: &Raster) -> Raster {
    let low = grey.range().map_or(0.0, |(low, _)| low);
    let mut image = grey.clone();
    image.pixels.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = low);
    let ratio = MEASURE_SIDE as f64 / image.rows.max(image.columns).max(1) as f64;
    if ratio >= 1.0 {
        return image;
    }
    let side = |length: usize| (length as f64 * ratio).round() as usize;
    image.resize(side(image.rows), side(image.columns))
}

/// Adds to a mask what it encloses: all that the border cannot reach through false neighbours.
fn fill_holes(mask: &mut [bool], columns: usize) {
    let rows = mask.len() / columns.max(1);
    let border = |at: &usize| {
        let (row, column) = (at / columns, at % columns);
        row == 0 || column == 0 || row + 1 == rows || column + 1 == columns
    };
    let mut outside: Vec<bool> = vec![false; mask.len()];
    let mut open: Vec<usize> = (0..mask.len()).filter(border).filter(|at| !mask[*at]).collect();
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut outside[at], true) {
            continue;
        }
        let (row, column) = (at / columns, at % columns);
        let neighbours = [
            (row > 0).then(|| at - columns),
            (row + 1 < rows).then_some(at + columns),
            (column > 0).then(|| at - 1),
            (column + 1 < columns).then_some(at + 1),
        ];
        open.extend(neighbours.into_iter().flatten().filter(|next| !mask[*next] && !outside[*next]));
    }
    mask.iter_mut().zip(outside).for_each(|(held, outside)| *held = !outside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breast_is_found_with_its_holes_and_without_its_label() {
        let mut image = Raster::filled(40, 40, 1, 10.0);
        for row in 5..35 {
            for column in 0..20 {
                let hole = row == 20 && column == 8;
                image.pixels[row * 40 + column] = if hole { 10.0 } else { 200.0 };
            }
        }
        image.pixels[3 * 40 + 38] = 255.0;
        let tissue = Tissue::on_air(&image).unwrap();
        assert_eq!((tissue.frame, tissue.values().len()), ([5, 0, 30, 20], 600));
        assert_eq!(tissue.full_values(&image).len(), 600);
        assert!(Tissue::on_air(&Raster::filled(4, 4, 1, 1.0)).is_none());
    }

    #[test]
    fn a_field_has_no_empty_border_and_large_images_are_shrunk() {
        let mut image = Raster::filled(512, 1024, 1, 0.0);
        for row in 128..384 {
            image.pixels[row * 1024 + 256..row * 1024 + 768].fill(100.0);
        }
        let tissue = Tissue::in_field(&image).unwrap();
        assert_eq!((tissue.image.rows, tissue.image.columns), (128, 256));
        assert_eq!(tissue.frame, [32, 64, 64, 128]);
        assert_eq!(tissue.full_values(&image).len(), 256 * 512);
    }
}
