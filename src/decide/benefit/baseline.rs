use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::options::{Class, TimeZero};
use crate::decide::{CauseHazards, Error};

/// The hazards of one patient without the treatments in question, with draws for the uncertainty of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Year 0 of the hazards.
    time_zero: TimeZero,
    /// Classes of treatment already in the hazards (surgery needs no mention).
    includes: Vec<Class>,
    /// The estimate.
    point: CauseHazards,
    /// Draws; empty when the model has none.
    draws: Vec<CauseHazards>,
    /// By effect id, for published effects that the hazards were freed of: in each draw, by how many standard errors the
    /// log ratio stood off its estimate.
    effect_draws: BTreeMap<String, Vec<f64>>,
}

impl Baseline {
    /// A surgery-only baseline from diagnosis.
    ///
    /// # Errors
    /// [`Error::Hazards`] unless all grids are equal, strictly ascending and above 0, and all cumulative hazards finite,
    /// non-negative and never falling.
    pub fn surgery_only(point: CauseHazards, draws: Vec<CauseHazards>) -> Result<Self, Error> {
        Self::new(TimeZero::Diagnosis, vec![], point, draws)
    }

    /// A baseline with another year 0, or with treatments already in it.
    ///
    /// # Errors
    /// As [`Baseline::surgery_only`].
    pub fn new(
        time_zero: TimeZero,
        includes: Vec<Class>,
        point: CauseHazards,
        draws: Vec<CauseHazards>,
    ) -> Result<Self, Error> {
        check(&point)?;
        for draw in &draws {
            check(draw)?;
            if draw.years != point.years {
                return Err(Error::Hazards { expected: "the grid of the estimate in every draw" });
            }
        }
        Ok(Self { time_zero, includes, point, draws, effect_draws: BTreeMap::new() })
    }

    /// The same hazards with the draws of the published effects that they were freed of, so that an option gives back in each
    /// draw the very ratio that was taken out in it.
    ///
    /// # Errors
    /// [`Error::Hazards`] unless every effect has one number per draw.
    pub fn with_effect_draws(self, effect_draws: BTreeMap<String, Vec<f64>>) -> Result<Self, Error> {
        if effect_draws.values().any(|draws| draws.len() != self.draws.len()) {
            return Err(Error::Hazards { expected: "one number per draw for each effect" });
        }
        Ok(Self { effect_draws, ..self })
    }

    /// The same patient alive after five years of endocrine therapy: H(5 + t) − H(5), year 0 at the fifth year.
    ///
    /// # Errors
    /// [`Error::Hazards`] unless the baseline starts at diagnosis or surgery and reaches beyond five years.
    pub fn after_five_years_endocrine(&self) -> Result<Self, Error> {
        if !matches!(self.time_zero, TimeZero::Diagnosis | TimeZero::Surgery) {
            return Err(Error::Hazards { expected: "a baseline from diagnosis or surgery" });
        }
        let point = conditional(&self.point, 5.0);
        let draws = self.draws.iter().map(|draw| conditional(draw, 5.0)).collect();
        let later = Self::new(TimeZero::AfterFiveYearsEndocrine, self.includes.clone(), point, draws)?;
        later.with_effect_draws(self.effect_draws.clone())
    }

    /// Year 0 of the hazards.
    #[must_use]
    pub fn time_zero(&self) -> TimeZero {
        self.time_zero
    }

    /// Classes of treatment already in the hazards.
    #[must_use]
    pub fn includes(&self) -> &[Class] {
        &self.includes
    }

    /// The estimate.
    #[must_use]
    pub fn point(&self) -> &CauseHazards {
        &self.point
    }

    /// The draws; empty when the model has none.
    #[must_use]
    pub fn draws(&self) -> &[CauseHazards] {
        &self.draws
    }

    /// By effect id, the standard errors by which each draw moved a published effect that the hazards were freed of.
    #[must_use]
    pub fn effect_draws(&self) -> &BTreeMap<String, Vec<f64>> {
        &self.effect_draws
    }

    /// Last year of the grid.
    #[must_use]
    pub fn last_year(&self) -> f64 {
        self.point.years.last().copied().unwrap_or(0.0)
    }
}

/// Value at year `t` of a cumulative hazard, linear between grid points and from 0 at year 0.
pub(super) fn cumulative_at(years: &[f64], cumulative: &[f64], t: f64) -> f64 {
    let next = years.partition_point(|&year| year < t);
    let (year_before, before) = match next.checked_sub(1) {
        Some(at) => (years.get(at).copied().unwrap_or(0.0), cumulative.get(at).copied().unwrap_or(0.0)),
        None => (0.0, 0.0),
    };
    match (years.get(next), cumulative.get(next)) {
        (Some(&year), Some(&after)) if year > year_before => {
            before + (after - before) * (t - year_before) / (year - year_before)
        }
        _ => before,
    }
}

fn conditional(hazards: &CauseHazards, from: f64) -> CauseHazards {
    let years: Vec<f64> = hazards.years.iter().filter(|&&year| year > from).map(|year| year - from).collect();
    let after = |cumulative: &[f64]| {
        let start = cumulative_at(&hazards.years, cumulative, from);
        let kept = hazards.years.iter().zip(cumulative).filter(|(year, _)| **year > from);
        kept.map(|(_, value)| value - start).collect()
    };
    CauseHazards { breast: after(&hazards.breast), other: after(&hazards.other), years }
}

fn check(hazards: &CauseHazards) -> Result<(), Error> {
    let n = hazards.years.len();
    if n == 0 || hazards.breast.len() != n || hazards.other.len() != n {
        return Err(Error::Hazards { expected: "one cumulative hazard of each cause per grid point, at least one" });
    }
    let mut before = 0.0;
    for &year in &hazards.years {
        if !(year > before && year.is_finite()) {
            return Err(Error::Hazards { expected: "a strictly ascending grid above 0" });
        }
        before = year;
    }
    for cumulative in [&hazards.breast, &hazards.other] {
        let mut before = 0.0;
        for &value in cumulative {
            if !(value >= before && value.is_finite()) {
                return Err(Error::Hazards { expected: "finite cumulative hazards that never fall" });
            }
            before = value;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_hazard_or_another_grid_is_refused() {
        let good = CauseHazards { years: vec![1.0, 2.0], breast: vec![0.1, 0.2], other: vec![0.0, 0.0] };
        let falling = CauseHazards { breast: vec![0.2, 0.1], ..good.clone() };
        let nan = CauseHazards { other: vec![0.0, f64::NAN], ..good.clone() };
        let grid = CauseHazards { years: vec![1.0, 3.0], ..good.clone() };
        assert!(Baseline::surgery_only(good.clone(), vec![good.clone()]).is_ok());
        for bad in [&falling, &nan] {
            assert!(Baseline::surgery_only(bad.clone(), vec![]).is_err());
        }
        assert!(Baseline::surgery_only(good, vec![grid]).is_err());
    }

    #[test]
    fn the_landmark_restarts_the_hazard_at_five_years() {
        let hazards = CauseHazards { years: vec![4.0, 8.0], breast: vec![0.4, 1.2], other: vec![0.0, 0.4] };
        let later = Baseline::surgery_only(hazards, vec![]).unwrap().after_five_years_endocrine().unwrap();
        // Pencil: H(5) is 0.6 and 0.1; year 8 is year 3 after the landmark.
        assert_eq!(later.point().years, [3.0]);
        assert!((later.point().breast[0] - 0.6).abs() < 1e-15 && (later.point().other[0] - 0.3).abs() < 1e-15);
    }
}
