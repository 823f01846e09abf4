//! Genomic grade index and the 70-gene correlation.

use super::expression::ExpressionScale;
use super::library::{GENE70_FILE, GGI_FILE, SignatureTable};
use super::rank::spearman;
use super::score::{Card, Coverage, ScoreTable, by_sample, check_scale, n_finite};
use super::signatures::Inputs;

/// Share of the named grade genes that must be measured.
pub const GGI_COVERAGE: f64 = 0.8;
/// Share of the named genes of the 70 that must be measured, in the matrix and again in each sample.
pub const GENE70_COVERAGE: f64 = 0.8;

/// Σ log2 of the genes up in grade 3 − Σ log2 of the genes up in grade 1, over the genes that the matrix measures.
pub(super) fn ggi_score(inputs: &Inputs<'_>, table: Option<&SignatureTable<f64>>) -> ScoreTable {
    let card = Card {
        name: "ggi_raw",
        label: "Genomic grade index, raw sum (research computation), higher = like grade 3",
        source: "Sotiriou et al., J Natl Cancer Inst 2006;98:262",
        caution: "unscaled: the published scaling to -1 and 1 needs the mean of grade 1 and of grade 3 tumours of the \
                  same platform; one value per gene instead of per probe; comparable only between samples with the \
                  same genes on the same platform",
        table: Some(GGI_FILE),
    };
    let Some(table) = table else { return card.without_table() };
    let coverage = Coverage::of(inputs.expression, table.symbols(), GGI_COVERAGE);
    // A sample that lacks a gene the matrix has would lose a whole log2 value: its sum is missing instead.
    let genes: Vec<(&str, f64)> = table.genes.iter().map(|(symbol, sign)| (symbol.as_str(), *sign)).collect();
    let genes: Vec<(&str, f64)> = genes.into_iter().filter(|(gene, _)| inputs.expression.measures(gene)).collect();
    let sum = |values: Vec<f64>| {
        let sum: f64 = values.iter().zip(&genes).map(|(value, (_, sign))| sign * value).sum();
        sum.is_finite().then_some(sum)
    };
    let values = coverage
        .check()
        .and_then(|()| check_scale(inputs.expression, &[ExpressionScale::Log2]))
        .map(|()| by_sample(inputs.expression, genes.iter().map(|(gene, _)| *gene)).map(sum).collect());
    card.numbers(coverage, values)
}

/// Spearman correlation of the centred values with the mean profile of good prognosis.
pub(super) fn gene70_score(inputs: &Inputs<'_>, table: Option<&SignatureTable<f64>>) -> ScoreTable {
    use ExpressionScale::{Centred, Log2, ZScore};
    let card = Card {
        name: "gene70_cor",
        label: "Correlation with the 70-gene profile of good prognosis (research computation), -1 to 1, higher = better",
        source: "van 't Veer et al., Nature 2002;415:530; Spearman correlation as in R genefu gene70, sign as published",
        caution: "research computation, not the MammaPrint test and without its cut-off; rank correlation on \
                  median-centred values where the paper correlates log-ratios to a pool of tumours; one value per gene",
        table: Some(GENE70_FILE),
    };
    let Some(table) = table else { return card.without_table() };
    let coverage = Coverage::of(inputs.expression, table.symbols(), GENE70_COVERAGE);
    let profile: Vec<f64> = table.genes.iter().map(|(_, mean)| *mean).collect();
    let correlation = |values: Vec<f64>| {
        if n_finite(&values) < coverage.n_needed { None } else { spearman(&values, &profile) }
    };
    let values = coverage
        .check()
        .and_then(|()| check_scale(inputs.expression, &[Log2, Centred, ZScore]))
        .and_then(|()| inputs.centred.as_ref().map_err(Clone::clone))
        .map(|centred| by_sample(centred, table.symbols()).map(correlation).collect());
    card.numbers(coverage, values)
}
