use rayon::prelude::*;

use super::trial::{Trial, numbered, words};
use super::{PolicyRule, PolicySpec};
use crate::decide::MIN_COMPARABLE;
use crate::decide::policy::best_per_cell;
use crate::fusion::{Design, Encoding};
use crate::learn::DesignMatrix;
use crate::study::cross_validate::{Task, splits};
use crate::study::fit::{fit_fold, pick};
use crate::study::predict::with_arm;
use crate::study::{Error, EvaluationSpec, Progress, ResponseSpec};

/// What the models and rules of the training rows say about the held-out rows, of one repeat.
pub(super) struct HeldOut {
    /// `predicted[option][row]` by judged row; NaN for an option that the model does not know.
    pub(super) predicted: Vec<Vec<f64>>,
    /// `choices[policy][row]` by judged row.
    pub(super) choices: Vec<Vec<Option<usize>>>,
}

/// The cells of every rule that has some, by policy.
pub(super) fn cells(spec: &PolicySpec, trial: &Trial) -> Result<Vec<Option<Cells>>, Error> {
    spec.policies
        .iter()
        .map(|rule| {
            let PolicyRule::Cells { columns, .. } = rule else { return Ok(None) };
            let columns: Vec<Vec<Option<String>>> =
                columns.iter().map(|column| words(&trial.rows.table, column)).collect::<Result<_, Error>>()?;
            let label = |row: usize| -> Option<String> {
                let parts: Option<Vec<&str>> =
                    columns.iter().map(|column| column.get(row).and_then(Option::as_deref)).collect();
                Some(parts?.join(", "))
            };
            let labels: Vec<Option<String>> = (0..trial.received.len()).map(label).collect();
            let (of_row, labels) = numbered(&labels);
            Ok(Some(Cells { of_row, labels }))
        })
        .collect()
}

/// The cell of each row, and the cells' labels.
pub(super) struct Cells {
    pub(super) of_row: Vec<Option<usize>>,
    pub(super) labels: Vec<String>,
}

/// Rows that are judged, ascending, and each repeat's predictions and choices for them.
pub(super) struct CrossFitted {
    pub(super) judged: Vec<usize>,
    pub(super) repeats: Vec<HeldOut>,
    pub(super) n_splits: usize,
}

/// Fits the response model and learns every rule on the training rows of each split, for the held-out rows.
///
/// # Errors
/// What fitting refuses; [`Error::Unsupported`] for features that are embeddings; [`Error::Interrupted`].
pub(super) fn cross_fit(
    spec: &PolicySpec,
    model: &ResponseSpec,
    trial: &Trial,
    cells: &[Option<Cells>],
    evaluation: &EvaluationSpec,
    progress: &dyn Progress,
) -> Result<CrossFitted, Error> {
    let design = Design::encodings(&trial.rows.table.frame, &model.groups(), &model.recipe)?;
    if design.columns.iter().any(|column| matches!(column.encoding, Encoding::Component(_))) {
        return Err(Error::Unsupported(
            "the model's features hold embeddings, whose encoder has seen the patients it would be judged on".into(),
        ));
    }
    let model = ResponseSpec { evaluation: evaluation.clone(), ..model.clone() };
    let tasks = splits(&model, &trial.rows)?;
    let x = if model.recipe.is_none() {
        design.apply(&trial.rows.table.frame)?
    } else {
        DesignMatrix { names: Vec::new(), n_rows: 0, values: Vec::new() }
    };
    let n_splits = tasks.len();
    let n_repeats = tasks.iter().map(|task| task.repeat + 1).max().unwrap_or(1);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let fitted: Vec<(Task, HeldOut)> = tasks
        .into_par_iter()
        .map(|task| {
            let held_out = one_split(spec, &model, trial, cells, &design, &x, &task, progress)?;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress.step("policies learned without the held-out patients", done, n_splits);
            Ok((task, held_out))
        })
        .collect::<Result<_, Error>>()?;
    let mut judged: Vec<usize> = fitted.iter().flat_map(|(task, _)| task.outside.iter().copied()).collect();
    judged.sort_unstable();
    judged.dedup();
    let n_options = trial.options.options.len();
    let mut repeats: Vec<HeldOut> = (0..n_repeats)
        .map(|_| HeldOut {
            predicted: vec![vec![f64::NAN; judged.len()]; n_options],
            choices: vec![vec![None; judged.len()]; spec.policies.len()],
        })
        .collect();
    for (task, part) in &fitted {
        let Some(repeat) = repeats.get_mut(task.repeat) else { continue };
        for (at, row) in task.outside.iter().enumerate() {
            let Ok(place) = judged.binary_search(row) else { continue };
            for (all, part) in repeat.predicted.iter_mut().zip(&part.predicted) {
                if let (Some(slot), Some(p)) = (all.get_mut(place), part.get(at)) {
                    *slot = *p;
                }
            }
            for (all, part) in repeat.choices.iter_mut().zip(&part.choices) {
                if let (Some(slot), Some(choice)) = (all.get_mut(place), part.get(at)) {
                    *slot = *choice;
                }
            }
        }
    }
    Ok(CrossFitted { judged, repeats, n_splits })
}

#[expect(clippy::too_many_arguments, reason = "one split needs the whole context of the cross-fitting")]
fn one_split(
    spec: &PolicySpec,
    model: &ResponseSpec,
    trial: &Trial,
    cells: &[Option<Cells>],
    design: &Design,
    x: &DesignMatrix,
    task: &Task,
    progress: &dyn Progress,
) -> Result<HeldOut, Error> {
    let fold = fit_fold(model, design, &trial.rows, x, &task.inside, task.seed, progress)?;
    let test = fold.x.select(&task.outside);
    let predicted: Vec<Vec<f64>> = trial
        .options
        .options
        .iter()
        .map(|option| {
            let estimates = fold.estimator.estimates(&with_arm(&test, &option.id))?;
            Ok(estimates.iter().map(|estimate| estimate.estimate).collect())
        })
        .collect::<Result<_, Error>>()?;
    let received = pick(&trial.received, &task.inside);
    let choices = spec
        .policies
        .iter()
        .zip(cells)
        .map(|(rule, cells)| match (rule, cells) {
            (PolicyRule::Cells { min_cell, .. }, Some(cells)) => {
                let inside = pick(&cells.of_row, &task.inside);
                let best = best_per_cell(&inside, &received, &pick(&trial.rows.y, &task.inside), *min_cell)?;
                Ok(pick(&cells.of_row, &task.outside).into_iter().map(|cell| best.choose(cell)).collect())
            }
            (PolicyRule::Model { standing, .. }, _) => Ok(ranked_first(trial, standing, &predicted, task)),
            (PolicyRule::Option { option, .. }, _) => one_for_all(trial, option, task),
            (PolicyRule::Cells { .. }, None) => Ok(vec![None; task.outside.len()]),
        })
        .collect::<Result<_, Error>>()?;
    Ok(HeldOut { predicted, choices })
}

/// The option with the highest prediction among those of a standing that at least 15 training patients of her subtype
/// received; the first of equals.
fn ranked_first(trial: &Trial, standing: &[String], predicted: &[Vec<f64>], task: &Task) -> Vec<Option<usize>> {
    let n_received = |row: usize, option: usize| {
        let same = |other: &&usize| {
            trial.subtype.get(**other) == trial.subtype.get(row) && trial.received.get(**other) == Some(&option)
        };
        task.inside.iter().filter(same).count()
    };
    let choose = |(at, row): (usize, &usize)| {
        let mut best: Option<(f64, usize)> = None;
        for (number, option) in trial.options.options.iter().enumerate() {
            let given = trial.subtype.get(*row).is_some_and(|subtype| option.excluded(*subtype).is_none());
            if !given || !standing.contains(&option.standing) || n_received(*row, number) < MIN_COMPARABLE {
                continue;
            }
            let p = predicted.get(number).and_then(|p| p.get(at)).copied().unwrap_or(f64::NAN);
            if best.is_none_or(|(known, _)| p > known) {
                best = Some((p, number));
            }
        }
        best.map(|(_, number)| number)
    };
    task.outside.iter().enumerate().map(choose).collect()
}

fn one_for_all(trial: &Trial, id: &str, task: &Task) -> Result<Vec<Option<usize>>, Error> {
    let found = trial.options.options.iter().enumerate().find(|(_, option)| option.id == id);
    let (number, option) =
        found.ok_or_else(|| Error::Unsupported(format!("no option `{id}` in the options {}", trial.options.name)))?;
    let given = |row: &usize| {
        trial.subtype.get(*row).is_some_and(|subtype| option.excluded(*subtype).is_none()).then_some(number)
    };
    Ok(task.outside.iter().map(given).collect())
}
