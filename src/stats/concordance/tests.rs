use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::stats::ipcw::EventLimit;

/// Every pair looked at: concordant, discordant, tied risk, tied time, tied both, weighted by the earlier event.
fn brute(data: &Survival, risk: &[f64], weight: &[f64]) -> [f64; 5] {
    let (time, event) = (data.event_time(), data.event());
    let mut counts = [0.0; 5];
    for i in 0..risk.len() {
        for j in 0..risk.len() {
            if event[i] && (time[j] > time[i] || (time[j] == time[i] && !event[j])) {
                let kind = if risk[i] > risk[j] { 0 } else { 1 + usize::from(risk[i] == risk[j]) };
                counts[kind] += weight[i];
            }
            if i < j && event[i] && event[j] && time[i] == time[j] {
                counts[3 + usize::from(risk[i] == risk[j])] += 1.0;
            }
        }
    }
    counts
}

fn simulated(seed: u64, n: usize, levels: u32) -> (Survival, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || f64::from(rng.random_range(0..levels));
    let (time, risk): (Vec<f64>, Vec<f64>) = (0..n).map(|_| (draw(), draw() - 5.0)).unzip();
    let event: Vec<bool> = (0..n).map(|_| draw() < 0.6 * f64::from(levels)).collect();
    (Survival::new(time, event).unwrap(), risk)
}

#[test]
fn tree_counts_equal_all_pairs_however_tied() {
    for (seed, levels) in [(1, 3), (2, 8), (3, 40), (4, 1_000_000)] {
        let (data, risk) = simulated(seed, 90, levels);
        let found = c_index(&data, &risk).unwrap();
        let counts = [found.concordant, found.discordant, found.tied_risk, found.tied_time, found.tied_both];
        assert_eq!(counts.map(|count| count as f64), brute(&data, &risk, &[1.0; 90]));
        assert_eq!(found.c_index, c_index_value(&data, &risk).unwrap());
    }
}

#[test]
fn standard_error_is_that_of_numerical_derivatives() {
    // Weigh row k by 1 + h: pairs weigh the product, so c's derivative is a finite difference of weighted counts.
    let (data, risk) = simulated(5, 40, 7);
    let (time, event) = (data.event_time(), data.event());
    let c = |weight: &[f64]| {
        let (mut good, mut all) = (0.0, 0.0);
        for i in 0..40 {
            for j in 0..40 {
                if event[i] && (time[j] > time[i] || (time[j] == time[i] && !event[j])) {
                    let pair = weight[i] * weight[j];
                    good += pair * if risk[i] == risk[j] { 0.5 } else { f64::from(u8::from(risk[i] > risk[j])) };
                    all += pair;
                }
            }
        }
        good / all
    };
    let derivative = |k: usize| {
        let at = |h: f64| c(&(0..40).map(|row| if row == k { 1.0 + h } else { 1.0 }).collect::<Vec<_>>());
        (at(1e-5) - at(-1e-5)) / 2e-5
    };
    let variance: f64 = (0..40).map(|k| derivative(k).powi(2)).sum();
    assert!((c_index(&data, &risk).unwrap().std_err - variance.sqrt()).abs() < 1e-9);
}

#[test]
fn uno_equals_weighted_pairs() {
    for (seed, levels) in [(6, 9), (7, 1000)] {
        let (data, risk) = simulated(seed, 120, levels);
        let tau = 0.7 * f64::from(levels);
        for limit in [EventLimit::AtTime, EventLimit::JustBefore] {
            let g = CensorSurvival::fit(&data).with_limit(limit);
            let weight = uno_weights(&g, &data, tau).unwrap();
            let [concordant, discordant, tied, ..] = brute(&data, &risk, &weight);
            let expected = (concordant + 0.5 * tied) / (concordant + discordant + tied);
            let found = c_index_ipcw(&g, &data, &risk, tau).unwrap();
            assert!((found.c_index_ipcw - expected).abs() < 1e-13);
            assert!((c_index_ipcw_value(&g, &data, &risk, tau).unwrap() - expected).abs() < 1e-13);
            assert!(found.std_err > 0.0 && found.std_err < 0.2);
        }
    }
}

#[test]
fn increasing_maps_change_nothing_and_reversal_gives_one_minus_c() {
    let (data, risk) = simulated(8, 100, 1_000_000);
    let found = c_index(&data, &risk).unwrap();
    let mapped: Vec<f64> = risk.iter().map(|value| (value / 1e6).exp()).collect();
    assert_eq!(c_index(&data, &mapped).unwrap(), found);
    let reversed: Vec<f64> = risk.iter().map(|value| -value).collect();
    let back = c_index(&data, &reversed).unwrap();
    assert!((back.c_index - (1.0 - found.c_index)).abs() < 1e-15 && (back.std_err - found.std_err).abs() < 1e-15);
}

#[test]
fn row_order_never_matters() {
    let (data, risk) = simulated(9, 80, 12);
    let order: Vec<usize> = (0..80).map(|k| (k * 37) % 80).collect();
    let shuffled: Vec<f64> = order.iter().map(|&row| risk[row]).collect();
    let (a, b) = (c_index(&data, &risk).unwrap(), c_index(&data.select(&order).unwrap(), &shuffled).unwrap());
    assert_eq!((a.c_index, a.concordant, a.tied_both), (b.c_index, b.concordant, b.tied_both));
    assert!((a.std_err - b.std_err).abs() < 1e-15);
}

#[test]
fn without_censoring_all_weights_are_one() {
    let (data, risk) = simulated(10, 60, 50);
    let all = Survival::new(data.event_time().to_vec(), vec![true; 60]).unwrap();
    let found = c_index_ipcw(&CensorSurvival::fit(&all), &all, &risk, 49.0).unwrap();
    let before: Vec<bool> = all.event_time().iter().map(|&time| time < 49.0).collect();
    let truncated = Survival::new(all.event_time().to_vec(), before).unwrap();
    assert!((found.c_index_ipcw - c_index_value(&truncated, &risk).unwrap()).abs() < 1e-14);
}

#[test]
fn weights_undo_the_censoring_that_harrells_index_depends_on() {
    // Exponential times whose hazard ratio fades: early pairs are easier, so that censoring flatters Harrell's index.
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut died, mut censored, mut risk) = (vec![], vec![], vec![]);
    for _ in 0..8000 {
        let x = f64::from(u8::from(rng.random::<f64>() < 0.5));
        let cum_hazard = -(1.0 - rng.random::<f64>()).ln();
        // Hazard 3 against 1 up to time 0.3, then equal.
        let early = 0.3 * (1.0 + 2.0 * x);
        died.push(if cum_hazard < early { cum_hazard / (1.0 + 2.0 * x) } else { 0.3 + cum_hazard - early });
        censored.push(-(1.0 - rng.random::<f64>()).ln() / 1.5);
        risk.push(x);
    }
    let tau = 1.5;
    let full = Survival::new(died.clone(), vec![true; 8000]).unwrap();
    let truth = c_index_ipcw_value(&CensorSurvival::fit(&full), &full, &risk, tau).unwrap();
    let time = died.iter().zip(&censored).map(|(died, censored)| died.min(*censored)).collect();
    let event = died.iter().zip(&censored).map(|(died, censored)| died <= censored).collect();
    let data = Survival::new(time, event).unwrap();
    let uno = c_index_ipcw(&CensorSurvival::fit(&data), &data, &risk, tau).unwrap();
    let harrell = c_index(&data, &risk).unwrap();
    assert!((uno.c_index_ipcw - truth).abs() < 3.0 * uno.std_err, "{uno:?} {truth}");
    assert!(harrell.c_index - truth > 3.0 * harrell.std_err, "{harrell:?} {truth}");
}

#[test]
fn a_constant_risk_is_chance_and_signed_zeros_are_equal() {
    let data = Survival::new(vec![1.0, 2.0, 3.0], vec![true; 3]).unwrap();
    let found = c_index(&data, &[0.0, -0.0, 0.0]).unwrap();
    assert_eq!((found.c_index, found.std_err, found.tied_risk), (0.5, 0.0, 3));
    assert_eq!(found.estimate().upper95, 0.5);
}

#[test]
fn bad_input_is_named() {
    let data = Survival::new(vec![1.0, 2.0, 3.0], vec![true, false, false]).unwrap();
    assert!(matches!(c_index(&data, &[1.0]), Err(Error::LengthMismatch { .. })));
    assert_eq!(c_index_value(&data, &[1.0, f64::NAN, 2.0]), Err(Error::NotFinite { index: 1 }));
    let censored = Survival::new(vec![1.0, 2.0], vec![false; 2]).unwrap();
    assert_eq!(c_index_value(&censored, &[1.0, 2.0]), Err(Error::NoEvents { n_samples: 2 }));
    let together = Survival::new(vec![2.0, 2.0], vec![true; 2]).unwrap();
    assert_eq!(c_index_value(&together, &[1.0, 2.0]), Err(Error::NoComparablePairs));
    let g = CensorSurvival::fit(&data);
    assert!(matches!(c_index_ipcw(&g, &data, &[1.0, 2.0, 3.0], 4.0), Err(Error::BeyondFollowUp { .. })));
    assert_eq!(c_index_ipcw(&g, &data, &[1.0, 2.0, 3.0], 0.5), Err(Error::NoComparablePairs));
    assert!(matches!(c_index_ipcw(&g, &data, &[1.0, 2.0, 3.0], f64::NAN), Err(Error::OutOfDomain { .. })));
}
