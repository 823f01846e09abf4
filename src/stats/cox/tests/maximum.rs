//! The maximum of the partial likelihood: hand-solved sets, the twin, and properties.

use super::*;

#[test]
fn therneaus_six_rows_follow_breslow() {
    let (survival, x) = six_rows();
    let options = CoxOptions { ties: Ties::Breslow, ..CoxOptions::default() };
    let fit = cox_fit(&CoxData::new(&x, 1, &survival), &options).unwrap();
    // The score is 2 − 3r/(3r + 3) − 2r/(r + 3) with r = exp(β), so that r = (3 + √33)/2.
    let ratio = (3.0 + 33.0_f64.sqrt()) / 2.0;
    near(&fit.coef, &[ratio.ln()], 1e-12);
    near(&fit.log_likelihood[..1], &[-(6.0_f64.ln() + 2.0 * 4.0_f64.ln())], 1e-14);
    near(
        &fit.log_likelihood[1..],
        &[(ratio / (3.0 * ratio + 3.0)).ln() + (ratio / (ratio + 3.0)).ln() - (ratio + 3.0).ln()],
        1e-12,
    );
    let information = ratio / (ratio + 1.0).powi(2) + 6.0 * ratio / (ratio + 3.0).powi(2);
    near(&fit.covariance, &[1.0 / information], 1e-12);
    let hazard = fit.baseline_hazard(0, false).unwrap();
    near(
        &hazard.values,
        &[
            1.0 / (3.0 * ratio + 3.0),
            1.0 / (3.0 * ratio + 3.0) + 2.0 / (ratio + 3.0),
            1.0 / (3.0 * ratio + 3.0) + 2.0 / (ratio + 3.0) + 1.0,
        ],
        1e-12,
    );
    assert_eq!(hazard.times, [1.0, 6.0, 9.0]);
}

#[test]
fn tied_deaths_follow_efron() {
    let (survival, x) = six_rows();
    let fit = cox_fit(&CoxData::new(&x, 1, &survival), &CoxOptions::default()).unwrap();
    near(&fit.coef, &[1.676_857], 1e-6);
    near(&fit.log_likelihood[..1], &[-(6.0 * 4.0 * 3.0_f64).ln()], 1e-14);
    // The score at the maximum: 2 − 3r/(3r + 3) − r/(r + 3) − (r/2)/(r/2 + 5/2).
    let ratio = fit.coef[0].exp();
    near(&[2.0 - ratio / (ratio + 1.0) - ratio / (ratio + 3.0) - ratio / (ratio + 5.0)], &[0.0], 1e-12);
    let hazard = fit.baseline_hazard(0, false).unwrap();
    let first = 1.0 / (3.0 * ratio + 3.0);
    near(&hazard.values[..2], &[first, first + 1.0 / (ratio + 3.0) + 2.0 / (ratio + 5.0)], 1e-12);
}

#[test]
fn likelihood_equals_its_brute_force_twin() {
    for seed in 0..6 {
        let rows = Rows::random(60, 3, seed);
        for ties in [Ties::Efron, Ties::Breslow] {
            let coef = [0.3, -0.8, 1.1];
            let (design, found) = at(&rows, &coef, ties);
            // Centring by stratum moves each row's predictor by a constant, which the likelihood does not see.
            near(&[found.log_likelihood], &[rows.brute_force(&coef, ties)], 1e-12);
            let step = 1e-5;
            for j in 0..3 {
                let shifted =
                    |by: f64| -> Vec<f64> { (0..3).map(|k| coef[k] + if k == j { by } else { 0.0 }).collect() };
                let slope =
                    (rows.brute_force(&shifted(step), ties) - rows.brute_force(&shifted(-step), ties)) / (2.0 * step);
                near(&[found.gradient[j] * design.scale[j]], &[slope], 1e-7);
                let (up, down) =
                    (at(&rows, &shifted(step), ties).1.gradient, at(&rows, &shifted(-step), ties).1.gradient);
                for k in j..3 {
                    let curvature = (down[k] - up[k]) / (2.0 * step) * design.scale[k];
                    near(&[found.information[k * 3 + j] * (design.scale[j] * design.scale[k])], &[curvature], 1e-7);
                }
            }
        }
    }
}

#[test]
fn a_fit_is_the_maximum_of_the_brute_force_twin() {
    let rows = Rows::random(80, 2, 11);
    let survival = rows.survival();
    for ties in [Ties::Efron, Ties::Breslow] {
        let fit = cox_fit(&rows.data(&survival), &CoxOptions { ties, ..CoxOptions::default() }).unwrap();
        let top = rows.brute_force(&fit.coef, ties);
        near(&fit.log_likelihood, &[rows.brute_force(&[0.0; 2], ties), top], 1e-12);
        for (a, b) in [(1e-4, 0.0), (-1e-4, 0.0), (0.0, 1e-4), (0.0, -1e-4)] {
            assert!(rows.brute_force(&[fit.coef[0] + a, fit.coef[1] + b], ties) < top);
        }
    }
}

#[test]
fn row_order_never_matters() {
    let rows = Rows::random(90, 3, 5);
    let survival = rows.survival();
    let base = cox_fit(&rows.data(&survival), &CoxOptions { robust: true, ..CoxOptions::default() }).unwrap();
    let order: Vec<usize> = (0..90).map(|row| (row * 37 + 11) % 90).collect();
    let moved = rows.permuted(&order);
    let moved_survival = moved.survival();
    let other = cox_fit(&moved.data(&moved_survival), &CoxOptions { robust: true, ..CoxOptions::default() }).unwrap();
    near(&other.coef, &base.coef, 1e-12);
    near(other.robust_covariance.as_ref().unwrap(), base.robust_covariance.as_ref().unwrap(), 1e-12);
    let (first, second) = (
        cox_residuals(&rows.data(&survival), &base).unwrap(),
        cox_residuals(&moved.data(&moved_survival), &other).unwrap(),
    );
    for (position, &row) in order.iter().enumerate() {
        near(&second.martingale[position..=position], &first.martingale[row..=row], 1e-12);
    }
}

#[test]
fn scaling_and_shifting_a_feature_scales_its_coefficient_only() {
    let rows = Rows::random(70, 2, 8);
    let survival = rows.survival();
    let base = cox_fit(&rows.data(&survival), &CoxOptions::default()).unwrap();
    let mut changed = rows.clone();
    changed.x.iter_mut().step_by(2).for_each(|value| *value = *value * 1e7 + 3e8);
    let other = cox_fit(&changed.data(&survival), &CoxOptions::default()).unwrap();
    near(&[other.coef[0] * 1e7, other.coef[1]], &base.coef, 1e-9);
    near(&other.log_likelihood, &base.log_likelihood, 1e-12);
    let scores = |fit: &CoxFit| fit.tests.unwrap().score.statistic;
    near(&[scores(&other)], &[scores(&base)], 1e-9);
    let test = |rows: &Rows, fit: &CoxFit| {
        proportional_hazards_test(&rows.data(&survival), fit, TimeTransform::Rank, None).unwrap().global.statistic
    };
    near(&[test(&changed, &other)], &[test(&rows, &base)], 1e-9);
}

#[test]
fn following_a_row_in_two_pieces_changes_nothing() {
    let rows = Rows::random(50, 2, 21);
    let survival = rows.survival();
    let base = cox_fit(&rows.data(&survival), &CoxOptions::default()).unwrap();
    let mut split = rows.clone();
    for row in 0..50 {
        let middle = 0.5 * (rows.entry[row] + rows.time[row]);
        if middle < 0.0 {
            continue;
        }
        split.entry[row] = middle;
        split.x.extend_from_within(row * 2..row * 2 + 2);
        split.time.push(middle);
        split.event.push(false);
        split.strata.push(rows.strata[row]);
        split.weights.push(rows.weights[row]);
        split.entry.push(rows.entry[row]);
        split.offset.push(rows.offset[row]);
    }
    let pieces = split.survival();
    let other = cox_fit(&split.data(&pieces), &CoxOptions::default()).unwrap();
    near(&other.coef, &base.coef, 1e-11);
    near(&other.covariance, &base.covariance, 1e-11);
}

#[test]
fn integer_weights_count_rows_under_breslow() {
    let rows = Rows::random(40, 2, 3);
    let survival = rows.survival();
    let counts: Vec<usize> = (0..40).map(|row| 1 + row % 3).collect();
    let weights: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    let order: Vec<usize> = (0..40).flat_map(|row| vec![row; counts[row]]).collect();
    let repeated = rows.permuted(&order);
    let repeated_survival = repeated.survival();
    let options = CoxOptions { ties: Ties::Breslow, ..CoxOptions::default() };
    let weighted = CoxData { weights: Some(&weights), ..CoxData::new(&rows.x, 2, &survival) };
    let (first, second) = (
        cox_fit(&weighted, &options).unwrap(),
        cox_fit(&CoxData::new(&repeated.x, 2, &repeated_survival), &options).unwrap(),
    );
    near(&first.coef, &second.coef, 1e-12);
    near(&first.baseline_hazard(0, true).unwrap().values, &second.baseline_hazard(0, true).unwrap().values, 1e-12);
}

#[test]
fn a_leaving_row_of_enormous_risk_takes_no_digits_with_it() {
    let mut rows = Rows::random(40, 1, 17);
    rows.strata.fill(0);
    // Rows 0 to 2 enter late with e⁴⁰ times the hazard of the others, which are alone at risk before.
    for row in 0..3 {
        (rows.offset[row], rows.time[row], rows.entry[row]) = (40.0, 500.0 + row as f64, 400.0);
    }
    for ties in [Ties::Efron, Ties::Breslow] {
        let (_, found) = at(&rows, &[0.7], ties);
        near(&[found.log_likelihood], &[rows.brute_force(&[0.7], ties)], 1e-12);
    }
}
