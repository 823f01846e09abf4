use serde::Serialize;

use super::coefficients::{BISPHOSPHONATE, ENDOCRINE, TRASTUZUMAB, chemotherapy};
use super::inputs::{Endocrine, PredictInputs, Treatments, Version};
use super::survival::{survival, survival_with};
use crate::terms::Estimate;

/// What one treatment adds to overall survival, given those before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// `radiotherapy`, `endocrine therapy`, `chemotherapy`, `trastuzumab` or `bisphosphonate`.
    pub treatment: &'static str,
    /// Difference of the probability to be alive at the year asked for: positive is a benefit.
    pub gain: f64,
    /// The same at both ends of the 95 % range of this treatment's log hazard ratio, as far as the tool states one. It is
    /// not an interval of the prediction: coefficients and baseline are taken as exact.
    pub range: Option<Estimate>,
}

/// Returns the gain of each treatment in PREDICT's fixed order, each on top of those before it, at `year` since the start
/// of the curves; their sum is the gain of the whole set. Each depends on what precedes it.
#[must_use]
pub fn gains(inputs: &PredictInputs, version: Version, treatments: &Treatments, year: f64) -> Vec<Gain> {
    let mut given = Treatments::default();
    let mut gains = Vec::new();
    let mut add = |treatment: &'static str, given: &mut Treatments, more: &dyn Fn(&mut Treatments)| {
        let before = *given;
        more(given);
        if *given != before {
            let (gain, range) = gain_over(inputs, version, given, &before, year);
            gains.push(Gain { treatment, gain, range });
        }
    };
    add("radiotherapy", &mut given, &|given| {
        (given.radiotherapy, given.heart_exposed) = (treatments.radiotherapy, treatments.heart_exposed);
    });
    add("endocrine therapy", &mut given, &|given| given.endocrine = treatments.endocrine);
    add("chemotherapy", &mut given, &|given| given.chemotherapy = treatments.chemotherapy);
    add("trastuzumab", &mut given, &|given| given.trastuzumab = treatments.trastuzumab);
    add("bisphosphonate", &mut given, &|given| given.bisphosphonate = treatments.bisphosphonate);
    gains
}

/// Returns the gain in the probability to be alive at `year` of `with` over `without`, positive being a benefit, and its
/// value at both ends of the 95 % range of the log hazard ratios that differ between them, as far as the tool states
/// standard errors: `None` where one of them has none (radiotherapy, endocrine therapy of ten years) or has no effect.
///
/// The range is not an interval of the prediction: coefficients and baseline are taken as exact.
#[must_use]
pub fn gain_over(
    inputs: &PredictInputs,
    version: Version,
    with: &Treatments,
    without: &Treatments,
    year: f64,
) -> (f64, Option<Estimate>) {
    let before = survival(inputs, version, without).alive_at(year);
    let other = inputs.other_effect(with);
    let gain = |shift: f64| {
        let effect = |year: u32| inputs.breast_effect(with, year) + shift;
        survival_with(inputs, version, effect, other).alive_at(year) - before
    };
    let range = std_error(inputs, with, without).map(|std_error| Estimate {
        estimate: gain(0.0),
        lower95: gain(1.96 * std_error),
        upper95: gain(-1.96 * std_error),
    });
    (gain(0.0), range)
}

/// Standard error of the log hazard ratio between two sets of treatments, the stated errors taken as independent.
fn std_error(inputs: &PredictInputs, with: &Treatments, without: &Treatments) -> Option<f64> {
    let stated = [
        (with.radiotherapy != without.radiotherapy || with.heart_exposed != without.heart_exposed, None),
        (
            with.endocrine != without.endocrine,
            (inputs.er_positive && without.endocrine.is_none() && with.endocrine == Some(Endocrine::FiveYears))
                .then_some(ENDOCRINE.1),
        ),
        (
            with.chemotherapy != without.chemotherapy,
            with.chemotherapy.filter(|_| without.chemotherapy.is_none()).map(|generation| chemotherapy(generation).1),
        ),
        (with.trastuzumab != without.trastuzumab, (inputs.her2_positive == Some(true)).then_some(TRASTUZUMAB.1)),
        (with.bisphosphonate != without.bisphosphonate, Some(BISPHOSPHONATE.1)),
    ];
    let differing: Vec<Option<f64>> = stated.iter().filter(|(differs, _)| *differs).map(|(_, error)| *error).collect();
    let squares: Option<Vec<f64>> = differing.into_iter().map(|error| error.map(|error| error * error)).collect();
    squares.filter(|squares| !squares.is_empty()).map(|squares| squares.iter().sum::<f64>().sqrt())
}
