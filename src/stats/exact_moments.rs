//! Sums that do not depend on the order of their terms, and the mean and variance made from them.

/// Largest magnitude accepted: 2^14.
pub const LARGEST: f32 = 16_384.0;

/// Anchors of the bins for values up to 2^14, and for their squares up to 2^28, each with room for 2^27 terms.
///
/// `(x + 1.5·2^e) − 1.5·2^e` is `x` rounded to a multiple of 2^(e−52), and what is left over is exact too. Sums of such
/// multiples are exact, so that their order is irrelevant; the next bin takes the remainders. Two bins resolve values
/// to 2^−40, three bins resolve squares to 2^−53.
const VALUE_BINS: [f64; 2] = [anchor(40), anchor(13)];
const SQUARE_BINS: [f64; 3] = [anchor(54), anchor(27), anchor(0)];

/// 1.5·2^e.
const fn anchor(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52 | 1 << 51)
}

/// Values handled side by side.
const LANES: usize = 8;

/// Count, sum and sum of squares of one column, the same to the last bit whatever the order, the chunks and the threads.
///
/// # Source
/// Demmel J, Nguyen HD. Parallel reproducible summation. IEEE Trans Comput 2015;64:2060-2070 (pre-rounding with fixed
/// bins).
#[derive(Debug, Clone, PartialEq)]
pub struct ExactMoments {
    n: u64,
    too_large: u64,
    values: [f64; VALUE_BINS.len()],
    squares: [f64; SQUARE_BINS.len()],
}

impl Default for ExactMoments {
    fn default() -> Self {
        Self { n: 0, too_large: 0, values: [0.0; VALUE_BINS.len()], squares: [0.0; SQUARE_BINS.len()] }
    }
}

impl ExactMoments {
    /// Adds the values that are not NaN; those above [`LARGEST`] in magnitude, and infinities, are counted and left out.
    pub fn push(&mut self, column: &[f32]) {
        let chunks = column.chunks_exact(LANES);
        let rest = chunks.remainder();
        let mut values = [[0.0_f64; LANES]; VALUE_BINS.len()];
        let mut squares = [[0.0_f64; LANES]; SQUARE_BINS.len()];
        for chunk in chunks {
            let mut lane = [0.0_f32; LANES];
            lane.copy_from_slice(chunk);
            if lane.iter().any(|value| value.is_nan() || value.abs() > LARGEST) {
                lane = self.checked(lane);
            } else {
                self.n += LANES as u64;
            }
            add(&lane, &mut values, &mut squares);
        }
        let mut lane = [f32::NAN; LANES];
        lane.iter_mut().zip(rest).for_each(|(slot, value)| *slot = *value);
        let lane = self.checked(lane);
        add(&lane, &mut values, &mut squares);
        for (total, lanes) in self.values.iter_mut().zip(values).chain(self.squares.iter_mut().zip(squares)) {
            *total += lanes.iter().sum::<f64>();
        }
    }

    /// Adds `value` `times` times.
    pub fn push_repeated(&mut self, value: f32, mut times: u64) {
        let block = [value; 4096];
        while times > 0 {
            let n = times.min(block.len() as u64);
            self.push(block.get(..n as usize).unwrap_or_default());
            times -= n;
        }
    }

    /// Zeroes what may not be added and counts the rest.
    fn checked(&mut self, mut lane: [f32; LANES]) -> [f32; LANES] {
        for value in &mut lane {
            if value.is_nan() {
                *value = 0.0;
            } else if value.abs() > LARGEST {
                *value = 0.0;
                self.too_large += 1;
            } else {
                self.n += 1;
            }
        }
        lane
    }

    /// Adds what another accumulator has seen.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.too_large += other.too_large;
        self.values.iter_mut().zip(other.values).for_each(|(total, more)| *total += more);
        self.squares.iter_mut().zip(other.squares).for_each(|(total, more)| *total += more);
    }

    /// Values added.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Values left out because they are infinite or above [`LARGEST`].
    #[must_use]
    pub fn n_too_large(&self) -> u64 {
        self.too_large
    }

    /// The mean; NaN without values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.n == 0 { f64::NAN } else { self.values.iter().sum::<f64>() / self.n as f64 }
    }

    /// The population standard deviation, Σ(x − mean)² / n; NaN without values.
    ///
    /// Formed as E\[x²\] − mean² of values held to 2^−40: exact to single precision while the standard deviation is
    /// above 1e-4 and above a ten-thousandth of the mean.
    #[must_use]
    pub fn population_sd(&self) -> f64 {
        if self.n == 0 {
            return f64::NAN;
        }
        let mean = self.mean();
        let square = self.squares.iter().sum::<f64>() / self.n as f64;
        (square - mean * mean).max(0.0).sqrt()
    }
}

#[inline(always)]
fn add(
    lane: &[f32; LANES],
    values: &mut [[f64; LANES]; VALUE_BINS.len()],
    squares: &mut [[f64; LANES]; SQUARE_BINS.len()],
) {
    let mut rest = lane.map(f64::from);
    let mut square = rest.map(|value| value * value);
    for (anchor, sums) in VALUE_BINS.iter().zip(values) {
        bin(*anchor, &mut rest, sums);
    }
    for (anchor, sums) in SQUARE_BINS.iter().zip(squares) {
        bin(*anchor, &mut square, sums);
    }
}

#[inline(always)]
fn bin(anchor: f64, rest: &mut [f64; LANES], sums: &mut [f64; LANES]) {
    for (rest, sum) in rest.iter_mut().zip(sums) {
        let rounded = (*rest + anchor) - anchor;
        *sum += rounded;
        *rest -= rounded;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, seq::SliceRandom};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn draw(rng: &mut ChaCha8Rng) -> f32 {
        let size = 10.0_f32.powi(i32::try_from(rng.next_u32() % 9).unwrap() - 6);
        (rng.next_u32() as f32 / u32::MAX as f32 - 0.4) * size
    }

    fn of(values: &[f32]) -> ExactMoments {
        let mut moments = ExactMoments::default();
        moments.push(values);
        moments
    }

    #[test]
    fn order_chunks_and_merging_never_change_a_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut values: Vec<f32> = (0..10_007).map(|_| draw(&mut rng)).collect();
        values.extend([f32::NAN, 0.0, -0.0, LARGEST, -LARGEST]);
        let whole = of(&values);
        for _ in 0..20 {
            values.shuffle(&mut rng);
            let mut moments = ExactMoments::default();
            let mut parts = ExactMoments::default();
            let (left, right) = values.split_at(rng.next_u32() as usize % values.len());
            for chunk in left.chunks(1 + rng.next_u32() as usize % 100) {
                moments.push(chunk);
            }
            parts.push(right);
            moments.merge(&parts);
            assert_eq!(moments.mean().to_bits(), whole.mean().to_bits());
            assert_eq!(moments.population_sd().to_bits(), whole.population_sd().to_bits());
            assert_eq!(moments.n(), 10_011);
        }
    }

    #[test]
    fn mean_and_deviation_agree_with_the_two_pass_formula() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for shift in [0.0, 1.0, 300.0] {
            let values: Vec<f32> = (0..5000).map(|_| draw(&mut rng) / 100.0 + shift).collect();
            let n = values.len() as f64;
            let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
            let sd = (values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n).sqrt();
            let moments = of(&values);
            assert!((moments.mean() - mean).abs() <= 1e-12 * mean.abs().max(1.0), "{} {mean}", moments.mean());
            assert!((moments.population_sd() / sd - 1.0).abs() < 1e-7, "{} {sd}", moments.population_sd());
        }
    }

    #[derive(serde::Deserialize)]
    struct Column {
        values: Vec<Option<f32>>,
        n_samples: u64,
        mean: f64,
        variance: f64,
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        moments: Vec<Column>,
    }

    /// tests/reference/components.py: `nanmean` and `nanvar` of numpy, which round differently in the last digits.
    #[test]
    fn moments_agree_with_numpy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/components.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for column in reference.moments {
            let values: Vec<f32> = column.values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
            let found = of(&values);
            assert_eq!(found.n(), column.n_samples);
            assert!((found.mean() - column.mean).abs() <= 1e-12 * column.mean.abs().max(1.0));
            assert!((found.population_sd() - column.variance.sqrt()).abs() <= 1e-10 * column.variance.sqrt().max(1e-3));
        }
    }

    #[test]
    fn pencil_values_are_exact() {
        let moments = of(&[1.0, 2.0, 3.0, 4.0, f32::NAN]);
        assert_eq!((moments.n(), moments.mean(), moments.population_sd()), (4, 2.5, 1.25_f64.sqrt()));
        assert!(of(&[]).mean().is_nan());
        let odd = of(&[f32::INFINITY, 2e5, 7.0]);
        assert_eq!((odd.n(), odd.n_too_large(), odd.mean()), (1, 2, 7.0));
    }
}
