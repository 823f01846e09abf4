use serde::{Deserialize, Serialize};

use super::{Refusal, Withheld};
use crate::decide::options::{Recalled, TimeZero};
use crate::terms::Estimate;

/// What a plan would change for one patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Benefit {
    /// Options whose effects were multiplied, in the order of combination.
    pub options: Vec<String>,
    /// Options of the plan that the numbers leave out, each with its reason.
    pub left_out: Vec<Refusal>,
    /// Options of the reference plan that was applied; empty: the baseline itself.
    pub reference: Vec<String>,
    /// At 5, 10 and 15 years.
    pub horizons: Vec<Horizon>,
    /// Mean years alive within 10 and 15 years.
    pub rmst: Vec<RmstGain>,
    /// Alive under the plan at whole years, from 0 to the last that is shown; empty where nothing could be applied.
    #[serde(default)]
    pub curve: Vec<AliveAt>,
    /// What each option adds to those before it, from the baseline.
    pub increments: Vec<Increment>,
    /// The published numbers used.
    pub effects: Vec<UsedEffect>,
    /// What a reader must know.
    pub caveats: Vec<Caveat>,
}

/// Probabilities at one horizon, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Horizon {
    /// Years since year 0 of the baseline.
    pub years: f64,
    /// The numbers; `None` where they are withheld.
    pub gain: Option<Gain>,
    /// Why.
    pub withheld: Option<Withheld>,
}

/// Gain of a plan over its reference at one horizon; probabilities, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Alive under the reference.
    pub alive_reference: Estimate,
    /// Alive under the plan.
    pub alive: Estimate,
    /// Dead of breast cancer under the reference.
    pub breast_death_reference: Estimate,
    /// Dead of breast cancer under the plan.
    pub breast_death: Estimate,
    /// Alive under the plan less alive under the reference: positive is good.
    pub survival_benefit: Estimate,
    /// Dead of breast cancer under the reference less under the plan: positive is good.
    pub breast_death_avoided: Estimate,
    /// From the survival benefit; `None` where its interval includes zero, or where an effect or a harm that was applied has
    /// no published uncertainty.
    pub number_needed: Option<NumberNeeded>,
}

/// Patients to treat for one more, or one fewer, to be alive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberNeeded {
    /// To treat: 1 / benefit.
    ToTreat(Estimate),
    /// To harm: −1 / benefit.
    ToHarm(Estimate),
}

/// A point of a survival curve, by the estimate alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AliveAt {
    /// Years since year 0 of the baseline.
    pub years: f64,
    /// Probability to be alive, 0 to 1.
    pub alive: f64,
}

/// Gain in mean years alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RmstGain {
    /// Within these years.
    pub years: f64,
    /// Years gained; `None` where withheld.
    pub gain: Option<Estimate>,
    /// Why.
    pub withheld: Option<Withheld>,
}

/// What one option adds to the options before it in the order of combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Increment {
    /// Option.
    pub option: String,
    /// Gain in survival at 5, 10 and 15 years; `None` where withheld.
    pub survival_benefit: Vec<Option<Estimate>>,
}

/// A published number that was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsedEffect {
    /// Option.
    pub option: String,
    /// Effect id.
    pub effect: String,
    /// Citation.
    pub source: String,
    /// False when the estimate is recalled.
    pub verified: bool,
    /// Parts that are recalled.
    pub recalled: Vec<Recalled>,
    /// Last year of the baseline's clock within the trial's follow-up.
    pub follow_up_years: Option<f64>,
}

/// What a reader of the numbers must know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Caveat {
    /// Ratios were multiplied, in this order.
    Multiplied {
        /// Options.
        order: Vec<String>,
    },
    /// A trial's clock was taken to start with the baseline's, or five years off it.
    ClockAssumed {
        /// Option.
        option: String,
        /// Year 0 of the trial.
        trial: TimeZero,
        /// Year 0 of the baseline.
        baseline: TimeZero,
    },
    /// The source gives no uncertainty: the interval leaves it out, and no number needed to treat is shown.
    NoEffectUncertainty {
        /// Option.
        option: String,
    },
    /// The model gave no draws: the interval leaves its uncertainty out.
    NoModelUncertainty,
    /// A horizon lies past the follow-up of a trial, under the assumption chosen.
    PastFollowUp {
        /// Option.
        option: String,
        /// End of follow-up, years of the baseline's clock.
        years: f64,
    },
    /// Ratios on death from other causes were applied as PREDICT does, without uncertainty.
    OtherCauseHarm {
        /// Option.
        option: String,
    },
    /// The heart dose is not recorded: that harm is left out.
    HeartDoseUnknown {
        /// Option.
        option: String,
    },
    /// A number was recalled, not read.
    Recalled {
        /// Option.
        option: String,
    },
    /// The plan's numbers leave options out.
    Partial,
}

/// The estimate with the 2.5th and 97.5th percentiles of its draws, linear between the order statistics at (k − ½) / n:
/// the positions of the normal draws themselves (Hyndman and Fan 1996, definition 5).
pub(super) fn with_interval(estimate: f64, mut draws: Vec<f64>) -> Estimate {
    draws.sort_by(f64::total_cmp);
    let percentile = |q: f64| {
        let position = (q * draws.len() as f64 - 0.5).max(0.0);
        let at = position.floor() as usize;
        let low = draws.get(at).or(draws.last()).copied().unwrap_or(estimate);
        let high = draws.get(at + 1).copied().unwrap_or(low);
        low + (high - low) * position.fract()
    };
    Estimate { estimate, lower95: percentile(0.025), upper95: percentile(0.975) }
}

impl NumberNeeded {
    /// From a benefit whose interval excludes zero; `None` otherwise.
    #[must_use]
    pub fn of(benefit: &Estimate) -> Option<Self> {
        let inverse = |sign: f64, near: f64, far: f64| Estimate {
            estimate: sign / benefit.estimate,
            lower95: sign / far,
            upper95: sign / near,
        };
        if benefit.lower95 > 0.0 && benefit.estimate > 0.0 {
            Some(Self::ToTreat(inverse(1.0, benefit.lower95, benefit.upper95)))
        } else if benefit.upper95 < 0.0 && benefit.estimate < 0.0 {
            Some(Self::ToHarm(inverse(-1.0, benefit.upper95, benefit.lower95)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needed_exists_only_where_the_interval_excludes_zero() {
        let benefit = |estimate, lower95, upper95| Estimate { estimate, lower95, upper95 };
        let expected = Estimate { estimate: 20.0, lower95: 10.0, upper95: 50.0 };
        assert_eq!(NumberNeeded::of(&benefit(0.05, 0.02, 0.1)), Some(NumberNeeded::ToTreat(expected)));
        assert_eq!(NumberNeeded::of(&benefit(-0.05, -0.1, -0.02)), Some(NumberNeeded::ToHarm(expected)));
        assert_eq!(NumberNeeded::of(&benefit(0.05, 0.0, 0.1)), None);
        assert_eq!(NumberNeeded::of(&benefit(0.05, -0.01, 0.1)), None);
    }

    #[test]
    fn percentiles_are_linear_between_order_statistics() {
        // Pencil: of 0 to 59 in sixtieths, 0.025 · 60 − ½ = 1 and 0.975 · 60 − ½ = 58.
        let interval = with_interval(30.0, (0..60).rev().map(f64::from).collect());
        assert_eq!((interval.lower95, interval.upper95), (1.0, 58.0));
        assert_eq!(with_interval(0.3, vec![]), Estimate { estimate: 0.3, lower95: 0.3, upper95: 0.3 });
    }
}
