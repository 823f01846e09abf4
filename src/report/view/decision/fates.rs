use serde::Serialize;

use crate::decide::benefit::Gain;
use crate::study::decision::OutlookAt;

/// What becomes of 100 patients by a year; the five counts sum to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Alive because of the option.
    pub thanks: u8,
    /// Alive with the option and without it.
    pub alive: u8,
    /// Dead of breast cancer.
    pub breast_death: u8,
    /// Dead of other causes.
    pub other_death: u8,
    /// Dead, and alive without the option.
    pub because: u8,
}

impl Fates {
    /// After surgery alone.
    pub(super) fn alone(at: &OutlookAt) -> Self {
        Self::split(hundred(at.alive.estimate), 0, 0, at.breast_death.estimate, at.other_death.estimate)
    }

    /// With an option, against what it stands on top of.
    ///
    /// The count of those alive without the option is its own rounded number, as everywhere on the page; rounding is taken
    /// up by the deaths.
    pub(super) fn with(gain: &Gain) -> Self {
        let without = hundred(gain.alive_reference.estimate);
        let difference = gain.survival_benefit.estimate;
        let changed = hundred(difference.abs());
        let breast = gain.breast_death.estimate;
        let other = 1.0 - gain.alive.estimate - breast;
        if difference >= 0.0 {
            Self::split(without, changed.min(100 - without), 0, breast, other)
        } else {
            let lost = changed.min(without);
            Self::split(without - lost, 0, lost, breast, other - difference.abs())
        }
    }

    /// Everyone alive.
    #[must_use]
    pub fn all_alive(self) -> u8 {
        self.thanks + self.alive
    }

    /// Everyone dead.
    #[must_use]
    pub fn all_dead(self) -> u8 {
        100 - self.all_alive()
    }

    fn split(alive: u8, thanks: u8, because: u8, breast: f64, other: f64) -> Self {
        let dead = 100 - alive - thanks - because;
        let (breast, other) = (breast.max(0.0), other.max(0.0));
        let share = if breast + other > 0.0 { breast / (breast + other) } else { 1.0 };
        let breast_death = (f64::from(dead) * share).round() as u8;
        Self { thanks, alive, breast_death, other_death: dead - breast_death, because }
    }
}

/// A share as a whole number of 100, half going up.
fn hundred(share: f64) -> u8 {
    (100.0 * share.clamp(0.0, 1.0)).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Estimate;

    fn exact(estimate: f64) -> Estimate {
        Estimate { estimate, lower95: estimate, upper95: estimate }
    }

    fn gain(without: f64, with: f64, breast: f64) -> Gain {
        Gain {
            alive_reference: exact(without),
            alive: exact(with),
            breast_death_reference: exact(breast),
            breast_death: exact(breast),
            survival_benefit: exact(with - without),
            breast_death_avoided: exact(0.0),
            number_needed: None,
        }
    }

    #[test]
    fn the_counts_always_add_up_to_a_hundred_people() {
        for without in 0..=100 {
            for step in -100..=100 {
                let (without, with) =
                    (f64::from(without) / 100.0, (f64::from(without) / 100.0 + f64::from(step) / 400.0));
                let with = with.clamp(0.0, 1.0);
                let fates = Fates::with(&gain(without, with, (1.0 - with) * 0.3));
                let sum = fates.thanks + fates.alive + fates.breast_death + fates.other_death + fates.because;
                assert_eq!(sum, 100, "{without} {with} {fates:?}");
            }
        }
    }

    #[test]
    fn a_benefit_and_a_harm_stand_on_the_same_number_without_the_option() {
        let better = Fates::with(&gain(0.844, 0.872, 0.05));
        assert_eq!((better.alive, better.thanks, better.because, better.breast_death), (84, 3, 0, 5));
        let worse = Fates::with(&gain(0.47, 0.452, 0.2));
        assert_eq!((worse.alive, worse.because, worse.alive + worse.because), (45, 2, 47));
    }
}
