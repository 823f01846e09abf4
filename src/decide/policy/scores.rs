use super::super::Error;
use super::Propensity;

/// What happened to each patient and what two models say about it, rows aligned.
#[derive(Debug, Clone, Copy)]
pub struct Treated<'a> {
    /// Option received.
    pub received: &'a [usize],
    /// Outcome.
    pub y: &'a [bool],
    /// `predicted[option][row]`: probability of the outcome under each option, from a model that has not seen the
    /// patient's own outcome.
    pub predicted: &'a [Vec<f64>],
    /// Chance of having received each option.
    pub propensity: &'a Propensity,
}

/// What one patient says about the value of a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// ψ = m(x, π) + 1{A = π} / e(π | x) · (y − m(x, π)): its mean is the value.
    pub influence: f64,
    /// 1{A = π} / e(π | x).
    pub weight: f64,
}

/// The scores of every patient under one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyScores {
    /// One per row; `None` where the policy names no option, or one that she had no chance to receive.
    pub scores: Vec<Option<Score>>,
    /// Rows for which the policy names no option.
    pub n_without_option: usize,
}

impl Treated<'_> {
    /// Returns the augmented inverse-probability scores of the policy that gives each row its `choice`.
    ///
    /// A chance below `floor` is a positivity failure: the row has no score rather than an extreme weight.
    ///
    /// # Errors
    /// [`Error::Lengths`]; [`Error::Parameter`] for a floor outside (0, 1) or a prediction outside \[0, 1\].
    ///
    /// # Source
    /// Robins, Rotnitzky & Zhao 1994; Zhang et al., Biometrics 2012;68:1010 (value of a treatment regime).
    pub fn scores(&self, choice: &[Option<usize>], floor: f64) -> Result<PolicyScores, Error> {
        let n_rows = self.received.len();
        Error::same_length("choices", n_rows, choice.len())?;
        Error::same_length("outcomes", n_rows, self.y.len())?;
        Error::same_length("chances", n_rows, self.propensity.n_rows())?;
        for predicted in self.predicted {
            Error::same_length("predictions", n_rows, predicted.len())?;
        }
        if !(floor > 0.0 && floor < 1.0) {
            return Err(Error::Parameter { what: "floor", expected: "a value in (0, 1)", found: floor });
        }
        let mut found = PolicyScores {
            scores: Vec::with_capacity(n_rows),
            n_without_option: choice.iter().filter(|choice| choice.is_none()).count(),
        };
        for (row, ((choice, received), y)) in choice.iter().zip(self.received).zip(self.y).enumerate() {
            let score = match choice {
                Some(option) if self.propensity.of(row, *option) >= floor => {
                    let m = self.predicted.get(*option).and_then(|p| p.get(row)).copied().unwrap_or(f64::NAN);
                    if !(0.0..=1.0).contains(&m) {
                        return Err(Error::Parameter { what: "prediction", expected: "a value in [0, 1]", found: m });
                    }
                    let weight = if option == received { 1.0 / self.propensity.of(row, *option) } else { 0.0 };
                    Some(Score { influence: m + weight * (f64::from(u8::from(*y)) - m), weight })
                }
                _ => None,
            };
            found.scores.push(score);
        }
        Ok(found)
    }
}

impl PolicyScores {
    /// The scores of treating everyone as she was treated: the outcome itself, with a weight of 1.
    #[must_use]
    pub fn as_treated(y: &[bool]) -> Self {
        let score = |y: &bool| Some(Score { influence: f64::from(u8::from(*y)), weight: 1.0 });
        Self { scores: y.iter().map(score).collect(), n_without_option: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_prediction_corrected_by_the_weighted_residual() {
        let propensity = Propensity::known(2, vec![0.5, 0.5, 0.25, 0.75, 0.999, 0.001]).unwrap();
        let predicted = [vec![0.2, 0.4, 0.5], vec![0.6, 0.1, 0.5]];
        let treated =
            Treated { received: &[0, 0, 1], y: &[true, false, true], predicted: &predicted, propensity: &propensity };
        let found = treated.scores(&[Some(0), Some(1), Some(1)], 0.01).unwrap();
        // 0.2 + 2 (1 − 0.2); 0.1, not received; chance 0.001 below the floor.
        assert_eq!(found.scores[0], Some(Score { influence: 0.2 + 2.0 * 0.8, weight: 2.0 }));
        assert_eq!(found.scores[1], Some(Score { influence: 0.1, weight: 0.0 }));
        assert_eq!((found.scores[2], found.n_without_option), (None, 0));
        assert_eq!(treated.scores(&[None; 3], 0.01).unwrap().n_without_option, 3);
    }

    #[test]
    fn misaligned_or_impossible_inputs_are_named() {
        let propensity = Propensity::known(1, vec![1.0, 1.0]).unwrap();
        let predicted = [vec![0.5, f64::NAN]];
        let treated = Treated { received: &[0, 0], y: &[true, false], predicted: &predicted, propensity: &propensity };
        assert!(matches!(treated.scores(&[Some(0)], 0.01), Err(Error::Lengths { .. })));
        assert!(matches!(treated.scores(&[Some(0); 2], 0.01), Err(Error::Parameter { what: "prediction", .. })));
        assert!(matches!(treated.scores(&[Some(0); 2], 0.0), Err(Error::Parameter { what: "floor", .. })));
    }
}
