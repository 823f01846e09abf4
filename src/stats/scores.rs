//! Overall measures of binary predictions: average precision, Brier score, log loss.

use super::Error;
use super::inputs::{check_finite, check_length, check_probabilities};

/// Probabilities are kept this far from 0 and 1 where a logarithm or a logit is taken.
pub const PROBABILITY_CLIP: f64 = 1e-15;

/// Returns `p` moved into \[1e-15, 1 − 1e-15\], where its logarithm and logit are finite.
#[must_use]
pub fn clip_probability(p: f64) -> f64 {
    p.clamp(PROBABILITY_CLIP, 1.0 - PROBABILITY_CLIP)
}

/// Returns the average precision, the step-wise area under the precision-recall curve; higher is better.
///
/// Σ (Rₖ − Rₖ₋₁) Pₖ over the distinct scores in descending order, precision P and recall R counting all rows
/// with a score at least as high; tied rows enter together, so their order cannot matter. A score without
/// information has the event rate as its expectation.
///
/// ```
/// let y = [false, false, true, true];
/// assert!((regimen::stats::auprc(&y, &[0.1, 0.4, 0.35, 0.8]).unwrap() - 5.0 / 6.0).abs() < 1e-15);
/// ```
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], and [`Error::OneClass`] without any event.
///
/// # Source
/// scikit-learn `average_precision_score`; Davis & Goadrich 2006 on why points are not joined linearly.
pub fn auprc(y: &[bool], score: &[f64]) -> Result<f64, Error> {
    check_length("scores", y.len(), score.len())?;
    check_finite(score)?;
    let n_events = y.iter().filter(|&&event| event).count();
    if n_events == 0 {
        return Err(Error::OneClass { n_samples: y.len(), n_events });
    }
    let mut descending: Vec<(f64, bool)> = score.iter().copied().zip(y.iter().copied()).collect();
    descending.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut n_called, mut n_true, mut area) = (0_usize, 0_usize, 0.0);
    for tied in descending.chunk_by(|a, b| a.0 == b.0) {
        let gained = tied.iter().filter(|(_, event)| *event).count();
        n_called += tied.len();
        n_true += gained;
        area += gained as f64 / n_events as f64 * (n_true as f64 / n_called as f64);
    }
    Ok(area)
}

/// Returns the Brier score, the mean of (p − y)²; in \[0, 1\], lower is better.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::NotProbability`].
///
/// # Source
/// Brier 1950, for two classes counted once (half of Brier's own sum over both).
pub fn brier(y: &[bool], p: &[f64]) -> Result<f64, Error> {
    check_probabilities(y, p)?;
    let squares = y.iter().zip(p).map(|(&event, p)| (p - f64::from(u8::from(event))).powi(2));
    Ok(squares.sum::<f64>() / y.len() as f64)
}

/// Returns the log loss, the mean of −ln P(observed outcome) in nats; at least 0, lower is better.
///
/// Probabilities are clipped to \[1e-15, 1 − 1e-15\], so one certain mistake costs 34.5 nats, not infinity.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::NotProbability`].
pub fn log_loss(y: &[bool], p: &[f64]) -> Result<f64, Error> {
    check_probabilities(y, p)?;
    let losses = y.iter().zip(p).map(|(&event, &p)| {
        let p = clip_probability(p);
        if event { -p.ln() } else { -(-p).ln_1p() }
    });
    Ok(losses.sum::<f64>() / y.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_solved_by_hand() {
        // Order .8(+) .4(−) .35(+) .1(−): ½·1 + ½·2/3.
        let y = [false, false, true, true];
        assert!((auprc(&y, &[0.1, 0.4, 0.35, 0.8]).unwrap() - 5.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn average_precision_of_all_tied_scores_is_the_event_rate() {
        assert_eq!(auprc(&[true, false, false, false], &[0.2; 4]), Ok(0.25));
        assert_eq!(auprc(&[false, false, false, true], &[0.2; 4]), Ok(0.25));
    }

    #[test]
    fn brier_and_log_loss_solved_by_hand() {
        let (y, p) = ([true, false], [0.8, 0.4]);
        assert!((brier(&y, &p).unwrap() - 0.1).abs() < 1e-15);
        assert!((log_loss(&y, &p).unwrap() + 0.5 * (0.8_f64.ln() + 0.6_f64.ln())).abs() < 1e-15);
    }

    #[test]
    fn a_certain_mistake_costs_a_finite_loss() {
        let worst = -PROBABILITY_CLIP.ln();
        assert!((log_loss(&[true], &[0.0]).unwrap() - worst).abs() < 1e-12);
        assert!((log_loss(&[false], &[1.0]).unwrap() - worst).abs() < 2e-3 * worst);
        assert!(log_loss(&[true], &[1.0]).unwrap() < 2e-15);
    }

    #[test]
    fn what_is_not_a_probability_is_refused() {
        assert_eq!(brier(&[true], &[1.5]), Err(Error::NotProbability { index: 0, found: 1.5 }));
        assert_eq!(log_loss(&[true], &[-0.1]), Err(Error::NotProbability { index: 0, found: -0.1 }));
        assert_eq!(brier(&[true], &[f64::NAN]), Err(Error::NotFinite { index: 0 }));
        assert!(matches!(brier(&[], &[]), Err(Error::TooFew { .. })));
        assert!(matches!(brier(&[true], &[]), Err(Error::LengthMismatch { .. })));
        assert_eq!(auprc(&[false], &[0.1]), Err(Error::OneClass { n_samples: 1, n_events: 0 }));
    }
}
