use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::encoder::EncoderRefit;
use super::evaluation::{Scored, auc_difference};
use super::fit::{FoldModel, fit_fold, pick};
use super::spec::SplitSpec;
use super::{BinaryEvaluation, Error, FusedTable, Progress, ResponseRows, ResponseSpec};
use crate::fusion::{Design, Encoding};
use crate::learn::DesignMatrix;
use crate::stats::folds;
use crate::stats::split::{Split, by_period, leave_one_centre_out, patient_folds};
use crate::terms::{Estimate, PatientId};

/// The result of a repeated nested cross-validation.
#[derive(Debug, Clone)]
pub struct CrossValidation {
    /// Figures, with every patient's out-of-fold probability.
    pub evaluation: BinaryEvaluation,
    scored: Scored,
}

/// Out-of-fold probabilities of one outer fold: test rows, and per blanking (none first) their probabilities.
struct Fold {
    repeat: usize,
    rows: Vec<usize>,
    p: Vec<Vec<f64>>,
}

/// Cross-validates a specification: folds by patient, stratified by outcome; settings are chosen and, where the
/// features are embeddings, the encoder is refitted inside each training fold.
///
/// # Errors
/// [`Error::Unsupported`] when the features hold embeddings whose encoder is not refitted, [`Error::Interrupted`],
/// and what fitting refuses.
pub fn cross_validate(
    spec: &ResponseSpec,
    table: &FusedTable,
    refit: Option<&EncoderRefit>,
    progress: &dyn Progress,
) -> Result<CrossValidation, Error> {
    let rows = ResponseRows::select(table, spec)?;
    let design = Design::encodings(&rows.table.frame, &spec.groups(), &spec.recipe)?;
    let embedded = design.columns.iter().any(|column| matches!(column.encoding, Encoding::Component(_)));
    if embedded && refit.is_none() {
        return Err(Error::Unsupported(
            "the features hold embeddings: name the encoder's specification as refit_encoder, so that it is \
             trained inside each fold and not on the patients that it is judged on"
                .into(),
        ));
    }
    let x = if spec.recipe.is_none() {
        design.apply(&rows.table.frame)?
    } else {
        DesignMatrix { names: Vec::new(), n_rows: 0, values: Vec::new() }
    };
    let evaluation = &spec.evaluation;
    let tasks = splits(spec, &rows)?;
    let n_repeats = tasks.iter().map(|task| task.repeat + 1).max().unwrap_or(1);
    let total = tasks.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let run = |task: Task| {
        let Task { repeat, seed, inside, outside } = task;
        let result = one_fold(spec, &design, &rows, &x, (&inside, &outside), seed, refit, progress);
        progress.step("cross-validation folds", done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
        result.map(|p| Fold { repeat, rows: outside, p })
    };
    let results: Vec<Fold> = tasks.into_par_iter().map(run).collect::<Result<_, Error>>()?;
    // A split by period judges the later rows only.
    let judged: Vec<usize> =
        results.iter().flat_map(|fold| fold.rows.iter().copied()).collect::<BTreeSet<usize>>().into_iter().collect();
    let n_blankings = 1 + spec.missing.groups.len() + usize::from(spec.missing.groups.len() > 1);
    let mut repeats = vec![vec![vec![0.0; rows.y.len()]; n_repeats]; n_blankings];
    for fold in &results {
        for (blanking, p) in fold.p.iter().enumerate() {
            for (row, p) in fold.rows.iter().zip(p) {
                if let Some(slot) =
                    repeats.get_mut(blanking).and_then(|r| r.get_mut(fold.repeat)).and_then(|p| p.get_mut(*row))
                {
                    *slot = *p;
                }
            }
        }
    }
    let mut scored = repeats.into_iter().map(|repeats| Scored {
        y: pick(&rows.y, &judged),
        repeats: repeats.iter().map(|repeat| pick(repeat, &judged)).collect(),
        subtypes: pick(&rows.subtypes, &judged),
        patient_ids: pick(&rows.patients, &judged).iter().map(|patient| patient.expose().to_owned()).collect(),
    });
    let full = scored.next().ok_or(Error::Interrupted)?;
    let method = format!(
        "{}, settings chosen inside each training fold{}",
        match &evaluation.split {
            SplitSpec::Patient => {
                format!("{} × {}-fold cross-validation by patient", evaluation.n_repeats, evaluation.n_folds)
            }
            SplitSpec::Centre { column } => format!("each of {total} centres (`{column}`) held out in turn"),
            SplitSpec::Period { column, from } => format!("rows with `{column}` from {from} held out"),
        },
        if refit.is_some() { ", encoder refitted inside each training fold" } else { "" }
    );
    let mut result =
        full.evaluate(&spec.name, &method, (0, rows.n_before - rows.y.len()), evaluation.n_resamples, spec.seed)?;
    result.cells = full.cells(&pick(&rows.table.texts("arm")?, &judged))?;
    result.spec_sha256 = spec.sha256();
    result.data_sha256.clone_from(&table.sha256);
    let names = blankings(spec).into_iter().skip(1);
    result.ladder = names
        .zip(scored)
        .filter_map(|(without, scored)| scored.ladder_step(without, evaluation.n_resamples, spec.seed))
        .collect();
    Ok(CrossValidation { evaluation: result, scored: full })
}

/// One model of the outer evaluation.
pub(super) struct Task {
    pub(super) repeat: usize,
    pub(super) seed: u64,
    pub(super) inside: Vec<usize>,
    pub(super) outside: Vec<usize>,
}

/// The outer splits of a specification; a patient is on one side of each.
pub(super) fn splits(spec: &ResponseSpec, rows: &ResponseRows) -> Result<Vec<Task>, Error> {
    let evaluation = &spec.evaluation;
    let task = |at: usize, split: Split| Task {
        repeat: 0,
        seed: spec.seed + at as u64,
        inside: split.train,
        outside: split.test,
    };
    match &evaluation.split {
        SplitSpec::Patient => {
            let mut tasks = Vec::new();
            for repeat in 0..evaluation.n_repeats {
                let seed = folds::repeat_seed(spec.seed, repeat);
                let splits = patient_folds(&rows.patients, &rows.y, evaluation.n_folds, seed)?;
                tasks.extend(splits.into_iter().enumerate().map(|(fold, split)| Task {
                    repeat,
                    seed: seed + fold as u64,
                    inside: split.train,
                    outside: split.test,
                }));
            }
            Ok(tasks)
        }
        SplitSpec::Centre { column } => {
            let labels = rows.table.texts(column)?;
            let labels: Vec<Option<&str>> = labels.iter().map(Option::as_deref).collect();
            let splits = leave_one_centre_out(&rows.patients, &labels)?;
            Ok(splits.into_iter().enumerate().map(|(at, (_, split))| task(at, split)).collect())
        }
        SplitSpec::Period { column, from } => {
            let split = by_period(&rows.patients, &rows.table.numbers(column)?, from)?;
            Ok(vec![task(0, split)])
        }
    }
}

/// The paired difference of AUC, `a` minus `b`, when both were cross-validated on the same patients.
#[must_use]
pub fn paired_difference(a: &CrossValidation, b: &CrossValidation, n_resamples: usize, seed: u64) -> Option<Estimate> {
    auc_difference(&a.scored, &b.scored, n_resamples, seed)
}

/// Which groups are blanked at prediction: nothing, each group, all of them.
fn blankings(spec: &ResponseSpec) -> Vec<Vec<String>> {
    let groups = &spec.missing.groups;
    let mut all = vec![Vec::new()];
    all.extend(groups.iter().map(|group| vec![group.clone()]));
    if groups.len() > 1 {
        all.push(groups.clone());
    }
    all
}

#[expect(clippy::too_many_arguments, reason = "one fold needs the whole context of the cross-validation")]
fn one_fold(
    spec: &ResponseSpec,
    design: &Design,
    rows: &ResponseRows,
    x: &DesignMatrix,
    (inside, outside): (&[usize], &[usize]),
    seed: u64,
    refit: Option<&EncoderRefit>,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f64>>, Error> {
    if progress.interrupted() {
        return Err(Error::Interrupted);
    }
    let replaced;
    let x = match refit {
        Some(refit) => {
            let held_out: Vec<&PatientId> = outside.iter().filter_map(|&row| rows.patients.get(row)).collect();
            let embeddings = refit.without(&held_out, seed, progress)?;
            replaced = with_embeddings(x, design, refit.column(), &rows.patients, &embeddings);
            &replaced
        }
        None => x,
    };
    let FoldModel { x, estimator, missing } = fit_fold(spec, design, rows, x, inside, seed, progress)?;
    let columns: BTreeMap<&str, &Vec<usize>> =
        spec.missing.groups.iter().map(String::as_str).zip(&missing.groups).collect();
    blankings(spec)
        .iter()
        .map(|without| {
            let mut test = x.select(outside);
            for column in without.iter().filter_map(|group| columns.get(group.as_str())).flat_map(|c| c.iter()) {
                blank(&mut test, *column);
            }
            Ok(estimator.estimates(&test)?.iter().map(|estimate| estimate.estimate).collect())
        })
        .collect()
}

fn blank(x: &mut DesignMatrix, column: usize) {
    let width = x.n_features();
    for value in x.values.iter_mut().skip(column).step_by(width) {
        *value = f32::NAN;
    }
}

/// `x` with the components of `source` replaced by each patient's vector, missing where there is none.
fn with_embeddings(
    x: &DesignMatrix,
    design: &Design,
    source: &str,
    patients: &[PatientId],
    embeddings: &HashMap<PatientId, Vec<f32>>,
) -> DesignMatrix {
    let mut x = x.clone();
    let width = x.n_features();
    for (at, column) in design.columns.iter().enumerate() {
        let Encoding::Component(component) = column.encoding else { continue };
        if column.source != source {
            continue;
        }
        for (row, patient) in patients.iter().enumerate() {
            let value = embeddings.get(patient).and_then(|vector| vector.get(component)).copied();
            if let Some(slot) = x.values.get_mut(row * width + at) {
                *slot = value.unwrap_or(f32::NAN);
            }
        }
    }
    x
}
