use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::super::{Error, Progress};
use super::external::External;
use super::result::{
    FoldResult, PatientRisk, SurvivalCalibrationSummary, SurvivalComparison, SurvivalDifference, SurvivalModelResult,
};
use super::rows::{Rows, Task};
use super::survival_run::predict_split;
use super::survival_score::{SurvivalFigures, SurvivalFold, grid, mean_figures};
use super::{ComparisonSpec, folds_sha256, method};
use crate::stats::paired::bootstrap_estimates;
use crate::stats::survival_calibration::{calibration_indices_t, calibration_slope_t, observed_expected};
use crate::stats::{self, Survival};
use crate::terms::Estimate;

/// Resamples for the calibration figures, each of which fits several regressions.
const CALIBRATION_RESAMPLES: usize = 200;

/// The outer splits judged, with everybody's predictions.
pub(super) struct Judged<'a> {
    pub rows: &'a Rows,
    pub tasks: Vec<Task>,
    pub folds: Vec<SurvivalFold>,
    pub grid: Vec<f64>,
    pub names: Vec<String>,
}

/// Fits every model in every outer split and judges them.
pub(super) fn compare_survival<'a>(
    spec: &ComparisonSpec,
    rows: &'a Rows,
    all: &Survival,
    external: &[External],
    progress: &dyn Progress,
) -> Result<(SurvivalComparison, Judged<'a>), Error> {
    let grid = grid(all)?;
    let tasks = rows.tasks(spec)?;
    let done = AtomicUsize::new(0);
    let one = |task: &Task| -> Result<SurvivalFold, Error> {
        let mut predictions = predict_split(spec, rows, all, &grid, task, progress)?;
        for other in external {
            predictions.push(other.survival(task, &rows.ids, &grid)?);
        }
        progress.step("outer folds", done.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
        Ok(SurvivalFold::new(all, &task.inside, &task.outside, predictions)?)
    };
    let folds: Vec<SurvivalFold> = tasks.par_iter().map(one).collect::<Result<_, _>>()?;
    let names = spec.models.iter().map(|model| model.name.clone());
    let names: Vec<String> = names.chain(external.iter().map(|other| other.name.clone())).collect();
    progress.step("intervals", 0, 1);
    let judged = Judged { rows, tasks, folds, grid, names };
    let result = judged.result(spec, all)?;
    progress.step("intervals", 1, 1);
    Ok((result, judged))
}

impl Judged<'_> {
    fn result(&self, spec: &ComparisonSpec, all: &Survival) -> Result<SurvivalComparison, Error> {
        let clusters = self.clusters();
        let drawn_rows = |drawn: &[usize]| -> Vec<usize> {
            drawn.iter().filter_map(|&cluster| clusters.get(cluster)).flatten().copied().collect()
        };
        // All figures of all models, then the differences of the first model to each other one.
        let estimates = bootstrap_estimates(clusters.len(), spec.evaluation.n_resamples, spec.seed, |drawn| {
            let means = mean_figures(&self.folds, &drawn_rows(drawn), &self.grid)?;
            let first = means.first().copied().unwrap_or_default();
            let differences = means.iter().skip(1).flat_map(|other| [first[0] - other[0], first[3] - other[3]]);
            Ok(means.iter().flatten().copied().chain(differences).collect())
        })?;
        let n_models = self.names.len();
        let of_model = |model: usize| -> [Estimate; SurvivalFigures::N] {
            std::array::from_fn(|figure| estimates[model * SurvivalFigures::N + figure])
        };
        let by_fold = self
            .folds
            .iter()
            .map(|fold| fold.figures(&(0..fold.test.n_samples()).collect::<Vec<_>>(), &self.grid))
            .collect::<Result<Vec<_>, _>>()?;
        let models = (0..n_models).map(|model| self.model_result(model, spec, &by_fold, of_model(model))).collect();
        let differences = (1..n_models)
            .map(|model| {
                let at = n_models * SurvivalFigures::N + 2 * (model - 1);
                SurvivalDifference {
                    against: self.names[model].clone(),
                    c_index: estimates[at],
                    ibs: estimates[at + 1],
                }
            })
            .collect();
        let [c_index, c_index_ipcw, auc_t, ibs] = of_model(0);
        let horizon = self.horizon(spec.evaluation.horizon);
        Ok(SurvivalComparison {
            name: spec.name.clone(),
            definition: spec.definition().to_owned(),
            method: method(spec, &self.tasks),
            spec_sha256: spec.sha256(),
            data_sha256: self.rows.sha256.clone(),
            folds_sha256: folds_sha256(spec)?,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: spec.seed,
            n: self.rows.ids.len(),
            n_events: all.n_events(),
            excluded_training_rows: 0,
            excluded_unusable_rows: self.rows.n_before - self.rows.ids.len(),
            grid: self.grid.clone(),
            horizon,
            c_index,
            c_index_ipcw,
            auc_t,
            ibs,
            calibration: self.calibration(all, &clusters, horizon, spec.seed).ok(),
            models,
            differences,
            per_patient: self.per_patient(all),
        })
    }

    /// Rows of every patient.
    fn clusters(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.rows.ids.len()).collect();
        let numbers = self.rows.patient_numbers(&all);
        let mut clusters = vec![Vec::new(); numbers.iter().max().map_or(0, |most| most + 1)];
        for (row, &number) in numbers.iter().enumerate() {
            clusters[number].push(row);
        }
        clusters
    }

    fn model_result(
        &self,
        model: usize,
        spec: &ComparisonSpec,
        by_fold: &[Vec<SurvivalFigures>],
        [c_index, c_index_ipcw, auc_t, ibs]: [Estimate; SurvivalFigures::N],
    ) -> SurvivalModelResult {
        let folds = self.tasks.iter().zip(&self.folds).zip(by_fold).map(|((task, fold), figures)| FoldResult {
            repeat: task.repeat,
            fold: task.fold,
            held_out: task.label.clone(),
            c_index: figures[model].c_index,
            ibs: figures[model].ibs,
            chosen: fold.predictions[model].chosen.clone(),
        });
        let known = spec.models.get(model);
        SurvivalModelResult {
            name: self.names[model].clone(),
            family: known.map_or("external", |known| known.family.as_str()).to_owned(),
            features: known.map_or_else(Vec::new, |known| known.features.clone()),
            c_index,
            c_index_ipcw,
            auc_t,
            ibs,
            folds: folds.collect(),
        }
    }

    /// The grid time at which calibration is judged: the last one not after the wish, else the middle of the grid.
    fn horizon(&self, wish: Option<f64>) -> f64 {
        let middle = self.grid.get(self.grid.len() / 2).copied().unwrap_or(0.0);
        match wish {
            None => middle,
            Some(wish) => self.grid.iter().copied().rfind(|&time| time <= wish).unwrap_or(middle),
        }
    }

    /// Calibration of the first model: pooled over the test folds of a repeat, then the mean over repeats.
    fn calibration(
        &self,
        all: &Survival,
        clusters: &[Vec<usize>],
        horizon: f64,
        seed: u64,
    ) -> Result<SurvivalCalibrationSummary, stats::Error> {
        let n_repeats = 1 + self.tasks.iter().map(|task| task.repeat).max().unwrap_or(0);
        let mut at_horizon = vec![vec![None; all.n_samples()]; n_repeats];
        for (task, fold) in self.tasks.iter().zip(&self.folds) {
            let survival = fold.predictions[0].curves.at(horizon);
            for (&row, survival) in task.outside.iter().zip(survival) {
                at_horizon[task.repeat][row] = Some(survival);
            }
        }
        let found = bootstrap_estimates(clusters.len(), CALIBRATION_RESAMPLES, seed, |drawn| {
            let mut mean = vec![0.0; 3];
            for predicted in &at_horizon {
                let rows: Vec<usize> = drawn
                    .iter()
                    .flat_map(|&at| &clusters[at])
                    .copied()
                    .filter(|&row| predicted[row].is_some())
                    .collect();
                let survival: Vec<f64> = rows.iter().filter_map(|&row| predicted[row]).collect();
                let data = all.select(&rows)?;
                let [ici, ..] = calibration_indices_t(&data, &survival, horizon)?;
                let ratio = observed_expected(&data, &survival, horizon)?.estimate;
                let slope = calibration_slope_t(&data, &survival, horizon)?.estimate;
                for (sum, value) in mean.iter_mut().zip([ratio, slope, ici]) {
                    *sum += value / n_repeats as f64;
                }
            }
            Ok(mean)
        })?;
        Ok(SurvivalCalibrationSummary { observed_expected: found[0], slope: found[1], ici: found[2] })
    }

    /// Outcome and mean rank of risk of every judged patient.
    fn per_patient(&self, all: &Survival) -> Vec<PatientRisk> {
        let mut sums = vec![(0.0, 0_usize); all.n_samples()];
        for (task, fold) in self.tasks.iter().zip(&self.folds) {
            let risk = &fold.predictions[0].risk;
            let mut sorted = risk.clone();
            sorted.sort_by(f64::total_cmp);
            for (&row, value) in task.outside.iter().zip(risk) {
                let below = sorted.partition_point(|other| other < value);
                let upto = sorted.partition_point(|other| other <= value);
                sums[row].0 += (below + upto) as f64 / 2.0 / sorted.len() as f64;
                sums[row].1 += 1;
            }
        }
        sums.iter()
            .enumerate()
            .filter(|(_, (_, n))| *n > 0)
            .map(|(row, (sum, n))| PatientRisk {
                patient_id: self.rows.ids[row].clone(),
                event_time: all.event_time()[row],
                event: all.event()[row],
                risk_score: sum / *n as f64,
            })
            .collect()
    }

    /// The predictions of one model as delimited text: rep, fold, id, risk, s0, s1, ….
    pub(super) fn predictions_csv(&self, model: usize) -> String {
        use std::fmt::Write;
        let mut text = "rep,fold,id,risk".to_owned();
        (0..self.grid.len()).for_each(|at| {
            let _ = write!(text, ",s{at}");
        });
        text.push('\n');
        for (task, fold) in self.tasks.iter().zip(&self.folds) {
            let prediction = &fold.predictions[model];
            for (at, &row) in task.outside.iter().enumerate() {
                let _ = write!(text, "{},{},{},{}", task.repeat, task.fold, self.rows.ids[row], prediction.risk[at]);
                for value in prediction.curves.row(at) {
                    let _ = write!(text, ",{value}");
                }
                text.push('\n');
            }
        }
        text
    }
}
