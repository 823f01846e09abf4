//! Baseline hazards, and the survival predicted for new patients with its standard error.

use serde::{Deserialize, Serialize};

use super::design::Design;
use super::newton::Maximum;
use super::partial::sweep;
use super::{CoxFit, Ties};
use crate::stats::inputs::{check_finite, check_length};
use crate::stats::{Error, StepFunction, Survival, SurvivalCurves, normal};
use crate::terms::Estimate;

/// Baseline hazard of one stratum, with what the standard error of a prediction needs.
///
/// It is that of a patient whose features are [`CoxFit::means`] and whose offset is 0. Efron's ties give Efron's
/// baseline, Breslow's give Breslow's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StratumBaseline {
    /// Label of the stratum; 0 without strata.
    pub stratum: usize,
    /// Event times, ascending.
    pub times: Vec<f64>,
    /// Cumulative hazard from each event time on.
    pub cum_hazard: Vec<f64>,
    /// Variance of `cum_hazard` were the coefficients known.
    pub variance: Vec<f64>,
    /// ∫ (x̄(t) − means) dΛ(t) up to each event time, row-major n_times × n_features.
    pub mean_path: Vec<f64>,
}

/// New patients.
#[derive(Debug, Clone, Copy)]
pub struct NewPatients<'a> {
    /// Row-major n × `n_features`.
    pub features: &'a [f64],
    /// Stratum of each; `None` for a model without strata.
    pub strata: Option<&'a [usize]>,
    /// Offset of each; `None` is 0.
    pub offset: Option<&'a [f64]>,
}

impl<'a> NewPatients<'a> {
    /// Patients of a model without strata and offset.
    #[must_use]
    pub fn new(features: &'a [f64]) -> Self {
        Self { features, strata: None, offset: None }
    }
}

/// The scale on which an interval of a survival probability is symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum IntervalScale {
    /// ln S; R's default.
    #[default]
    Log,
    /// ln(−ln S): stays inside \[0, 1\].
    LogLog,
    /// S itself, cut at 0 and 1.
    Plain,
}

/// Predicted survival of one patient at the event times of the stratum: right-continuous steps, 1 before the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoxPrediction {
    /// Event times, ascending.
    pub times: Vec<f64>,
    /// H(t | x) from each time on.
    pub cum_hazard: Vec<f64>,
    /// Standard error of H(t | x), which is that of ln S(t | x); of S itself it is S times this.
    pub std_err: Vec<f64>,
    /// S(t | x) = exp(−H(t | x)) with its 95 % interval.
    pub survival: Vec<Estimate>,
}

impl CoxFit {
    /// Returns the cumulative baseline hazard of the stratum labelled `stratum` (0 without strata).
    ///
    /// `centred` refers to a patient with [`CoxFit::means`], otherwise to one whose features are all 0.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`], and [`Error::OutOfDomain`] when the hazard at 0 leaves the range of f64.
    ///
    /// # Source
    /// R `survival::basehaz(fit, centered = )`.
    pub fn baseline_hazard(&self, stratum: usize, centred: bool) -> Result<StepFunction, Error> {
        let baseline = self.baseline_of(stratum)?;
        let at_zero: f64 = -self.coef.iter().zip(&self.means).map(|(coef, mean)| coef * mean).sum::<f64>();
        let risk = if centred { 1.0 } else { risk(at_zero, baseline)? };
        let values = baseline.cum_hazard.iter().map(|hazard| risk * hazard).collect();
        Ok(StepFunction { before: 0.0, times: baseline.times.clone(), values })
    }

    /// Returns S(t | x) = exp(−Λ₀(t) exp(xβ)) of each new patient, on the event times of all strata together.
    ///
    /// # Errors
    /// As [`CoxFit::predict`].
    pub fn survival_curves(&self, patients: &NewPatients<'_>) -> Result<SurvivalCurves, Error> {
        let mut times: Vec<f64> = self.baselines.iter().flat_map(|baseline| &baseline.times).copied().collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        let rows = self.rows(patients)?;
        let mut values = Vec::with_capacity(rows.len() * times.len());
        for (predictor, baseline) in &rows {
            let risk = risk(*predictor, baseline)?;
            let mut position = 0;
            for &time in &times {
                position += usize::from(baseline.times.get(position).is_some_and(|&step| step <= time));
                let hazard = position.checked_sub(1).map_or(0.0, |at| baseline.cum_hazard[at]);
                values.push((-risk * hazard).exp());
            }
        }
        SurvivalCurves::new(times, rows.len(), values)
    }

    /// Returns the survival of each new patient with standard error and 95 % interval.
    ///
    /// Var H(t | x) = e^{2η} \[Σ d/S₀² + qᵀ V q\] with q = ∫ (x − x̄(t)) dΛ₀(t), V being
    /// [`CoxFit::used_covariance`].
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::MissingLabel`] when the model has strata and the
    /// patients do not, [`Error::UnknownLabel`] for a stratum without training rows, and [`Error::OutOfDomain`] when a
    /// hazard leaves the range of f64.
    ///
    /// # Source
    /// Tsiatis 1981; Therneau & Grambsch 2000, section 10.2; R `survfit(coxph(...), newdata = )`.
    pub fn predict(&self, patients: &NewPatients<'_>, scale: IntervalScale) -> Result<Vec<CoxPrediction>, Error> {
        let size = self.coef.len();
        let rows = self.rows(patients)?;
        rows.iter()
            .zip(patients.features.chunks_exact(size.max(1)))
            .map(|((predictor, baseline), features)| {
                let risk = risk(*predictor, baseline)?;
                let centred: Vec<f64> = features.iter().zip(&self.means).map(|(value, mean)| value - mean).collect();
                let mut prediction = CoxPrediction {
                    times: baseline.times.clone(),
                    cum_hazard: Vec::with_capacity(baseline.times.len()),
                    std_err: Vec::with_capacity(baseline.times.len()),
                    survival: Vec::with_capacity(baseline.times.len()),
                };
                for (index, path) in baseline.mean_path.chunks_exact(size.max(1)).enumerate() {
                    let hazard = baseline.cum_hazard[index];
                    let q: Vec<f64> = centred.iter().zip(path).map(|(value, path)| value * hazard - path).collect();
                    let variance = baseline.variance[index] + quadratic_form(self.used_covariance(), &q);
                    let (hazard, std_err) = (risk * hazard, risk * variance.max(0.0).sqrt());
                    if !std_err.is_finite() {
                        return Err(out_of_range(*predictor));
                    }
                    prediction.cum_hazard.push(hazard);
                    prediction.std_err.push(std_err);
                    prediction.survival.push(interval(hazard, std_err, scale));
                }
                Ok(prediction)
            })
            .collect()
    }

    fn baseline_of(&self, stratum: usize) -> Result<&StratumBaseline, Error> {
        self.baselines.iter().find(|baseline| baseline.stratum == stratum).ok_or_else(|| Error::UnknownLabel {
            what: "stratum",
            n_known: self.baselines.len(),
            found: stratum.to_string(),
        })
    }

    /// Centred linear predictor with offset, and baseline, of each patient.
    fn rows(&self, patients: &NewPatients<'_>) -> Result<Vec<(f64, &StratumBaseline)>, Error> {
        let mut predictors = self.linear_predictors(patients.features)?;
        let n_samples = predictors.len();
        check_length("strata", n_samples, patients.strata.map_or(n_samples, <[usize]>::len))?;
        check_length("offset", n_samples, patients.offset.map_or(n_samples, <[f64]>::len))?;
        check_finite(patients.offset.unwrap_or(&[]))?;
        predictors.iter_mut().zip(patients.offset.unwrap_or(&[])).for_each(|(value, offset)| *value += offset);
        if patients.strata.is_none() && self.baselines.len() > 1 {
            return Err(Error::MissingLabel { what: "stratum", n_missing: n_samples, n_rows: n_samples });
        }
        let only = self.baselines.first().map_or(0, |baseline| baseline.stratum);
        predictors
            .into_iter()
            .enumerate()
            .map(|(row, value)| Ok((value, self.baseline_of(patients.strata.map_or(only, |strata| strata[row]))?)))
            .collect()
    }
}

/// exp(`predictor`), when it and the last cumulative hazard times it are finite.
fn risk(predictor: f64, baseline: &StratumBaseline) -> Result<f64, Error> {
    let risk = predictor.exp();
    let last = baseline.cum_hazard.last().copied().unwrap_or(0.0);
    if risk.is_finite() && (risk * last).is_finite() { Ok(risk) } else { Err(out_of_range(predictor)) }
}

fn out_of_range(found: f64) -> Error {
    Error::OutOfDomain { what: "linear predictor", expected: "a value whose hazard is a finite number", found }
}

pub(super) fn quadratic_form(matrix: &[f64], vector: &[f64]) -> f64 {
    let row = |row: &[f64]| row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>();
    matrix.chunks_exact(vector.len().max(1)).zip(vector).map(|(line, value)| value * row(line)).sum()
}

/// S = exp(−H) with its 95 % interval; without variance or hazard, or with S rounded to 0, the interval is the point.
fn interval(hazard: f64, std_err: f64, scale: IntervalScale) -> Estimate {
    let estimate = (-hazard).exp();
    let half_width = normal::Z95 * std_err;
    if hazard <= 0.0 || estimate <= 0.0 {
        return Estimate { estimate, lower95: estimate, upper95: estimate };
    }
    let (lower95, upper95) = match scale {
        IntervalScale::Log => ((-hazard - half_width).exp(), (-hazard + half_width).exp().min(1.0)),
        IntervalScale::LogLog => {
            let factor = (half_width / hazard).exp();
            ((-hazard * factor).exp(), (-hazard / factor).exp())
        }
        IntervalScale::Plain => ((estimate * (1.0 - half_width)).max(0.0), (estimate * (1.0 + half_width)).min(1.0)),
    };
    Estimate { estimate, lower95, upper95 }
}

/// Returns the baselines of all strata, referred to `means`, from the maximum on the standardised scale.
pub(super) fn baselines(
    design: &Design,
    maximum: &Maximum,
    ties: Ties,
    coef: &[f64],
    means: &[f64],
) -> Result<Vec<StratumBaseline>, Error> {
    let size = design.n_features;
    // Per group: hazard, variance, and the mean path on the standardised scale.
    let mut steps: Vec<(f64, f64)> = Vec::with_capacity(design.groups.len());
    let mut paths: Vec<f64> = Vec::with_capacity(design.groups.len() * size);
    sweep(design, &maximum.risks.weighted, |_, set| {
        let sums = set.tie_sums(ties);
        steps.push((sums.hazard, sums.squares[0]));
        let path = set.rest_x.iter().zip(set.dead_x);
        paths.extend(path.map(|(rest, dead)| sums.squares[0] * rest + sums.squares[1] * dead));
    });
    let mut found = Vec::with_capacity(design.strata.len());
    for stratum in &design.strata {
        let moved: Vec<f64> = stratum.centre.iter().zip(means).map(|(centre, mean)| centre - mean).collect();
        let log_risk = maximum.risks.shift
            + stratum.offset_centre
            + moved.iter().zip(coef).map(|(moved, coef)| moved * coef).sum::<f64>();
        let factor = (-log_risk).exp();
        let n_times = stratum.groups.len();
        let mut baseline = StratumBaseline {
            stratum: stratum.label,
            times: Vec::with_capacity(n_times),
            cum_hazard: Vec::with_capacity(n_times),
            variance: Vec::with_capacity(n_times),
            mean_path: Vec::with_capacity(n_times * size),
        };
        let (mut hazard, mut variance, mut path) = (0.0, 0.0, vec![0.0; size]);
        for index in stratum.groups.clone().rev() {
            hazard += factor * steps[index].0;
            variance += factor * factor * steps[index].1;
            path.iter_mut().zip(&paths[index * size..]).for_each(|(sum, step)| *sum += factor * step);
            baseline.times.push(design.groups[index].time);
            baseline.cum_hazard.push(hazard);
            baseline.variance.push(variance);
            let referred = path.iter().zip(&design.scale).zip(&moved);
            baseline.mean_path.extend(referred.map(|((path, scale), moved)| scale * path + moved * hazard));
        }
        if ![hazard, variance].iter().chain(&baseline.mean_path).all(|value| value.is_finite()) {
            return Err(out_of_range(log_risk));
        }
        found.push(baseline);
    }
    Ok(found)
}

/// Returns Breslow's cumulative baseline hazard of any risk score: Λ₀(t) = Σ_{tᵢ ≤ t} dᵢ / Σ_{at risk} exp(ηⱼ).
///
/// `linear_predictor` is η of each row (the margin of a boosted model, say), higher = earlier event; then
/// S(t | η) = exp(−Λ₀(t) exp(η)). One step per event time, 0 before the first.
///
/// ```
/// use regimen::stats::{Survival, cox::breslow_baseline};
/// let times = Survival::new(vec![1.0, 2.0, 3.0], vec![true, false, true]).unwrap();
/// // Equal scores give the Nelson-Aalen estimate.
/// assert_eq!(breslow_baseline(&times, &[0.0; 3]).unwrap().values, [1.0 / 3.0, 4.0 / 3.0]);
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NoEvents`], and [`Error::OutOfDomain`] when the hazard
/// overflows.
///
/// # Source
/// Breslow 1972, discussion of Cox; R `basehaz(coxph(... offset(eta), ties = "breslow"))`.
pub fn breslow_baseline(survival: &Survival, linear_predictor: &[f64]) -> Result<StepFunction, Error> {
    check_length("linear predictors", survival.n_samples(), linear_predictor.len())?;
    check_finite(linear_predictor)?;
    survival.require_events()?;
    let (time, event) = (survival.event_time(), survival.event());
    // Σ exp(η) = exp(largest) · sum, the largest being that of the rows met so far.
    let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0_f64);
    let mut steps: Vec<(f64, f64)> = Vec::new();
    let order = survival.order();
    for tied in order.chunk_by(|&a, &b| time[a] == time[b]).rev() {
        for &row in tied {
            let eta = linear_predictor[row];
            if eta > largest {
                sum *= (largest - eta).exp();
                largest = eta;
            }
            sum += (eta - largest).exp();
        }
        let n_deaths = tied.iter().filter(|&&row| event[row]).count();
        if n_deaths > 0 {
            // One exponential of the difference where the factors would overflow apart.
            let hazard = if largest.abs() < 300.0 {
                n_deaths as f64 / sum * (-largest).exp()
            } else {
                ((n_deaths as f64 / sum).ln() - largest).exp()
            };
            steps.push((time[tied[0]], hazard));
        }
    }
    let mut total = 0.0;
    let (times, values): (Vec<f64>, Vec<f64>) = steps
        .into_iter()
        .rev()
        .map(|(time, hazard)| {
            total += hazard;
            (time, total)
        })
        .unzip();
    if !total.is_finite() {
        return Err(out_of_range(largest));
    }
    Ok(StepFunction { before: 0.0, times, values })
}
