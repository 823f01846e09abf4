//! Prediction intervals for a continuous outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Assumption, check_alpha, conformal_quantile, group_of};
use crate::learn::Error;
use crate::learn::calibrate::checks::{check_at_least, check_finite, check_length};
use crate::stats;

/// What is known of each row before its outcome, and so how far off an outcome is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IntervalScore<'a> {
    /// A point prediction m; score |y − m|, intervals of one width.
    Absolute {
        /// m, one per row.
        predicted: &'a [f64],
    },
    /// A point prediction m with a scale s > 0; score |y − m|/s, width in proportion to s.
    Normalised {
        /// m, one per row.
        predicted: &'a [f64],
        /// s, one per row.
        scale: &'a [f64],
    },
    /// Predicted quantiles, lower ≤ upper; score max(lower − y, y − upper), both ends moved alike.
    Quantiles {
        /// Predicted lower quantile, one per row.
        lower: &'a [f64],
        /// Predicted upper quantile.
        upper: &'a [f64],
    },
}

/// Which of the scores a rule was fitted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Absolute,
    Normalised,
    Quantiles,
}

impl IntervalScore<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Absolute { .. } => Kind::Absolute,
            Self::Normalised { .. } => Kind::Normalised,
            Self::Quantiles { .. } => Kind::Quantiles,
        }
    }

    /// The number of rows, once every value is checked.
    fn check(&self) -> Result<usize, Error> {
        match *self {
            Self::Absolute { predicted } => {
                check_finite(predicted)?;
                Ok(predicted.len())
            }
            Self::Normalised { predicted, scale } => {
                check_length("scales", predicted.len(), scale.len())?;
                check_finite(predicted)?;
                check_finite(scale)?;
                match scale.iter().find(|&&scale| scale <= 0.0) {
                    Some(&found) => Err(Error::Parameter { what: "scale", expected: "a value above 0", found }),
                    None => Ok(predicted.len()),
                }
            }
            Self::Quantiles { lower, upper } => {
                check_length("upper quantiles", lower.len(), upper.len())?;
                check_finite(lower)?;
                check_finite(upper)?;
                Ok(lower.len())
            }
        }
    }

    /// How far outcome `y` of `row` lies outside; negative inside predicted quantiles.
    fn score(&self, row: usize, y: f64) -> f64 {
        match *self {
            Self::Absolute { predicted } => (y - predicted[row]).abs(),
            Self::Normalised { predicted, scale } => (y - predicted[row]).abs() / scale[row],
            Self::Quantiles { lower, upper } => (lower[row] - y).max(y - upper[row]),
        }
    }

    /// All outcomes of `row` that score at most `radius`.
    fn interval(&self, row: usize, radius: f64) -> Interval {
        let (lower, upper) = match *self {
            Self::Absolute { predicted } => (predicted[row] - radius, predicted[row] + radius),
            Self::Normalised { predicted, scale } => {
                (predicted[row] - radius * scale[row], predicted[row] + radius * scale[row])
            }
            Self::Quantiles { lower, upper } => (lower[row] - radius, upper[row] + radius),
        };
        if lower <= upper {
            return Interval { lower, upper };
        }
        // A negative radius wider than the predicted band: no outcome qualifies, and its middle stands for none.
        let middle = 0.5 * (lower + upper);
        Interval { lower: middle, upper: middle }
    }
}

/// A prediction interval, in the unit of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end, at least the lower.
    pub upper: f64,
}

/// A split-conformal rule for prediction intervals, over all rows or within every group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalRule {
    alpha: f64,
    kind: Kind,
    by_group: bool,
    /// Group, its calibration rows, and its conformal quantile where they are enough for one.
    radii: Vec<(usize, usize, Option<f64>)>,
}

impl IntervalRule {
    /// Learns how far predictions must be widened, from calibration rows with outcomes `y` that the model has not seen.
    ///
    /// The radius is the ⌈(1 − α)(n + 1)⌉-th smallest score, within each group when `groups` are given.
    ///
    /// ```
    /// use regimen::learn::conformal::{IntervalRule, IntervalScore};
    /// let y: Vec<f64> = (1..=9).map(f64::from).collect();
    /// let rule = IntervalRule::fit(&y, IntervalScore::Absolute { predicted: &[0.0; 9] }, None, 0.2).unwrap();
    /// let found = rule.predict(IntervalScore::Absolute { predicted: &[10.0] }, None).unwrap()[0].unwrap();
    /// assert_eq!((found.lower, found.upper), (2.0, 18.0)); // the 8th of nine scores
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] for `alpha` outside (0, 1) or a scale not above 0, [`stats::Error::LengthMismatch`],
    /// [`stats::Error::NotFinite`], [`stats::Error::TooFew`] without rows.
    ///
    /// # Source
    /// Lei et al. 2018 (absolute and normalised residuals); Romano, Patterson & Candès 2019 (quantile regression).
    pub fn fit(y: &[f64], score: IntervalScore<'_>, groups: Option<&[usize]>, alpha: f64) -> Result<Self, Error> {
        check_alpha(alpha)?;
        check_at_least("rows", 1, y.len())?;
        check_finite(y)?;
        check_length("predictions", y.len(), score.check()?)?;
        if let Some(groups) = groups {
            check_length("groups", y.len(), groups.len())?;
        }
        let mut scores: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (row, &y) in y.iter().enumerate() {
            scores.entry(group_of(groups, row)).or_default().push(score.score(row, y));
        }
        let radii = scores
            .into_iter()
            .map(|(group, mut scores)| {
                scores.sort_by(f64::total_cmp);
                (group, scores.len(), conformal_quantile(&scores, alpha))
            })
            .collect();
        Ok(Self { alpha, kind: score.kind(), by_group: groups.is_some(), radii })
    }

    /// Returns the interval of every new row, from the same kind of prediction.
    ///
    /// `None` where the row's group had fewer than ⌈1/α⌉ − 1 calibration rows, or none: only the whole line has the
    /// coverage.
    ///
    /// # Errors
    /// As [`IntervalRule::fit`]; [`stats::Error::MissingLabel`] without groups where the rule has them,
    /// [`Error::Weights`] for another kind of prediction.
    pub fn predict(&self, score: IntervalScore<'_>, groups: Option<&[usize]>) -> Result<Vec<Option<Interval>>, Error> {
        let n_rows = score.check()?;
        if score.kind() != self.kind {
            let found = format!("{:?}", score.kind());
            return Err(Error::Weights { expected: "the kind of prediction that the rule was fitted with", found });
        }
        match groups {
            Some(groups) => check_length("groups", n_rows, groups.len())?,
            None if self.by_group => {
                return Err(stats::Error::MissingLabel { what: "group", n_missing: n_rows, n_rows }.into());
            }
            None => {}
        }
        let group = |row: usize| if self.by_group { group_of(groups, row) } else { 0 };
        let radius = |wanted: usize| self.radii.iter().find(|(group, ..)| *group == wanted).and_then(|found| found.2);
        Ok((0..n_rows).map(|row| radius(group(row)).map(|radius| score.interval(row, radius))).collect())
    }

    /// What the coverage rests on.
    #[must_use]
    pub fn assumption(&self) -> Assumption {
        if self.by_group { Assumption::ExchangeableWithinGroup } else { Assumption::Exchangeable }
    }

    /// The error rate α.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_and_quantile_radii_solved_by_hand() {
        // Scores |y − m|/s: 1, 2, 3, 4; at α = 0.4 the rank is ⌈0.6 · 5⌉ = 3.
        let (y, m, s) = ([2.0, 5.0, -4.0, 8.0], [1.0, 1.0, 2.0, 0.0], [1.0, 2.0, 2.0, 2.0]);
        let rule = IntervalRule::fit(&y, IntervalScore::Normalised { predicted: &m, scale: &s }, None, 0.4).unwrap();
        let found = rule.predict(IntervalScore::Normalised { predicted: &[1.0], scale: &[0.5] }, None).unwrap();
        assert_eq!(found, [Some(Interval { lower: -0.5, upper: 2.5 })]);
        // Scores max(lower − y, y − upper) for bands [0, 4]: −1, 1, 2, −2 → third smallest 1.
        let band = IntervalScore::Quantiles { lower: &[0.0; 4], upper: &[4.0; 4] };
        let rule = IntervalRule::fit(&[1.0, 5.0, -2.0, 2.0], band, None, 0.4).unwrap();
        let found = rule.predict(IntervalScore::Quantiles { lower: &[1.0], upper: &[2.0] }, None).unwrap();
        assert_eq!(found, [Some(Interval { lower: 0.0, upper: 3.0 })]);
    }

    #[test]
    fn bands_that_are_too_wide_shrink_and_never_cross() {
        let y: Vec<f64> = (0..20).map(|k| f64::from(k) / 10.0).collect();
        let rule = IntervalRule::fit(&y, IntervalScore::Quantiles { lower: &[-9.0; 20], upper: &[9.0; 20] }, None, 0.1)
            .unwrap();
        let predict = |lower: f64, upper: f64| {
            rule.predict(IntervalScore::Quantiles { lower: &[lower], upper: &[upper] }, None).unwrap()[0].unwrap()
        };
        assert!(predict(-9.0, 9.0).upper < 9.0);
        assert_eq!(predict(0.0, 1.0), Interval { lower: 0.5, upper: 0.5 });
    }

    #[test]
    fn small_and_unseen_groups_have_no_interval() {
        let groups: Vec<usize> = (0..12).map(|k| usize::from(k >= 9)).collect();
        let rule = IntervalRule::fit(&[1.0; 12], IntervalScore::Absolute { predicted: &[0.0; 12] }, Some(&groups), 0.1);
        let rule = rule.unwrap();
        let found = rule.predict(IntervalScore::Absolute { predicted: &[0.0; 3] }, Some(&[0, 1, 2])).unwrap();
        assert_eq!(found, [Some(Interval { lower: -1.0, upper: 1.0 }), None, None]);
        assert_eq!(rule.assumption(), Assumption::ExchangeableWithinGroup);
        assert!(rule.predict(IntervalScore::Absolute { predicted: &[0.0] }, None).is_err());
        let again: IntervalRule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!(again, rule);
    }

    #[test]
    fn bad_input_is_refused() {
        let absolute = |m: &[f64], y: &[f64]| IntervalRule::fit(y, IntervalScore::Absolute { predicted: m }, None, 0.1);
        assert!(absolute(&[], &[]).is_err());
        assert!(absolute(&[1.0], &[1.0, 2.0]).is_err());
        assert!(absolute(&[f64::NAN], &[1.0]).is_err());
        assert!(absolute(&[1.0], &[f64::INFINITY]).is_err());
        let scaled = IntervalScore::Normalised { predicted: &[1.0], scale: &[0.0] };
        assert!(matches!(IntervalRule::fit(&[1.0], scaled, None, 0.1), Err(Error::Parameter { .. })));
        let rule = absolute(&[1.0], &[1.0]).unwrap();
        assert!(rule.predict(IntervalScore::Quantiles { lower: &[0.0], upper: &[1.0] }, None).is_err());
    }
}
