//! Smooth convex minimisation over non-negative weights that sum to 1.

use crate::learn::Error;
use crate::stats;
use crate::stats::linalg::Cholesky;

const MAX_ITERATIONS: usize = 200;
/// Convergence: the duality gap relative to 1 + |objective|.
const GAP_TOLERANCE: f64 = 1e-11;
/// Added to the diagonal of a quadratic model, relative to its mean diagonal, so that two equal models share their
/// weight.
const RIDGE: f64 = 1e-12;

/// Value, gradient and second derivatives (row-major, symmetric) of the objective at one point.
pub(super) struct Local {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    pub(super) hessian: Vec<f64>,
}

/// A minimum with the proof of how good it is.
#[derive(Debug)]
pub(super) struct Minimum {
    pub(super) weights: Vec<f64>,
    pub(super) value: f64,
    /// Upper bound on how far the value lies above the least possible one: Σ w g − min g.
    pub(super) gap: f64,
}

/// Minimises a convex function over the simplex of `size` weights.
///
/// Each step minimises the local quadratic exactly over the simplex and is halved until it helps enough; a quadratic
/// objective takes one step. The gap bounds the remaining excess by convexity: f(w) − f(v) ≤ g·(w − v) for any v.
pub(super) fn minimise_on_simplex(size: usize, objective: impl Fn(&[f64]) -> Local) -> Result<Minimum, Error> {
    let mut weights = vec![1.0 / size as f64; size];
    let mut local = objective(&weights);
    for _ in 0..MAX_ITERATIONS {
        let gap = duality_gap(&weights, &local.gradient);
        if gap <= GAP_TOLERANCE * (1.0 + local.value.abs()) {
            return Ok(Minimum { weights, value: local.value, gap });
        }
        let linear: Vec<f64> = local
            .gradient
            .iter()
            .zip(local.hessian.chunks_exact(size))
            .map(|(gradient, row)| gradient - dot(row, &weights))
            .collect();
        let target = quadratic_on_simplex(&local.hessian, &linear, &weights)?;
        let descent: f64 = local.gradient.iter().zip(&target).zip(&weights).map(|((g, t), w)| g * (t - w)).sum();
        let mut share = 1.0;
        let (next, next_local) = loop {
            let trial: Vec<f64> = weights.iter().zip(&target).map(|(w, t)| w + share * (t - w)).collect();
            let trial_local = objective(&trial);
            // Below rounding of the value nothing can be told from it: accept when the gap shrinks.
            let enough = trial_local.value <= local.value + 1e-4 * share * descent;
            let flat = descent.abs() <= 1e-12 * (1.0 + local.value.abs());
            if enough || (flat && duality_gap(&trial, &trial_local.gradient) < gap) {
                break (trial, trial_local);
            }
            share *= 0.5;
            if share < 1e-12 {
                return Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into());
            }
        };
        (weights, local) = (next, next_local);
    }
    Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into())
}

/// Σ w g − min g, never negative on the simplex.
fn duality_gap(weights: &[f64], gradient: &[f64]) -> f64 {
    let lowest = gradient.iter().copied().fold(f64::INFINITY, f64::min);
    weights.iter().zip(gradient).map(|(weight, g)| weight * (g - lowest)).sum()
}

/// The weights on the simplex that minimise ½ wᵀ`q`w + `c`·w, by an active-set method from `start`.
///
/// # Source
/// Lawson & Hanson 1974, chapter 23, with the sum held at 1.
fn quadratic_on_simplex(q: &[f64], c: &[f64], start: &[f64]) -> Result<Vec<f64>, Error> {
    let size = c.len();
    let ridge = RIDGE * (0..size).map(|k| q[k * size + k]).sum::<f64>() / size as f64 + f64::MIN_POSITIVE;
    let entry = |a: usize, b: usize| q[a * size + b] + if a == b { ridge } else { 0.0 };
    let scale = 1.0 + c.iter().chain(q).map(|value| value.abs()).fold(0.0, f64::max);
    let mut weights = start.to_vec();
    let mut free: Vec<bool> = weights.iter().map(|&weight| weight > 0.0).collect();
    // Each round ends at the minimum of its free set, lower than the last: no set comes twice.
    for _ in 0..(50 + 20 * size) {
        loop {
            let inside: Vec<usize> = (0..size).filter(|&k| free[k]).collect();
            let solution = equality_constrained(&inside, entry, c)?;
            let mut share = 1.0;
            for (&k, &aim) in inside.iter().zip(&solution) {
                if aim < 0.0 {
                    share = f64::min(share, weights[k] / (weights[k] - aim));
                }
            }
            for (&k, &aim) in inside.iter().zip(&solution) {
                weights[k] += share * (aim - weights[k]);
            }
            if share >= 1.0 {
                break;
            }
            let mut dropped = false;
            for (&k, &aim) in inside.iter().zip(&solution) {
                if aim < 0.0 && weights[k] <= 1e-15 {
                    (weights[k], free[k], dropped) = (0.0, false, true);
                }
            }
            if !dropped {
                // The blocking weight is zero but for rounding.
                let blocking = inside.iter().zip(&solution).filter(|(_, aim)| **aim < 0.0).map(|(&k, _)| k);
                if let Some(k) = blocking.min_by(|&a, &b| weights[a].total_cmp(&weights[b])) {
                    (weights[k], free[k]) = (0.0, false);
                }
            }
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let gradient: Vec<f64> =
            (0..size).map(|a| c[a] + (0..size).map(|b| entry(a, b) * weights[b]).sum::<f64>()).collect();
        let level = dot(&weights, &gradient);
        let entering = (0..size).filter(|&k| !free[k]).min_by(|&a, &b| gradient[a].total_cmp(&gradient[b]));
        match entering {
            Some(k) if gradient[k] < level - 1e-14 * scale => free[k] = true,
            _ => return Ok(weights),
        }
    }
    Err(stats::Error::NotConverged { n_iterations: 50 + 20 * size }.into())
}

/// The minimum of the quadratic over the weights `inside`, which sum to 1 but may be negative.
fn equality_constrained(inside: &[usize], entry: impl Fn(usize, usize) -> f64, c: &[f64]) -> Result<Vec<f64>, Error> {
    let Some((&last, others)) = inside.split_last() else {
        return Err(stats::Error::TooFew { what: "models", needed: 1, found: 0 }.into());
    };
    if others.is_empty() {
        return Ok(vec![1.0]);
    }
    // With w_last = 1 − Σ others the sum holds by construction and the reduced matrix keeps its definiteness.
    let n = others.len();
    let (mut matrix, mut right) = (vec![0.0; n * n], vec![0.0; n]);
    for (i, &a) in others.iter().enumerate() {
        right[i] = entry(last, last) - entry(a, last) + c[last] - c[a];
        for (j, &b) in others.iter().enumerate() {
            matrix[i * n + j] = entry(a, b) - entry(a, last) - entry(last, b) + entry(last, last);
        }
    }
    // Models that differ by next to nothing: their shares are free, so the diagonal may grow until the factor exists.
    let diagonal: f64 = (0..n).map(|i| matrix[i * n + i]).sum::<f64>() / n as f64 + f64::MIN_POSITIVE;
    let mut extra = 0.0;
    let factor = loop {
        match Cholesky::new(&matrix, n) {
            Ok(factor) => break factor,
            Err(error) if extra > 1e-3 * diagonal => return Err(error.into()),
            Err(_) => {
                let next = if extra == 0.0 { 1e-11 * diagonal } else { 10.0 * extra };
                (0..n).for_each(|i| matrix[i * n + i] += next - extra);
                extra = next;
            }
        }
    };
    let mut weights = factor.solve(&right)?;
    weights.push(1.0 - weights.iter().sum::<f64>());
    Ok(weights)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn quadratic(q: &[f64], c: &[f64]) -> impl Fn(&[f64]) -> Local {
        move |w| {
            let size = c.len();
            let product: Vec<f64> = q.chunks_exact(size).map(|row| dot(row, w)).collect();
            let gradient = product.iter().zip(c).map(|(a, b)| a + b).collect();
            Local { value: 0.5 * dot(&product, w) + dot(c, w), gradient, hessian: q.to_vec() }
        }
    }

    #[test]
    fn projections_on_the_simplex_solved_by_hand() {
        // Nearest point of the simplex to (0.9, 0.5, −3): (0.7, 0.3, 0).
        let q = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let found = minimise_on_simplex(3, quadratic(&q, &[-0.9, -0.5, 3.0])).unwrap();
        for (weight, expected) in found.weights.iter().zip([0.7, 0.3, 0.0]) {
            assert!((weight - expected).abs() < 1e-10);
        }
    }

    #[test]
    fn random_quadratics_meet_the_optimality_conditions() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let size = rng.random_range(1..9);
            // Rank below the size in every third case.
            let rank = if seed % 3 == 0 { 1 + size / 2 } else { size + 2 };
            let a: Vec<f64> = (0..rank * size).map(|_| rng.random_range(-1.0..1.0)).collect();
            let q: Vec<f64> = (0..size * size)
                .map(|at| (0..rank).map(|r| a[r * size + at / size] * a[r * size + at % size]).sum())
                .collect();
            let c: Vec<f64> = (0..size).map(|_| rng.random_range(-1.0..1.0)).collect();
            let found = minimise_on_simplex(size, quadratic(&q, &c)).unwrap();
            assert!(found.gap < 1e-10, "{seed} {}", found.gap);
            assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            assert!(found.weights.iter().all(|&weight| weight >= 0.0));
        }
    }
}
