use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cause_model::{CauseModel, TrainingRows};
use super::inputs::{Column, Input};
use crate::decide::Error;
use crate::stats::folds::stratified_folds;

/// A form of the breast cancer hazard to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name for people.
    pub name: String,
    /// Columns of the linear predictor.
    pub columns: Vec<Column>,
    /// λ of the penalty ½ λ Σ coef² on standardised inputs.
    pub ridge: f64,
}

/// The candidates: clinical inputs; with effects that differ by ER; with effects of the first five years apart; with
/// both; and the last with expression. Each at three penalties.
#[must_use]
pub fn candidates() -> Vec<Candidate> {
    let main = |inputs: &[Input]| inputs.iter().copied().map(Column::Main).collect::<Vec<_>>();
    let mut clinical = main(&[Input::LnNodes, Input::SizeSaturation, Input::Grade, Input::Pr, Input::Her2]);
    clinical.extend(Input::AGE.map(Column::Main));
    let by_er = [Input::LnNodes, Input::SizeSaturation, Input::Grade, Input::Age, Input::Her2].map(Column::ErNegative);
    let early =
        [Input::LnNodes, Input::SizeSaturation, Input::Grade, Input::Age, Input::Pr, Input::Her2].map(Column::Early);
    let with = |parts: &[&[Column]]| [clinical.clone(), parts.concat()].concat();
    let intrinsic = Input::INTRINSIC.map(Column::Main);
    let erbb2 = [Column::Main(Input::Erbb2)];
    let sets = [
        ("clinical", with(&[])),
        ("clinical, by ER", with(&[&by_er])),
        ("clinical, early", with(&[&early])),
        ("clinical, by ER, early", with(&[&by_er, &early])),
        ("clinical, by ER, early, PAM50", with(&[&by_er, &early, &intrinsic])),
        ("clinical, by ER, early, PAM50, ERBB2", with(&[&by_er, &early, &intrinsic, &erbb2])),
    ];
    let at = |ridge: f64| {
        sets.clone().map(|(name, columns)| Candidate { name: format!("{name}, ridge {ridge}"), columns, ridge })
    };
    [10.0, 50.0, 150.0].into_iter().flat_map(at).collect()
}

/// Returns the position of the candidate with the highest held-out log-likelihood over inner folds, and each one's value.
pub(super) fn choose(
    rows: &TrainingRows,
    candidates: &[Candidate],
    n_folds: usize,
    seed: u64,
) -> Result<(usize, Vec<f64>), Error> {
    let events: Vec<bool> = rows.cause.iter().map(|&cause| cause == 1).collect();
    let fold = stratified_folds(&events, None, n_folds, seed)?;
    let held_out = |candidate: &Candidate| -> Result<f64, Error> {
        let mut sum = 0.0;
        for held in 0..n_folds {
            let (test, train): (Vec<usize>, Vec<usize>) = (0..rows.n_samples()).partition(|&row| fold[row] == held);
            let model = CauseModel::fit(&rows.select(&train), 1, &candidate.columns, candidate.ridge, true)?;
            sum += model.log_likelihood(&rows.select(&test), 1);
        }
        Ok(sum)
    };
    let values: Vec<f64> = candidates.par_iter().map(held_out).collect::<Result<_, _>>()?;
    let best = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at);
    Ok((best, values))
}
