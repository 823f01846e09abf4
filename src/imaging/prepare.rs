use serde::{Deserialize, Serialize};

use super::intensity::{largest_region, otsu, percentile, scale};
use super::{Error, Raster};
use crate::terms::{Laterality, Modality};

/// How an encoder wants its images; part of the encoder, since other pixels would be another question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Height and width of a prepared image in pixels.
    pub side: usize,
    /// Margin around a lesion box on each side, as a fraction of the box; ultrasound only.
    #[serde(default = "lesion_margin")]
    pub margin: f64,
}

fn lesion_margin() -> f64 {
    0.2
}

impl Preparation {
    /// What the first encoders of a modality were trained with: 96 pixels for mammograms, else 64; margin 0.2.
    #[must_use]
    pub fn of(modality: Modality) -> Self {
        let side = if modality == Modality::Mammography { 96 } else { 64 };
        Self { side, margin: lesion_margin() }
    }
}

/// Where a prepared image lies in the image it was made from, so that a map over it can be laid on the original.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Row and column of the original under the top left corner of the prepared image; negative in the padding.
    pub origin: [f64; 2],
    /// Pixels of the original per prepared pixel, on both axes.
    pub step: f64,
    /// True when the prepared image is mirrored left to right.
    pub mirrored: bool,
}

impl Placement {
    /// A `side × side` map over the prepared image, laid on an original of `rows × columns`; zero outside.
    #[must_use]
    pub fn lay(&self, map: &Raster, rows: usize, columns: usize) -> Raster {
        let map = if self.mirrored { map.mirrored() } else { map.clone() };
        let mut out = Raster::filled(rows, columns, 1, 0.0);
        let within = |place: f64, limit: usize| place >= -0.5 && place <= limit as f64 - 0.5;
        for row in 0..rows {
            let y = (row as f64 + 0.5 - self.origin[0]) / self.step - 0.5;
            for column in 0..columns {
                let x = (column as f64 + 0.5 - self.origin[1]) / self.step - 0.5;
                if within(y, map.rows) && within(x, map.columns) {
                    out.pixels[row * columns + column] = between(&map, y, x);
                }
            }
        }
        out
    }
}

/// The value between pixels, coordinates clamped to the map.
fn between(map: &Raster, y: f64, x: f64) -> f32 {
    let clamp = |place: f64, limit: usize| place.clamp(0.0, limit as f64 - 1.0);
    let (y, x) = (clamp(y, map.rows), clamp(x, map.columns));
    let (row, column) = (y.floor() as usize, x.floor() as usize);
    let (down, across) = ((y - y.floor()) as f32, (x - x.floor()) as f32);
    let line = |row: usize| map.at(row, column, 0) * (1.0 - across) + map.at(row, column + 1, 0) * across;
    line(row) * (1.0 - down) + line(row + 1) * down
}

/// One image as an encoder sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// 1 grey, 3 for the phases of an MRI slice.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// `channels × height × width` intensities in [0, 1], channel by channel, row by row.
    pub pixels: Vec<f32>,
}

impl Prepared {
    /// A prepared image from a raster whose values already lie in [0, 1].
    pub(super) fn from_raster(raster: &Raster) -> Self {
        let pixels = (0..raster.channels)
            .flat_map(|channel| raster.pixels.iter().skip(channel).step_by(raster.channels.max(1)).copied())
            .collect();
        Self { channels: raster.channels, height: raster.rows, width: raster.columns, pixels }
    }
}

/// A rectangle around a lesion, in pixels of the whole image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LesionBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Height, at least 1.
    pub rows: usize,
    /// Width, at least 1.
    pub columns: usize,
}

impl LesionBox {
    /// The box around the pixels of `image` that hold; `None` when none does.
    fn around(image: &Raster, holds: impl Fn(f32) -> bool) -> Option<Self> {
        let mut bounds: Option<(usize, usize, usize, usize)> = None;
        for (index, value) in image.channel(0).pixels.iter().enumerate() {
            if holds(*value) {
                let (row, column) = (index / image.columns, index % image.columns);
                let (top, left, bottom, right) = bounds.unwrap_or((row, column, row, column));
                bounds = Some((top.min(row), left.min(column), bottom.max(row), right.max(column)));
            }
        }
        let (top, left, bottom, right) = bounds?;
        Some(Self { top, left, rows: bottom - top + 1, columns: right - left + 1 })
    }

    /// The box grown by `margin` of its size on each side, then on its shorter axis to a square, inside `image`.
    fn square_within(self, image: &Raster, margin: f64) -> Self {
        let grown = |length: usize| (length as f64 * (1.0 + 2.0 * margin)).round() as usize;
        let side = grown(self.rows).max(grown(self.columns));
        let fit = |start: usize, length: usize, limit: usize| {
            let size = side.clamp(1, limit);
            let start = (start + length / 2).saturating_sub(size / 2).min(limit - size);
            (start, size)
        };
        let (top, rows) = fit(self.top, self.rows, image.rows);
        let (left, columns) = fit(self.left, self.columns, image.columns);
        Self { top, left, rows, columns }
    }

    /// The box moved and resized by up to `most` of its size, by three draws of `uniform` from [0, 1).
    #[must_use]
    pub fn jittered(self, most: f64, uniform: &mut dyn FnMut() -> f64) -> Self {
        let mut symmetric = || (2.0 * uniform() - 1.0) * most;
        let (down, across, growth) = (symmetric(), symmetric(), 1.0 + symmetric());
        let axis = |start: usize, length: usize, shift: f64| {
            let size = (length as f64 * growth).round().max(1.0);
            let middle = start as f64 + length as f64 * (0.5 + shift);
            ((middle - size / 2.0).round().max(0.0) as usize, size as usize)
        };
        let ((top, rows), (left, columns)) = (axis(self.top, self.rows, down), axis(self.left, self.columns, across));
        Self { top, left, rows, columns }
    }

    /// The pixels inside.
    #[must_use]
    pub fn cut(self, image: &Raster) -> Raster {
        image.crop(self.top, self.left, self.rows, self.columns)
    }
}

/// The box around the non-zero pixels of a mask; `None` for an empty mask.
#[must_use]
pub fn mask_box(mask: &Raster) -> Option<LesionBox> {
    LesionBox::around(&mask.to_grey(), |value| value > 0.0)
}

/// A mammogram for the encoder, 1 × side × side, and where it lies in the film: the breast alone, chest wall to the left, aspect kept by padding.
///
/// The breast is the largest region above half of Otsu's threshold (counted from the darkest value); other bright
/// regions (labels, markers) are blanked. Right breasts are mirrored; without a laterality the half with more tissue is
/// taken as that of the chest wall.
/// Intensities run from the 1st to the 99.5th percentile inside the breast's box.
#[must_use]
pub fn prepare_mammogram(
    image: &Raster,
    laterality: Option<Laterality>,
    preparation: Preparation,
) -> (Prepared, Placement) {
    let grey = image.to_grey();
    let longest = grey.rows.max(grey.columns);
    let shrink = (longest as f64 / 256.0).max(1.0);
    let small =
        grey.resize((grey.rows as f64 / shrink).round() as usize, (grey.columns as f64 / shrink).round() as usize);
    let mut kept = grey.clone();
    let mut frame = LesionBox { top: 0, left: 0, rows: grey.rows, columns: grey.columns };
    if let Some(threshold) = otsu(&small) {
        let dark = small.range().map_or(0.0, |(low, _)| low);
        // Otsu parts dense tissue from the rest where there is much of it; half way down lies the fat, still above air.
        let level = dark + 0.5 * (threshold - dark);
        let mask: Vec<bool> = small.pixels.iter().map(|value| *value >= level).collect();
        let mut breast = vec![false; mask.len()];
        largest_region(&mask, small.columns).into_iter().for_each(|at| breast[at] = true);
        let (down, across) = (small.rows as f64 / grey.rows as f64, small.columns as f64 / grey.columns as f64);
        for (index, value) in kept.pixels.iter_mut().enumerate() {
            let row = ((index / grey.columns) as f64 * down) as usize;
            let column = ((index % grey.columns) as f64 * across) as usize;
            let at = row.min(small.rows - 1) * small.columns + column.min(small.columns - 1);
            if mask[at] && !breast[at] {
                *value = dark;
            }
        }
        let region = Raster { pixels: breast.iter().map(|b| f32::from(u8::from(*b))).collect(), ..small.clone() };
        if let Some(found) = mask_box(&region) {
            let top = (found.top as f64 / down).floor() as usize;
            let left = (found.left as f64 / across).floor() as usize;
            frame = LesionBox {
                top,
                left,
                rows: (found.rows as f64 / down).ceil() as usize,
                columns: (found.columns as f64 / across).ceil() as usize,
            };
        }
    }
    let mut breast = frame.cut(&kept);
    let low = percentile(&breast.pixels, 0.01).unwrap_or(0.0);
    let high = percentile(&breast.pixels, 0.995).unwrap_or(0.0);
    scale(&mut breast.pixels, low, high);
    let flip = match laterality {
        Some(laterality) => laterality == Laterality::Right,
        None => left_tissue(&breast.mirrored()) > left_tissue(&breast),
    };
    let breast = if flip { breast.mirrored() } else { breast };
    let (fitted, step, [top, left]) = fit(&breast, preparation.side, false);
    // A mirrored breast ends where the padding begins: its left edge in the film is the right edge of the fitted image.
    let padding = if flip { preparation.side as f64 - breast.columns as f64 / step } else { left };
    let origin = [frame.top as f64 - top * step, frame.left as f64 - padding * step];
    (Prepared::from_raster(&fitted), Placement { origin, step, mirrored: flip })
}

/// Pixels of tissue in the left half of a scaled image: the half of the chest wall has more than that of the nipple.
fn left_tissue(image: &Raster) -> usize {
    let half = image.crop(0, 0, image.rows, image.columns.div_ceil(2));
    half.pixels.iter().filter(|value| **value > 0.1).count()
}

/// The image shrunk or grown onto a square of zeros without distortion: centred, or with its left edge kept left. Also
/// the pixels of the image per pixel of the square, and the rows above and columns before it.
pub(super) fn fit(image: &Raster, side: usize, centred: bool) -> (Raster, f64, [f64; 2]) {
    let ratio = side as f64 / image.rows.max(image.columns).max(1) as f64;
    let size = |length: usize| ((length as f64 * ratio).round() as usize).clamp(1, side);
    let small = image.resize(size(image.rows), size(image.columns));
    let top = (side - small.rows) / 2;
    let left = if centred { (side - small.columns) / 2 } else { 0 };
    let mut out = Raster::filled(side, side, image.channels, 0.0);
    for (row, line) in small.pixels.chunks_exact(small.columns * small.channels).enumerate() {
        let start = ((top + row) * side + left) * small.channels;
        out.pixels[start..start + line.len()].copy_from_slice(line);
    }
    (out, 1.0 / ratio, [top as f64, left as f64])
}

/// A sonogram for the encoder, 1 × side × side, aspect kept, and where it lies in the original.
///
/// With a lesion box: the box with the preparation's margin on each side, widened to a square where the image allows. Without:
/// the whole image, its black borders trimmed. Intensities run from the 1st to the 99.5th percentile of what is kept.
#[must_use]
pub fn prepare_ultrasound(
    image: &Raster,
    lesion: Option<LesionBox>,
    preparation: Preparation,
) -> (Prepared, Placement) {
    let grey = image.to_grey();
    let frame = match lesion {
        Some(lesion) => lesion.square_within(&grey, preparation.margin),
        None => bright_box(&grey),
    };
    let mut kept = frame.cut(&grey);
    let low = percentile(&kept.pixels, 0.01).unwrap_or(0.0);
    let high = percentile(&kept.pixels, 0.995).unwrap_or(0.0);
    scale(&mut kept.pixels, low, high);
    let (fitted, step, [top, left]) = fit(&kept, preparation.side, true);
    let origin = [frame.top as f64 - top * step, frame.left as f64 - left * step];
    (Prepared::from_raster(&fitted), Placement { origin, step, mirrored: false })
}

/// The image without the border rows and columns that are dark throughout (at most 4 % of the range on average).
fn bright_box(grey: &Raster) -> LesionBox {
    let whole = LesionBox { top: 0, left: 0, rows: grey.rows, columns: grey.columns };
    let Some((low, high)) = grey.range().filter(|(low, high)| high > low) else { return whole };
    let dark = low + 0.04 * (high - low);
    let row_means = grey.resize(grey.rows, 1).pixels;
    let column_means = grey.resize(1, grey.columns).pixels;
    let ends = |means: &[f32]| {
        let first = means.iter().position(|mean| *mean > dark)?;
        let last = means.iter().rposition(|mean| *mean > dark)?;
        Some((first, last - first + 1))
    };
    match (ends(&row_means), ends(&column_means)) {
        (Some((top, rows)), Some((left, columns))) => LesionBox { top, left, rows, columns },
        _ => whole,
    }
}

/// An MRI slice for the encoder, 3 × side × side: before, early after and late after contrast.
///
/// The three phases are scaled together, 0 to the 99.5th percentile of the early one; aspect kept by padding.
///
/// # Errors
/// [`Error::Shape`] when the three slices differ in size.
pub fn prepare_mri_slice(
    pre: &Raster,
    early: &Raster,
    late: &Raster,
    preparation: Preparation,
) -> Result<(Prepared, Placement), Error> {
    let size = |image: &Raster| (image.rows, image.columns);
    if size(pre) != size(early) || size(pre) != size(late) {
        return Err(Error::Shape {
            expected: format!("three slices of {} x {}", pre.rows, pre.columns),
            found: format!("{} x {} and {} x {}", early.rows, early.columns, late.rows, late.columns),
        });
    }
    let phases = [pre.to_grey(), early.to_grey(), late.to_grey()];
    let pixels = (0..pre.rows * pre.columns).flat_map(|at| phases.iter().map(move |phase| phase.pixels[at])).collect();
    prepare_mri_colour(&Raster::new(pre.rows, pre.columns, 3, pixels)?, preparation)
}

/// An MRI slice for the encoder from one colour image whose channels are the phases before, early and late.
///
/// Scaled as [`prepare_mri_slice`].
///
/// # Errors
/// [`Error::Shape`] when the image does not have three channels.
pub fn prepare_mri_colour(image: &Raster, preparation: Preparation) -> Result<(Prepared, Placement), Error> {
    if image.channels != 3 {
        return Err(Error::Shape { expected: "3 channels".to_owned(), found: format!("{} channels", image.channels) });
    }
    let high = percentile(&image.channel(1).pixels, 0.995).unwrap_or(0.0);
    let mut scaled = image.clone();
    scale(&mut scaled.pixels, 0.0, high);
    let (fitted, step, [top, left]) = fit(&scaled, preparation.side, true);
    let placement = Placement { origin: [-top * step, -left * step], step, mirrored: false };
    Ok((Prepared::from_raster(&fitted), placement))
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::mammogram;
    use super::super::{DecodedPixels, DicomFile, modality_raster};
    use super::*;

    fn raster(side: &str) -> Raster {
        let file = DicomFile::from_bytes(&mammogram(side, "CC").file()).unwrap();
        modality_raster(&file, &DecodedPixels::decode(&file).unwrap().0, 0).unwrap()
    }

    #[test]
    fn mammograms_show_the_breast_from_the_left_without_labels() {
        let of = Preparation::of(Modality::Mammography);
        let (left, _) = prepare_mammogram(&raster("L"), Some(Laterality::Left), of);
        let (right, placed) = prepare_mammogram(&raster("R"), Some(Laterality::Right), of);
        let (guessed, _) = prepare_mammogram(&raster("R"), None, of);
        assert_eq!(right, guessed);
        assert!(placed.mirrored);
        assert_eq!((left.channels, left.height, left.width, left.pixels.len()), (1, 96, 96, 9216));
        let column = |image: &Prepared, at: usize| (0..96).map(|row| image.pixels[row * 96 + at]).sum::<f32>();
        for image in [&left, &right] {
            assert!(column(image, 2) > column(image, 40) && column(image, 90) == 0.0);
            assert!(image.pixels.iter().all(|value| (0.0..=1.0).contains(value)));
        }
        assert!(left.pixels[48 * 96] > 0.9, "the label does not dim the breast");
    }

    #[test]
    fn a_mask_has_a_box_and_an_empty_one_has_none() {
        let mut mask = Raster::filled(10, 12, 1, 0.0);
        assert_eq!(mask_box(&mask), None);
        for (row, column) in [(2, 3), (6, 9)] {
            mask.pixels[row * 12 + column] = 255.0;
        }
        assert_eq!(mask_box(&mask), Some(LesionBox { top: 2, left: 3, rows: 5, columns: 7 }));
    }

    #[test]
    fn a_sonogram_is_cut_to_its_lesion_or_trimmed_of_its_border() {
        let mut image = Raster::filled(100, 200, 1, 0.0);
        for row in 10..90 {
            for column in 50..150 {
                image.pixels[row * 200 + column] = 60.0 + ((row * 7 + column * 3) % 90) as f32;
            }
        }
        let of = Preparation::of(Modality::Ultrasound);
        let (whole, _) = prepare_ultrasound(&image, None, of);
        assert_eq!((whole.channels, whole.height, whole.width), (1, 64, 64));
        let lit = whole.pixels.iter().filter(|value| **value > 0.0).count();
        assert!(lit > 64 * 48, "the border is gone, the aspect 80:100 kept: {lit}");
        let lesion = LesionBox { top: 40, left: 90, rows: 20, columns: 10 };
        assert_eq!(lesion.square_within(&image, 0.2), LesionBox { top: 36, left: 81, rows: 28, columns: 28 });
        let corner = LesionBox { top: 95, left: 0, rows: 5, columns: 5 };
        assert_eq!(corner.square_within(&image, 0.2), LesionBox { top: 93, left: 0, rows: 7, columns: 7 });
        assert!(prepare_ultrasound(&image, Some(lesion), of).0.pixels.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn phases_are_scaled_together_by_the_early_one() {
        let level = |value: f32| Raster::filled(8, 8, 1, value);
        let of = Preparation::of(Modality::Mri);
        let (slice, _) = prepare_mri_slice(&level(50.0), &level(200.0), &level(100.0), of).unwrap();
        assert_eq!((slice.pixels[0], slice.pixels[4096], slice.pixels[8192]), (0.25, 1.0, 0.5));
        assert!(prepare_mri_slice(&level(1.0), &Raster::filled(8, 9, 1, 1.0), &level(1.0), of).is_err());
        assert!(prepare_mri_colour(&level(1.0), of).is_err());
        let (blank, _) = prepare_mri_slice(&level(0.0), &level(0.0), &level(0.0), of).unwrap();
        assert!(blank.pixels.iter().all(|value| *value == 0.0));
    }

    /// A bright square somewhere must be found at the same place after preparing the image and laying the result back.
    #[test]
    fn a_prepared_image_laid_back_covers_what_it_was_made_from() {
        let mut image = Raster::filled(120, 200, 1, 20.0);
        for row in 30..60 {
            for column in 20..110 {
                image.pixels[row * 200 + column] = 120.0 + ((row * 5 + column) % 40) as f32;
            }
        }
        for row in 40..48 {
            for column in 60..68 {
                image.pixels[row * 200 + column] = 255.0;
            }
        }
        let mirrored = image.mirrored();
        let of = Preparation { side: 96, margin: 0.5 };
        let lesion = LesionBox { top: 38, left: 55, rows: 14, columns: 18 };
        let cases = [
            (&image, prepare_ultrasound(&image, Some(lesion), of), 60),
            (&image, prepare_mammogram(&image, Some(Laterality::Left), of), 60),
            (&mirrored, prepare_mammogram(&mirrored, Some(Laterality::Right), of), 200 - 68),
        ];
        for (original, (prepared, placement), left) in cases {
            let map = Raster { rows: 96, columns: 96, channels: 1, pixels: prepared.pixels };
            let back = placement.lay(&map, 120, 200);
            let at = |row: usize, column: usize| back.pixels[row * 200 + column];
            let inside: f32 = (41..47).map(|r| (left + 1..left + 7).map(|c| at(r, c)).sum::<f32>()).sum();
            let outside = (30..60).map(|r| at(r, left - 6)).fold(0.0, f32::max);
            assert!(inside > 0.95 * 36.0 && outside < 0.75, "{placement:?}: {inside} {outside}");
            assert!(original.pixels.len() == back.pixels.len());
        }
    }
}
