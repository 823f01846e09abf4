//! Isotonic regression by pooling adjacent violators.

use serde::{Deserialize, Serialize};

use super::checks::{check_at_least, check_finite, check_length, check_probabilities};
use crate::learn::Error;

/// How an isotonic fit is read between its knots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Straight lines between the knots, as scikit-learn does; the curve is continuous.
    #[default]
    Linear,
    /// The value of the last block that starts at or below the score: the least-squares fit itself, right-continuous.
    Steps,
}

/// A non-decreasing curve through the blocks of an isotonic regression.
///
/// Below the first knot it is the first value, above the last knot the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Knots", into = "Knots")]
pub struct Isotonic {
    knots: Knots,
}

/// First and last score of every block, with the block's mean outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Knots {
    /// Strictly ascending.
    score: Vec<f64>,
    /// Non-decreasing, in \[0, 1\].
    value: Vec<f64>,
    interpolation: Interpolation,
}

impl TryFrom<Knots> for Isotonic {
    type Error = Error;

    fn try_from(knots: Knots) -> Result<Self, Error> {
        check_length("isotonic values", knots.score.len(), knots.value.len())?;
        check_at_least("isotonic knots", 1, knots.score.len())?;
        check_finite(&knots.score)?;
        check_probabilities(&knots.value)?;
        let breaks = |values: &[f64], strictly: bool| {
            values.windows(2).position(|pair| pair[0] > pair[1] || (strictly && pair[0] == pair[1]))
        };
        if let Some(index) = breaks(&knots.score, true).or_else(|| breaks(&knots.value, false)) {
            let expected = "scores that ascend and values that never fall";
            return Err(Error::Parameter { what: "isotonic knot", expected, found: knots.score[index + 1] });
        }
        Ok(Self { knots })
    }
}

impl From<Isotonic> for Knots {
    fn from(isotonic: Isotonic) -> Self {
        isotonic.knots
    }
}

/// Consecutive distinct scores that share one value.
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    weight: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

impl Isotonic {
    /// Fits the non-decreasing curve of least squares to outcomes `y` at `score` (any finite numbers).
    ///
    /// Rows with equal scores are one point with their mean outcome and their number as weight, so their order cannot
    /// matter. O(n log n).
    ///
    /// # Errors
    /// [`crate::stats::Error::LengthMismatch`], [`crate::stats::Error::TooFew`] without rows,
    /// [`crate::stats::Error::NotFinite`].
    ///
    /// # Source
    /// Barlow et al. 1972, section 1.2; Zadrozny & Elkan 2002; scikit-learn `IsotonicRegression(out_of_bounds="clip")`.
    pub fn fit(y: &[bool], score: &[f64], interpolation: Interpolation) -> Result<Self, Error> {
        check_length("scores", y.len(), score.len())?;
        check_at_least("rows", 1, y.len())?;
        check_finite(score)?;
        let mut rows: Vec<(f64, bool)> = score.iter().copied().zip(y.iter().copied()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for tied in rows.chunk_by(|a, b| a.0 == b.0) {
            let n_events = tied.iter().filter(|(_, event)| *event).count();
            let mut block =
                Block { first: tied[0].0, last: tied[0].0, sum: n_events as f64, weight: tied.len() as f64 };
            // Sums of 0 and 1 are exact, so blocks compare without rounding: a/b ≥ c/d as ad ≥ cb.
            while let Some(before) = blocks.pop_if(|before| before.sum * block.weight >= block.sum * before.weight) {
                block.first = before.first;
                block.sum += before.sum;
                block.weight += before.weight;
            }
            blocks.push(block);
        }
        let mut knots = Knots { score: Vec::new(), value: Vec::new(), interpolation };
        for block in &blocks {
            knots.score.push(block.first);
            knots.value.push(block.mean());
            if block.last_differs() {
                knots.score.push(block.last);
                knots.value.push(block.mean());
            }
        }
        Ok(Self { knots })
    }

    /// The curve's value at one score, in \[0, 1\].
    #[must_use]
    pub fn at(&self, score: f64) -> f64 {
        let Knots { score: scores, value: values, interpolation } = &self.knots;
        let above = scores.partition_point(|&knot| knot <= score);
        let read = |index: usize| values.get(index).copied();
        let (Some(below), Some(next)) = (above.checked_sub(1).and_then(read), read(above)) else {
            // Outside the knots; there is at least one.
            return if above == 0 { read(0) } else { values.last().copied() }.unwrap_or(0.5);
        };
        match interpolation {
            Interpolation::Steps => below,
            Interpolation::Linear => {
                let share = (score - scores[above - 1]) / (scores[above] - scores[above - 1]);
                (below + share * (next - below)).clamp(below, next)
            }
        }
    }

    /// Number of knots.
    #[must_use]
    pub fn n_knots(&self) -> usize {
        self.knots.score.len()
    }
}

impl Block {
    fn last_differs(&self) -> bool {
        self.last > self.first
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// max over a ≤ i of min over b ≥ i of the mean of points a..=b (Barlow et al. 1972, the minimax formula).
    fn minimax(points: &[(f64, f64, f64)], i: usize) -> f64 {
        let mean = |a: usize, b: usize| {
            let (sum, weight) = points[a..=b].iter().fold((0.0, 0.0), |(s, w), p| (s + p.1, w + p.2));
            sum / weight
        };
        (0..=i).map(|a| (i..points.len()).map(|b| mean(a, b)).fold(f64::MAX, f64::min)).fold(f64::MIN, f64::max)
    }

    #[test]
    fn five_rows_solved_by_hand() {
        // Outcomes 0 1 0 1 1 at 1..5: rows 2 and 3 pool to ½.
        let y = [false, true, false, true, true];
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        let linear = Isotonic::fit(&y, &x, Interpolation::Linear).unwrap();
        let expected = [(0.0, 0.0), (1.5, 0.25), (2.0, 0.5), (2.7, 0.5), (3.5, 0.75), (4.2, 1.0), (9.0, 1.0)];
        for (score, value) in expected {
            assert!((linear.at(score) - value).abs() < 1e-15, "{score}");
        }
        let steps = Isotonic::fit(&y, &x, Interpolation::Steps).unwrap();
        assert_eq!([1.5, 3.9, 4.0].map(|score| steps.at(score)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn pooling_equals_the_minimax_formula_with_ties() {
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let x: Vec<f64> = (0..60).map(|_| f64::from(rng.random_range(0..25))).collect();
            let y: Vec<bool> = x.iter().map(|x| rng.random_bool(0.1 + 0.03 * x)).collect();
            let mut points: Vec<(f64, f64, f64)> = Vec::new();
            for level in 0..25 {
                let of: Vec<bool> = (0..60).filter(|&i| x[i] == f64::from(level)).map(|i| y[i]).collect();
                if !of.is_empty() {
                    points.push((f64::from(level), of.iter().filter(|&&e| e).count() as f64, of.len() as f64));
                }
            }
            let fit = Isotonic::fit(&y, &x, Interpolation::Linear).unwrap();
            for (i, point) in points.iter().enumerate() {
                assert!((fit.at(point.0) - minimax(&points, i)).abs() < 1e-14, "{seed} {i}");
            }
        }
    }

    #[test]
    fn signed_zeros_are_one_point() {
        let fit = Isotonic::fit(&[true, false], &[-0.0, 0.0], Interpolation::Linear).unwrap();
        assert_eq!((fit.n_knots(), fit.at(0.0)), (1, 0.5));
    }

    #[test]
    fn malformed_knots_are_refused_when_read() {
        let fit = Isotonic::fit(&[false, true], &[0.2, 0.8], Interpolation::Linear).unwrap();
        let text = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<Isotonic>(&text).unwrap(), fit);
        for bad in [
            r#"{"score":[0.2],"value":[],"interpolation":"linear"}"#,
            r#"{"score":[],"value":[],"interpolation":"linear"}"#,
            r#"{"score":[0.2,0.2],"value":[0.1,0.2],"interpolation":"linear"}"#,
            r#"{"score":[0.2,0.3],"value":[0.3,0.2],"interpolation":"linear"}"#,
            r#"{"score":[0.2],"value":[1.2],"interpolation":"linear"}"#,
        ] {
            assert!(serde_json::from_str::<Isotonic>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn empty_nan_and_unequal_lengths_are_errors() {
        let fit = |y: &[bool], x: &[f64]| Isotonic::fit(y, x, Interpolation::Linear);
        assert!(matches!(fit(&[], &[]), Err(Error::Stats(crate::stats::Error::TooFew { .. }))));
        assert!(matches!(fit(&[true], &[f64::NAN]), Err(Error::Stats(crate::stats::Error::NotFinite { index: 0 }))));
        assert!(matches!(fit(&[true], &[]), Err(Error::Stats(crate::stats::Error::LengthMismatch { .. }))));
    }
}
