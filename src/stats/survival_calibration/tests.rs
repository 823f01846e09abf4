use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::stats::SurvivalCurves;

/// Exponential times with log hazard `x`, censored uniformly, and the true S(1 | x) and S(T | x).
fn simulated(seed: u64, n: usize) -> (Survival, Vec<f64>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut time, mut event, mut at_one, mut at_own) = (vec![], vec![], vec![], vec![]);
    for _ in 0..n {
        let rate = (2.0 * rng.random::<f64>() - 1.0).exp();
        let (died, censored) = (-(1.0 - rng.random::<f64>()).ln() / rate, 4.0 * rng.random::<f64>());
        time.push(died.min(censored));
        event.push(died <= censored);
        at_one.push((-rate).exp());
        at_own.push((-rate * died.min(censored)).exp());
    }
    (Survival::new(time, event).unwrap(), at_one, at_own)
}

#[test]
fn true_predictions_are_calibrated() {
    let (data, s, own) = simulated(1, 6000);
    let found = survival_calibration(&data, &s, 1.0).unwrap();
    assert!(found.observed_expected.lower95 < 1.0 && 1.0 < found.observed_expected.upper95);
    assert!((found.observed_expected.estimate - 1.0).abs() < 0.03);
    assert!(found.slope.lower95 < 1.0 && 1.0 < found.slope.upper95 && (found.slope.estimate - 1.0).abs() < 0.1);
    assert!(found.ici < 0.02 && found.e50 <= found.e90);
    assert!(d_calibration(&data, &own, 10).unwrap().p > 0.01);
    for group in grouped_calibration(&data, &s, 1.0, 10).unwrap() {
        assert!((group.observed.estimate - group.predicted).abs() < 0.08);
    }
}

#[test]
fn squared_survival_doubles_the_risk_scale_and_is_seen() {
    // S² = exp(−2H): level too high, slope still 1; the index is near the mean of |S − S²|.
    let (data, s, own) = simulated(2, 6000);
    let squared: Vec<f64> = s.iter().map(|s| s * s).collect();
    let found = survival_calibration(&data, &squared, 1.0).unwrap();
    assert!(found.observed_expected.upper95 < 0.85);
    assert!((found.slope.estimate - calibration_slope_t(&data, &s, 1.0).unwrap().estimate).abs() < 1e-9);
    let distance = s.iter().map(|s| s - s * s).sum::<f64>() / 6000.0;
    assert!((found.ici - distance).abs() < 0.02, "{} {distance}", found.ici);
    let own: Vec<f64> = own.iter().map(|s| s * s).collect();
    assert!(d_calibration(&data, &own, 10).unwrap().p < 1e-6);
}

#[test]
fn predictions_twice_too_extreme_have_slope_one_half() {
    let (data, s, _) = simulated(3, 6000);
    let extreme: Vec<f64> = s.iter().map(|s| (-(-s.ln()).powi(2)).exp()).collect();
    let ratio = calibration_slope_t(&data, &s, 1.0).unwrap().estimate
        / calibration_slope_t(&data, &extreme, 1.0).unwrap().estimate;
    assert!((ratio - 2.0).abs() < 1e-9);
}

#[test]
fn therneaus_six_rows_give_efrons_coefficient() {
    // Therneau & Grambsch 2000, appendix E: β̂ = 1.676857 for x = 1 1 1 0 0 0.
    let data = Survival::new(vec![1.0, 1.0, 6.0, 6.0, 8.0, 9.0], vec![true, false, true, true, false, true]).unwrap();
    let fit = Hazard::fit(&data, &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], 1, 9.0).unwrap();
    assert!((fit.coef[0] - 1.676_857).abs() < 5e-7);
}

#[test]
fn censored_mass_is_spread_evenly_below() {
    // One patient censored at S = 0.6 with five bins: a third of her in each of the lower three.
    let data = Survival::new(vec![1.0, 2.0], vec![false, true]).unwrap();
    let found = d_calibration(&data, &[0.6, 0.2], 5).unwrap();
    let third = 1.0 / 3.0;
    for (mass, expected) in found.observed.iter().zip([third, third + 1.0, third, 0.0, 0.0]) {
        assert!((mass - expected).abs() < 1e-14, "{:?}", found.observed);
    }
    let ends = d_calibration(&data, &[0.0, 1.0], 5).unwrap();
    assert_eq!(ends.observed, [1.0, 0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn own_survival_reads_each_curve_at_its_time() {
    let data = Survival::new(vec![0.5, 2.0], vec![true, true]).unwrap();
    let curves = SurvivalCurves::new(vec![1.0, 2.0], 2, vec![0.9, 0.8, 0.7, 0.6]).unwrap();
    assert_eq!(own_survival(&data, &curves).unwrap(), [1.0, 0.6]);
}

#[test]
fn equal_predictions_stay_in_one_group_and_row_order_never_matters() {
    let (data, s, _) = simulated(4, 300);
    let coarse: Vec<f64> = s.iter().map(|s| (s * 4.0).round() / 4.0).collect();
    let groups = grouped_calibration(&data, &coarse, 1.0, 10).unwrap();
    assert!(groups.len() <= 5 && groups.iter().map(|group| group.n_samples).sum::<usize>() == 300);
    let order: Vec<usize> = (0..300).rev().collect();
    let turned: Vec<f64> = order.iter().map(|&row| coarse[row]).collect();
    for (a, b) in groups.iter().zip(grouped_calibration(&data.select(&order).unwrap(), &turned, 1.0, 10).unwrap()) {
        assert!((a.predicted - b.predicted).abs() < 1e-14 && (a.observed.estimate - b.observed.estimate).abs() < 1e-14);
    }
}

#[test]
fn a_group_without_events_has_jeffreyss_interval() {
    let data = Survival::new(vec![5.0, 5.0, 5.0, 1.0, 1.0], vec![false, false, false, true, true]).unwrap();
    let groups = grouped_calibration(&data, &[0.9, 0.9, 0.9, 0.1, 0.1], 3.0, 2).unwrap();
    assert_eq!(groups[0].observed.estimate, 0.0);
    assert!(groups[0].observed.upper95 > 0.3 && groups[1].observed.lower95 < 0.7);
}

#[test]
fn certain_and_constant_predictions_give_finite_numbers_or_names() {
    let (data, mut s, _) = simulated(5, 200);
    let constant = vec![0.4; 200];
    assert_eq!(calibration_slope_t(&data, &constant, 1.0), Err(Error::Constant { n_samples: 200 }));
    let [ici, ..] = calibration_indices_t(&data, &constant, 1.0).unwrap();
    assert!((ici - (0.4 - AtHorizon::new(&data, 1.0).unwrap().survival).abs()).abs() < 1e-12);
    (s[0], s[1]) = (0.0, 1.0);
    if let Ok(found) = survival_calibration(&data, &s, 1.0) {
        assert!([found.slope.estimate, found.slope.upper95, found.ici, found.e90].iter().all(|v| v.is_finite()));
    }
}

#[test]
fn bad_input_is_named() {
    let data = Survival::new(vec![1.0, 2.0, 3.0], vec![true, true, false]).unwrap();
    let s = [0.2, 0.5, 0.8];
    assert!(matches!(survival_calibration(&data, &s, 9.0), Err(Error::BeyondFollowUp { .. })));
    assert!(matches!(survival_calibration(&data, &s, f64::NAN), Err(Error::OutOfDomain { .. })));
    assert!(matches!(observed_expected(&data, &s, 0.5), Err(Error::OneClass { .. })));
    assert!(matches!(calibration_slope_t(&data, &s, 0.5), Err(Error::NoEvents { .. })));
    assert!(matches!(calibration_slope_t(&data, &s, 2.0), Err(Error::MonotoneLikelihood { .. })));
    assert!(matches!(calibration_slope_t(&data, &s[1..], 2.0), Err(Error::LengthMismatch { .. })));
    assert!(matches!(d_calibration(&data, &[0.2, 0.4, f64::NAN], 10), Err(Error::NotFinite { .. })));
    assert!(matches!(d_calibration(&data, &s, 1), Err(Error::OutOfDomain { .. })));
    assert!(matches!(grouped_calibration(&data, &s, 1.0, 0), Err(Error::OutOfDomain { .. })));
}
