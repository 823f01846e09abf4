//! Residuals of a fitted model, row by row and event by event.

use super::design::Design;
use super::partial::{Hazards, Risks, add_scaled, sweep};
use super::{CoxData, CoxFit, Ties};
use crate::stats::Error;
use crate::stats::inputs::check_length;

/// Residuals of a Cox regression. Matrices are row-major with one column per feature; rows are in the caller's order.
///
/// None is multiplied by the case weights except `dfbeta`, as in R.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxResiduals {
    /// δ − Λ(t | x): observed less expected events, in (−∞, 1].
    pub martingale: Vec<f64>,
    /// Martingale residual made symmetric: sign(M) √(−2 \[M + δ ln(δ − M)\]).
    pub deviance: Vec<f64>,
    /// Λ(t | x): censored unit-exponential times if the model holds.
    pub cox_snell: Vec<f64>,
    /// ∫ (x − x̄(t)) dM(t), n_samples × n_features.
    pub score: Vec<f64>,
    /// About the change of each coefficient were the row added: weight · score · covariance, n_samples × n_features.
    pub dfbeta: Vec<f64>,
    /// Row of each event, by stratum, rising time and row: the order of the next two.
    pub event_rows: Vec<usize>,
    /// x − x̄(t) at each event, n_events × n_features.
    pub schoenfeld: Vec<f64>,
    /// coef + n_events · schoenfeld · covariance: scatters about the coefficient's course in time.
    pub scaled_schoenfeld: Vec<f64>,
}

/// Returns the residuals of `fit` on `data`, the rows that it was fitted to.
///
/// # Errors
/// Those of [`super::cox_fit`] about the data, [`Error::LengthMismatch`] when the number of features is not the fit's,
/// and [`Error::OutOfDomain`] when linear predictors spread over more than 300.
///
/// # Source
/// Therneau, Grambsch & Fleming 1990; Grambsch & Therneau 1994; R `survival::residuals.coxph`.
pub fn cox_residuals(data: &CoxData<'_>, fit: &CoxFit) -> Result<CoxResiduals, Error> {
    let (design, risks) = at_fit(data, fit)?;
    let (n_samples, size) = (design.n_samples(), design.n_features);
    let parts = Parts::new(&design, &risks, fit.ties);
    let (mut cox_snell, mut score) = (vec![0.0; n_samples], vec![0.0; n_samples * size]);
    for (position, &row) in design.rows.iter().enumerate() {
        cox_snell[row] = parts.expected[position];
        for column in 0..size {
            score[row * size + column] = parts.score[position * size + column] * design.scale[column];
        }
    }
    let event = data.survival.event();
    let martingale: Vec<f64> =
        cox_snell.iter().zip(event).map(|(expected, &event)| f64::from(u8::from(event)) - expected).collect();
    let deviance =
        martingale.iter().zip(&cox_snell).zip(event).map(|((&m, &h), &event)| deviance(m, h, event)).collect();
    let mut dfbeta = times_matrix(&score, &fit.covariance, size);
    if let Some(weights) = data.weights {
        let rows = dfbeta.chunks_exact_mut(size).zip(weights);
        rows.for_each(|(row, weight)| row.iter_mut().for_each(|value| *value *= weight));
    }
    let (event_rows, schoenfeld) = schoenfeld(&design, &parts);
    let mut scaled_schoenfeld = times_matrix(&schoenfeld, &fit.covariance, size);
    for row in scaled_schoenfeld.chunks_exact_mut(size) {
        row.iter_mut().zip(&fit.coef).for_each(|(value, coef)| *value = coef + fit.n_events as f64 * *value);
    }
    Ok(CoxResiduals { martingale, deviance, cox_snell, score, dfbeta, event_rows, schoenfeld, scaled_schoenfeld })
}

/// The design of `data` and its risks at the coefficients of `fit`.
pub(super) fn at_fit(data: &CoxData<'_>, fit: &CoxFit) -> Result<(Design, Risks), Error> {
    check_length("features of a row", fit.coef.len(), data.n_features)?;
    let design = Design::new(data)?;
    let beta: Vec<f64> = fit.coef.iter().zip(&design.scale).map(|(coef, scale)| coef * scale).collect();
    let risks = Risks::new(&design, &beta).map_err(|found| Error::OutOfDomain {
        what: "spread of the linear predictors",
        expected: "at most 300",
        found,
    })?;
    Ok((design, risks))
}

/// Sorted, on the standardised scale.
pub(super) struct Parts {
    /// Expected events of each row.
    pub expected: Vec<f64>,
    /// Score residuals, n_samples × n_features.
    pub score: Vec<f64>,
    /// Mean feature at each group, averaged over its tied deaths, n_groups × n_features.
    pub mean: Vec<f64>,
}

impl Parts {
    pub fn new(design: &Design, risks: &Risks, ties: Ties) -> Self {
        let (n_groups, size) = (design.groups.len(), design.n_features);
        let mut hazards = Hazards::zeros(n_groups);
        let mut mean = vec![0.0; n_groups * size];
        // ∫ x̄ dΛ over one event time, for those who survive it and those who die at it.
        let (mut path, mut path_of_dead) = (vec![0.0; (n_groups + 1) * size], vec![0.0; n_groups * size]);
        sweep(design, &risks.weighted, |index, set| {
            let sums = set.tie_sums(ties);
            (hazards.increment[index], hazards.of_dead[index]) = (sums.hazard, sums.hazard_of_dead);
            let [plain, mixed, dead] = sums.squares;
            for column in 0..size {
                let (rest_x, dead_x, at) = (set.rest_x[column], set.dead_x[column], index * size + column);
                mean[at] = (rest_x * sums.hazard + dead_x * sums.hazard_of_dead) / set.death_weight;
                path[at] = plain * rest_x + mixed * dead_x;
                path_of_dead[at] = mixed * rest_x + dead * dead_x;
            }
        });
        let hazard = hazards.per_row(design);
        let mut score = vec![0.0; design.n_samples() * size];
        let mut expected = vec![0.0; design.n_samples()];
        for stratum in &design.strata {
            for index in stratum.groups.clone().rev().skip(1) {
                let (now, later) = path.split_at_mut((index + 1) * size);
                add_scaled(&mut now[index * size..], 1.0, &later[..size]);
            }
            let zero = vec![0.0; size];
            let up_to = |index: usize| {
                if index < stratum.groups.end { &path[index * size..(index + 1) * size] } else { &zero[..] }
            };
            for position in stratum.rows.clone() {
                let groups = &design.at_risk[position];
                if groups.is_empty() {
                    continue;
                }
                let risk = risks.weighted[position] / design.weight[position];
                let event = design.event[position];
                expected[position] = risk * hazard[position];
                let (row, first) = (design.row(position), groups.start);
                let residual = &mut score[position * size..(position + 1) * size];
                let observed = if event { 1.0 } else { 0.0 };
                add_scaled(residual, observed - expected[position], row);
                add_scaled(residual, risk, up_to(if event { first + 1 } else { first }));
                add_scaled(residual, -risk, up_to(groups.end));
                if event {
                    add_scaled(residual, risk, &path_of_dead[first * size..(first + 1) * size]);
                    add_scaled(residual, -1.0, &mean[first * size..(first + 1) * size]);
                }
            }
        }
        Self { expected, score, mean }
    }
}

/// sign(M) √(−2 \[M + δ ln(δ − M)\]), `expected` being δ − M.
fn deviance(martingale: f64, expected: f64, event: bool) -> f64 {
    let log_part = if event { expected.max(f64::MIN_POSITIVE).ln() } else { 0.0 };
    // M + ln(1 − M) ≤ 0; rounding may leave it just above.
    martingale.signum() * (-2.0 * (martingale + log_part)).max(0.0).sqrt()
}

fn schoenfeld(design: &Design, parts: &Parts) -> (Vec<usize>, Vec<f64>) {
    let size = design.n_features;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for stratum in &design.strata {
        for index in stratum.groups.clone().rev() {
            for position in design.groups[index].deaths.clone() {
                rows.push(design.rows[position]);
                let mean = &parts.mean[index * size..(index + 1) * size];
                let moved = design.row(position).iter().zip(mean).zip(&design.scale);
                values.extend(moved.map(|((value, mean), scale)| (value - mean) * scale));
            }
        }
    }
    (rows, values)
}

/// Each row of `rows` times the symmetric `matrix`.
fn times_matrix(rows: &[f64], matrix: &[f64], size: usize) -> Vec<f64> {
    let mut product = vec![0.0; rows.len()];
    for (target, row) in product.chunks_exact_mut(size).zip(rows.chunks_exact(size)) {
        for (value, line) in row.iter().zip(matrix.chunks_exact(size)) {
            add_scaled(target, *value, line);
        }
    }
    product
}
