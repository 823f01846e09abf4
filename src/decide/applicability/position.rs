use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::reference::Reference;
use crate::decide::Error;
use crate::learn::DesignMatrix;
use crate::stats::conditional_normal::Conditional;

/// Where a row stands among the training population: each described column in standard deviations from the training mean,
/// on its normal scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The value; where it is missing, its expectation given the known columns of the row.
    pub expected: Vec<f64>,
    /// 0 where the value is known, else its variance given the known columns.
    pub variance: Vec<f64>,
}

impl Reference {
    /// The position of every row of a matrix; a column that does not vary in training stands at 0 everywhere.
    ///
    /// Missing values follow the normal distribution fitted to the training rows, given what the row knows: they add their
    /// expectation and what stays open, never a difference of 0.
    ///
    /// # Errors
    /// [`Error::Stats`] when the stored covariance is not positive definite.
    pub fn positions(&self, x: &DesignMatrix) -> Result<Vec<Position>, Error> {
        let places = self.places(&x.names);
        let mut patterns: HashMap<Vec<bool>, Conditional> = HashMap::new();
        (0..x.n_rows)
            .map(|row| {
                let values = x.row(row);
                let raw = places.iter().map(|place| place.and_then(|at| values.get(at).copied()).unwrap_or(f32::NAN));
                let scaled: Vec<f64> = raw.zip(&self.scales).map(|(value, scale)| scale.normal(value)).collect();
                let known: Vec<bool> = scaled.iter().map(|value| value.is_finite()).collect();
                let given = match patterns.entry(known) {
                    Entry::Occupied(met) => met.into_mut(),
                    Entry::Vacant(new) => {
                        let given = self.normal.condition(new.key())?;
                        new.insert(given)
                    }
                };
                Ok(self.position(scaled, given))
            })
            .collect()
    }

    fn position(&self, mut scaled: Vec<f64>, given: &Conditional) -> Position {
        let width = given.missing().len();
        let mut variance = vec![0.0; scaled.len()];
        let filled = given.mean(&scaled);
        for (at, (&column, value)) in given.missing().iter().zip(filled).enumerate() {
            if let Some(slot) = scaled.get_mut(column) {
                *slot = value;
            }
            if let (Some(slot), Some(own)) = (variance.get_mut(column), given.covariance().get(at * width + at)) {
                *slot = *own;
            }
        }
        let moments = self.normal.mean().iter().zip(self.normal.covariance().iter().step_by(scaled.len() + 1));
        for ((value, open), (mean, square)) in scaled.iter_mut().zip(&mut variance).zip(moments) {
            if *square > 0.0 {
                *value = (*value - mean) / square.sqrt();
                *open /= square;
            } else {
                (*value, *open) = (0.0, 0.0);
            }
        }
        Position { expected: scaled, variance }
    }
}

impl Position {
    /// The square root of the weighted mean over the columns of the expected squared difference, in standard deviations of
    /// the training population; 0 without weight.
    ///
    /// √(Σ wⱼ ((aⱼ − bⱼ)² + var aⱼ + var bⱼ) / Σ wⱼ). Two patients drawn at random lie √2 apart on average of the squares.
    ///
    /// # Source
    /// Eirola, Doquire, Verleysen & Lendasse 2013, *Neurocomputing* 119:107 (expected squared distance with missing values).
    #[must_use]
    pub fn distance(&self, other: &Self, weights: &[f64]) -> f64 {
        let columns = self.expected.iter().zip(&other.expected).zip(self.variance.iter().zip(&other.variance));
        let (sum, total) =
            columns.zip(weights).fold((0.0, 0.0), |(sum, total), (((a, b), (open_a, open_b)), weight)| {
                (sum + weight * ((a - b).powi(2) + open_a + open_b), total + weight)
            });
        if total > 0.0 { (sum / total).sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::stats::normal::quantile;

    const NAN: f32 = f32::NAN;

    /// Three columns with a common factor; the fourth is constant.
    fn rows(n: usize) -> DesignMatrix {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut values = Vec::new();
        for _ in 0..n {
            let mut z = || quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
            let common = z();
            values.extend([common + z(), 5.0 + 2.0 * common + z(), 0.3 * common + z(), 1.0].map(|value| value as f32));
        }
        DesignMatrix { names: ["a", "b", "c", "d"].map(str::to_owned).to_vec(), n_rows: n, values }
    }

    fn reference() -> Reference {
        Reference::fit(&rows(400), &[("all".to_owned(), vec![0, 1, 2, 3])], 1).unwrap()
    }

    #[test]
    fn complete_rows_lie_apart_by_their_differences_in_standard_deviations() {
        let reference = reference();
        let x = rows(20);
        let positions = reference.positions(&x).unwrap();
        let weights = [1.0, 2.0, 0.5, 7.0];
        for (a, b) in [(0, 1), (3, 17), (5, 5)] {
            let mut sum = 0.0;
            for (column, weight) in weights.iter().enumerate().take(3) {
                let sd = reference.normal.covariance()[column * 4 + column].sqrt();
                sum += weight * (f64::from(x.row(a)[column] - x.row(b)[column]) / sd).powi(2);
            }
            let expected = (sum / 10.5_f64).sqrt();
            let found = positions[a].distance(&positions[b], &weights);
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            assert_eq!(found, positions[b].distance(&positions[a], &weights));
        }
    }

    #[test]
    fn a_missing_value_counts_with_its_expected_squared_difference() {
        let reference = reference();
        let mut x = rows(3);
        x.values[1] = NAN;
        let positions = reference.positions(&x).unwrap();
        let found = positions[0].distance(&positions[1], &[0.0, 1.0, 0.0, 0.0]).powi(2);
        // Draws of the missing value given the known ones.
        let row: Vec<f64> = x.row(0).iter().map(|value| f64::from(*value)).collect();
        let given = reference.normal.conditional(&row).unwrap();
        let (mean, sd) = (given.mean(&row), reference.normal.covariance()[5].sqrt());
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let n = 100_000;
        let mut sum = 0.0;
        for _ in 0..n {
            let z = quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
            sum += ((given.draw(&mean, &[z])[0] - f64::from(x.row(1)[1])) / sd).powi(2);
        }
        let drawn = sum / f64::from(n);
        assert!((found / drawn - 1.0).abs() < 0.02, "{found} {drawn}");
        assert!(positions[0].variance[1] > 0.0 && positions[1].variance.iter().all(|open| *open == 0.0));
    }

    #[test]
    fn a_row_that_knows_nothing_is_as_far_as_a_stranger_and_never_near() {
        let reference = reference();
        let mut x = rows(2);
        x.values[..4].fill(NAN);
        let positions = reference.positions(&x).unwrap();
        let to_itself = positions[0].distance(&positions[0], &[1.0, 1.0, 1.0, 0.0]);
        assert!((to_itself - 2.0_f64.sqrt()).abs() < 1e-12, "two strangers: {to_itself}");
        assert_eq!(positions[1].distance(&positions[0], &[0.0; 4]), 0.0);
    }
}
