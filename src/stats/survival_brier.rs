//! Squared error of predicted survival under censoring: Brier score at a time, integrated, and scaled.

use super::Error;
use super::inputs::{check_length, check_probabilities};
use super::ipcw::{CensorSurvival, check_grid, event_survival};
use super::survival::{Survival, SurvivalCurves};

/// Returns the Brier score at `time` of predicted survival probabilities S(`time` | x); in \[0, 1\] but for sampling
/// error of the weights, lower is better.
///
/// The mean of S² / G(T) over rows with the event by `time` and of (1 − S)² / G(`time`) over rows still followed
/// after it; rows censored before it weigh 0. G is `censor_survival`, from the training data.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NotProbability`], [`Error::OutOfDomain`] for a bad time,
/// [`Error::BeyondFollowUp`] where G is 0 or unknown.
///
/// # Source
/// Graf et al. 1999; scikit-survival `brier_score`.
pub fn brier_t(
    censor_survival: &CensorSurvival,
    test: &Survival,
    survival_prob: &[f64],
    time: f64,
) -> Result<f64, Error> {
    check_probabilities(test.event(), survival_prob)?;
    check_grid(&[time])?;
    let weights = censor_survival.event_weights(test, time)?;
    let risks = survival_prob.iter().map(|survival| 1.0 - survival);
    squared_error(censor_survival, test, &weights, test.event(), risks, time)
}

/// Returns the Brier score of predicted curves at each time of their grid.
///
/// # Errors
/// As [`brier_t`], and [`Error::TooFew`] for an empty grid.
///
/// # Source
/// As [`brier_t`].
pub fn brier_curve(
    censor_survival: &CensorSurvival,
    test: &Survival,
    curves: &SurvivalCurves,
) -> Result<Vec<f64>, Error> {
    check_length("survival curves", test.n_samples(), curves.n_samples())?;
    let weights = censor_survival.event_weights(test, check_grid(curves.times())?)?;
    let at = |(column, &time): (usize, &f64)| {
        let risks = (0..test.n_samples()).map(|row| 1.0 - curves.row(row)[column]);
        squared_error(censor_survival, test, &weights, test.event(), risks, time)
    };
    curves.times().iter().enumerate().map(at).collect()
}

/// Returns the integrated Brier score: the time average of [`brier_curve`] over its grid by trapezoids; lower is better.
///
/// # Errors
/// As [`brier_curve`]; [`Error::TooFew`] with fewer than two times.
///
/// # Source
/// Graf et al. 1999; scikit-survival `integrated_brier_score`.
pub fn ibs(censor_survival: &CensorSurvival, test: &Survival, curves: &SurvivalCurves) -> Result<f64, Error> {
    time_average(curves.times(), &brier_curve(censor_survival, test, curves)?)
}

/// Returns the index of prediction accuracy at `time`: 1 − Brier / Brier of the Kaplan–Meier estimate of `reference`.
///
/// 1 is perfect, 0 no better than giving everybody the survival of `reference` (usually the training data), and
/// below 0 worse than that.
///
/// # Errors
/// As [`brier_t`]; [`Error::BeyondFollowUp`] also past the follow-up of `reference`, [`Error::OneClass`] when
/// that null prediction has no error, so that there is nothing to scale by.
///
/// # Source
/// Kattan & Gerds 2018, *Diagnostic and Prognostic Research* 2:7.
pub fn scaled_brier(
    censor_survival: &CensorSurvival,
    test: &Survival,
    survival_prob: &[f64],
    reference: &Survival,
    time: f64,
) -> Result<f64, Error> {
    let score = brier_t(censor_survival, test, survival_prob, time)?;
    let null = null_curves(test, reference, &[time])?;
    scaled(score, brier_t(censor_survival, test, &null.at(time), time)?, test)
}

/// Returns 1 − integrated Brier / integrated Brier of the Kaplan–Meier curve of `reference`, on the grid of `curves`.
///
/// # Errors
/// As [`scaled_brier`] and [`ibs`].
///
/// # Source
/// As [`scaled_brier`].
pub fn scaled_ibs(
    censor_survival: &CensorSurvival,
    test: &Survival,
    curves: &SurvivalCurves,
    reference: &Survival,
) -> Result<f64, Error> {
    let score = ibs(censor_survival, test, curves)?;
    let null = null_curves(test, reference, curves.times())?;
    scaled(score, ibs(censor_survival, test, &null)?, test)
}

/// Returns the Brier score at `time` of predicted cumulative incidences of one cause among competing ones; lower is
/// better.
///
/// `test.event()` tells that any cause was observed, `of_interest` that it was the one predicted: the mean of
/// (1{of interest} − F)² / G(T) over rows with any event by `time` and of F² / G(`time`) over rows followed after it.
/// G must count competing events as events, not as censorings.
///
/// # Errors
/// As [`brier_t`]; [`Error::OutOfDomain`] for a row of interest (its number is the fact) without any event.
///
/// # Source
/// Schoop et al. 2011, *Biometrical Journal* 53:88.
pub fn brier_t_competing(
    censor_survival: &CensorSurvival,
    test: &Survival,
    of_interest: &[bool],
    incidence: &[f64],
    time: f64,
) -> Result<f64, Error> {
    check_length("events of interest", test.n_samples(), of_interest.len())?;
    check_probabilities(test.event(), incidence)?;
    check_grid(&[time])?;
    if let Some(row) = of_interest.iter().zip(test.event()).position(|(&interest, &event)| interest && !event) {
        let expected = "a row with an observed event";
        return Err(Error::OutOfDomain { what: "row with the event of interest", expected, found: row as f64 });
    }
    let weights = censor_survival.event_weights(test, time)?;
    squared_error(censor_survival, test, &weights, of_interest, incidence.iter().copied(), time)
}

/// The weighted mean of (1{case by `time`} − risk)²; `event_weights` are 0 for rows without any event by `time`.
fn squared_error(
    g: &CensorSurvival,
    test: &Survival,
    event_weights: &[f64],
    is_case: &[bool],
    risks: impl Iterator<Item = f64>,
    time: f64,
) -> Result<f64, Error> {
    let followed = test.event_time().iter().any(|&event_time| event_time > time);
    let later_weight = if followed { 1.0 / g.at(time)? } else { 0.0 };
    let rows = test.event_time().iter().zip(event_weights).zip(is_case).zip(risks);
    let sum: f64 = rows
        .map(|(((&event_time, weight), &case), risk)| {
            if event_time > time {
                later_weight * risk * risk
            } else {
                let error = f64::from(u8::from(case)) - risk;
                weight * error * error
            }
        })
        .sum();
    Ok(sum / test.n_samples() as f64)
}

/// The Kaplan–Meier curve of `reference` given to every row of `test`.
fn null_curves(test: &Survival, reference: &Survival, times: &[f64]) -> Result<SurvivalCurves, Error> {
    let curve = event_survival(reference);
    let last = reference.event_time().iter().copied().fold(0.0, f64::max);
    let values: Vec<f64> = times.iter().map(|&time| curve.at(time)).collect();
    let end = times.last().copied().unwrap_or(0.0);
    if end > last && values.last().is_some_and(|&value| value > 0.0) {
        return Err(Error::BeyondFollowUp { time: end, last });
    }
    SurvivalCurves::new(times.to_vec(), test.n_samples(), values.repeat(test.n_samples()))
}

fn scaled(score: f64, null: f64, test: &Survival) -> Result<f64, Error> {
    if null > 0.0 {
        return Ok(1.0 - score / null);
    }
    Err(Error::OneClass { n_samples: test.n_samples(), n_events: test.n_events() })
}

fn time_average(times: &[f64], values: &[f64]) -> Result<f64, Error> {
    let (Some(first), Some(last)) = (times.first(), times.last().filter(|_| times.len() > 1)) else {
        return Err(Error::TooFew { what: "times", needed: 2, found: times.len() });
    };
    let areas = times.windows(2).zip(values.windows(2)).map(|(t, v)| (t[1] - t[0]) * (v[0] + v[1]) / 2.0);
    Ok(areas.sum::<f64>() / (last - first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(time: &[f64], event: &[u8]) -> Survival {
        Survival::new(time.to_vec(), event.iter().map(|&e| e == 1).collect()).unwrap()
    }

    #[test]
    fn four_patients_solved_by_hand() {
        // G falls to 2/3 at 2. At 3: events at 1 (weight 1) and 3 (weight 3/2), one row followed after (weight 3/2).
        let test = data(&[1.0, 2.0, 3.0, 4.0], &[1, 0, 1, 1]);
        let g = CensorSurvival::fit(&test);
        let found = brier_t(&g, &test, &[0.2, 0.5, 0.4, 0.9], 3.0).unwrap();
        assert!((found - (0.04 + 1.5 * 0.16 + 1.5 * 0.01) / 4.0).abs() < 1e-15);
    }

    #[test]
    fn without_censoring_it_is_the_binary_brier_score() {
        let time: Vec<f64> = (0..40).map(|k| f64::from((k * 7) % 19)).collect();
        let s: Vec<f64> = (0..40).map(|k| f64::from((k * 11) % 13) / 13.0).collect();
        let test = data(&time, &[1; 40]);
        let y: Vec<bool> = time.iter().map(|&t| t <= 8.0).collect();
        let p: Vec<f64> = s.iter().map(|s| 1.0 - s).collect();
        let found = brier_t(&CensorSurvival::fit(&test), &test, &s, 8.0).unwrap();
        assert!((found - crate::stats::brier(&y, &p).unwrap()).abs() < 1e-15);
    }

    #[test]
    fn competing_causes_equal_a_loop_over_patients() {
        let time: Vec<f64> = (0..60).map(|k| f64::from(1 + (k * 7) % 19)).collect();
        let cause: Vec<u8> = (0..60).map(|k| ((k * 5) % 7 % 3) as u8).collect();
        let f: Vec<f64> = (0..60).map(|k| f64::from((k * 11) % 13) / 13.0).collect();
        let test = Survival::new(time.clone(), cause.iter().map(|&c| c > 0).collect()).unwrap();
        let g = CensorSurvival::fit(&test);
        let mut expected = 0.0;
        for k in 0..60 {
            let y = if cause[k] == 2 { 1.0 } else { 0.0 };
            if time[k] <= 9.0 && cause[k] > 0 {
                expected += (y - f[k]) * (y - f[k]) / g.at(time[k]).unwrap() / 60.0;
            } else if time[k] > 9.0 {
                expected += f[k] * f[k] / g.at(9.0).unwrap() / 60.0;
            }
        }
        let interest: Vec<bool> = cause.iter().map(|&c| c == 2).collect();
        assert!((brier_t_competing(&g, &test, &interest, &f, 9.0).unwrap() - expected).abs() < 1e-14);
    }

    #[test]
    fn the_null_prediction_scores_zero_and_the_truth_one() {
        let test = data(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1, 1, 0, 1, 1]);
        let g = CensorSurvival::fit(&test);
        let km = event_survival(&test).at(2.5);
        assert!(scaled_brier(&g, &test, &[km; 5], &test, 2.5).unwrap().abs() < 1e-15);
        assert_eq!(scaled_brier(&g, &test, &[0.0, 0.0, 1.0, 1.0, 1.0], &test, 2.5), Ok(1.0));
        assert!(matches!(scaled_brier(&g, &test, &[1.0; 5], &test, 0.5), Err(Error::OneClass { .. })));
        let curves = SurvivalCurves::new(vec![1.0, 2.5], 5, [0.8, km].repeat(5)).unwrap();
        assert!(scaled_ibs(&g, &test, &curves, &test).unwrap().abs() < 1e-15);
    }

    #[test]
    fn bad_input_is_named() {
        let test = data(&[1.0, 2.0, 3.0], &[1, 1, 0]);
        let g = CensorSurvival::fit(&data(&[1.0, 2.0, 2.5], &[1, 1, 0]));
        assert!(matches!(brier_t(&g, &test, &[0.5; 3], 2.5), Err(Error::BeyondFollowUp { .. })));
        assert!(matches!(brier_t(&g, &test, &[0.5; 3], f64::NAN), Err(Error::OutOfDomain { .. })));
        assert!(matches!(brier_t(&g, &test, &[0.5; 2], 1.0), Err(Error::LengthMismatch { .. })));
        assert!(matches!(brier_t(&g, &test, &[0.5, 1.5, 0.2], 1.0), Err(Error::NotProbability { .. })));
        let short = SurvivalCurves::new(vec![1.0], 3, vec![0.5; 3]).unwrap();
        assert!(matches!(ibs(&g, &test, &short), Err(Error::TooFew { .. })));
        let wrong = brier_t_competing(&g, &test, &[false, false, true], &[0.5; 3], 1.0);
        assert!(matches!(wrong, Err(Error::OutOfDomain { found: 2.0, .. })));
    }
}
