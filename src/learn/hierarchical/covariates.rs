use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::HierarchicalSpec;
use super::expansion::Expansion;
use crate::learn::{DesignMatrix, Error};
use crate::stats::conditional_normal::{Conditional, MultivariateNormal, Shrinkage};

/// Scaling of the covariates and their joint normal distribution in the training rows, from which a missing value is
/// expected given the known ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Covariates {
    /// Mean of the known values of each covariate, after asinh where the specification says so.
    pub mean: Vec<f64>,
    /// Their standard deviation; 1 for a constant.
    pub scale: Vec<f64>,
    /// Distribution of the standardised covariates.
    pub normal: MultivariateNormal,
}

/// A way in which a row may be completed: a subtype, its probability and the missing values expected with it.
pub(super) struct Completion<'a> {
    pub subtype: usize,
    pub share: f64,
    /// Standardised covariates, all known or expected.
    pub z: Vec<f64>,
    /// What was missing and how sure its expectation is.
    pub given: Option<&'a Conditional>,
}

/// The conditional distribution of each pattern of missing values that some rows have.
pub(super) type Patterns = HashMap<Vec<bool>, Conditional>;

impl Covariates {
    pub(super) fn fit(x: &DesignMatrix, layout: &Expansion, spec: &HierarchicalSpec) -> Result<Self, Error> {
        let (mut mean, mut scale) = (Vec::new(), Vec::new());
        for &at in &layout.covariates {
            let logged = is_logged(&x.names, at, spec);
            let known: Vec<f64> = (0..x.n_rows)
                .filter_map(|row| x.row(row).get(at).map(|&value| transformed(value, logged)))
                .filter(|value| value.is_finite())
                .collect();
            let n = known.len().max(1) as f64;
            let centre = known.iter().sum::<f64>() / n;
            let spread = (known.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / n).sqrt();
            mean.push(centre);
            scale.push(if spread > 1e-12 * centre.abs() { spread } else { 1.0 });
        }
        let width = mean.len();
        let normal = MultivariateNormal::new(vec![0.0; width], vec![0.0; width * width])?;
        let mut result = Self { mean, scale, normal };
        let values: Vec<f64> = (0..x.n_rows).flat_map(|row| result.standardise(x, row, layout, spec)).collect();
        result.normal = MultivariateNormal::fit(&values, width, Shrinkage::Estimated)?;
        Ok(result)
    }

    /// Standardised covariates of a row, NaN where missing.
    pub(super) fn standardise(
        &self,
        x: &DesignMatrix,
        row: usize,
        layout: &Expansion,
        spec: &HierarchicalSpec,
    ) -> Vec<f64> {
        let values = x.row(row);
        let moments = self.mean.iter().zip(&self.scale);
        layout
            .covariates
            .iter()
            .zip(moments)
            .map(|(&at, (mean, scale))| {
                let value = values.get(at).copied().unwrap_or(f32::NAN);
                let z = (transformed(value, is_logged(&x.names, at, spec)) - mean) / scale;
                if z.is_nan() { f64::NAN } else { z.clamp(-spec.clip, spec.clip) }
            })
            .collect()
    }

    /// The conditional distributions that rows `z` need, their subtypes known or filled in.
    pub(super) fn patterns(&self, rows: &[Vec<f64>], layout: &Expansion) -> Result<Patterns, Error> {
        let mut patterns = Patterns::new();
        for z in rows.iter().filter(|z| z.iter().any(|value| value.is_nan())) {
            let mut known: Vec<bool> = z.iter().map(|value| !value.is_nan()).collect();
            for _ in 0..2 {
                if !patterns.contains_key(&known) {
                    patterns.insert(known.clone(), self.normal.condition(&known)?);
                }
                layout.subtype.iter().for_each(|&column| known[column] = true);
            }
        }
        Ok(patterns)
    }

    /// The completions of a row; one where the subtype is known, else one per subtype that it may be.
    ///
    /// The probability of an unknown status is its expected value given what is known, cut off at 0 and 1; two unknown
    /// ones are taken as independent.
    pub(super) fn completions<'a>(&self, z: &[f64], layout: &Expansion, patterns: &'a Patterns) -> Vec<Completion<'a>> {
        let is_known = |known: &Vec<bool>| known.iter().all(|&known| known);
        let mut known: Vec<bool> = z.iter().map(|value| !value.is_nan()).collect();
        let expected = patterns.get(&known).map(|given| filled(z, given));
        let raw = |column: usize, z: f64| self.mean[column] + self.scale[column] * z;
        // P(status) of each column that defines the subtype: 0 or 1 where known.
        let present: Vec<f64> = layout
            .subtype
            .iter()
            .map(|&column| match z[column] {
                value if !value.is_nan() => f64::from(u8::from(raw(column, value) > 0.5)),
                _ => raw(column, expected.as_ref().map_or(0.0, |z| z[column])).clamp(0.0, 1.0),
            })
            .collect();
        layout.subtype.iter().for_each(|&column| known[column] = true);
        let given = patterns.get(&known).filter(|_| !is_known(&known));
        (0..layout.n_subtypes())
            .filter_map(|subtype| {
                let has = |bit: usize| (subtype >> bit) & 1 == 1;
                let share: f64 =
                    present.iter().enumerate().map(|(bit, p)| if has(bit) { *p } else { 1.0 - p }).product();
                if share <= 0.0 {
                    return None;
                }
                let mut complete = z.to_vec();
                for (bit, &column) in layout.subtype.iter().enumerate().filter(|(_, column)| z[**column].is_nan()) {
                    complete[column] = (f64::from(u8::from(has(bit))) - self.mean[column]) / self.scale[column];
                }
                if let Some(given) = given {
                    complete = filled(&complete, given);
                }
                Some(Completion { subtype, share, z: complete, given })
            })
            .collect()
    }

    /// Says what is wrong, for weights that came from a file.
    pub(super) fn fault(&self, n_covariates: usize) -> Option<String> {
        let lengths = [self.mean.len(), self.scale.len(), self.normal.n_columns()];
        if lengths.iter().any(|&length| length != n_covariates) {
            return Some(format!("{lengths:?} moments of {n_covariates} covariates"));
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) || !self.scale.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Some("a scale that is not above 0".to_owned());
        }
        None
    }
}

/// `z` with its missing values at their expectation.
fn filled(z: &[f64], given: &Conditional) -> Vec<f64> {
    let mut z = z.to_vec();
    let expected = given.mean(&z);
    for (&column, value) in given.missing().iter().zip(expected) {
        z[column] = value;
    }
    z
}

fn is_logged(names: &[String], at: usize, spec: &HierarchicalSpec) -> bool {
    names.get(at).is_some_and(|name| spec.log.contains(name))
}

fn transformed(value: f32, logged: bool) -> f64 {
    let value = f64::from(value);
    if logged { value.asinh() } else { value }
}
