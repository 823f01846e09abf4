//! One patient as if some of her inputs were others: which inputs may be changed, the changes checked by the schema's own
//! rules, and the changed row.
//!
//! Deliberately absent: estimates. The changed row goes the way of every other row (`assess`), so that the numbers are those of
//! a record that holds the changed values.

mod change;
mod fields;
mod summary;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use change::{Changed, change};
pub(super) use fields::fields;

/// One change asked for: a column of the fused frame and its new value, as text in the column's own words and unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Column name (`age_years`).
    pub column: String,
    /// The new value; `None` for "not given".
    pub value: Option<String>,
}

/// A change that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedChange {
    /// Column as asked for.
    pub column: String,
    /// What was expected, in words.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for RefusedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}`: expected {}, found {}", self.column, self.expected, self.found)
    }
}

/// What was changed in a hypothetical assessment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hypothetical {
    /// Every input that differs from the record, in the order in which it was changed; empty where nothing differs.
    pub changes: Vec<ChangedInput>,
}

/// One input that differs from the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedInput {
    /// Column name.
    pub column: String,
    /// Label for people.
    pub label: String,
    /// Unit, empty where there is none.
    pub unit: String,
    /// Value on record as display text; `None` where it is not given.
    pub from: Option<String>,
    /// Hypothetical value as display text; `None` for "not given".
    pub to: Option<String>,
    /// True where the change follows from another one (the hormone receptor from ER and PR).
    pub follows: bool,
}

/// One input that may be changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIfField {
    /// Column name.
    pub column: String,
    /// Label for people.
    pub label: String,
    /// Table of the dictionary that holds it (`clinical`).
    pub table: String,
    /// What it accepts.
    pub kind: FieldKind,
    /// Value on record as text that is accepted again and changes nothing; `None` where it is not given.
    pub current: Option<String>,
    /// True where the files of the cohort hold the column.
    pub in_cohort: bool,
}

/// What an input accepts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKind {
    /// A number within a range.
    Number {
        /// Unit as displayed.
        unit: String,
        /// Smallest value accepted.
        min: f64,
        /// Largest value accepted.
        max: f64,
    },
    /// One of a list of values, each with its label.
    Choice {
        /// Value and label.
        levels: Vec<(String, String)>,
    },
}
