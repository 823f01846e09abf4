use std::fmt;

use thiserror::Error;

/// Something that stops a matrix, a signature folder or a variant file from being used at all.
///
/// No variant carries a sample name: samples are told by row, column or position, genes by symbol.
#[derive(Debug, Error)]
pub enum Error {
    /// The bytes cannot be read.
    #[error("{label}: cannot read: {source}")]
    Read {
        /// What was being read.
        label: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The content breaks rules: all of them are listed.
    #[error("{} violations, the first: {}", .0.len(), first(.0))]
    Violations(Vec<Violation>),
    /// Two things that must describe the same genes or samples differ in length.
    #[error("{what}: expected length {expected}, found {found}")]
    LengthMismatch {
        /// Which list.
        what: &'static str,
        /// Length that it must have.
        expected: usize,
        /// Its own length.
        found: usize,
    },
    /// A training index past the last sample, or one given twice.
    #[error("training sample at position {position}: expected distinct indices below {n_samples}, found {found}")]
    TrainingSample {
        /// Position in the list of training samples.
        position: usize,
        /// Number of samples in the matrix.
        n_samples: usize,
        /// The index.
        found: usize,
    },
    /// A batch with too few training samples for a centre or a spread.
    #[error("batch `{batch}`: at least {needed} training samples needed, found {found}")]
    TooFewTraining {
        /// Batch.
        batch: String,
        /// Smallest number that suffices.
        needed: usize,
        /// Number found.
        found: usize,
    },
    /// A sample of a batch that the scaler has not seen in training.
    #[error("sample at position {sample}: batch `{batch}` was not seen in training")]
    UnknownBatch {
        /// Position of the sample, from 0.
        sample: usize,
        /// Its batch.
        batch: String,
    },
    /// A scaler fitted with batches is replayed without them, or the other way round.
    #[error("the scaler was fitted {fitted} batches and is replayed {replayed}")]
    Batches {
        /// `with` or `without`.
        fitted: &'static str,
        /// `with` or `without`.
        replayed: &'static str,
    },
    /// Values whose scale differs from the one on which the scaler was fitted.
    #[error("the scaler was fitted on {fitted} values and is replayed on {replayed} values")]
    ScalerScale {
        /// Scale in training.
        fitted: super::ExpressionScale,
        /// Scale now.
        replayed: super::ExpressionScale,
    },
    /// A gene of which the variant file cannot say whether it was sequenced.
    #[error("gene {gene}: not on the declared panel, or absent from a file without a declared panel")]
    NotSequenced {
        /// Gene symbol.
        gene: String,
    },
    /// A single argument outside its domain.
    #[error("{what}: expected {expected}, found {found}")]
    OutOfDomain {
        /// Which argument.
        what: &'static str,
        /// Its domain in words.
        expected: &'static str,
        /// The value.
        found: f64,
    },
}

/// One broken rule and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was being read (a file's label).
    pub label: String,
    /// Row or line, from 1 with the header counted, where one is concerned.
    pub row: Option<usize>,
    /// Column, from 1, where one is concerned.
    pub column: Option<usize>,
    /// The rule.
    pub rule: Rule,
}

/// A rule that a matrix, a signature table or a variant file must obey.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rule {
    /// Nothing but a header, or not even that.
    #[error("expected a header and at least one row and one value column")]
    Empty,
    /// A record that the format cannot hold (encoding).
    #[error("expected UTF-8 text")]
    Text,
    /// More or fewer fields than the header has.
    #[error("expected {expected} fields, found {found}")]
    FieldCount {
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// A field that must hold something is blank.
    #[error("`{0}` is blank")]
    Blank(&'static str),
    /// Genes without a symbol.
    #[error("gene symbols are blank at positions {0:?}")]
    BlankGenes(Vec<usize>),
    /// Samples without a name.
    #[error("sample names are blank at positions {0:?}")]
    BlankSamples(Vec<usize>),
    /// One gene under several rows or columns (aliases counted as one gene).
    #[error("gene {gene} stands at positions {positions:?}")]
    DuplicateGene {
        /// Gene, by its current symbol.
        gene: String,
        /// Rows or columns, from 1 with the header counted.
        positions: Vec<usize>,
    },
    /// One sample under several rows or columns.
    #[error("the same sample stands at positions {0:?}")]
    DuplicateSample(Vec<usize>),
    /// A field that is neither a number nor one of the spellings of missing.
    #[error("expected a number or a blank, NA or NaN")]
    NotNumber,
    /// A field outside its closed vocabulary.
    #[error("`{0}` holds a word outside its vocabulary")]
    Vocabulary(&'static str),
    /// A column that must be there is absent.
    #[error("column `{0}` is absent")]
    MissingColumn(&'static str),
    /// A sample with variants that the list of sequenced samples does not name.
    #[error("the sample is not among the sequenced samples of the file's first line")]
    NotProfiled,
    /// A centroid line that is absent or whose length differs from the number of genes.
    #[error("centroid {name}: expected {expected} values, found {found}")]
    Centroid {
        /// Centroid.
        name: &'static str,
        /// Number of genes.
        expected: usize,
        /// Number of values.
        found: usize,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.rule)
    }
}

fn first(violations: &[Violation]) -> String {
    violations.first().map_or_else(String::new, Violation::to_string)
}

/// Collects the violations of one file.
#[derive(Debug)]
pub(super) struct Violations {
    label: String,
    found: Vec<Violation>,
}

impl Violations {
    pub(super) fn of(label: &str) -> Self {
        Self { label: label.to_owned(), found: Vec::new() }
    }

    pub(super) fn add(&mut self, row: Option<usize>, column: Option<usize>, rule: Rule) {
        self.found.push(Violation { label: self.label.clone(), row, column, rule });
    }

    pub(super) fn into_vec(self) -> Vec<Violation> {
        self.found
    }

    /// `value` when no rule was broken.
    pub(super) fn or<T>(self, value: T) -> Result<T, Error> {
        if self.found.is_empty() { Ok(value) } else { Err(Error::Violations(self.found)) }
    }
}
