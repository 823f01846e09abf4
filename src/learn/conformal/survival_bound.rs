//! Lower prediction bounds for a survival time under right censoring.

use serde::{Deserialize, Serialize};

use super::{Assumption, check_alpha};
use crate::learn::Error;
use crate::learn::calibrate::checks::check_length;
use crate::stats::ipcw::CensorSurvival;
use crate::stats::{self, Survival};

/// What is known of the censoring of calibration rows; G(t) is the probability of being uncensored after t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CensoringWeights<'a> {
    /// G by Kaplan-Meier: censoring independent of the event time and of the features.
    KaplanMeier,
    /// From a censoring model given the features.
    Supplied {
        /// 1/G(min(Tᵢ, c) − | xᵢ) of every row, c the cut-off; not read where the row is censored before c.
        weights: &'a [f64],
        /// At least 1/G(c − | x) for every patient, calibration or new.
        largest: f64,
    },
    /// Type I censoring: the censoring time is known even where the event came first, as with one closing date of the
    /// data.
    TypeOne {
        /// Censoring time of every row.
        censor_time: &'a [f64],
        /// 1/P(C ≥ c | xᵢ) of every row.
        weights: &'a [f64],
    },
}

/// A conformal rule for lower bounds L with P(T ≥ L) ≥ 1 − α, T the event time.
///
/// The score of a row is min(fᵢ, c) − min(Tᵢ, c), f being any predicted time (best a predicted α-quantile) and c a
/// fixed cut-off chosen before looking at outcomes; the bound is min(f, c) − η, kept within \[0, c\]. η is the weighted
/// (1 − α)-quantile of the scores of rows whose min(T, c) is known, each weighted by the inverse of the probability
/// that it is, the new patient standing at +∞ with the largest weight she could have (with her own under type I
/// censoring). With known weights the coverage holds in every sample size; with estimated ones, up to their error.
///
/// # Source
/// Candès, Lei & Ren 2023, algorithm 1 (fixed cut-off, type I censoring); Tibshirani et al. 2019, theorem 2, for
/// weights that depend on the outcome, which extends the bound to plain right censoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalBoundRule {
    alpha: f64,
    cutoff: f64,
    assumption: Assumption,
    /// Ascending scores.
    scores: Vec<f64>,
    /// Weight of all scores up to each.
    cumulative: Vec<f64>,
    /// Largest weight of a new patient; under type I censoring, of a calibration row.
    largest: f64,
    n_effective: f64,
}

impl SurvivalBoundRule {
    /// Keeps the scores of calibration rows, `predicted` times coming from a model that has not seen them.
    ///
    /// A predicted time may be +∞ (the curve never falls to α). `cutoff` is in the unit of the times; beyond it nothing
    /// is claimed. An early cut-off keeps weights even, a late one allows later bounds.
    ///
    /// # Errors
    /// [`Error::Parameter`] for `alpha`, `cutoff` or a predicted time outside their domain,
    /// [`stats::Error::LengthMismatch`], [`stats::Error::BadWeight`] for a weight below 1 or above `largest`,
    /// [`stats::Error::BeyondFollowUp`] when no row is followed to the cut-off, and [`stats::Error::TooFew`] when the
    /// effective number of rows, (Σ w)²/Σ w², or Σ w over the largest weight, is below ⌈1/α⌉ − 1, for then every bound
    /// would be 0 or hang on a few rows.
    pub fn fit(
        data: &Survival,
        predicted: &[f64],
        censoring: CensoringWeights<'_>,
        cutoff: f64,
        alpha: f64,
    ) -> Result<Self, Error> {
        check_alpha(alpha)?;
        if !(cutoff.is_finite() && cutoff > 0.0) {
            return Err(Error::Parameter { what: "cut-off", expected: "a finite time above 0", found: cutoff });
        }
        check_length("predicted times", data.n_samples(), predicted.len())?;
        check_predicted(predicted)?;
        let last = data.event_time().iter().copied().fold(0.0, f64::max);
        if last < cutoff {
            return Err(stats::Error::BeyondFollowUp { time: cutoff, last }.into());
        }
        let known = known_rows(data, censoring, cutoff)?;
        let largest = match censoring {
            CensoringWeights::Supplied { largest, .. } => largest,
            CensoringWeights::KaplanMeier => 1.0 / CensorSurvival::fit(data).just_before(cutoff)?,
            CensoringWeights::TypeOne { .. } => known.iter().map(|row| row.1).fold(1.0, f64::max),
        };
        if !largest.is_finite() {
            return Err(Error::Parameter { what: "largest weight", expected: "a finite number", found: largest });
        }
        check_inverse_probabilities(known.iter().copied(), largest * (1.0 + 1e-12))?;
        let mut weighted: Vec<(f64, f64)> = known
            .iter()
            .map(|&(row, weight)| (predicted[row].min(cutoff) - data.event_time()[row].min(cutoff), weight))
            .collect();
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let squares: f64 = weighted.iter().map(|(_, weight)| weight * weight).sum();
        let mut total = 0.0;
        let cumulative: Vec<f64> = weighted
            .iter()
            .map(|(_, weight)| {
                total += weight;
                total
            })
            .collect();
        let n_effective = if squares > 0.0 { total * total / squares } else { 0.0 };
        let needed = (1.0 / alpha - 1.0 - 1e-9).ceil();
        let found = n_effective.min(total / largest);
        if found + 1e-9 < needed {
            let what = "effective calibration rows for the survival bound";
            return Err(stats::Error::TooFew { what, needed: needed as usize, found: found as usize }.into());
        }
        let assumption = match censoring {
            CensoringWeights::TypeOne { .. } => Assumption::TypeOneCensoring,
            _ => Assumption::IndependentCensoring,
        };
        let scores = weighted.into_iter().map(|(score, _)| score).collect();
        Ok(Self { alpha, cutoff, assumption, scores, cumulative, largest, n_effective })
    }

    /// Returns the lower bound of every new patient, in \[0, cut-off\]; 0 claims nothing.
    ///
    /// `weights`, 1/P(C ≥ c | x) of the new patients, matter under type I censoring only; without them the largest
    /// calibration weight stands in.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a predicted time that is NaN or negative, [`stats::Error::LengthMismatch`],
    /// [`stats::Error::BadWeight`].
    pub fn lower_bounds(&self, predicted: &[f64], weights: Option<&[f64]>) -> Result<Vec<f64>, Error> {
        check_predicted(predicted)?;
        if let Some(weights) = weights {
            check_length("weights", predicted.len(), weights.len())?;
            check_inverse_probabilities(weights.iter().copied().enumerate(), f64::MAX)?;
        }
        let own = |row: usize| match self.assumption {
            Assumption::TypeOneCensoring => {
                weights.and_then(|weights| weights.get(row)).copied().unwrap_or(self.largest)
            }
            _ => self.largest,
        };
        let bound = |(row, &predicted): (usize, &f64)| {
            self.quantile(own(row)).map_or(0.0, |shift| (predicted.min(self.cutoff) - shift).clamp(0.0, self.cutoff))
        };
        Ok(predicted.iter().enumerate().map(bound).collect())
    }

    /// The smallest score up to which calibration holds 1 − α of all weight, the new patient's included.
    fn quantile(&self, new_weight: f64) -> Option<f64> {
        let total = self.cumulative.last()?;
        // Equal weights give whole ranks; rounding must not skip one.
        let target = (1.0 - self.alpha) * (total + new_weight) * (1.0 - 1e-12);
        self.scores.get(self.cumulative.partition_point(|&weight| weight < target)).copied()
    }

    /// What the coverage rests on.
    #[must_use]
    pub fn assumption(&self) -> Assumption {
        self.assumption
    }

    /// The cut-off; no bound is later.
    #[must_use]
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// (Σ w)²/Σ w², the number of equally weighted rows that would be as informative.
    #[must_use]
    pub fn n_effective(&self) -> f64 {
        self.n_effective
    }
}

fn check_predicted(predicted: &[f64]) -> Result<(), Error> {
    match predicted.iter().find(|time| time.is_nan() || **time < 0.0) {
        Some(&found) => Err(Error::Parameter { what: "predicted time", expected: "a time of at least 0", found }),
        None => Ok(()),
    }
}

/// Every weight lies in \[1, `largest`\].
fn check_inverse_probabilities(mut weights: impl Iterator<Item = (usize, f64)>, largest: f64) -> Result<(), Error> {
    let possible = 1.0..=largest;
    match weights.find(|(_, weight)| !possible.contains(weight)) {
        Some((index, found)) => Err(stats::Error::BadWeight { index, found }.into()),
        None => Ok(()),
    }
}

/// Rows whose min(T, c) is known, with their weights.
fn known_rows(data: &Survival, censoring: CensoringWeights<'_>, cutoff: f64) -> Result<Vec<(usize, f64)>, Error> {
    let (event_time, event) = (data.event_time(), data.event());
    let observed = (0..data.n_samples()).filter(|&row| event[row] || event_time[row] >= cutoff);
    Ok(match censoring {
        CensoringWeights::KaplanMeier => {
            let censor_survival = CensorSurvival::fit(data);
            observed
                .map(|row| Ok((row, 1.0 / censor_survival.just_before(event_time[row].min(cutoff))?)))
                .collect::<Result<_, stats::Error>>()?
        }
        CensoringWeights::Supplied { weights, .. } => {
            check_length("censoring weights", data.n_samples(), weights.len())?;
            observed.map(|row| (row, weights[row])).collect()
        }
        CensoringWeights::TypeOne { censor_time, weights } => {
            check_length("censoring times", data.n_samples(), censor_time.len())?;
            check_length("censoring weights", data.n_samples(), weights.len())?;
            for (index, &found) in censor_time.iter().enumerate() {
                let agrees = if event[index] { found >= event_time[index] } else { found == event_time[index] };
                if !agrees {
                    let expected = "the observed time where censored, and none before an event";
                    return Err(Error::Parameter { what: "censoring time", expected, found });
                }
            }
            (0..data.n_samples()).filter(|&row| censor_time[row] >= cutoff).map(|row| (row, weights[row])).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(rule: &SurvivalBoundRule, predicted: f64) -> f64 {
        rule.lower_bounds(&[predicted], None).unwrap()[0]
    }

    #[test]
    fn without_censoring_the_bound_is_the_split_conformal_one() {
        // Scores 5 − T for T = 1…9: ascending −4…4; at α = 0.2 the rank ⌈0.8 · 10⌉ = 8, score 3.
        let data = Survival::new((1..=9).map(f64::from).collect(), vec![true; 9]).unwrap();
        let rule = SurvivalBoundRule::fit(&data, &[5.0; 9], CensoringWeights::KaplanMeier, 9.0, 0.2).unwrap();
        assert_eq!((bounds(&rule, 5.0), bounds(&rule, 2.0), bounds(&rule, f64::INFINITY)), (2.0, 0.0, 6.0));
        assert_eq!((rule.n_effective(), rule.cutoff()), (9.0, 9.0));
        let type_one = CensoringWeights::TypeOne { censor_time: &[10.0; 9], weights: &[1.0; 9] };
        let same = SurvivalBoundRule::fit(&data, &[5.0; 9], type_one, 9.0, 0.2).unwrap();
        assert_eq!(bounds(&same, 5.0), 2.0);
        assert_eq!(
            (rule.assumption(), same.assumption()),
            (Assumption::IndependentCensoring, Assumption::TypeOneCensoring)
        );
    }

    #[test]
    fn censored_rows_hand_their_weight_to_later_ones() {
        // One censoring among four at risk: later rows weigh 4/3.
        let data = Survival::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![true, false, true, true, true]).unwrap();
        let rows = known_rows(&data, CensoringWeights::KaplanMeier, 4.0).unwrap();
        let weights: Vec<f64> = rows.iter().map(|row| row.1).collect();
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 2, 3, 4]);
        // The event at 1 counts once, the three rows after the censoring 4/3 each.
        assert!(weights[0] == 1.0 && (weights[3] - 4.0 / 3.0).abs() < 1e-15);
        assert!((weights.iter().sum::<f64>() - 5.0).abs() < 1e-14);
    }

    #[test]
    fn a_heavier_new_patient_gets_an_earlier_bound() {
        let data = Survival::new((1..=20).map(f64::from).collect(), vec![true; 20]).unwrap();
        let censoring = CensoringWeights::TypeOne { censor_time: &[30.0; 20], weights: &[1.5; 20] };
        let rule = SurvivalBoundRule::fit(&data, &[9.0; 20], censoring, 20.0, 0.2).unwrap();
        let found = rule.lower_bounds(&[9.0; 3], Some(&[1.0, 4.0, 100.0])).unwrap();
        assert!(found[0] > found[1] && found[1] > found[2] && found[2] == 0.0);
        assert!(rule.lower_bounds(&[9.0], Some(&[0.5])).is_err() && rule.lower_bounds(&[9.0], Some(&[])).is_err());
        let again: SurvivalBoundRule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!(again, rule);
    }

    #[test]
    fn too_little_information_and_bad_input_are_refused() {
        let data = Survival::new((1..=8).map(f64::from).collect(), vec![true; 8]).unwrap();
        let fit = |predicted: &[f64], censoring, cutoff, alpha| {
            SurvivalBoundRule::fit(&data, predicted, censoring, cutoff, alpha)
        };
        let km = CensoringWeights::KaplanMeier;
        assert!(matches!(
            fit(&[5.0; 8], km, 8.0, 0.1),
            Err(Error::Stats(stats::Error::TooFew { needed: 9, found: 8, .. }))
        ));
        assert!(fit(&[5.0; 8], km, 8.0, 0.2).is_ok());
        assert!(matches!(fit(&[5.0; 8], km, 8.5, 0.2), Err(Error::Stats(stats::Error::BeyondFollowUp { .. }))));
        assert!(fit(&[5.0; 7], km, 8.0, 0.2).is_err());
        assert!(fit(&[f64::NAN; 8], km, 8.0, 0.2).is_err());
        assert!(fit(&[5.0; 8], km, f64::INFINITY, 0.2).is_err());
        let light = CensoringWeights::Supplied { weights: &[0.5; 8], largest: 2.0 };
        assert!(matches!(fit(&[5.0; 8], light, 8.0, 0.2), Err(Error::Stats(stats::Error::BadWeight { .. }))));
        let nan = CensoringWeights::Supplied { weights: &[f64::NAN; 8], largest: 2.0 };
        assert!(fit(&[5.0; 8], nan, 8.0, 0.2).is_err());
        let early = CensoringWeights::TypeOne { censor_time: &[0.5; 8], weights: &[1.0; 8] };
        assert!(matches!(fit(&[5.0; 8], early, 8.0, 0.2), Err(Error::Parameter { what: "censoring time", .. })));
    }
}
