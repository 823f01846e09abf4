use super::prepare::{Placement, Preparation, Prepared, prepare_mri_slice};
use super::{Error, Raster};

/// Slices given to the encoder per study.
pub(super) const MAX_SLICES: usize = 8;

/// Side of the region cut out around the enhancement, millimetres.
const FIELD_MM: f64 = 80.0;

/// The moment after the first phase at which tumours enhance most, seconds.
///
/// # Source
/// Kuhl 2007, Radiology 244:356-378: early post-contrast is read at 90 to 180 s; the middle of I-SPY2's 150 s acquisition.
const EARLY_S: f64 = 150.0;

/// In-plane side to which volumes are reduced before the enhancement is searched.
const SEARCH_SIDE: usize = 96;

/// Where a study enhances most: slice number, and row and column as fractions of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub slice: usize,
    pub row: f64,
    pub column: f64,
}

/// The phases read as before, early and late, from the times of all phases; `None` with fewer than two.
pub(super) fn choose_phases(times: &[Option<f64>]) -> Option<[usize; 3]> {
    let last = times.len().checked_sub(1).filter(|last| *last > 0)?;
    let start = times.first().copied().flatten();
    let timed =
        times.iter().enumerate().skip(1).map(|(phase, time)| Some((phase, (time.as_ref()? - start? - EARLY_S).abs())));
    let early = timed
        .collect::<Option<Vec<_>>>()
        .and_then(|distances| distances.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)))
        .map_or(1, |(phase, _)| phase);
    Some([0, early, last])
}

/// The numbers of the slices around `centre`, at most [`MAX_SLICES`], all of them below `slices`.
pub(super) fn around(centre: usize, slices: usize) -> std::ops::Range<usize> {
    let count = MAX_SLICES.min(slices);
    let start = centre.saturating_sub(count / 2).min(slices - count);
    start..start + count
}

/// The numbers of the slices within half of [`FIELD_MM`] of the centre, and always those that the encoder is given.
pub(super) fn field_window(centre: usize, slices: usize, slice_mm: f64) -> std::ops::Range<usize> {
    let reach = (FIELD_MM / 2.0 / slice_mm.max(1e-3)).ceil() as usize;
    let shown = around(centre, slices);
    centre.saturating_sub(reach).min(shown.start)..(centre.saturating_add(reach + 1)).clamp(shown.end, slices)
}

/// A slice small enough to search.
pub(super) fn reduce(slice: &Raster) -> Raster {
    let grey = slice.to_grey();
    let ratio = (SEARCH_SIDE as f64 / grey.rows.max(grey.columns) as f64).min(1.0);
    grey.resize((grey.rows as f64 * ratio).round() as usize, (grey.columns as f64 * ratio).round() as usize)
}

/// The field around the peak in three phases of one slice, prepared, and where it lies in the slice.
pub(super) fn prepare_field(
    phases: [&Raster; 3],
    peak: Peak,
    spacing_mm: [f64; 2],
    preparation: Preparation,
) -> Result<(Prepared, Placement), Error> {
    let [(pre, corner), (early, _), (late, _)] = phases.map(|slice| cut_field(slice, peak, spacing_mm));
    let (prepared, mut placement) = prepare_mri_slice(&pre, &early, &late, preparation)?;
    placement.origin[0] += corner[0] as f64;
    placement.origin[1] += corner[1] as f64;
    Ok((prepared, placement))
}

/// The field of [`FIELD_MM`] around the peak, moved inside the slice where it would leave it, and its top left corner.
pub(super) fn cut_field(slice: &Raster, peak: Peak, spacing_mm: [f64; 2]) -> (Raster, [usize; 2]) {
    let window = |centre: f64, spacing: f64, limit: usize| {
        let size = ((FIELD_MM / spacing.max(1e-3)).round() as usize).clamp(1, limit);
        let start = (centre * limit as f64 - size as f64 / 2.0).round().max(0.0) as usize;
        (start.min(limit - size), size)
    };
    let (top, rows) = window(peak.row, spacing_mm[0], slice.rows);
    let (left, columns) = window(peak.column, spacing_mm[1], slice.columns);
    (slice.crop(top, left, rows, columns), [top, left])
}

/// The maximum of early minus before, after smoothing over neighbours in the slice and between slices.
///
/// A single bright voxel (noise, a vessel in cross-section) does not survive the smoothing. Without any enhancement the
/// middle of the volume is returned. Slices that differ in size from the first are not searched.
pub(super) fn find_peak(pre: &[Raster], early: &[Raster]) -> Peak {
    let middle = Peak { slice: pre.len() / 2, row: 0.5, column: 0.5 };
    let Some(first) = pre.first() else { return middle };
    let (rows, columns) = (first.rows, first.columns);
    let smooth: Vec<Vec<f32>> = pre
        .iter()
        .zip(early)
        .map(|(pre, early)| {
            if (pre.rows, pre.columns) != (rows, columns) || (early.rows, early.columns) != (rows, columns) {
                return vec![0.0; rows * columns];
            }
            let gain: Vec<f32> = pre.pixels.iter().zip(&early.pixels).map(|(a, b)| (b - a).max(0.0)).collect();
            blur(&blur(&gain, rows, columns), rows, columns)
        })
        .collect();
    let (mut best, mut place) = (0.0f32, middle);
    for slice in 0..smooth.len() {
        let neighbours = slice.saturating_sub(1)..(slice + 2).min(smooth.len());
        let count = neighbours.len() as f32;
        for at in 0..rows * columns {
            let value = smooth[neighbours.clone()].iter().map(|plane| plane[at]).sum::<f32>() / count;
            if value > best {
                best = value;
                let (row, column) = (at / columns, at % columns);
                place = Peak {
                    slice,
                    row: (row as f64 + 0.5) / rows as f64,
                    column: (column as f64 + 0.5) / columns as f64,
                };
            }
        }
    }
    place
}

/// The mean over each pixel and the up to 24 around it; outside the image counts as zero.
fn blur(plane: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut across = vec![0.0f32; plane.len()];
    for row in 0..rows {
        let line = &plane[row * columns..(row + 1) * columns];
        for column in 0..columns {
            across[row * columns + column] = line[column.saturating_sub(2)..(column + 3).min(columns)].iter().sum();
        }
    }
    let mut out = vec![0.0f32; plane.len()];
    for row in 0..rows {
        for column in 0..columns {
            let lines = row.saturating_sub(2)..(row + 3).min(rows);
            out[row * columns + column] = lines.map(|line| across[line * columns + column]).sum::<f32>() / 25.0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty slices with a lesion in three of them, and one bright voxel of noise after contrast.
    fn volume(lesion: f32) -> Vec<Raster> {
        (0..20)
            .map(|slice| {
                let mut image = Raster::filled(128, 128, 1, 100.0);
                for row in 30..38 {
                    for column in 90..98 {
                        if (11..=13).contains(&slice) {
                            image.pixels[row * 128 + column] += lesion;
                        }
                    }
                }
                if slice == 3 && lesion > 0.0 {
                    image.pixels[64 * 128 + 64] += 3.0 * lesion;
                }
                image
            })
            .collect()
    }

    #[test]
    fn the_field_is_cut_around_the_lesion_and_not_around_noise() {
        let phases = [volume(0.0), volume(300.0), volume(200.0)];
        let reduced = |slices: &[Raster]| slices.iter().map(reduce).collect::<Vec<_>>();
        let peak = find_peak(&reduced(&phases[0]), &reduced(&phases[1]));
        assert_eq!(peak.slice, 12);
        assert!((peak.row - 34.0 / 128.0).abs() < 0.02 && (peak.column - 94.0 / 128.0).abs() < 0.02, "{peak:?}");
        let slice = [&phases[0][12], &phases[1][12], &phases[2][12]];
        let of = Preparation { side: 64, margin: 0.0 };
        let (prepared, placement) = prepare_field(slice, peak, [1.25, 1.25], of).unwrap();
        // 80 mm are 64 pixels: the field starts at row 2 and column 62, the lesion lies at 28..36, 28..36 of it.
        assert_eq!((placement.origin, placement.step), ([2.0, 62.0], 1.0));
        assert!(prepared.pixels[4096 + 32 * 64 + 32] > 0.9 && prepared.pixels[32 * 64 + 32] < 0.3);
    }

    #[test]
    fn the_early_phase_is_the_one_nearest_150_seconds() {
        assert_eq!(choose_phases(&[Some(0.0), Some(60.0), Some(140.0), Some(300.0)]), Some([0, 2, 3]));
        assert_eq!(choose_phases(&[None, Some(60.0), Some(140.0)]), Some([0, 1, 2]));
        assert_eq!(choose_phases(&[None, None]), Some([0, 1, 1]));
        assert_eq!(choose_phases(&[None]), None);
    }

    #[test]
    fn slices_around_the_peak_stay_inside_the_volume() {
        assert_eq!((around(0, 20), around(19, 20), around(10, 20), around(1, 3)), (0..8, 12..20, 6..14, 0..3));
    }
}
