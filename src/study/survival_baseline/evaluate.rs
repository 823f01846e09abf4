use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SurvivalRows, SurvivalSpec};
use crate::decide::baseline::{
    BaselineOptions, BaselineRows, CrossValidated, Discrimination, GroupCalibration, HORIZONS,
    ObservationalCoefficient, Predicted, SurvivalBaseline, cross_validate, discrimination, group_calibration,
    observational_coefficients, paired_discrimination, predict_comparator,
};
use crate::decide::predict_breast::Version;
use crate::study::Error;
use crate::terms::Estimate;

/// How a model did, held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFigures {
    /// Name for people.
    pub model: String,
    /// Discrimination and slope of both endpoints.
    pub figures: Discrimination,
    /// The baseline's figures minus this model's, from the same resamples; `None` for the baseline itself.
    pub baseline_minus_this: Option<Discrimination>,
    /// Observed over expected deaths from breast cancer at 5, 10 and 15 years, all women.
    pub observed_expected: [Estimate; 3],
}

/// Calibration of one group at the horizons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// Name for people.
    pub group: String,
    /// Death from breast cancer, Aalen–Johansen.
    pub breast_death: Vec<Option<GroupCalibration>>,
    /// Death from any cause, Kaplan–Meier.
    pub death: Vec<Option<GroupCalibration>>,
}

impl SurvivalEvaluation {
    /// Women, and observed over expected deaths from breast cancer at ten years, of a group by its name.
    #[must_use]
    pub fn at_ten_years(&self, group: &str) -> Option<&GroupCalibration> {
        let found = self.groups.iter().find(|figures| figures.group == group)?;
        found.breast_death.get(1)?.as_ref()
    }
}

/// The stored evaluation; no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalEvaluation {
    /// Women.
    pub n_samples: usize,
    /// The baseline, then PREDICT 3.1 and 3.2 as they are and recalibrated inside the folds.
    pub models: Vec<ModelFigures>,
    /// The baseline by group, under factual treatment.
    pub groups: Vec<GroupFigures>,
    /// Forms of the hazard chosen over folds and repeats, with counts.
    pub chosen: BTreeMap<String, usize>,
    /// What the naive treatment coefficients would have been: for the docs, never shown as effects.
    pub observational: Vec<ObservationalCoefficient>,
}

/// Cross-validates the baseline and compares it with PREDICT on the same women and folds.
///
/// # Errors
/// [`Error::Decide`].
pub fn evaluate_survival(spec: &SurvivalSpec, rows: &SurvivalRows) -> Result<SurvivalEvaluation, Error> {
    let (rows, options) = (&rows.rows, spec.options());
    let CrossValidated { predictions, chosen } = cross_validate(rows, &options, spec.n_folds, spec.n_repeats)?;
    // Only its imputation, which knows no outcome, fills PREDICT's size and nodes.
    let whole = SurvivalBaseline::fit(rows, &BaselineOptions { n_draws: 0, ..options })?;
    let mut compared = vec![("regimen".to_owned(), predictions)];
    for version in [Version::V31, Version::V32] {
        let found = predict_comparator(rows, &whole, version, spec.n_folds, spec.n_repeats, spec.seed)?;
        compared.push((format!("PREDICT {version} as it is"), vec![found.as_it_is]));
        compared.push((format!("PREDICT {version} recalibrated"), found.recalibrated));
    }
    let everyone: Vec<usize> = (0..rows.n_samples()).collect();
    let own = compared.first().map(|(_, own)| own.clone()).unwrap_or_default();
    let mut models = Vec::new();
    for (at, (model, predictions)) in compared.iter().enumerate() {
        let paired = |(): ()| paired_discrimination(rows, &own, predictions, spec.n_resamples, spec.seed);
        let mut observed_expected = [Estimate { estimate: 0.0, lower95: 0.0, upper95: 0.0 }; 3];
        for (horizon, cell) in observed_expected.iter_mut().enumerate() {
            *cell = group_calibration(rows, predictions, &everyone, horizon, false)?.observed_expected;
        }
        models.push(ModelFigures {
            model: model.clone(),
            figures: discrimination(rows, predictions, spec.n_resamples, spec.seed)?,
            baseline_minus_this: (at > 0).then_some(()).map(paired).transpose()?,
            observed_expected,
        });
    }
    let mut groups = Vec::new();
    for (group, members) in rows.groups(&own) {
        groups.push(GroupFigures {
            breast_death: calibrations(rows, &own, &members, false),
            death: calibrations(rows, &own, &members, true),
            group,
        });
    }
    let mut counts = BTreeMap::new();
    chosen.into_iter().for_each(|form| *counts.entry(form).or_insert(0) += 1);
    let observational = observational_coefficients(rows, &whole)?;
    Ok(SurvivalEvaluation { n_samples: rows.n_samples(), models, groups, chosen: counts, observational })
}

/// Calibration at each horizon; `None` where the group has no death by then.
fn calibrations(
    rows: &BaselineRows,
    predictions: &[Predicted],
    members: &[usize],
    any_death: bool,
) -> Vec<Option<GroupCalibration>> {
    (0..HORIZONS.len()).map(|horizon| group_calibration(rows, predictions, members, horizon, any_death).ok()).collect()
}
