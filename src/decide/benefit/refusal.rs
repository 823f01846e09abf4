use serde::{Deserialize, Serialize};

use crate::decide::options::{Class, EffectMeasure, Endpoint, TimeZero, Truth};

/// An option of a plan whose effect was not applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Option.
    pub option: String,
    /// The effect considered; `None` when there is none.
    pub effect: Option<String>,
    /// Why.
    pub reason: RefusalReason,
}

/// Why an effect was not applied to this baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefusalReason {
    /// The file has no option of that id.
    UnknownOption,
    /// The option is closed to the patient, or a rule is unknown.
    Eligibility {
        /// What the first rule that is not met expects.
        expected: String,
        /// What the record says.
        found: String,
        /// Not met or unknown.
        truth: Truth,
    },
    /// Nothing is published in the file.
    NoPublishedEffect,
    /// Published on other endpoints only: an iDFS ratio never multiplies breast-cancer death.
    OtherEndpoint {
        /// Endpoint of the baseline.
        expected: Endpoint,
        /// Endpoints published.
        found: Vec<Endpoint>,
    },
    /// An odds ratio, or rates without a ratio.
    OtherMeasure {
        /// Measure published.
        found: EffectMeasure,
    },
    /// The trial's clock started elsewhere.
    OtherTimeZero {
        /// Year 0 of the baseline.
        expected: TimeZero,
        /// Year 0 of the trial.
        found: TimeZero,
    },
    /// The patient is not, or not known to be, of the population studied.
    Population {
        /// What the number was published for.
        expected: String,
        /// What the record says.
        found: String,
        /// Not met or unknown.
        truth: Truth,
    },
    /// Its comparator is neither in the plan nor in the baseline.
    ComparatorAbsent {
        /// Class needed.
        class: Class,
    },
    /// The trial's background did not contain a treatment of the plan.
    BackgroundLacks {
        /// Class that it lacked.
        class: Class,
    },
    /// The baseline already contains this class.
    InBaseline {
        /// The class.
        class: Class,
    },
    /// The plan has another option of the class.
    SameClass {
        /// That option.
        other: String,
    },
    /// The file marks the number as shown only.
    ShownOnly {
        /// Why.
        why: String,
    },
}

/// Why a number is not shown at a horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Withheld {
    /// Beyond the follow-up + 2 years of an effect, with no waning assumption chosen.
    BeyondFollowUp {
        /// The option with the shortest follow-up.
        option: String,
        /// Last year for which a number is shown.
        limit_years: f64,
    },
    /// Beyond the grid of the baseline.
    BeyondBaseline {
        /// Last year of the grid.
        limit_years: f64,
    },
    /// Nothing in the plan could be applied.
    NothingApplied,
}
