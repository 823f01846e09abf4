//! The sandwich covariance and the robust score test.

use std::collections::BTreeMap;

use super::design::Design;
use super::newton::Maximum;
use super::partial::{Risks, add_scaled};
use super::residuals::Parts;
use super::{CoxData, CoxOptions, Ties};
use crate::stats::Error;
use crate::stats::linalg::Cholesky;

/// Returns V (Σ u uᵀ) V over clusters (rows without clusters), on the caller's scale.
///
/// # Source
/// Lin & Wei 1989; R `coxph(..., cluster = , robust = TRUE)`.
pub(super) fn covariance(data: &CoxData<'_>, design: &Design, maximum: &Maximum, options: &CoxOptions) -> Vec<f64> {
    let size = design.n_features;
    let mut sums = vec![0.0; size * size];
    for score in cluster_scores(data, design, &maximum.risks, options.ties) {
        let mut shift = vec![0.0; size];
        for (value, line) in score.iter().zip(maximum.covariance.chunks_exact(size)) {
            add_scaled(&mut shift, *value, line);
        }
        shift.iter_mut().zip(&design.scale).for_each(|(value, scale)| *value /= scale);
        for (value, line) in shift.iter().zip(sums.chunks_exact_mut(size)) {
            add_scaled(line, *value, &shift);
        }
    }
    sums
}

/// uᵀ (Σ u_c u_cᵀ)⁻¹ u at coefficients of 0; `None` when the middle matrix is singular.
pub(super) fn score_statistic(data: &CoxData<'_>, design: &Design, ties: Ties) -> Result<Option<f64>, Error> {
    let size = design.n_features;
    let risks = Risks::new(design, &vec![0.0; size]).map_err(|found| Error::OutOfDomain {
        what: "spread of the offset",
        expected: "at most 300",
        found,
    })?;
    let (mut total, mut sums) = (vec![0.0; size], vec![0.0; size * size]);
    for score in cluster_scores(data, design, &risks, ties) {
        add_scaled(&mut total, 1.0, &score);
        for (value, line) in score.iter().zip(sums.chunks_exact_mut(size)) {
            add_scaled(line, *value, &score);
        }
    }
    match Cholesky::new(&sums, size) {
        Ok(factor) => Ok(Some(factor.solve(&total)?.iter().zip(&total).map(|(a, b)| a * b).sum())),
        Err(_) => Ok(None),
    }
}

/// Weighted score residuals on the standardised scale, summed by cluster, in order of the label or row.
fn cluster_scores(data: &CoxData<'_>, design: &Design, risks: &Risks, ties: Ties) -> Vec<Vec<f64>> {
    let size = design.n_features;
    let parts = Parts::new(design, risks, ties);
    let mut clusters: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (position, &row) in design.rows.iter().enumerate() {
        let label = data.cluster.map_or(row, |cluster| cluster[row]);
        let sum = clusters.entry(label).or_insert_with(|| vec![0.0; size]);
        add_scaled(sum, design.weight[position], &parts.score[position * size..(position + 1) * size]);
    }
    clusters.into_values().collect()
}
