//! Right-censored event times, checked once, and the step functions estimated from them.

use serde::{Deserialize, Serialize};

use super::Error;
use super::inputs::{check_finite, check_length};

/// Right-censored event times, row `i` of both slices being the same patient.
///
/// Times are finite and not negative, in whatever unit the caller uses throughout (days, unless said otherwise);
/// `true` means that the event was observed, `false` that the patient was censored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survival {
    event_time: Vec<f64>,
    event: Vec<bool>,
}

impl Survival {
    /// Checks and keeps the times.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::NegativeTime`].
    pub fn new(event_time: Vec<f64>, event: Vec<bool>) -> Result<Self, Error> {
        check_length("events", event_time.len(), event.len())?;
        if event_time.is_empty() {
            return Err(Error::TooFew { what: "rows", needed: 1, found: 0 });
        }
        check_finite(&event_time)?;
        if let Some((index, &found)) = event_time.iter().enumerate().find(|(_, time)| **time < 0.0) {
            return Err(Error::NegativeTime { index, found });
        }
        Ok(Self { event_time, event })
    }

    /// Time of each row.
    #[must_use]
    pub fn event_time(&self) -> &[f64] {
        &self.event_time
    }

    /// Whether each row's event was observed.
    #[must_use]
    pub fn event(&self) -> &[bool] {
        &self.event
    }

    /// Number of rows.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.event.len()
    }

    /// Number of observed events.
    #[must_use]
    pub fn n_events(&self) -> usize {
        self.event.iter().filter(|&&event| event).count()
    }

    /// The number of observed events, when there is one.
    ///
    /// # Errors
    /// [`Error::NoEvents`].
    pub fn require_events(&self) -> Result<usize, Error> {
        match self.n_events() {
            0 => Err(Error::NoEvents { n_samples: self.n_samples() }),
            n_events => Ok(n_events),
        }
    }

    /// The rows at those positions, in that order; a row may repeat, a position past the end is left out.
    ///
    /// # Errors
    /// [`Error::TooFew`] when nothing is left.
    pub fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        Self::new(
            rows.iter().filter_map(|&row| self.event_time.get(row).copied()).collect(),
            rows.iter().filter_map(|&row| self.event.get(row).copied()).collect(),
        )
    }

    /// Row indices by ascending time; among equal times events come before censorings, then the given order.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.n_samples()).collect();
        order.sort_by(|&a, &b| {
            self.event_time[a].total_cmp(&self.event_time[b]).then(self.event[b].cmp(&self.event[a])).then(a.cmp(&b))
        });
        order
    }
}

/// A right-continuous step function of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFunction {
    /// Value before the first time.
    pub before: f64,
    /// Strictly ascending times at which the value changes.
    pub times: Vec<f64>,
    /// Value from each time on, up to the next.
    pub values: Vec<f64>,
}

impl StepFunction {
    /// The value at `time`.
    #[must_use]
    pub fn at(&self, time: f64) -> f64 {
        self.value_before(self.times.partition_point(|&t| t <= time))
    }

    /// The value just before `time`.
    #[must_use]
    pub fn just_before(&self, time: f64) -> f64 {
        self.value_before(self.times.partition_point(|&t| t < time))
    }

    fn value_before(&self, position: usize) -> f64 {
        position.checked_sub(1).and_then(|at| self.values.get(at)).copied().unwrap_or(self.before)
    }
}

/// Predicted survival S(t | x) of several patients on one grid of times: right-continuous steps, 1 before the first time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalCurves {
    times: Vec<f64>,
    n_samples: usize,
    /// Row-major, `n_samples` × `times.len()`.
    values: Vec<f64>,
}

impl SurvivalCurves {
    /// Checks and keeps curves, `values` being row-major n_samples × n_times.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::TimesNotAscending`], [`Error::NotProbability`]. That
    /// a curve never rises is the estimator's promise and is not checked.
    pub fn new(times: Vec<f64>, n_samples: usize, values: Vec<f64>) -> Result<Self, Error> {
        check_length("survival curves", n_samples * times.len(), values.len())?;
        check_finite(&times)?;
        if let Some(index) = times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(Error::TimesNotAscending { index: index + 1 });
        }
        check_finite(&values)?;
        match values.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
            Some((index, &found)) => Err(Error::NotProbability { index, found }),
            None => Ok(Self { times, n_samples, values }),
        }
    }

    /// The grid, ascending.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Number of patients.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The curve of one patient on the grid; empty when there is no such patient.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        let n_times = self.times.len();
        self.values.get(row * n_times..(row + 1) * n_times).unwrap_or(&[])
    }

    /// S(`time`) of every patient.
    #[must_use]
    pub fn at(&self, time: f64) -> Vec<f64> {
        let position = self.times.partition_point(|&t| t <= time);
        (0..self.n_samples)
            .map(|row| position.checked_sub(1).and_then(|at| self.row(row).get(at)).copied().unwrap_or(1.0))
            .collect()
    }

    /// The same curves read on another ascending grid.
    ///
    /// # Errors
    /// As [`SurvivalCurves::new`].
    pub fn on(&self, times: &[f64]) -> Result<Self, Error> {
        let positions: Vec<usize> = times.iter().map(|&time| self.times.partition_point(|&t| t <= time)).collect();
        let mut values = Vec::with_capacity(self.n_samples * times.len());
        for row in 0..self.n_samples {
            let curve = self.row(row);
            values.extend(
                positions.iter().map(|&at| at.checked_sub(1).and_then(|at| curve.get(at)).copied().unwrap_or(1.0)),
            );
        }
        Self::new(times.to_vec(), self.n_samples, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_checked_once() {
        assert_eq!(
            Survival::new(vec![1.0], vec![]),
            Err(Error::LengthMismatch { what: "events", expected: 1, found: 0 })
        );
        assert_eq!(Survival::new(vec![1.0, f64::NAN], vec![true; 2]), Err(Error::NotFinite { index: 1 }));
        assert_eq!(Survival::new(vec![1.0, -2.0], vec![true; 2]), Err(Error::NegativeTime { index: 1, found: -2.0 }));
        assert!(Survival::new(vec![], vec![]).is_err());
        assert_eq!(
            Survival::new(vec![1.0, 2.0], vec![false; 2]).unwrap().require_events(),
            Err(Error::NoEvents { n_samples: 2 })
        );
    }

    #[test]
    fn events_come_before_censorings_of_the_same_time() {
        let data = Survival::new(vec![2.0, 1.0, 1.0], vec![true, false, true]).unwrap();
        assert_eq!(data.order(), [2, 1, 0]);
    }

    #[test]
    fn steps_are_right_continuous() {
        let step = StepFunction { before: 1.0, times: vec![1.0, 2.0], values: vec![0.8, 0.5] };
        assert_eq!((step.at(0.9), step.at(1.0), step.just_before(2.0), step.at(9.0)), (1.0, 0.8, 0.8, 0.5));
        let curves = SurvivalCurves::new(vec![1.0, 2.0], 1, vec![0.8, 0.5]).unwrap();
        assert_eq!(curves.on(&[0.5, 1.5, 2.0]).unwrap().row(0), [1.0, 0.8, 0.5]);
        assert_eq!(curves.at(1.0), [0.8]);
    }
}
