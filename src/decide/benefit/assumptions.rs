use serde::{Deserialize, Serialize};

/// What happens to an effect after the follow-up of its trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waning {
    /// Nothing is assumed: no number beyond the follow-up + 2 years.
    #[default]
    NotChosen,
    /// No waning: the ratio holds for ever.
    None,
    /// The ratio holds until the end of follow-up, and is 1 from then on.
    UntilFollowUp,
    /// After the follow-up the log ratio falls linearly to 0.
    Linear {
        /// Years that it takes.
        over_years: f64,
    },
}

/// Choices behind a benefit, all of them printed beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assumptions {
    /// After the trial's follow-up.
    pub waning: Waning,
    /// Apply the options' published ratios on death from other causes, as PREDICT Breast does.
    pub other_cause_harm: bool,
    /// Count an effect that starts after five years of endocrine therapy from diagnosis, for a woman who would complete
    /// those five years.
    pub completes_five_years: bool,
    /// Draws behind each interval.
    pub n_draws: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            waning: Waning::NotChosen,
            other_cause_harm: false,
            completes_five_years: false,
            n_draws: 200,
            seed: 20_261_125,
        }
    }
}

impl Waning {
    /// The share of the log ratio that is left at year `t` of the effect's clock, 0 to 1.
    #[must_use]
    pub fn weight(self, t: f64, follow_up_years: f64) -> f64 {
        let past = t - follow_up_years;
        match self {
            Self::NotChosen | Self::None => 1.0,
            _ if past <= 0.0 => 1.0,
            Self::UntilFollowUp => 0.0,
            Self::Linear { over_years } if over_years > 0.0 => (1.0 - past / over_years).max(0.0),
            Self::Linear { .. } => 0.0,
        }
    }

    /// Years of the effect's clock at which the weight starts or stops falling.
    pub(super) fn boundaries(self, follow_up_years: f64) -> Vec<f64> {
        match self {
            Self::NotChosen | Self::None => vec![],
            Self::UntilFollowUp => vec![follow_up_years],
            Self::Linear { over_years } => vec![follow_up_years, follow_up_years + over_years.max(0.0)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_falls_from_the_end_of_follow_up() {
        let linear = Waning::Linear { over_years: 4.0 };
        let weights = [10.0, 11.0, 12.0, 14.0, 20.0].map(|t| linear.weight(t, 10.0));
        assert_eq!(weights, [1.0, 0.75, 0.5, 0.0, 0.0]);
        assert_eq!([9.0, 10.0, 10.5].map(|t| Waning::UntilFollowUp.weight(t, 10.0)), [1.0, 1.0, 0.0]);
        assert_eq!(Waning::None.weight(40.0, 10.0), 1.0);
        assert_eq!(Waning::Linear { over_years: 0.0 }.weight(10.5, 10.0), 0.0);
    }
}
