//! Random draws and smooth random fields: the cloth from which the pictures are cut.

use rand::{Rng, RngExt};

/// A draw from the standard normal distribution (Box and Muller 1958).
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    let radius: f64 = 1.0 - rng.random::<f64>();
    let angle: f64 = rng.random::<f64>() * std::f64::consts::TAU;
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// A cheap draw of mean 0 and standard deviation 1, bounded by ±3.47: the sum of four uniform
/// 16-bit numbers, near enough to normal for pixel noise.
pub(super) fn grain(rng: &mut impl Rng) -> f32 {
    let bits = rng.next_u64();
    let sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
    // Four uniforms on [0, 65535]: mean 131070, variance 4 · 65536² / 12.
    (sum as f32 - 131_070.0) / 37_837.2
}

/// A draw from the uniform distribution on `[low, high)`.
pub(super) fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// 0 below `low`, 1 above `high`, a smooth cubic step between.
pub(super) fn step(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A bell of height 1 and the given width around 0.
pub(super) fn bell(offset: f32, width: f32) -> f32 {
    let t = offset / width;
    (-0.5 * t * t).exp()
}

/// The four weights and the first knot of a cubic B-spline at every position of an axis.
fn spline_taps(n: usize, cell: f32) -> Vec<(usize, [f32; 4])> {
    (0..n)
        .map(|position| {
            let at = position as f32 / cell;
            let t = at.fract();
            let (t2, t3) = (t * t, t * t * t);
            let weights = [
                (1.0 - t) * (1.0 - t) * (1.0 - t) / 6.0,
                (3.0 * t3 - 6.0 * t2 + 4.0) / 6.0,
                (-3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0) / 6.0,
                t3 / 6.0,
            ];
            (at as usize, weights)
        })
        .collect()
}

/// A smooth random field, `[row, column]` flattened, of mean 0 and standard deviation about 1, whose
/// grains measure `cell` = (rows, columns) pixels: random knots under a cubic B-spline.
pub(super) fn smooth_field(rng: &mut impl Rng, rows: usize, columns: usize, cell: (f32, f32)) -> Vec<f32> {
    let knots = |n: usize, cell: f32| (n as f32 / cell) as usize + 4;
    let (knot_rows, knot_columns) = (knots(rows, cell.0), knots(columns, cell.1));
    let coarse: Vec<f32> = (0..knot_rows * knot_columns).map(|_| grain(rng)).collect();
    let column_taps = spline_taps(columns, cell.1);
    let mut wide = vec![0.0f32; knot_rows * columns];
    for (from, to) in coarse.chunks_exact(knot_columns).zip(wide.chunks_exact_mut(columns)) {
        for (value, (first, weights)) in to.iter_mut().zip(&column_taps) {
            let knots = &from[*first..*first + 4];
            *value = knots.iter().zip(weights).map(|(knot, weight)| knot * weight).sum();
        }
    }
    // The mean square of the spline weights is 151/315 an axis; divide its root out of both.
    let scale = 315.0 / 151.0;
    let mut field = vec![0.0f32; rows * columns];
    for (to, (first, weights)) in field.chunks_exact_mut(columns).zip(spline_taps(rows, cell.0)) {
        for (tap, weight) in weights.iter().enumerate() {
            let from = &wide[(first + tap) * columns..(first + tap + 1) * columns];
            for (value, knot) in to.iter_mut().zip(from) {
                *value += scale * weight * knot;
            }
        }
    }
    field
}

/// A cloud: `octaves` smooth fields, each with grains half as large and `gain` times as strong as the
/// one before, scaled to a standard deviation of about 1.
pub(super) fn cloud(
    rng: &mut impl Rng,
    rows: usize,
    columns: usize,
    cell: (f32, f32),
    octaves: u32,
    gain: f32,
) -> Vec<f32> {
    let mut field = vec![0.0f32; rows * columns];
    let (mut cell, mut strength, mut power) = (cell, 1.0f32, 0.0f32);
    for _ in 0..octaves {
        for (value, part) in field.iter_mut().zip(smooth_field(rng, rows, columns, cell)) {
            *value += strength * part;
        }
        power += strength * strength;
        strength *= gain;
        cell = (cell.0 / 2.0, cell.1 / 2.0);
    }
    let scale = power.sqrt().recip();
    field.iter_mut().for_each(|value| *value *= scale);
    field
}

/// Blurs a field in place with a Gaussian of `sigma` = (rows, columns) pixels; edges repeat.
pub(super) fn blur(field: &mut [f32], columns: usize, sigma: (f32, f32)) {
    let kernel = |sigma: f32| -> Vec<f32> {
        let reach = (3.0 * sigma).ceil() as i32;
        let weights: Vec<f32> = (-reach..=reach).map(|offset| bell(offset as f32, sigma)).collect();
        let sum: f32 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    };
    let across = kernel(sigma.1);
    let reach = across.len() / 2;
    let mut padded = vec![0.0f32; columns + 2 * reach];
    for row in field.chunks_exact_mut(columns) {
        for (at, value) in padded.iter_mut().enumerate() {
            *value = row[at.saturating_sub(reach).min(columns - 1)];
        }
        for (value, window) in row.iter_mut().zip(padded.windows(across.len())) {
            *value = window.iter().zip(&across).map(|(value, weight)| value * weight).sum();
        }
    }
    let down = kernel(sigma.0);
    let reach = down.len() / 2;
    let rows = field.len() / columns;
    let source = field.to_vec();
    for (row, to) in field.chunks_exact_mut(columns).enumerate() {
        to.fill(0.0);
        for (tap, weight) in down.iter().enumerate() {
            let from = (row + tap).saturating_sub(reach).min(rows - 1) * columns;
            for (value, part) in to.iter_mut().zip(&source[from..from + columns]) {
                *value += weight * part;
            }
        }
    }
}

/// A closed wavy outline: a factor around 1 for every direction.
pub(super) struct Outline {
    waves: Vec<(f32, f32, f32)>,
}

impl Outline {
    /// An outline of `lobes` random waves; `roughness` is the relative size of the first.
    pub(super) fn new(rng: &mut impl Rng, lobes: u32, roughness: f32) -> Self {
        let waves = (2..2 + lobes)
            .map(|wave| {
                let wave = wave as f32;
                (wave, roughness * between(rng, 0.4, 1.0) * 2.0 / wave, between(rng, 0.0, std::f32::consts::TAU))
            })
            .collect();
        Self { waves }
    }

    /// The factor in the direction of `angle`, radians.
    pub(super) fn factor(&self, angle: f32) -> f32 {
        1.0 + self.waves.iter().map(|(wave, size, phase)| size * (wave * angle + phase).cos()).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn moments(values: &[f32]) -> (f32, f32) {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32;
        (mean, variance.sqrt())
    }

    #[test]
    fn draws_have_mean_zero_and_deviation_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let normals: Vec<f32> = (0..40_000).map(|_| normal(&mut rng) as f32).collect();
        let grains: Vec<f32> = (0..40_000).map(|_| grain(&mut rng)).collect();
        for values in [normals, grains] {
            let (mean, deviation) = moments(&values);
            // Three standard errors of a mean of 40,000 draws.
            assert!(mean.abs() < 0.015, "mean {mean}");
            assert!((deviation - 1.0).abs() < 0.015, "deviation {deviation}");
        }
    }

    #[test]
    fn a_smooth_field_has_the_promised_size_and_spread() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let field = smooth_field(&mut rng, 300, 200, (5.0, 4.0));
        assert_eq!(field.len(), 300 * 200);
        let (mean, deviation) = moments(&field);
        assert!(mean.abs() < 0.1 && (deviation - 1.0).abs() < 0.1, "mean {mean}, deviation {deviation}");
    }

    #[test]
    fn a_blur_keeps_a_constant_field() {
        let mut field = vec![3.0f32; 20 * 10];
        blur(&mut field, 10, (1.5, 2.0));
        assert!(field.iter().all(|value| (value - 3.0).abs() < 1e-4));
    }
}
