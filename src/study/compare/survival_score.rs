use crate::stats::concordance::{c_index_ipcw_value, c_index_value};
use crate::stats::dynamic_auc::dynamic_auc;
use crate::stats::ipcw::CensorSurvival;
use crate::stats::survival_brier::ibs;
use crate::stats::{self, Survival, SurvivalCurves, quantile};

/// Times of the evaluation grid.
const N_TIMES: usize = 20;

/// What a model predicts for the test rows of one split, in their order.
#[derive(Debug, Clone)]
pub(super) struct SurvivalPrediction {
    pub risk: Vec<f64>,
    /// On the evaluation grid.
    pub curves: SurvivalCurves,
    /// Settings chosen inside the training fold, in words.
    pub chosen: String,
}

/// Figures of one model on one set of test rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct SurvivalFigures {
    pub c_index: f64,
    pub c_index_ipcw: f64,
    pub auc_t: f64,
    pub ibs: f64,
}

impl SurvivalFigures {
    pub(super) const N: usize = 4;

    pub(super) fn array(self) -> [f64; Self::N] {
        [self.c_index, self.c_index_ipcw, self.auc_t, self.ibs]
    }
}

/// The evaluation grid: 20 equally spaced times from the 10th to the 80th percentile of the event times.
///
/// The percentiles are NumPy's default (R's type 7), as in the peers' scripts.
pub(super) fn grid(survival: &Survival) -> Result<Vec<f64>, stats::Error> {
    survival.require_events()?;
    let rows = survival.event_time().iter().zip(survival.event());
    let times: Vec<f64> = rows.filter(|(_, event)| **event).map(|(&time, _)| time).collect();
    let (first, last) = (quantile(&times, 0.1)?, quantile(&times, 0.8)?);
    if first >= last {
        return Err(stats::Error::TooFew { what: "distinct event times", needed: 2, found: 1 });
    }
    Ok((0..N_TIMES).map(|step| first + (last - first) * step as f64 / (N_TIMES - 1) as f64).collect())
}

/// The test rows of a split with what judging them needs.
pub(super) struct SurvivalFold {
    pub test: Survival,
    censor: CensorSurvival,
    /// Position among the test rows, by row of the table.
    position: Vec<Option<u32>>,
    pub predictions: Vec<SurvivalPrediction>,
}

impl SurvivalFold {
    pub(super) fn new(
        all: &Survival,
        inside: &[usize],
        outside: &[usize],
        predictions: Vec<SurvivalPrediction>,
    ) -> Result<Self, stats::Error> {
        let mut position = vec![None; all.n_samples()];
        for (at, &row) in outside.iter().enumerate() {
            if let Some(slot) = position.get_mut(row) {
                *slot = u32::try_from(at).ok();
            }
        }
        Ok(Self {
            test: all.select(outside)?,
            censor: CensorSurvival::fit(&all.select(inside)?),
            position,
            predictions,
        })
    }

    /// Positions of those of `rows` that are test rows, repeats kept.
    pub(super) fn positions(&self, rows: &[usize]) -> Vec<usize> {
        rows.iter().filter_map(|&row| self.position.get(row).copied().flatten()).map(|at| at as usize).collect()
    }

    /// The figures of every model on the test rows at `positions`.
    ///
    /// Harrell's index takes the whole follow-up. The others stop at the end of the grid: later times are cut there as
    /// censored, so that weights from the training fold exist; AUC(t) leaves out grid times without an event before
    /// them and the last one, the integrated Brier score those before the first time of all.
    pub(super) fn figures(&self, positions: &[usize], grid: &[f64]) -> Result<Vec<SurvivalFigures>, stats::Error> {
        let test = self.test.select(positions)?;
        let tau = grid.last().copied().unwrap_or(0.0);
        let just_after = tau + 1e-3_f64.min(tau * 1e-6);
        let cut = Survival::new(
            test.event_time().iter().map(|&time| if time > tau { just_after } else { time }).collect(),
            test.event().iter().zip(test.event_time()).map(|(&event, &time)| event && time <= tau).collect(),
        )?;
        let first = test.event_time().iter().copied().fold(f64::INFINITY, f64::min);
        let events = test.event_time().iter().zip(test.event()).filter(|(_, event)| **event);
        let first_event = events.map(|(&time, _)| time).fold(f64::INFINITY, f64::min);
        let auc_times: Vec<f64> =
            grid.iter().copied().take(grid.len().saturating_sub(1)).filter(|&time| time > first_event).collect();
        let brier_times: Vec<f64> = grid.iter().copied().filter(|&time| time >= first).collect();
        self.predictions
            .iter()
            .map(|prediction| {
                let risk: Vec<f64> = positions.iter().filter_map(|&at| prediction.risk.get(at).copied()).collect();
                let values = positions.iter().flat_map(|&at| prediction.curves.row(at)).copied().collect();
                let curves = SurvivalCurves::new(grid.to_vec(), positions.len(), values)?.on(&brier_times)?;
                Ok(SurvivalFigures {
                    c_index: c_index_value(&test, &risk)?,
                    c_index_ipcw: c_index_ipcw_value(&self.censor, &test, &risk, tau)?,
                    auc_t: dynamic_auc(&self.censor, &cut, &risk, &auc_times)?.mean_auc,
                    ibs: ibs(&self.censor, &cut, &curves)?,
                })
            })
            .collect()
    }
}

/// Mean figures of every model over `folds`, on the drawn rows: models × figures.
pub(super) fn mean_figures(
    folds: &[SurvivalFold],
    rows: &[usize],
    grid: &[f64],
) -> Result<Vec<[f64; SurvivalFigures::N]>, stats::Error> {
    let n_models = folds.first().map_or(0, |fold| fold.predictions.len());
    let mut sums = vec![[0.0; SurvivalFigures::N]; n_models];
    for fold in folds {
        for (sum, figures) in sums.iter_mut().zip(fold.figures(&fold.positions(rows), grid)?) {
            sum.iter_mut().zip(figures.array()).for_each(|(sum, value)| *sum += value / folds.len() as f64);
        }
    }
    Ok(sums)
}
