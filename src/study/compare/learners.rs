use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::ModelFamily;
use crate::learn::{
    BoostedAft, BoostedAftParams, BoostedCox, BoostedSurvivalParams, CoxNet, CoxRegression, CoxTies, DesignMatrix,
    Direction, ElasticNetParams, Error, ForestParams, LambdaGrid, SplineBasis, SurvivalForest, SurvivalModel,
    cross_validate_cox,
};
use crate::stats::{Survival, SurvivalCurves};

/// Mixtures of lasso and ridge that an elastic net chooses from.
pub(super) const ALPHAS: [f64; 3] = [0.1, 0.5, 1.0];
const N_LAMBDA: usize = 40;

/// One way to fit a survival model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SurvivalSettings {
    Cox,
    Net,
    SplineNet,
    Boosted(BoostedSurvivalParams),
    BoostedAft(BoostedAftParams),
    Forest(ForestParams),
}

impl SurvivalSettings {
    /// The default settings of a family and `n` − 1 others, drawn at random; one for families that choose inside.
    pub(super) fn draw(family: ModelFamily, n: usize, seed: u64) -> Vec<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(family as u64);
        let mut drawn =
            |make: &mut dyn FnMut(usize, &mut ChaCha8Rng) -> Self| (0..n).map(|at| make(at, &mut rng)).collect();
        match family {
            ModelFamily::Net => vec![Self::Net],
            ModelFamily::SplineNet => vec![Self::SplineNet],
            ModelFamily::Boosted => drawn(&mut |at, rng| Self::Boosted(trees(at, rng))),
            ModelFamily::BoostedAft => drawn(&mut |at, rng| {
                let scale = if at == 0 { 1.0 } else { one_of(&[0.7, 1.0, 1.4], rng) };
                Self::BoostedAft(BoostedAftParams { trees: trees(at, rng), scale, ..BoostedAftParams::default() })
            }),
            ModelFamily::Forest => drawn(&mut |at, rng| {
                let default = ForestParams::default();
                if at == 0 {
                    return Self::Forest(default);
                }
                Self::Forest(ForestParams {
                    mtry: one_of(&[None, Some(2), Some(5)], rng),
                    min_leaf_size: one_of(&[10, 15, 25], rng),
                    ..default
                })
            }),
            _ => vec![Self::Cox],
        }
    }

    /// Fits on `x`, and predicts each of its rows by a model that had not seen it, on `grid`: out of the folds `fold_of`,
    /// or out of the bag of a forest. Penalties of an elastic net are chosen on the same folds.
    pub(super) fn fit(
        &self,
        x: &DesignMatrix,
        y: &Survival,
        fold_of: &[usize],
        grid: &[f64],
        seed: u64,
    ) -> Result<(Box<dyn SurvivalModel>, SurvivalCurves), Error> {
        Ok(match self {
            Self::Cox => cross_fitted(x, y, fold_of, grid, |x, y, _| CoxRegression::fit(x, y))?,
            Self::Net => cross_fitted(x, y, fold_of, grid, cox_net)?,
            Self::SplineNet => cross_fitted(x, y, fold_of, grid, |x, y, fold_of| {
                let basis = SplineBasis::fit(x)?;
                let net = cox_net(&basis.apply(x)?, y, fold_of)?;
                Ok(Smooth { basis, net })
            })?,
            Self::Boosted(params) => {
                let (model, scores) = BoostedCox::cross_fit(x, y, params, Some(fold_of), seed)?;
                let curves = model.curves_of(&scores, grid)?;
                (Box::new(model), curves)
            }
            Self::BoostedAft(params) => {
                let (model, scores) = BoostedAft::cross_fit(x, y, params, Some(fold_of), seed)?;
                let curves = model.curves_of(&scores, grid)?;
                (Box::new(model), curves)
            }
            Self::Forest(params) => {
                let forest = SurvivalForest::fit(x, y, params, seed)?;
                let curves = forest.out_of_bag(x, grid)?.curves;
                (Box::new(forest), curves)
            }
        })
    }

    /// The settings, boosted trees held to the given directions of the risk with the columns `names`.
    pub(super) fn directed(mut self, names: &[String], monotone: &BTreeMap<String, Direction>) -> Self {
        match &mut self {
            Self::Boosted(params) => params.monotone = directions(names, monotone),
            Self::BoostedAft(params) => params.trees.monotone = directions(names, monotone),
            _ => {}
        }
        self
    }

    /// The settings in words.
    pub(super) fn say(&self) -> String {
        serde_json::to_string(self).unwrap_or_default().replace('"', "")
    }
}

/// Settings of boosted trees: shallow and few, as suits some hundred events.
fn trees(at: usize, rng: &mut ChaCha8Rng) -> BoostedSurvivalParams {
    let default = BoostedSurvivalParams { rounds: 75, ..BoostedSurvivalParams::default() };
    if at == 0 {
        return default;
    }
    BoostedSurvivalParams {
        max_depth: one_of(&[1, 2, 3, 4], rng),
        eta: one_of(&[0.03, 0.05, 0.1], rng),
        rounds: one_of(&[75, 150, 300], rng),
        subsample: one_of(&[0.5, 0.7, 0.9], rng),
        colsample_bynode: one_of(&[0.3, 0.6, 1.0], rng),
        min_child_weight: one_of(&[1.0, 5.0, 15.0], rng),
        lambda: one_of(&[1.0, 10.0], rng),
        ..default
    }
}

/// The direction of every column; empty where none is given.
pub(super) fn directions(names: &[String], monotone: &BTreeMap<String, Direction>) -> Vec<Direction> {
    if monotone.is_empty() {
        return Vec::new();
    }
    names.iter().map(|name| monotone.get(name).copied().unwrap_or_default()).collect()
}

/// One of `choices`, which are not empty.
pub(super) fn one_of<T: Copy>(choices: &[T], rng: &mut ChaCha8Rng) -> T {
    choices[rng.random_range(0..choices.len())]
}

/// The model of all rows, and the curves of each row by the model of the other folds.
fn cross_fitted<M: SurvivalModel + 'static>(
    x: &DesignMatrix,
    y: &Survival,
    fold_of: &[usize],
    grid: &[f64],
    fit: impl Fn(&DesignMatrix, &Survival, &[usize]) -> Result<M, Error>,
) -> Result<(Box<dyn SurvivalModel>, SurvivalCurves), Error> {
    let mut values = vec![0.0; x.n_rows * grid.len()];
    let n_folds = fold_of.iter().max().map_or(0, |most| most + 1);
    for fold in 0..n_folds {
        let (outside, inside): (Vec<usize>, Vec<usize>) =
            (0..x.n_rows).partition(|&row| fold_of.get(row) == Some(&fold));
        let folds_inside: Vec<usize> = inside.iter().filter_map(|&row| fold_of.get(row).copied()).collect();
        let model = fit(&x.select(&inside), &y.select(&inside)?, &folds_inside)?;
        let curves = model.survival_curves(&x.select(&outside), grid)?;
        for (at, row) in outside.into_iter().enumerate() {
            if let Some(slot) = values.get_mut(row * grid.len()..(row + 1) * grid.len()) {
                slot.copy_from_slice(curves.row(at));
            }
        }
    }
    let curves = SurvivalCurves::new(grid.to_vec(), x.n_rows, values)?;
    Ok((Box::new(fit(x, y, fold_of)?), curves))
}

fn cox_net(x: &DesignMatrix, y: &Survival, fold_of: &[usize]) -> Result<CoxNet, Error> {
    let params = net_params();
    let chosen = cross_validate_cox(x, y, None, CoxTies::Efron, &params, &ALPHAS, fold_of)?;
    match chosen.best() {
        Some(best) => CoxNet::from_path(&best.path, best.index_min, x, y, None),
        None => Err(Error::NothingVaries { n_features: x.n_features() }),
    }
}

pub(super) fn net_params() -> ElasticNetParams {
    let lambda = LambdaGrid::Automatic { n_lambda: N_LAMBDA, ratio: Some(1e-3) };
    ElasticNetParams { lambda, ..ElasticNetParams::default() }
}

/// An elastic net on smooth terms.
struct Smooth {
    basis: SplineBasis,
    net: CoxNet,
}

impl SurvivalModel for Smooth {
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.net.risk_scores(&self.basis.apply(x)?)
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        self.net.survival_curves(&self.basis.apply(x)?, times)
    }
}
