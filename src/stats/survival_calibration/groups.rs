use serde::{Deserialize, Serialize};

use super::super::Error;
use super::super::beta::beta_interval;
use super::super::inputs::check_probabilities;
use super::super::ipcw::AtHorizon;
use super::super::survival::Survival;
use crate::terms::Estimate;

/// Patients of similar predicted risk, with what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationGroup {
    /// Patients in the group.
    pub n_samples: usize,
    /// Their mean predicted risk at the horizon.
    pub predicted: f64,
    /// Their Kaplan–Meier risk at the horizon with its 95 % interval.
    pub observed: Estimate,
}

/// Returns predicted and observed risk at `horizon` in up to `n_groups` groups of ascending predicted risk.
///
/// Groups hold about equally many patients; equal predictions stay together, in the group of the first of them. The
/// interval is log-log, R's `conf.type = "log-log"`. Where no event or nobody without it is left, so that Greenwood's
/// variance says nothing, it is Jeffreys's for none among those still followed, or all of the group.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NotFinite`], [`Error::NotProbability`], [`Error::OutOfDomain`]
/// for a bad horizon or no groups, [`Error::BeyondFollowUp`] when nobody of a group was followed to `horizon`.
///
/// # Source
/// Harrell 2015 (`rms::groupkm`); R `survfit` by group.
pub fn grouped_calibration(
    data: &Survival,
    survival_prob: &[f64],
    horizon: f64,
    n_groups: usize,
) -> Result<Vec<CalibrationGroup>, Error> {
    check_probabilities(data.event(), survival_prob)?;
    if n_groups == 0 {
        return Err(Error::OutOfDomain { what: "number of groups", expected: "at least 1", found: 0.0 });
    }
    let n_samples = survival_prob.len();
    let mut order: Vec<usize> = (0..n_samples).collect();
    order.sort_by(|&a, &b| survival_prob[b].total_cmp(&survival_prob[a]).then(a.cmp(&b)));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_groups.min(n_samples)];
    let n_groups = members.len();
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| survival_prob[a] == survival_prob[b]) {
        members[start * n_groups / n_samples].extend(tied);
        start += tied.len();
    }
    members.iter().filter(|rows| !rows.is_empty()).map(|rows| group(data, survival_prob, horizon, rows)).collect()
}

fn group(data: &Survival, survival_prob: &[f64], horizon: f64, rows: &[usize]) -> Result<CalibrationGroup, Error> {
    let km = AtHorizon::new(&data.select(rows)?, horizon)?;
    let n_samples = rows.len();
    let predicted = rows.iter().map(|&row| 1.0 - survival_prob[row]).sum::<f64>() / n_samples as f64;
    let observed = match km.log_log_interval() {
        Some(survival) => Estimate {
            estimate: 1.0 - survival.estimate,
            lower95: 1.0 - survival.upper95,
            upper95: 1.0 - survival.lower95,
        },
        None if km.survival <= 0.0 => beta_interval(n_samples, n_samples)?,
        None => beta_interval(0, km.n_at_risk)?,
    };
    Ok(CalibrationGroup { n_samples, predicted, observed })
}
