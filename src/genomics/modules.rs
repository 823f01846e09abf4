//! Gene modules and single genes.

use super::expression::ExpressionScale;
use super::library::{MODULES_FILE, SignatureLibrary};
use super::score::{Card, Coverage, Refusal, ScoreTable, by_sample, check_scale, n_finite};
use super::signatures::Inputs;

/// Share of a module's named genes that must be measured, in the matrix and again in each sample.
pub const MODULE_COVERAGE: f64 = 0.8;

/// Prototype genes of the modules and what each stands for.
const MODULES: [(&str, &str, &str); 7] = [
    ("ESR1", "module_esr1", "ESR1 module, oestrogen receptor signalling"),
    ("ERBB2", "module_erbb2", "ERBB2 module, HER2 signalling"),
    ("AURKA", "module_aurka", "AURKA module, proliferation"),
    ("PLAU", "module_plau", "PLAU module, stroma and invasion"),
    ("VEGF", "module_vegf", "VEGF module, angiogenesis"),
    ("STAT1", "module_stat1", "STAT1 module, immune response"),
    ("CASP3", "module_casp3", "CASP3 module, apoptosis"),
];

const GENES: [(&str, &str, &str); 4] = [
    ("ESR1", "expr_esr1", "ESR1 expression"),
    ("PGR", "expr_pgr", "PGR expression"),
    ("ERBB2", "expr_erbb2", "ERBB2 expression"),
    ("MKI67", "expr_mki67", "MKI67 expression"),
];

/// Σ w·x / Σ |w| of each module over the genes that a sample measures.
pub(super) fn module_scores(inputs: &Inputs<'_>, library: &SignatureLibrary) -> Vec<ScoreTable> {
    let score = |(gene, name, label)| {
        let card = Card {
            name,
            label,
            source: "Desmedt et al., Clin Cancer Res 2008;14:5158",
            caution: "weighted mean on the scale of the matrix: compare only between samples of one platform and one \
                      normalisation; one value per gene",
            table: Some(MODULES_FILE),
        };
        let Some(module) = library.module(gene) else { return card.without_table() };
        let table = &module.table;
        let coverage = Coverage::of(inputs.expression, table.symbols(), MODULE_COVERAGE);
        let coefs: Vec<f64> = table.genes.iter().map(|(_, coef)| *coef).collect();
        let mean = |values: Vec<f64>| {
            if n_finite(&values) < coverage.n_needed { None } else { weighted_mean(&values, &coefs) }
        };
        use ExpressionScale::{Centred, Log2, ZScore};
        let values = coverage
            .check()
            .and_then(|()| check_scale(inputs.expression, &[Log2, Centred, ZScore]))
            .map(|()| by_sample(inputs.expression, table.symbols()).map(mean).collect());
        card.numbers(coverage, values)
    };
    MODULES.into_iter().map(score).collect()
}

/// Σ w·x / Σ |w| over finite x; `None` when no weight is left.
fn weighted_mean(values: &[f64], coefs: &[f64]) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, coef) in values.iter().zip(coefs).filter(|(value, _)| value.is_finite()) {
        sum += coef * value;
        total += coef.abs();
    }
    (total > 0.0).then(|| sum / total)
}

/// The value of each receptor and proliferation gene, as it stands in the matrix.
pub(super) fn gene_summaries(inputs: &Inputs<'_>) -> Vec<ScoreTable> {
    let summary = |(gene, name, label): (&'static str, _, _)| {
        let card = Card {
            name,
            label,
            source: "value of the matrix",
            caution: "a single gene's RNA on the scale of the matrix, not a receptor status or an index of stained cells",
            table: None,
        };
        let coverage = Coverage::of(inputs.expression, [gene].into_iter(), 1.0);
        let row = inputs.expression.gene(gene).unwrap_or_default();
        let values = row.iter().map(|value| value.is_finite().then_some(*value)).collect();
        let outcome: Result<Vec<Option<f64>>, Refusal> = coverage.check().map(|()| values);
        card.numbers(coverage, outcome)
    };
    GENES.into_iter().map(summary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_a_mean_weighted_by_signed_coefficients() {
        // (1·4 − 0.5·2) / 1.5 = 2; without the second gene 4.
        assert_eq!(weighted_mean(&[4.0, 2.0], &[1.0, -0.5]), Some(2.0));
        assert_eq!(weighted_mean(&[4.0, f64::NAN], &[1.0, -0.5]), Some(4.0));
        assert_eq!(weighted_mean(&[f64::NAN], &[1.0]), None);
    }
}
