use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::{Error, Progress};
use super::learners::SurvivalSettings;
use super::rows::{Matrices, Rows, Task};
use super::survival_score::{SurvivalPrediction, grid};
use super::{Budget, ComparisonSpec, ModelFamily};
use crate::learn::stack::equal_weights;
use crate::learn::{self, Direction, SurvivalModel, pool_survival, stack_survival};
use crate::stats::ipcw::CensorSurvival;
use crate::stats::survival_brier::ibs;
use crate::stats::{Survival, SurvivalCurves, folds};

/// A family fitted on the training rows of one outer split, its settings chosen there.
struct Tuned {
    chosen: String,
    model: Box<dyn SurvivalModel>,
    /// Curves of the training rows, predicted out of the inner folds, on the inner grid.
    out_of_fold: SurvivalCurves,
}

/// Predictions of every model of `spec` for the test rows of one outer split.
pub(super) fn predict_split(
    spec: &ComparisonSpec,
    rows: &Rows,
    all: &Survival,
    evaluation_grid: &[f64],
    task: &Task,
    progress: &dyn Progress,
) -> Result<Vec<SurvivalPrediction>, Error> {
    let y = all.select(&task.inside)?;
    let patients = rows.patient_numbers(&task.inside);
    let fold_of = folds::stratified_folds(y.event(), Some(&patients), spec.search.n_folds, task.seed)?;
    let inner = Inner {
        y: &y,
        fold_of: &fold_of,
        grid: grid(&y)?,
        budget: &spec.search,
        monotone: &spec.monotone,
        seed: task.seed,
    };
    let weights = inner.censoring_weights()?;
    // Matrices by feature groups, fits by family and feature groups: models share them.
    let mut matrices: BTreeMap<&[String], Matrices> = BTreeMap::new();
    let mut tuned: BTreeMap<(&[String], ModelFamily), Tuned> = BTreeMap::new();
    let mut predictions = Vec::with_capacity(spec.models.len());
    for model in &spec.models {
        let features = model.features.as_slice();
        let x = match matrices.entry(features) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => slot.insert(rows.matrices(&spec.groups(features), &task.inside, &task.outside)?),
        };
        let members = model.averaged(&spec.endpoint);
        for &family in members {
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            if let Entry::Vacant(slot) = tuned.entry((features, family)) {
                slot.insert(inner.tune(family, x)?);
            }
        }
        let members: Vec<(ModelFamily, &Tuned)> =
            members.iter().filter_map(|&family| Some((family, tuned.get(&(features, family))?))).collect();
        predictions.push(predict(model.family, &members, x, &y, &weights, evaluation_grid)?);
    }
    Ok(predictions)
}

/// The prediction of one family, or of several averaged.
fn predict(
    pool: ModelFamily,
    members: &[(ModelFamily, &Tuned)],
    x: &Matrices,
    y: &Survival,
    weights: &[f64],
    evaluation_grid: &[f64],
) -> Result<SurvivalPrediction, Error> {
    let test = |family: ModelFamily| if linear(family) { &x.linear.1 } else { &x.trees.1 };
    if let [(family, only)] = members {
        return Ok(SurvivalPrediction {
            risk: only.model.risk_scores(test(*family))?,
            curves: only.model.survival_curves(test(*family), evaluation_grid)?,
            chosen: only.chosen.clone(),
        });
    }
    let out_of_fold: Vec<SurvivalCurves> = members.iter().map(|(_, tuned)| tuned.out_of_fold.clone()).collect();
    let weights = match pool {
        ModelFamily::Stack => stack_survival(&out_of_fold, y.event_time(), weights)?.weights,
        _ => equal_weights(members.len())?,
    };
    let curves = members
        .iter()
        .map(|(family, tuned)| tuned.model.survival_curves(test(*family), evaluation_grid))
        .collect::<Result<Vec<_>, learn::Error>>()?;
    let pooled = pool_survival(&weights, &curves)?;
    // The stack's risk score is the expected share of the grid's span without survival.
    let risk = (0..pooled.n_samples()).map(|row| -pooled.row(row).iter().sum::<f64>()).collect();
    let said: Vec<String> =
        members.iter().zip(&weights).map(|((family, _), weight)| format!("{} {weight:.2}", family.as_str())).collect();
    Ok(SurvivalPrediction { risk, curves: pooled, chosen: said.join(", ") })
}

/// True for families that take imputed columns.
pub(super) fn linear(family: ModelFamily) -> bool {
    matches!(
        family,
        ModelFamily::Cox | ModelFamily::Logistic | ModelFamily::Net | ModelFamily::SplineNet | ModelFamily::Svm
    )
}

/// The training rows of one outer split with their inner folds.
struct Inner<'a> {
    y: &'a Survival,
    fold_of: &'a [usize],
    grid: Vec<f64>,
    budget: &'a Budget,
    monotone: &'a BTreeMap<String, Direction>,
    seed: u64,
}

impl Inner<'_> {
    /// Chooses settings of `family` by the integrated Brier score of predictions for training rows not seen.
    fn tune(&self, family: ModelFamily, x: &Matrices) -> Result<Tuned, Error> {
        let x = if linear(family) { &x.linear.0 } else { &x.trees.0 };
        let censor = CensorSurvival::fit(self.y);
        let cut = self.cut()?;
        let mut best: Option<(f64, Tuned)> = None;
        let mut refused = None;
        for settings in SurvivalSettings::draw(family, self.budget.candidates, self.seed) {
            let settings = settings.directed(&x.names, self.monotone);
            match settings.fit(x, self.y, self.fold_of, &self.grid, self.seed) {
                Ok((model, out_of_fold)) => {
                    let loss = ibs(&censor, &cut, &out_of_fold)?;
                    if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                        best = Some((loss, Tuned { chosen: settings.say(), model, out_of_fold }));
                    }
                }
                Err(error) => refused = Some(Error::from(error)),
            }
        }
        let nothing = || refused.unwrap_or(Error::Unsupported("no settings to choose from".into()));
        best.map(|(_, tuned)| tuned).ok_or_else(nothing)
    }

    /// The training rows with the follow-up cut at the end of the inner grid.
    fn cut(&self) -> Result<Survival, Error> {
        let end = self.grid.last().copied().unwrap_or(0.0);
        let just_after = end * (1.0 + 1e-9);
        let times = self.y.event_time().iter();
        Ok(Survival::new(
            times.clone().map(|&time| if time > end { just_after } else { time }).collect(),
            times.zip(self.y.event()).map(|(&time, &event)| event && time <= end).collect(),
        )?)
    }

    /// What each training row counts at each time of the inner grid: n_samples × n_times.
    fn censoring_weights(&self) -> Result<Vec<f64>, Error> {
        let censor = CensorSurvival::fit(self.y);
        let mut weights = Vec::with_capacity(self.y.n_samples() * self.grid.len());
        for (&exit, &event) in self.y.event_time().iter().zip(self.y.event()) {
            for &time in &self.grid {
                weights.push(if exit > time {
                    1.0 / censor.at(time)?
                } else if event {
                    censor.event_weight(exit)?
                } else {
                    0.0
                });
            }
        }
        Ok(weights)
    }
}
