use serde::Serialize;

use super::{Error, FusedTable, ResponseModel, ResponseRows};
use crate::fusion::DesignColumn;
use crate::learn::DesignMatrix;
use crate::learn::explain::{
    ColumnGroup, Importance, ImportanceOptions, PartialDependence, contribution_gap, group_contributions,
    partial_dependence, permutation_importance,
};
use crate::learn::surrogate::{Surrogate, SurrogateParams};
use crate::stats::paired::pick;
use crate::stats::{expit, folds, roc_auc_value};

/// Columns whose partial dependence is shown.
const N_DEPENDENCES: usize = 6;
const FOLDS: usize = 5;

/// What a model does, on the rows of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelExplanation {
    /// `name@version`.
    pub model: String,
    /// SHA-256 of the table.
    pub data_sha256: String,
    /// Rows.
    pub n: usize,
    /// Rows that the model was trained on: with any, importances say what the model uses, not what would help others.
    pub n_seen_in_training: usize,
    /// Largest difference of the sum of a row's contributions from its prediction, relative to the largest prediction.
    pub contribution_gap: f64,
    /// Mean absolute contribution to the logit by feature group, largest first.
    pub contributions: Vec<MeanContribution>,
    /// AUC lost when a feature group is shuffled among the patients.
    pub group_importance: Vec<Importance>,
    /// AUC lost when one source column is shuffled, largest first.
    pub column_importance: Vec<Importance>,
    /// Mean predicted probability along the most important columns.
    pub dependence: Vec<PartialDependence>,
    /// The model in a few rules.
    pub rules: SurrogateRules,
}

/// Mean absolute contribution of a feature group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanContribution {
    /// Feature group.
    pub group: String,
    /// Mean over rows of the absolute sum of its columns' contributions, on the logit scale.
    pub mean_absolute: f64,
}

/// Rules that imitate the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurrogateRules {
    /// Sentences, lowest mean prediction first.
    pub rules: Vec<String>,
    /// Share of rows that rules made without them put into the right third of the predictions.
    pub fidelity: f64,
}

/// Explains a model on the rows of `table` whose outcome is known, under the option that each received.
///
/// # Errors
/// [`Error::Unsupported`] with fewer than 20 usable rows, [`Error::Fusion`] for columns of another type,
/// [`Error::Learn`] and [`Error::Stats`] when all outcomes or all predictions are alike.
pub fn explain_model(model: &ResponseModel, table: &FusedTable, n_resamples: usize) -> Result<ModelExplanation, Error> {
    let seed = model.manifest.spec.seed;
    let rows = ResponseRows::select(table, &model.manifest.spec)?;
    let x = model.design.apply(&rows.table.frame)?;
    let logits = |x: &DesignMatrix| model.estimator.logits(x);
    let probabilities = |x: &DesignMatrix| Ok(logits(x)?.into_iter().map(expit).collect::<Vec<f64>>());
    let (by_group, by_source) =
        (groups(&model.design.columns, |column| &column.group), groups(&model.design.columns, |column| &column.source));
    let contributions = model.estimator.contributions(&x)?;
    let gap = contribution_gap(&contributions, &logits(&x)?)?;
    let grouped = group_contributions(&contributions, &by_group)?;
    let mut means: Vec<MeanContribution> = by_group
        .iter()
        .enumerate()
        .map(|(at, group)| MeanContribution {
            group: group.name.clone(),
            mean_absolute: grouped.iter().filter_map(|row| row.get(at)).map(|value| value.abs()).sum::<f64>()
                / grouped.len() as f64,
        })
        .collect();
    means.sort_by(|a, b| b.mean_absolute.total_cmp(&a.mean_absolute));
    let options = ImportanceOptions { n_resamples, seed, ..ImportanceOptions::default() };
    let auc =
        |predictions: &[f64], drawn: &[usize]| roc_auc_value(&pick(&rows.y, drawn), &pick(predictions, drawn)).ok();
    let group_importance = permutation_importance(&x, &by_group, &options, logits, auc)?;
    let column_importance = permutation_importance(&x, &by_source, &options, logits, auc)?;
    let dependence = column_importance
        .iter()
        .filter_map(|importance| by_source.iter().find(|group| group.name == importance.group))
        // A text column has one matrix column per level and no axis to move along.
        .filter(|group| group.columns.len() == 1)
        .filter_map(|group| group.columns.first())
        .take(N_DEPENDENCES)
        .map(|&column| partial_dependence(&x, column, 10, 0.9, probabilities))
        .collect::<Result<Vec<_>, _>>()?;
    let predictions = probabilities(&x)?;
    let fold_of = folds::stratified_folds(&rows.y, Some(&rows.patient_numbers()), FOLDS, seed)?;
    let surrogate = Surrogate::fit(&x, &predictions, &fold_of, &SurrogateParams::default())?;
    Ok(ModelExplanation {
        model: model.label(),
        data_sha256: table.sha256.clone(),
        n: rows.y.len(),
        n_seen_in_training: rows.patients.iter().filter(|patient| model.has_seen(patient)).count(),
        contribution_gap: gap,
        contributions: means,
        group_importance,
        column_importance,
        dependence,
        rules: SurrogateRules {
            rules: surrogate.rules().iter().map(|rule| rule.words("predicted probability")).collect(),
            fidelity: surrogate.fidelity(),
        },
    })
}

/// Matrix columns by a key of the design, in order of first appearance.
fn groups(columns: &[DesignColumn], key: impl Fn(&DesignColumn) -> &String) -> Vec<ColumnGroup> {
    let mut found: Vec<ColumnGroup> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let name = key(column);
        match found.iter_mut().find(|group| group.name == *name) {
            Some(group) => group.columns.push(at),
            None => found.push(ColumnGroup { name: name.clone(), columns: vec![at] }),
        }
    }
    found
}
