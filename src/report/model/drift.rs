use super::table::{number, percent};
use crate::study::Drift;

/// A shift of the mean by this many standard deviations of training, or more, is marked.
const MARKED_SHIFT: f64 = 0.5;
/// A difference of shares of missing values by this much, or more, is marked.
const MARKED_MISSING: f64 = 0.1;
/// A share of values beyond the 1st and 99th percentile of training by this much, or more, is marked.
const MARKED_OUTSIDE: f64 = 0.1;

/// How a cohort's inputs differ from those of training, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftView {
    /// Model, as `name@version`.
    pub model: String,
    /// What is compared.
    pub sentence: String,
    /// What the comparison leaves out.
    pub limits: String,
    /// One row per input; those that moved most come first.
    pub rows: Vec<DriftRow>,
    /// How many rows are marked, in words.
    pub summary: String,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRow {
    /// Design column.
    pub column: String,
    /// Shift of the mean.
    pub shift: String,
    /// Ratio of the standard deviations.
    pub spread: String,
    /// Share beyond the percentiles of training.
    pub outside: String,
    /// Share missing now.
    pub missing: String,
    /// Share missing in training.
    pub missing_in_training: String,
    /// Why the row is marked; empty when it is not.
    pub marked: String,
}

impl DriftView {
    /// The page part for `drift`.
    #[must_use]
    pub fn new(drift: &Drift) -> Self {
        let mut rows: Vec<(f64, DriftRow)> = drift
            .columns
            .iter()
            .map(|column| {
                let more_missing = column.missing - column.missing_in_training;
                let mut marked = Vec::new();
                if column.mean_shift.is_some_and(|shift| shift.abs() >= MARKED_SHIFT) {
                    marked.push("mean moved");
                }
                if more_missing.abs() >= MARKED_MISSING {
                    marked.push(if more_missing > 0.0 { "more missing" } else { "less missing" });
                }
                if column.outside.is_some_and(|share| share >= MARKED_OUTSIDE) {
                    marked.push("values beyond training");
                }
                let order = column.mean_shift.unwrap_or(0.0).abs().max(2.0 * more_missing.abs());
                let row = DriftRow {
                    column: column.column.clone(),
                    shift: column.mean_shift.map_or_else(|| "\u{2013}".to_owned(), number),
                    spread: column.spread_ratio.map_or_else(|| "\u{2013}".to_owned(), number),
                    outside: column.outside.map_or_else(|| "\u{2013}".to_owned(), percent),
                    missing: percent(column.missing),
                    missing_in_training: percent(column.missing_in_training),
                    marked: marked.join(", "),
                };
                (order, row)
            })
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rows: Vec<DriftRow> = rows.into_iter().map(|(_, row)| row).collect();
        let n_marked = rows.iter().filter(|row| !row.marked.is_empty()).count();
        let seen = match drift.n_seen {
            0 => "None of them was in training.".to_owned(),
            n if n == drift.n_rows => {
                "All of them were in training: this shows no drift, only that the table is the same.".to_owned()
            }
            n => format!("{n} of them were in training and pull every difference towards none."),
        };
        Self {
            model: drift.model.clone(),
            sentence: format!(
                "Inputs of {} patients of {} against those of the {} training patients. {seen}",
                drift.n_rows, drift.cohort, drift.n_training
            ),
            limits: format!(
                "A version keeps means, spreads, missing shares and the 1st and 99th percentile of its training inputs, and no histogram: a population stability index cannot be computed. Shifts are in standard deviations of training (on the log scale where the model keeps one). Marked: a shift of {MARKED_SHIFT} or more, missing shares that differ by {} or more, {} or more of the values beyond the percentiles, where 2 % are expected. Outcomes are not looked at.",
                percent(MARKED_MISSING).replace(" %", " points"),
                percent(MARKED_OUTSIDE)
            ),
            summary: format!("{n_marked} of {} inputs are marked.", rows.len()),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{ColumnScale, ColumnShift};

    #[test]
    fn what_moved_comes_first_and_is_marked() {
        let column = |name: &str, shift: f64, missing: f64| ColumnShift {
            column: name.to_owned(),
            scale: ColumnScale::Linear,
            n_known: 10,
            mean_shift: Some(shift),
            spread_ratio: Some(1.0),
            outside: Some(0.0),
            missing,
            missing_in_training: 0.0,
        };
        let drift = Drift {
            model: "m@0001".to_owned(),
            cohort: "Demo".to_owned(),
            n_rows: 10,
            n_training: 100,
            n_seen: 0,
            columns: vec![column("still", 0.1, 0.0), column("moved", -0.8, 0.0), column("gone", 0.0, 0.3)],
        };
        let view = DriftView::new(&drift);
        let order: Vec<(&str, &str)> = view.rows.iter().map(|row| (row.column.as_str(), row.marked.as_str())).collect();
        assert_eq!(order, [("moved", "mean moved"), ("gone", "more missing"), ("still", "")]);
        assert_eq!(view.rows[0].shift, "\u{2212}0.800");
        assert_eq!(view.summary, "2 of 3 inputs are marked.");
    }
}
