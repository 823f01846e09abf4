use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::super::evaluation::Scored;
use super::super::{Error, Progress};
use super::binary_run::{BinaryPrediction, predict_split};
use super::external::External;
use super::label_sets::coverage;
use super::result::{BinaryComparison, BinaryDifference, BinaryModelResult};
use super::rows::{Rows, Task};
use super::{ComparisonSpec, PredictionFile, file_name, folds_sha256, method};
use crate::stats::paired::{bootstrap_estimates, pick};
use crate::stats::{brier, roc_auc_value};

/// Fits every model in every outer split and judges them.
pub(super) fn compare_binary(
    spec: &ComparisonSpec,
    rows: &Rows,
    y: &[bool],
    external: &[External],
    progress: &dyn Progress,
) -> Result<(BinaryComparison, Vec<PredictionFile>), Error> {
    let tasks = rows.tasks(spec)?;
    let done = AtomicUsize::new(0);
    let one = |task: &Task| -> Result<Vec<BinaryPrediction>, Error> {
        let mut predictions = predict_split(spec, rows, y, task, progress)?;
        for other in external {
            predictions.push(BinaryPrediction { p: other.binary(task, &rows.ids)?, chosen: String::new() });
        }
        progress.step("outer folds", done.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
        Ok(predictions)
    };
    let folds: Vec<Vec<BinaryPrediction>> = tasks.par_iter().map(one).collect::<Result<_, _>>()?;
    let names = spec.models.iter().map(|model| model.name.clone());
    let names: Vec<String> = names.chain(external.iter().map(|other| other.name.clone())).collect();
    progress.step("intervals", 0, 1);
    let method = method(spec, &tasks);
    let judged = judged_rows(&tasks, rows.ids.len());
    let scored: Vec<Scored> = (0..names.len()).map(|model| pooled(rows, y, &tasks, &folds, &judged, model)).collect();
    let n_resamples = spec.evaluation.n_resamples;
    let excluded = (0, rows.n_before - rows.ids.len());
    let evaluations = scored
        .iter()
        .zip(&names)
        .map(|(scored, name)| scored.evaluate(name, &method, excluded, n_resamples, spec.seed))
        .collect::<Result<Vec<_>, _>>()?;
    let models = evaluations
        .iter()
        .enumerate()
        .map(|(at, found)| {
            let known = spec.models.get(at);
            BinaryModelResult {
                name: found.model.clone(),
                family: known.map_or("external", |known| known.family.as_str()).to_owned(),
                features: known.map_or_else(Vec::new, |known| known.features.clone()),
                auc: found.auc,
                auprc: found.auprc,
                brier: found.brier,
                log_loss: found.log_loss,
                calibration: found.calibration.clone(),
                subgroups: found.subgroups.clone(),
                chosen: folds.iter().filter_map(|fold| fold.get(at)).map(|fold| fold.chosen.clone()).collect(),
            }
        })
        .collect();
    let differences = differences(&scored, &names, n_resamples, spec.seed)?;
    let Some(mut first) = evaluations.into_iter().next() else { return Err(Error::Interrupted) };
    first.spec_sha256 = spec.sha256();
    first.data_sha256.clone_from(&rows.sha256);
    let label_sets = scored.first().map_or_else(|| Ok(Vec::new()), |scored| coverage(scored, spec.seed))?;
    progress.step("intervals", 1, 1);
    let result = BinaryComparison {
        name: spec.name.clone(),
        definition: spec.definition().to_owned(),
        folds_sha256: folds_sha256(spec)?,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: spec.seed,
        first,
        models,
        differences,
        label_sets,
    };
    let files = names
        .iter()
        .enumerate()
        .take(spec.models.len())
        .map(|(at, name)| PredictionFile { name: file_name(name), text: predictions_csv(rows, &tasks, &folds, at) })
        .collect();
    Ok((result, files))
}

/// Rows that some split tests on, ascending.
fn judged_rows(tasks: &[Task], n_rows: usize) -> Vec<usize> {
    let mut judged = vec![false; n_rows];
    tasks.iter().flat_map(|task| &task.outside).for_each(|&row| judged[row] = true);
    (0..n_rows).filter(|&row| judged[row]).collect()
}

/// The probabilities of one model, pooled over the folds of each repeat.
fn pooled(
    rows: &Rows,
    y: &[bool],
    tasks: &[Task],
    folds: &[Vec<BinaryPrediction>],
    judged: &[usize],
    model: usize,
) -> Scored {
    let n_repeats = 1 + tasks.iter().map(|task| task.repeat).max().unwrap_or(0);
    let mut repeats = vec![vec![0.0; y.len()]; n_repeats];
    for (task, fold) in tasks.iter().zip(folds) {
        for (&row, &p) in task.outside.iter().zip(&fold[model].p) {
            repeats[task.repeat][row] = p;
        }
    }
    Scored {
        y: pick(y, judged),
        repeats: repeats.iter().map(|repeat| pick(repeat, judged)).collect(),
        subtypes: pick(&rows.subtypes, judged),
        patient_ids: judged.iter().map(|&row| rows.ids[row].clone()).collect(),
    }
}

/// The first model less every other: AUC and Brier score, on the same resamples of patients.
fn differences(
    scored: &[Scored],
    names: &[String],
    n_resamples: usize,
    seed: u64,
) -> Result<Vec<BinaryDifference>, Error> {
    let Some((first, others)) = scored.split_first() else { return Ok(Vec::new()) };
    let means = |model: &Scored, drawn: &[usize]| -> Result<[f64; 2], crate::stats::Error> {
        let y = pick(&model.y, drawn);
        let n = model.repeats.len() as f64;
        let mut sums = [0.0; 2];
        for repeat in &model.repeats {
            let p = pick(repeat, drawn);
            sums[0] += roc_auc_value(&y, &p)? / n;
            sums[1] += brier(&y, &p)? / n;
        }
        Ok(sums)
    };
    let found = bootstrap_estimates(first.y.len(), n_resamples, seed, |drawn| {
        let of_first = means(first, drawn)?;
        let mut values = Vec::with_capacity(2 * others.len());
        for other in others {
            let of_other = means(other, drawn)?;
            values.extend([of_first[0] - of_other[0], of_first[1] - of_other[1]]);
        }
        Ok(values)
    })?;
    let pairs = found.chunks_exact(2).zip(names.iter().skip(1));
    Ok(pairs.map(|(pair, name)| BinaryDifference { against: name.clone(), auc: pair[0], brier: pair[1] }).collect())
}

fn predictions_csv(rows: &Rows, tasks: &[Task], folds: &[Vec<BinaryPrediction>], model: usize) -> String {
    let mut text = "rep,fold,id,p\n".to_owned();
    for (task, fold) in tasks.iter().zip(folds) {
        for (&row, p) in task.outside.iter().zip(&fold[model].p) {
            let _ = writeln!(text, "{},{},{},{p}", task.repeat, task.fold, rows.ids[row]);
        }
    }
    text
}
