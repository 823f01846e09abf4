use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::distance::{Percentiles, score};
use super::gate::{Contradiction, Gate, GroupGate};
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
    /// Residuals of the binary columns, apart for 0 and 1, so that the rarer value is not the more doubtful one.
    pub(super) residuals: Vec<Residuals>,
    /// The largest of the shares below of all these scores and of each group's own; absent where there is one only.
    pub(super) worst: Option<Percentiles>,
}

/// How far a binary column lies from what the other inputs foretell, in left-out training patients with one value of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Residuals {
    /// Position among the columns described.
    pub(super) column: usize,
    /// Its value.
    pub(super) value: bool,
    /// Absolute residuals, in standard deviations of the column given the others.
    pub(super) shares: Percentiles,
}

/// The residual of a binary column in one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Residual {
    pub(super) column: usize,
    pub(super) value: bool,
    /// Absolute, in standard deviations of the column given the others.
    pub(super) size: f64,
}

/// The residual that the fewest patients with the same value exceed, and the share below it.
pub(super) fn contradiction(found: &[Residual], calibrated: &[Residuals]) -> Option<(Residual, f64)> {
    let share = |residual: &Residual| {
        let own = calibrated.iter().find(|of| of.column == residual.column && of.value == residual.value)?;
        Some((*residual, own.shares.share_below(residual.size)))
    };
    found.iter().filter_map(share).max_by(|a, b| a.1.total_cmp(&b.1).then(a.0.size.total_cmp(&b.0.size)))
}

/// A distance before calibration.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// Mahalanobis distance on the known columns.
    pub(super) distance: f64,
    /// Its score.
    pub(super) score: f64,
    /// Number of columns known that vary.
    pub(super) n: usize,
}

/// What was measured on a row before calibration.
pub(super) struct Measured {
    /// Positions of the groups present.
    pub(super) present: Vec<usize>,
    /// On all known columns.
    pub(super) joint: Known,
    /// On those of each group present.
    pub(super) by_group: Vec<Known>,
    /// Of the binary columns known, where others are known too.
    pub(super) residuals: Vec<Residual>,
}

/// Factored covariances of the patterns of known columns met so far, each with the standard deviation of every column
/// given the others.
#[derive(Default)]
pub(super) struct Factors(HashMap<Vec<usize>, (Conditional, Vec<f64>)>);

impl Factors {
    /// Distance of the given known columns, and the residual of each that varies in its own standard deviations.
    pub(super) fn distance(
        &mut self,
        normal: &MultivariateNormal,
        row: &[f64],
        known: &[usize],
    ) -> Result<(Known, Vec<(usize, f64)>), Error> {
        if !self.0.contains_key(known) {
            let factored = normal.marginal(known).condition(&vec![true; known.len()])?;
            let scale = factored.precision_diagonal().iter().map(|precision| precision.sqrt()).collect();
            self.0.insert(known.to_vec(), (factored, scale));
        }
        let Some((factored, scale)) = self.0.get(known) else { return Ok((Known::default(), Vec::new())) };
        let values: Vec<f64> = known.iter().filter_map(|&column| row.get(column).copied()).collect();
        let (square, n) = factored.distance_squared(&values)?;
        let solved = factored.weighted_residuals(&values)?;
        let columns = factored.observed().iter().filter_map(|&at| known.get(at).copied());
        let residuals = columns.zip(solved.iter().zip(scale).map(|(solved, scale)| solved / scale)).collect();
        Ok((Known { distance: square.sqrt(), score: score(square, n), n }, residuals))
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
    pub(super) fn places(&self, names: &[String]) -> Vec<Option<usize>> {
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
        let mut shares = measured.by_group.iter().zip(&measured.present).map(|(known, group)| {
            let own = self.tail(&[*group]);
            let share = own.map_or_else(|| nominal(known.score), |own| own.joint.share_below(known.score));
            (share, is_far(known.score, own))
        });
        let groups: Vec<GroupGate> = self
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| {
                let (n_known, share) = match measured.present.iter().position(|present| *present == at) {
                    Some(place) => (measured.by_group.get(place).map_or(0, |known| known.n), shares.next()),
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
        let Known { distance, score, n: n_known } = measured.joint;
        let joint = tail.map_or_else(|| nominal(score), |tail| tail.joint.share_below(score));
        let contradiction = tail.and_then(|tail| contradiction(&measured.residuals, &tail.residuals)).and_then(
            |(Residual { column, size, .. }, percentile)| {
                Some(Contradiction { column: self.columns.get(column)?.clone(), residual: size, percentile })
            },
        );
        let views = groups.iter().filter_map(|group| group.percentile);
        let worst = views.chain(contradiction.as_ref().map(|of| of.percentile)).fold(joint, f64::max);
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
            contradiction,
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
        let (joint, residuals) = factors.distance(&self.normal, scaled, &all)?;
        let binary = |column: usize| self.scales.get(column) == Some(&ColumnScale::Binary);
        let residuals = residuals
            .iter()
            .filter(|(column, _)| residuals.len() > 1 && binary(*column))
            .map(|&(column, size)| Residual {
                column,
                value: scaled.get(column).is_some_and(|value| *value > 0.5),
                size: size.abs(),
            })
            .collect();
        let (mut present, mut by_group) = (Vec::new(), Vec::new());
        for (at, group) in self.groups.iter().enumerate() {
            let own: Vec<usize> = group.columns.iter().copied().filter(known).collect();
            if !own.is_empty() {
                present.push(at);
                by_group.push(factors.distance(&self.normal, scaled, &own)?.0);
            }
        }
        Ok(Measured { present, joint, by_group, residuals })
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
