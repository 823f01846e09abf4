use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::decide::Error;
use crate::learn::{DesignMatrix, Margin};
use crate::stats::expit;
use crate::stats::normal::{Z95, cdf, quantile};
use crate::terms::Subtype;

const NAN: f32 = f32::NAN;

/// Columns x, y = 0.6 x + noise, a binary that follows x, and w apart; by subtype: 400, 80, 30 and 5 patients.
fn training() -> (DesignMatrix, Vec<Option<Subtype>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut z = || quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
    let sizes = [400, 80, 30, 5];
    let subtypes: Vec<Option<Subtype>> =
        Subtype::ALL.iter().zip(sizes).flat_map(|(subtype, n)| vec![Some(*subtype); n]).collect();
    let values = subtypes
        .iter()
        .flat_map(|subtype| {
            let shift = if *subtype == Some(Subtype::HrNegHer2Pos) { 3.0 } else { 0.0 };
            let (x, e, w) = (z(), z(), z());
            let binary = if x + z() > 0.5 { 1.0 } else { 0.0 };
            [x, shift + 0.6 * x + 0.8 * e, binary, w].map(|value| value as f32)
        })
        .collect();
    let names = ["x", "y", "binary", "w"].map(str::to_owned).to_vec();
    (DesignMatrix { names, n_rows: subtypes.len(), values }, subtypes)
}

/// Margins a + b·y + c·w + d·binary; a missing value counts as 0.
fn linear(x: &DesignMatrix, coef: &[[f64; 4]], std_dev: f64) -> Vec<Vec<Margin>> {
    let value = |row: &[f32], at: usize| if row[at].is_nan() { 0.0 } else { f64::from(row[at]) };
    let margin = |row: &[f32], c: &[f64; 4]| Margin {
        mean: c[0] + c[1] * value(row, 1) + c[2] * value(row, 3) + c[3] * value(row, 2),
        std_dev,
    };
    coef.iter().map(|c| (0..x.n_rows).map(|row| margin(x.row(row), c)).collect()).collect()
}

struct Case {
    prior: TestPrior,
    names: Vec<String>,
    tests: Vec<(String, Vec<usize>)>,
    options: Vec<(String, bool)>,
}

impl Case {
    fn new(n_options: usize) -> Self {
        let (x, subtypes) = training();
        Self {
            prior: TestPrior::fit(&x, &[0, 1, 2, 3], &subtypes).unwrap(),
            names: x.names,
            tests: vec![("y".to_owned(), vec![1]), ("w".to_owned(), vec![3]), ("flag".to_owned(), vec![2])],
            options: (0..n_options).map(|at| (format!("option {at}"), true)).collect(),
        }
    }

    fn values(&self, row: &[f32], n_draws: usize, coef: &[[f64; 4]], std_dev: f64) -> Vec<TestValue> {
        let question = self.question(row, n_draws);
        question.values(|x| Ok(linear(x, coef, std_dev))).unwrap()
    }

    fn question<'a>(&'a self, row: &'a [f32], n_draws: usize) -> MissingTests<'a> {
        MissingTests {
            prior: &self.prior,
            names: &self.names,
            row,
            subtype: Some(Subtype::HrPosHer2Neg),
            tests: &self.tests,
            options: &self.options,
            probability: |margin| expit(margin.mean),
            settings: TestSettings { n_draws, seed: 11 },
        }
    }

    /// Mean and standard deviation of y given the known columns of `row`.
    fn given(&self, row: &[f32]) -> (f64, f64) {
        let (normal, _) = self.prior.normal(Some(Subtype::HrPosHer2Neg)).unwrap();
        let row: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
        let given = normal.conditional(&row).unwrap();
        let at = given.missing().iter().position(|column| *column == 1).unwrap();
        (given.mean(&row)[at], given.covariance()[at * given.missing().len() + at].sqrt())
    }
}

/// Four standard errors and room for the last digits.
fn near(found: MonteCarlo, expected: f64) {
    assert!((found.estimate - expected).abs() < 4.0 * found.std_error + 1e-6, "{found:?} {expected}");
}

#[test]
fn a_gaussian_linear_case_has_its_closed_form() {
    let case = Case::new(2);
    let row = [0.7, NAN, 1.0, 0.2];
    let coef = [[0.1, 0.8, 0.0, 0.0], [0.3, -0.3, 0.0, 0.0]];
    let found = &case.values(&row, 20_000, &coef, 0.4)[0];
    let (mean, sd) = case.given(&row);
    // Option 1 leads now (y counts as 0); option 0 overtakes it when −0.2 + 1.1 y > 0.
    assert_eq!(found.top_now.as_deref(), Some("option 1"));
    near(found.top_changes.unwrap(), cdf((-0.2 + 1.1 * mean) / (1.1 * sd)));
    // The logit variance now is that of the model plus that of the unknown result, 0.8² Var(y | known).
    let total = (0.4_f64.powi(2) + (0.8 * sd).powi(2)).sqrt();
    let centre = 0.1 + 0.8 * mean;
    let width = expit(centre + Z95 * total) - expit(centre - Z95 * total);
    // Sample variance of 20,000 draws: relative standard error 1 %.
    assert!((found.options[0].width_now - width).abs() < 0.01);
    // By quadrature over 4000 equal slices of probability.
    let results = (0..4000).map(|at| mean + sd * quantile((f64::from(at) + 0.5) / 4000.0).unwrap());
    let now = expit(0.1);
    let (mut change, mut gain, mut after) = (0.0, 0.0, 0.0);
    for y in results {
        let (first, second) = (0.1 + 0.8 * y, 0.3 - 0.3 * y);
        change += (expit(first) - now).abs() / 4000.0;
        gain += (expit(first) - expit(second)).max(0.0) / 4000.0;
        after += (expit(first + Z95 * 0.4) - expit(first - Z95 * 0.4)) / 4000.0;
    }
    near(found.options[0].change, change);
    near(found.gain.unwrap(), gain);
    near(found.options[0].width_after, after);
    let lower = expit(0.1 + 0.8 * (mean - 1.645 * sd));
    assert!((found.options[0].lower90 - lower).abs() < 0.01);
}

#[test]
fn a_test_without_information_has_no_value() {
    let case = Case::new(3);
    let coef = [[0.1, 0.5, 0.0, 0.0], [0.3, -0.3, 0.0, 0.0], [0.0; 4]];
    let found = &case.values(&[0.7, 0.4, 1.0, NAN], 200, &coef, 0.3)[0];
    assert_eq!(found.test, "w");
    let nothing = MonteCarlo { estimate: 0.0, std_error: 0.0 };
    assert_eq!((found.top_changes, found.gain), (Some(nothing), Some(nothing)));
    for option in &found.options {
        assert_eq!((option.now, option.change), (option.lower90, nothing));
        assert!((option.width_now - option.width_after.estimate).abs() < 1e-12);
    }
}

#[test]
fn a_test_that_weighs_more_is_worth_more_and_one_foretold_by_others_is_worth_less() {
    let case = Case::new(2);
    let at = |row: &[f32], weight: f64| {
        case.values(row, 2000, &[[0.0, weight, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]], 0.3).remove(0)
    };
    let row = [0.0, NAN, 0.0, 0.0];
    let narrowing = |value: &TestValue| value.options[0].width_now - value.options[0].width_after.estimate;
    let values: Vec<TestValue> = [0.2, 0.5, 1.0].map(|weight| at(&row, weight)).to_vec();
    for pair in values.windows(2) {
        assert!(pair[0].options[0].change.estimate < pair[1].options[0].change.estimate);
        assert!(narrowing(&pair[0]) < narrowing(&pair[1]));
        assert!(pair[0].gain.unwrap().estimate < pair[1].gain.unwrap().estimate);
    }
    let uninformed = at(&[NAN, NAN, NAN, 0.0], 1.0);
    assert!(narrowing(&values[2]) < narrowing(&uninformed));
}

#[test]
fn only_supported_options_take_part_and_one_alone_has_no_rank() {
    let mut case = Case::new(3);
    case.options[0].1 = false;
    let coef = [[9.0, 0.0, 0.0, 0.0], [0.0, 0.4, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0]];
    let found = &case.values(&[0.0, NAN, 1.0, 0.0], 200, &coef, 0.3)[0];
    assert_eq!((found.options.len(), found.top_now.as_deref()), (2, Some("option 2")));
    case.options[1].1 = false;
    let alone = &case.values(&[0.0, NAN, 1.0, 0.0], 200, &coef, 0.3)[0];
    assert_eq!((alone.options.len(), alone.top_now.clone(), alone.top_changes, alone.gain), (1, None, None, None));
}

#[test]
fn tests_that_she_had_or_that_nobody_describes_are_left_out() {
    let mut case = Case::new(2);
    let coef = [[0.0; 4], [0.1; 4]];
    assert!(case.values(&[0.0, 0.0, 1.0, 0.0], 20, &coef, 0.3).is_empty());
    case.names[1] = "unheard of".to_owned();
    let found = case.values(&[0.0, NAN, 1.0, NAN], 20, &coef, 0.3);
    assert_eq!(found.iter().map(|value| value.test.as_str()).collect::<Vec<_>>(), ["w"]);
}

#[test]
fn a_binary_result_is_drawn_with_its_conditional_probability() {
    let case = Case::new(2);
    let row = [0.8, 0.5, NAN, 0.0];
    let found = &case.values(&row, 4000, &[[-3.0, 0.0, 0.0, 6.0], [-3.1, 0.0, 0.0, 0.0]], 0.1)[0];
    let (normal, _) = case.prior.normal(Some(Subtype::HrPosHer2Neg)).unwrap();
    let known: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
    let probability = normal.conditional(&known).unwrap().mean(&known)[0];
    // Truth: P(x + z > 0.5 | x = 0.8) = Φ(0.3) = 0.62; the linear mean comes near.
    assert!((probability - 0.62).abs() < 0.08, "{probability}");
    let share = (found.options[0].expected - expit(-3.0)) / (expit(3.0) - expit(-3.0));
    assert!((share - probability).abs() < 0.02, "{share} {probability}");
}

#[test]
fn results_come_from_her_subtype_where_it_is_large_enough() {
    let case = Case::new(2);
    let row = [0.0, NAN, 1.0, 0.0];
    let at = |subtype| {
        let question = MissingTests { subtype, ..case.question(&row, 400) };
        question.values(|x| Ok(linear(x, &[[0.0, 1.0, 0.0, 0.0], [0.0; 4]], 0.1))).unwrap().remove(0)
    };
    assert_eq!(at(Some(Subtype::HrPosHer2Neg)).basis, PriorBasis::Subtype { n: 400 });
    assert_eq!(at(Some(Subtype::HrPosHer2Pos)).basis, PriorBasis::Subtype { n: 80 });
    let shifted = at(Some(Subtype::HrNegHer2Pos));
    assert_eq!(shifted.basis, PriorBasis::Shifted { n: 30 });
    // y is 3 higher in that subtype.
    assert!(shifted.options[0].expected > 0.9 && at(Some(Subtype::HrPosHer2Neg)).options[0].expected < 0.6);
    assert_eq!((at(Some(Subtype::TripleNegative)).basis, at(None).basis), (PriorBasis::Overall, PriorBasis::Overall));
}

#[test]
fn the_same_seed_gives_the_same_values_and_a_test_does_not_move_another() {
    let mut case = Case::new(2);
    let coef = [[0.1, 0.8, 0.4, 0.0], [0.3, -0.3, 0.0, 0.2]];
    let row = [0.7, NAN, 1.0, NAN];
    let both = case.values(&row, 100, &coef, 0.4);
    assert_eq!(both, case.values(&row, 100, &coef, 0.4));
    // The first test asks for nothing any more; the second keeps its place and so its draws.
    case.tests[0].1.clear();
    assert_eq!(case.values(&row, 100, &coef, 0.4), both[1..]);
}

#[test]
fn a_prediction_of_the_wrong_shape_or_not_finite_is_an_error() {
    let case = Case::new(2);
    let row = [0.7, NAN, 1.0, 0.0];
    let question = case.question(&row, 20);
    let short = question.values(|x| Ok(linear(x, &[[0.0; 4]], 0.1)));
    assert!(matches!(short, Err(Error::PredictionShape { what: "options", expected: 2, found: 1 })));
    let rows = question.values(|_| Ok(vec![vec![]; 2]));
    assert!(matches!(rows, Err(Error::PredictionShape { what: "rows", .. })));
    let nan = question.values(|x| Ok(linear(x, &[[f64::NAN; 4]; 2], 0.1)));
    assert!(matches!(nan, Err(Error::Stats(_))));
}

#[test]
fn the_prior_survives_serialisation_to_the_bit_and_a_broken_file_is_refused() {
    let prior = Case::new(2).prior;
    let text = serde_json::to_string(&prior).unwrap();
    assert_eq!(serde_json::from_str::<TestPrior>(&text).unwrap(), prior);
    assert!(serde_json::from_str::<TestPrior>(&text.replacen("\"x\",", "", 1)).is_err());
}
