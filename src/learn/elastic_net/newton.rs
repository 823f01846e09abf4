//! One penalised fit: proximal Newton steps with a line search, the quadratic model solved by coordinate descent.

use super::standardise::{add_scaled, dot};
use crate::learn::Error;
use crate::stats;

/// Violation of the optimality conditions at which a fit ends.
const TARGET: f64 = 1e-10;
/// Violation that is still accepted where rounding allows no further step.
pub(super) const ACCEPTED: f64 = 1e-7;
const MAX_STEPS: usize = 200;
const MAX_SWEEPS: usize = 2_000;
/// Changes of sign that one linear solve may run into before coordinate descent takes over again.
const MAX_CROSSINGS: usize = 8;
/// A Hessian is kept while steps with it shrink the violation at least to this share.
const KEEPS_HESSIAN: f64 = 0.1;
const SMALLEST_SHARE: f64 = 1e-12;
/// A pivot below this share of its diagonal element means a column that is a combination of others.
const SMALLEST_PIVOT: f64 = 1e-14;
/// Share added to the Hessian's diagonal, so that nearly collinear columns stay solvable; it slows Newton's method
/// only where the curvature is as small as that.
const DAMPING: f64 = 1e-11;
/// A Newton step this long (in standard deviations) from where all slopes vanish: the loss falls for ever that way.
const ENDLESS_STEP: f64 = 1e-2;

/// A mean negative log-likelihood as a function of the linear predictor η, convex and twice differentiable.
pub(super) trait Loss: Sync {
    /// What is known at one η.
    type Point: Default;
    /// Whether a constant shift of η matters, so that an intercept is fitted.
    const INTERCEPT: bool;

    /// Moves `point` to `eta` and returns the loss there.
    fn evaluate(&self, eta: &[f64], point: &mut Self::Point) -> f64;
    /// −∂loss/∂ηᵢ.
    fn residual<'a>(&self, point: &'a Self::Point) -> &'a [f64];
    /// The Hessian along `columns`, row-major, columns² values.
    fn hessian(&self, point: &Self::Point, columns: &[&[f64]], into: &mut Vec<f64>);
    /// The least loss that any η could have.
    fn saturated(&self) -> f64;
    /// What is wrong when the loss falls for ever along unpenalised `column`.
    fn no_minimum(column: usize) -> stats::Error;
}

/// λ·fⱼ·α and λ·fⱼ·(1 − α) of one column.
#[derive(Clone, Copy)]
pub(super) struct Penalty {
    pub l1: f64,
    pub l2: f64,
}

impl Penalty {
    fn value(self, coef: f64) -> f64 {
        self.l1 * coef.abs() + 0.5 * self.l2 * coef * coef
    }

    /// Distance of 0 from the subdifferential, `slope` being the negative gradient of the smooth loss.
    pub(super) fn violation(self, slope: f64, coef: f64) -> f64 {
        let rest = slope - self.l2 * coef;
        if coef == 0.0 { (rest.abs() - self.l1).max(0.0) } else { (rest - self.l1 * coef.signum()).abs() }
    }
}

/// The coefficients on their way along the path.
pub(super) struct Fit<'a, L: Loss> {
    loss: &'a L,
    columns: &'a [&'a [f64]],
    /// Original positions of the columns, for errors; the intercept has none.
    positions: &'a [usize],
    pub coef: Vec<f64>,
    eta: Vec<f64>,
    point: L::Point,
    pub value: f64,
    hessian: Vec<f64>,
}

impl<'a, L: Loss> Fit<'a, L> {
    pub(super) fn new(loss: &'a L, columns: &'a [&'a [f64]], positions: &'a [usize], n_rows: usize) -> Self {
        let (eta, mut point) = (vec![0.0; n_rows], L::Point::default());
        let value = loss.evaluate(&eta, &mut point);
        Self { loss, columns, positions, coef: vec![0.0; columns.len()], eta, point, value, hessian: Vec::new() }
    }

    /// −∂loss/∂βⱼ.
    pub(super) fn slope(&self, column: usize) -> f64 {
        dot(self.columns[column], self.loss.residual(&self.point))
    }

    /// Moves the `working` coefficients to the minimum under `penalty` (aligned with `working`), the others staying
    /// where they are; returns the steps made.
    pub(super) fn minimise(&mut self, working: &[usize], penalty: &[Penalty]) -> Result<usize, Error> {
        let columns: Vec<&[f64]> = working.iter().map(|&j| self.columns[j]).collect();
        let mut last_violation = f64::INFINITY;
        let mut fresh = false;
        let mut has_hessian = false;
        for n_steps in 0..MAX_STEPS {
            let residual = self.loss.residual(&self.point);
            let slopes: Vec<f64> = columns.iter().map(|column| dot(column, residual)).collect();
            let coef: Vec<f64> = working.iter().map(|&j| self.coef[j]).collect();
            let violation = largest_violation(penalty, &slopes, &coef);
            // Where even a step with the current Hessian no longer helps, rounding has the last word.
            let at_rounding = fresh && violation <= ACCEPTED && violation > 0.5 * last_violation;
            if violation <= TARGET || at_rounding {
                self.check_minimum(working, penalty, &slopes, &coef)?;
                return Ok(n_steps);
            }
            fresh = !has_hessian || violation > KEEPS_HESSIAN * last_violation;
            if fresh {
                self.loss.hessian(&self.point, &columns, &mut self.hessian);
                self.hessian.iter_mut().step_by(columns.len() + 1).for_each(|curvature| *curvature *= 1.0 + DAMPING);
                has_hessian = true;
            }
            last_violation = violation;
            let accuracy = (violation * violation.min(1e-2)).max(0.1 * TARGET);
            let next = Quadratic { hessian: &self.hessian, penalty }.minimise(&slopes, &coef, accuracy);
            if !self.move_towards(working, penalty, &slopes, &coef, &next) {
                if fresh {
                    return if violation <= ACCEPTED { Ok(n_steps) } else { Err(not_converged(n_steps)) };
                }
                has_hessian = false;
            }
        }
        Err(not_converged(MAX_STEPS))
    }

    /// Slopes also vanish on the way to infinity: refuses a point from which Newton's method would still walk.
    fn check_minimum(
        &mut self,
        working: &[usize],
        penalty: &[Penalty],
        slopes: &[f64],
        coef: &[f64],
    ) -> Result<(), Error> {
        let is_free =
            |(j, penalty): (&usize, &Penalty)| *j < self.positions.len() && penalty.l1 == 0.0 && penalty.l2 == 0.0;
        if !working.iter().zip(penalty).any(is_free) {
            return Ok(());
        }
        let columns: Vec<&[f64]> = working.iter().map(|&j| self.columns[j]).collect();
        self.loss.hessian(&self.point, &columns, &mut self.hessian);
        let accuracy = 1e-3 * largest_violation(penalty, slopes, coef);
        let next = Quadratic { hessian: &self.hessian, penalty }.minimise(slopes, coef, accuracy);
        let steps = working.iter().zip(&next).zip(coef).filter(|((j, _), _)| **j < self.positions.len());
        let longest = steps.map(|((&j, next), coef)| (j, (next - coef).abs())).max_by(|a, b| a.1.total_cmp(&b.1));
        match longest {
            Some((j, length)) if length > ENDLESS_STEP => Err(L::no_minimum(self.positions[j]).into()),
            _ => Ok(()),
        }
    }

    /// Goes from `coef` towards `next` as far as the objective falls; false when it does not fall at all.
    fn move_towards(
        &mut self,
        working: &[usize],
        penalty: &[Penalty],
        slopes: &[f64],
        coef: &[f64],
        next: &[f64],
    ) -> bool {
        let step: Vec<f64> = next.iter().zip(coef).map(|(next, coef)| next - coef).collect();
        let penalty_at = |at: &dyn Fn(usize) -> f64| -> f64 {
            penalty.iter().enumerate().map(|(k, penalty)| penalty.value(at(k))).sum()
        };
        let penalty_now = penalty_at(&|k| coef[k]);
        let expected = penalty_at(&|k| next[k]) - penalty_now - dot(slopes, &step);
        let mut direction = vec![0.0; self.eta.len()];
        for (&j, &step) in working.iter().zip(&step).filter(|(_, step)| **step != 0.0) {
            add_scaled(&mut direction, step, self.columns[j]);
        }
        let objective = self.value + penalty_now;
        // A rise within the rounding of a sum over all rows is no rise; the optimality conditions decide then.
        let slack = f64::EPSILON * (50.0 + self.eta.len() as f64) * (1.0 + objective.abs());
        let mut trial = L::Point::default();
        let mut share = 1.0;
        while share >= SMALLEST_SHARE {
            let eta: Vec<f64> = self.eta.iter().zip(&direction).map(|(eta, by)| eta + share * by).collect();
            let value = self.loss.evaluate(&eta, &mut trial);
            let at = |k: usize| if share == 1.0 { next[k] } else { coef[k] + share * step[k] };
            if value + penalty_at(&at) <= objective + 1e-4 * share * expected.min(0.0) + slack {
                (self.eta, self.point, self.value) = (eta, trial, value);
                working.iter().enumerate().for_each(|(k, &j)| self.coef[j] = at(k));
                return true;
            }
            share *= 0.5;
        }
        false
    }
}

fn not_converged(n_iterations: usize) -> Error {
    stats::Error::NotConverged { n_iterations }.into()
}

fn largest_violation(penalty: &[Penalty], slopes: &[f64], coef: &[f64]) -> f64 {
    penalty.iter().zip(slopes).zip(coef).map(|((p, &slope), &coef)| p.violation(slope, coef)).fold(0.0, f64::max)
}

/// The quadratic model of the loss around the current coefficients, plus the penalty.
struct Quadratic<'a> {
    hessian: &'a [f64],
    penalty: &'a [Penalty],
}

impl Quadratic<'_> {
    /// Returns the coefficients that minimise the model whose negative gradient at `coef` is `slopes`.
    fn minimise(&self, slopes: &[f64], coef: &[f64], accuracy: f64) -> Vec<f64> {
        let (mut slopes, mut coef) = (slopes.to_vec(), coef.to_vec());
        for sweep in 1..=MAX_SWEEPS {
            self.sweep(&mut slopes, &mut coef);
            if largest_violation(self.penalty, &slopes, &coef) <= accuracy {
                break;
            }
            // Coordinate descent finds the signs at once and the values slowly; a linear solve does the rest.
            if sweep.is_power_of_two() || sweep % 16 == 0 {
                for _ in 0..MAX_CROSSINGS {
                    if self.solve_support(&mut slopes, &mut coef) {
                        break;
                    }
                }
                if largest_violation(self.penalty, &slopes, &coef) <= accuracy {
                    break;
                }
            }
        }
        coef
    }

    /// One pass of coordinate descent.
    fn sweep(&self, slopes: &mut [f64], coef: &mut [f64]) {
        let size = coef.len();
        for k in 0..size {
            let row = &self.hessian[k * size..(k + 1) * size];
            let (curvature, penalty) = (row[k], self.penalty[k]);
            let pull = slopes[k] + curvature * coef[k];
            let excess = pull.abs() - penalty.l1;
            let divisor = curvature + penalty.l2;
            let next = if excess > 0.0 && divisor > 0.0 { excess.copysign(pull) / divisor } else { 0.0 };
            let change = next - coef[k];
            if change != 0.0 && next.is_finite() {
                coef[k] = next;
                add_scaled(slopes, -change, row);
            }
        }
    }

    /// Solves for the non-zero coefficients with their signs held, and goes there or to the first change of sign;
    /// false when it met one.
    fn solve_support(&self, slopes: &mut [f64], coef: &mut [f64]) -> bool {
        let size = coef.len();
        let support: Vec<usize> = (0..size).filter(|&k| coef[k] != 0.0 || self.penalty[k].l1 == 0.0).collect();
        let mut matrix = Vec::with_capacity(support.len() * support.len());
        for &j in &support {
            matrix.extend(
                support.iter().map(|&k| self.hessian[j * size + k] + if j == k { self.penalty[k].l2 } else { 0.0 }),
            );
        }
        let pull: Vec<f64> = support
            .iter()
            .map(|&k| {
                let sign = if coef[k] == 0.0 { 0.0 } else { coef[k].signum() };
                slopes[k] - self.penalty[k].l2 * coef[k] - self.penalty[k].l1 * sign
            })
            .collect();
        // Duplicated columns make the system singular; coordinate descent then goes on alone.
        let Some(step) = solve_positive_definite(matrix, pull) else { return true };
        let crossing = |(&k, step): (&usize, &f64)| {
            let penalised = self.penalty[k].l1 > 0.0;
            (penalised && (coef[k] + step) * coef[k] <= 0.0).then(|| -coef[k] / step)
        };
        let share = support.iter().zip(&step).filter_map(crossing).fold(1.0, f64::min);
        for (&k, step) in support.iter().zip(&step) {
            let next = coef[k] + share * step;
            let crossed = self.penalty[k].l1 > 0.0 && next * coef[k] <= 0.0;
            let next = if crossed { 0.0 } else { next };
            add_scaled(slopes, coef[k] - next, &self.hessian[k * size..(k + 1) * size]);
            coef[k] = next;
        }
        share == 1.0
    }
}

/// Solves A x = b by Cholesky factors, for hundreds of columns (`stats::linalg` is for a handful); `None` when a pivot
/// vanishes. Of the row-major A only the lower triangle is read.
fn solve_positive_definite(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let size = b.len();
    for i in 0..size {
        let (above, row) = a.split_at_mut(i * size);
        for j in 0..i {
            let other = &above[j * size..=j * size + j];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        if pivot <= SMALLEST_PIVOT * row[i] || pivot.is_nan() {
            return None;
        }
        row[i] = pivot.sqrt();
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..size).rev() {
        let row = &a[i * size..=i * size + i];
        b[i] /= row[i];
        let solved = -b[i];
        add_scaled(&mut b[..i], solved, &row[..i]);
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_coordinate_is_soft_thresholding() {
        let penalty = [Penalty { l1: 0.3, l2: 0.5 }];
        let solve = |slope: f64| Quadratic { hessian: &[2.0], penalty: &penalty }.minimise(&[slope], &[0.0], 1e-14)[0];
        assert!((solve(1.0) - 0.7 / 2.5).abs() < 1e-15);
        assert!((solve(-1.0) + 0.7 / 2.5).abs() < 1e-15);
        assert_eq!(solve(0.2), 0.0);
    }

    #[test]
    fn nearly_collinear_columns_are_solved_by_the_support_step() {
        // Condition number about 2e8: plain coordinate descent would need millions of sweeps.
        let r = 1.0 - 1e-8;
        let hessian = [1.0, r, r, 1.0];
        let penalty = [Penalty { l1: 1e-10, l2: 0.0 }; 2];
        let slopes = [1.0, 1.0 - 3e-9];
        let coef = Quadratic { hessian: &hessian, penalty: &penalty }.minimise(&slopes, &[0.0, 0.0], 1e-13);
        let left: Vec<f64> = (0..2).map(|k| slopes[k] - dot(&hessian[2 * k..2 * k + 2], &coef)).collect();
        assert!(largest_violation(&penalty, &left, &coef) <= 1e-13);
    }

    #[test]
    fn a_system_is_solved_by_pencil_and_a_singular_one_is_not() {
        assert_eq!(solve_positive_definite(vec![4.0, 0.0, 2.0, 3.0], vec![4.0, 2.0]), Some(vec![1.0, 0.0]));
        assert_eq!(solve_positive_definite(vec![1.0, 1.0, 1.0, 1.0], vec![1.0, 1.0]), None);
    }

    #[test]
    fn violation_measures_the_distance_from_the_subdifferential() {
        let penalty = Penalty { l1: 0.5, l2: 2.0 };
        assert_eq!(penalty.violation(0.4, 0.0), 0.0);
        assert!((penalty.violation(-0.7, 0.0) - 0.2).abs() < 1e-15);
        assert!((penalty.violation(2.4, 1.0) - 0.1).abs() < 1e-15);
        assert!((penalty.violation(-2.4, -1.0) - 0.1).abs() < 1e-15);
    }
}
