//! Proliferation and immune scores from the ranks of one sample's genes.

use super::expression::{Expression, ExpressionScale};
use super::library::{MODULES_FILE, SignatureLibrary};
use super::rank::{singscore, ssgsea};
use super::score::{Card, Coverage, Refusal, ScoreTable, by_sample, check_scale};
use super::signatures::Inputs;

/// Share of a set's named genes that must be measured, in the matrix and again in each sample.
pub const SET_COVERAGE: f64 = 0.8;
/// Fewest genes outside the set, in the matrix and again in each sample; a choice of this crate.
pub const MIN_BACKGROUND_GENES: usize = 100;
/// Exponent of the ranks in ssGSEA (Barbie 2009).
pub const SSGSEA_ALPHA: f64 = 0.25;

/// Module whose genes with positive coefficients are the set, and the names and labels of the two scores.
const SETS: [(&str, [(&str, &str); 2]); 2] = [
    (
        "AURKA",
        [
            ("prolif_ssgsea", "Proliferation, ssGSEA of the AURKA module's genes, higher = more"),
            ("prolif_singscore", "Proliferation, singscore of the AURKA module's genes, 0 to 1, higher = more"),
        ],
    ),
    (
        "STAT1",
        [
            ("immune_ssgsea", "Immune response, ssGSEA of the STAT1 module's genes, higher = more"),
            ("immune_singscore", "Immune response, singscore of the STAT1 module's genes, 0 to 1, higher = more"),
        ],
    ),
];
const SOURCES: [&str; 2] = [
    "Barbie et al., Nature 2009;462:108 (alpha 0.25); gene set of Desmedt et al. 2008",
    "Foroutan et al., BMC Bioinformatics 2018;19:404; gene set of Desmedt et al. 2008",
];
const CAUTIONS: [&str; 2] = [
    "genes of the module with positive coefficient; raw enrichment score, its size grows with the number of genes: \
     compare only between samples with the same genes",
    "genes of the module with positive coefficient; ranks hang on which genes were measured: compare only between \
     samples with the same genes",
];

/// ssGSEA and singscore of the proliferation and of the immune set.
pub(super) fn scores(inputs: &Inputs<'_>, library: &SignatureLibrary) -> Vec<ScoreTable> {
    SETS.iter().flat_map(|(module, names)| set_scores(inputs.expression, library, module, names)).collect()
}

fn set_scores(
    expression: &Expression,
    library: &SignatureLibrary,
    module: &str,
    names: &[(&str, &str); 2],
) -> Vec<ScoreTable> {
    let cards = names.iter().zip(SOURCES).zip(CAUTIONS).map(|(((name, label), source), caution)| Card {
        name,
        label,
        source,
        caution,
        table: Some(MODULES_FILE),
    });
    let Some(module) = library.module(module) else { return cards.map(Card::without_table).collect() };
    let positive = module.table.genes.iter().filter(|(_, coef)| *coef > 0.0);
    let set: Vec<&str> = positive.map(|(symbol, _)| symbol.as_str()).collect();
    let coverage = Coverage::of(expression, set.iter().copied(), SET_COVERAGE);
    let ranked = coverage
        .check()
        .and_then(|()| check_scale(expression, &[ExpressionScale::Log2, ExpressionScale::Linear]))
        .and_then(|()| check_background(expression, coverage.n_found))
        .map(|()| of_samples(expression, &set, coverage.n_needed));
    cards
        .enumerate()
        .map(|(at, card)| {
            let pick = |pairs: &Vec<Option<[f64; 2]>>| {
                pairs.iter().map(|pair| pair.as_ref().and_then(|pair| pair.get(at)).copied()).collect()
            };
            card.numbers(coverage, ranked.as_ref().map(pick).map_err(Clone::clone))
        })
        .collect()
}

fn check_background(expression: &Expression, n_in: usize) -> Result<(), Refusal> {
    let measured = expression.rows().filter(|(_, row)| row.iter().any(|value| value.is_finite())).count();
    let (found, needed) = (measured.saturating_sub(n_in), MIN_BACKGROUND_GENES);
    if found < needed { Err(Refusal::Background { found, needed }) } else { Ok(()) }
}

/// ssGSEA and singscore of each sample over the genes measured in it.
fn of_samples(expression: &Expression, set: &[&str], n_needed: usize) -> Vec<Option<[f64; 2]>> {
    let inside: Vec<bool> = expression.genes().iter().map(|gene| set.contains(&gene.as_str())).collect();
    let of_sample = |values: Vec<f64>| {
        let measured = values.into_iter().zip(inside.iter().copied()).filter(|(value, _)| value.is_finite());
        let (values, in_set): (Vec<f64>, Vec<bool>) = measured.unzip();
        let n_in = in_set.iter().filter(|&&is_in| is_in).count();
        if n_in < n_needed || values.len() - n_in < MIN_BACKGROUND_GENES {
            return None;
        }
        Some([ssgsea(&values, &in_set, SSGSEA_ALPHA)?, singscore(&values, &in_set)?])
    };
    by_sample(expression, expression.genes().iter().map(String::as_str)).map(of_sample).collect()
}
