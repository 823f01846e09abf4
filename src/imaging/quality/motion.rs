use rayon::prelude::*;

use super::super::Raster;

/// Longer side to which slices are shrunk before they are compared, pixels.
const COMPARE_SIDE: usize = 128;

/// Farthest displacement that is looked for, pixels of the shrunk slice in each direction.
const REACH: isize = 8;

/// How one slice lies against another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhaseShift {
    /// Rows by which the second slice lies lower, pixels of the slice.
    pub rows: f64,
    /// Columns by which the second slice lies further right.
    pub columns: f64,
    /// Likeness of the edges at that displacement: 1 the same, 0 none in common.
    pub likeness: f64,
}

impl PhaseShift {
    /// The length of the displacement in millimetres.
    #[must_use]
    pub fn length_mm(&self, spacing_mm: [f64; 2]) -> f64 {
        (self.rows * spacing_mm[0]).hypot(self.columns * spacing_mm[1])
    }
}

/// The displacement in its plane of a slice after contrast against the same slice before.
///
/// What is compared is where edges run and in which direction, not how bright they are: normalised gradient fields, whose
/// product squared is largest where the anatomy coincides. A lesion that lights up keeps its edges in place, so enhancement
/// is no motion. Whole pixels are searched within ±8 of a slice shrunk to 128, and a parabola gives the fraction.
///
/// `None` when the slices differ in size, are below 32 pixels, or one has no edges.
///
/// # Source
/// Haber, Modersitzki 2006, MICCAI, LNCS 4191:726-733, with their noise level, the mean gradient.
#[must_use]
pub fn phase_shift(before: &Raster, after: &Raster) -> Option<PhaseShift> {
    if (before.rows, before.columns) != (after.rows, after.columns) || before.rows.min(before.columns) < 32 {
        return None;
    }
    let ratio = (COMPARE_SIDE as f64 / before.rows.max(before.columns) as f64).min(1.0);
    let side = |length: usize| ((length as f64 * ratio).round() as usize).max(1);
    let fields = [before, after].map(|slice| gradients(&slice.to_grey().resize(side(slice.rows), side(slice.columns))));
    let [Some(a), Some(b)] = fields else { return None };
    let (rows, columns) = (side(before.rows) as isize, side(before.columns) as isize);
    let mut best = (0isize, 0isize, f64::NEG_INFINITY);
    for down in -REACH..=REACH {
        for across in -REACH..=REACH {
            let likeness = likeness(&a, &b, [rows, columns], [down, across]);
            // Of equal ones the nearest to rest.
            if likeness > best.2 + 1e-12
                || likeness > best.2 - 1e-12 && down.abs() + across.abs() < best.0.abs() + best.1.abs()
            {
                best = (down, across, likeness);
            }
        }
    }
    let (down, across, peak) = best;
    let at = |d: isize, c: isize| likeness(&a, &b, [rows, columns], [d, c]);
    let rows_px = down as f64 + vertex(at(down - 1, across), peak, at(down + 1, across));
    let columns_px = across as f64 + vertex(at(down, across - 1), peak, at(down, across + 1));
    let back = |length: usize| length as f64 / side(length) as f64;
    Some(PhaseShift { rows: rows_px * back(before.rows), columns: columns_px * back(before.columns), likeness: peak })
}

/// The middle displacement of a volume, slice by slice, rows and columns by their medians; `None` without a usable slice.
#[must_use]
pub fn volume_shift(before: &[Raster], after: &[Raster]) -> Option<PhaseShift> {
    let shifts: Vec<PhaseShift> = before.par_iter().zip(after).filter_map(|(a, b)| phase_shift(a, b)).collect();
    let median = |value: fn(&PhaseShift) -> f64| {
        let mut values: Vec<f64> = shifts.iter().map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = if values.len().is_multiple_of(2) { *values.get(middle.checked_sub(1)?)? } else { upper };
        Some(0.5 * (lower + upper))
    };
    Some(PhaseShift { rows: median(|s| s.rows)?, columns: median(|s| s.columns)?, likeness: median(|s| s.likeness)? })
}

/// The normalised gradient of every pixel; `None` for a slice without edges.
fn gradients(slice: &Raster) -> Option<Vec<[f64; 2]>> {
    let mut field = Vec::with_capacity(slice.pixels.len());
    for row in 0..slice.rows {
        for column in 0..slice.columns {
            let at = |r: usize, c: usize| {
                let value = f64::from(slice.at(r, c, 0));
                if value.is_finite() { value } else { 0.0 }
            };
            let down = at(row + 1, column) - at(row.saturating_sub(1), column);
            let across = at(row, column + 1) - at(row, column.saturating_sub(1));
            field.push([down, across]);
        }
    }
    let mean = field.iter().map(|[d, c]| d.hypot(*c)).sum::<f64>() / field.len().max(1) as f64;
    (mean > 0.0).then(|| {
        field.iter_mut().for_each(|[down, across]| {
            let length = (down.powi(2) + across.powi(2) + mean.powi(2)).sqrt();
            (*down, *across) = (*down / length, *across / length);
        });
        field
    })
}

/// The likeness of two fields when the second is moved back by `shift`, over the pixels that both have.
fn likeness(a: &[[f64; 2]], b: &[[f64; 2]], [rows, columns]: [isize; 2], [down, across]: [isize; 2]) -> f64 {
    let (left, right) = ((-across).max(0), columns.min(columns - across));
    let line = |field: &'_ [[f64; 2]], row: isize, move_by: isize| -> std::ops::Range<usize> {
        let start = row * columns + move_by;
        let end = ((start + right).max(0) as usize).min(field.len());
        ((start + left).max(0) as usize).min(end)..end
    };
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for row in (-down).max(0)..rows.min(rows - down) {
        for (p, q) in a[line(a, row, 0)].iter().zip(&b[line(b, row + down, across)]) {
            let product = p[0] * q[0] + p[1] * q[1];
            both += product * product;
            first += (p[0] * p[0] + p[1] * p[1]).powi(2);
            second += (q[0] * q[0] + q[1] * q[1]).powi(2);
        }
    }
    let scale = (first * second).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}

/// Where the parabola through three values one apart has its top, from the middle one, within half a step.
fn vertex(left: f64, middle: f64, right: f64) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}
