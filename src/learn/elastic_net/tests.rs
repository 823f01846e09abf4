//! Properties of the paths on simulated patients.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::learn::{BinaryModel, DesignMatrix, Error, SurvivalModel};
use crate::stats::{self, Survival, logistic_fit};

/// Ten groups of nearly equal columns, an exact copy and a constant; outcomes follow the first column.
fn simulated(n_rows: usize, n_features: usize, seed: u64) -> (DesignMatrix, Vec<bool>, Survival) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let (mut values, mut y, mut time, mut event) = (vec![], vec![], vec![], vec![]);
    for _ in 0..n_rows {
        let groups: Vec<f64> = (0..10).map(|_| normal()).collect();
        let mut row: Vec<f32> =
            (0..n_features).map(|j| (groups[j % 10] + 0.02 * normal()) as f32 * 3.0 + 1.0).collect();
        row[n_features - 1] = 0.3;
        row[n_features - 2] = row[0];
        let signal = groups[0] - 0.7 * groups[1];
        y.push(signal + normal() > 0.0);
        time.push((8.0 * (-signal + normal()).exp()).ceil().min(60.0));
        event.push(normal() > -0.4);
        values.extend(row);
    }
    let names = (0..n_features).map(|j| format!("x{j}")).collect();
    (DesignMatrix { names, n_rows, values }, y, Survival::new(time, event).unwrap())
}

fn params(alpha: f64, n_lambda: usize) -> ElasticNetParams {
    let lambda = LambdaGrid::Automatic { n_lambda, ratio: None };
    ElasticNetParams { alpha, lambda, ..ElasticNetParams::default() }
}

fn given(alpha: f64, lambda: &[f64]) -> ElasticNetParams {
    ElasticNetParams { alpha, lambda: LambdaGrid::Given(lambda.to_vec()), ..ElasticNetParams::default() }
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The slopes of the mean log partial likelihood (Breslow) along standardised columns, straight from its definition.
fn breslow_slopes(x: &DesignMatrix, survival: &Survival, path: &ElasticNetPath, at: usize) -> Vec<f64> {
    let n = x.n_rows;
    let z = |row: usize, j: usize| {
        if path.scale[j] == 0.0 { 0.0 } else { (f64::from(x.row(row)[j]) - path.mean[j]) / path.scale[j] }
    };
    let predictor = |row| (0..x.n_features()).map(|j| path.coef_standardised[at][j] * z(row, j)).sum::<f64>();
    let risk: Vec<f64> = (0..n).map(|row| predictor(row).exp()).collect();
    let time = survival.event_time();
    (0..x.n_features())
        .map(|j| {
            let of_event = |row: usize| {
                let at_risk = (0..n).filter(|&other| time[other] >= time[row]);
                let (top, bottom) = at_risk.fold((0.0, 0.0), |(a, b), k| (a + risk[k] * z(k, j), b + risk[k]));
                z(row, j) - top / bottom
            };
            (0..n).filter(|&row| survival.event()[row]).map(of_event).sum::<f64>() / n as f64
        })
        .collect()
}

#[test]
fn every_penalty_is_optimal_even_with_few_rows_and_nearly_equal_columns() {
    for (n_rows, n_features) in [(40, 90), (120, 25)] {
        let (x, y, survival) = simulated(n_rows, n_features, 5);
        for alpha in [0.0, 0.05, 0.5, 1.0] {
            let logistic = logistic_path(&x, &y, None, &params(alpha, 25)).unwrap();
            let breslow = cox_path(&x, &survival, None, CoxTies::Breslow, &params(alpha, 25)).unwrap();
            let efron = cox_path(&x, &survival, None, CoxTies::Efron, &params(alpha, 25)).unwrap();
            for path in [&logistic, &breslow, &efron] {
                assert!(path.kkt_residual.iter().all(|&violation| violation <= 1e-7), "{:?}", path.kkt_residual);
                assert!(path.deviance_ratio.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
                assert_eq!(path.constant_columns, [n_features - 1]);
                assert!(path.coef.iter().all(|coef| coef[n_features - 1] == 0.0));
            }
            // The reported violation is that of the definition.
            for at in [8, 24] {
                let slopes = breslow_slopes(&x, &survival, &breslow, at);
                let lambda = breslow.lambda[at];
                for (slope, coef) in slopes.iter().zip(&breslow.coef_standardised[at]) {
                    let rest = slope - lambda * (1.0 - alpha) * coef;
                    let violation = if *coef == 0.0 {
                        (rest.abs() - lambda * alpha).max(0.0)
                    } else {
                        (rest - lambda * alpha * coef.signum()).abs()
                    };
                    assert!(violation <= 1e-7, "alpha {alpha}, penalty number {at}: {violation}");
                }
            }
        }
    }
}

#[test]
fn from_the_largest_penalty_on_every_coefficient_is_zero() {
    let (x, y, survival) = simulated(80, 12, 1);
    for alpha in [0.3, 1.0] {
        let start = logistic_path(&x, &y, None, &params(alpha, 2)).unwrap().lambda[0];
        let path = logistic_path(&x, &y, None, &given(alpha, &[2.0 * start, start, 0.999 * start])).unwrap();
        assert_eq!((path.n_nonzero[0], path.n_nonzero[1]), (0, 0));
        assert!(path.n_nonzero[2] > 0 && path.deviance_ratio[0].abs() < 1e-12);
        let share = y.iter().filter(|&&event| event).count() as f64 / 80.0;
        assert!((path.intercept[0] - (share / (1.0 - share)).ln()).abs() < 1e-9);
        let start = cox_path(&x, &survival, None, CoxTies::Efron, &params(alpha, 2)).unwrap().lambda[0];
        let path = cox_path(&x, &survival, None, CoxTies::Efron, &given(alpha, &[start, 0.999 * start])).unwrap();
        assert!(path.n_nonzero[0] == 0 && path.n_nonzero[1] > 0);
    }
}

/// Three of the simulated columns, none of them collinear.
fn three_columns(n_rows: usize) -> (DesignMatrix, Vec<bool>, Survival) {
    let (x, y, survival) = simulated(n_rows, 12, 7);
    let values = (0..n_rows).flat_map(|row| x.row(row)[..3].to_vec()).collect();
    (DesignMatrix { names: x.names[..3].to_vec(), n_rows, values }, y, survival)
}

#[test]
fn a_vanishing_penalty_approaches_plain_logistic_regression() {
    let (x, y, _) = three_columns(150);
    let wide: Vec<f64> = x.values.iter().map(|&value| f64::from(value)).collect();
    let plain = logistic_fit(&wide, 150, 3, &y, 0.0).unwrap();
    let path = logistic_path(&x, &y, None, &given(0.5, &[1e-3, 1e-5, 1e-7, 0.0])).unwrap();
    let distance: Vec<f64> = path.coef.iter().map(|coef| worst(coef, &plain.coef[1..])).collect();
    assert!(distance.windows(2).all(|pair| pair[1] < pair[0]), "{distance:?}");
    assert!(distance[2] < 1e-5 && distance[3] < 1e-8, "{distance:?}");
    assert!((path.intercept[3] - plain.coef[0]).abs() < 1e-8);
}

#[test]
fn a_column_of_penalty_factor_zero_is_fitted_freely_from_the_start() {
    let (x, y, _) = three_columns(150);
    let free = ElasticNetParams { penalty_factor: vec![1.0, 0.0, 2.0], ..params(0.5, 5) };
    let path = logistic_path(&x, &y, None, &free).unwrap();
    let alone: Vec<f64> = x.values.iter().skip(1).step_by(3).map(|&value| f64::from(value)).collect();
    let plain = logistic_fit(&alone, 150, 1, &y, 0.0).unwrap();
    assert_eq!(path.n_nonzero[0], 1);
    assert!((path.coef[0][1] - plain.coef[1]).abs() < 1e-8 && path.deviance_ratio[0] > 0.0);
    assert!(path.kkt_residual.iter().all(|&violation| violation <= 1e-7));
}

#[test]
fn separation_is_no_obstacle_to_a_penalised_fit_and_an_error_without_a_penalty() {
    let names = vec!["marker".to_string()];
    let x = DesignMatrix { names, n_rows: 6, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
    let y = [false, false, false, true, true, true];
    let path = logistic_path(&x, &y, None, &params(1.0, 30)).unwrap();
    assert!(path.coef.iter().all(|coef| coef[0].is_finite()) && path.deviance_ratio[29] > 0.99);
    let free = logistic_path(&x, &y, None, &given(1.0, &[0.0]));
    assert!(matches!(free, Err(Error::Stats(stats::Error::Separated))), "{free:?}");
    let survival = Survival::new(vec![6.0, 5.0, 4.0, 3.0, 2.0, 1.0], vec![true; 6]).unwrap();
    assert!(cox_path(&x, &survival, None, CoxTies::Efron, &params(1.0, 30)).is_ok());
    let free = cox_path(&x, &survival, None, CoxTies::Efron, &given(1.0, &[0.0]));
    assert!(matches!(free, Err(Error::Stats(stats::Error::MonotoneLikelihood { column: 0 }))), "{free:?}");
}

#[test]
fn row_order_never_matters() {
    let (x, y, survival) = simulated(60, 15, 3);
    let shuffled: Vec<usize> = (0..60).map(|row| row * 23 % 60).collect();
    let (x2, y2) = (x.select(&shuffled), shuffled.iter().map(|&row| y[row]).collect::<Vec<_>>());
    let survival2 = survival.select(&shuffled).unwrap();
    let settings = params(0.6, 15);
    let pairs = [
        (logistic_path(&x, &y, None, &settings), logistic_path(&x2, &y2, None, &settings)),
        (
            cox_path(&x, &survival, None, CoxTies::Efron, &settings),
            cox_path(&x2, &survival2, None, CoxTies::Efron, &settings),
        ),
    ];
    for (first, second) in pairs {
        let (first, second) = (first.unwrap(), second.unwrap());
        for (a, b) in first.coef_standardised.iter().zip(&second.coef_standardised) {
            // An exact copy shares its coefficient with the original in any way that keeps the sum.
            let together = |coef: &[f64]| {
                let mut coef = coef.to_vec();
                coef[0] += coef[13];
                coef[13] = 0.0;
                coef
            };
            assert!(worst(&together(a), &together(b)) < 1e-6, "{}", worst(&together(a), &together(b)));
        }
    }
}

#[test]
fn weights_are_copies_in_breslows_likelihood_and_in_the_logistic_one() {
    let (x, y, survival) = three_columns(50);
    let weights: Vec<f64> = (0..50).map(|row| f64::from(1 + row % 3)).collect();
    let copies: Vec<usize> = (0..50).flat_map(|row| vec![row; 1 + row % 3]).collect();
    let (x2, y2) = (x.select(&copies), copies.iter().map(|&row| y[row]).collect::<Vec<_>>());
    let settings = given(0.5, &[0.1, 0.01]);
    let weighted = logistic_path(&x, &y, Some(&weights), &settings).unwrap();
    let copied = logistic_path(&x2, &y2, None, &settings).unwrap();
    assert!(worst(&weighted.coef[1], &copied.coef[1]) < 1e-8);
    let weighted = cox_path(&x, &survival, Some(&weights), CoxTies::Breslow, &settings).unwrap();
    let copied = cox_path(&x2, &survival.select(&copies).unwrap(), None, CoxTies::Breslow, &settings).unwrap();
    assert!(worst(&weighted.coef[1], &copied.coef[1]) < 1e-8);
    assert!(worst(&weighted.deviance_ratio, &copied.deviance_ratio) < 1e-10);
}

#[test]
fn five_patients_are_fitted() {
    let (x, _, survival) = simulated(5, 12, 2);
    let y = [true, false, true, false, false];
    let path = logistic_path(&x, &y, None, &params(0.5, 20)).unwrap();
    assert!(path.kkt_residual.iter().all(|&violation| violation <= 1e-7));
    let path = cox_path(&x, &survival, None, CoxTies::Efron, &params(0.5, 20)).unwrap();
    assert!(path.kkt_residual.iter().all(|&violation| violation <= 1e-7));
}

#[test]
fn what_cannot_be_fitted_is_refused_by_name() {
    let (x, y, survival) = three_columns(20);
    let settings = params(0.5, 5);
    let logistic = |x: &DesignMatrix, y: &[bool], settings: &ElasticNetParams| logistic_path(x, y, None, settings);
    let cox = |survival: &Survival| cox_path(&x, survival, None, CoxTies::Efron, &settings);
    assert!(matches!(logistic(&x, &y[1..], &settings), Err(Error::LengthMismatch { expected: 20, found: 19 })));
    assert!(matches!(logistic(&x, &[true; 20], &settings), Err(Error::OneClass { n_events: 20, n_others: 0 })));
    let censored = Survival::new(survival.event_time().to_vec(), vec![false; 20]).unwrap();
    assert!(matches!(cox(&censored), Err(Error::Stats(stats::Error::NoEvents { n_samples: 20 }))));
    assert!(matches!(cox(&survival.select(&[0, 1]).unwrap()), Err(Error::LengthMismatch { .. })));
    // The only event comes last, alone at risk: nothing is compared with anything.
    let last = (0..20).map(|row| row == 19).collect();
    let lonely = Survival::new((1..=20).map(f64::from).collect(), last).unwrap();
    assert!(matches!(cox(&lonely), Err(Error::Parameter { what: "largest lambda", .. })));
    let constant = DesignMatrix { values: vec![0.1; 60], ..x.clone() };
    assert!(matches!(logistic(&constant, &y, &settings), Err(Error::NothingVaries { n_features: 3 })));
    let mut missing = x.clone();
    missing.values[7] = f32::NAN;
    assert!(
        matches!(logistic(&missing, &y, &settings), Err(Error::NotFinite { row: 2, column, .. }) if column == "x1")
    );
    let ragged = DesignMatrix { values: x.values[1..].to_vec(), ..x.clone() };
    assert!(matches!(logistic(&ragged, &y, &settings), Err(Error::Width { .. })));
    let factors = |penalty_factor| ElasticNetParams { penalty_factor, ..settings.clone() };
    assert!(matches!(logistic(&x, &y, &factors(vec![1.0])), Err(Error::Width { expected: 3, found: 1 })));
    let ratio = |ratio| ElasticNetParams { lambda: LambdaGrid::Automatic { n_lambda: 5, ratio }, ..settings.clone() };
    for bad in [
        params(1.5, 5),
        params(f64::NAN, 5),
        given(0.5, &[0.1, 0.2]),
        given(0.5, &[-0.1]),
        ratio(Some(1.0)),
        factors(vec![1.0, -1.0, 1.0]),
    ] {
        assert!(matches!(logistic(&x, &y, &bad), Err(Error::Parameter { .. })), "{bad:?}");
    }
    for bad in [params(0.5, 0), given(0.5, &[])] {
        assert!(matches!(logistic(&x, &y, &bad), Err(Error::Stats(stats::Error::TooFew { .. }))), "{bad:?}");
    }
    assert!(matches!(
        logistic_path(&x, &y, Some(&[-1.0; 20]), &settings),
        Err(Error::Stats(stats::Error::BadWeight { index: 0, .. }))
    ));
}

#[test]
fn contributions_add_up_and_models_survive_serialisation_to_the_bit() {
    let (x, y, survival) = simulated(60, 12, 11);
    let net = LogisticNet::fit(&x, &y, None, 0.02, &params(0.5, 1)).unwrap();
    for (parts, logit) in net.contributions(&x).unwrap().iter().zip(net.logits(&x).unwrap()) {
        assert_eq!(parts.len(), 13);
        assert!((parts.iter().sum::<f64>() - logit).abs() < 1e-9);
    }
    assert!(net.probabilities(&x).unwrap().iter().all(|p| (0.0..=1.0).contains(p)));
    let text = serde_json::to_string(&net).unwrap();
    assert_eq!(serde_json::from_str::<LogisticNet>(&text).unwrap(), net);
    let cox = CoxNet::fit(&x, &survival, None, CoxTies::Efron, 0.02, &params(0.5, 1)).unwrap();
    for (parts, score) in cox.contributions(&x).unwrap().iter().zip(cox.risk_scores(&x).unwrap()) {
        assert!((parts.iter().sum::<f64>() - score).abs() < 1e-9);
    }
    let text = serde_json::to_string(&cox).unwrap();
    assert_eq!(serde_json::from_str::<CoxNet>(&text).unwrap(), cox);
    let curves = cox.survival_curves(&x, &[0.0, 3.0, 10.0, 1e9]).unwrap();
    for row in 0..60 {
        assert!(curves.row(row)[0] == 1.0 && curves.row(row).windows(2).all(|pair| pair[0] >= pair[1]));
    }
    let short = text.replacen("\"coef\":[", "\"coef\":[0.0,", 1);
    assert!(serde_json::from_str::<CoxNet>(&short).is_err_and(|e| e.to_string().contains("13 coefficients")));
    let mut renamed = x.clone();
    renamed.names.swap(0, 1);
    assert!(matches!(net.logits(&renamed), Err(Error::Weights { .. })));
    let narrow = DesignMatrix { names: vec![], n_rows: 0, values: vec![] };
    assert!(matches!(cox.risk_scores(&narrow), Err(Error::Width { expected: 12, found: 0 })));
}

#[test]
fn cross_validation_is_the_same_on_any_number_of_threads_and_finds_the_best_alpha() {
    let (x, y, survival) = simulated(90, 12, 4);
    let folds: Vec<usize> = (0..90).map(|row| 10 * (row % 4)).collect();
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let settings = params(0.5, 12);
            let logistic = cross_validate_logistic(&x, &y, None, &settings, &[0.1, 0.5, 1.0], &folds).unwrap();
            let cox = cross_validate_cox(&x, &survival, None, CoxTies::Efron, &settings, &[0.1, 1.0], &folds).unwrap();
            (logistic, cox)
        })
    };
    let (logistic, cox) = run(1);
    assert_eq!((logistic.clone(), cox.clone()), run(3));
    for found in [logistic, cox] {
        let best = found.best().unwrap();
        assert!(found.candidates.iter().all(|candidate| best.least_deviance() <= candidate.least_deviance()));
        assert!(best.index_1se <= best.index_min && best.lambda_1se() >= best.lambda_min());
        assert!(best.index_min > 0, "the first column carries a signal");
    }
}

#[test]
fn folds_that_say_nothing_are_refused() {
    let (x, y, survival) = three_columns(20);
    let settings = params(0.5, 5);
    let logistic = |folds: &[usize], alphas: &[f64]| cross_validate_logistic(&x, &y, None, &settings, alphas, folds);
    assert!(matches!(logistic(&[0; 20], &[0.5]), Err(Error::Stats(stats::Error::TooFew { what: "folds", .. }))));
    assert!(matches!(logistic(&[0; 3], &[0.5]), Err(Error::Stats(stats::Error::LengthMismatch { .. }))));
    let halves: Vec<usize> = (0..20).map(|row| row % 2).collect();
    assert!(matches!(logistic(&halves, &[]), Err(Error::Stats(stats::Error::TooFew { .. }))));
    let censored: Vec<usize> = survival.event().iter().map(|&event| usize::from(event)).collect();
    let cox = cross_validate_cox(&x, &survival, None, CoxTies::Efron, &settings, &[0.5], &censored);
    assert!(cox.is_err(), "{cox:?}");
}
