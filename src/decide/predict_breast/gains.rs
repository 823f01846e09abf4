use serde::Serialize;

use super::coefficients::{BISPHOSPHONATE, ENDOCRINE, TRASTUZUMAB, chemotherapy};
use super::inputs::{PredictInputs, Treatments, Version};
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
    let mut before = survival(inputs, version, &given).alive_at(year);
    let mut gains = Vec::new();
    let mut add = |treatment: &'static str, given: &Treatments, std_error: Option<f64>| {
        let other = inputs.other_effect(given);
        let alive = |shift: f64| {
            let effect = |year: u32| inputs.breast_effect(given, year) + shift;
            survival_with(inputs, version, effect, other).alive_at(year)
        };
        let after = alive(0.0);
        gains.push(Gain {
            treatment,
            gain: after - before,
            range: std_error.map(|std_error| Estimate {
                estimate: after - before,
                lower95: alive(1.96 * std_error) - before,
                upper95: alive(-1.96 * std_error) - before,
            }),
        });
        before = after;
    };
    if treatments.radiotherapy || treatments.heart_exposed {
        (given.radiotherapy, given.heart_exposed) = (treatments.radiotherapy, treatments.heart_exposed);
        add("radiotherapy", &given, None);
    }
    if treatments.endocrine.is_some() {
        given.endocrine = treatments.endocrine;
        add("endocrine therapy", &given, inputs.er_positive.then_some(ENDOCRINE.1));
    }
    if let Some(generation) = treatments.chemotherapy {
        given.chemotherapy = treatments.chemotherapy;
        add("chemotherapy", &given, Some(chemotherapy(generation).1));
    }
    if treatments.trastuzumab {
        given.trastuzumab = true;
        add("trastuzumab", &given, (inputs.her2_positive == Some(true)).then_some(TRASTUZUMAB.1));
    }
    if treatments.bisphosphonate {
        given.bisphosphonate = true;
        add("bisphosphonate", &given, Some(BISPHOSPHONATE.1));
    }
    gains
}
