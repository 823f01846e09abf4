//! Label sets without a calibration set: every training row calibrates, out of fold.

use serde::{Deserialize, Serialize};

use super::label_set::{LabelPrediction, LabelSetRule, Rank, Smoothing, Taxonomy};
use super::label_set::{check_groups, draws, label_prediction, rank, score};
use super::{Assumption, group_of};
use crate::learn::Error;
use crate::learn::calibrate::checks::{check_at_least, check_length, check_probabilities};

/// A cross-conformal rule for label sets: every training row calibrates, by its out-of-fold probability.
///
/// Nothing is held out, but the guarantee is weaker: coverage at least 1 − 2α − (1 − K/n)/(K + 1), K folds and n rows;
/// in practice near 1 − α when the model is stable. Marginal or by group or class as the taxonomy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossLabelSets {
    /// One rule per fold, holding the scores of its rows.
    folds: Vec<LabelSetRule>,
}

impl CrossLabelSets {
    /// Keeps the out-of-fold scores: `p` from models that had not seen the row, `fold` the fold number of each row.
    ///
    /// # Errors
    /// As [`LabelSetRule::fit`], and [`crate::stats::Error::TooFew`] for fewer than two folds or an empty one.
    ///
    /// # Source
    /// Vovk 2015 (cross-conformal predictors); Romano, Sesia & Candès 2020, section 3.2 (CV+); Barber et al. 2021,
    /// theorem 4.
    pub fn fit(
        y: &[bool],
        p: &[f64],
        fold: &[usize],
        groups: Option<&[usize]>,
        alpha: f64,
        taxonomy: Taxonomy,
    ) -> Result<Self, Error> {
        check_length("probabilities", y.len(), p.len())?;
        check_length("folds", y.len(), fold.len())?;
        check_groups(taxonomy, groups, y.len())?;
        let n_folds = fold.iter().max().map_or(0, |last| last + 1);
        check_at_least("folds", 2, n_folds)?;
        check_at_least("rows", n_folds, y.len())?;
        let folds = (0..n_folds)
            .map(|wanted| {
                let rows: Vec<usize> = (0..y.len()).filter(|&row| fold[row] == wanted).collect();
                let of_fold: Option<Vec<usize>> =
                    groups.map(|_| rows.iter().map(|&row| group_of(groups, row)).collect());
                let (y, p): (Vec<bool>, Vec<f64>) = rows.iter().map(|&row| (y[row], p[row])).unzip();
                LabelSetRule::fit(&y, &p, of_fold.as_deref(), alpha, taxonomy)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { folds })
    }

    /// Returns the set of every new patient; `p[k]` holds the probabilities that the model of fold k gives them.
    ///
    /// # Errors
    /// As [`LabelSetRule::predict`]; [`crate::stats::Error::LengthMismatch`] unless there is one slice per fold, all
    /// equally long.
    pub fn predict<P: AsRef<[f64]>>(
        &self,
        p: &[P],
        groups: Option<&[usize]>,
        smoothing: Smoothing,
    ) -> Result<Vec<LabelPrediction>, Error> {
        check_length("models", self.folds.len(), p.len())?;
        let n_new = p.first().map_or(0, |model| model.as_ref().len());
        for model in p {
            check_length("probabilities", n_new, model.as_ref().len())?;
            check_probabilities(model.as_ref())?;
        }
        let Some(first) = self.folds.first() else { return Ok(Vec::new()) };
        check_groups(first.taxonomy, groups, n_new)?;
        let predict = |row: usize| {
            let mut draws = draws(smoothing, row);
            let mut of = |event: bool| {
                let key = first.taxonomy.cell(group_of(groups, row), event);
                let (mut total, mut n_samples) = (Rank { above: 0, tied: 0 }, 0);
                for (rule, model) in self.folds.iter().zip(p) {
                    let cell = rule.scores(key);
                    let found = rank(cell, score(model.as_ref()[row], event));
                    total = Rank { above: total.above + found.above, tied: total.tied + found.tied };
                    n_samples += cell.len();
                }
                (total.conform(n_samples, first.alpha, draws(event)), n_samples)
            };
            label_prediction(of(true), of(false))
        };
        Ok((0..n_new).map(predict).collect())
    }

    /// What the coverage rests on.
    #[must_use]
    pub fn assumption(&self) -> Assumption {
        Assumption::CrossFolds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_for_all_folds_makes_the_cross_rule_the_split_rule() {
        let p: Vec<f64> = (0..60).map(|k| f64::from((k * 37) % 61) / 61.0).collect();
        let y: Vec<bool> = (0..60).map(|k| (k * 17) % 23 < 9).collect();
        let groups: Vec<usize> = (0..60).map(|k| k % 2).collect();
        let fold: Vec<usize> = (0..60).map(|k| k % 5).collect();
        let new = [0.05, 0.4, 0.77];
        for taxonomy in [Taxonomy::Marginal, Taxonomy::Group, Taxonomy::Class, Taxonomy::GroupAndClass] {
            let split = LabelSetRule::fit(&y, &p, Some(&groups), 0.2, taxonomy).unwrap();
            let cross = CrossLabelSets::fit(&y, &p, &fold, Some(&groups), 0.2, taxonomy).unwrap();
            for smoothing in [Smoothing::Conservative, Smoothing::Randomised { seed: 5 }] {
                let models: Vec<&[f64]> = vec![&new; 5];
                assert_eq!(
                    split.predict(&new, Some(&[0, 1, 0]), smoothing).unwrap(),
                    cross.predict(&models, Some(&[0, 1, 0]), smoothing).unwrap()
                );
            }
        }
    }

    #[test]
    fn one_fold_or_an_empty_one_is_refused() {
        for fold in [[0, 0], [0, 2]] {
            assert!(CrossLabelSets::fit(&[true, false], &[0.5, 0.5], &fold, None, 0.1, Taxonomy::Marginal).is_err());
        }
    }
}
