use serde::{Deserialize, Serialize};

use crate::stats::normal;

/// Most distinct values of a column whose draws are rounded to whole numbers.
const MAX_WHOLE: usize = 12;

/// The scale on which a design column is treated as normal; chosen from its training values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnScale {
    /// As it is.
    Linear,
    /// The logarithm: all values positive, skewness above 1 and nearer to 0 after the logarithm.
    Log,
    /// 0 or 1.
    Binary,
    /// Whole numbers of at most twelve different values.
    Whole,
}

impl ColumnScale {
    /// The scale of a column with these known values; [`ColumnScale::Linear`] without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::Linear;
        }
        if values.iter().all(|value| *value == 0.0 || *value == 1.0) {
            return Self::Binary;
        }
        if values.iter().all(|value| value.fract() == 0.0) {
            let mut distinct = values.to_vec();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            if distinct.len() <= MAX_WHOLE {
                return Self::Whole;
            }
        }
        if values.iter().all(|value| *value > 0.0) {
            let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
            let before = skewness(values);
            if before > 1.0 && skewness(&logs).abs() < before {
                return Self::Log;
            }
        }
        Self::Linear
    }

    /// The value on its normal scale; NaN for a missing value and for one that the scale cannot take.
    #[must_use]
    pub fn normal(self, value: f32) -> f64 {
        let value = f64::from(value);
        let scaled = if self == Self::Log { value.ln() } else { value };
        if scaled.is_finite() { scaled } else { f64::NAN }
    }

    /// A value drawn on the normal scale as a value of the design.
    ///
    /// `mean` and `std_dev` are those of the distribution it was drawn from. A binary column is 1 with probability `mean`
    /// (held within \[0, 1\]), its normal draw deciding by rank, so that it keeps its correlation with other draws.
    #[must_use]
    pub fn design(self, drawn: f64, mean: f64, std_dev: f64) -> f32 {
        let value = match self {
            Self::Linear => drawn,
            Self::Log => drawn.exp(),
            Self::Whole => drawn.round(),
            Self::Binary if std_dev > 0.0 => {
                let rank = normal::cdf((drawn - mean) / std_dev);
                if rank > 1.0 - mean.clamp(0.0, 1.0) { 1.0 } else { 0.0 }
            }
            Self::Binary => mean.clamp(0.0, 1.0).round(),
        };
        value.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32
    }
}

/// Third standardised moment; 0 for a constant.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance > 0.0 { moment(3) / variance.powf(1.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_follows_the_values() {
        assert_eq!(ColumnScale::of(&[0.0, 1.0, 1.0]), ColumnScale::Binary);
        assert_eq!(ColumnScale::of(&[1.0, 3.0, 2.0]), ColumnScale::Whole);
        let volumes: Vec<f64> = (0..50).map(|at| (f64::from(at) / 8.0).exp()).collect();
        assert_eq!(ColumnScale::of(&volumes), ColumnScale::Log);
        assert_eq!(ColumnScale::of(&[-0.3, 0.2, 0.7]), ColumnScale::Linear);
        assert_eq!(ColumnScale::of(&[]), ColumnScale::Linear);
    }

    #[test]
    fn values_that_a_scale_cannot_take_are_missing() {
        assert!(ColumnScale::Log.normal(0.0).is_nan() && ColumnScale::Log.normal(-1.0).is_nan());
        assert!(ColumnScale::Linear.normal(f32::INFINITY).is_nan());
        assert!((ColumnScale::Log.normal(8.0) - 8.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_binary_draw_is_one_with_the_probability_of_its_mean() {
        // Ranks 0.005, 0.015 … 0.995 of the normal draw: 30 of 100 exceed 0.7.
        let ones: f32 = (0..100)
            .map(|at| {
                let z = normal::quantile((f64::from(at) + 0.5) / 100.0).unwrap();
                ColumnScale::Binary.design(0.3 + 0.2 * z, 0.3, 0.2)
            })
            .sum();
        assert!((ones - 30.0).abs() < 1e-6);
        assert_eq!(ColumnScale::Binary.design(5.0, -0.4, 1.0), 0.0);
        assert_eq!((ColumnScale::Log.design(0.0, 0.0, 1.0), ColumnScale::Whole.design(1.6, 0.0, 1.0)), (1.0, 2.0));
    }
}
