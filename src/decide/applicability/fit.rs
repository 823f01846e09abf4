use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::distance::Percentiles;
use super::reference::{Factors, Group, Measured, Reference, Residuals, Tail, contradiction};
use crate::decide::{ColumnScale, Error};
use crate::learn::DesignMatrix;
use crate::stats::conditional_normal::{MultivariateNormal, Shrinkage};
use crate::stats::quantile;

/// Fewest training patients that can describe a population, or calibrate a set of groups.
const MIN_PATIENTS: usize = 30;
/// Parts into which the patients are cut: each is measured by moments of the others.
const N_FOLDS: usize = 5;
/// Most patients of a fold that calibrate: enough for a percentile to hold to 0.2 points.
const MAX_LEFT_OUT: usize = 4000;
/// Up to so many groups every set of them is calibrated; beyond, single groups, all, and all but one.
const MAX_GROUPS_ALL_SETS: usize = 5;

impl Reference {
    /// Describes the training rows, one per patient, by the columns of the named groups (positions in `x`; a column in two
    /// groups counts once jointly). Groups without an existing column are left out.
    ///
    /// Leave out treatment and columns that stand for missingness; give missing values as NaN, not imputed.
    ///
    /// # Errors
    /// [`Error::TooFew`] below 30 patients, [`Error::Stats`] for moments that do not exist.
    pub fn fit(x: &DesignMatrix, groups: &[(String, Vec<usize>)], seed: u64) -> Result<Self, Error> {
        if x.n_rows < MIN_PATIENTS {
            return Err(Error::TooFew { expected: MIN_PATIENTS, found: x.n_rows });
        }
        let mut keep: Vec<usize> = groups.iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
        keep.retain(|&column| column < x.n_features());
        keep.sort_unstable();
        keep.dedup();
        let groups = groups
            .iter()
            .map(|(name, columns)| Group {
                name: name.clone(),
                columns: keep
                    .iter()
                    .enumerate()
                    .filter(|(_, column)| columns.contains(column))
                    .map(|(at, _)| at)
                    .collect(),
            })
            .filter(|group| !group.columns.is_empty())
            .collect();
        let mut reference = Self {
            columns: keep.iter().filter_map(|&column| x.names.get(column).cloned()).collect(),
            scales: vec![],
            p01: vec![],
            p99: vec![],
            missing_share: vec![],
            n_patients: x.n_rows,
            normal: MultivariateNormal::new(vec![], vec![])?,
            groups,
            tails: vec![],
        };
        for &column in &keep {
            reference.describe(x, column)?;
        }
        let rows = reference.scaled(x, &keep);
        let left_out = reference.left_out(&rows, seed)?;
        reference.tails = reference.calibrate(&rows, &left_out)?;
        reference.normal = fit_normal(rows.iter(), reference.columns.len())?;
        Ok(reference)
    }

    /// Adds the scale, range and missing share of one column.
    fn describe(&mut self, x: &DesignMatrix, column: usize) -> Result<(), Error> {
        let mut known: Vec<f64> = x
            .values
            .iter()
            .skip(column)
            .step_by(x.n_features().max(1))
            .map(|&value| f64::from(value))
            .filter(|value| value.is_finite())
            .collect();
        known.sort_by(f64::total_cmp);
        let limit = |q| if known.is_empty() { Ok(0.0) } else { quantile(&known, q) };
        self.scales.push(ColumnScale::of(&known));
        self.p01.push(limit(0.01)?);
        self.p99.push(limit(0.99)?);
        self.missing_share.push(1.0 - known.len() as f64 / x.n_rows as f64);
        Ok(())
    }

    /// The rows on the scales of the columns.
    fn scaled(&self, x: &DesignMatrix, keep: &[usize]) -> Vec<Vec<f64>> {
        let scale = |row: &[f32]| {
            let values = keep.iter().map(|&column| row.get(column).copied().unwrap_or(f32::NAN));
            values.zip(&self.scales).map(|(value, scale)| scale.normal(value)).collect()
        };
        (0..x.n_rows).map(|row| scale(x.row(row))).collect()
    }

    /// One description per fold, fitted without its rows, with those rows.
    fn left_out(&self, rows: &[Vec<f64>], seed: u64) -> Result<Vec<(Self, Vec<usize>)>, Error> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        (0..N_FOLDS)
            .map(|fold| {
                let part = |inside: bool| {
                    order
                        .iter()
                        .enumerate()
                        .filter(move |(at, _)| (at % N_FOLDS == fold) == inside)
                        .map(|(_, &row)| row)
                };
                let others = part(false).filter_map(|row| rows.get(row));
                let normal = fit_normal(others, self.columns.len())?;
                Ok((Self { normal, ..self.clone() }, part(true).take(MAX_LEFT_OUT).collect()))
            })
            .collect()
    }

    /// The calibration of every set of groups that at least 30 patients have.
    fn calibrate(&self, rows: &[Vec<f64>], left_out: &[(Self, Vec<usize>)]) -> Result<Vec<Tail>, Error> {
        let mut tails: Vec<Tail> = Vec::new();
        for set in self.sets() {
            let mut measured: Vec<Measured> = Vec::new();
            for (fitted, part) in left_out {
                let mut factors = Factors::default();
                for row in part.iter().filter_map(|&row| rows.get(row)) {
                    let row = self.only(row, &set);
                    let found = fitted.measure(&row, &mut factors)?;
                    if found.present == set {
                        measured.push(found);
                    }
                }
            }
            if measured.len() < MIN_PATIENTS {
                continue;
            }
            let joint = Percentiles::of(&measured.iter().map(|found| found.joint.score).collect::<Vec<_>>())?;
            let residuals = calibrate_residuals(&measured)?;
            let worst = if set.len() > 1 || !residuals.is_empty() {
                let worst = |found: &Measured| worst_share(found, &joint, &residuals, &tails);
                Some(Percentiles::of(&measured.iter().map(worst).collect::<Vec<_>>())?)
            } else {
                None
            };
            tails.push(Tail { groups: set, joint, residuals, worst });
        }
        Ok(tails)
    }

    /// Sets of groups to calibrate, single groups first.
    fn sets(&self) -> Vec<Vec<usize>> {
        let n = self.groups.len();
        let mut sets: Vec<Vec<usize>> = if n <= MAX_GROUPS_ALL_SETS {
            (1..1_usize << n).map(|mask| (0..n).filter(|at| mask >> at & 1 == 1).collect()).collect()
        } else {
            let but = (0..n).map(|left| (0..n).filter(|&at| at != left).collect());
            (0..n).map(|at| vec![at]).chain(but).chain([(0..n).collect()]).collect()
        };
        sets.sort_by_key(Vec::len);
        sets
    }

    /// The row with the columns outside the groups of `set` blanked.
    fn only(&self, row: &[f64], set: &[usize]) -> Vec<f64> {
        let mut blanked = vec![f64::NAN; row.len()];
        for &column in set.iter().filter_map(|&group| self.groups.get(group)).flat_map(|group| &group.columns) {
            if let (Some(slot), Some(value)) = (blanked.get_mut(column), row.get(column)) {
                *slot = *value;
            }
        }
        blanked
    }
}

/// Percentiles of the residuals of each binary column and value that at least 30 patients have.
fn calibrate_residuals(measured: &[Measured]) -> Result<Vec<Residuals>, Error> {
    let mut sizes: BTreeMap<(usize, bool), Vec<f64>> = BTreeMap::new();
    for residual in measured.iter().flat_map(|found| &found.residuals) {
        sizes.entry((residual.column, residual.value)).or_default().push(residual.size);
    }
    let many = sizes.into_iter().filter(|(_, sizes)| sizes.len() >= MIN_PATIENTS);
    many.map(|((column, value), sizes)| Ok(Residuals { column, value, shares: Percentiles::of(&sizes)? })).collect()
}

/// The largest share below among the joint score, the scores of the groups and the contradiction.
fn worst_share(found: &Measured, joint: &Percentiles, residuals: &[Residuals], singles: &[Tail]) -> f64 {
    let own = found.present.iter().zip(&found.by_group).map(|(group, known)| {
        singles.iter().find(|tail| tail.groups == [*group]).map_or(0.0, |tail| tail.joint.share_below(known.score))
    });
    let contradicted = contradiction(&found.residuals, residuals).map(|(_, share)| share);
    own.chain(contradicted).fold(joint.share_below(found.joint.score), f64::max)
}

fn fit_normal<'a>(rows: impl Iterator<Item = &'a Vec<f64>>, n_columns: usize) -> Result<MultivariateNormal, Error> {
    let values: Vec<f64> = rows.flatten().copied().collect();
    Ok(MultivariateNormal::fit(&values, n_columns, Shrinkage::Estimated)?)
}
