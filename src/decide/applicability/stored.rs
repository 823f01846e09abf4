use serde::Deserialize;

use super::distance::{Percentiles, score};
use super::reference::{Group, Reference, Tail};
use crate::decide::ColumnScale;
use crate::stats::conditional_normal::MultivariateNormal;

/// A reference as a file holds it: this form, or that of regimen before groups (0001 of the response models).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Stored {
    Calibrated(Calibrated),
    Ungrouped(Ungrouped),
}

#[derive(Deserialize)]
pub(super) struct Calibrated {
    columns: Vec<String>,
    scales: Vec<ColumnScale>,
    p01: Vec<f64>,
    p99: Vec<f64>,
    missing_share: Vec<f64>,
    n_patients: usize,
    normal: MultivariateNormal,
    groups: Vec<Group>,
    tails: Vec<Tail>,
}

/// Distances here are of the rows that fitted the moments, missing values at the mean: read as one group, its percentiles
/// are a little too small, so the gate warns a little too often.
#[derive(Deserialize)]
pub(super) struct Ungrouped {
    columns: Vec<String>,
    mean: Vec<f64>,
    std_dev: Vec<f64>,
    p01: Vec<f64>,
    p99: Vec<f64>,
    missing_share: Vec<f64>,
    correlation: Vec<f64>,
    distance_percentiles: Vec<f64>,
}

impl TryFrom<Stored> for Reference {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let reference = match stored {
            Stored::Calibrated(stored) => Self {
                columns: stored.columns,
                scales: stored.scales,
                p01: stored.p01,
                p99: stored.p99,
                missing_share: stored.missing_share,
                n_patients: stored.n_patients,
                normal: stored.normal,
                groups: stored.groups,
                tails: stored.tails,
            },
            Stored::Ungrouped(stored) => stored.read()?,
        };
        let width = reference.columns.len();
        let lengths = [
            ("normal", reference.normal.n_columns()),
            ("scales", reference.scales.len()),
            ("p01", reference.p01.len()),
            ("p99", reference.p99.len()),
            ("missing_share", reference.missing_share.len()),
        ];
        if let Some((what, found)) = lengths.iter().find(|(_, found)| *found != width) {
            return Err(format!("{what}: expected {width} columns, found {found}"));
        }
        if reference.groups.iter().flat_map(|group| &group.columns).any(|&column| column >= width) {
            return Err(format!("groups: expected columns below {width}"));
        }
        let whole = |tail: &Tail| {
            let residuals = tail.residuals.iter().map(|of| &of.shares);
            residuals.chain(&tail.worst).chain([&tail.joint]).all(Percentiles::is_whole)
        };
        if !reference.tails.iter().all(whole) {
            return Err("tails: expected 101 ascending finite values".to_owned());
        }
        Ok(reference)
    }
}

impl Ungrouped {
    fn read(self) -> Result<Reference, String> {
        let width = self.columns.len();
        if self.std_dev.len() != width || self.correlation.len() != width * width {
            return Err(format!("correlation: expected {width} columns and deviations"));
        }
        let covariance = self
            .correlation
            .chunks(width.max(1))
            .zip(&self.std_dev)
            .flat_map(|(row, a)| row.iter().zip(&self.std_dev).map(move |(r, b)| r * a * b))
            .collect();
        let scores = self.distance_percentiles.iter().map(|distance| score(distance * distance, width)).collect();
        let joint = Percentiles::stored(scores).ok_or("distance_percentiles: expected 101 ascending finite values")?;
        Ok(Reference {
            scales: vec![ColumnScale::Linear; width],
            normal: MultivariateNormal::new(self.mean, covariance).map_err(|error| error.to_string())?,
            groups: vec![Group { name: "all inputs".to_owned(), columns: (0..width).collect() }],
            tails: vec![Tail { groups: vec![0], joint, residuals: vec![], worst: None }],
            columns: self.columns,
            p01: self.p01,
            p99: self.p99,
            missing_share: self.missing_share,
            n_patients: 0,
        })
    }
}
