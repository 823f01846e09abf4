//! What a score is: where it comes from, how much of it was measured, and its values or why there are none.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::expression::{Expression, ExpressionScale};

/// The values of a score, one per sample in the order of the matrix; `None` where the sample lacks what it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of_sample", rename_all = "snake_case")]
pub enum ScoreValues {
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Words of a closed list.
    Text(Vec<Option<String>>),
}

/// Why a score was not computed for any sample.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// The signature's table is not in the folder.
    #[error("no table: {file} is not in the signature folder or does not hold it")]
    NoTable {
        /// File that was looked for.
        file: String,
    },
    /// Too few of the signature's genes were measured.
    #[error("coverage: {found} of {n_genes} genes measured, {needed} needed")]
    Coverage {
        /// Genes of the signature.
        n_genes: usize,
        /// Genes measured.
        found: usize,
        /// Fewest genes that suffice.
        needed: usize,
    },
    /// The matrix holds values on a scale from which the score cannot be computed.
    #[error("scale: {expected} values needed, found {found} values")]
    Scale {
        /// Scales that would do, in words.
        expected: String,
        /// Scale of the matrix.
        found: ExpressionScale,
    },
    /// The score needs a per-gene scaling fitted on training samples and none was given.
    #[error("not fitted: a per-gene scaling fitted on training samples is needed")]
    NotFitted,
    /// Too few genes outside the set for a rank to mean anything.
    #[error("background: {found} genes outside the set measured, {needed} needed")]
    Background {
        /// Genes measured outside the set.
        found: usize,
        /// Fewest that suffice.
        needed: usize,
    },
}

impl Refusal {
    /// The reason in one or two words: `no table`, `coverage`, `scale`, `not fitted` or `background`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTable { .. } => "no table",
            Self::Coverage { .. } => "coverage",
            Self::Scale { .. } => "scale",
            Self::NotFitted => "not fitted",
            Self::Background { .. } => "background",
        }
    }
}

/// One score over the samples of a matrix, or the reason why it was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreTable {
    /// Column name in snake case, `ror_s`.
    pub name: String,
    /// Name to show, with direction.
    pub label: String,
    /// Paper and, where it sets the convention, program.
    pub source: String,
    /// What the score is not, and on what its value hangs.
    pub caution: String,
    /// File name of its signature table; `None` for a single gene.
    pub table: Option<String>,
    /// Genes of the signature that have a symbol.
    pub n_genes: usize,
    /// Of these, genes with a value in at least one sample.
    pub n_found: usize,
    /// Fewest genes with which the score is computed.
    pub n_needed: usize,
    /// Values by sample, or the refusal.
    pub outcome: Result<ScoreValues, Refusal>,
}

impl ScoreTable {
    /// The numbers, unless the score was refused or is text.
    #[must_use]
    pub fn numbers(&self) -> Option<&[Option<f64>]> {
        match &self.outcome {
            Ok(ScoreValues::Number(values)) => Some(values),
            _ => None,
        }
    }

    /// The words, unless the score was refused or is a number.
    #[must_use]
    pub fn words(&self) -> Option<&[Option<String>]> {
        match &self.outcome {
            Ok(ScoreValues::Text(values)) => Some(values),
            _ => None,
        }
    }
}

/// What is fixed about a score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card<'a> {
    pub name: &'a str,
    pub label: &'a str,
    pub source: &'a str,
    pub caution: &'a str,
    pub table: Option<&'a str>,
}

/// How many of a signature's genes a matrix measures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coverage {
    pub n_genes: usize,
    pub n_found: usize,
    pub n_needed: usize,
}

impl Coverage {
    /// Counts the measured genes; `share` of all are needed, rounded up.
    pub fn of<'a>(expression: &Expression, genes: impl Iterator<Item = &'a str>, share: f64) -> Self {
        let (mut n_genes, mut n_found) = (0, 0);
        for gene in genes {
            n_genes += 1;
            n_found += usize::from(expression.measures(gene));
        }
        Self { n_genes, n_found, n_needed: needed(n_genes, share) }
    }

    pub fn check(self) -> Result<(), Refusal> {
        let Self { n_genes, n_found: found, n_needed: needed } = self;
        if found < needed || found == 0 { Err(Refusal::Coverage { n_genes, found, needed }) } else { Ok(()) }
    }
}

/// The smallest whole number that is at least `share` of `n`.
fn needed(n: usize, share: f64) -> usize {
    // 0.8 × 50 must be 40, not 41: the subtraction is far above rounding and far below one gene.
    (n as f64 * share - 1e-9).ceil().max(0.0) as usize
}

impl Card<'_> {
    pub fn table(self, coverage: Coverage, outcome: Result<ScoreValues, Refusal>) -> ScoreTable {
        ScoreTable {
            name: self.name.to_owned(),
            label: self.label.to_owned(),
            source: self.source.to_owned(),
            caution: self.caution.to_owned(),
            table: self.table.map(ToOwned::to_owned),
            n_genes: coverage.n_genes,
            n_found: coverage.n_found,
            n_needed: coverage.n_needed,
            outcome,
        }
    }

    pub fn without_table(self) -> ScoreTable {
        let file = self.table.unwrap_or_default().to_owned();
        self.table(Coverage::default(), Err(Refusal::NoTable { file }))
    }

    pub fn numbers(self, coverage: Coverage, outcome: Result<Vec<Option<f64>>, Refusal>) -> ScoreTable {
        self.table(coverage, outcome.map(ScoreValues::Number))
    }
}

/// Refuses a matrix whose scale is not in the list.
pub(super) fn check_scale(expression: &Expression, allowed: &[ExpressionScale]) -> Result<(), Refusal> {
    let found = expression.scale();
    if allowed.contains(&found) {
        return Ok(());
    }
    let expected = allowed.iter().map(|scale| scale.as_str()).collect::<Vec<_>>().join(" or ");
    Err(Refusal::Scale { expected, found })
}

/// The values of the named genes, NaN where missing, sample by sample.
pub(super) fn by_sample<'e, 'g>(
    expression: &'e Expression,
    genes: impl Iterator<Item = &'g str>,
) -> impl Iterator<Item = Vec<f64>> {
    let rows: Vec<Option<&'e [f64]>> = genes.map(|gene| expression.gene(gene)).collect();
    let value = |row: &Option<&[f64]>, s: usize| row.and_then(|row| row.get(s)).copied().unwrap_or(f64::NAN);
    (0..expression.samples().len()).map(move |s| rows.iter().map(|row| value(row, s)).collect())
}

pub(super) fn n_finite(values: &[f64]) -> usize {
    values.iter().filter(|value| value.is_finite()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_genes_are_rounded_up_but_not_past_a_whole_number() {
        assert_eq!([needed(50, 0.8), needed(9, 0.8), needed(16, 1.0), needed(0, 0.8)], [40, 8, 16, 0]);
    }

    #[test]
    fn refusals_are_written_with_their_reason() {
        let refusal = Refusal::Coverage { n_genes: 50, found: 6, needed: 40 };
        assert_eq!(refusal.to_string(), "coverage: 6 of 50 genes measured, 40 needed");
        let text = serde_json::to_string(&refusal).unwrap();
        assert_eq!(text, r#"{"reason":"coverage","n_genes":50,"found":6,"needed":40}"#);
        let back: Refusal = serde_json::from_str(&text).unwrap();
        assert_eq!(back, refusal);
        assert_eq!(back.code(), "coverage");
    }
}
