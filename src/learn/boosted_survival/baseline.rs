use super::risk_sets::RiskSets;
use crate::stats::{Error, StepFunction, Survival};

/// Newton steps before giving up; a concave function of one variable takes about six.
const MAX_ITERATIONS: usize = 60;
/// A slope of this many standard deviations of the score: the likelihood keeps rising.
const LARGEST_SLOPE: f64 = 30.0;

/// Returns the coefficient of the one-covariate Cox model on `score`, Efron's ties; 0 when all scores are equal.
///
/// # Errors
/// [`Error::NoEvents`], [`Error::MonotoneLikelihood`], [`Error::NotConverged`].
pub(super) fn slope(data: &Survival, score: &[f64]) -> Result<f64, Error> {
    data.require_events()?;
    let n = score.len() as f64;
    let mean = score.iter().sum::<f64>() / n;
    let std_dev = (score.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    if std_dev <= 1e-12 * (1.0 + mean.abs()) {
        return Ok(0.0);
    }
    let z: Vec<f64> = score.iter().map(|value| (value - mean) / std_dev).collect();
    let sets = RiskSets::new(data);
    let mut beta = 0.0;
    let [mut value, mut first, mut second] = sets.log_likelihood(&z, beta);
    for _ in 0..MAX_ITERATIONS {
        if second >= 0.0 || beta.abs() > LARGEST_SLOPE {
            return Err(Error::MonotoneLikelihood { column: 0 });
        }
        let mut step = -first / second;
        let mut next = sets.log_likelihood(&z, beta + step);
        while next[0] < value - 1e-12 * value.abs() {
            step /= 2.0;
            next = sets.log_likelihood(&z, beta + step);
        }
        beta += step;
        [value, first, second] = next;
        if step.abs() <= 1e-12 * (1.0 + beta.abs()) {
            return Ok(beta / std_dev);
        }
    }
    Err(Error::NotConverged { n_iterations: MAX_ITERATIONS })
}

/// Returns the baseline cumulative hazard H₀ under the fixed `log_hazard` of every row; Breslow's where no events tie,
/// Efron's where they do. It starts at 0 and rises at the event times.
pub(super) fn cumulative_hazard(data: &Survival, log_hazard: &[f64]) -> StepFunction {
    let sets = RiskSets::new(data);
    let mut total = 0.0;
    let mut baseline = StepFunction { before: 0.0, times: Vec::new(), values: Vec::new() };
    for (row, increment) in sets.first_rows().zip(sets.hazard_increments(log_hazard)) {
        if increment > 0.0 {
            total += increment;
            baseline.times.extend(data.event_time().get(row));
            baseline.values.push(total);
        }
    }
    baseline
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        tied_time: Vec<f64>,
        event: Vec<u8>,
        score: Vec<f64>,
        regression: Regression,
    }

    #[derive(Deserialize)]
    struct Regression {
        slope: f64,
        times: Vec<f64>,
        hazard: Vec<f64>,
    }

    /// tests/reference/tree_shap.py, R's coxph and basehaz with Efron's ties: both maxima to 1e-9.
    #[test]
    fn slope_and_baseline_agree_with_coxph() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/tree_shap.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let event = reference.event.iter().map(|&event| event == 1).collect();
        let data = Survival::new(reference.tied_time, event).unwrap();
        let found = slope(&data, &reference.score).unwrap();
        assert!((found / reference.regression.slope - 1.0).abs() < 1e-9, "{found}");
        let log_hazard: Vec<f64> = reference.score.iter().map(|score| found * score).collect();
        let baseline = cumulative_hazard(&data, &log_hazard);
        for (time, hazard) in reference.regression.times.iter().zip(&reference.regression.hazard) {
            assert!((baseline.at(*time) - hazard).abs() <= 1e-9 * hazard, "{time}");
        }
    }

    /// Therneau's six rows, in house.md and `survival`'s validation vignette.
    fn six() -> (Survival, Vec<f64>) {
        let event = [1, 0, 1, 1, 0, 1].map(|e| e == 1).to_vec();
        (Survival::new(vec![1.0, 1.0, 6.0, 6.0, 8.0, 9.0], event).unwrap(), vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    }

    #[test]
    fn six_rows_have_efrons_coefficient() {
        let (data, x) = six();
        assert!((slope(&data, &x).unwrap() - 1.676_857).abs() < 5e-7);
        let doubled: Vec<f64> = x.iter().map(|v| 5.0 + 2.0 * v).collect();
        assert!((slope(&data, &doubled).unwrap() - 1.676_857 / 2.0).abs() < 5e-7);
    }

    #[test]
    fn six_rows_have_efrons_baseline_by_pencil() {
        // At log-hazard 0: 1/6 at time 1; 1/4 + 1/(4 − ½·2) at 6; 1 at 9.
        let (data, _) = six();
        let baseline = cumulative_hazard(&data, &[0.0; 6]);
        assert_eq!(baseline.times, [1.0, 6.0, 9.0]);
        let expected = [1.0 / 6.0, 1.0 / 6.0 + 1.0 / 4.0 + 1.0 / 3.0, 1.0 / 6.0 + 1.0 / 4.0 + 1.0 / 3.0 + 1.0];
        for (found, expected) in baseline.values.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn equal_scores_have_no_slope_and_separated_ones_no_finite_slope() {
        let data = Survival::new((1..=8).map(f64::from).collect(), vec![true; 8]).unwrap();
        assert_eq!(slope(&data, &[0.3; 8]), Ok(0.0));
        let perfect: Vec<f64> = (1..=8).rev().map(f64::from).collect();
        assert!(matches!(slope(&data, &perfect), Err(Error::MonotoneLikelihood { .. })));
        let none = Survival::new(vec![1.0, 2.0], vec![false; 2]).unwrap();
        assert!(matches!(slope(&none, &[0.0, 1.0]), Err(Error::NoEvents { .. })));
    }
}
