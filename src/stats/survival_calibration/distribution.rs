use serde::{Deserialize, Serialize};

use super::super::Error;
use super::super::chi_squared::upper_tail;
use super::super::inputs::{check_length, check_probabilities};
use super::super::survival::{Survival, SurvivalCurves};

/// Whether predicted survival at the patients' own times is spread evenly over \[0, 1\].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DCalibration {
    /// Patients in each of the equal bins of \[0, 1\], ascending; parts of censored patients count as fractions.
    pub observed: Vec<f64>,
    /// Patients expected in every bin.
    pub expected: f64,
    /// Σ (observed − expected)² / expected.
    pub chi_squared: f64,
    /// Bins − 1.
    pub df: f64,
    /// Probability of a statistic at least as large under calibration; small = not calibrated.
    pub p: f64,
}

/// Returns the D-calibration test of `own_survival`, each patient's predicted S(T | x) at her own time T.
///
/// Under true predictions S(T | x) of an event is uniform. An event falls into the bin of its probability (a boundary
/// belongs to the upper bin, 1 to the last); a patient censored at S = s would fail somewhere in \[0, s\] and is spread
/// evenly over it. With many censored patients the bins are smoothed towards each other, and the test is conservative.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::NotProbability`], and
/// [`Error::OutOfDomain`] with fewer than two bins.
///
/// # Source
/// Haider et al. 2020, *Journal of Machine Learning Research* 21(85) (D-calibration; ten bins there).
pub fn d_calibration(data: &Survival, own_survival: &[f64], n_bins: usize) -> Result<DCalibration, Error> {
    check_probabilities(data.event(), own_survival)?;
    if n_bins < 2 {
        let expected = "at least 2";
        return Err(Error::OutOfDomain { what: "number of bins", expected, found: n_bins as f64 });
    }
    let (last, width) = (n_bins - 1, 1.0 / n_bins as f64);
    let mut observed = vec![0.0; n_bins];
    for (&survival, &event) in own_survival.iter().zip(data.event()) {
        // At most n_bins, and the product may round to either side of a boundary: compare with the edge itself.
        let mut bin = ((survival * n_bins as f64) as usize).min(last);
        if bin < last && survival >= (bin + 1) as f64 * width {
            bin += 1;
        } else if bin > 0 && survival < bin as f64 * width {
            bin -= 1;
        }
        if event || survival <= 0.0 {
            observed[bin] += 1.0;
        } else {
            observed[..bin].iter_mut().for_each(|mass| *mass += width / survival);
            observed[bin] += (survival - bin as f64 * width) / survival;
        }
    }
    let expected = own_survival.len() as f64 * width;
    let chi_squared = observed.iter().map(|mass| (mass - expected).powi(2) / expected).sum();
    let df = last as f64;
    Ok(DCalibration { observed, expected, chi_squared, df, p: upper_tail(chi_squared, df)? })
}

/// Returns S(T | x) of every patient at her own time, read from predicted curves.
///
/// # Errors
/// [`Error::LengthMismatch`] unless there is one curve per patient.
pub fn own_survival(data: &Survival, curves: &SurvivalCurves) -> Result<Vec<f64>, Error> {
    check_length("survival curves", data.n_samples(), curves.n_samples())?;
    let at = |(row, &time): (usize, &f64)| {
        let position = curves.times().partition_point(|&t| t <= time);
        position.checked_sub(1).and_then(|at| curves.row(row).get(at)).copied().unwrap_or(1.0)
    };
    Ok(data.event_time().iter().enumerate().map(at).collect())
}
