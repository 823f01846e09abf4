use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const OBJECTIVES: [StackObjective; 3] =
    [StackObjective::ProbabilityLogLoss, StackObjective::ProbabilityBrier, StackObjective::LogitLogLoss];

/// Outcomes from a hidden logit and `n_models` noisy views of it.
fn sample(seed: u64, n: usize, n_models: usize) -> (Vec<bool>, Vec<Vec<f64>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let truth: Vec<f64> = (0..n).map(|_| rng.random_range(-2.5..2.5)).collect();
    let y = truth.iter().map(|&eta| rng.random_bool(expit(eta))).collect();
    let models = (0..n_models)
        .map(|k| truth.iter().map(|eta| expit(eta + (0.5 + k as f64) * rng.random_range(-1.0..1.0))).collect())
        .collect();
    (y, models)
}

fn loss(y: &[bool], models: &[Vec<f64>], weights: &[f64], objective: StackObjective) -> f64 {
    let pooled = pool_probabilities(weights, models, objective).unwrap();
    match objective {
        StackObjective::ProbabilityBrier => stats::brier(y, &pooled).unwrap(),
        _ => stats::log_loss(y, &pooled).unwrap(),
    }
}

/// Every point of the simplex with coordinates in steps of 1/`steps`.
fn grid(n_models: usize, steps: usize) -> Vec<Vec<f64>> {
    if n_models == 1 {
        return vec![vec![1.0]];
    }
    let mut points = Vec::new();
    for first in 0..=steps {
        let rest = 1.0 - first as f64 / steps as f64;
        for tail in grid(n_models - 1, steps) {
            let mut point = vec![first as f64 / steps as f64];
            point.extend(tail.iter().map(|weight| weight * rest));
            points.push(point);
        }
    }
    points
}

#[test]
fn no_point_of_a_grid_beats_the_weights() {
    for (n_models, steps) in [(2, 1000), (3, 40)] {
        for seed in 0..6 {
            let (y, models) = sample(seed, 60, n_models);
            for objective in OBJECTIVES {
                let found = stack_probabilities(&y, &models, objective).unwrap();
                assert!((loss(&y, &models, &found.weights, objective) - found.loss).abs() < 1e-12);
                let best =
                    grid(n_models, steps).iter().map(|w| loss(&y, &models, w, objective)).fold(f64::MAX, f64::min);
                assert!(found.loss <= best + 1e-12, "{objective:?} {seed}");
                assert!(best - found.loss < 1e-3, "{objective:?} {seed}: {best} {}", found.loss);
            }
        }
    }
}

#[test]
fn weights_meet_the_optimality_conditions_by_finite_differences() {
    for seed in 0..10 {
        let (y, models) = sample(seed, 150, 5);
        for objective in OBJECTIVES {
            let found = stack_probabilities(&y, &models, objective).unwrap();
            assert!(found.duality_gap < 1e-10);
            assert!(found.losses.iter().all(|&alone| found.loss <= alone + 1e-12));
            // Moving a little weight from any model in use to any other must not help at first order.
            for from in (0..5).filter(|&k| found.weights[k] > 1e-6) {
                for to in (0..5).filter(|&k| k != from) {
                    let mut moved = found.weights.clone();
                    moved[from] -= 1e-6;
                    moved[to] += 1e-6;
                    assert!(loss(&y, &models, &moved, objective) > found.loss - 1e-13);
                }
            }
        }
    }
}

#[test]
fn a_brier_stack_of_two_models_solved_by_hand() {
    let y = [true, false];
    // Residuals p − y are r₁, r₂; without bounds w₁ = r₂·(r₂ − r₁)/|r₂ − r₁|².
    // r₁ = (−0.4, 0.2), r₂ = (−0.1, 0.3): w₁ = (−0.03 + 0.03)/0.1 = 0.
    let models = [vec![0.6, 0.2], vec![0.9, 0.3]];
    let found = stack_probabilities(&y, &models, StackObjective::ProbabilityBrier).unwrap();
    assert!(found.weights[0].abs() < 1e-9 && (found.loss - 0.05).abs() < 1e-12);
    // r₁ = (−0.4, 0.1), r₂ = (−0.1, 0.3): w₁ = (−0.03 + 0.06)/0.13 = 3/13.
    let models = [vec![0.6, 0.1], vec![0.9, 0.3]];
    let found = stack_probabilities(&y, &models, StackObjective::ProbabilityBrier).unwrap();
    assert!((found.weights[0] - 3.0 / 13.0).abs() < 1e-9);
}

#[test]
fn models_that_predict_alike_share_their_weight_and_a_single_model_gets_all() {
    let (y, models) = sample(3, 80, 1);
    let twice = [models[0].clone(), models[0].clone()];
    for objective in OBJECTIVES {
        let found = stack_probabilities(&y, &twice, objective).unwrap();
        assert!((found.weights[0] - 0.5).abs() < 1e-6);
        assert_eq!(stack_probabilities(&y, &models, objective).unwrap().weights, [1.0]);
    }
}

#[test]
fn permuting_models_permutes_the_weights() {
    let (y, mut models) = sample(8, 200, 4);
    for objective in OBJECTIVES {
        let a = stack_probabilities(&y, &models, objective).unwrap();
        models.reverse();
        let b = stack_probabilities(&y, &models, objective).unwrap();
        models.reverse();
        assert!(a.weights.iter().zip(b.weights.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!((a.loss - b.loss).abs() < 1e-12);
    }
}

#[test]
fn certain_mistakes_stay_finite() {
    let models = [vec![1.0, 0.0, 1.0, 0.0], vec![0.6, 0.4, 0.4, 0.6]];
    let y = [true, false, false, true];
    for objective in OBJECTIVES {
        let found = stack_probabilities(&y, &models, objective).unwrap();
        assert!(found.loss.is_finite() && found.duality_gap.is_finite(), "{objective:?}");
    }
}

/// Exponential times with three models' curves: the truth, a flat one and one too steep; no censoring.
fn survival_sample(seed: u64, n: usize) -> (Vec<SurvivalCurves>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let x: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    let event_time: Vec<f64> = x.iter().map(|x| -(1.0 - rng.random::<f64>()).ln() / x.exp()).collect();
    let times: Vec<f64> = (1..12).map(|k| 0.2 * f64::from(k)).collect();
    let model = |slope: f64| {
        let values = x.iter().flat_map(|x| times.iter().map(move |t| (-t * (slope * x).exp()).exp())).collect();
        SurvivalCurves::new(times.clone(), n, values).unwrap()
    };
    (vec![model(0.2), model(1.9), model(-0.5)], event_time)
}

#[test]
fn survival_weights_beat_every_point_of_a_grid() {
    for seed in 0..5 {
        let (curves, event_time) = survival_sample(seed, 120);
        let n_times = curves[0].times().len();
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let ipcw: Vec<f64> = (0..120 * n_times).map(|_| rng.random_range(0.0..2.0)).collect();
        let found = stack_survival(&curves, &event_time, &ipcw).unwrap();
        let time_weights = trapezoid(curves[0].times());
        let ibs = |weights: &[f64]| -> f64 {
            let pooled = pool_survival(weights, &curves).unwrap();
            let mut sum = 0.0;
            for (row, exit) in event_time.iter().enumerate() {
                for (at, time) in curves[0].times().iter().enumerate() {
                    let alive = f64::from(u8::from(exit > time));
                    sum += time_weights[at] * ipcw[row * n_times + at] * (alive - pooled.row(row)[at]).powi(2) / 120.0;
                }
            }
            sum
        };
        assert!((ibs(&found.weights) - found.loss).abs() < 1e-14);
        let best = grid(3, 60).iter().map(|weights| ibs(weights)).fold(f64::MAX, f64::min);
        assert!(found.loss <= best + 1e-13 && best - found.loss < 1e-4, "{seed}");
        assert!(found.duality_gap < 1e-10);
    }
}

#[test]
fn the_trapezoid_rule_integrates_a_line_exactly() {
    let times = [1.0, 1.5, 4.0, 5.0];
    let mean: f64 = trapezoid(&times).iter().zip(times).map(|(weight, time)| weight * (3.0 * time + 1.0)).sum();
    assert!((mean - 10.0).abs() < 1e-14);
    assert_eq!(trapezoid(&[3.0]), [1.0]);
}

#[test]
fn bad_input_is_refused() {
    let y = [true, false];
    let none: [Vec<f64>; 0] = [];
    let brier = StackObjective::ProbabilityBrier;
    assert!(matches!(stack_probabilities(&y, &none, brier), Err(Error::Stats(stats::Error::TooFew { .. }))));
    assert!(matches!(
        stack_probabilities(&y, &[vec![0.1]], brier),
        Err(Error::Stats(stats::Error::LengthMismatch { .. }))
    ));
    assert!(matches!(
        stack_probabilities(&[true; 2], &[vec![0.1; 2]], brier),
        Err(Error::Stats(stats::Error::OneClass { .. }))
    ));
    assert!(matches!(
        stack_probabilities(&y, &[vec![0.1, f64::NAN]], brier),
        Err(Error::Stats(stats::Error::NotFinite { .. }))
    ));
    assert!(pool_probabilities(&[0.4, 0.4], &[vec![0.1], vec![0.2]], brier).is_err());
    assert!(equal_weights(0).is_err());
    let curve = |times: &[f64]| SurvivalCurves::new(times.to_vec(), 1, vec![0.5; times.len()]).unwrap();
    assert!(stack_survival(&[], &[], &[]).is_err());
    assert!(stack_survival(&[curve(&[1.0]), curve(&[2.0])], &[1.0], &[1.0]).is_err());
    assert!(stack_survival(&[curve(&[1.0])], &[1.0], &[-1.0]).is_err());
    assert!(stack_survival(&[curve(&[1.0])], &[1.0], &[]).is_err());
    assert!(stack_survival(&[curve(&[])], &[1.0], &[]).is_err());
}
