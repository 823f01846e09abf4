use polars::prelude::DataFrame;

use super::fields::value;
use crate::decide::ClinicalRecord;
use crate::schema::{Dictionary, Kind, Value};
use crate::study::record::{her2_of, receptor};

/// A column that sums up others: it changes with them, and not against them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Summary {
    /// The column.
    pub(super) column: &'static str,
    /// What it sums up.
    pub(super) parts: &'static [&'static str],
    /// Its value by a record in which it is itself not given.
    derive: fn(&ClinicalRecord) -> Option<Value>,
}

/// Every summary, those that others sum up first.
pub(super) const SUMMARIES: [Summary; 5] = [
    Summary {
        column: "er",
        parts: &["er_pct"],
        derive: |record| level("er", |word| receptor(word) == record.er_state()),
    },
    Summary {
        column: "her2_status",
        parts: &["her2_ihc", "her2_ish_amplified"],
        derive: |record| {
            let state = ClinicalRecord { her2: None, ..record.clone() }.her2_state();
            level("her2_status", |word| her2_of(word) == state)
        },
    },
    Summary {
        column: "hr",
        parts: &["er", "er_pct", "pr"],
        derive: |record| record.hormone_receptor().map(Value::Boolean),
    },
    Summary {
        column: "her2",
        parts: &["her2_status", "her2_ihc", "her2_ish_amplified"],
        derive: |record| record.her2_positive().map(Value::Boolean),
    },
    Summary {
        column: "node_status",
        parts: &["nodes_positive"],
        derive: |record| record.nodes_positive.map(|nodes| Value::Boolean(nodes > 0.0)),
    },
];

impl Summary {
    pub(super) fn of(column: &str) -> Option<Self> {
        SUMMARIES.into_iter().find(|summary| summary.column == column)
    }

    /// True where one of its parts is given in the one row of `frame`.
    pub(super) fn has_parts(&self, frame: &DataFrame) -> bool {
        self.parts.iter().any(|part| value(frame, part).is_some())
    }

    pub(super) fn value(&self, record: &ClinicalRecord) -> Option<Value> {
        (self.derive)(record)
    }
}

/// The level of a column that is meant.
fn level(column: &str, meant: impl Fn(&str) -> bool) -> Option<Value> {
    let Some(Kind::Level { levels }) = Dictionary::compiled().column(column).map(|column| &column.kind) else {
        return None;
    };
    levels.iter().find(|level| meant(level)).map(|level| Value::Level(level.clone()))
}
