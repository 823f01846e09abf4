use std::borrow::Cow;

use polars::prelude::IdxCa;

use super::estimator::Training;
use super::{Error, Estimator, FusedTable, Progress, ResponseSpec};
use crate::fusion::Design;
use crate::learn::{BoostedBag, BoostedParams, DesignMatrix, MissingGroups};
use crate::stats::{expit, folds, log_loss};
use crate::terms::{PatientId, Subtype};

/// The rows of a fused table that a specification can learn from, aligned.
#[derive(Debug, Clone)]
pub struct ResponseRows {
    /// The table, reduced to the usable rows.
    pub table: FusedTable,
    /// Patient of each row.
    pub patients: Vec<PatientId>,
    /// Outcome of each row.
    pub y: Vec<bool>,
    /// Receptor subtype of each row.
    pub subtypes: Vec<Option<Subtype>>,
    /// Rows of the table before the reduction.
    pub n_before: usize,
}

/// A fitted design and estimator.
#[derive(Debug, Clone)]
pub struct FittedResponse {
    /// Input encoding.
    pub design: Design,
    /// Estimator.
    pub estimator: Estimator,
    /// Settings chosen for boosted trees.
    pub params: Option<BoostedParams>,
}

impl ResponseRows {
    /// Keeps the rows whose outcome is known and whose required flags are true.
    ///
    /// # Errors
    /// [`Error::Column`] for an absent or non-boolean target or flag, [`Error::Unsupported`] with fewer than 20 rows.
    pub fn select(table: &FusedTable, spec: &ResponseSpec) -> Result<Self, Error> {
        let boolean = |name: &str| {
            table.booleans(name)?.ok_or_else(|| Error::Column {
                table: "the fused table".into(),
                column: name.to_owned(),
                expected: "boolean",
                found: "no such column".into(),
            })
        };
        let outcomes = boolean(&spec.target)?;
        let mut keep: Vec<bool> = outcomes.iter().map(Option::is_some).collect();
        for name in &spec.require {
            for (keep, flag) in keep.iter_mut().zip(boolean(name)?) {
                *keep &= flag == Some(true);
            }
        }
        let rows: Vec<usize> = (0..keep.len()).filter(|&row| keep.get(row) == Some(&true)).collect();
        if rows.len() < 20 {
            return Err(Error::Unsupported(format!(
                "expected at least 20 rows with a known `{}`, found {}",
                spec.target,
                rows.len()
            )));
        }
        Self::take(table, &rows, &outcomes)
    }

    /// The rows at those positions.
    ///
    /// # Errors
    /// [`Error::Table`] when polars refuses to take them.
    pub(super) fn at(&self, rows: &[usize]) -> Result<Self, Error> {
        let outcomes: Vec<Option<bool>> = self.y.iter().copied().map(Some).collect();
        Self::take(&self.table, rows, &outcomes)
    }

    fn take(table: &FusedTable, rows: &[usize], outcomes: &[Option<bool>]) -> Result<Self, Error> {
        let index: IdxCa = IdxCa::from_vec("row".into(), rows.iter().map(|&row| row as u32).collect());
        let frame = table.frame.take(&index).map_err(crate::tables::Error::from)?;
        let reduced = FusedTable { frame, origin: table.origin.clone(), sha256: table.sha256.clone() };
        Ok(Self {
            patients: reduced.patients()?,
            subtypes: reduced.subtypes()?,
            y: rows.iter().filter_map(|&row| outcomes.get(row).copied().flatten()).collect(),
            table: reduced,
            n_before: table.frame.height(),
        })
    }

    /// Patients as small numbers, so that folds never split one.
    #[must_use]
    pub fn patient_numbers(&self) -> Vec<usize> {
        let mut order: Vec<&PatientId> = self.patients.iter().collect();
        order.sort();
        order.dedup();
        self.patients.iter().map(|patient| order.binary_search(&patient).unwrap_or(0)).collect()
    }
}

/// The columns of `design` that belong to each group that may be missing.
pub(super) fn missing_groups(spec: &ResponseSpec, design: &Design) -> MissingGroups {
    let groups = spec
        .missing
        .groups
        .iter()
        .map(|group| {
            let member = |(at, column): (usize, &crate::fusion::DesignColumn)| (column.group == *group).then_some(at);
            design.columns.iter().enumerate().filter_map(member).collect()
        })
        .collect();
    MissingGroups { groups, share: spec.missing.share }
}

/// Chooses settings by inner cross-validated log loss on `x`, `y`; patients are never split.
///
/// # Errors
/// [`Error::Learn`], [`Error::Stats`] when a class is too small for the inner folds, [`Error::Interrupted`].
pub(super) fn choose(
    spec: &ResponseSpec,
    x: &DesignMatrix,
    y: &[bool],
    patients: &[usize],
    missing: &MissingGroups,
    seed: u64,
    progress: &dyn Progress,
) -> Result<BoostedParams, Error> {
    let candidates = &spec.search.candidates;
    let Some(first) = candidates.first() else { return Ok(BoostedParams::default()) };
    if candidates.len() == 1 {
        return Ok(*first);
    }
    let fold_of = folds::stratified_folds(y, Some(patients), spec.search.n_folds, seed)?;
    let mut best = (f64::INFINITY, *first);
    for params in candidates {
        let mut p = vec![0.0; y.len()];
        for fold in 0..spec.search.n_folds {
            if progress.interrupted() {
                return Err(Error::Interrupted);
            }
            let (inside, outside) = split(&fold_of, fold);
            let bag =
                BoostedBag::fit(&x.select(&inside), &pick(y, &inside), params, missing, spec.search.n_refits, seed)?;
            for (row, margin) in outside.iter().zip(bag.predict(&x.select(&outside))?) {
                if let Some(slot) = p.get_mut(*row) {
                    *slot = expit(margin.mean);
                }
            }
        }
        let loss = log_loss(y, &p)?;
        if loss < best.0 {
            best = (loss, *params);
        }
    }
    Ok(best.1)
}

/// A model fitted on the training rows of one fold, and the matrix of all rows as that fold encodes it.
pub(super) struct FoldModel<'a> {
    pub(super) x: Cow<'a, DesignMatrix>,
    pub(super) estimator: Estimator,
    pub(super) missing: MissingGroups,
}

/// Fits recipe, settings and estimator on the rows `inside` a fold; `x` is the matrix of all rows where no recipe is fitted.
///
/// # Errors
/// What fitting refuses, [`Error::Interrupted`].
pub(super) fn fit_fold<'a>(
    spec: &ResponseSpec,
    design: &Design,
    rows: &ResponseRows,
    x: &'a DesignMatrix,
    inside: &[usize],
    seed: u64,
    progress: &dyn Progress,
) -> Result<FoldModel<'a>, Error> {
    let (missing, x) = if spec.recipe.is_none() {
        (missing_groups(spec, design), Cow::Borrowed(x))
    } else {
        let fitted = design.fitted_on(&rows.at(inside)?.table.frame, &spec.recipe)?;
        (missing_groups(spec, &fitted), Cow::Owned(fitted.apply(&rows.table.frame)?))
    };
    let (xi, yi) = (x.select(inside), pick(&rows.y, inside));
    let patients = pick(&rows.patient_numbers(), inside);
    let n_refits = spec.evaluation.n_refits;
    let training = Training { x: &xi, y: &yi, patients: &patients, missing: &missing, n_refits, seed };
    let (estimator, _) = Estimator::fit(spec, &training, progress)?;
    Ok(FoldModel { x, estimator, missing })
}

/// Rows outside and inside a fold: (training, test).
pub(super) fn split(fold_of: &[usize], fold: usize) -> (Vec<usize>, Vec<usize>) {
    (0..fold_of.len()).partition(|&row| fold_of.get(row) != Some(&fold))
}

/// The elements at `rows`.
pub(super) fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|&row| values.get(row).cloned()).collect()
}
