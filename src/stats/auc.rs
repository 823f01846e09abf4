//! Area under the ROC curve with DeLong's variance, and the paired comparison of two scores.

use serde::{Deserialize, Serialize};

use super::inputs::{check_finite, check_length, check_two_classes};
use super::{Error, normal};
use crate::terms::Estimate;

/// The difference of two ROC areas measured on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedAuc {
    /// Area of the first score minus area of the second, in \[−1, 1\], positive when the first is better.
    pub difference: Estimate,
    /// The difference over its standard error.
    pub z: f64,
    /// Two-sided p-value of no difference.
    pub p: f64,
}

/// Returns the area under the ROC curve with its DeLong 95 % interval.
///
/// The area is P(score of an event > score of a non-event) + ½ P(equal); higher is better. The interval is
/// the area ± 1.96 standard errors, clipped to \[0, 1\]; a perfect ranking has the interval \[1, 1\], which
/// says that this variance cannot see the uncertainty, not that there is none. Rows must be independent: with
/// several rows of one patient, or repeats of a cross-validation, use [`bootstrap`](super::bootstrap()) over patients.
/// O(n log n) through midranks.
///
/// ```
/// let area = regimen::stats::roc_auc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]).unwrap();
/// assert_eq!(area.estimate, 0.75);
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::OneClass`], and [`Error::TooFew`] with fewer
/// than two events or two non-events.
///
/// # Source
/// DeLong, DeLong & Clarke-Pearson 1988; midrank form of Sun & Xu 2014.
pub fn roc_auc(y: &[bool], score: &[f64]) -> Result<Estimate, Error> {
    let placements = Placements::new(y, score)?;
    placements.check_variance_exists()?;
    let std_err = (variance_of_mean(&placements.events) + variance_of_mean(&placements.non_events)).sqrt();
    Ok(normal_interval(placements.auc, std_err, 0.0))
}

/// Returns the area under the ROC curve alone, ties counted half; higher is better.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::OneClass`].
pub fn roc_auc_value(y: &[bool], score: &[f64]) -> Result<f64, Error> {
    let (n_events, n_others) = check_scores(y, score)?;
    let ranks = midranks(score);
    let rank_sum: f64 = ranks.iter().zip(y).filter(|&(_, &event)| event).map(|(rank, _)| rank).sum();
    Ok(area(rank_sum, n_events, n_others))
}

/// Returns the difference of the ROC areas of scores `a` and `b` on the same rows, with DeLong's paired test.
///
/// The variance is var(A) + var(B) − 2 cov(A, B), taken as the variance of the differences of placement
/// values, which is the same number without the cancellation. Two scores that rank every row alike give
/// difference 0, z 0 and p 1.
///
/// # Errors
/// As [`roc_auc`] for either score; [`Error::NoVariance`] when the areas differ but no placement value varies
/// (one score perfect, the other perfectly wrong).
///
/// # Source
/// DeLong, DeLong & Clarke-Pearson 1988, equation 5; R `pROC::roc.test(method = "delong", paired = TRUE)`.
pub fn delong_paired(y: &[bool], a: &[f64], b: &[f64]) -> Result<PairedAuc, Error> {
    let first = Placements::new(y, a)?;
    let second = Placements::new(y, b)?;
    first.check_variance_exists()?;
    let difference = first.auc - second.auc;
    let variance = variance_of_mean(&differences(&first.events, &second.events))
        + variance_of_mean(&differences(&first.non_events, &second.non_events));
    let std_err = variance.sqrt();
    let z = if std_err > 0.0 {
        difference / std_err
    } else if difference == 0.0 {
        0.0
    } else {
        return Err(Error::NoVariance { difference });
    };
    Ok(PairedAuc { difference: normal_interval(difference, std_err, -1.0), z, p: normal::two_sided_p(z) })
}

/// The area with its placement values, events and non-events each in row order.
struct Placements {
    auc: f64,
    /// Share of non-events that each event outranks.
    events: Vec<f64>,
    /// Share of events that outrank each non-event.
    non_events: Vec<f64>,
}

impl Placements {
    fn new(y: &[bool], score: &[f64]) -> Result<Self, Error> {
        let (n_events, n_others) = check_scores(y, score)?;
        let of_class =
            |class: bool| -> Vec<f64> { score.iter().zip(y).filter(|&(_, &e)| e == class).map(|(&s, _)| s).collect() };
        let mut event_ranks = midranks(&of_class(true)).into_iter();
        let mut other_ranks = midranks(&of_class(false)).into_iter();
        let (mut events, mut non_events) = (Vec::with_capacity(n_events), Vec::with_capacity(n_others));
        let mut rank_sum = 0.0;
        for (rank, &event) in midranks(score).into_iter().zip(y) {
            if event {
                rank_sum += rank;
                events.extend(event_ranks.next().map(|within| (rank - within) / n_others as f64));
            } else {
                non_events.extend(other_ranks.next().map(|within| 1.0 - (rank - within) / n_events as f64));
            }
        }
        Ok(Self { auc: area(rank_sum, n_events, n_others), events, non_events })
    }

    fn check_variance_exists(&self) -> Result<(), Error> {
        for (what, found) in [("events", self.events.len()), ("non-events", self.non_events.len())] {
            if found < 2 {
                return Err(Error::TooFew { what, needed: 2, found });
            }
        }
        Ok(())
    }
}

/// Numbers of events and non-events, both at least one.
fn check_scores(y: &[bool], score: &[f64]) -> Result<(usize, usize), Error> {
    check_length("scores", y.len(), score.len())?;
    check_finite(score)?;
    let n_events = check_two_classes(y)?;
    Ok((n_events, y.len() - n_events))
}

/// The Mann-Whitney area from the rank sum of the events; exact until ranks exceed 2⁵².
fn area(rank_sum: f64, n_events: usize, n_others: usize) -> f64 {
    let (m, n) = (n_events as f64, n_others as f64);
    (rank_sum - 0.5 * m * (m + 1.0)) / (m * n)
}

/// Ranks from 1, tied values sharing the mean of their ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = before as f64 + 0.5 * (tied.len() as f64 + 1.0);
        for &row in tied {
            ranks[row] = rank;
        }
        before += tied.len();
    }
    ranks
}

/// The sample variance over the number of values, for two values or more.
fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / ((n - 1.0) * n)
}

fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `estimate` ± 1.96 `std_err`, clipped to \[`lowest`, 1\].
fn normal_interval(estimate: f64, std_err: f64, lowest: f64) -> Estimate {
    let half_width = normal::Z95 * std_err;
    Estimate {
        estimate,
        lower95: (estimate - half_width).clamp(lowest, 1.0),
        upper95: (estimate + half_width).clamp(lowest, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A synthetic sample with ties; both classes hold at least two rows.
    fn sample(seed: u64, n: usize, levels: u32) -> (Vec<bool>, Vec<f64>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let y: Vec<bool> = (0..n).map(|row| row < 2 || (row > 3 && rng.random_bool(0.35))).collect();
        let mut draw = |shift: u32| -> Vec<f64> {
            y.iter().map(|&e| f64::from(rng.random_range(0..levels) + if e { shift } else { 0 })).collect()
        };
        let (a, b) = (draw(levels / 4), draw(levels / 8));
        (y, a, b)
    }

    /// ψ of DeLong: 1 when the event outranks, ½ when tied.
    fn psi(event: f64, other: f64) -> f64 {
        if event > other {
            1.0
        } else if event == other {
            0.5
        } else {
            0.0
        }
    }

    /// Area and the two structural components by their O(n²) definition.
    fn brute(y: &[bool], score: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
        let of = |class: bool| -> Vec<f64> { (0..y.len()).filter(|&i| y[i] == class).map(|i| score[i]).collect() };
        let (x, z) = (of(true), of(false));
        let v10: Vec<f64> = x.iter().map(|&e| z.iter().map(|&o| psi(e, o)).sum::<f64>() / z.len() as f64).collect();
        let v01: Vec<f64> = z.iter().map(|&o| x.iter().map(|&e| psi(e, o)).sum::<f64>() / x.len() as f64).collect();
        (v10.iter().sum::<f64>() / v10.len() as f64, v10, v01)
    }

    /// DeLong's covariance matrix entry, equation 3 to 5.
    fn covariance(a: &[f64], mean_a: f64, b: &[f64], mean_b: f64) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (a.len() as f64 - 1.0)
    }

    #[test]
    fn four_rows_solved_by_hand() {
        // Pairs won: .35 > .1, .8 > .1, .8 > .4, so 3/4. V10 = (½, 1), V01 = (1, ½): variance 1/16 + 1/16.
        let area = roc_auc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]).unwrap();
        assert_eq!(area.estimate, 0.75);
        assert!((area.lower95 - (0.75 - normal::Z95 * 0.125_f64.sqrt())).abs() < 1e-15);
        assert_eq!(area.upper95, 1.0);
    }

    #[test]
    fn midrank_form_equals_the_definition_with_ties() {
        for seed in 0..40 {
            let (y, a, b) = sample(seed, 12 + seed as usize, if seed % 2 == 0 { 6 } else { 1000 });
            let (auc_a, a10, a01) = brute(&y, &a);
            let (auc_b, b10, b01) = brute(&y, &b);
            assert!((roc_auc_value(&y, &a).unwrap() - auc_a).abs() < 1e-14);
            let fast = Placements::new(&y, &a).unwrap();
            for (x, z) in fast.events.iter().zip(&a10).chain(fast.non_events.iter().zip(&a01)) {
                assert!((x - z).abs() < 1e-14);
            }
            let entry = |p: &(f64, &[f64], &[f64]), q: &(f64, &[f64], &[f64])| {
                covariance(p.1, p.0, q.1, q.0) / p.1.len() as f64 + covariance(p.2, p.0, q.2, q.0) / p.2.len() as f64
            };
            let (pa, pb) = ((auc_a, &a10[..], &a01[..]), (auc_b, &b10[..], &b01[..]));
            let variance = entry(&pa, &pa) + entry(&pb, &pb) - 2.0 * entry(&pa, &pb);
            let paired = delong_paired(&y, &a, &b).unwrap();
            assert!((paired.difference.estimate - (auc_a - auc_b)).abs() < 1e-14);
            assert!((paired.z - (auc_a - auc_b) / variance.sqrt()).abs() < 1e-11, "{seed}");
            let single = roc_auc(&y, &a).unwrap();
            let lower = (auc_a - normal::Z95 * entry(&pa, &pa).sqrt()).max(0.0);
            assert!((single.lower95 - lower).abs() < 1e-13);
        }
    }

    #[test]
    fn area_is_unchanged_by_increasing_maps_and_turned_by_reversal() {
        for seed in 0..20 {
            let (y, a, _) = sample(seed, 60, 9);
            let base = roc_auc(&y, &a).unwrap();
            let mapped: Vec<f64> = a.iter().map(|v| (0.3 * v).exp() - 7.0).collect();
            assert_eq!(roc_auc(&y, &mapped).unwrap(), base);
            let reversed: Vec<f64> = a.iter().map(|v| -v).collect();
            assert!((roc_auc_value(&y, &reversed).unwrap() - (1.0 - base.estimate)).abs() < 1e-15);
        }
    }

    #[test]
    fn row_order_does_not_matter() {
        let (y, a, b) = sample(5, 80, 12);
        let mut order: Vec<usize> = (0..y.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
        let pick = |v: &[f64]| -> Vec<f64> { order.iter().map(|&i| v[i]).collect() };
        let z: Vec<bool> = order.iter().map(|&i| y[i]).collect();
        let (p, q) = (delong_paired(&y, &a, &b).unwrap(), delong_paired(&z, &pick(&a), &pick(&b)).unwrap());
        assert_eq!(roc_auc_value(&y, &a), roc_auc_value(&z, &pick(&a)));
        assert!((p.z - q.z).abs() < 1e-12);
    }

    #[test]
    fn scores_that_rank_alike_do_not_differ() {
        let (y, a, _) = sample(2, 40, 10);
        let doubled: Vec<f64> = a.iter().map(|v| 2.0 * v).collect();
        let paired = delong_paired(&y, &a, &doubled).unwrap();
        assert_eq!((paired.difference.estimate, paired.z, paired.p), (0.0, 0.0, 1.0));
    }

    #[test]
    fn swapping_the_scores_turns_the_sign() {
        let (y, a, b) = sample(8, 50, 10);
        let (ab, ba) = (delong_paired(&y, &a, &b).unwrap(), delong_paired(&y, &b, &a).unwrap());
        assert_eq!((ab.z, ab.p, ab.difference.lower95), (-ba.z, ba.p, -ba.difference.upper95));
    }

    #[test]
    fn signed_zeros_are_tied() {
        assert_eq!(roc_auc_value(&[true, false], &[-0.0, 0.0]), Ok(0.5));
    }

    #[test]
    fn one_class_nan_lengths_and_single_events_are_errors() {
        let y = [true, false, false];
        assert_eq!(roc_auc(&[true, true], &[0.1, 0.2]), Err(Error::OneClass { n_samples: 2, n_events: 2 }));
        assert_eq!(roc_auc_value(&[], &[]), Err(Error::OneClass { n_samples: 0, n_events: 0 }));
        assert_eq!(roc_auc(&y, &[0.1, f64::NAN, 0.2]), Err(Error::NotFinite { index: 1 }));
        assert!(matches!(roc_auc(&y, &[0.1]), Err(Error::LengthMismatch { expected: 3, found: 1, .. })));
        assert_eq!(roc_auc(&y, &[0.3, 0.1, 0.2]), Err(Error::TooFew { what: "events", needed: 2, found: 1 }));
        let four = [true, true, false, false];
        let perfect = [3.0, 2.0, 1.0, 0.0];
        let wrong = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(delong_paired(&four, &perfect, &wrong), Err(Error::NoVariance { difference: 1.0 }));
    }
}
