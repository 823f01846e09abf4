use super::super::Raster;
use super::super::intensity::percentile;

/// Width of the box that blurs an image again, pixels.
const BLUR_BOX: usize = 11;

/// The fractions of the values that equal the largest and the smallest of them; zeros without a value.
pub(super) fn extremes(values: &[f32]) -> (f64, f64) {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let part = |end: f32| values.iter().filter(|value| **value == end).count() as f64 / values.len().max(1) as f64;
    (part(high), part(low))
}

/// Michelson contrast of the 95th and 5th percentile, `(high − low) / (|high| + |low|)`, in [0, 1] for values of one sign.
pub(super) fn contrast(values: &[f32]) -> Option<f64> {
    let (low, high) = (f64::from(percentile(values, 0.05)?), f64::from(percentile(values, 0.95)?));
    let sum = high.abs() + low.abs();
    (sum > 0.0).then(|| (high - low) / sum)
}

/// The standard deviation of the noise as a part of the spread between the 5th and 95th percentile.
///
/// Structure is removed by the difference of two Laplacians; texture finer than two pixels counts as noise.
///
/// # Source
/// Immerkaer 1996, Computer Vision and Image Understanding 64:300-302.
pub(super) fn noise(image: &Raster) -> Option<f64> {
    let (rows, columns) = (image.rows, image.columns);
    let spread = f64::from(percentile(&image.pixels, 0.95)? - percentile(&image.pixels, 0.05)?);
    if rows < 3 || columns < 3 || spread <= 0.0 {
        return None;
    }
    let mut sum = 0.0;
    for row in 1..rows - 1 {
        for column in 1..columns - 1 {
            let at = |r: usize, c: usize| f64::from(image.at(row + r - 1, column + c - 1, 0));
            let corners = at(0, 0) + at(0, 2) + at(2, 0) + at(2, 2);
            let sides = at(0, 1) + at(1, 0) + at(1, 2) + at(2, 1);
            sum += (corners - 2.0 * sides + 4.0 * at(1, 1)).abs();
        }
    }
    let sigma = (std::f64::consts::PI / 2.0).sqrt() * sum / (6.0 * (rows - 2) as f64 * (columns - 2) as f64);
    Some(sigma / spread)
}

/// How little an image changes when it is blurred once more: 0 sharp, 1 all blur; the larger of the two axes.
///
/// `B = Σ min(|S I|, |S K I|) / Σ |S I|` with Sobel `S` along the axis and a box `K` of 11 pixels along it; motion along one
/// axis shows in that axis alone. `None` for images below 16 pixels or without an edge.
///
/// # Source
/// Crete, Dolmiere, Ladret, Nicolas 2007, Proc. SPIE 6492; borders as scikit-image's `blur_effect`.
pub(super) fn blur(image: &Raster) -> Option<f64> {
    if image.rows < 16 || image.columns < 16 {
        return None;
    }
    let down = blur_along_columns(image)?;
    let across = blur_along_columns(&transposed(image))?;
    Some(down.max(across))
}

/// The blur of an image from row to row.
fn blur_along_columns(image: &Raster) -> Option<f64> {
    let smooth = box_filtered(image);
    let (mut sharp, mut kept) = (0.0, 0.0);
    // The interior that scikit-image sums over.
    for row in 2..image.rows - 1 {
        for column in 2..image.columns - 1 {
            let edge = |image: &Raster| {
                let line = |r: usize| {
                    let at = |c: usize| f64::from(image.at(r, column + c - 1, 0));
                    0.25 * at(0) + 0.5 * at(1) + 0.25 * at(2)
                };
                (0.5 * (line(row + 1) - line(row - 1))).abs()
            };
            let (before, after) = (edge(image), edge(&smooth));
            sharp += before;
            kept += before.min(after);
        }
    }
    (sharp > 0.0).then(|| kept / sharp)
}

/// Each column averaged over [`BLUR_BOX`] rows, mirrored at the ends.
fn box_filtered(image: &Raster) -> Raster {
    let (rows, half) = (image.rows as isize, (BLUR_BOX / 2) as isize);
    let mirrored = |row: isize| {
        let period = 2 * rows;
        let place = row.rem_euclid(period);
        if place < rows { place as usize } else { (period - 1 - place) as usize }
    };
    let mut out = image.clone();
    for row in 0..rows {
        for column in 0..image.columns {
            let sum: f64 = (-half..=half).map(|k| f64::from(image.at(mirrored(row + k), column, 0))).sum();
            if let Some(value) = out.pixels.get_mut(row as usize * image.columns + column) {
                *value = (sum / BLUR_BOX as f64) as f32;
            }
        }
    }
    out
}

/// Rows and columns exchanged.
fn transposed(image: &Raster) -> Raster {
    let pixels =
        (0..image.columns).flat_map(|column| (0..image.rows).map(move |row| image.at(row, column, 0))).collect();
    Raster { rows: image.columns, columns: image.rows, channels: 1, pixels }
}
