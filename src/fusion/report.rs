use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WindowCounts;
use crate::schema::Violation;

/// Two files that disagree on a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Canonical column.
    pub column: String,
    /// File whose value is used.
    pub used: String,
    /// File whose value is set aside.
    pub set_aside: String,
    /// Lines of the used file where they differ.
    pub rows: Vec<usize>,
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Path relative to the data folder.
    pub path: String,
    /// Records of this cohort in the file.
    pub records: usize,
    /// Rows that follow every rule.
    pub accepted: usize,
    /// Rows of the fused frame that it contributed to.
    pub joined: usize,
    /// Rows that match no row of the first file.
    pub unmatched: usize,
}

/// A genomic score that was computed, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreCounts {
    /// Column of the fused frame.
    pub column: String,
    /// Genes of the score, found in the matrix, and needed.
    pub genes: (usize, usize, usize),
    /// Why it was refused; `None` when it was computed.
    pub refused: Option<String>,
    /// Where its definition comes from.
    pub source: String,
    /// What it must not be taken for.
    pub caution: String,
}

/// What happened on the way to the fused frame. Holds counts and row numbers, no identifiers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FusionReport {
    /// Rows of the fused frame.
    pub n_rows: usize,
    /// Every file that was read, in order of precedence.
    pub files: Vec<FileCounts>,
    /// Optional files that were absent: their columns are null.
    pub absent_files: Vec<String>,
    /// Rows left out, with their reasons.
    pub violations: Vec<Violation>,
    /// Disagreements between files.
    pub conflicts: Vec<Conflict>,
    /// Per file with a time window, by its id: what the window did.
    pub windows: BTreeMap<String, WindowCounts>,
    /// Per file and column: cells that could not be read and are missing, where the definition says so.
    pub unreadable: BTreeMap<String, BTreeMap<String, usize>>,
    /// Per file: what its reader left out by its own rules, in words.
    #[serde(default)]
    pub left_out: BTreeMap<String, BTreeMap<String, usize>>,
    /// Rows with something known, per table of the dictionary and per modality.
    pub known: BTreeMap<String, usize>,
    /// Missing values per column.
    pub missing: BTreeMap<String, usize>,
    /// Genomic scores: computed or refused.
    pub scores: Vec<ScoreCounts>,
    /// Per modality: rows with an embedding.
    pub embedded: BTreeMap<String, usize>,
    /// Per modality: studies left out because the patient has more than one at the visit.
    pub further_studies: BTreeMap<String, usize>,
    /// Per file: columns that the definition does not map.
    pub ignored_columns: BTreeMap<String, Vec<String>>,
    /// Embeddings whose patient is in no table.
    pub embeddings_without_row: usize,
    /// Encoders by modality, as `name@version sha256`.
    pub encoders: BTreeMap<String, String>,
}
