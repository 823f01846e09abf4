use serde::{Deserialize, Serialize};

/// How the hazards of METABRIC's years of diagnosis are carried to a later year.
///
/// The log hazard of breast cancer death moves by slope × years × `strength`, that of other death by slope × years.
/// The slopes were estimated in treated women, so a part of the trend is better treatment, which the options add again:
/// `strength` 1 counts all of the trend as prognosis, 0 none (and recalibrates nothing of breast cancer). Neither is
/// known to be right; one half is the midpoint, and draws range over `strength_range`. A check that the fit did not use:
/// at one half, METABRIC's women have a mean 10-year risk after surgery alone near that which PREDICT 3.2 gives them
/// (docs/studies.md).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraRecalibration {
    /// Assumed median year of diagnosis of the training women.
    pub diagnosis_year: f64,
    /// Year to which the hazards are carried.
    pub target_year: f64,
    /// Yearly change of the log hazard of breast cancer death, ER-positive.
    pub er_positive_per_year: f64,
    /// The same, ER-negative.
    pub er_negative_per_year: f64,
    /// Yearly change of the log hazard of other death.
    pub other_per_year: f64,
    /// Share of the breast cancer trend that is applied, 0 to 1.
    pub strength: f64,
    /// Range of that share over the draws.
    pub strength_range: [f64; 2],
    /// Whether the trends are applied at all.
    pub applied: bool,
    /// Where the slopes come from and what is assumed.
    pub source: String,
}

/// Log factors on the hazards of the two causes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EraShift {
    /// On death from breast cancer.
    pub breast: f64,
    /// On death from other causes.
    pub other: f64,
}

impl EraRecalibration {
    /// PREDICT 3's calendar-time terms from an assumed 1996 to 2017, at half strength.
    #[must_use]
    pub fn predict() -> Self {
        Self {
            diagnosis_year: 1996.0,
            target_year: 2017.0,
            er_positive_per_year: -0.048_251_370_712_776_756,
            er_negative_per_year: -0.045_504_610_416_172_736,
            other_per_year: -0.021_186_462_111_818_898,
            strength: 0.5,
            strength_range: [0.0, 1.0],
            applied: true,
            source:
                "calendar-time terms of PREDICT Breast 3.1 and 3.2, estimated on 35,474 English cases of 2000-2017, \
                     extrapolated to METABRIC's diagnoses of 1977-2005, whose median is not published and is assumed \
                     to be 1996; an assumption, not an estimate from METABRIC"
                    .to_owned(),
        }
    }

    /// The same with the switch off: the raw hazards.
    #[must_use]
    pub fn off(&self) -> Self {
        Self { applied: false, ..self.clone() }
    }

    /// The log factors at the stated strength.
    #[must_use]
    pub fn shift(&self, er_positive: bool) -> EraShift {
        self.shift_at(self.strength, er_positive)
    }

    /// The log factors of draw number `index`: strengths spread evenly over the range (van der Corput's sequence).
    #[must_use]
    pub fn shift_of_draw(&self, index: usize, er_positive: bool) -> EraShift {
        let [low, high] = self.strength_range;
        // The bits of the index mirrored behind the point; + 1 so that the first draw is the midpoint.
        let share = f64::from((index as u32 + 1).reverse_bits()) / 2.0_f64.powi(32);
        self.shift_at(low + (high - low) * share, er_positive)
    }

    fn shift_at(&self, strength: f64, er_positive: bool) -> EraShift {
        if !self.applied {
            return EraShift::default();
        }
        let years = self.target_year - self.diagnosis_year;
        let slope = if er_positive { self.er_positive_per_year } else { self.er_negative_per_year };
        EraShift { breast: strength * slope * years, other: self.other_per_year * years }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_trend_is_predicts_term_and_off_changes_nothing() {
        let era = EraRecalibration { strength: 1.0, ..EraRecalibration::predict() };
        assert!((era.shift(true).breast + 0.048_251_370_712_776_756 * 21.0).abs() < 1e-12);
        assert!((era.shift(false).other + 0.021_186_462_111_818_898 * 21.0).abs() < 1e-12);
        assert_eq!(era.off().shift(true), EraShift::default());
    }

    #[test]
    fn the_draws_spread_evenly_over_the_range() {
        let era = EraRecalibration::predict();
        let strength = |at| era.shift_of_draw(at, true).breast / (21.0 * era.er_positive_per_year);
        let mean = (0..200).map(strength).sum::<f64>() / 200.0;
        assert!((strength(0) - 0.5).abs() < 1e-12 && (mean - 0.5).abs() < 0.01, "{mean}");
        assert!((0..200).map(strength).all(|share| share > 0.0 && share < 1.0));
    }
}
