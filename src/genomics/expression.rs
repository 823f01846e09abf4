//! A gene expression matrix of one cohort, its scale declared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{Error, Rule, Violations};
use super::symbols::current_symbol;

/// What a number of the matrix means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpressionScale {
    /// Base-2 logarithm of a signal, comparable between genes of one sample.
    Log2,
    /// Base-2 logarithm from which a centre per gene was subtracted (log-ratio).
    Centred,
    /// Standard deviations from the gene's mean.
    ZScore,
    /// The signal itself (counts, TPM, intensities), comparable between genes of one sample.
    Linear,
    /// A fixed range per gene, made by a [`GeneScaler`](super::GeneScaler).
    Ranged,
}

impl ExpressionScale {
    /// The scale in words, as error messages and refusals name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log2 => "log2",
            Self::Centred => "centred log2",
            Self::ZScore => "z-score",
            Self::Linear => "linear",
            Self::Ranged => "ranged",
        }
    }
}

impl fmt::Display for ExpressionScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to do with several rows (or columns) of one gene, former symbols counted as the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateGenes {
    /// Every such gene is a violation.
    #[default]
    Refuse,
    /// The mean of the finite values of each sample, on the matrix's own scale.
    Mean,
}

/// A matrix of genes by samples on a declared scale, missing cells allowed.
///
/// Genes carry their current symbol in capitals ([`current_symbol`]) and stand in alphabetical order, so that
/// nothing downstream depends on the order of the file; samples keep the order of the file. `Debug` shows the
/// shape only.
#[derive(Clone, PartialEq)]
pub struct Expression {
    genes: Vec<String>,
    samples: Vec<String>,
    /// Gene-major, `genes.len() * samples.len()`, NaN = missing.
    values: Vec<f64>,
    scale: ExpressionScale,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({} genes x {} samples, {})", self.genes.len(), self.samples.len(), self.scale)
    }
}

impl Expression {
    /// Builds a matrix from its parts.
    ///
    /// `values` is gene-major: the value of gene `g` in sample `s` stands at `g * samples.len() + s`. A value that
    /// is not finite is a missing cell.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when `values` does not have genes × samples entries; [`Error::Violations`] with
    /// every blank or repeated gene and sample (positions from 1).
    pub fn from_parts(
        genes: Vec<String>,
        samples: Vec<String>,
        values: Vec<f64>,
        scale: ExpressionScale,
        duplicates: DuplicateGenes,
    ) -> Result<Self, Error> {
        Self::build(&genes, samples, values, (scale, duplicates), (1, 1), Violations::of("matrix"))
    }

    /// As [`Self::from_parts`], positions of genes and samples told from `first`, violations added to those already found.
    pub(super) fn build(
        genes: &[String],
        samples: Vec<String>,
        values: Vec<f64>,
        (scale, duplicates): (ExpressionScale, DuplicateGenes),
        first: (usize, usize),
        mut violations: Violations,
    ) -> Result<Self, Error> {
        let expected = genes.len() * samples.len();
        if values.len() != expected {
            return Err(Error::LengthMismatch { what: "values", expected, found: values.len() });
        }
        let rows = gene_rows(genes, first.0, duplicates, &mut violations);
        check_samples(&samples, first.1, &mut violations);
        if genes.is_empty() || samples.is_empty() {
            violations.add(None, None, Rule::Empty);
        }
        let n_samples = samples.len();
        let mut kept = Vec::with_capacity(rows.len() * n_samples);
        for positions in rows.values() {
            match positions.as_slice() {
                [one] => kept.extend(gene_row(&values, *one, n_samples).iter().map(|&v| finite_or_nan(v))),
                several => kept
                    .extend((0..n_samples).map(|s| {
                        mean(several.iter().filter_map(|&g| gene_row(&values, g, n_samples).get(s).copied()))
                    })),
            }
        }
        violations.or(Self { genes: rows.into_keys().collect(), samples, values: kept, scale })
    }

    /// Current gene symbols in capitals, in alphabetical order.
    #[must_use]
    pub fn genes(&self) -> &[String] {
        &self.genes
    }

    /// Sample names, in the order of the file. They may identify a patient: for joins only.
    #[must_use]
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    /// What a number of the matrix means.
    #[must_use]
    pub fn scale(&self) -> ExpressionScale {
        self.scale
    }

    /// Returns the values of a gene over the samples, NaN where missing; `None` for a gene that is not there.
    ///
    /// A former symbol finds the gene by its current one.
    #[must_use]
    pub fn gene(&self, symbol: &str) -> Option<&[f64]> {
        let at = self.genes.binary_search(&current_symbol(symbol)).ok()?;
        Some(gene_row(&self.values, at, self.samples.len()))
    }

    /// True when the gene is there with a value in at least one sample.
    #[must_use]
    pub fn measures(&self, symbol: &str) -> bool {
        self.gene(symbol).is_some_and(|row| row.iter().any(|value| value.is_finite()))
    }

    /// Returns the matrix restricted to the named genes, those that are absent left out.
    #[must_use]
    pub fn select<'a>(&self, symbols: impl IntoIterator<Item = &'a str>) -> Self {
        let wanted: BTreeMap<String, &[f64]> = symbols
            .into_iter()
            .filter_map(|symbol| self.gene(symbol).map(|row| (current_symbol(symbol), row)))
            .collect();
        let values = wanted.values().flat_map(|row| row.iter().copied()).collect();
        Self { genes: wanted.into_keys().collect(), samples: self.samples.clone(), values, scale: self.scale }
    }

    /// The same genes and samples with other values and another scale.
    pub(super) fn with_values(&self, values: Vec<f64>, scale: ExpressionScale) -> Self {
        debug_assert_eq!(values.len(), self.values.len());
        Self { genes: self.genes.clone(), samples: self.samples.clone(), values, scale }
    }

    /// Rows of values with their genes, in alphabetical order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &[f64])> {
        let n_samples = self.samples.len();
        self.genes.iter().enumerate().map(move |(at, gene)| (gene.as_str(), gene_row(&self.values, at, n_samples)))
    }
}

/// The rows of each gene, blanks and (when refused) repetitions reported.
fn gene_rows(
    genes: &[String],
    first: usize,
    duplicates: DuplicateGenes,
    violations: &mut Violations,
) -> BTreeMap<String, Vec<usize>> {
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, gene) in genes.iter().enumerate() {
        rows.entry(current_symbol(gene)).or_default().push(at);
    }
    if let Some(blank) = rows.remove("") {
        violations.add(None, None, Rule::BlankGenes(blank.iter().map(|at| at + first).collect()));
    }
    if duplicates == DuplicateGenes::Refuse {
        for (gene, at) in rows.iter().filter(|(_, at)| at.len() > 1) {
            let positions = at.iter().map(|at| at + first).collect();
            violations.add(None, None, Rule::DuplicateGene { gene: gene.clone(), positions });
        }
    }
    rows
}

fn check_samples(samples: &[String], first: usize, violations: &mut Violations) {
    let mut seen: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, sample) in samples.iter().enumerate() {
        seen.entry(sample.trim()).or_default().push(at + first);
    }
    if let Some(blank) = seen.remove("") {
        violations.add(None, None, Rule::BlankSamples(blank));
    }
    for positions in seen.into_values().filter(|positions| positions.len() > 1) {
        violations.add(None, None, Rule::DuplicateSample(positions));
    }
}

fn gene_row(values: &[f64], gene: usize, n_samples: usize) -> &[f64] {
    values.get(gene * n_samples..(gene + 1) * n_samples).unwrap_or_default()
}

fn finite_or_nan(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// The mean of the finite values, NaN without any.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.filter(|v| v.is_finite()).fold((0.0, 0usize), |(sum, n), v| (sum + v, n + 1));
    if n == 0 { f64::NAN } else { sum / n as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn genes_are_sorted_and_renamed_and_infinite_cells_are_missing() {
        let values = vec![1.0, 2.0, 3.0, f64::INFINITY];
        let matrix = Expression::from_parts(
            names(&["esr1", "CDCA1"]),
            names(&["a", "b"]),
            values,
            ExpressionScale::Log2,
            DuplicateGenes::Refuse,
        )
        .unwrap();
        assert_eq!(matrix.genes(), ["ESR1", "NUF2"]);
        assert_eq!(matrix.gene("cdca1").unwrap()[0], 3.0);
        assert!(matrix.gene("NUF2").unwrap()[1].is_nan());
        assert!(matrix.gene("PGR").is_none() && !matrix.measures("PGR"));
        assert_eq!(format!("{matrix:?}"), "Expression(2 genes x 2 samples, log2)");
    }

    #[test]
    fn an_old_and_a_new_symbol_of_one_gene_are_a_duplicate_or_averaged() {
        let build = |rule| {
            let values = vec![1.0, f64::NAN, 9.0, 9.0, 3.0, 5.0];
            let genes = names(&["NUF2", "ESR1", "CDCA1"]);
            Expression::from_parts(genes, names(&["a", "b"]), values, ExpressionScale::Log2, rule)
        };
        let Err(Error::Violations(found)) = build(DuplicateGenes::Refuse) else { panic!("duplicates pass") };
        assert_eq!(found[0].rule, Rule::DuplicateGene { gene: "NUF2".to_owned(), positions: vec![1, 3] });
        // NUF2: (1 + 3) / 2 and 5 alone.
        assert_eq!(build(DuplicateGenes::Mean).unwrap().gene("NUF2"), Some([2.0, 5.0].as_slice()));
    }

    #[test]
    fn repeated_samples_are_told_by_position_only() {
        let genes = names(&["ESR1", " "]);
        let samples = names(&["MB-1", "MB-1"]);
        let error = Expression::from_parts(genes, samples, vec![0.0; 4], ExpressionScale::Log2, DuplicateGenes::Refuse)
            .unwrap_err();
        let Error::Violations(found) = &error else { panic!("{error}") };
        assert_eq!(found.len(), 2);
        let text: String = found.iter().map(ToString::to_string).collect();
        assert!(!text.contains("MB-1") && text.contains("[1, 2]"), "{text}");
    }
}
