use std::fmt;

use serde::{Deserialize, Serialize};

/// One broken rule in an input table. Holds no patient identifier: the row number leads to the patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// File, relative to the data folder.
    pub file: String,
    /// Line in the file, counted from 1 with the header as line 1; 0 when the file as a whole is meant.
    pub row: usize,
    /// Column name as in the file; empty when the row as a whole is meant.
    pub column: String,
    /// What was expected.
    pub rule: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.row > 0 {
            write!(f, ", row {}", self.row)?;
        }
        if !self.column.is_empty() {
            write!(f, ", column `{}`", self.column)?;
        }
        write!(f, ": expected {}, found {}", self.rule, self.found)
    }
}
