//! Rank statistics of one sample: Spearman correlation, ssGSEA and singscore.

/// Ranks from 1 in ascending order, ties given the mean of their ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|&a, &b| value(a) == value(b)) {
        let mid = start as f64 + (group.len() as f64 + 1.0) / 2.0;
        for &at in group {
            if let Some(rank) = ranks.get_mut(at) {
                *rank = mid;
            }
        }
        start += group.len();
    }
    ranks
}

/// Returns Spearman's rank correlation of the pairs in which both values are finite, in \[−1, 1\].
///
/// The Pearson correlation of midranks. `None` with fewer than two pairs or when one side is constant.
///
/// # Source
/// Spearman 1904; R `cor(method = "spearman", use = "complete.obs")`.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let pairs = x.iter().zip(y).filter(|(a, b)| a.is_finite() && b.is_finite());
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.map(|(a, b)| (*a, *b)).unzip();
    let (x, y) = (midranks(&x), midranks(&y));
    // Midranks have the mean (n + 1) / 2, exactly.
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&x, &x) * product(&y, &y)).sqrt();
    (spread > 0.0).then(|| (product(&x, &y) / spread).clamp(-1.0, 1.0))
}

/// Returns the single-sample enrichment score of a gene set; higher = the set stands nearer the top.
///
/// With genes in descending order of value, ES = Σᵢ (P_in(i) − P_out(i)), where P_in(i) is the share of rank^`alpha`
/// of the set and P_out(i) the share of the other genes met down to position i (rank N for the largest value, ties
/// at their mean rank). Not divided by the range over samples, so that a score belongs to its sample alone; its size
/// grows with the number of genes ranked. Tied genes are met at their mean position, so that the order of genes plays
/// no part. Values must be finite. `None` when no gene is in the set or none outside, or when the lengths differ.
///
/// # Source
/// Barbie et al. 2009 (alpha 0.25); the `ES` of gseapy's `ssgsea(sample_norm_method = "rank")`.
#[must_use]
pub fn ssgsea(values: &[f64], in_set: &[bool], alpha: f64) -> Option<f64> {
    let n = values.len();
    let n_in = in_set.iter().filter(|&&inside| inside).count();
    if in_set.len() != n || n_in == 0 || n_in == n {
        return None;
    }
    // A gene of ascending rank r is counted in r of the running sums, so that the sums need not be made.
    let (mut inside, mut weight, mut outside) = (0.0, 0.0, 0.0);
    for (rank, is_in) in midranks(values).into_iter().zip(in_set) {
        if *is_in {
            let w = rank.powf(alpha);
            inside += w * rank;
            weight += w;
        } else {
            outside += rank;
        }
    }
    Some(inside / weight - outside / (n - n_in) as f64)
}

/// Returns the mean rank of an up-regulated gene set, 0 = all at the bottom, 1 = all at the top.
///
/// (mean rank − (n + 1)/2) / (N − n) with n genes of the set among N, ranks ascending, ties at their mean rank (R's
/// `singscore` gives ties the lowest rank by default). Not centred: 0.5 is expected of a random set. Values must be
/// finite. `None` when no gene is in the set or none outside, or when the lengths differ.
///
/// # Source
/// Foroutan et al. 2018, equations 1 and 2: low bound (n + 1)/2, high bound (2N − n + 1)/2.
#[must_use]
pub fn singscore(values: &[f64], in_set: &[bool]) -> Option<f64> {
    let n_in = in_set.iter().filter(|&&inside| inside).count();
    if in_set.len() != values.len() || n_in == 0 || n_in == values.len() {
        return None;
    }
    let ranks = midranks(values);
    let sum: f64 = ranks.iter().zip(in_set).filter(|&(_, &inside)| inside).map(|(rank, _)| rank).sum();
    let low = (n_in as f64 + 1.0) / 2.0;
    Some((sum / n_in as f64 - low) / (values.len() - n_in) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank_and_missing_pairs_are_left_out() {
        assert_eq!(midranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        // Ranks 1 2 3 against 1 3 2: 1 − 6·2 / (3·8) = 0.5.
        let rho = spearman(&[1.0, 2.0, f64::NAN, 3.0], &[10.0, 30.0, 0.0, 20.0]).unwrap();
        assert!((rho - 0.5).abs() < 1e-15);
        assert_eq!(spearman(&[1.0, 2.0], &[5.0, 5.0]), None);
        assert_eq!(spearman(&[1.0], &[5.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }

    #[test]
    fn ssgsea_of_four_genes_by_pencil() {
        // Descending: in (rank 4), out (3), in (2), out (1); alpha 1.
        // P_in 4/6 4/6 1 1, P_out 0 1/2 1/2 1: 2/3 + 1/6 + 1/2 + 0 = 4/3.
        let es = ssgsea(&[9.0, 1.0, 3.0, 5.0], &[true, false, true, false], 1.0).unwrap();
        assert!((es - 4.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn ssgsea_equals_its_running_sums() {
        let values: Vec<f64> = (0..40).map(|i| f64::from((i * 17) % 41)).collect();
        let in_set: Vec<bool> = (0..40).map(|i| i % 7 == 2).collect();
        let mut order: Vec<usize> = (0..40).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let weight = |at: usize| if in_set[order[at]] { ((40 - at) as f64).powf(0.25) } else { 0.0 };
        let total: f64 = (0..40).map(weight).sum();
        let n_out = in_set.iter().filter(|inside| !**inside).count() as f64;
        let mut brute = 0.0;
        for upto in 1..=40 {
            let met_in: f64 = (0..upto).map(weight).sum();
            let met_out = (0..upto).filter(|&at| !in_set[order[at]]).count() as f64;
            brute += met_in / total - met_out / n_out;
        }
        assert!((ssgsea(&values, &in_set, 0.25).unwrap() - brute).abs() < 1e-12);
    }

    #[test]
    fn the_order_of_tied_genes_plays_no_part() {
        let es = |values: &[f64], in_set: &[bool]| ssgsea(values, in_set, 0.25).unwrap();
        let one_way = es(&[2.0, 2.0, 1.0, 3.0], &[true, false, false, true]);
        let other_way = es(&[2.0, 2.0, 1.0, 3.0], &[false, true, false, true]);
        assert!((one_way - other_way).abs() < 1e-15);
    }

    #[test]
    fn singscore_is_one_at_the_top_and_zero_at_the_bottom() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(singscore(&values, &[false, false, false, true, true]), Some(1.0));
        assert_eq!(singscore(&values, &[true, true, false, false, false]), Some(0.0));
        // Mean rank of 1 and 4 is 2.5; (2.5 − 1.5) / 3.
        assert_eq!(singscore(&values, &[true, false, false, true, false]), Some(1.0 / 3.0));
        assert_eq!(singscore(&values, &[true; 5]), None);
        assert_eq!(ssgsea(&values, &[false; 5], 0.25), None);
    }
}
