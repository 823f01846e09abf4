use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::distance::{Percentiles, score};
use super::gate::{Gate, GroupGate};
use super::stored::Stored;
use crate::decide::{ColumnScale, Error};
use crate::learn::DesignMatrix;
use crate::stats::conditional_normal::{Conditional, MultivariateNormal};

/// A score beyond this multiple of the extreme of the left-out training patients is not like them at all.
const FAR: f64 = 1.5;
/// Least extreme that [`FAR`] multiplies: a population whose columns cannot vary much has no far tail of its own.
const LEAST_EXTREME: f64 = 3.0;
/// Missing in fewer training patients than this, a column counts as always known.
const SELDOM: f64 = 0.01;

/// The training population of a model in aggregate: no row of it can be read back.
///
/// Distance is Mahalanobis on the columns that a row knows, under the normal distribution fitted to the training rows
/// (each column on its [`ColumnScale`]; EM for missing values, shrunken covariance), as a score that allows for the number
/// of columns known. It is calibrated on training patients left out of the fit, apart for every set of groups that a row
/// may have, so that 95 % of patients like the training patients are accepted with a modality absent too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Reference {
    /// Design columns described.
    pub columns: Vec<String>,
    /// Scale on which each column is described.
    pub scales: Vec<ColumnScale>,
    /// First percentile of each column, on the scale of the design.
    pub p01: Vec<f64>,
    /// Ninety-ninth percentile of each column, on the scale of the design.
    pub p99: Vec<f64>,
    /// Share of training patients in whom each column is missing.
    pub missing_share: Vec<f64>,
    /// Training patients.
    pub n_patients: usize,
    /// Distribution of the columns on their scales.
    pub(super) normal: MultivariateNormal,
    /// Groups of columns (modalities).
    pub(super) groups: Vec<Group>,
    /// Calibration, one entry per set of groups that a row may have.
    pub(super) tails: Vec<Tail>,
}

/// A group of columns that is measured or missing together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    /// Positions among the columns described.
    pub(super) columns: Vec<usize>,
}

/// How left-out training patients score when a row has these groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Positions of the groups present, ascending.
    pub(super) groups: Vec<usize>,
    /// Score of all their columns together.
    pub(super) joint: Percentiles,
    /// The largest of the shares below of the joint score and of each group's own; absent for one group.
    pub(super) worst: Option<Percentiles>,
}

/// What was measured on a row before calibration.
pub(super) struct Measured {
    /// Positions of the groups present.
    pub(super) present: Vec<usize>,
    /// Mahalanobis distance on all known columns, its score, and how many they are.
    pub(super) joint: (f64, f64, usize),
    /// The same for each group present.
    pub(super) by_group: Vec<(f64, f64, usize)>,
}

/// Factored covariances of the patterns of known columns met so far.
#[derive(Default)]
pub(super) struct Factors(HashMap<Vec<usize>, Conditional>);

impl Factors {
    /// Distance, score and number of the given known columns.
    pub(super) fn distance(
        &mut self,
        normal: &MultivariateNormal,
        row: &[f64],
        known: &[usize],
    ) -> Result<(f64, f64, usize), Error> {
        if !self.0.contains_key(known) {
            let factored = normal.marginal(known).condition(&vec![true; known.len()])?;
            self.0.insert(known.to_vec(), factored);
        }
        let Some(factored) = self.0.get(known) else { return Ok((0.0, 0.0, 0)) };
        let values: Vec<f64> = known.iter().filter_map(|&column| row.get(column).copied()).collect();
        let (square, df) = factored.distance_squared(&values)?;
        Ok((square.sqrt(), score(square, df), df))
    }
}

impl Reference {
    /// Measures one row of a matrix with columns `names`.
    ///
    /// # Errors
    /// [`Error::Stats`] when the stored covariance is not positive definite.
    pub fn gate(&self, names: &[String], row: &[f32]) -> Result<Gate, Error> {
        self.judge(&self.places(names), row, &mut Factors::default())
    }

    /// Measures every row: patterns of missing values are factored once.
    ///
    /// # Errors
    /// As [`Reference::gate`].
    pub fn gates(&self, x: &DesignMatrix) -> Result<Vec<Gate>, Error> {
        let places = self.places(&x.names);
        let mut factors = Factors::default();
        (0..x.n_rows).map(|row| self.judge(&places, x.row(row), &mut factors)).collect()
    }

    /// Names of the groups described.
    #[must_use]
    pub fn group_names(&self) -> Vec<&str> {
        self.groups.iter().map(|group| group.name.as_str()).collect()
    }

    /// Where each described column stands in a matrix.
    fn places(&self, names: &[String]) -> Vec<Option<usize>> {
        let place: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        self.columns.iter().map(|column| place.get(column.as_str()).copied()).collect()
    }

    fn judge(&self, places: &[Option<usize>], row: &[f32], factors: &mut Factors) -> Result<Gate, Error> {
        let raw: Vec<f32> =
            places.iter().map(|place| place.and_then(|at| row.get(at).copied()).unwrap_or(f32::NAN)).collect();
        let scaled: Vec<f64> = raw.iter().zip(&self.scales).map(|(value, scale)| scale.normal(*value)).collect();
        let measured = self.measure(&scaled, factors)?;
        let known = |column: usize| scaled.get(column).is_some_and(|value| value.is_finite());
        let names = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
            let columns = self.columns.iter().enumerate();
            columns.filter(|(column, _)| wanted(*column)).map(|(_, name)| name.clone()).collect()
        };
        let outside = |column: usize| match (raw.get(column), self.p01.get(column), self.p99.get(column)) {
            (Some(value), Some(low), Some(high)) => {
                let value = f64::from(*value);
                value.is_finite() && (value < *low || value > *high)
            }
            _ => false,
        };
        let unseen =
            |column: usize| self.missing_share.get(column).is_some_and(|share| *share < SELDOM) && !known(column);
        let tail = self.tail(&measured.present);
        let mut shares = measured.by_group.iter().zip(&measured.present).map(|((_, score, _), group)| {
            let own = self.tail(&[*group]);
            (own.map_or_else(|| nominal(*score), |own| own.joint.share_below(*score)), is_far(*score, own))
        });
        let groups: Vec<GroupGate> = self
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| {
                let (n_known, share) = match measured.present.iter().position(|present| *present == at) {
                    Some(place) => (measured.by_group.get(place).map_or(0, |known| known.2), shares.next()),
                    None => (0, None),
                };
                GroupGate {
                    name: group.name.clone(),
                    n_columns: group.columns.len(),
                    n_known,
                    percentile: share.map(|share| share.0),
                    far_outside: share.is_some_and(|share| share.1),
                    seldom_absent: group.columns.iter().any(|&column| unseen(column)),
                }
            })
            .collect();
        let (distance, score, n_known) = measured.joint;
        let joint = tail.map_or_else(|| nominal(score), |tail| tail.joint.share_below(score));
        let worst = groups.iter().filter_map(|group| group.percentile).fold(joint, f64::max);
        let percentile = match tail {
            Some(Tail { worst: Some(calibrated), .. }) => calibrated.share_below(worst),
            Some(_) => joint,
            None => worst,
        };
        Ok(Gate {
            distance,
            n_known,
            percentile,
            joint_percentile: joint,
            far_outside: is_far(score, tail) || groups.iter().any(|group| group.far_outside),
            groups,
            out_of_range: names(&outside),
            unseen_missing: names(&unseen),
            unseen_missing_alone: names(&|column| {
                let in_present = |at: &usize| self.groups.get(*at).is_some_and(|group| group.columns.contains(&column));
                unseen(column) && measured.present.iter().any(in_present)
            }),
        })
    }

    /// Distances on the known columns, together and by group.
    pub(super) fn measure(&self, scaled: &[f64], factors: &mut Factors) -> Result<Measured, Error> {
        let known = |column: &usize| scaled.get(*column).is_some_and(|value| value.is_finite());
        let all: Vec<usize> = (0..self.columns.len()).filter(known).collect();
        let joint = factors.distance(&self.normal, scaled, &all)?;
        let (mut present, mut by_group) = (Vec::new(), Vec::new());
        for (at, group) in self.groups.iter().enumerate() {
            let own: Vec<usize> = group.columns.iter().copied().filter(known).collect();
            if !own.is_empty() {
                present.push(at);
                by_group.push(factors.distance(&self.normal, scaled, &own)?);
            }
        }
        Ok(Measured { present, joint, by_group })
    }

    pub(super) fn tail(&self, present: &[usize]) -> Option<&Tail> {
        self.tails.iter().find(|tail| tail.groups == present)
    }
}

/// The share below under normality, where left-out patients were too few to calibrate.
fn nominal(score: f64) -> f64 {
    crate::stats::normal::cdf(score)
}

fn is_far(score: f64, tail: Option<&Tail>) -> bool {
    let extreme = tail.map_or(LEAST_EXTREME, |tail| tail.joint.extreme());
    score > FAR * extreme.max(LEAST_EXTREME)
}
