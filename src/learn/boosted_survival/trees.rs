use std::num::NonZeroUsize;

use hessboost::config::TrainingParams;
use hessboost::data::DMatrix;
use hessboost::model::{BoostedModel, Iterations, ModelFormat};
use hessboost::objective::Objective;
use hessboost::training::train;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::boosted::Direction;
use super::super::{DesignMatrix, Error};
use crate::stats::Survival;
use crate::stats::folds::stratified_folds;

/// Settings of one fit of boosted survival trees; defaults suit a few hundred to a few thousand patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostedSurvivalParams {
    /// Splits on a path from root to leaf; 1 has no interactions, 2 has pairwise ones.
    pub max_depth: usize,
    /// Shrinkage per tree.
    pub eta: f64,
    /// Number of trees.
    pub rounds: usize,
    /// Share of rows drawn for each tree.
    pub subsample: f64,
    /// Share of columns drawn at each node.
    pub colsample_bynode: f64,
    /// Smallest sum of hessians in a leaf; under proportional hazards about its expected number of events.
    pub min_child_weight: f64,
    /// L2 penalty on leaf values.
    pub lambda: f64,
    /// Direction of the risk with each column, −1, 0 or 1; empty for none.
    pub monotone: Vec<Direction>,
    /// Bootstrap refits that are averaged; 1 fits the rows as they are.
    pub n_refits: NonZeroUsize,
    /// Inner folds of the out-of-fold scores, unless fold numbers are given.
    pub n_folds: usize,
}

impl Default for BoostedSurvivalParams {
    fn default() -> Self {
        Self {
            max_depth: 2,
            eta: 0.05,
            rounds: 200,
            subsample: 0.8,
            colsample_bynode: 0.8,
            min_child_weight: 3.0,
            lambda: 1.0,
            monotone: Vec::new(),
            n_refits: NonZeroUsize::MIN,
            n_folds: 5,
        }
    }
}

impl BoostedSurvivalParams {
    /// hessboost's settings; `turned` when the margin falls as the risk rises.
    pub(super) fn settings(
        &self,
        objective: Objective,
        base_score: Option<f64>,
        turned: bool,
        seed: u64,
    ) -> Result<TrainingParams, Error> {
        let directions = self.monotone.iter().map(|d| if turned { d.reversed() } else { *d });
        let builder = TrainingParams::builder()
            .objective(objective)
            .nthread(1)
            .seed(seed)
            .eta(self.eta)
            .max_depth(self.max_depth)
            .subsample(self.subsample)
            .colsample_bynode(self.colsample_bynode)
            .min_child_weight(self.min_child_weight)
            .lambda(self.lambda)
            .monotone_constraints(directions.map(Direction::constraint).collect());
        Ok(match base_score {
            Some(base_score) => builder.base_score(base_score).build()?,
            None => builder.build()?,
        })
    }
}

/// Members whose margins are averaged, less a constant.
#[derive(Debug, Clone)]
pub(super) struct Bag {
    pub(super) members: Vec<BoostedModel>,
    /// Mean margin of the rows fitted on, where the level of a margin means nothing; else 0.
    pub(super) centre: f64,
}

/// A bag fitted on every row, and for every row the score of a bag that had not seen its fold.
pub(super) struct CrossFitted {
    pub(super) bag: Bag,
    pub(super) out_of_fold: Vec<f64>,
}

/// How one member is trained: on these rows, their times and a seed.
pub(super) type Fit<'a> = dyn Fn(&DMatrix, &Survival, u64) -> Result<BoostedModel, Error> + Sync + 'a;

impl Bag {
    /// Mean margin of every row of `x`, less the centre.
    pub(super) fn scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        check_width(self.n_features(), x)?;
        let data = DMatrix::from_dense(&x.values, x.n_rows, x.n_features())?;
        let margins: Vec<Vec<f32>> = self
            .members
            .par_iter()
            .map(|member| Ok(member.predict_margin(&data, Iterations::Best)?.into_vec()))
            .collect::<Result<_, Error>>()?;
        Ok((0..x.n_rows).map(|row| mean_at(&margins, row) - self.centre).collect())
    }

    /// Contributions to the scores of [`Bag::scores`]: per row, one per column and the base last.
    pub(super) fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        check_width(self.n_features(), x)?;
        let data = DMatrix::from_dense(&x.values, x.n_rows, x.n_features())?;
        let values: Vec<Vec<f32>> = self
            .members
            .par_iter()
            .map(|member| Ok(member.predict_contribs(&data, Iterations::Best)?.into_vec()))
            .collect::<Result<_, Error>>()?;
        let width = x.n_features() + 1;
        let row = |row: usize| {
            let mut parts: Vec<f64> = (row * width..(row + 1) * width).map(|at| mean_at(&values, at)).collect();
            if let Some(base) = parts.last_mut() {
                *base -= self.centre;
            }
            parts
        };
        Ok((0..x.n_rows).into_par_iter().map(row).collect())
    }

    pub(super) fn n_features(&self) -> usize {
        self.members.first().map_or(0, BoostedModel::n_features)
    }

    /// XGBoost JSON of every member.
    pub(super) fn encode(&self) -> Result<Vec<Box<RawValue>>, Error> {
        let text = |member: &BoostedModel| {
            let bytes = member.encode(ModelFormat::XgboostJson)?;
            serde_json::from_slice(&bytes).map_err(|error| Error::Boosting(error.to_string()))
        };
        self.members.iter().map(text).collect()
    }

    /// Reads what [`Bag::encode`] wrote; every member must have the objective `objective` and the same width.
    pub(super) fn decode(members: &[Box<RawValue>], centre: f64, objective: &'static str) -> Result<Self, Error> {
        let members: Vec<BoostedModel> = members
            .par_iter()
            .map(|text| Ok(BoostedModel::decode(text.get().as_bytes(), ModelFormat::XgboostJson)?))
            .collect::<Result<_, Error>>()?;
        let width = members.first().map(BoostedModel::n_features);
        if width.is_none() {
            return Err(Error::Weights { expected: "at least one model", found: "none".into() });
        }
        if let Some(other) = members.iter().find(|member| member.objective().name() != objective) {
            return Err(Error::Weights { expected: objective, found: other.objective().name().to_owned() });
        }
        if let Some(other) = members.iter().find(|member| Some(member.n_features()) != width) {
            let found = format!("one of {} columns", other.n_features());
            return Err(Error::Weights { expected: "models of one width", found });
        }
        Ok(Self { members, centre })
    }
}

/// Fits a bag on all rows and one without each fold, and scores every row by the bag without its own fold.
///
/// `centred` takes each bag's mean over its own training rows off its scores, so that the scores of several bags of
/// arbitrary level can stand in one likelihood.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::Width`] for a wrong number of directions, [`Error::Stats`] without events, with
/// fewer of them than folds, or with one fold only, and what `fit` refuses.
pub(super) fn cross_fit(
    x: &DesignMatrix,
    data: &Survival,
    params: &BoostedSurvivalParams,
    folds: Option<&[usize]>,
    seed: u64,
    centred: bool,
    fit: &Fit<'_>,
) -> Result<CrossFitted, Error> {
    if data.n_samples() != x.n_rows {
        return Err(Error::LengthMismatch { expected: x.n_rows, found: data.n_samples() });
    }
    if !params.monotone.is_empty() && params.monotone.len() != x.n_features() {
        return Err(Error::Width { expected: x.n_features(), found: params.monotone.len() });
    }
    data.require_events()?;
    let folds = match folds {
        Some(folds) if folds.len() == x.n_rows => folds.to_vec(),
        Some(folds) => return Err(Error::LengthMismatch { expected: x.n_rows, found: folds.len() }),
        None => inner_folds(data, params.n_folds, seed)?,
    };
    let mut numbers = folds.clone();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < 2 {
        return Err(crate::stats::Error::TooFew { what: "folds", needed: 2, found: numbers.len() }.into());
    }
    // The first part is every row, the next ones leave out a fold each.
    let all: Vec<usize> = (0..x.n_rows).collect();
    let without = |number: &usize| folds_rows(&folds, |fold| fold != *number);
    let parts: Vec<Vec<usize>> = std::iter::once(all).chain(numbers.iter().map(without)).collect();
    for rows in &parts {
        data.select(rows)?.require_events()?;
    }
    let n_refits = params.n_refits.get();
    let mut members = (0..parts.len() * n_refits)
        .into_par_iter()
        .map(|task| {
            let rows = parts.get(task / n_refits).map_or(&[][..], Vec::as_slice);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(task as u64);
            let drawn = if n_refits == 1 { rows.to_vec() } else { resample(rows, data, &mut rng) };
            let sample = x.select(&drawn);
            let matrix = DMatrix::from_dense(&sample.values, sample.n_rows, sample.n_features())?;
            fit(&matrix, &data.select(&drawn)?, rng.random_range(0..u64::from(u32::MAX)))
        })
        .collect::<Result<Vec<_>, Error>>()?
        .into_iter();
    let mut bags = Vec::with_capacity(parts.len());
    for rows in &parts {
        let mut bag = Bag { members: members.by_ref().take(n_refits).collect(), centre: 0.0 };
        if centred {
            let scores = bag.scores(&x.select(rows))?;
            bag.centre = scores.iter().sum::<f64>() / scores.len() as f64;
        }
        bags.push(bag);
    }
    let mut out_of_fold = vec![0.0; x.n_rows];
    for (bag, number) in bags.iter().skip(1).zip(&numbers) {
        let held_out = folds_rows(&folds, |fold| fold == *number);
        for (row, score) in held_out.iter().zip(bag.scores(&x.select(&held_out))?) {
            if let Some(slot) = out_of_fold.get_mut(*row) {
                *slot = score;
            }
        }
    }
    bags.truncate(1);
    let bag = bags.pop().ok_or(Error::Weights { expected: "at least one model", found: "none".into() })?;
    Ok(CrossFitted { bag, out_of_fold })
}

/// Folds stratified by event; where every row has one, by every second place in the order of time.
fn inner_folds(data: &Survival, n_folds: usize, seed: u64) -> Result<Vec<usize>, Error> {
    if data.n_events() < data.n_samples() {
        return Ok(stratified_folds(data.event(), None, n_folds, seed)?);
    }
    let mut odd = vec![false; data.n_samples()];
    for &row in data.order().iter().skip(1).step_by(2) {
        odd[row] = true;
    }
    Ok(stratified_folds(&odd, None, n_folds, seed)?)
}

fn folds_rows(folds: &[usize], keep: impl Fn(usize) -> bool) -> Vec<usize> {
    folds.iter().enumerate().filter(|&(_, &fold)| keep(fold)).map(|(row, _)| row).collect()
}

/// As many rows with replacement, within events and within censorings, so that every sample has events.
fn resample(rows: &[usize], data: &Survival, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let event = |row: &usize| data.event().get(*row).copied().unwrap_or(false);
    let (with, without): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| event(row));
    let mut drawn = Vec::with_capacity(rows.len());
    for class in [with, without] {
        drawn.extend((0..class.len()).filter_map(|_| class.get(rng.random_range(0..class.len())).copied()));
    }
    drawn
}

pub(super) fn check_width(expected: usize, x: &DesignMatrix) -> Result<(), Error> {
    if x.n_features() == expected { Ok(()) } else { Err(Error::Width { expected, found: x.n_features() }) }
}

/// Trains, in hessboost.
pub(super) fn boost(settings: &TrainingParams, data: &DMatrix, rounds: usize) -> Result<BoostedModel, Error> {
    Ok(train(settings, data, rounds)?)
}

fn mean_at(members: &[Vec<f32>], at: usize) -> f64 {
    let sum: f64 = members.iter().filter_map(|values| values.get(at)).map(|&value| f64::from(value)).sum();
    sum / members.len() as f64
}
