use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroUsize;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::super::{Error, Progress};
use super::learners::{ALPHAS, directions, net_params, one_of};
use super::rows::{Matrices, Rows, Task};
use super::{ComparisonSpec, ModelFamily};
use crate::learn::calibrate::PlattScale;
use crate::learn::stack::equal_weights;
use crate::learn::{self, Error as LearnError};
use crate::learn::{
    BinaryModel, BoostedBag, BoostedParams, Calibrator, CalibratorKind, DesignMatrix, Direction, LogisticNet,
    LogisticRegression, MissingGroups, RandomForest, RandomForestParams, SplineBasis, StackObjective,
    SupportVectorMachine, SvmKernel, SvmParams, cross_validate_logistic, pool_probabilities, stack_probabilities,
};
use crate::stats::{expit, folds, log_loss};

/// Bootstrap refits of boosted trees while settings are chosen, and of the model kept.
const REFITS: (usize, usize) = (5, 20);

/// What a model predicts for the test rows of one split, in their order.
#[derive(Debug, Clone)]
pub(super) struct BinaryPrediction {
    pub p: Vec<f64>,
    /// Settings chosen inside the training fold, in words.
    pub chosen: String,
}

/// One way to fit a model of a binary outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum BinarySettings {
    Logistic,
    Net,
    SplineNet,
    Boosted(BoostedParams),
    Forest(RandomForestParams),
    Svm(SvmParams),
}

impl BinarySettings {
    /// The default settings of a family and `n` − 1 others, drawn at random; one for families that choose inside.
    fn draw(family: ModelFamily, n: usize, seed: u64) -> Vec<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(family as u64);
        let rng = &mut rng;
        let tries = 0..n;
        match family {
            ModelFamily::Net => vec![Self::Net],
            ModelFamily::SplineNet => vec![Self::SplineNet],
            ModelFamily::Boosted => tries
                .map(|at| {
                    let default = BoostedParams::default();
                    if at == 0 {
                        return Self::Boosted(default);
                    }
                    Self::Boosted(BoostedParams {
                        max_depth: one_of(&[1, 2, 3], rng),
                        rounds: one_of(&[75, 150, 300], rng),
                        subsample: one_of(&[0.5, 0.7, 0.9], rng),
                        colsample_bynode: one_of(&[0.15, 0.3, 0.6], rng),
                        min_child_weight: one_of(&[1.0, 3.0, 6.0], rng),
                        ..default
                    })
                })
                .collect(),
            ModelFamily::Forest => tries
                .map(|at| {
                    let default = RandomForestParams::default();
                    if at == 0 {
                        return Self::Forest(default);
                    }
                    Self::Forest(RandomForestParams {
                        min_samples_leaf: one_of(&[2, 5, 10, 20], rng),
                        n_columns: one_of(&[None, Some(2), Some(4), Some(8)], rng),
                        ..default
                    })
                })
                .collect(),
            ModelFamily::Svm => tries
                .map(|at| {
                    let default = SvmParams::default();
                    if at == 0 {
                        return Self::Svm(default);
                    }
                    let kernel = one_of(&[SvmKernel::Rbf { gamma: None }, SvmKernel::Linear], rng);
                    Self::Svm(SvmParams { kernel, cost: one_of(&[0.03, 0.1, 0.3, 1.0], rng), ..default })
                })
                .collect(),
            _ => vec![Self::Logistic],
        }
    }

    /// Fits on `x`; `last` for the model that is kept.
    fn fit(
        &self,
        x: &DesignMatrix,
        y: &[bool],
        fold_of: &[usize],
        monotone: &BTreeMap<String, Direction>,
        seed: u64,
        last: bool,
    ) -> Result<Box<dyn BinaryModel>, LearnError> {
        Ok(match self {
            Self::Logistic => Box::new(LogisticRegression::fit(x, y)?),
            Self::Net => Box::new(net(x, y, fold_of)?),
            Self::SplineNet => {
                let basis = SplineBasis::fit(x)?;
                let net = net(&basis.apply(x)?, y, fold_of)?;
                Box::new(Smooth { basis, net })
            }
            Self::Boosted(params) => {
                let refits = NonZeroUsize::new(if last { REFITS.1 } else { REFITS.0 }).unwrap_or(NonZeroUsize::MIN);
                let directions = directions(&x.names, monotone);
                let none = MissingGroups::default();
                Box::new(Bag(BoostedBag::fit_monotone(x, y, params, &none, &directions, refits, seed)?))
            }
            Self::Forest(params) => Box::new(RandomForest::fit(x, y, params, seed)?),
            Self::Svm(params) => Box::new(calibrated_svm(x, y, params, fold_of, seed)?),
        })
    }

    fn say(&self) -> String {
        serde_json::to_string(self).unwrap_or_default().replace('"', "")
    }
}

fn net(x: &DesignMatrix, y: &[bool], fold_of: &[usize]) -> Result<LogisticNet, LearnError> {
    let chosen = cross_validate_logistic(x, y, None, &net_params(), &ALPHAS, fold_of)?;
    match chosen.best() {
        Some(best) => LogisticNet::from_path(&best.path, best.index_min),
        None => Err(LearnError::NothingVaries { n_features: x.n_features() }),
    }
}

struct Smooth {
    basis: SplineBasis,
    net: LogisticNet,
}

impl BinaryModel for Smooth {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, LearnError> {
        self.net.probabilities(&self.basis.apply(x)?)
    }
}

struct Bag(BoostedBag);

impl BinaryModel for Bag {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, LearnError> {
        Ok(self.0.predict(x)?.iter().map(|margin| expit(margin.mean)).collect())
    }
}

struct CalibratedSvm {
    machine: SupportVectorMachine,
    calibrator: Calibrator,
}

impl BinaryModel for CalibratedSvm {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, LearnError> {
        self.calibrator.apply(&self.machine.decision_values(x)?)
    }
}

/// A support vector machine whose probabilities come from decision values out of the folds.
fn calibrated_svm(
    x: &DesignMatrix,
    y: &[bool],
    params: &SvmParams,
    fold_of: &[usize],
    seed: u64,
) -> Result<CalibratedSvm, LearnError> {
    let values = out_of_folds(x, y, fold_of, |x, y, test, _| {
        SupportVectorMachine::fit(x, y, params, seed)?.decision_values(test)
    })?;
    let kind = CalibratorKind::Platt { scale: PlattScale::Score, smoothed: true };
    let calibrator = Calibrator::fit(kind, y, &values)?;
    Ok(CalibratedSvm { machine: SupportVectorMachine::fit(x, y, params, seed)?, calibrator })
}

/// Values of every row, predicted by a fit without its fold; `predict` gets training rows, test rows and the training
/// rows' folds.
fn out_of_folds(
    x: &DesignMatrix,
    y: &[bool],
    fold_of: &[usize],
    predict: impl Fn(&DesignMatrix, &[bool], &DesignMatrix, &[usize]) -> Result<Vec<f64>, LearnError>,
) -> Result<Vec<f64>, LearnError> {
    let mut values = vec![0.0; x.n_rows];
    let mut known = fold_of.to_vec();
    known.sort_unstable();
    known.dedup();
    for fold in known {
        let (outside, inside): (Vec<usize>, Vec<usize>) =
            (0..x.n_rows).partition(|&row| fold_of.get(row) == Some(&fold));
        let y_inside: Vec<bool> = inside.iter().filter_map(|&row| y.get(row).copied()).collect();
        let folds_inside: Vec<usize> = inside.iter().filter_map(|&row| fold_of.get(row).copied()).collect();
        let found = predict(&x.select(&inside), &y_inside, &x.select(&outside), &folds_inside)?;
        for (row, value) in outside.into_iter().zip(found) {
            if let Some(slot) = values.get_mut(row) {
                *slot = value;
            }
        }
    }
    Ok(values)
}

/// A family fitted on the training rows, its settings chosen there.
struct Tuned {
    chosen: String,
    model: Box<dyn BinaryModel>,
    out_of_fold: Vec<f64>,
}

/// Predictions of every model of `spec` for the test rows of one outer split.
pub(super) fn predict_split(
    spec: &ComparisonSpec,
    rows: &Rows,
    all: &[bool],
    task: &Task,
    progress: &dyn Progress,
) -> Result<Vec<BinaryPrediction>, Error> {
    let y: Vec<bool> = task.inside.iter().filter_map(|&row| all.get(row).copied()).collect();
    let patients = rows.patient_numbers(&task.inside);
    let fold_of = folds::stratified_folds(&y, Some(&patients), spec.search.n_folds, task.seed)?;
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
                let found = tune(spec, family, imputed_or_not(family, x).0, &y, &fold_of, task.seed)?;
                slot.insert(found);
            }
        }
        let members: Vec<(ModelFamily, &Tuned)> =
            members.iter().filter_map(|&family| Some((family, tuned.get(&(features, family))?))).collect();
        predictions.push(predict(model.family, &members, x, &y)?);
    }
    Ok(predictions)
}

/// Training and test matrix of a family: only boosted trees take missing values as they are.
fn imputed_or_not(family: ModelFamily, x: &Matrices) -> (&DesignMatrix, &DesignMatrix) {
    let pair = if family == ModelFamily::Boosted { &x.trees } else { &x.linear };
    (&pair.0, &pair.1)
}

/// Chooses settings by the log loss of predictions out of the inner folds, then fits on all training rows.
fn tune(
    spec: &ComparisonSpec,
    family: ModelFamily,
    x: &DesignMatrix,
    y: &[bool],
    fold_of: &[usize],
    seed: u64,
) -> Result<Tuned, Error> {
    let mut best: Option<(f64, BinarySettings, Vec<f64>)> = None;
    let mut refused = None;
    for settings in BinarySettings::draw(family, spec.search.candidates, seed) {
        let found = out_of_folds(x, y, fold_of, |x, y, test, folds| {
            settings.fit(x, y, folds, &spec.monotone, seed, false)?.probabilities(test)
        });
        match found {
            Ok(p) => {
                let loss = log_loss(y, &p)?;
                if best.as_ref().is_none_or(|(least, ..)| loss < *least) {
                    best = Some((loss, settings, p));
                }
            }
            Err(error) => refused = Some(Error::from(error)),
        }
    }
    let Some((_, settings, out_of_fold)) = best else {
        return Err(refused.unwrap_or(Error::Unsupported("no settings to choose from".into())));
    };
    let model = settings.fit(x, y, fold_of, &spec.monotone, seed, true)?;
    Ok(Tuned { chosen: settings.say(), model, out_of_fold })
}

/// The prediction of one family, or of several averaged.
fn predict(
    pool: ModelFamily,
    members: &[(ModelFamily, &Tuned)],
    x: &Matrices,
    y: &[bool],
) -> Result<BinaryPrediction, Error> {
    let of = |(family, tuned): &(ModelFamily, &Tuned)| tuned.model.probabilities(imputed_or_not(*family, x).1);
    if let [only] = members {
        return Ok(BinaryPrediction { p: of(only)?, chosen: only.1.chosen.clone() });
    }
    let out_of_fold: Vec<&[f64]> = members.iter().map(|(_, tuned)| tuned.out_of_fold.as_slice()).collect();
    let weights = match pool {
        ModelFamily::Stack => stack_probabilities(y, &out_of_fold, StackObjective::LogitLogLoss)?.weights,
        _ => equal_weights(members.len())?,
    };
    let test = members.iter().map(of).collect::<Result<Vec<_>, learn::Error>>()?;
    let p = pool_probabilities(&weights, &test, StackObjective::LogitLogLoss)?;
    let said: Vec<String> =
        members.iter().zip(&weights).map(|((family, _), weight)| format!("{} {weight:.2}", family.as_str())).collect();
    Ok(BinaryPrediction { p, chosen: said.join(", ") })
}
