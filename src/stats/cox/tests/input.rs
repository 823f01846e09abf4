//! Data for which an estimate does not exist, each with its own error.

use super::*;
use crate::stats::Error;

fn fit_plain(x: &[f64], n_features: usize, time: &[f64], event: &[bool]) -> Result<CoxFit, Error> {
    let survival = Survival::new(time.to_vec(), event.to_vec())?;
    cox_fit(&CoxData::new(x, n_features, &survival), &CoxOptions::default())
}

const TIME: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const ALL: [bool; 6] = [true; 6];

#[test]
fn malformed_rows_are_named() {
    assert_eq!(fit_plain(&[1.0, f64::NAN, 1.0, 0.0, 0.0, 1.0], 1, &TIME, &ALL), Err(Error::NotFinite { index: 1 }));
    assert!(matches!(fit_plain(&[1.0], 1, &TIME, &ALL), Err(Error::LengthMismatch { what: "features", .. })));
    assert_eq!(fit_plain(&[], 0, &TIME, &ALL), Err(Error::TooFew { what: "features", needed: 1, found: 0 }));
    assert_eq!(fit_plain(&[1.0, 0.0], 1, &[1.0, 2.0], &[false; 2]), Err(Error::NoEvents { n_samples: 2 }));
    assert_eq!(fit_plain(&TIME, 3, &TIME[..2], &ALL[..2]), Err(Error::TooFew { what: "rows", needed: 4, found: 2 }));
    let survival = Survival::new(TIME.to_vec(), ALL.to_vec()).unwrap();
    let x = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let base = CoxData::new(&x, 1, &survival);
    let fit = |data: CoxData<'_>| cox_fit(&data, &CoxOptions::default());
    for bad in [0.0, -1.0, f64::NAN] {
        let weights = [1.0, 1.0, bad, 1.0, 1.0, 1.0];
        let found = fit(CoxData { weights: Some(&weights), ..base });
        assert!(matches!(found, Err(Error::BadWeight { index: 2, .. })), "{found:?}");
    }
    let entry = [0.0, 2.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(fit(CoxData { entry: Some(&entry), ..base }), Err(Error::EntryNotBeforeExit { index: 1, found: 2.0 }));
    assert!(matches!(fit(CoxData { strata: Some(&[1]), ..base }), Err(Error::LengthMismatch { what: "strata", .. })));
    assert!(matches!(fit(CoxData { cluster: Some(&[1]), ..base }), Err(Error::LengthMismatch { .. })));
    let offset = [0.0, 0.0, 900.0, 0.0, 0.0, 0.0];
    assert!(matches!(fit(CoxData { offset: Some(&offset), ..base }), Err(Error::OutOfDomain { .. })));
    for options in [
        CoxOptions { ridge: -1.0, ..CoxOptions::default() },
        CoxOptions { tolerance: 0.0, ..CoxOptions::default() },
        CoxOptions { ridge: f64::NAN, ..CoxOptions::default() },
    ] {
        assert!(matches!(cox_fit(&base, &options), Err(Error::OutOfDomain { .. })));
    }
    let once = CoxOptions { max_iterations: 1, ..CoxOptions::default() };
    assert_eq!(cox_fit(&base, &once), Err(Error::NotConverged { n_iterations: 1 }));
}

#[test]
fn a_constant_column_is_named_even_if_constant_only_within_strata_or_risk_sets() {
    let x = [0.3, 5.1, 0.1, 5.1, 0.7, 5.1, 0.2, 5.1, 0.9, 5.1, 0.4, 5.1];
    assert_eq!(fit_plain(&x, 2, &TIME, &ALL), Err(Error::ConstantColumn { column: 1 }));
    let survival = Survival::new(TIME.to_vec(), ALL.to_vec()).unwrap();
    let strata = [1, 1, 1, 2, 2, 2];
    let by_stratum = [0.1, 0.1, 0.1, 7.3, 7.3, 7.3];
    let data = CoxData { strata: Some(&strata), ..CoxData::new(&by_stratum, 1, &survival) };
    assert_eq!(cox_fit(&data, &CoxOptions::default()), Err(Error::ConstantColumn { column: 0 }));
    // The one row that differs is censored before the first event.
    let early = [9.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let event = [false, true, true, true, true, true];
    assert_eq!(fit_plain(&early, 1, &TIME, &event), Err(Error::ConstantColumn { column: 0 }));
    // Only the last row dies, alone.
    let event = [false, false, false, false, false, true];
    assert_eq!(fit_plain(&TIME, 1, &TIME, &event), Err(Error::ConstantColumn { column: 0 }));
}

#[test]
fn a_collinear_column_is_named_whatever_its_scale() {
    for scale in [1e-8, 1.0, 1e8] {
        let x: Vec<f64> = (0..6)
            .flat_map(|row| {
                let (a, b) = ([0.3, -1.0, 0.7, 0.2, -0.4, 1.3][row], [1.0, 0.0, 0.0, 1.0, 1.0, 0.0][row]);
                [a, b, scale * (2.0 * a - b + 4.0)]
            })
            .collect();
        assert_eq!(fit_plain(&x, 3, &TIME, &ALL), Err(Error::Singular { column: 2 }), "{scale}");
    }
}

#[test]
fn an_infinite_coefficient_is_an_error_that_names_its_column() {
    let monotone = Err(Error::MonotoneLikelihood { column: 0 });
    let falling: Vec<f64> = TIME.iter().map(|time| -time).collect();
    assert_eq!(fit_plain(&falling, 1, &TIME, &ALL), monotone);
    assert_eq!(fit_plain(&TIME, 1, &TIME, &ALL), monotone);
    // A level without any event beside ordinary features.
    let mut rows = Rows::random(80, 3, 2);
    for row in 0..80 {
        rows.x[row * 3] = f64::from(u8::from(row % 4 == 0));
        rows.event[row] &= row % 4 != 0;
    }
    let survival = rows.survival();
    for ties in [Ties::Efron, Ties::Breslow] {
        let options = CoxOptions { ties, ..CoxOptions::default() };
        assert_eq!(
            cox_fit(&rows.data(&survival), &options).map(|fit| fit.coef),
            Err(Error::MonotoneLikelihood { column: 0 })
        );
        assert_eq!(
            cox_fit(&CoxData::new(&rows.x, 3, &survival), &options).map(|fit| fit.coef),
            Err(Error::MonotoneLikelihood { column: 0 })
        );
        let ridge = CoxOptions { ridge: 0.1, ..options };
        let fit = cox_fit(&rows.data(&survival), &ridge).unwrap();
        assert!(fit.coef[0] < -1.0 && fit.tests.is_none());
    }
}

#[test]
fn a_strong_effect_is_not_mistaken_for_an_infinite_one() {
    // Times fall with x but for two neighbours that are exchanged.
    let x: Vec<f64> = (0..40).map(|row| -f64::from(row + u8::from(row == 20) - u8::from(row == 21)) / 10.0).collect();
    let time: Vec<f64> = (0..40).map(|row| f64::from(row) + 1.0).collect();
    let fit = fit_plain(&x, 1, &time, &[true; 40]).unwrap();
    assert!(fit.coef[0] > 5.0, "{:?}", fit.coef);
    // A far outlier alone with its value, in a mid-sized effect.
    let mut rows = Rows::random(100, 2, 77);
    rows.x[60] = 1e6;
    let survival = rows.survival();
    let found = cox_fit(&CoxData::new(&rows.x, 2, &survival), &CoxOptions::default());
    assert!(!matches!(found, Err(Error::NotConverged { .. })), "{found:?}");
}

#[test]
fn a_ridge_allows_more_features_than_rows_and_shrinks_towards_zero() {
    let rows = Rows::random(20, 30, 6);
    let survival = rows.survival();
    let fit =
        |ridge: f64| cox_fit(&CoxData::new(&rows.x, 30, &survival), &CoxOptions { ridge, ..CoxOptions::default() });
    assert_eq!(fit(0.0).map(|fit| fit.coef), Err(Error::TooFew { what: "rows", needed: 31, found: 20 }));
    let norm = |fit: CoxFit| fit.coef.iter().map(|coef| coef * coef).sum::<f64>();
    let (weak, strong) = (norm(fit(0.5).unwrap()), norm(fit(50.0).unwrap()));
    assert!(weak > strong && strong > 0.0);
}

#[test]
fn predictions_ask_for_a_known_stratum() {
    let rows = Rows::random(60, 2, 9);
    let survival = rows.survival();
    let fit = cox_fit(&rows.data(&survival), &CoxOptions::default()).unwrap();
    let one = NewPatients::new(&rows.x[..2]);
    assert_eq!(
        fit.survival_curves(&one).map(|_| ()),
        Err(Error::MissingLabel { what: "stratum", n_missing: 1, n_rows: 1 })
    );
    let unknown = NewPatients { strata: Some(&[99]), ..one };
    assert!(matches!(fit.predict(&unknown, IntervalScale::Log), Err(Error::UnknownLabel { n_known: 2, .. })));
    let far = NewPatients { strata: Some(&[4]), offset: Some(&[800.0]), ..one };
    assert!(matches!(fit.predict(&far, IntervalScale::Log), Err(Error::OutOfDomain { .. })));
    assert!(matches!(fit.linear_predictors(&[1.0]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(fit.linear_predictors(&[1.0, f64::INFINITY]), Err(Error::NotFinite { index: 1 })));
    let other = CoxData::new(&rows.x[..60], 1, &survival);
    assert!(matches!(cox_residuals(&other, &fit), Err(Error::LengthMismatch { .. })));
}

#[test]
fn constancy_tests_refuse_what_they_cannot_tell() {
    let rows = Rows::random(60, 2, 12);
    let mut survival = rows.survival();
    let fit = cox_fit(&CoxData::new(&rows.x, 2, &survival), &CoxOptions::default()).unwrap();
    let data = CoxData::new(&rows.x, 2, &survival);
    let test = |terms: &[&[usize]]| proportional_hazards_test(&data, &fit, TimeTransform::Log, Some(terms));
    assert!(matches!(test(&[&[]]), Err(Error::TooFew { .. })));
    assert!(matches!(test(&[&[2]]), Err(Error::OutOfDomain { .. })));
    assert_eq!(test(&[&[0, 1]]).unwrap().terms[0], test(&[&[0]]).unwrap().global);
    let ridge = cox_fit(&data, &CoxOptions { ridge: 1.0, ..CoxOptions::default() }).unwrap();
    assert!(proportional_hazards_test(&data, &ridge, TimeTransform::Log, None).is_err());
    survival = Survival::new(vec![5.0; 60], rows.event.clone()).unwrap();
    let data = CoxData::new(&rows.x, 2, &survival);
    let tied = cox_fit(&data, &CoxOptions::default()).unwrap();
    assert!(matches!(
        proportional_hazards_test(&data, &tied, TimeTransform::Identity, None),
        Err(Error::TooFew { what: "distinct event times", .. })
    ));
    survival = Survival::new(rows.time.iter().map(|time| time - 1.0).collect(), rows.event.clone()).unwrap();
    let data = CoxData::new(&rows.x, 2, &survival);
    let from_zero = cox_fit(&data, &CoxOptions::default()).unwrap();
    assert!(matches!(
        proportional_hazards_test(&data, &from_zero, TimeTransform::Log, None),
        Err(Error::OutOfDomain { .. })
    ));
}
