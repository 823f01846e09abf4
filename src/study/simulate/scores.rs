//! Expression scores drawn from a factor model: what the tumour is decides what the assays read.
//!
//! Weights, means and shares are round numbers set by hand so that subtype means and correlations resemble the
//! summary figures of the I-SPY2 biomarker cohort (Wolf 2022); no row of it was used.

use rand::{Rng, RngExt};

use super::texture::normal;
use crate::terms::Subtype;

/// The processes behind the scores, in the order of the columns of [`SCORES`].
const N_FACTORS: usize = 5;

/// How a score is made: its column, the weight of each factor (immune, proliferation, luminal, HER2,
/// stroma), the deviation of what is its own, and the share of patients in whom it is not measured.
struct Score {
    column: &'static str,
    weights: [f64; N_FACTORS],
    own: f64,
    unmeasured: Unmeasured,
}

/// Which assay a score belongs to, as far as missing values go.
#[derive(PartialEq)]
enum Unmeasured {
    Never,
    /// Reverse-phase protein array: missing as a block.
    WithProteinArray,
    /// Reverse-phase protein array, and missing on its own besides.
    WithProteinArrayOrAlone,
}

const fn score(column: &'static str, weights: [f64; N_FACTORS], own: f64) -> Score {
    Score { column, weights, own, unmeasured: Unmeasured::Never }
}

const fn protein(column: &'static str, weights: [f64; N_FACTORS], own: f64, unmeasured: Unmeasured) -> Score {
    Score { column, weights, own, unmeasured }
}

/// The score columns of `genomic.csv`, in file order.
const SCORES: [Score; 27] = [
    score("ics5", [0.80, 0.0, 0.0, 0.0, 0.0], 0.60),
    score("chemokine12", [0.90, 0.0, 0.0, 0.0, 0.0], 0.40),
    score("module5_tcell_bcell", [0.92, 0.0, 0.0, 0.0, 0.0], 0.35),
    score("stat1", [0.92, 0.1, 0.0, 0.0, 0.0], 0.35),
    score("module3_ifn", [0.70, 0.0, 0.0, 0.0, 0.0], 0.70),
    score("dendritic_cells", [0.55, 0.0, -0.15, 0.0, 0.0], 0.75),
    score("b_cells", [0.65, 0.0, 0.0, 0.0, 0.0], 0.70),
    score("mast_cells", [-0.1, -0.45, 0.25, 0.1, 0.2], 0.70),
    score("module11_prolif", [0.0, 0.95, 0.0, 0.0, 0.0], 0.30),
    score("mp_index", [0.1, 0.65, -0.40, 0.0, 0.0], 0.35),
    score("basal_index", [0.15, 0.30, -0.65, -0.2, 0.0], 0.45),
    score("parpi7", [0.0, 0.15, -0.35, 0.0, 0.0], 0.85),
    score("parpi7_plus_mp2", [0.0, 0.25, -0.40, 0.0, 0.0], 0.75),
    score("vcpred_tn", [0.70, 0.0, -0.05, 0.0, 0.0], 0.70),
    score("stmn1", [0.0, 0.70, 0.0, 0.0, 0.0], 0.65),
    score("her2_index", [0.0, 0.0, 0.0, 0.95, 0.0], 0.30),
    score("mod7_erbb2", [0.0, 0.0, 0.0, 0.95, 0.0], 0.30),
    protein("erbb2_y1248", [0.0, 0.0, 0.0, 0.60, 0.0], 0.50, Unmeasured::WithProteinArray),
    protein("egfr_y1173", [0.0, 0.0, 0.0, 0.55, 0.0], 0.55, Unmeasured::WithProteinArray),
    protein("mtor_s2448", [0.0, 0.1, 0.0, 0.0, 0.0], 0.95, Unmeasured::WithProteinArray),
    score("igf1r", [0.0, 0.0, 0.55, -0.1, 0.0], 0.70),
    protein("tie2_y992", [0.0; N_FACTORS], 0.90, Unmeasured::WithProteinArrayOrAlone),
    score("mod10_ecm", [0.0, 0.0, 0.0, 0.0, 0.97], 0.20),
    score("rpl24", [0.0; N_FACTORS], 1.00),
    score("lymphs_pca", [-0.15, 0.0, 0.40, 0.0, 0.0], 0.85),
    score("luminal_index", [-0.1, 0.0, 1.00, 0.0, 0.0], 0.35),
    score("er_pgr_avg", [0.0, 0.0, 0.95, 0.0, 0.0], 0.30),
];

/// Scores of immune cells and of proliferation, which the patient unlike the training data has far out.
const IMMUNE_AND_PROLIFERATION: [&str; 11] = [
    "ics5",
    "chemokine12",
    "module5_tcell_bcell",
    "stat1",
    "module3_ifn",
    "dendritic_cells",
    "b_cells",
    "mast_cells",
    "module11_prolif",
    "mp_index",
    "stmn1",
];

/// The header names of the score columns, in file order.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    SCORES.iter().map(|score| score.column)
}

/// Mean of each factor in a subtype, in standard deviations of all patients.
fn factor_means(subtype: Subtype) -> [f64; N_FACTORS] {
    match subtype {
        Subtype::TripleNegative => [0.3, 0.6, -0.8, -0.5, -0.2],
        Subtype::HrNegHer2Pos => [0.4, -0.1, -0.7, 1.6, 0.3],
        Subtype::HrPosHer2Neg => [-0.2, -0.3, 0.65, -0.4, 0.0],
        Subtype::HrPosHer2Pos => [-0.3, -0.6, 0.55, 1.25, 0.4],
    }
}

/// Deviation of each factor inside a subtype.
const FACTOR_SPREAD: [f64; N_FACTORS] = [0.95, 0.85, 0.55, 0.45, 0.95];

/// The scores of one tumour, in the order of [`columns`]; `None` where an assay was not done.
pub(super) fn draw(rng: &mut impl Rng, subtype: Subtype) -> Vec<Option<f64>> {
    let mut factors = factor_means(subtype);
    for (factor, spread) in factors.iter_mut().zip(FACTOR_SPREAD) {
        *factor += spread * normal(rng);
    }
    let no_protein_array = rng.random::<f64>() < 0.25;
    SCORES
        .iter()
        .map(|score| {
            let shared: f64 = score.weights.iter().zip(factors).map(|(weight, factor)| weight * factor).sum();
            let value = shared + score.own * normal(rng);
            let alone = rng.random::<f64>() < 0.30;
            let missing = match score.unmeasured {
                Unmeasured::Never => false,
                Unmeasured::WithProteinArray => no_protein_array,
                Unmeasured::WithProteinArrayOrAlone => no_protein_array || alone,
            };
            (!missing).then_some(value)
        })
        .collect()
}

/// Moves every immune and proliferation score to 6 to 8 standard deviations above the mean.
pub(super) fn move_far_out(rng: &mut impl Rng, scores: &mut [Option<f64>]) {
    for (value, column) in scores.iter_mut().zip(columns()) {
        if IMMUNE_AND_PROLIFERATION.contains(&column) {
            *value = Some(6.0 + 2.0 * rng.random::<f64>());
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn mean_of(column: &str, subtype: Subtype) -> f64 {
        let at = columns().position(|name| name == column).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let values: Vec<f64> = (0..400).filter_map(|_| draw(&mut rng, subtype)[at]).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn her2_scores_are_high_in_her2_positive_tumours() {
        assert!(mean_of("mod7_erbb2", Subtype::HrNegHer2Pos) > 1.0);
        assert!(mean_of("erbb2_y1248", Subtype::HrPosHer2Pos) > 0.4);
        assert!(mean_of("her2_index", Subtype::TripleNegative) < -0.2);
    }

    #[test]
    fn hormone_receptor_expression_follows_the_receptor() {
        assert!(mean_of("er_pgr_avg", Subtype::HrPosHer2Neg) > 0.4);
        assert!(mean_of("er_pgr_avg", Subtype::TripleNegative) < -0.4);
    }

    #[test]
    fn immune_scores_rise_and_fall_together() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let rows: Vec<_> = (0..500).map(|_| draw(&mut rng, Subtype::TripleNegative)).collect();
        let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((row[1]?, row[3]?))).collect();
        let n = pairs.len() as f64;
        let (mx, my) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
        let covariance: f64 = pairs.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
        let (vx, vy): (f64, f64) =
            (pairs.iter().map(|p| (p.0 - mx).powi(2)).sum(), pairs.iter().map(|p| (p.1 - my).powi(2)).sum());
        assert!(covariance / (vx * vy).sqrt() > 0.6);
    }
}
