//! PAM50 intrinsic subtype and the risk of recurrence from it.

use super::expression::ExpressionScale;
use super::library::SignatureTable;
use super::rank::spearman;
use super::score::{Card, Coverage, Refusal, ScoreTable, ScoreValues, by_sample, check_scale, n_finite};
use super::signatures::Inputs;
use super::table_file::CENTROIDS;

/// Share of the 50 genes that must be measured, in the matrix and again in each sample.
pub const PAM50_COVERAGE: f64 = 0.8;

/// Coefficients of ROR-S on the correlations with Basal, Her2, LumA, LumB and Normal.
///
/// # Source
/// Parker et al., J Clin Oncol 2009;27:1160, "ROR-S"; as in R `genefu::rorS`.
pub const ROR_S_COEFFICIENTS: [f64; 5] = [0.05, 0.12, -0.34, 0.23, 0.0];

const COR_NAMES: [&str; 5] =
    ["pam50_basal_cor", "pam50_her2_cor", "pam50_lum_a_cor", "pam50_lum_b_cor", "pam50_normal_cor"];
const SOURCE: &str = "Parker et al., J Clin Oncol 2009;27:1160; centroids as in R genefu (pam50)";
const CAUTION: &str = "research computation on median-centred values, not the Prosigna test; moves with the mix of \
                       training samples on which genes were centred";
const ROR_CAUTION: &str = "research computation, not the Prosigna ROR; unscaled weighted sum of correlations, no risk \
                           groups; the versions with proliferation or tumour size are not computed";

/// Per sample the five correlations, unless too few genes are measured in it.
type Correlations = Vec<Option<[f64; 5]>>;

/// Five correlations, the subtype and ROR-S.
pub(super) fn scores(inputs: &Inputs<'_>, table: Option<&SignatureTable<[f64; 5]>>) -> Vec<ScoreTable> {
    let file = Some(super::library::PAM50_FILE);
    let labels = CENTROIDS.map(|name| format!("Spearman correlation with the PAM50 {name} centroid, -1 to 1"));
    let card = |at: usize| Card {
        name: COR_NAMES.get(at).copied().unwrap_or_default(),
        label: labels.get(at).map_or("", String::as_str),
        source: SOURCE,
        caution: CAUTION,
        table: file,
    };
    let subtype = Card { name: "pam50_subtype", label: "PAM50 intrinsic subtype (research computation)", ..card(0) };
    let ror = Card {
        name: "ror_s",
        label: "ROR-S, risk of recurrence from PAM50 correlations (research computation), higher = worse",
        caution: ROR_CAUTION,
        ..card(0)
    };
    let Some(table) = table else {
        return (0..5).map(card).chain([subtype, ror]).map(Card::without_table).collect();
    };
    let coverage = Coverage::of(inputs.expression, table.symbols(), PAM50_COVERAGE);
    let found = coverage.check().and_then(|()| correlations(inputs, table, coverage.n_needed));
    let map = |f: &dyn Fn(&[f64; 5]) -> Option<f64>| {
        found.as_ref().map(|of| of.iter().map(|cor| cor.as_ref().and_then(f)).collect()).map_err(Clone::clone)
    };
    let mut tables: Vec<ScoreTable> =
        (0..5).map(|at| card(at).numbers(coverage, map(&|cor| cor.get(at).copied()))).collect();
    let words = found.as_ref().map_err(Clone::clone).map(|of| of.iter().map(|cor| nearest(cor.as_ref()?)).collect());
    tables.push(subtype.table(coverage, words.map(ScoreValues::Text)));
    tables.push(ror.numbers(coverage, map(&|cor| Some(ror_s(cor)))));
    tables
}

fn correlations(
    inputs: &Inputs<'_>,
    table: &SignatureTable<[f64; 5]>,
    n_needed: usize,
) -> Result<Correlations, Refusal> {
    use ExpressionScale::{Centred, Log2, ZScore};
    check_scale(inputs.expression, &[Log2, Centred, ZScore])?;
    let centred = inputs.centred.as_ref().map_err(Clone::clone)?;
    let centroid = |at: usize| -> Vec<f64> {
        table.genes.iter().map(|(_, values)| values.get(at).copied().unwrap_or(f64::NAN)).collect()
    };
    let centroids: Vec<Vec<f64>> = (0..5).map(centroid).collect();
    let of_sample = |values: Vec<f64>| {
        if n_finite(&values) < n_needed {
            return None;
        }
        let cors: Option<Vec<f64>> = centroids.iter().map(|centroid| spearman(&values, centroid)).collect();
        cors.and_then(|cors| cors.try_into().ok())
    };
    Ok(by_sample(centred, table.symbols()).map(of_sample).collect())
}

/// The centroid of the highest correlation; `None` when two share it.
fn nearest(correlations: &[f64; 5]) -> Option<String> {
    let highest = correlations.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut at = CENTROIDS.iter().zip(correlations).filter(|(_, cor)| **cor == highest);
    let (name, _) = at.next()?;
    at.next().is_none().then(|| (*name).to_owned())
}

/// Returns ROR-S, unscaled: 0.05 Basal + 0.12 Her2 − 0.34 LumA + 0.23 LumB on the five correlations, higher = worse.
///
/// # Source
/// Parker et al. 2009.
#[must_use]
pub fn ror_s(correlations: &[f64; 5]) -> f64 {
    correlations.iter().zip(ROR_S_COEFFICIENTS).map(|(cor, coef)| coef * cor).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ror_s_by_pencil_and_a_tie_has_no_subtype() {
        // 0.05·0.2 + 0.12·0.5 + 0.34·0.4 + 0.23·0.1 = 0.01 + 0.06 + 0.136 + 0.023
        assert!((ror_s(&[0.2, 0.5, -0.4, 0.1, 0.9]) - 0.229).abs() < 1e-15);
        assert_eq!(nearest(&[0.2, 0.5, -0.4, 0.1, 0.9]).as_deref(), Some("Normal"));
        assert_eq!(nearest(&[0.2, 0.5, 0.5, 0.1, 0.0]), None);
    }
}
