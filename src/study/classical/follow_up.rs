use super::table::{Cells, Complete, Level, Levels, Presence, Rule, Table};
use crate::stats::{CurveOptions, Survival, paired::pick};
use crate::study::Error;

/// Columns that tell how long each patient was followed and what happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FollowUpColumns {
    /// Time of the event or of censoring, at least 0.
    pub time: String,
    /// Whether the event was observed: boolean, or 1 and 0.
    pub event: String,
    /// Time from which the patient was under observation (delayed entry).
    pub entry: Option<String>,
    /// Case weight, above 0.
    pub weights: Option<String>,
}

impl FollowUpColumns {
    /// Columns without delayed entry and weights.
    #[must_use]
    pub fn new(time: &str, event: &str) -> Self {
        Self { time: time.to_owned(), event: event.to_owned(), entry: None, weights: None }
    }
}

/// The times of a request, missing values included.
pub(super) struct FollowUpCells {
    pub(super) time: Cells<f64>,
    pub(super) entry: Option<Cells<f64>>,
    pub(super) weights: Option<Cells<f64>>,
}

impl FollowUpCells {
    pub(super) fn read(table: &Table, columns: &FollowUpColumns) -> Result<Self, Error> {
        let optional = |name: &Option<String>, rule| name.as_deref().map(|name| table.numbers(name, rule)).transpose();
        Ok(Self {
            time: table.numbers(&columns.time, Rule::Time)?,
            entry: optional(&columns.entry, Rule::Time)?,
            weights: optional(&columns.weights, Rule::Weight)?,
        })
    }

    pub(super) fn columns(&self) -> Vec<&dyn Presence> {
        let mut columns: Vec<&dyn Presence> = vec![&self.time];
        columns.extend(self.entry.iter().map(|cells| cells as &dyn Presence));
        columns.extend(self.weights.iter().map(|cells| cells as &dyn Presence));
        columns
    }

    /// The times of the complete rows, entries checked against exits.
    pub(super) fn times(&self, table: &Table, complete: &Complete) -> Result<Times, Error> {
        let times = Times {
            time: complete.pick(&self.time),
            entry: self.entry.as_ref().map(|cells| complete.pick(cells)),
            weights: self.weights.as_ref().map(|cells| complete.pick(cells)),
        };
        if let (Some(entry), Some(cells)) = (&times.entry, &self.entry)
            && let Some(at) = entry.iter().zip(&times.time).position(|(entry, exit)| entry >= exit)
        {
            let expected = format!("a time before `{}`, {}", self.time.name, times.time[at]);
            return Err(table.cell(&cells.name, complete.row(at), &expected, &entry[at].to_string()));
        }
        Ok(times)
    }
}

/// The times of complete rows.
#[derive(Debug, Clone)]
pub(super) struct Times {
    pub(super) time: Vec<f64>,
    pub(super) entry: Option<Vec<f64>>,
    pub(super) weights: Option<Vec<f64>>,
}

impl Times {
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Self {
            time: pick(&self.time, rows),
            entry: self.entry.as_ref().map(|entry| pick(entry, rows)),
            weights: self.weights.as_ref().map(|weights| pick(weights, rows)),
        }
    }

    pub(super) fn options(&self) -> CurveOptions<'_> {
        CurveOptions { weights: self.weights.as_deref(), entry_time: self.entry.as_deref(), ..CurveOptions::default() }
    }
}

/// Complete rows of a survival request.
pub(super) struct FollowUp {
    pub(super) times: Times,
    pub(super) survival: Survival,
    pub(super) complete: Complete,
}

impl FollowUp {
    /// Reads the follow-up of the rows that also have a value in `others`.
    pub(super) fn read(table: &Table, columns: &FollowUpColumns, others: &[&dyn Presence]) -> Result<Self, Error> {
        let cells = FollowUpCells::read(table, columns)?;
        let event = table.flags(&columns.event)?;
        let mut used = cells.columns();
        used.push(&event);
        used.extend(others);
        let complete = Complete::of(table, &used)?;
        let times = cells.times(table, &complete)?;
        let survival = Survival::new(times.time.clone(), complete.pick(&event))?;
        Ok(Self { times, survival, complete })
    }
}

/// The groups of the complete rows; one group named `all` without a column.
pub(super) fn groups(complete: &Complete, by: Option<&Cells<Level>>) -> Levels {
    by.map_or_else(|| Levels::one(complete.count.used), |cells| Levels::of(&complete.pick(cells)))
}

/// An error of one group, with its name.
pub(super) fn in_group(name: &str, grouped: bool) -> impl Fn(crate::stats::Error) -> Error + '_ {
    move |error| if grouped { Error::Unsupported(format!("group `{name}`: {error}")) } else { error.into() }
}

/// Round times from 0 to at most `last`, about six of them: the axis of a plot and the row under it.
pub(super) fn round_times(last: f64) -> Vec<f64> {
    if !(last > 0.0 && last.is_finite()) {
        return vec![0.0];
    }
    let rough = last / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    let step = factor * power;
    // One part in 10⁹ keeps a last time that is itself round.
    let n_steps = (last / step * (1.0 + 1e-9)).floor().min(12.0) as u32;
    (0..=n_steps).map(|k| (f64::from(k) * factor) * power).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_times_are_round_and_end_at_or_before_the_last() {
        assert_eq!(round_times(999.0), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(round_times(6.0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(round_times(0.0), [0.0]);
        for last in [1e-300, 0.3, 7.0, 1e17, f64::MAX] {
            let times = round_times(last);
            assert!(times.len() < 14 && times.windows(2).all(|pair| pair[0] < pair[1]), "{last}: {times:?}");
            assert!(times.iter().all(|&time| time <= last * (1.0 + 1e-9)), "{last}: {times:?}");
        }
    }
}
