//! What is made from a fit: residuals, the test of proportional hazards, baselines and predictions.

use super::*;
use crate::stats::{Error, StepFunction};

#[test]
fn residuals_sum_to_zero_at_the_maximum() {
    let rows = Rows::random(80, 2, 29);
    let survival = rows.survival();
    let data = CoxData { weights: None, ..rows.data(&survival) };
    for ties in [Ties::Efron, Ties::Breslow] {
        let fit = cox_fit(&data, &CoxOptions { ties, ..CoxOptions::default() }).unwrap();
        let found = cox_residuals(&data, &fit).unwrap();
        near(&[found.martingale.iter().sum()], &[0.0], 1e-10);
        for matrix in [&found.score, &found.schoenfeld, &found.dfbeta] {
            near(&[matrix.iter().step_by(2).sum(), matrix[1..].iter().step_by(2).sum()], &[0.0; 2], 1e-9);
        }
        assert_eq!(found.event_rows.len(), fit.n_events);
        assert!(found.cox_snell.iter().all(|&value| value >= 0.0));
    }
}

#[test]
fn proportional_hazards_test_is_the_score_test_of_a_time_dependent_column() {
    let mut rows = Rows::random(40, 2, 31);
    rows.entry.fill(-1.0);
    let survival = rows.survival();
    let fit = cox_fit(&rows.data(&survival), &CoxOptions::default()).unwrap();
    let found = proportional_hazards_test(&rows.data(&survival), &fit, TimeTransform::Identity, None).unwrap();
    // Every row in pieces between event times, with x₀ t as a third column.
    let mut times = rows.time.clone();
    times.sort_unstable_by(f64::total_cmp);
    times.dedup();
    let mut pieces = Rows { n_features: 3, ..Rows::empty() };
    for row in 0..40 {
        let mut start = -1.0;
        for &stop in times.iter().filter(|&&time| time <= rows.time[row]) {
            pieces.x.extend([rows.x[row * 2], rows.x[row * 2 + 1], rows.x[row * 2] * stop]);
            pieces.time.push(stop);
            pieces.entry.push(start);
            pieces.event.push(rows.event[row] && stop == rows.time[row]);
            pieces.strata.push(rows.strata[row]);
            pieces.weights.push(rows.weights[row]);
            pieces.offset.push(rows.offset[row]);
            start = stop;
        }
    }
    let (_, slopes) = at(&pieces, &[fit.coef[0], fit.coef[1], 0.0], Ties::Efron);
    let factor = crate::stats::linalg::Cholesky::new(&slopes.information, 3).unwrap();
    let statistic: f64 = factor.solve(&slopes.gradient).unwrap().iter().zip(&slopes.gradient).map(|(a, b)| a * b).sum();
    near(&[found.terms[0].statistic], &[statistic], 1e-9);
}

#[test]
fn predicted_survival_is_a_probability_and_never_rises() {
    let rows = Rows::random(60, 2, 41);
    let survival = rows.survival();
    let fit = cox_fit(&rows.data(&survival), &CoxOptions::default()).unwrap();
    let patients = NewPatients { strata: Some(&rows.strata), ..NewPatients::new(&rows.x) };
    let curves = fit.survival_curves(&patients).unwrap();
    for scale in [IntervalScale::Log, IntervalScale::LogLog, IntervalScale::Plain] {
        for (row, prediction) in fit.predict(&patients, scale).unwrap().iter().enumerate() {
            assert!(prediction.survival.windows(2).all(|pair| pair[1].estimate <= pair[0].estimate));
            for (time, point) in prediction.times.iter().zip(&prediction.survival) {
                assert!(0.0 <= point.lower95 && point.lower95 <= point.estimate);
                assert!(point.estimate <= point.upper95 && point.upper95 <= 1.0);
                let at = curves.times().partition_point(|t| t <= time) - 1;
                near(&[curves.row(row)[at]], &[point.estimate], 1e-14);
            }
        }
    }
}

#[test]
fn breslow_baseline_of_the_fitted_score_is_the_baseline_of_the_fit() {
    let rows = Rows::random(60, 2, 43);
    let survival = rows.survival();
    let data = CoxData::new(&rows.x, 2, &survival);
    let fit = cox_fit(&data, &CoxOptions { ties: Ties::Breslow, ..CoxOptions::default() }).unwrap();
    let score = fit.linear_predictors(&rows.x).unwrap();
    let found = breslow_baseline(&survival, &score).unwrap();
    let expected = fit.baseline_hazard(0, true).unwrap();
    assert_eq!(found.times, expected.times);
    near(&found.values, &expected.values, 1e-12);
    // A shift of all scores moves into the baseline, even where exp(score) overflows.
    let far: Vec<f64> = score.iter().map(|value| value + 650.0).collect();
    let moved: StepFunction = breslow_baseline(&survival, &far).unwrap();
    for (moved, value) in moved.values.iter().zip(&found.values) {
        assert!((moved.ln() + 650.0 - value.ln()).abs() < 1e-10);
    }
    let deep: Vec<f64> = score.iter().map(|value| value - 1000.0).collect();
    assert!(matches!(breslow_baseline(&survival, &deep), Err(Error::OutOfDomain { .. })));
}

#[test]
fn a_fit_survives_serialisation() {
    let (survival, x) = six_rows();
    let fit = cox_fit(&CoxData::new(&x, 1, &survival), &CoxOptions::default()).unwrap();
    let text = serde_json::to_string(&fit).unwrap();
    assert_eq!(serde_json::from_str::<CoxFit>(&text).unwrap(), fit);
}
