use serde::{Deserialize, Serialize};

use crate::terms::Subtype;

/// Fewest comparable patients for which a number is shown, estimated or observed.
pub const MIN_COMPARABLE: usize = 15;

/// Patients of one receptor subtype who received one option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Receptor subtype.
    pub subtype: Subtype,
    /// Option id.
    pub option: String,
    /// Patients.
    pub n: usize,
    /// Patients with the outcome; `None` below [`MIN_COMPARABLE`] patients.
    pub n_events: Option<usize>,
}

/// The outcome counts of the training rows by subtype and option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// One cell per subtype and option that occurs.
    pub cells: Vec<Cell>,
}

impl Evidence {
    /// Counts rows of (subtype, option, outcome); cells below [`MIN_COMPARABLE`] keep no outcome.
    #[must_use]
    pub fn count(rows: &[(Subtype, String, bool)]) -> Self {
        let mut cells: Vec<Cell> = Vec::new();
        for subtype in Subtype::ALL {
            let mut options: Vec<&str> = rows.iter().filter(|row| row.0 == subtype).map(|row| row.1.as_str()).collect();
            options.sort_unstable();
            options.dedup();
            for option in options {
                let outcomes = || rows.iter().filter(|row| row.0 == subtype && row.1 == option).map(|row| row.2);
                let n = outcomes().count();
                let n_events = (n >= MIN_COMPARABLE).then(|| outcomes().filter(|event| *event).count());
                cells.push(Cell { subtype, option: option.to_owned(), n, n_events });
            }
        }
        Self { cells }
    }

    /// Patients of that subtype who received that option, and how many had the outcome where enough did.
    #[must_use]
    pub fn cell(&self, subtype: Subtype, option: &str) -> (usize, Option<usize>) {
        self.cells
            .iter()
            .find(|cell| cell.subtype == subtype && cell.option == option)
            .map_or((0, None), |cell| (cell.n, cell.n_events))
    }

    /// Patients of that subtype.
    #[must_use]
    pub fn n_subtype(&self, subtype: Subtype) -> usize {
        self.cells.iter().filter(|cell| cell.subtype == subtype).map(|cell| cell.n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_below_fifteen_patients_keeps_no_outcome() {
        let row = |option: &str, event| (Subtype::TripleNegative, option.to_owned(), event);
        let mut rows: Vec<_> = (0..14).map(|at| row("VC", at % 2 == 0)).collect();
        rows.extend((0..15).map(|at| row("Ctr", at < 3)));
        let evidence = Evidence::count(&rows);
        assert_eq!(evidence.cell(Subtype::TripleNegative, "VC"), (14, None));
        assert_eq!(evidence.cell(Subtype::TripleNegative, "Ctr"), (15, Some(3)));
        assert_eq!(evidence.cell(Subtype::HrPosHer2Neg, "Ctr"), (0, None));
        assert_eq!(evidence.n_subtype(Subtype::TripleNegative), 29);
    }
}
