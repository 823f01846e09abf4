use std::collections::{BTreeMap, HashMap};

use polars::prelude::IdxCa;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::schema::Measured;
use crate::tables::MappedTable;

/// What a time window did to the rows of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Rows kept: at most one per patient and visit.
    pub kept: usize,
    /// Rows without a day of measurement.
    pub undated: usize,
    /// Rows of patients whose decision day is not recorded, where the cohort declares one.
    pub undecided: usize,
    /// Rows measured after the window, which for inputs ends at the decision at the latest.
    pub after: usize,
    /// Rows measured before the window.
    pub before: usize,
    /// Rows of a patient and visit that has a row nearer to the window's end.
    pub superseded: usize,
}

/// Keeps, per patient and visit, the last row inside the window; days count from the decision.
///
/// `decided`: day of the decision by patient id; `None` when the cohort declares no decision, which is then day 0.
///
/// # Errors
/// [`Error::Frame`] when polars refuses to take the rows.
pub(super) fn within(
    table: &mut MappedTable,
    measured: &Measured,
    decided: Option<&HashMap<String, f64>>,
) -> Result<WindowCounts, Error> {
    let (first, last) = measured.window;
    let mut counts = WindowCounts::default();
    let patients = table.frame.column("patient_id")?.str()?;
    let visits = table.frame.column("visit")?.str()?;
    let mut best: BTreeMap<(&str, &str), (f64, u32)> = BTreeMap::new();
    for (row, (patient, visit)) in patients.iter().zip(visits.iter()).enumerate() {
        let (patient, visit) = (patient.unwrap_or(""), visit.unwrap_or(""));
        let Some(day) = table.measured.get(row).copied().flatten() else {
            counts.undated += 1;
            continue;
        };
        let decision = match decided {
            None => 0.0,
            Some(known) => match known.get(patient) {
                Some(day) => *day,
                None => {
                    counts.undecided += 1;
                    continue;
                }
            },
        };
        let day = day - decision;
        if day > last {
            counts.after += 1;
        } else if day < first {
            counts.before += 1;
        } else {
            let row = row as u32;
            match best.get_mut(&(patient, visit)) {
                None => {
                    best.insert((patient, visit), (day, row));
                }
                Some(known) => {
                    counts.superseded += 1;
                    if day > known.0 {
                        *known = (day, row);
                    }
                }
            }
        }
    }
    counts.kept = best.len();
    let mut rows: Vec<u32> = best.into_values().map(|(_, row)| row).collect();
    rows.sort_unstable();
    table.lines = rows.iter().filter_map(|&row| table.lines.get(row as usize).copied()).collect();
    table.measured = rows.iter().filter_map(|&row| table.measured.get(row as usize).copied()).collect();
    table.frame = table.frame.take(&IdxCa::from_vec("row".into(), rows))?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use polars::prelude::{DataFrame, NamedFrom, Series};

    use super::*;

    fn table(rows: &[(&str, Option<f64>)]) -> MappedTable {
        let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
        let columns = vec![
            Series::new("patient_id".into(), ids).into(),
            Series::new("visit".into(), vec!["baseline"; rows.len()]).into(),
            Series::new("tumour_size_mm".into(), (0..rows.len()).map(|row| row as f64).collect::<Vec<_>>()).into(),
        ];
        MappedTable {
            id: "mri".into(),
            path: "mri.csv".into(),
            frame: DataFrame::new(rows.len(), columns).unwrap(),
            lines: (2..2 + rows.len()).collect(),
            measured: rows.iter().map(|(_, day)| *day).collect(),
            decided: vec![],
            n_records: rows.len(),
            violations: vec![],
            unreadable: BTreeMap::new(),
            left_out: BTreeMap::new(),
            unmapped: vec![],
        }
    }

    fn window(first: f64, last: f64) -> Measured {
        Measured { column: "day".into(), date: None, window: (first, last), after_decision: false }
    }

    #[test]
    fn nothing_measured_after_the_decision_enters() {
        let decided = HashMap::from([("a:1".to_owned(), 30.0), ("a:2".to_owned(), 5.0)]);
        let rows = [
            ("a:1", Some(-400.0)),
            ("a:1", Some(10.0)),
            ("a:1", Some(29.0)),
            ("a:1", Some(31.0)),
            ("a:2", Some(6.0)),
            ("a:2", None),
            ("a:3", Some(0.0)),
        ];
        let mut table = table(&rows);
        let counts = within(&mut table, &window(-90.0, 0.0), Some(&decided)).unwrap();
        assert_eq!(counts, WindowCounts { kept: 1, undated: 1, undecided: 1, after: 2, before: 1, superseded: 1 });
        assert_eq!((table.lines, table.measured), (vec![4], vec![Some(29.0)]));
        assert_eq!(table.frame.column("tumour_size_mm").unwrap().f64().unwrap().get(0), Some(2.0));
    }

    #[test]
    fn without_a_declared_decision_day_zero_is_the_decision() {
        let mut table = table(&[("a:1", Some(0.0)), ("a:2", Some(1.0))]);
        assert_eq!(within(&mut table, &window(-1.0, 0.0), None).unwrap().kept, 1);
    }
}
