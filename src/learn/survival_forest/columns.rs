//! The training rows as the growing of trees wants them: by ascending time, every column as ranks of its values.

use rayon::prelude::*;

use super::super::DesignMatrix;
use crate::stats::Survival;

/// Rank of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// One column: the ascending distinct values, and per row (in time order) the position of its value among them.
pub(super) struct Column {
    pub(super) values: Vec<f32>,
    pub(super) codes: Vec<u32>,
}

/// The training rows in time order. Rows of a tree node that are kept in this order need no sorting by time ever again.
pub(super) struct TimeOrdered {
    /// Original row of each position.
    pub(super) order: Vec<usize>,
    /// Distinct event times, ascending.
    pub(super) event_times: Vec<f64>,
    /// Per position, the number of distinct event times not after the row's time: the row is at risk at the first so many.
    pub(super) n_times_at_risk: Vec<u32>,
    /// Per position, whether the event was observed.
    pub(super) event: Vec<bool>,
    pub(super) columns: Vec<Column>,
}

impl TimeOrdered {
    pub(super) fn new(x: &DesignMatrix, survival: &Survival) -> Self {
        let order = survival.order();
        let event: Vec<bool> = order.iter().map(|&row| survival.event()[row]).collect();
        let time: Vec<f64> = order.iter().map(|&row| survival.event_time()[row]).collect();
        let mut event_times: Vec<f64> = time.iter().zip(&event).filter(|&(_, &e)| e).map(|(&t, _)| t).collect();
        event_times.dedup();
        let n_times_at_risk = time.iter().map(|&t| event_times.partition_point(|&s| s <= t) as u32).collect();
        let width = x.n_features();
        let columns = (0..width)
            .into_par_iter()
            .map(|feature| Column::new(order.iter().map(|&row| x.values[row * width + feature]).collect()))
            .collect();
        Self { order, event_times, n_times_at_risk, event, columns }
    }
}

impl Column {
    fn new(column: Vec<f32>) -> Self {
        // −0 and 0 compare equal, so they must share a rank.
        let mut values: Vec<f32> = column.iter().filter(|v| !v.is_nan()).map(|&v| v + 0.0).collect();
        values.sort_unstable_by(f32::total_cmp);
        values.dedup();
        let code = |value: &f32| if value.is_nan() { MISSING } else { values.partition_point(|v| v < value) as u32 };
        let codes = column.iter().map(code).collect();
        Self { values, codes }
    }

    /// Whether two rows can be told apart by this column.
    pub(super) fn varies(&self) -> bool {
        self.values.len() > 1 || (self.values.len() == 1 && self.codes.contains(&MISSING))
    }
}
