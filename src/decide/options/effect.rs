use serde::{Deserialize, Serialize};

use super::{Class, Condition};
use crate::stats::normal::Z95;

/// One published effect of a treatment, with everything needed to refuse its misuse.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Id, unique within its file.
    pub id: String,
    /// What was counted.
    pub endpoint: Endpoint,
    /// How the groups were compared.
    pub measure: EffectMeasure,
    /// When the trial's clock started.
    pub time_zero: TimeZero,
    /// What the other group received.
    pub comparator: String,
    /// What both groups received.
    pub background: String,
    /// Classes without whose effect this one has no comparator: each must be in the plan or in the baseline.
    #[serde(default)]
    pub requires: Vec<Class>,
    /// Classes that the background contained, so that the ratios may be multiplied.
    #[serde(default)]
    pub combines_with: Vec<Class>,
    /// Patients studied, in words.
    pub population: String,
    /// Patients to whom the number may be applied; empty: no restriction beyond the option's eligibility.
    #[serde(default)]
    pub applies: Vec<Condition>,
    /// Follow-up that the number rests on, years from `time_zero`.
    #[serde(default)]
    pub follow_up_years: Option<f64>,
    /// Patients.
    #[serde(default)]
    pub n: Option<u32>,
    /// Ratios, one per published period.
    #[serde(default, rename = "period")]
    pub periods: Vec<Period>,
    /// Rates of both groups.
    #[serde(default, rename = "rate")]
    pub rates: Vec<Rate>,
    /// Definition of pathological complete response, where that is the endpoint.
    #[serde(default)]
    pub pcr_definition: Option<PcrDefinition>,
    /// True when the ratio is per Gy of mean heart dose.
    #[serde(default)]
    pub per_heart_gy: bool,
    /// Why the number is shown but never applied to a baseline.
    #[serde(default)]
    pub shown_only: Option<String>,
    /// Citation.
    pub source: String,
    /// True when the estimate was read in the source named, false when it is recalled.
    pub verified: bool,
    /// Parts that are recalled though the estimate is verified.
    #[serde(default)]
    pub recalled: Vec<Recalled>,
    /// What a reader must know.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a trial counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Death from breast cancer.
    BreastCancerDeath,
    /// Death from another cause.
    OtherCauseDeath,
    /// Death from any cause.
    Death,
    /// Invasive disease or death.
    Idfs,
    /// Disease or death.
    Dfs,
    /// Progression before surgery, recurrence, second cancer or death.
    Efs,
    /// Recurrence.
    Recurrence,
    /// Pathological complete response.
    Pcr,
}

/// How the groups were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectMeasure {
    /// Ratio of hazards.
    HazardRatio,
    /// Ratio of annual event rates (log-rank), as in the EBCTCG overviews.
    RateRatio,
    /// Ratio of odds.
    OddsRatio,
    /// The rates of the groups only.
    Rates,
}

/// When a clock starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeZero {
    /// Diagnosis.
    Diagnosis,
    /// Surgery, or randomisation soon after it.
    Surgery,
    /// Randomisation of patients with residual disease after neoadjuvant treatment and surgery.
    AfterResidualDisease,
    /// Five years of endocrine therapy completed without recurrence.
    #[serde(rename = "after_5_years_endocrine")]
    AfterFiveYearsEndocrine,
    /// Randomisation before neoadjuvant treatment.
    RandomisationNeoadjuvant,
}

/// Definition of pathological complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum PcrDefinition {
    /// No invasive cancer in breast and nodes.
    #[serde(rename = "ypT0/is ypN0")]
    BreastAndNodes,
    /// No invasive cancer in the breast, nodes not considered.
    #[serde(rename = "breast only")]
    BreastOnly,
}

/// A part of an effect that was not read in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recalled {
    /// The interval.
    Interval,
    /// The follow-up.
    FollowUp,
    /// The population.
    Population,
    /// The definition of the endpoint.
    Definition,
}

/// A ratio within a period of follow-up, with its 95 % interval or standard error.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First year, 0 when absent.
    #[serde(default)]
    pub from_year: f64,
    /// Last year; absent in the last period.
    #[serde(default)]
    pub to_year: Option<f64>,
    /// The ratio.
    pub estimate: f64,
    /// Lower end of its 95 % interval.
    #[serde(default)]
    pub lower95: Option<f64>,
    /// Upper end of its 95 % interval.
    #[serde(default)]
    pub upper95: Option<f64>,
    /// Standard error of the ratio.
    #[serde(default)]
    pub se: Option<f64>,
    /// Standard error of the logarithm of the ratio.
    #[serde(default)]
    pub se_log: Option<f64>,
}

/// The rates of the two groups.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Years from `time_zero`; absent for pathological complete response.
    #[serde(default)]
    pub at_years: Option<f64>,
    /// Whether the rates are of patients with the event or free of it.
    pub of: RateOf,
    /// With the treatment, %.
    pub with_pct: f64,
    /// Lower end of its 95 % interval, %.
    #[serde(default)]
    pub with_lower95: Option<f64>,
    /// Upper end of its 95 % interval, %.
    #[serde(default)]
    pub with_upper95: Option<f64>,
    /// With the comparator, %.
    #[serde(default)]
    pub without_pct: Option<f64>,
    /// Lower end of its 95 % interval, %.
    #[serde(default)]
    pub without_lower95: Option<f64>,
    /// Upper end of its 95 % interval, %.
    #[serde(default)]
    pub without_upper95: Option<f64>,
    /// Part of the population, where not all of it.
    #[serde(default)]
    pub group: Option<String>,
    /// Patients of that part; empty: all.
    #[serde(default)]
    pub applies: Vec<Condition>,
}

/// Which patients a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RateOf {
    /// Those with the event.
    Event,
    /// Those free of it.
    Free,
}

/// The logarithm of a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogRatio {
    /// ln(ratio).
    pub coef: f64,
    /// Its standard error; `None` when the source gives no uncertainty.
    pub std_error: Option<f64>,
}

impl Period {
    /// The logarithm of the ratio with its standard error: as given, or `se` / estimate (delta method), or
    /// ln(upper95 / lower95) / (2 · 1.96).
    #[must_use]
    pub fn log_ratio(&self) -> LogRatio {
        let from_interval = || Some((self.upper95? / self.lower95?).ln() / (2.0 * Z95));
        let std_error = self.se_log.or(self.se.map(|se| se / self.estimate)).or_else(from_interval);
        LogRatio { coef: self.estimate.ln(), std_error }
    }
}

impl Effect {
    /// The ratio that holds at year `t` of the effect's own clock: 0 before the first period, the last one's after it.
    #[must_use]
    pub fn log_ratio_at(&self, t: f64) -> LogRatio {
        let none = LogRatio { coef: 0.0, std_error: Some(0.0) };
        if t < 0.0 {
            return none;
        }
        self.periods.iter().rev().find(|period| period.from_year <= t).map_or(none, Period::log_ratio)
    }

    /// True when every ratio has a published uncertainty.
    #[must_use]
    pub fn has_uncertainty(&self) -> bool {
        self.periods.iter().all(|period| period.log_ratio().std_error.is_some())
    }
}

impl Endpoint {
    /// The key used in files and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreastCancerDeath => "breast_cancer_death",
            Self::OtherCauseDeath => "other_cause_death",
            Self::Death => "death",
            Self::Idfs => "idfs",
            Self::Dfs => "dfs",
            Self::Efs => "efs",
            Self::Recurrence => "recurrence",
            Self::Pcr => "pcr",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_error_comes_from_whatever_was_published() {
        let period = |lower95, upper95, se, se_log| Period {
            from_year: 0.0,
            to_year: None,
            estimate: 0.8,
            lower95,
            upper95,
            se,
            se_log,
        };
        let of = |period: Period| period.log_ratio().std_error;
        assert_eq!(of(period(None, None, None, None)), None);
        assert_eq!(of(period(None, None, None, Some(0.1))), Some(0.1));
        // Pencil: 0.08 / 0.8.
        assert!((of(period(None, None, Some(0.08), None)).unwrap() - 0.1).abs() < 1e-15);
        // Pencil: an interval of exp(±1.96 · 0.1) around the estimate.
        let half = (Z95 * 0.1).exp();
        assert!((of(period(Some(0.8 / half), Some(0.8 * half), None, None)).unwrap() - 0.1).abs() < 1e-12);
    }
}
