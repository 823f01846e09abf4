use serde::{Deserialize, Serialize};

use super::super::{Error, MIN_COMPARABLE};
use super::{PolicyScores, Score};
use crate::stats::normal::Z95;
use crate::terms::Estimate;

/// The estimated outcome rate under a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyValue {
    /// Estimate with its 95 % interval, over the supported patients; `None` where fewer than 15 patients received what
    /// the policy names, or none.
    pub value: Option<Estimate>,
    /// Standard error from the influence values and from the spread over repeats.
    pub standard_error: Option<f64>,
    /// Patients.
    pub n: usize,
    /// Patients whose option they had a chance to receive: those the value is about (mean over repeats, rounded).
    pub n_supported: usize,
    /// Patients whose option they had no chance, or too small a one, to receive.
    pub n_positivity_failures: usize,
    /// Patients for whom the policy names no option.
    pub n_without_option: usize,
    /// Supported patients who received what the policy names.
    pub n_matched: usize,
    /// (Σ w)² / Σ w² of the inverse-probability weights.
    pub effective_n: f64,
    /// Largest weight in any repeat.
    pub max_weight: f64,
}

/// The difference in outcome rate between two policies on the patients whom both support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyDifference {
    /// First minus second, with its 95 % interval; `None` where either has no value on the common patients.
    pub difference: Option<Estimate>,
    /// Standard error.
    pub standard_error: Option<f64>,
    /// Patients whom both support (mean over repeats, rounded).
    pub n: usize,
}

/// One repeat: its estimate and squared standard error.
struct Repeat {
    estimate: f64,
    variance: f64,
}

/// Mean and squared standard error of the mean; `None` below two values.
fn mean(values: &[f64]) -> Option<Repeat> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let estimate = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - estimate).powi(2)).sum();
    Some(Repeat { estimate, variance: squares / (n - 1) as f64 / n as f64 })
}

/// Estimate and standard error over repeats of the sample splitting; ends are cut at `range`.
///
/// The mean of the estimates; its variance is the mean of variance plus squared distance from that mean.
fn combined(repeats: &[Repeat], range: (f64, f64)) -> Option<(Estimate, f64)> {
    if repeats.is_empty() {
        return None;
    }
    let n = repeats.len() as f64;
    let estimate = repeats.iter().map(|repeat| repeat.estimate).sum::<f64>() / n;
    let variance = repeats.iter().map(|repeat| repeat.variance + (repeat.estimate - estimate).powi(2)).sum::<f64>() / n;
    let se = variance.sqrt();
    let cut = |value: f64| value.clamp(range.0, range.1);
    Some((
        Estimate { estimate: cut(estimate), lower95: cut(estimate - Z95 * se), upper95: cut(estimate + Z95 * se) },
        se,
    ))
}

/// Mean of counts, rounded.
fn mean_count(counts: impl ExactSizeIterator<Item = usize>) -> usize {
    let n = counts.len().max(1);
    (counts.sum::<usize>() as f64 / n as f64).round() as usize
}

/// Returns the value of a policy from its scores in each repeat of the sample splitting.
///
/// V = mean ψ over the supported patients, SE = sd(ψ) / √n; several repeats are averaged, and the squared distance of
/// each from their mean is added to its variance. Choices differ between folds and repeats, so this is the value of
/// policies that were learned as the given ones were.
///
/// # Errors
/// [`Error::Lengths`] for repeats of different length, [`Error::NoRepeats`].
///
/// # Source
/// Chernozhukov et al., Econometrics Journal 2018;21:C1, definition 3.3 (repeats); Zhang et al. 2012 (value).
pub fn value(repeats: &[PolicyScores]) -> Result<PolicyValue, Error> {
    let first = repeats.first().ok_or(Error::NoRepeats)?;
    let n = first.scores.len();
    for repeat in repeats {
        Error::same_length("scores", n, repeat.scores.len())?;
    }
    let supported = |repeat: &PolicyScores| repeat.scores.iter().flatten().count();
    let weights = |repeat: &PolicyScores| -> Vec<f64> {
        repeat.scores.iter().flatten().map(|score| score.weight).filter(|weight| *weight > 0.0).collect()
    };
    let effective = |repeat: &PolicyScores| {
        let (sum, squares) = weights(repeat).iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    };
    let n_matched = mean_count(repeats.iter().map(|repeat| weights(repeat).len()));
    let influence =
        |repeat: &PolicyScores| -> Vec<f64> { repeat.scores.iter().flatten().map(|score| score.influence).collect() };
    let found: Vec<Repeat> = repeats.iter().filter_map(|repeat| mean(&influence(repeat))).collect();
    let known = if n_matched < MIN_COMPARABLE { None } else { combined(&found, (0.0, 1.0)) };
    let n_without_option = mean_count(repeats.iter().map(|repeat| repeat.n_without_option));
    let n_supported = mean_count(repeats.iter().map(supported));
    Ok(PolicyValue {
        value: known.map(|(estimate, _)| estimate),
        standard_error: known.map(|(_, se)| se),
        n,
        n_supported,
        n_positivity_failures: n.saturating_sub(n_supported + n_without_option),
        n_without_option,
        n_matched,
        effective_n: repeats.iter().map(effective).sum::<f64>() / repeats.len() as f64,
        max_weight: repeats.iter().flat_map(weights).fold(0.0, f64::max),
    })
}

/// Returns the paired difference of two policies from their scores in the same repeats.
///
/// The mean of ψ₁ − ψ₂ over the patients whom both support, with errors as in [`value`]: noise that both share cancels.
///
/// # Errors
/// [`Error::Lengths`], [`Error::NoRepeats`].
pub fn difference(first: &[PolicyScores], second: &[PolicyScores]) -> Result<PolicyDifference, Error> {
    Error::same_length("repeats", first.len(), second.len())?;
    if first.is_empty() {
        return Err(Error::NoRepeats);
    }
    let mut repeats = Vec::new();
    let mut matched = Vec::new();
    let mut counts = Vec::new();
    for (a, b) in first.iter().zip(second) {
        Error::same_length("scores", a.scores.len(), b.scores.len())?;
        let pairs: Vec<(Score, Score)> =
            a.scores.iter().zip(&b.scores).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
        let received = |weight: fn(&(Score, Score)) -> f64| pairs.iter().filter(|pair| weight(pair) > 0.0).count();
        matched.push(received(|pair| pair.0.weight).min(received(|pair| pair.1.weight)));
        counts.push(pairs.len());
        repeats.extend(mean(&pairs.iter().map(|(a, b)| a.influence - b.influence).collect::<Vec<_>>()));
    }
    let enough = mean_count(matched.into_iter()) >= MIN_COMPARABLE;
    let known = if enough { combined(&repeats, (-1.0, 1.0)) } else { None };
    Ok(PolicyDifference {
        difference: known.map(|(estimate, _)| estimate),
        standard_error: known.map(|(_, se)| se),
        n: mean_count(counts.into_iter()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Propensity, Treated};
    use super::*;

    /// tests/reference/policy_value.py: the same formulas in numpy on a synthetic trial.
    #[derive(serde::Deserialize)]
    struct Reference {
        group: Vec<usize>,
        stratum: Vec<usize>,
        received: Vec<usize>,
        y: Vec<bool>,
        predicted: Vec<Vec<f64>>,
        pseudo_patients: f64,
        floor: f64,
        propensity: Vec<Vec<f64>>,
        policies: Vec<Policy>,
        difference: (f64, f64),
        repeats: (f64, f64),
    }

    #[derive(serde::Deserialize)]
    struct Policy {
        choice: Vec<usize>,
        value: f64,
        standard_error: f64,
        n_supported: usize,
        n_matched: usize,
        effective_n: f64,
        max_weight: f64,
    }

    /// Absolute; sums of 300 terms in another order.
    const TOLERANCE: f64 = 1e-12;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < TOLERANCE, "{found} {expected}");
    }

    #[test]
    fn values_errors_and_weights_agree_with_numpy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/policy_value.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let some = |groups: &[usize]| groups.iter().copied().map(Some).collect::<Vec<_>>();
        let levels = [some(&reference.group), some(&reference.stratum)];
        let levels: Vec<&[Option<usize>]> = levels.iter().map(Vec::as_slice).collect();
        let n_options = reference.predicted.len();
        let propensity =
            Propensity::estimate(&reference.received, n_options, &levels, reference.pseudo_patients).unwrap();
        for (row, expected) in reference.propensity.iter().enumerate() {
            for (option, expected) in expected.iter().enumerate() {
                close(propensity.of(row, option), *expected);
            }
        }
        let treated = Treated {
            received: &reference.received,
            y: &reference.y,
            predicted: &reference.predicted,
            propensity: &propensity,
        };
        let scores: Vec<PolicyScores> = reference
            .policies
            .iter()
            .map(|policy| treated.scores(&some(&policy.choice), reference.floor).unwrap())
            .collect();
        for (scores, expected) in scores.iter().zip(&reference.policies) {
            let found = value(std::slice::from_ref(scores)).unwrap();
            close(found.value.unwrap().estimate, expected.value);
            close(found.standard_error.unwrap(), expected.standard_error);
            close(found.effective_n, expected.effective_n);
            close(found.max_weight, expected.max_weight);
            assert_eq!((found.n_supported, found.n_matched), (expected.n_supported, expected.n_matched));
            assert_eq!(found.n_positivity_failures, reference.y.len() - expected.n_supported);
        }
        let paired = difference(&scores[..1], &scores[1..2]).unwrap();
        close(paired.difference.unwrap().estimate, reference.difference.0);
        close(paired.standard_error.unwrap(), reference.difference.1);
        let both = value(&scores[..2]).unwrap();
        close(both.value.unwrap().estimate, reference.repeats.0);
        close(both.standard_error.unwrap(), reference.repeats.1);
    }

    #[test]
    fn a_policy_does_not_differ_from_itself_and_exchange_turns_the_sign() {
        let scored = |shift: usize| PolicyScores {
            scores: (0..40)
                .map(|at| Some(Score { influence: f64::from(u8::from((at + shift) % 3 == 0)), weight: 1.0 }))
                .collect(),
            n_without_option: 0,
        };
        let (a, b) = ([scored(0)], [scored(1)]);
        let same = difference(&a, &a).unwrap();
        assert_eq!((same.difference.unwrap().upper95, same.standard_error), (0.0, Some(0.0)));
        let (first, second) = (difference(&a, &b).unwrap(), difference(&b, &a).unwrap());
        assert_eq!(first.difference.unwrap().estimate, -second.difference.unwrap().estimate);
        assert_eq!(first.standard_error, second.standard_error);
    }

    #[test]
    fn as_treated_is_the_observed_rate_with_its_usual_error() {
        let y: Vec<bool> = (0..100).map(|at| at < 30).collect();
        let found = value(&[PolicyScores::as_treated(&y)]).unwrap();
        close(found.value.unwrap().estimate, 0.3);
        close(found.standard_error.unwrap(), (0.3_f64 * 0.7 / 99.0).sqrt());
        assert_eq!((found.n_matched, found.effective_n, found.max_weight), (100, 100.0, 1.0));
    }

    #[test]
    fn fewer_than_fifteen_who_received_the_option_give_no_number() {
        let scores: Vec<Option<Score>> =
            (0..50).map(|at| Some(Score { influence: 0.5, weight: f64::from(u8::from(at < 14)) })).collect();
        let found = value(&[PolicyScores { scores, n_without_option: 0 }]).unwrap();
        assert_eq!((found.value, found.n_supported, found.n_matched), (None, 50, 14));
        assert!(matches!(value(&[]), Err(Error::NoRepeats)));
    }
}
