use serde::{Deserialize, Serialize};

use crate::decide::{ColumnScale, Error};
use crate::learn::DesignMatrix;
use crate::stats::conditional_normal::{MultivariateNormal, Shrinkage};
use crate::terms::Subtype;

/// Fewest patients of a subtype that get a distribution of their own.
const MIN_OWN: usize = 50;
/// Fewest patients of a subtype whose mean is used, and fewest known values of a column that is described.
const MIN_MEAN: usize = 15;

/// The joint distribution of a model's inputs among its training patients, overall and by receptor subtype; aggregates only.
///
/// Normal on the [`ColumnScale`] of each column; EM for missing values, shrunken covariance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct TestPrior {
    /// Design columns described: those known in at least 15 training patients.
    pub columns: Vec<String>,
    /// Scale of each column.
    pub scales: Vec<ColumnScale>,
    overall: MultivariateNormal,
    /// Covariance within subtypes, around the overall mean.
    within: MultivariateNormal,
    subtypes: Vec<SubtypePrior>,
}

/// One receptor subtype.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SubtypePrior {
    subtype: Subtype,
    n: usize,
    /// Means; the overall mean where no value is known.
    mean: Vec<f64>,
    /// Its own distribution, from 50 patients on.
    own: Option<MultivariateNormal>,
}

/// Which patients a distribution of test results comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorBasis {
    /// Patients of her receptor subtype (at least 50).
    Subtype {
        /// Patients.
        n: usize,
    },
    /// All patients, moved to the mean of her subtype (15 to 49 patients of it).
    Shifted {
        /// Patients of her subtype.
        n: usize,
    },
    /// All patients: her subtype is unknown or rare.
    Overall,
}

/// The stored form, checked on the way in.
#[derive(Deserialize)]
struct Stored {
    columns: Vec<String>,
    scales: Vec<ColumnScale>,
    overall: MultivariateNormal,
    within: MultivariateNormal,
    subtypes: Vec<SubtypePrior>,
}

impl TryFrom<Stored> for TestPrior {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let width = stored.columns.len();
        let own = stored.subtypes.iter().filter_map(|each| each.own.as_ref()).map(MultivariateNormal::n_columns);
        let widths = [stored.scales.len(), stored.overall.n_columns(), stored.within.n_columns()];
        let means = stored.subtypes.iter().map(|each| each.mean.len());
        match widths.into_iter().chain(own).chain(means).find(|found| *found != width) {
            Some(found) => Err(format!("test prior: expected {width} columns throughout, found {found}")),
            None => Ok(Self {
                columns: stored.columns,
                scales: stored.scales,
                overall: stored.overall,
                within: stored.within,
                subtypes: stored.subtypes,
            }),
        }
    }
}

impl TestPrior {
    /// Describes the columns `keep` of the training rows, one per patient; `subtypes` by row.
    ///
    /// Give missing values as NaN, not imputed; leave out treatment.
    ///
    /// # Errors
    /// [`Error::Stats`] for moments that do not exist, or subtypes of another number of rows.
    pub fn fit(x: &DesignMatrix, keep: &[usize], subtypes: &[Option<Subtype>]) -> Result<Self, Error> {
        if subtypes.len() != x.n_rows {
            let (expected, found) = (x.n_rows, subtypes.len());
            return Err(crate::stats::Error::LengthMismatch { what: "subtypes", expected, found }.into());
        }
        let mut columns = Vec::new();
        let mut scales = Vec::new();
        let mut places = Vec::new();
        for &column in keep.iter().filter(|&&column| column < x.n_features()) {
            let values = x.values.iter().skip(column).step_by(x.n_features()).map(|value| f64::from(*value));
            let known: Vec<f64> = values.filter(|value| value.is_finite()).collect();
            if known.len() >= MIN_MEAN {
                columns.extend(x.names.get(column).cloned());
                scales.push(ColumnScale::of(&known));
                places.push(column);
            }
        }
        let rows: Vec<Vec<f64>> = (0..x.n_rows).map(|row| scaled(x.row(row), &places, &scales)).collect();
        let width = columns.len();
        let overall = fit_normal(rows.iter(), width)?;
        let mut described = Vec::new();
        let mut centred = Vec::new();
        for subtype in Subtype::ALL {
            let own: Vec<&Vec<f64>> =
                rows.iter().zip(subtypes).filter(|(_, of)| **of == Some(subtype)).map(|(row, _)| row).collect();
            if own.len() < MIN_MEAN {
                continue;
            }
            let mean = available_mean(&own, overall.mean());
            centred.extend(
                own.iter().map(|row| row.iter().zip(&mean).map(|(value, mean)| value - mean).collect::<Vec<_>>()),
            );
            let normal = if own.len() >= MIN_OWN { Some(fit_normal(own.iter().copied(), width)?) } else { None };
            described.push(SubtypePrior { subtype, n: own.len(), mean, own: normal });
        }
        let within = if centred.len() >= MIN_OWN {
            fit_normal(centred.iter(), width)?.shifted(overall.mean().to_vec())?
        } else {
            overall.clone()
        };
        Ok(Self { columns, scales, overall, within, subtypes: described })
    }

    /// The distribution for a patient of that subtype, and whom it comes from.
    ///
    /// # Errors
    /// [`Error::Stats`] never in practice: the stored means were checked.
    pub(super) fn normal(&self, subtype: Option<Subtype>) -> Result<(MultivariateNormal, PriorBasis), Error> {
        Ok(match self.subtypes.iter().find(|each| Some(each.subtype) == subtype) {
            Some(SubtypePrior { n, own: Some(own), .. }) => (own.clone(), PriorBasis::Subtype { n: *n }),
            Some(SubtypePrior { n, mean, .. }) => (self.within.shifted(mean.clone())?, PriorBasis::Shifted { n: *n }),
            None => (self.overall.clone(), PriorBasis::Overall),
        })
    }
}

/// The values at `places` on their scales.
pub(super) fn scaled(row: &[f32], places: &[usize], scales: &[ColumnScale]) -> Vec<f64> {
    let values = places.iter().map(|&place| row.get(place).copied().unwrap_or(f32::NAN));
    values.zip(scales).map(|(value, scale)| scale.normal(value)).collect()
}

/// Mean of the known values of each column, else that of `fallback`.
fn available_mean(rows: &[&Vec<f64>], fallback: &[f64]) -> Vec<f64> {
    let mean = |(column, fallback): (usize, &f64)| {
        let known = || rows.iter().filter_map(|row| row.get(column)).filter(|value| value.is_finite());
        match known().count() {
            0 => *fallback,
            n => known().sum::<f64>() / n as f64,
        }
    };
    fallback.iter().enumerate().map(mean).collect()
}

fn fit_normal<'a>(rows: impl Iterator<Item = &'a Vec<f64>>, n_columns: usize) -> Result<MultivariateNormal, Error> {
    let values: Vec<f64> = rows.flatten().copied().collect();
    Ok(MultivariateNormal::fit(&values, n_columns, Shrinkage::Estimated)?)
}
