use serde::{Deserialize, Serialize};

use super::effects::{PERIOD_ENDS, period_of};
use super::hazard::{LogHazard, N_STEPS, STEP_YEARS};
use super::inputs::Column;
use crate::decide::Error;
use crate::stats::Survival;
use crate::stats::cox::{CoxData, CoxOptions, cox_fit};

/// Largest linear predictor in absolute value: beyond it a hazard says nothing but "certain" or "never".
const LARGEST_PREDICTOR: f64 = 30.0;

/// The hazard of one cause of death: baselines, and coefficients of columns of standardised inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseModel {
    /// Columns of the linear predictor.
    pub columns: Vec<Column>,
    /// Log hazard ratio of each column, per standard deviation of its input.
    pub coef: Vec<f64>,
    /// One baseline for all, or that of ER-negative and that of ER-positive disease, at average inputs.
    pub baselines: Vec<LogHazard>,
}

/// Training rows after imputation.
#[derive(Debug, Clone)]
pub(super) struct TrainingRows {
    /// Standardised inputs.
    pub z: Vec<Vec<f64>>,
    /// ER-positive.
    pub er_positive: Vec<bool>,
    /// Years to death or censoring, above 0.
    pub years: Vec<f64>,
    /// 0 censored, 1 breast cancer, 2 other.
    pub cause: Vec<u32>,
    /// Log hazard ratios of the received treatments by period, for death from breast cancer.
    pub offset: Vec<[f64; 3]>,
}

impl TrainingRows {
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            z: rows.iter().map(|&row| self.z[row].clone()).collect(),
            er_positive: rows.iter().map(|&row| self.er_positive[row]).collect(),
            years: rows.iter().map(|&row| self.years[row]).collect(),
            cause: rows.iter().map(|&row| self.cause[row]).collect(),
            offset: rows.iter().map(|&row| self.offset[row]).collect(),
        }
    }

    pub fn n_samples(&self) -> usize {
        self.years.len()
    }

    /// Offset of a row for a cause: the received treatments act on death from breast cancer alone.
    fn offset_of(&self, row: usize, cause: u32, period: usize) -> f64 {
        if cause == 1 { self.offset[row][period] } else { 0.0 }
    }
}

impl CauseModel {
    /// Fits coefficients by ridge-penalised Cox regression, stratified by ER where `by_er`, with follow-up split at 5 and
    /// 10 years so that offsets and effects may differ between the periods; then smooth baselines by Poisson likelihood.
    pub(super) fn fit(
        rows: &TrainingRows,
        cause: u32,
        columns: &[Column],
        ridge: f64,
        by_er: bool,
    ) -> Result<Self, Error> {
        let mut features = Vec::new();
        let (mut entry, mut exit, mut event, mut strata, mut offset) = (vec![], vec![], vec![], vec![], vec![]);
        for row in 0..rows.n_samples() {
            let mut start = 0.0;
            for (period, end) in PERIOD_ENDS.into_iter().enumerate() {
                if rows.years[row] <= start {
                    break;
                }
                let er_positive = rows.er_positive[row];
                features.extend(columns.iter().map(|column| column.value(&rows.z[row], er_positive, period)));
                entry.push(start);
                exit.push(rows.years[row].min(end));
                event.push(rows.years[row] <= end && rows.cause[row] == cause);
                strata.push(if by_er { usize::from(er_positive) } else { 0 });
                offset.push(rows.offset_of(row, cause, period));
                start = end;
            }
        }
        let survival = Survival::new(exit, event)?;
        let data = CoxData {
            strata: Some(&strata),
            entry: Some(&entry),
            offset: Some(&offset),
            ..CoxData::new(&features, columns.len(), &survival)
        };
        let coef = cox_fit(&data, &CoxOptions { ridge, tolerance: 1e-12, ..CoxOptions::default() })?.coef;
        let mut model = Self { columns: columns.to_vec(), coef, baselines: vec![] };
        let groups: &[Option<bool>] = if by_er { &[Some(false), Some(true)] } else { &[None] };
        for group in groups {
            let (events, at_risk) = model.exposure(rows, cause, *group);
            model.baselines.push(LogHazard::fit(&events, &at_risk)?);
        }
        Ok(model)
    }

    /// Events and Σ exp(η + offset) × years at risk of each step, over the rows of one ER group.
    fn exposure(&self, rows: &TrainingRows, cause: u32, group: Option<bool>) -> ([f64; N_STEPS], [f64; N_STEPS]) {
        let (mut events, mut at_risk) = ([0.0; N_STEPS], [0.0; N_STEPS]);
        for row in (0..rows.n_samples()).filter(|&row| group.is_none_or(|group| rows.er_positive[row] == group)) {
            let eta = self.linear_predictors(&rows.z[row], rows.er_positive[row]);
            let risk: [f64; 3] = std::array::from_fn(|period| (eta[period] + rows.offset_of(row, cause, period)).exp());
            for_each_step(rows.years[row], |step, years, last| {
                at_risk[step] += risk[period_of((step + 1) as f64 * STEP_YEARS)] * years;
                if last && rows.cause[row] == cause {
                    events[step] += 1.0;
                }
            });
        }
        (events, at_risk)
    }

    /// The linear predictor in each period, without offsets.
    pub(super) fn linear_predictors(&self, z: &[f64], er_positive: bool) -> [f64; 3] {
        std::array::from_fn(|period| {
            let terms = self.columns.iter().zip(&self.coef);
            let sum: f64 = terms.map(|(column, coef)| coef * column.value(z, er_positive, period)).sum();
            sum.clamp(-LARGEST_PREDICTOR, LARGEST_PREDICTOR)
        })
    }

    /// The smooth baseline of a woman, hazard per year in each step.
    pub(super) fn baseline_per_year(&self, er_positive: bool) -> Vec<f64> {
        let own = if er_positive { self.baselines.last() } else { self.baselines.first() };
        own.map_or_else(|| vec![0.0; N_STEPS], LogHazard::per_year)
    }

    /// Cumulative hazard at the end of each step.
    pub(super) fn cumulative(&self, z: &[f64], er_positive: bool) -> Vec<f64> {
        let risk = self.linear_predictors(z, er_positive).map(f64::exp);
        let mut sum = 0.0;
        let steps = self.baseline_per_year(er_positive).into_iter().enumerate();
        steps
            .map(|(step, hazard)| {
                sum += hazard * STEP_YEARS * risk[period_of((step + 1) as f64 * STEP_YEARS)];
                sum
            })
            .collect()
    }

    /// Log-likelihood of rows: Σ d ln λ(T) − Λ(T) up to year 15, a proper score for held-out rows.
    pub(super) fn log_likelihood(&self, rows: &TrainingRows, cause: u32) -> f64 {
        let baselines = [false, true].map(|er_positive| self.baseline_per_year(er_positive));
        let mut sum = 0.0;
        for row in 0..rows.n_samples() {
            let eta = self.linear_predictors(&rows.z[row], rows.er_positive[row]);
            let baseline = &baselines[usize::from(rows.er_positive[row])];
            for_each_step(rows.years[row], |step, years, last| {
                let period = period_of((step + 1) as f64 * STEP_YEARS);
                let log_risk = eta[period] + rows.offset_of(row, cause, period);
                sum -= baseline[step] * years * log_risk.exp();
                if last && rows.cause[row] == cause {
                    sum += baseline[step].ln() + log_risk;
                }
            });
        }
        sum
    }
}

/// Calls `visit(step, years at risk in it, whether follow-up ends in it)` for each step before `years` and year 15.
fn for_each_step(years: f64, mut visit: impl FnMut(usize, f64, bool)) {
    for step in 0..N_STEPS {
        let (start, end) = (step as f64 * STEP_YEARS, (step + 1) as f64 * STEP_YEARS);
        if years <= start {
            break;
        }
        visit(step, years.min(end) - start, years <= end);
    }
}
