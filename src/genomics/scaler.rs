//! Per-gene centring and scaling, fitted on training samples and replayed on others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::expression::{Expression, ExpressionScale};
use crate::stats::quantile;

/// How a gene's values become comparable between batches and platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneScaling {
    /// x − median.
    MedianCentre,
    /// (x − mean) / standard deviation (n − 1).
    ZScore,
    /// 15 · (x − min) / (max − min), held in \[0, 15\]: the range of a reference-normalised RT-PCR value.
    Range15,
    /// 6 + 8 · (x − q₀.₀₂₅) / (q₀.₉₇₅ − q₀.₀₂₅), held in \[1, 15\]: about the range of log2 Affymetrix signals.
    Affymetrix,
}

/// Fewest training samples of a batch.
pub const MIN_TRAINING_SAMPLES: usize = 2;

/// Where a gene's training values lie and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Place {
    location: f64,
    spread: f64,
}

/// A per-gene (and per-batch) centre and spread, learned from training samples only.
///
/// Part of a model: serialise it with the model and replay it on new samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneScaler {
    scaling: GeneScaling,
    /// Scale of the training values.
    fitted_on: ExpressionScale,
    /// Whether samples were told apart by batch.
    with_batches: bool,
    /// Batch, then gene; the one batch of a fit without batches has the empty name.
    places: BTreeMap<String, BTreeMap<String, Place>>,
}

impl GeneScaler {
    /// Returns the scaler of the training samples (indices into the matrix), each batch on its own.
    ///
    /// `batches` names the batch of every sample of the matrix; without it all samples are one batch. A gene
    /// without a training value in a batch, or without spread where the scaling divides by it, is missing there.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for `batches`; [`Error::TrainingSample`] for an index out of range or repeated;
    /// [`Error::TooFewTraining`] for a batch with fewer than [`MIN_TRAINING_SAMPLES`].
    pub fn fit(
        expression: &Expression,
        training: &[usize],
        batches: Option<&[String]>,
        scaling: GeneScaling,
    ) -> Result<Self, Error> {
        let members = training_batches(expression.samples().len(), training, batches)?;
        let mut places = BTreeMap::new();
        for (batch, samples) in members {
            let mut genes = BTreeMap::new();
            for (gene, row) in expression.rows() {
                let values: Vec<f64> =
                    samples.iter().filter_map(|&s| row.get(s).copied()).filter(|v| v.is_finite()).collect();
                if let Some(place) = place(&values, scaling) {
                    genes.insert(gene.to_owned(), place);
                }
            }
            places.insert(batch, genes);
        }
        Ok(Self { scaling, fitted_on: expression.scale(), with_batches: batches.is_some(), places })
    }

    /// Returns the matrix on the scaler's scale; a gene unseen in the training of a sample's batch is missing.
    ///
    /// # Errors
    /// [`Error::ScalerScale`] when the matrix has another scale than the training matrix; [`Error::Batches`] when
    /// batches are given to a scaler without them or the other way round; [`Error::LengthMismatch`];
    /// [`Error::UnknownBatch`] with the position of the first sample of an unknown batch.
    pub fn apply(&self, expression: &Expression, batches: Option<&[String]>) -> Result<Expression, Error> {
        if expression.scale() != self.fitted_on {
            return Err(Error::ScalerScale { fitted: self.fitted_on, replayed: expression.scale() });
        }
        let of_sample = self.places_of(expression.samples().len(), batches)?;
        let mut values = Vec::with_capacity(expression.genes().len() * expression.samples().len());
        for (gene, row) in expression.rows() {
            let mut last: Option<(&BTreeMap<String, Place>, Option<Place>)> = None;
            for (&value, &genes) in row.iter().zip(&of_sample) {
                let place = match last {
                    Some((known, place)) if std::ptr::eq(known, genes) => place,
                    _ => genes.get(gene).copied(),
                };
                last = Some((genes, place));
                values.push(place.map_or(f64::NAN, |place| scaled(value, place, self.scaling)));
            }
        }
        let scale = match self.scaling {
            GeneScaling::MedianCentre if self.fitted_on == ExpressionScale::ZScore => ExpressionScale::ZScore,
            GeneScaling::MedianCentre => ExpressionScale::Centred,
            GeneScaling::ZScore => ExpressionScale::ZScore,
            GeneScaling::Range15 | GeneScaling::Affymetrix => ExpressionScale::Ranged,
        };
        Ok(expression.with_values(values, scale))
    }

    /// Batches seen in training, in alphabetical order; empty when the scaler was fitted without batches.
    #[must_use]
    pub fn batches(&self) -> Vec<&str> {
        self.places.keys().filter(|_| self.with_batches).map(String::as_str).collect()
    }

    fn places_of(&self, n: usize, batches: Option<&[String]>) -> Result<Vec<&BTreeMap<String, Place>>, Error> {
        if batches.is_some() != self.with_batches {
            let word = |with| if with { "with" } else { "without" };
            return Err(Error::Batches { fitted: word(self.with_batches), replayed: word(batches.is_some()) });
        }
        let names = batch_names(n, batches)?;
        let find = |(sample, batch): (usize, &str)| {
            self.places.get(batch).ok_or_else(|| Error::UnknownBatch { sample, batch: batch.to_owned() })
        };
        names.into_iter().enumerate().map(find).collect()
    }
}

fn batch_names(n_samples: usize, batches: Option<&[String]>) -> Result<Vec<&str>, Error> {
    let Some(names) = batches else { return Ok(vec![""; n_samples]) };
    if names.len() != n_samples {
        return Err(Error::LengthMismatch { what: "batches", expected: n_samples, found: names.len() });
    }
    Ok(names.iter().map(String::as_str).collect())
}

fn training_batches(
    n_samples: usize,
    training: &[usize],
    batches: Option<&[String]>,
) -> Result<BTreeMap<String, Vec<usize>>, Error> {
    let names = batch_names(n_samples, batches)?;
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut seen = vec![false; n_samples];
    for (position, &found) in training.iter().enumerate() {
        match (seen.get_mut(found), names.get(found)) {
            (Some(taken @ false), Some(batch)) => {
                *taken = true;
                members.entry((*batch).to_owned()).or_default().push(found);
            }
            _ => return Err(Error::TrainingSample { position, n_samples, found }),
        }
    }
    if members.is_empty() {
        members.insert(String::new(), Vec::new());
    }
    let needed = MIN_TRAINING_SAMPLES;
    match members.iter().find(|(_, samples)| samples.len() < needed) {
        Some((batch, samples)) => Err(Error::TooFewTraining { batch: batch.clone(), needed, found: samples.len() }),
        None => Ok(members),
    }
}

/// Location and spread of finite training values; `None` without values, or without spread where it divides.
fn place(values: &[f64], scaling: GeneScaling) -> Option<Place> {
    let at = |q| quantile(values, q).ok();
    let (location, spread) = match scaling {
        GeneScaling::MedianCentre => (at(0.5)?, 1.0),
        GeneScaling::ZScore => mean_and_deviation(values)?,
        GeneScaling::Range15 => (at(0.0)?, at(1.0)? - at(0.0)?),
        GeneScaling::Affymetrix => (at(0.025)?, at(0.975)? - at(0.025)?),
    };
    (spread > 0.0).then_some(Place { location, spread })
}

fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, variance.sqrt()))
}

fn scaled(value: f64, place: Place, scaling: GeneScaling) -> f64 {
    let relative = (value - place.location) / place.spread;
    // NaN stays NaN through clamp.
    match scaling {
        GeneScaling::MedianCentre | GeneScaling::ZScore => relative,
        GeneScaling::Range15 => (15.0 * relative).clamp(0.0, 15.0),
        GeneScaling::Affymetrix => (6.0 + 8.0 * relative).clamp(1.0, 15.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genomics::DuplicateGenes;

    fn matrix(genes: &[&str], n_samples: usize, values: &[f64]) -> Expression {
        let genes = genes.iter().map(|g| (*g).to_owned()).collect();
        let samples = (0..n_samples).map(|s| format!("s{s}")).collect();
        Expression::from_parts(genes, samples, values.to_vec(), ExpressionScale::Log2, DuplicateGenes::Refuse).unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }

    #[test]
    fn only_training_samples_decide_the_centre() {
        let data = matrix(&["ESR1"], 4, &[1.0, 2.0, 6.0, 100.0]);
        let scaler = GeneScaler::fit(&data, &[0, 1, 2], None, GeneScaling::MedianCentre).unwrap();
        close(scaler.apply(&data, None).unwrap().gene("ESR1").unwrap(), &[-1.0, 0.0, 4.0, 98.0]);
        assert!(scaler.batches().is_empty());
    }

    #[test]
    fn the_four_scalings_by_pencil() {
        // Training 1, 3, 5: median 3, mean 3, sd 2, min 1, max 5; q0.025 = 1.1, q0.975 = 4.9 (type 7).
        let data = matrix(&["ESR1"], 4, &[1.0, 3.0, 5.0, 7.0]);
        for (scaling, expected) in [
            (GeneScaling::MedianCentre, [-2.0, 0.0, 2.0, 4.0]),
            (GeneScaling::ZScore, [-1.0, 0.0, 1.0, 2.0]),
            (GeneScaling::Range15, [0.0, 7.5, 15.0, 15.0]),
            (GeneScaling::Affymetrix, [6.0 - 0.8 / 3.8, 10.0, 14.0 + 0.8 / 3.8, 15.0]),
        ] {
            let scaler = GeneScaler::fit(&data, &[0, 1, 2], None, scaling).unwrap();
            close(scaler.apply(&data, None).unwrap().gene("ESR1").unwrap(), &expected);
        }
    }

    #[test]
    fn batches_are_centred_apart_and_an_unknown_one_is_an_error() {
        let batch = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let data = matrix(&["ESR1", "PGR"], 4, &[1.0, 3.0, 11.0, 13.0, f64::NAN, f64::NAN, 1.0, 3.0]);
        let names = batch(&["a", "a", "b", "b"]);
        let scaler = GeneScaler::fit(&data, &[0, 1, 2, 3], Some(&names), GeneScaling::MedianCentre).unwrap();
        let centred = scaler.apply(&data, Some(&names)).unwrap();
        close(centred.gene("ESR1").unwrap(), &[-1.0, 1.0, -1.0, 1.0]);
        // PGR has no training value in batch a: missing there even when a new sample measures it.
        let new = matrix(&["PGR", "AR"], 2, &[5.0, 5.0, 1.0, 1.0]);
        let replayed = scaler.apply(&new, Some(&batch(&["a", "b"]))).unwrap();
        assert!(replayed.gene("PGR").unwrap()[0].is_nan() && replayed.gene("PGR").unwrap()[1] == 3.0);
        assert!(!replayed.measures("AR"));
        let unknown = scaler.apply(&new, Some(&batch(&["a", "c"])));
        assert!(matches!(unknown, Err(Error::UnknownBatch { sample: 1, .. })));
        assert!(matches!(scaler.apply(&new, None), Err(Error::Batches { .. })));
        assert!(matches!(scaler.apply(&new, Some(&names)), Err(Error::LengthMismatch { .. })));
    }

    #[test]
    fn a_scaler_survives_json_and_constant_genes_are_missing_where_the_spread_divides() {
        let data = matrix(&["ESR1", "PGR"], 3, &[1.0, 2.0, 4.0, 5.0, 5.0, 5.0]);
        let scaler = GeneScaler::fit(&data, &[0, 1, 2], None, GeneScaling::ZScore).unwrap();
        let text = serde_json::to_string(&scaler).unwrap();
        let back: GeneScaler = serde_json::from_str(&text).unwrap();
        assert_eq!(back, scaler);
        let scaled = back.apply(&data, None).unwrap();
        assert!(!scaled.measures("PGR") && scaled.scale() == ExpressionScale::ZScore);
        assert!(matches!(back.apply(&scaled, None), Err(Error::ScalerScale { .. })));
    }

    #[test]
    fn training_indices_are_distinct_in_range_and_enough() {
        let data = matrix(&["ESR1"], 3, &[1.0, 2.0, 4.0]);
        let fit = |training: &[usize]| GeneScaler::fit(&data, training, None, GeneScaling::MedianCentre);
        assert!(matches!(fit(&[0, 3]), Err(Error::TrainingSample { position: 1, .. })));
        assert!(matches!(fit(&[0, 0]), Err(Error::TrainingSample { position: 1, .. })));
        assert!(matches!(fit(&[0]), Err(Error::TooFewTraining { found: 1, .. })));
        assert!(matches!(fit(&[]), Err(Error::TooFewTraining { found: 0, .. })));
    }
}
