//! Published formulas of two commercial recurrence tests, computed for research: 21 genes and EndoPredict.

use super::expression::{Expression, ExpressionScale};
use super::library::{ENDOPREDICT_FILE, EndoPredictGene, RS21_FILE, Rs21Gene, Rs21Group, SignatureTable};
use super::score::{Card, Coverage, ScoreTable, by_sample, check_scale};
use super::signatures::Inputs;

/// Floor of the proliferation group score (Paik 2004).
pub const RS21_PROLIFERATION_FLOOR: f64 = 6.5;
/// Floor of the HER2 group score (Paik 2004).
pub const RS21_HER2_FLOOR: f64 = 8.0;
/// RS = 20 · (RSU − 6.7), held in \[0, 100\] (Paik 2004).
pub const RS21_SCALE: (f64, f64) = (20.0, 6.7);
/// Value given to the mean of the five reference genes.
///
/// Paik 2004 publishes the range of reference-normalised values (0 to 15, one unit per doubling) and not this offset;
/// 10 is an assumption that puts log2 values into that range.
pub const RS21_REFERENCE_LEVEL: f64 = 10.0;
/// Share of the 16 cancer genes that must be measured: all, in the matrix and in each sample.
pub const RS21_COVERAGE: f64 = 1.0;
/// Share of the eight genes of interest that must be measured: all, in the matrix and in each sample.
pub const ENDOPREDICT_COVERAGE: f64 = 1.0;
/// Offset of the unscaled EndoPredict score (Filipits 2011).
pub const ENDOPREDICT_OFFSET: f64 = -2.63;
/// EP = 1.5 · s + 18.95, held in \[0, 15\] (Filipits 2011).
pub const ENDOPREDICT_SCALE: (f64, f64) = (1.5, 18.95);

const RS21_SOURCE: &str = "Paik et al., N Engl J Med 2004;351:2817";
const REFERENCE_CAUTION: &str = "research computation, not the commercial test and without its cut-offs; log2 values \
                                 normalised to the five reference genes, their mean set to 10";
const RANGE_CAUTION: &str = "research computation, not the commercial test and without its cut-offs; without reference \
                             genes, each gene mapped to 0-15 over the training samples as in R genefu oncotypedx";
const EP_CAUTION: &str = "research computation, not the commercial test and without its cut-offs; each gene mapped to \
                          the range of Affymetrix signals over the training samples, each sample centred at log2(500) \
                          over the eight genes, as in R genefu endoPredict; reference genes unused, no clinical factors";

/// The unscaled and the scaled 21-gene score.
pub(super) fn rs21_scores(inputs: &Inputs<'_>, table: Option<&SignatureTable<Rs21Gene>>) -> Vec<ScoreTable> {
    let references: Vec<&str> = table.map(reference_genes).unwrap_or_default();
    let by_reference = !references.is_empty() && references.iter().all(|gene| inputs.expression.measures(gene));
    let unscaled = Card {
        name: "rs21_unscaled_research",
        label: "21-gene score, unscaled RSU (research computation), higher = worse",
        source: RS21_SOURCE,
        caution: if by_reference { REFERENCE_CAUTION } else { RANGE_CAUTION },
        table: Some(RS21_FILE),
    };
    let scaled = Card {
        name: "rs21_research",
        label: "21-gene score, 0 to 100 (research computation), higher = worse",
        ..unscaled
    };
    let Some(table) = table else { return vec![unscaled.without_table(), scaled.without_table()] };
    let cancer: Vec<(&str, Rs21Gene)> =
        table.genes.iter().filter(|(_, g)| g.group != Rs21Group::Reference).map(|(s, g)| (s.as_str(), *g)).collect();
    let coverage = Coverage::of(inputs.expression, cancer.iter().map(|(symbol, _)| *symbol), RS21_COVERAGE);
    let values = coverage
        .check()
        .and_then(|()| check_scale(inputs.expression, &[ExpressionScale::Log2]))
        .and_then(|()| if by_reference { Ok(None) } else { inputs.ranged.as_ref().map(Some).map_err(Clone::clone) })
        .map(|ranged| rsu_of_samples(inputs.expression, ranged, &cancer, &references));
    let rs = values.clone().map(|values| values.into_iter().map(|rsu| rsu.map(rs_from_rsu)).collect());
    vec![unscaled.numbers(coverage, values), scaled.numbers(coverage, rs)]
}

fn reference_genes(table: &SignatureTable<Rs21Gene>) -> Vec<&str> {
    let reference = table.genes.iter().filter(|(_, gene)| gene.group == Rs21Group::Reference);
    reference.map(|(symbol, _)| symbol.as_str()).collect()
}

/// RSU of each sample, from the ranged matrix or else from values normalised to the reference genes.
fn rsu_of_samples(
    expression: &Expression,
    ranged: Option<&Expression>,
    cancer: &[(&str, Rs21Gene)],
    references: &[&str],
) -> Vec<Option<f64>> {
    let genes: Vec<Rs21Gene> = cancer.iter().map(|(_, gene)| *gene).collect();
    let mut samples: Vec<Vec<f64>> =
        by_sample(ranged.unwrap_or(expression), cancer.iter().map(|(symbol, _)| *symbol)).collect();
    if ranged.is_none() {
        let levels = by_sample(expression, references.iter().copied());
        for (values, level) in samples.iter_mut().zip(levels) {
            let mean = level.iter().sum::<f64>() / level.len() as f64;
            values.iter_mut().for_each(|value| *value += RS21_REFERENCE_LEVEL - mean);
        }
    }
    samples.iter().map(|values| rsu(values, &genes)).collect()
}

/// RSU = Σ coef · x, the HER2 and the proliferation part held above floor · Σ coef; `None` with a missing value.
fn rsu(values: &[f64], genes: &[Rs21Gene]) -> Option<f64> {
    let part = |group: Rs21Group| {
        let of_group = || values.iter().zip(genes).filter(move |(_, gene)| gene.group == group);
        let sum: f64 = of_group().map(|(value, gene)| gene.coef * value).sum();
        (sum, of_group().map(|(_, gene)| gene.coef).sum::<f64>())
    };
    let (proliferation, proliferation_coef) = part(Rs21Group::Proliferation);
    let (her2, her2_coef) = part(Rs21Group::Her2);
    let (other, _) = part(Rs21Group::Other);
    let all = proliferation.max(RS21_PROLIFERATION_FLOOR * proliferation_coef)
        + her2.max(RS21_HER2_FLOOR * her2_coef)
        + other;
    // `max` drops a NaN, so missing values are looked for in the input.
    (values.iter().all(|value| value.is_finite()) && all.is_finite()).then_some(all)
}

/// Returns the 21-gene score on its scale of 0 to 100 from the unscaled score.
///
/// 20 · (RSU − 6.7), held in \[0, 100\].
///
/// # Source
/// Paik et al. 2004, figure 1.
#[must_use]
pub fn rs_from_rsu(rsu: f64) -> f64 {
    (RS21_SCALE.0 * (rsu - RS21_SCALE.1)).clamp(0.0, 100.0)
}

/// The molecular EndoPredict score.
pub(super) fn endopredict_score(inputs: &Inputs<'_>, table: Option<&SignatureTable<EndoPredictGene>>) -> ScoreTable {
    let card = Card {
        name: "endopredict_research",
        label: "EndoPredict molecular score, 0 to 15 (research computation), higher = worse",
        source: "Filipits et al., Clin Cancer Res 2011;17:6012; array convention of R genefu endoPredict",
        caution: EP_CAUTION,
        table: Some(ENDOPREDICT_FILE),
    };
    let Some(table) = table else { return card.without_table() };
    let coverage = Coverage::of(inputs.expression, table.symbols(), ENDOPREDICT_COVERAGE);
    let genes: Vec<EndoPredictGene> = table.genes.iter().map(|(_, gene)| *gene).collect();
    let values = coverage
        .check()
        .and_then(|()| check_scale(inputs.expression, &[ExpressionScale::Log2]))
        .and_then(|()| inputs.affymetrix.as_ref().map_err(Clone::clone))
        .map(|scaled| by_sample(scaled, table.symbols()).map(|values| endopredict(&values, &genes)).collect());
    card.numbers(coverage, values)
}

/// EP from signals on the Affymetrix scale; `None` with a missing value.
fn endopredict(signals: &[f64], genes: &[EndoPredictGene]) -> Option<f64> {
    let mean = signals.iter().sum::<f64>() / signals.len() as f64;
    let level = 500f64.log2() - mean;
    let delta_ct = signals.iter().zip(genes).map(|(signal, gene)| gene.coef * (signal + level - gene.b) / gene.a);
    let unscaled = delta_ct.sum::<f64>() + ENDOPREDICT_OFFSET;
    let score = ENDOPREDICT_SCALE.0 * unscaled + ENDOPREDICT_SCALE.1;
    score.is_finite().then(|| score.clamp(0.0, 15.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gene(group: Rs21Group, coef: f64) -> Rs21Gene {
        Rs21Gene { group, coef }
    }

    #[test]
    fn rsu_holds_two_groups_above_their_floors() {
        let genes = [gene(Rs21Group::Proliferation, 1.04), gene(Rs21Group::Her2, 0.47), gene(Rs21Group::Other, -0.34)];
        // Above both floors: 1.04·10 + 0.47·10 − 0.34·10 = 11.7.
        assert!((rsu(&[10.0, 10.0, 10.0], &genes).unwrap() - 11.7).abs() < 1e-12);
        // Below both: 1.04·6.5 + 0.47·8 − 0.34·2 = 6.76 + 3.76 − 0.68 = 9.84.
        assert!((rsu(&[1.0, 1.0, 2.0], &genes).unwrap() - 9.84).abs() < 1e-12);
        assert_eq!(rsu(&[f64::NAN, 1.0, 2.0], &genes), None);
    }

    #[test]
    fn the_scaled_score_stays_in_0_to_100() {
        // 20 · (8.2 − 6.7) = 30.
        assert!((rs_from_rsu(8.2) - 30.0).abs() < 1e-12);
        assert_eq!((rs_from_rsu(-1.0), rs_from_rsu(20.0)), (0.0, 100.0));
    }

    #[test]
    fn endopredict_of_two_genes_by_pencil() {
        // Signals 8 and 10, mean 9, moved by log2(500) − 9 = −0.0342157: 7.9657843 and 9.9657843.
        // ΔCt (7.9657843 + 3.8)/0.94 = 12.516792 and (9.9657843 − 4.3)/0.49 = 11.562825.
        // 0.41·12.516792 − 0.5·11.562825 − 2.63 = −3.279528; 1.5 · that + 18.95 = 14.030708.
        let genes = [EndoPredictGene { coef: 0.41, a: 0.94, b: -3.8 }, EndoPredictGene { coef: -0.5, a: 0.49, b: 4.3 }];
        assert!((endopredict(&[8.0, 10.0], &genes).unwrap() - 14.030_708).abs() < 1e-5);
        assert_eq!(endopredict(&[8.0, f64::NAN], &genes), None);
        assert_eq!(endopredict(&[8.0, 100.0], &genes), Some(0.0));
    }
}
