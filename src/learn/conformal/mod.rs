//! Conformal prediction: sets, intervals and bounds with a stated coverage and a stated assumption.
//!
//! Split conformal prediction needs predictions for *calibration* rows from a model that has not seen them. It then
//! promises P(truth in set) ≥ 1 − `alpha` for a new patient drawn like the calibration rows, averaged over patients:
//! not for each patient, and not for a single calibration sample, around whose level coverage varies (with n rows, as a
//! Beta(n + 1 − ⌊α(n + 1)⌋, ⌊α(n + 1)⌋) variable).
//!
//! Deliberately absent: any claim for the treatment arm that a patient did not get (that needs a causal model, and
//! these rules see factual outcomes only), and any claim under a shift of site, period or selection, where rows are no
//! longer exchangeable. Every rule carries its [`Assumption`], so that a report can print what its coverage rests on.

mod cross_label_set;
mod interval;
mod label_set;
mod survival_bound;

use serde::{Deserialize, Serialize};

pub use self::cross_label_set::CrossLabelSets;
pub use self::interval::{Interval, IntervalRule, IntervalScore};
pub use self::label_set::{LabelPrediction, LabelSet, LabelSetRule, Smoothing, Taxonomy};
pub use self::survival_bound::{CensoringWeights, SurvivalBoundRule};

use super::Error;

/// What the coverage of a conformal rule rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumption {
    /// Calibration rows and the new patient are exchangeable; coverage is an average over patients.
    Exchangeable,
    /// Exchangeable within each group; coverage holds in every group.
    ExchangeableWithinGroup,
    /// Exchangeable within each outcome class; coverage holds among patients of either class.
    ExchangeableWithinClass,
    /// Exchangeable within each outcome class of each group.
    ExchangeableWithinGroupAndClass,
    /// Cross-conformal: exchangeable rows, but only 1 − 2α is proven.
    CrossFolds,
    /// Right censoring independent of the event time given the features, with a correct censoring model up to the
    /// cut-off.
    IndependentCensoring,
    /// Type I censoring: the censoring time of every row is known and independent of the event time given the features.
    TypeOneCensoring,
}

impl Assumption {
    /// One sentence for a report.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Exchangeable => {
                "Holds on average over patients like the calibration patients, treated as they were; not under a \
                 shift of site or period."
            }
            Self::ExchangeableWithinGroup => {
                "Holds on average within each group of patients like the calibration patients, treated as they were; \
                 not under a shift of site or period."
            }
            Self::ExchangeableWithinClass => {
                "Holds on average among patients with the event and among those without, if they are like the \
                 calibration patients, treated as they were; not under a shift of site or period within a class."
            }
            Self::ExchangeableWithinGroupAndClass => {
                "Holds on average within each group among patients with the event and among those without, if they \
                 are like the calibration patients, treated as they were; not under a shift of site or period within \
                 these."
            }
            Self::CrossFolds => {
                "Proven for twice the stated error rate only, usually near the stated one; on average over patients \
                 like those of the training data, treated as they were."
            }
            Self::IndependentCensoring => {
                "Holds on average over patients like the calibration patients, treated as they were, if censoring \
                 does not depend on the event time given the features and the censoring model is right."
            }
            Self::TypeOneCensoring => {
                "Holds on average over patients like the calibration patients, treated as they were, if every \
                 censoring time is known, does not depend on the event time given the features, and its model is \
                 right."
            }
        }
    }
}

/// Checks that an error rate lies strictly between 0 and 1.
fn check_alpha(alpha: f64) -> Result<(), Error> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(Error::Parameter { what: "alpha", expected: "a value in (0, 1)", found: alpha })
}

/// ⌊α(n + 1)⌋: how many of `n` calibration rows and the new one may be left out; 0 forces the trivial set.
///
/// A product within 1e-9 of a whole number is that number, so that α = 0.1 and n = 29 give 3 whatever the rounding.
fn n_left_out(n_samples: usize, alpha: f64) -> usize {
    (alpha * (n_samples as f64 + 1.0) + 1e-9).floor() as usize
}

/// The ⌈(1 − α)(n + 1)⌉-th smallest score of an ascending sample; `None` when that is past the last.
///
/// # Source
/// Vovk, Gammerman & Shafer 2005, section 4.1; Lei et al. 2018, algorithm 2.
fn conformal_quantile(ascending: &[f64], alpha: f64) -> Option<f64> {
    let rank = ascending.len() + 1 - n_left_out(ascending.len(), alpha);
    ascending.get(rank.checked_sub(1)?).copied()
}

/// The group of row `row`; one common group when there are none.
fn group_of(groups: Option<&[usize]>, row: usize) -> usize {
    groups.and_then(|groups| groups.get(row)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_stated_order_statistic() {
        let scores: Vec<f64> = (1..=29).map(f64::from).collect();
        // ⌈0.9 · 30⌉ = 27 and ⌈0.95 · 30⌉ = 29; at 0.01 the rank 30 is past the sample.
        assert_eq!(conformal_quantile(&scores, 0.1), Some(27.0));
        assert_eq!(conformal_quantile(&scores, 0.05), Some(29.0));
        assert_eq!(conformal_quantile(&scores, 0.01), None);
        assert_eq!(conformal_quantile(&[], 0.5), None);
        // Nine rows suffice for 90 %, eight do not.
        assert_eq!(conformal_quantile(&scores[..9], 0.1), Some(9.0));
        assert_eq!(conformal_quantile(&scores[..8], 0.1), None);
    }

    #[test]
    fn every_assumption_has_its_sentence() {
        let all = [
            Assumption::Exchangeable,
            Assumption::ExchangeableWithinGroup,
            Assumption::ExchangeableWithinClass,
            Assumption::ExchangeableWithinGroupAndClass,
            Assumption::CrossFolds,
            Assumption::IndependentCensoring,
            Assumption::TypeOneCensoring,
        ];
        let texts: std::collections::BTreeSet<&str> = all.iter().map(|assumption| assumption.text()).collect();
        assert_eq!(texts.len(), all.len());
        assert!(texts.iter().all(|text| text.ends_with('.')));
    }
}
