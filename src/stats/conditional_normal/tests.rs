use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::stats::linalg::Cholesky;
use crate::stats::normal::quantile;

const NAN: f64 = f64::NAN;

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{found:?} {expected:?}");
    }
}

/// Rows of correlated columns: column j = a common draw · weight + own noise.
fn rows(n: usize, width: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut z = || quantile(rng.random_range(1e-9..1.0 - 1e-9)).unwrap();
    (0..n)
        .flat_map(|_| {
            let common = z();
            (0..width).map(|column| column as f64 + common * (1.0 + column as f64 / 4.0) + z()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn two_columns_by_pencil() {
    // μ = (1, 2), Σ = [[4, 3], [3, 9]]; x₂ = 5: mean 1 + 3/9·3 = 2, variance 4 − 3²/9 = 3; distance² = 3²/9 = 1.
    let normal = MultivariateNormal::new(vec![1.0, 2.0], vec![4.0, 3.0, 3.0, 9.0]).unwrap();
    let row = [NAN, 5.0];
    let given = normal.conditional(&row).unwrap();
    close(&given.mean(&row), &[2.0], 1e-14);
    close(given.covariance(), &[3.0], 1e-14);
    assert_eq!(given.distance_squared(&row).unwrap(), (1.0, 1));
    close(&given.draw(&[2.0], &[-2.0]), &[2.0 - 2.0 * 3.0_f64.sqrt()], 1e-14);
    let nothing = normal.conditional(&[NAN, NAN]).unwrap();
    close(&nothing.mean(&[NAN, NAN]), &[1.0, 2.0], 0.0);
    close(nothing.covariance(), normal.covariance(), 0.0);
    assert_eq!(nothing.distance_squared(&[NAN, NAN]).unwrap(), (0.0, 0));
}

#[test]
fn a_residual_is_the_distance_from_what_the_others_foretell() {
    // μ = 0, Σ = [[4, 3], [3, 9]], x = (2, 3): x₁ given x₂ has mean 1 and variance 3; x₂ given x₁ mean 1.5, variance 6.75.
    let normal = MultivariateNormal::new(vec![0.0; 2], vec![4.0, 3.0, 3.0, 9.0]).unwrap();
    let given = normal.conditional(&[2.0, 3.0]).unwrap();
    let scaled: Vec<f64> = given
        .weighted_residuals(&[2.0, 3.0])
        .unwrap()
        .iter()
        .zip(given.precision_diagonal())
        .map(|(residual, precision)| residual / precision.sqrt())
        .collect();
    close(&scaled, &[1.0 / 3.0_f64.sqrt(), 1.5 / 6.75_f64.sqrt()], 1e-14);
}

#[test]
fn the_conditional_equals_the_precision_matrix_form() {
    // Twin: with P = Σ⁻¹ the conditional covariance is Pₘₘ⁻¹ and the mean μₘ − Pₘₘ⁻¹ Pₘₒ (xₒ − μₒ).
    let normal = MultivariateNormal::fit(&rows(60, 5, 3), 5, Shrinkage::Fixed(0.05)).unwrap();
    let row = [0.3, NAN, 2.5, NAN, 9.0];
    let precision = Cholesky::new(normal.covariance(), 5).unwrap().inverse();
    let (missing, observed) = ([1, 3], [0, 2, 4]);
    let block: Vec<f64> = missing.iter().flat_map(|i| missing.map(|j| precision[i * 5 + j])).collect();
    let factor = Cholesky::new(&block, 2).unwrap();
    let pull: Vec<f64> = missing
        .iter()
        .map(|i| observed.iter().map(|&j| precision[i * 5 + j] * (row[j] - normal.mean()[j])).sum())
        .collect();
    let shift = factor.solve(&pull).unwrap();
    let given = normal.conditional(&row).unwrap();
    close(given.covariance(), &factor.inverse(), 1e-12);
    close(&given.mean(&row), &[normal.mean()[1] - shift[0], normal.mean()[3] - shift[1]], 1e-12);
}

#[test]
fn without_missing_values_the_fit_is_the_sample_covariance() {
    let values = rows(40, 3, 1);
    let fitted = MultivariateNormal::fit(&values, 3, Shrinkage::Fixed(0.0)).unwrap();
    let mean: Vec<f64> = (0..3).map(|c| values.iter().skip(c).step_by(3).sum::<f64>() / 40.0).collect();
    let sample = |a: usize, b: usize| -> f64 {
        values.chunks(3).map(|row| (row[a] - mean[a]) * (row[b] - mean[b])).sum::<f64>() / 39.0
    };
    let expected: Vec<f64> = (0..9).map(|at| sample(at / 3, at % 3)).collect();
    close(fitted.mean(), &mean, 1e-10);
    close(fitted.covariance(), &expected, 1e-10);
    let shrunk = MultivariateNormal::fit(&values, 3, Shrinkage::Fixed(0.25)).unwrap();
    close(&shrunk.covariance()[..2], &[expected[0], 0.75 * expected[1]], 1e-10);
}

#[test]
fn a_monotone_pattern_gives_andersons_factored_estimate() {
    // Anderson 1957: x complete, y known in the first 30 of 50 rows. ML: regress y on x among the 30, apply the line to
    // the mean and variance of x in all 50.
    let mut values = rows(50, 2, 9);
    values.iter_mut().skip(61).step_by(2).for_each(|y| *y = NAN);
    let x: Vec<f64> = values.iter().step_by(2).copied().collect();
    let y: Vec<f64> = values.iter().skip(1).step_by(2).take(30).copied().collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my, all) = (mean(&x[..30]), mean(&y), mean(&x));
    let sxx: f64 = x[..30].iter().map(|v| (v - mx).powi(2)).sum::<f64>() / 30.0;
    let sxy: f64 = x.iter().zip(&y).map(|(a, b)| (a - mx) * (b - my)).sum::<f64>() / 30.0;
    let syy: f64 = y.iter().map(|v| (v - my).powi(2)).sum::<f64>() / 30.0;
    let slope = sxy / sxx;
    let var: f64 = x.iter().map(|v| (v - all).powi(2)).sum::<f64>() / 50.0;
    let fitted = MultivariateNormal::fit(&values, 2, Shrinkage::Fixed(0.0)).unwrap();
    let unbiased = 50.0 / 49.0;
    let expected = [var, slope * var, slope * var, syy - slope * sxy + slope * slope * var].map(|v| v * unbiased);
    // EM stops when a step moves less than 1e-6, so the estimate is within about 1e-5.
    close(fitted.mean(), &[all, my + slope * (all - mx)], 2e-5);
    close(fitted.covariance(), &expected, 5e-5);
}

#[test]
fn values_missing_at_random_do_not_bias_the_fit_where_complete_cases_would() {
    let mut values = rows(8000, 2, 4);
    // y is unknown wherever x is above its mean: complete cases have a mean of y near 1 − 0.5.
    values.chunks_mut(2).filter(|row| row[0] > 0.0).for_each(|row| row[1] = NAN);
    let fitted = MultivariateNormal::fit(&values, 2, Shrinkage::Fixed(0.0)).unwrap();
    // Standard error of the extrapolated mean is about 0.03.
    assert!((fitted.mean()[1] - 1.0).abs() < 0.1, "{:?}", fitted.mean());
}

#[test]
fn constant_and_unknown_columns_take_part_in_nothing() {
    let values: Vec<f64> = rows(30, 1, 2).into_iter().flat_map(|x| [x, 0.1, NAN]).collect();
    let fitted = MultivariateNormal::fit(&values, 3, Shrinkage::Estimated).unwrap();
    assert!((fitted.mean()[1] - 0.1).abs() < 1e-12 && fitted.covariance()[4] == 0.0 && fitted.covariance()[8] == 0.0);
    let given = fitted.conditional(&[1.0, 55.0, NAN]).unwrap();
    assert_eq!((given.observed(), given.missing()), (&[0][..], &[2][..]));
    close(&given.draw(&given.mean(&[1.0, 55.0, NAN]), &[3.0]), &[0.0], 0.0);
}

#[test]
fn estimated_shrinkage_is_heavy_for_few_rows_and_light_for_many() {
    let share = |n: usize| {
        let values = rows(n, 6, 8);
        let at = |s| MultivariateNormal::fit(&values, 6, s).unwrap().covariance()[1];
        1.0 - at(Shrinkage::Estimated) / at(Shrinkage::Fixed(0.0))
    };
    let (few, many) = (share(12), share(5000));
    assert!(few > 0.04 && (many - 0.01).abs() < 1e-6, "{few} {many}");
}

#[test]
fn draws_have_the_conditional_moments() {
    let normal = MultivariateNormal::new(vec![0.0; 3], vec![2.0, 1.0, 0.5, 1.0, 3.0, -0.4, 0.5, -0.4, 1.0]).unwrap();
    let row = [1.0, NAN, NAN];
    let given = normal.conditional(&row).unwrap();
    let mean = given.mean(&row);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut z = || quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
    let draws: Vec<Vec<f64>> = (0..20_000).map(|_| given.draw(&mean, &[z(), z()])).collect();
    for (i, j) in [(0, 0), (0, 1), (1, 1)] {
        let product = draws.iter().map(|d| (d[i] - mean[i]) * (d[j] - mean[j])).sum::<f64>() / 20_000.0;
        // Four standard errors of a product of these variances.
        assert!((product - given.covariance()[i * 2 + j]).abs() < 4.0 * 4.0 / 20_000.0_f64.sqrt());
    }
}

#[test]
fn what_cannot_be_described_is_refused() {
    assert!(matches!(MultivariateNormal::new(vec![0.0], vec![]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(MultivariateNormal::new(vec![0.0], vec![-1.0]), Err(Error::Singular { column: 0 })));
    assert!(matches!(MultivariateNormal::fit(&[1.0], 1, Shrinkage::Estimated), Err(Error::TooFew { .. })));
    assert!(matches!(
        MultivariateNormal::fit(&[1.0, 2.0, 3.0], 2, Shrinkage::Estimated),
        Err(Error::LengthMismatch { .. })
    ));
    assert!(matches!(
        MultivariateNormal::fit(&[1.0, f64::INFINITY], 1, Shrinkage::Estimated),
        Err(Error::NotFinite { .. })
    ));
    let twins: Vec<f64> = (0..20).map(|at| f64::from(at / 2)).collect();
    let collinear = |shrinkage| MultivariateNormal::fit(&twins, 2, shrinkage);
    assert!(matches!(collinear(Shrinkage::Fixed(0.0)), Err(Error::Singular { .. })));
    assert!(collinear(Shrinkage::Estimated).is_ok());
}

#[test]
fn it_survives_serialisation_to_the_bit_and_a_broken_file_is_refused() {
    let fitted = MultivariateNormal::fit(&rows(30, 3, 6), 3, Shrinkage::Estimated).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<MultivariateNormal>(&text).unwrap(), fitted);
    assert!(serde_json::from_str::<MultivariateNormal>(r#"{"mean":[0.0],"covariance":[]}"#).is_err());
}
