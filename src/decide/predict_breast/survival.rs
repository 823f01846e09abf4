use super::coefficients::{LAST_YEAR, breast_baseline, other_baseline};
use super::inputs::{InputPart, PredictInputs, Treatments, Version};
use crate::decide::{CauseHazards, Fates};

/// Returns what becomes of the woman, year by year, under `treatments`.
///
/// Years count from diagnosis, 1 to 15; from five years after it, 1 to 10, for [`Version::V32Landmark`]. With
/// S = S_b S_o (independent causes), each year's deaths are split as
/// breast : other = (S_b(t−1) − S_b(t)) : (S_o(t−1) − S_o(t)).
#[must_use]
pub fn survival(inputs: &PredictInputs, version: Version, treatments: &Treatments) -> Fates {
    survival_with(inputs, version, |year| inputs.breast_effect(treatments, year), inputs.other_effect(treatments))
}

/// As [`survival`], with any log hazard ratios on the two causes.
pub(super) fn survival_with(
    inputs: &PredictInputs,
    version: Version,
    breast_effect: impl Fn(u32) -> f64,
    other_effect: f64,
) -> Fates {
    let hazards = surgery_only(inputs, version);
    let mut fates =
        Fates { years: hazards.years.clone(), alive: Vec::new(), breast_death: Vec::new(), other_death: Vec::new() };
    let (mut breast_before, mut other_before) = (0.0, 0.0);
    let (mut breast_hazard, mut other_hazard) = (0.0_f64, 0.0_f64);
    let (mut of_breast, mut of_other) = (0.0, 0.0);
    for (at, (&breast, &other)) in hazards.breast.iter().zip(&hazards.other).enumerate() {
        let year = version.first_year() + u32::try_from(at).unwrap_or(0);
        let (survived_breast, survived_other) = ((-breast_hazard).exp(), (-other_hazard).exp());
        breast_hazard += (breast - breast_before) * breast_effect(year).exp();
        other_hazard += (other - other_before) * other_effect.exp();
        (breast_before, other_before) = (breast, other);
        let breast_part = survived_breast - (-breast_hazard).exp();
        let other_part = survived_other - (-other_hazard).exp();
        let alive = (-breast_hazard - other_hazard).exp();
        let deaths = survived_breast * survived_other - alive;
        if breast_part + other_part > 0.0 {
            of_breast += deaths * breast_part / (breast_part + other_part);
            of_other += deaths * other_part / (breast_part + other_part);
        }
        fates.alive.push(alive);
        fates.breast_death.push(of_breast);
        fates.other_death.push(of_other);
    }
    fates
}

/// Cumulative cause-specific hazards after surgery alone, by year since the start of the curves.
#[must_use]
pub fn surgery_only(inputs: &PredictInputs, version: Version) -> CauseHazards {
    let sum = |parts: Vec<InputPart>| parts.iter().map(|part| part.log_hazard).sum::<f64>();
    let other_log = sum(inputs.other_parts(version));
    let (mut breast, mut other) = (0.0, 0.0);
    let mut hazards = CauseHazards { years: Vec::new(), breast: Vec::new(), other: Vec::new() };
    for year in version.first_year()..=LAST_YEAR {
        let step = breast_baseline(inputs.er_positive, year) - breast_baseline(inputs.er_positive, year - 1);
        breast += step * sum(inputs.breast_parts(version, year)).exp();
        other += (other_baseline(year) - other_baseline(year - 1)) * other_log.exp();
        hazards.years.push(f64::from(year - version.first_year() + 1));
        hazards.breast.push(breast);
        hazards.other.push(other);
    }
    hazards
}
