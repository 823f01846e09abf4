//! Restricted mean survival time: the area under a Kaplan–Meier curve up to a horizon.

use serde::{Deserialize, Serialize};

use super::influence::Influence;
use super::risk_table::RiskTable;
use super::{CurveOptions, Error, Survival, Variance, normal};
use crate::terms::Estimate;

/// The mean event time within a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rmst {
    /// The horizon, in the unit of the data.
    pub tau: f64,
    /// Mean of min(event time, `tau`) with its normal 95 % interval, in the unit of the data; higher is better.
    pub mean: Estimate,
    /// Standard error of the mean.
    pub std_err: f64,
}

/// The difference of two independent groups' restricted mean survival times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RmstDifference {
    /// The common horizon.
    pub tau: f64,
    /// First group's mean minus the second's with its normal 95 % interval; positive when the first lives longer.
    pub difference: Estimate,
    /// Standard error of the difference.
    pub std_err: f64,
    /// The difference over its standard error.
    pub z: f64,
    /// Two-sided p-value of no difference.
    pub p: f64,
}

/// Returns the restricted mean survival time ∫₀^τ S(t) dt with its standard error.
///
/// The model-based variance is Σ over event times u ≤ τ of A(u)² d/(n(n − d)) with A(u) = ∫ᵤ^τ S; the jackknife's is
/// that of the same area. Both agree without weights and delayed entry. The interval is the mean ± 1.96 standard
/// errors, whatever `level` and `conf_type` the options hold. O(n log n).
///
/// # Errors
/// [`Error::OutOfDomain`] unless `tau` is finite and above 0, [`Error::BeyondFollowUp`] when `tau` lies past the last
/// time while S is above 0 there, [`Error::OutOfDomain`] for times so long that their squares overflow, and those
/// of [`KaplanMeier::fit`](super::KaplanMeier::fit).
///
/// # Source
/// Irwin 1949; Klein & Moeschberger 2003, section 4.5. Model-based: R `print(survfit(...), rmean = tau)`, for
/// fractional weights too. Jackknife: the area under each row of R `survfit(..., influence = 1)$influence.surv`, squared
/// and summed.
pub fn rmst(data: &Survival, options: &CurveOptions<'_>, tau: f64) -> Result<Rmst, Error> {
    if !(tau.is_finite() && tau > 0.0) {
        return Err(Error::OutOfDomain { what: "tau", expected: "a finite number above 0", found: tau });
    }
    let event = data.event();
    let table = RiskTable::new(data.event_time(), |row| u32::from(event[row]), options)?;
    let (mean, variance) = match options.variance_used() {
        Variance::ModelBased => model_based(&table, tau)?,
        Variance::InfinitesimalJackknife => jackknife(&table, options.weights, tau)?,
    };
    if !variance.is_finite() {
        // Times near the square root of the largest f64.
        return Err(Error::OutOfDomain { what: "variance of the mean", expected: "a finite number", found: variance });
    }
    let std_err = variance.sqrt();
    Ok(Rmst { tau, mean: normal_interval(mean, std_err), std_err })
}

/// Returns the difference `first` − `second` of two independent groups' restricted means.
///
/// Its variance is the sum of both variances; z and p are those of a normal test.
///
/// # Errors
/// [`Error::OutOfDomain`] when the horizons differ, [`Error::NoVariance`] when both standard errors are 0 and the
/// means differ.
///
/// # Source
/// Royston & Parmar 2013; R `survRM2::rmst2`, unadjusted.
pub fn rmst_difference(first: &Rmst, second: &Rmst) -> Result<RmstDifference, Error> {
    if first.tau != second.tau {
        let expected = "the first group's horizon";
        return Err(Error::OutOfDomain { what: "tau of the second group", expected, found: second.tau });
    }
    let difference = first.mean.estimate - second.mean.estimate;
    let std_err = first.std_err.hypot(second.std_err);
    let z = if std_err > 0.0 {
        difference / std_err
    } else if difference == 0.0 {
        0.0
    } else {
        return Err(Error::NoVariance { difference });
    };
    let p = normal::two_sided_p(z);
    Ok(RmstDifference { tau: first.tau, difference: normal_interval(difference, std_err), std_err, z, p })
}

fn normal_interval(estimate: f64, std_err: f64) -> Estimate {
    let half_width = normal::Z95 * std_err;
    Estimate { estimate, lower95: estimate - half_width, upper95: estimate + half_width }
}

fn check_follow_up(table: &RiskTable, survival: f64, tau: f64) -> Result<(), Error> {
    match table.times.last() {
        Some(&last) if tau > last && survival > 0.0 => Err(Error::BeyondFollowUp { time: tau, last }),
        _ => Ok(()),
    }
}

/// Area and Greenwood-type variance.
fn model_based(table: &RiskTable, tau: f64) -> Result<(f64, f64), Error> {
    let n_times = table.times.partition_point(|&time| time <= tau);
    let (mut survival, mut area, mut since) = (1.0, 0.0, 0.0);
    let mut areas = Vec::with_capacity(n_times);
    for at in 0..n_times {
        area += survival * (table.times[at] - since);
        since = table.times[at];
        survival *= 1.0 - table.hazard(at);
        areas.push(area);
    }
    check_follow_up(table, survival, tau)?;
    area += survival * (tau - since);
    let term = |at: usize| {
        let (rest, step) = (area - areas[at], table.greenwood_step(at));
        // Where everybody fails nothing of the area is left, and the infinite step weighs nothing.
        if step.is_finite() { rest * rest * step } else { 0.0 }
    };
    Ok((area, (0..n_times).map(term).fold(0.0, |sum, term| sum + term)))
}

/// Area and infinitesimal-jackknife variance.
fn jackknife(table: &RiskTable, weights: Option<&[f64]>, tau: f64) -> Result<(f64, f64), Error> {
    let n_times = table.times.partition_point(|&time| time <= tau);
    let mut influence = Influence::new(table, weights);
    let (mut area, mut since) = (0.0, 0.0);
    for at in 0..n_times {
        let span = table.times[at] - since;
        since = table.times[at];
        area += influence.survival() * span;
        influence.advance(span, 0.0);
        influence.enter(at);
        influence.pass_survival(at);
    }
    check_follow_up(table, influence.survival(), tau)?;
    area += influence.survival() * (tau - since);
    influence.advance(tau - since, 0.0);
    Ok((area, influence.variance_of_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;

    fn six_rows() -> Survival {
        Survival::new(vec![1.0, 2.0, 2.0, 3.0, 4.0, 5.0], vec![false, true, false, true, true, true]).unwrap()
    }

    #[test]
    fn six_rows_solved_by_hand() {
        // S = 1, 4/5, 8/15, 4/15 from 0, 2, 3, 4: to 4.5 the area is 2 + 4/5 + 8/15 + 2/15 = 52/15.
        let found = rmst(&six_rows(), &CurveOptions::default(), 4.5).unwrap();
        assert!((found.mean.estimate - 52.0 / 15.0).abs() < 1e-15);
        // Rests 22/15, 10/15, 2/15 with d/(n(n−d)) = 1/20, 1/6, 1/2.
        let variance: f64 = (484.0 / 20.0 + 100.0 / 6.0 + 4.0 / 2.0) / 225.0;
        assert!((found.std_err - variance.sqrt()).abs() < 1e-15);
        // The curve has ended at 5, so the mean does not change any more.
        let (five, nine) =
            (rmst(&six_rows(), &CurveOptions::default(), 5.0), rmst(&six_rows(), &CurveOptions::default(), 9.0));
        assert_eq!(five.unwrap().mean, nine.unwrap().mean);
    }

    #[test]
    fn both_variances_agree_without_weights_and_entries() {
        let jackknife = CurveOptions { variance: Some(Variance::InfinitesimalJackknife), ..CurveOptions::default() };
        for seed in 0..20 {
            let data = Sample::new(seed, 35).survival();
            let (a, b) = (rmst(&data, &CurveOptions::default(), 4.2).unwrap(), rmst(&data, &jackknife, 4.2).unwrap());
            assert!((a.std_err - b.std_err).abs() < 1e-13 && (a.mean.estimate - b.mean.estimate).abs() < 1e-13);
        }
    }

    #[test]
    fn without_censoring_it_is_the_mean_of_the_clipped_times() {
        let times = [1.0, 2.0, 4.0, 7.0];
        let found =
            rmst(&Survival::new(times.to_vec(), vec![true; 4]).unwrap(), &CurveOptions::default(), 5.0).unwrap();
        assert!((found.mean.estimate - 3.0).abs() < 1e-15);
        // Σ (t − 3)²/n over n.
        assert!((found.std_err - (10.0_f64 / 16.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn before_the_first_event_the_mean_is_the_horizon() {
        let found = rmst(&six_rows(), &CurveOptions::default(), 0.5).unwrap();
        assert_eq!((found.mean.estimate, found.std_err), (0.5, 0.0));
        let same = rmst_difference(&found, &found).unwrap();
        assert_eq!((same.z, same.p), (0.0, 1.0));
    }

    #[test]
    fn swapping_the_groups_turns_the_difference() {
        let options = CurveOptions::default();
        let (a, b) = (Sample::new(1, 30).survival(), Sample::new(2, 30).survival());
        let (a, b) = (rmst(&a, &options, 4.0).unwrap(), rmst(&b, &options, 4.0).unwrap());
        let (ab, ba) = (rmst_difference(&a, &b).unwrap(), rmst_difference(&b, &a).unwrap());
        assert_eq!((ab.z, ab.p, ab.difference.lower95), (-ba.z, ba.p, -ba.difference.upper95));
        assert!((ab.std_err.powi(2) - a.std_err.powi(2) - b.std_err.powi(2)).abs() < 1e-15);
    }

    #[test]
    fn horizons_past_the_follow_up_negative_or_unequal_are_errors() {
        let data = Survival::new(vec![1.0, 2.0], vec![true, false]).unwrap();
        let options = CurveOptions::default();
        assert_eq!(rmst(&data, &options, 3.0), Err(Error::BeyondFollowUp { time: 3.0, last: 2.0 }));
        for tau in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(rmst(&data, &options, tau), Err(Error::OutOfDomain { what: "tau", .. })));
        }
        let (one, two) = (rmst(&data, &options, 1.0).unwrap(), rmst(&data, &options, 2.0).unwrap());
        assert!(matches!(rmst_difference(&one, &two), Err(Error::OutOfDomain { .. })));
        let certain = Rmst { mean: Estimate { estimate: 0.4, lower95: 0.4, upper95: 0.4 }, ..one };
        let other = Rmst { mean: Estimate { estimate: 0.5, lower95: 0.5, upper95: 0.5 }, ..one };
        assert!(matches!(rmst_difference(&certain, &other), Err(Error::NoVariance { .. })));
    }
}
