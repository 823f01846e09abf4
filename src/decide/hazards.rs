use serde::{Deserialize, Serialize};

/// Cumulative hazards of the two causes of death of one patient, on a grid of years since time zero.
///
/// Piecewise linear between grid points and 0 at year 0, so that within a step both hazards are constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseHazards {
    /// Grid, years since time zero, strictly ascending and above 0.
    pub years: Vec<f64>,
    /// Cumulative hazard of death from breast cancer at each grid point.
    pub breast: Vec<f64>,
    /// Cumulative hazard of death from other causes at each grid point.
    pub other: Vec<f64>,
}

/// What becomes of 1 patient by each grid point: the three shares sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fates {
    /// Grid, years.
    pub years: Vec<f64>,
    /// Probability to be alive.
    pub alive: Vec<f64>,
    /// Probability to have died of breast cancer.
    pub breast_death: Vec<f64>,
    /// Probability to have died of another cause.
    pub other_death: Vec<f64>,
}

impl CauseHazards {
    /// The fates when the breast hazard of the step that ends at year `t` is multiplied by exp(`breast(t)`) and the other
    /// by exp(`other(t)`): log hazard ratios, negative = protective.
    ///
    /// Exact for hazards that are constant within a step: of the deaths of a step, each cause takes the share of its
    /// hazard, S(t₀) (1 − exp(−Δb − Δo)) Δb / (Δb + Δo).
    #[must_use]
    pub fn fates(&self, breast: impl Fn(f64) -> f64, other: impl Fn(f64) -> f64) -> Fates {
        let n = self.years.len();
        let mut fates = Fates {
            years: self.years.clone(),
            alive: Vec::with_capacity(n),
            breast_death: Vec::with_capacity(n),
            other_death: Vec::with_capacity(n),
        };
        let (mut alive, mut of_breast, mut of_other) = (1.0_f64, 0.0, 0.0);
        let (mut breast_before, mut other_before) = (0.0, 0.0);
        for ((&year, &b), &o) in self.years.iter().zip(&self.breast).zip(&self.other) {
            let step_breast = (b - breast_before) * breast(year).exp();
            let step_other = (o - other_before) * other(year).exp();
            (breast_before, other_before) = (b, o);
            let both = step_breast + step_other;
            if both > 0.0 {
                let deaths = alive * -(-both).exp_m1();
                of_breast += deaths * step_breast / both;
                of_other += deaths * step_other / both;
                alive -= deaths;
            }
            fates.alive.push(alive);
            fates.breast_death.push(of_breast);
            fates.other_death.push(of_other);
        }
        fates
    }
}

impl Fates {
    /// The value of one of its curves at year `t`, linear between grid points; the last value beyond the grid, `at_zero` at 0.
    #[must_use]
    pub fn at(&self, curve: &[f64], at_zero: f64, t: f64) -> f64 {
        let next = self.years.partition_point(|&year| year < t);
        let after = curve.get(next).or(curve.last()).copied().unwrap_or(at_zero);
        let (year_before, before) = match next.checked_sub(1) {
            Some(at) => (self.years.get(at).copied().unwrap_or(0.0), curve.get(at).copied().unwrap_or(at_zero)),
            None => (0.0, at_zero),
        };
        match self.years.get(next) {
            Some(&year_after) if year_after > year_before => {
                before + (after - before) * (t - year_before) / (year_after - year_before)
            }
            _ => after,
        }
    }

    /// Probability to be alive at year `t`.
    #[must_use]
    pub fn alive_at(&self, t: f64) -> f64 {
        self.at(&self.alive, 1.0, t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_hazards_give_the_closed_form() {
        let years: Vec<f64> = (1..=40).map(|quarter| f64::from(quarter) / 4.0).collect();
        let line = |rate: f64| years.iter().map(|year| rate * year).collect::<Vec<f64>>();
        let hazards = CauseHazards { breast: line(0.05), other: line(0.02), years };
        let fates = hazards.fates(|_| 0.5_f64.ln(), |_| 0.0);
        // Rates 0.025 and 0.02: alive at 10 is exp(-0.45), breast deaths 25/45 of the rest.
        let alive = (-0.45_f64).exp();
        assert!((fates.alive_at(10.0) - alive).abs() < 1e-12);
        assert!((fates.at(&fates.breast_death, 0.0, 10.0) - (1.0 - alive) * 25.0 / 45.0).abs() < 1e-12);
    }
}
