use std::num::NonZeroUsize;

use hessboost::config::Monotone;
use hessboost::data::DMatrix;
use hessboost::model::{BoostedModel, Iterations, ModelFormat};
use hessboost::objective::Objective;
use hessboost::training::train;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{DesignMatrix, Error};

/// Settings of one boosted-tree fit; defaults suit a few hundred patients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostedParams {
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
    /// Smallest sum of hessians in a leaf.
    pub min_child_weight: f64,
    /// L2 penalty on leaf values.
    pub lambda: f64,
}

impl Default for BoostedParams {
    fn default() -> Self {
        Self {
            max_depth: 2,
            eta: 0.05,
            rounds: 150,
            subsample: 0.7,
            colsample_bynode: 0.3,
            min_child_weight: 3.0,
            lambda: 1.0,
        }
    }
}

/// The direction in which a prediction may move as a column rises; −1, 0 and 1 in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub enum Direction {
    /// It never rises (−1).
    Falling,
    /// Anything (0).
    #[default]
    Free,
    /// It never falls (1).
    Rising,
}

impl Direction {
    /// The other way round, for a prediction whose sign is turned.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Falling => Self::Rising,
            Self::Free => Self::Free,
            Self::Rising => Self::Falling,
        }
    }

    pub(super) fn constraint(self) -> Monotone {
        match self {
            Self::Falling => Monotone::Decreasing,
            Self::Free => Monotone::None,
            Self::Rising => Monotone::Increasing,
        }
    }
}

impl TryFrom<i8> for Direction {
    type Error = String;

    fn try_from(sign: i8) -> Result<Self, String> {
        match sign {
            -1 => Ok(Self::Falling),
            0 => Ok(Self::Free),
            1 => Ok(Self::Rising),
            _ => Err(format!("direction: expected -1, 0 or 1, found {sign}")),
        }
    }
}

impl From<Direction> for i8 {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Falling => -1,
            Direction::Free => 0,
            Direction::Rising => 1,
        }
    }
}

/// Groups of columns that may be missing together when the model is used.
///
/// Trees learn where to send a missing value only if they see some: every refit gets, per group, further copies of
/// some of its rows with that group blanked. Rows with all their values stay as they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MissingGroups {
    /// Column indices of each group.
    pub groups: Vec<Vec<usize>>,
    /// Copies per group, as a share of the rows.
    pub share: f64,
}

/// A prediction on the logit scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// Mean logit over the refits.
    pub mean: f64,
    /// Standard deviation of the logit over the refits (n − 1); 0 for a single refit.
    pub std_dev: f64,
}

/// Boosted trees refitted on bootstrap samples of the patients, averaged on the logit scale.
///
/// Each refit draws patients with replacement within each outcome class, so that every refit has both. The mean
/// of the refits is the estimate; their spread is the sampling uncertainty of one fit.
///
/// # Source
/// Breiman 1996 (bagging); Efron & Tibshirani 1993, chapter 13 (bootstrap standard error).
#[derive(Debug, Clone)]
pub struct BoostedBag {
    members: Vec<BoostedModel>,
}

impl BoostedBag {
    /// Fits `n_refits` members on `x` (n_samples × n_features) and outcomes `y`; the same seed gives the same
    /// members on any number of threads.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OneClass`] below two patients in a class, [`Error::Boosting`] when a
    /// parameter is out of range.
    pub fn fit(
        x: &DesignMatrix,
        y: &[bool],
        params: &BoostedParams,
        missing: &MissingGroups,
        n_refits: NonZeroUsize,
        seed: u64,
    ) -> Result<Self, Error> {
        Self::fit_monotone(x, y, params, missing, &[], n_refits, seed)
    }

    /// Fits as [`BoostedBag::fit`], the probability moving with each column only in its direction.
    ///
    /// `directions` holds one per column of `x`, or is empty for none; a missing value has no place in the order.
    ///
    /// # Errors
    /// As [`BoostedBag::fit`]; [`Error::Width`] for another number of directions.
    pub fn fit_monotone(
        x: &DesignMatrix,
        y: &[bool],
        params: &BoostedParams,
        missing: &MissingGroups,
        directions: &[Direction],
        n_refits: NonZeroUsize,
        seed: u64,
    ) -> Result<Self, Error> {
        if !directions.is_empty() && directions.len() != x.n_features() {
            return Err(Error::Width { expected: x.n_features(), found: directions.len() });
        }
        if y.len() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: y.len() });
        }
        let (with, without): (Vec<usize>, Vec<usize>) =
            (0..y.len()).partition(|&row| y.get(row).copied().unwrap_or(false));
        if with.len() < 2 || without.len() < 2 {
            return Err(Error::OneClass { n_events: with.len(), n_others: without.len() });
        }
        let members = (0..n_refits.get() as u64)
            .into_par_iter()
            .map(|member| {
                let classes = Classes { with: &with, without: &without };
                fit_member(x, &classes, params, missing, directions, seed, member)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { members })
    }

    /// Number of refits.
    #[must_use]
    pub fn n_refits(&self) -> usize {
        self.members.len()
    }

    /// Logits of the rows of `x`.
    ///
    /// # Errors
    /// [`Error::Boosting`] when `x` has another width than the training matrix.
    pub fn predict(&self, x: &DesignMatrix) -> Result<Vec<Margin>, Error> {
        let per_member = self.member_margins(x)?;
        let n = self.members.len() as f64;
        Ok((0..x.n_rows)
            .map(|row| {
                let logits = || per_member.iter().filter_map(move |margins| margins.get(row)).map(|&m| f64::from(m));
                let mean = logits().sum::<f64>() / n;
                let square = logits().map(|logit| (logit - mean).powi(2)).sum::<f64>();
                Margin { mean, std_dev: if n > 1.0 { (square / (n - 1.0)).sqrt() } else { 0.0 } }
            })
            .collect())
    }

    fn member_margins(&self, x: &DesignMatrix) -> Result<Vec<Vec<f32>>, Error> {
        let data = DMatrix::from_dense(&x.values, x.n_rows, x.n_features())?;
        self.members.par_iter().map(|member| Ok(member.predict_margin(&data, Iterations::Best)?.into_vec())).collect()
    }

    /// SHAP values on the logit scale: per row, one value per column of `x` and the base value last.
    ///
    /// Their sum is the mean logit up to f32 rounding; positive raises the probability.
    ///
    /// # Errors
    /// [`Error::Boosting`] when `x` has another width than the training matrix.
    ///
    /// # Source
    /// Lundberg et al. 2020 (TreeSHAP, path-dependent), averaged over the refits.
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        let data = DMatrix::from_dense(&x.values, x.n_rows, x.n_features())?;
        let per_member: Vec<Vec<f32>> = self
            .members
            .par_iter()
            .map(|member| Ok(member.predict_contribs(&data, Iterations::Best)?.into_vec()))
            .collect::<Result<_, Error>>()?;
        let width = x.n_features() + 1;
        let n = self.members.len() as f64;
        Ok((0..x.n_rows)
            .map(|row| {
                (row * width..(row + 1) * width)
                    .map(|at| {
                        per_member.iter().filter_map(|values| values.get(at)).map(|&v| f64::from(v)).sum::<f64>() / n
                    })
                    .collect()
            })
            .collect())
    }

    /// The weights as a JSON array of XGBoost JSON models, one per refit.
    ///
    /// # Errors
    /// [`Error::Boosting`] when a member cannot be written in that format.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = b"[".to_vec();
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                bytes.extend_from_slice(b",\n");
            }
            bytes.extend(member.encode(ModelFormat::XgboostJson)?);
        }
        bytes.extend_from_slice(b"]\n");
        Ok(bytes)
    }

    /// Reads what [`BoostedBag::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] when the bytes are not a non-empty JSON array, [`Error::Boosting`] when a member is not
    /// an XGBoost model.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let documents: Vec<&RawValue> = serde_json::from_slice(bytes)
            .map_err(|error| Error::Weights { expected: "a JSON array of XGBoost models", found: error.to_string() })?;
        if documents.is_empty() {
            return Err(Error::Weights { expected: "at least one model", found: "an empty array".into() });
        }
        let members = documents
            .into_par_iter()
            .map(|document| Ok(BoostedModel::decode(document.get().as_bytes(), ModelFormat::XgboostJson)?))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { members })
    }
}

/// Rows with and without the event.
struct Classes<'a> {
    with: &'a [usize],
    without: &'a [usize],
}

fn fit_member(
    x: &DesignMatrix,
    classes: &Classes<'_>,
    params: &BoostedParams,
    missing: &MissingGroups,
    directions: &[Direction],
    seed: u64,
    member: u64,
) -> Result<BoostedModel, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(member);
    let mut rows = Vec::with_capacity(x.n_rows);
    for class in [classes.with, classes.without] {
        rows.extend((0..class.len()).filter_map(|_| class.get(rng.random_range(0..class.len()))));
    }
    let mut labels: Vec<f32> = (0..rows.len()).map(|row| f32::from(u8::from(row < classes.with.len()))).collect();
    let mut sample = x.select(&rows);
    let copies = (missing.share * rows.len() as f64).round() as usize;
    for group in &missing.groups {
        for _ in 0..copies {
            let drawn = rng.random_range(0..rows.len());
            let start = sample.values.len();
            sample.values.extend_from_within(drawn * x.n_features()..(drawn + 1) * x.n_features());
            for cell in group.iter().filter_map(|column| start.checked_add(*column)) {
                if let Some(value) = sample.values.get_mut(cell) {
                    *value = f32::NAN;
                }
            }
            sample.n_rows += 1;
            labels.extend(labels.get(drawn).copied());
        }
    }
    let data = DMatrix::from_dense(&sample.values, sample.n_rows, sample.n_features())?.with_labels(&labels)?;
    let settings = hessboost::config::TrainingParams::builder()
        .objective(Objective::BinaryLogistic(hessboost::objective::RegLoss::default()))
        .nthread(1)
        .seed(rng.random_range(0..u64::from(u32::MAX)))
        .eta(params.eta)
        .max_depth(params.max_depth)
        .subsample(params.subsample)
        .colsample_bynode(params.colsample_bynode)
        .min_child_weight(params.min_child_weight)
        .lambda(params.lambda)
        .monotone_constraints(directions.iter().map(|direction| direction.constraint()).collect())
        .build()?;
    Ok(train(&settings, &data, params.rounds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> (DesignMatrix, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let values: Vec<f32> = (0..n * 2).map(|_| rng.random::<f32>()).collect();
        let y = values.chunks(2).map(|row| row[0] + rng.random::<f32>() > 1.0).collect();
        (DesignMatrix { names: vec!["a".into(), "b".into()], n_rows: n, values }, y)
    }

    #[test]
    fn no_directions_change_no_byte_and_the_probability_follows_those_given() {
        let (x, y) = sample(120);
        let (params, missing) = (BoostedParams { rounds: 30, ..BoostedParams::default() }, MissingGroups::default());
        let n_refits = NonZeroUsize::new(2).unwrap();
        let plain = BoostedBag::fit(&x, &y, &params, &missing, n_refits, 3).unwrap().encode().unwrap();
        let fit =
            |directions: &[Direction]| BoostedBag::fit_monotone(&x, &y, &params, &missing, directions, n_refits, 3);
        assert_eq!(fit(&[]).unwrap().encode().unwrap(), plain);
        assert_eq!(fit(&[Direction::Free; 2]).unwrap().encode().unwrap(), plain);
        assert!(matches!(fit(&[Direction::Rising]), Err(Error::Width { expected: 2, found: 1 })));
        let bag = fit(&[Direction::Falling, Direction::Rising]).unwrap();
        let along = |column: usize| -> Vec<f64> {
            let values = (0..20).flat_map(|step| {
                let mut row = [0.5_f32; 2];
                row[column] = step as f32 / 20.0;
                row
            });
            let x = DesignMatrix { names: x.names.clone(), n_rows: 20, values: values.collect() };
            bag.predict(&x).unwrap().iter().map(|margin| margin.mean).collect()
        };
        assert!(along(0).windows(2).all(|pair| pair[1] <= pair[0] + 1e-6));
        assert!(along(1).windows(2).all(|pair| pair[1] >= pair[0] - 1e-6));
    }
}
