//! Net benefit: what a model is worth to someone who treats above a threshold of risk.

use serde::{Deserialize, Serialize};

use super::Error;
use super::inputs::{check_probabilities, check_two_classes};
use super::ipcw::AtHorizon;
use super::survival::Survival;

/// Net benefit of treating by one threshold, in true positives per patient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NetBenefit {
    /// The predicted risk from which on patients are treated, in (0, 1).
    pub threshold: f64,
    /// Share of patients at or above the threshold.
    pub share_treated: f64,
    /// Net benefit of treating them; higher is better, treating none has 0.
    pub model: f64,
    /// Net benefit of treating everybody.
    pub treat_all: f64,
    /// Interventions avoided per patient against treating everybody, net of the events that go untreated.
    pub avoided: f64,
}

/// Returns the net benefit of probabilities `p` of an event at each threshold.
///
/// NB = π·TPR − (1 − π)·FPR·t / (1 − t), patients with p ≥ t being treated, π the event rate of `y` or, for a sample that
/// does not show it (case-control), the `prevalence` given. Avoided = (NB − NB of all) (1 − t) / t. For intervals
/// pass [`decision_curve`] of the resampled rows to [`bootstrap_estimates`](super::paired::bootstrap_estimates).
///
/// ```
/// let y = [true, true, false, false];
/// let curve = regimen::stats::decision_curve::decision_curve(&y, &[0.9, 0.4, 0.6, 0.1], &[0.5], None).unwrap();
/// assert_eq!((curve[0].model, curve[0].treat_all, curve[0].avoided), (0.0, 0.0, 0.0));
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NotFinite`], [`Error::NotProbability`], [`Error::OneClass`],
/// and [`Error::OutOfDomain`] for a threshold or prevalence outside (0, 1).
///
/// # Source
/// Vickers & Elkin 2006, *Medical Decision Making* 26:565; Vickers et al. 2008 (interventions avoided).
pub fn decision_curve(
    y: &[bool],
    p: &[f64],
    thresholds: &[f64],
    prevalence: Option<f64>,
) -> Result<Vec<NetBenefit>, Error> {
    check_probabilities(y, p)?;
    let n_events = check_two_classes(y)?;
    let n_others = y.len() - n_events;
    let prevalence = prevalence.unwrap_or(n_events as f64 / y.len() as f64);
    check_inside("prevalence", prevalence)?;
    let sorted = |class: bool| {
        let mut p: Vec<f64> = y.iter().zip(p).filter(|(y, _)| **y == class).map(|(_, &p)| p).collect();
        p.sort_by(f64::total_cmp);
        p
    };
    let (events, others) = (sorted(true), sorted(false));
    let at = |&threshold: &f64| {
        check_inside("threshold", threshold)?;
        let at_least = |p: &[f64]| p.len() - p.partition_point(|&p| p < threshold);
        let (n_true, n_false) = (at_least(&events), at_least(&others));
        let true_share = prevalence * n_true as f64 / n_events as f64;
        let false_share = (1.0 - prevalence) * n_false as f64 / n_others as f64;
        let share_treated = true_share + false_share;
        Ok(net_benefit(threshold, share_treated, true_share, false_share, prevalence))
    };
    thresholds.iter().map(at).collect()
}

/// Returns the net benefit at each threshold of predicted risks 1 − S(`horizon` | x) of an event by `horizon`.
///
/// True positives are P(treated)·(1 − S⁺), false ones P(treated)·S⁺, S⁺ the Kaplan–Meier estimate at `horizon`
/// among the treated, those with risk ≥ threshold; nobody treated has 0.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NotProbability`], [`Error::OutOfDomain`] for a bad
/// threshold or horizon, [`Error::BeyondFollowUp`] when no treated patient of some threshold was followed to `horizon`.
///
/// # Source
/// Vickers et al. 2008, *BMC Medical Informatics and Decision Making* 8:53.
pub fn decision_curve_t(
    data: &Survival,
    risk_prob: &[f64],
    horizon: f64,
    thresholds: &[f64],
) -> Result<Vec<NetBenefit>, Error> {
    check_probabilities(data.event(), risk_prob)?;
    let rate = 1.0 - AtHorizon::new(data, horizon)?.survival;
    let n_samples = data.n_samples() as f64;
    let at = |&threshold: &f64| {
        check_inside("threshold", threshold)?;
        let treated: Vec<usize> = (0..risk_prob.len()).filter(|&row| risk_prob[row] >= threshold).collect();
        if treated.is_empty() {
            return Ok(net_benefit(threshold, 0.0, 0.0, 0.0, rate));
        }
        let share = treated.len() as f64 / n_samples;
        let survival = AtHorizon::new(&data.select(&treated)?, horizon)?.survival;
        Ok(net_benefit(threshold, share, share * (1.0 - survival), share * survival, rate))
    };
    thresholds.iter().map(at).collect()
}

fn net_benefit(threshold: f64, share_treated: f64, true_share: f64, false_share: f64, rate: f64) -> NetBenefit {
    let odds = threshold / (1.0 - threshold);
    let model = true_share - false_share * odds;
    let treat_all = rate - (1.0 - rate) * odds;
    NetBenefit { threshold, share_treated, model, treat_all, avoided: (model - treat_all) / odds }
}

fn check_inside(what: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::OutOfDomain { what, expected: "a value in (0, 1)", found: value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_patients_solved_by_hand() {
        // Four events, three of them and one other at or above 0.2; odds ¼.
        let y = [true, true, true, true, false, false, false, false, false, false];
        let p = [0.9, 0.5, 0.2, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1];
        let found = decision_curve(&y, &p, &[0.2], None).unwrap()[0];
        assert!((found.model - (0.3 - 0.1 * 0.25)).abs() < 1e-15);
        assert!((found.treat_all - (0.4 - 0.6 * 0.25)).abs() < 1e-15);
        assert!((found.avoided - (0.275 - 0.25) * 4.0).abs() < 1e-14);
        assert!((found.share_treated - 0.4).abs() < 1e-15);
    }

    #[test]
    fn a_threshold_below_all_risks_treats_all_and_above_all_none() {
        let y = [true, false, false, true];
        let found = decision_curve(&y, &[0.3, 0.4, 0.5, 0.6], &[0.1, 0.9], Some(0.2)).unwrap();
        assert!((found[0].model - found[0].treat_all).abs() < 1e-15 && found[0].avoided.abs() < 1e-15);
        assert_eq!((found[1].model, found[1].share_treated), (0.0, 0.0));
    }

    #[test]
    fn without_censoring_the_survival_curve_is_the_binary_one() {
        let time: Vec<f64> = (0..50).map(|k| f64::from((k * 7) % 19)).collect();
        let p: Vec<f64> = (0..50).map(|k| f64::from((k * 11) % 13) / 13.0).collect();
        let y: Vec<bool> = time.iter().map(|&t| t <= 8.0).collect();
        let data = Survival::new(time, vec![true; 50]).unwrap();
        let thresholds = [0.1, 0.4, 0.8];
        let binary = decision_curve(&y, &p, &thresholds, None).unwrap();
        for (a, b) in decision_curve_t(&data, &p, 8.0, &thresholds).unwrap().iter().zip(binary) {
            assert!((a.model - b.model).abs() < 1e-14 && (a.avoided - b.avoided).abs() < 1e-12);
        }
    }

    #[test]
    fn every_threshold_gets_an_interval_from_the_same_resamples() {
        use crate::stats::paired::{bootstrap_estimates, pick};
        let p: Vec<f64> = (0..80).map(|k| f64::from((k * 11) % 80) / 80.0).collect();
        let y: Vec<bool> = p.iter().enumerate().map(|(k, p)| p + f64::from((k as u32 * 7) % 13) / 13.0 > 0.9).collect();
        let curve = |rows: &[usize]| {
            let found = decision_curve(&pick(&y, rows), &pick(&p, rows), &[0.2, 0.5], None)?;
            Ok(found.iter().map(|point| point.model).collect())
        };
        for found in bootstrap_estimates(80, 100, 4, curve).unwrap() {
            assert!(found.lower95 < found.estimate && found.estimate < found.upper95);
        }
    }

    #[test]
    fn bad_input_is_named() {
        let y = [true, false];
        assert!(matches!(decision_curve(&y, &[0.2, 0.3], &[1.0], None), Err(Error::OutOfDomain { .. })));
        assert!(matches!(decision_curve(&y, &[0.2, 0.3], &[0.5], Some(0.0)), Err(Error::OutOfDomain { .. })));
        assert!(matches!(decision_curve(&[true; 2], &[0.2, 0.3], &[0.5], None), Err(Error::OneClass { .. })));
        let data = Survival::new(vec![1.0, 2.0, 9.0], vec![true, false, false]).unwrap();
        let at = |p: [f64; 3], horizon| decision_curve_t(&data, &p, horizon, &[0.5]);
        assert!(matches!(at([0.6, 0.7, 0.1], 3.0), Err(Error::BeyondFollowUp { .. })));
        assert!(matches!(at([0.6, 0.7, 0.1], f64::NAN), Err(Error::OutOfDomain { .. })));
        assert!(matches!(at([0.6, 0.7, f64::NAN], 3.0), Err(Error::NotFinite { .. })));
        assert_eq!(at([0.1; 3], 3.0).unwrap()[0].model, 0.0);
    }
}
