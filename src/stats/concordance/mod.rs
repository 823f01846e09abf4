//! Does a higher risk score mean an earlier event? Harrell's and Uno's concordance index.
//!
//! A pair of patients is comparable when one had the event at time T and the other was followed longer, or was censored
//! at T itself. It is concordant when the earlier event had the higher risk; equal risks count one half. Risk scores:
//! higher = earlier event.

mod pairs;

use serde::{Deserialize, Serialize};

use self::pairs::{PairSums, Ranked};
use super::inputs::{check_finite, check_length};
use super::ipcw::{CensorSurvival, check_time};
use super::survival::Survival;
use super::{Error, normal};
use crate::terms::Estimate;

/// Harrell's concordance index with its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CIndex {
    /// (concordant + ½ tied risk) / comparable, in \[0, 1\]; 0.5 is chance, higher is better.
    pub c_index: f64,
    /// Infinitesimal-jackknife standard error of the index.
    pub std_err: f64,
    /// Comparable pairs whose earlier event had the higher risk.
    pub concordant: u64,
    /// Comparable pairs whose earlier event had the lower risk.
    pub discordant: u64,
    /// Comparable pairs of equal risk.
    pub tied_risk: u64,
    /// Pairs of events at one time, of unequal risk; not comparable.
    pub tied_time: u64,
    /// Pairs of events at one time, of equal risk; not comparable.
    pub tied_both: u64,
}

impl CIndex {
    /// The index with its normal 95 % interval, clipped to \[0, 1\].
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        normal_interval(self.c_index, self.std_err)
    }
}

/// Uno's concordance index.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CIndexIpcw {
    /// The weighted share of concordant pairs, in \[0, 1\]; 0.5 is chance, higher is better.
    pub c_index_ipcw: f64,
    /// Infinitesimal-jackknife standard error with the weights held fixed.
    pub std_err: f64,
    /// Only pairs whose earlier event comes before this time count.
    pub tau: f64,
}

impl CIndexIpcw {
    /// The index with its normal 95 % interval, clipped to \[0, 1\].
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        normal_interval(self.c_index_ipcw, self.std_err)
    }
}

/// Returns Harrell's concordance index with its counts and standard error.
///
/// c = (concordant + ½ tied risk) / (concordant + discordant + tied risk). The variance is Σ dᵢ², dᵢ being the
/// derivative of c by the weight of patient i. The index depends on the censoring of the study; [`c_index_ipcw`]
/// does not. O(n log n).
///
/// ```
/// use regimen::stats::{Survival, concordance::c_index};
/// let data = Survival::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, false, true]).unwrap();
/// let found = c_index(&data, &[9.0, 5.0, 7.0, 1.0]).unwrap();
/// assert_eq!((found.concordant, found.discordant, found.c_index), (4, 1, 0.8));
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NoEvents`], [`Error::NoComparablePairs`].
///
/// # Source
/// Harrell et al. 1982; Therneau & Watson 2015; R `survival::concordance(reverse = TRUE)`.
pub fn c_index(data: &Survival, risk_score: &[f64]) -> Result<CIndex, Error> {
    let ranked = checked(data, risk_score)?;
    let sums = ranked.sums(|_| 1.0);
    let (c_index, std_err) = ratio(&sums)?;
    let (tied_time, tied_both) = ranked.tied_events();
    // Whole numbers below 2⁵³ for any n below 10⁸, so the casts are exact.
    let [concordant, discordant, tied_risk] = sums.total.map(|value| value as u64);
    Ok(CIndex { c_index, std_err, concordant, discordant, tied_risk, tied_time, tied_both })
}

/// Returns Harrell's concordance index alone, as fast as it can be had; O(n log n).
///
/// # Errors
/// As [`c_index`].
///
/// # Source
/// As [`c_index`]; scikit-survival `concordance_index_censored(tied_tol = 0)`.
pub fn c_index_value(data: &Survival, risk_score: &[f64]) -> Result<f64, Error> {
    let [concordant, tied, comparable] = checked(data, risk_score)?.counts();
    if comparable == 0 {
        return Err(Error::NoComparablePairs);
    }
    Ok((concordant as f64 + 0.5 * tied as f64) / comparable as f64)
}

/// Returns Uno's concordance index of `test`, truncated at `tau`, with its standard error.
///
/// Each comparable pair whose earlier event came before `tau` weighs 1 / G(T)², so that the index estimates the
/// concordance of all patients up to `tau`, whoever was censored. `censor_survival` comes from the training data.
/// The standard error takes G as known, which usually errs to the wide side; to let G vary, resample with
/// [`bootstrap_estimate`](super::paired::bootstrap_estimate) and refit it. O(n log n).
///
/// R's `timewt = "n/G2"` estimates G from the test data itself, uses its left limit G(T−)
/// ([`EventLimit::JustBefore`](super::ipcw::EventLimit)) and keeps events at `ymax` itself; without ties between an
/// event and a censoring or `tau`, and with G fitted on the test data, both numbers agree.
///
/// # Errors
/// As [`c_index`]; [`Error::OutOfDomain`] for a bad `tau`, [`Error::BeyondFollowUp`] when G is 0 just before `tau`.
///
/// # Source
/// Uno et al. 2011, *Statistics in Medicine* 30:1105; scikit-survival `concordance_index_ipcw`.
pub fn c_index_ipcw(
    censor_survival: &CensorSurvival,
    test: &Survival,
    risk_score: &[f64],
    tau: f64,
) -> Result<CIndexIpcw, Error> {
    let weights = uno_weights(censor_survival, test, tau)?;
    let (c_index_ipcw, std_err) = ratio(&checked(test, risk_score)?.sums(|row| weights[row]))?;
    Ok(CIndexIpcw { c_index_ipcw, std_err, tau })
}

/// Returns Uno's concordance index alone.
///
/// # Errors
/// As [`c_index_ipcw`].
pub fn c_index_ipcw_value(
    censor_survival: &CensorSurvival,
    test: &Survival,
    risk_score: &[f64],
    tau: f64,
) -> Result<f64, Error> {
    let weights = uno_weights(censor_survival, test, tau)?;
    let [concordant, tied, comparable] = checked(test, risk_score)?.weighted_counts(|row| weights[row]);
    if comparable > 0.0 { Ok((concordant + 0.5 * tied) / comparable) } else { Err(Error::NoComparablePairs) }
}

/// 1 / G² of the events before `tau`, 0 for all other rows.
fn uno_weights(censor_survival: &CensorSurvival, test: &Survival, tau: f64) -> Result<Vec<f64>, Error> {
    check_time(tau)?;
    censor_survival.just_before(tau)?;
    let rows = test.event_time().iter().zip(test.event());
    rows.map(|(&time, &event)| {
        if event && time < tau { censor_survival.event_weight(time).map(|weight| weight * weight) } else { Ok(0.0) }
    })
    .collect()
}

fn checked(data: &Survival, risk_score: &[f64]) -> Result<Ranked, Error> {
    check_length("risk scores", data.n_samples(), risk_score.len())?;
    check_finite(risk_score)?;
    data.require_events()?;
    Ranked::new(data, risk_score)
}

/// The index and its standard error from the sums over pairs.
fn ratio(sums: &PairSums) -> Result<(f64, f64), Error> {
    let [concordant, discordant, tied] = sums.total;
    let comparable = concordant + discordant + tied;
    if comparable <= 0.0 {
        return Err(Error::NoComparablePairs);
    }
    let somers_d = (concordant - discordant) / comparable;
    let variance: f64 = sums
        .by_row
        .iter()
        .map(|[concordant, discordant, tied]| {
            let derivative = (concordant - discordant - somers_d * (concordant + discordant + tied)) / comparable;
            derivative * derivative
        })
        .sum();
    Ok(((concordant + 0.5 * tied) / comparable, 0.5 * variance.sqrt()))
}

fn normal_interval(estimate: f64, std_err: f64) -> Estimate {
    let half_width = normal::Z95 * std_err;
    Estimate {
        estimate,
        lower95: (estimate - half_width).clamp(0.0, 1.0),
        upper95: (estimate + half_width).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests;
