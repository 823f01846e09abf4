//! The sentences about options after surgery, branches, and missing tests.

use crate::decide::benefit::{Caveat, RefusalReason, Waning, Withheld};
use crate::decide::branches::{Assumption, Branch, Marker, OneLineAnswer, Unclear};
use crate::decide::options::{Class, Endpoint, Recalled, TimeZero, Truth};
use crate::decide::sources::{Conflict, ConflictRule, Empty, Source};

/// What the section on options after surgery is.
pub const ADJUVANT: &str = "What published trials would change, on a baseline of surgery alone. Options stand in the order of their file, never by estimate. A benefit is in percentage points of patients alive; it multiplies the hazard of death from breast cancer by the trial\u{2019}s ratio. Each row is counted over surgery alone, or over what it stands on top of: rows do not add up. NNT: patients to treat for one more alive at that year; NNH: for one fewer.";

/// What the section is where no option has a number.
pub const PUBLISHED_ONLY: &str = "What trials published about options after surgery: averages of other patients. No absolute benefit can be computed here. Options stand in the order of their file.";

/// What the chain is.
pub const CHAIN: &str = "Response is known at surgery, and survival counts from there only where a source says so. Two branches stand side by side; neither is an average of the other.";

/// What the value of a missing test is.
pub const TESTS: &str = "Results are drawn for patients like this one (what is known, the receptor subtype), and the leading model is asked again with each. Costs and harms of a test are not counted.";

/// Why the raw baseline is no prognosis.
pub const RAW: &str = "In the years in which the women of the model were diagnosed, shown for comparison only and not as today\u{2019}s outlook";

/// What PREDICT's two versions are.
pub const PREDICT: &str = "PREDICT 3.1 is the version with published validation, 3.2 the one deployed since 2025 with another baseline. Ranges hold the uncertainty of the treatment effect only; for radiotherapy and ten years of endocrine therapy none is published.";

/// Heading of a branch, `None` where nothing is assumed.
#[must_use]
pub fn branch(receptors: &[Assumption], response: Branch) -> Option<String> {
    let state = |assumption: &Assumption| {
        let marker = marker(assumption.marker);
        format!("{marker} is {}", if assumption.positive { "positive" } else { "negative" })
    };
    let mut parts: Vec<String> = receptors.iter().map(state).collect();
    match response {
        Branch::AsRecorded => {}
        Branch::IfPcr => parts.push("surgery finds a complete response".to_owned()),
        Branch::IfResidualDisease => parts.push("surgery finds residual invasive disease".to_owned()),
    }
    (!parts.is_empty()).then(|| format!("If {}", parts.join(" and ")))
}

fn marker(marker: Marker) -> &'static str {
    match marker {
        Marker::Er => "ER",
        Marker::Her2 => "HER2",
    }
}

/// Why one line cannot answer; `None` where it can.
#[must_use]
pub fn withheld_answer(answer: &OneLineAnswer) -> Option<String> {
    let OneLineAnswer::Withheld(unclear) = answer else { return None };
    let why = |(receptor, unclear): &(Marker, Unclear)| {
        let state = match unclear {
            Unclear::NotRecorded => "is not recorded",
            Unclear::Equivocal => "is equivocal",
            Unclear::LowPositive => "is low positive (1 to 10 % of nuclei)",
        };
        format!("{} {state}", marker(*receptor))
    };
    let list: Vec<String> = unclear.iter().map(why).collect();
    Some(format!("{}: both states are shown, and no single line answers.", list.join("; ")))
}

/// The clock of an option that is decided after five years of endocrine therapy.
pub const FROM_YEAR_FIVE: &str = "Counted from the end of five years of endocrine therapy, for who is alive then: year 10 here is \
    the fifteenth since diagnosis.";

/// An endpoint.
#[must_use]
pub fn endpoint(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::BreastCancerDeath => "death from breast cancer",
        Endpoint::OtherCauseDeath => "death from other causes",
        Endpoint::Death => "death of any cause",
        Endpoint::Idfs => "invasive-disease-free survival",
        Endpoint::Dfs => "disease-free survival",
        Endpoint::Efs => "event-free survival",
        Endpoint::Recurrence => "recurrence",
        Endpoint::Pcr => "complete response",
    }
}

/// Where a clock starts.
#[must_use]
pub fn time_zero(time_zero: TimeZero) -> &'static str {
    match time_zero {
        TimeZero::Diagnosis => "diagnosis",
        TimeZero::Surgery => "surgery",
        TimeZero::AfterResidualDisease => "randomisation after residual disease",
        TimeZero::AfterFiveYearsEndocrine => "five years of endocrine therapy",
        TimeZero::RandomisationNeoadjuvant => "randomisation before surgery",
    }
}

/// Whether an option is open.
#[must_use]
pub fn truth(truth: Truth) -> &'static str {
    match truth {
        Truth::Met => "Open",
        Truth::NotMet => "Closed",
        Truth::Unknown => "Not known whether open",
    }
}

/// Why no benefit was computed.
#[must_use]
pub fn refusal(reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::UnknownOption => "Not among the options.".to_owned(),
        RefusalReason::Eligibility { expected, found, truth } => match truth {
            Truth::Unknown => format!("Needs {expected}; {found}."),
            _ => format!("For {expected}; here: {found}."),
        },
        RefusalReason::NoPublishedEffect => "No verified effect is on file.".to_owned(),
        RefusalReason::OtherEndpoint { found, .. } => {
            let names: Vec<&str> = found.iter().map(|found| endpoint(*found)).collect();
            format!(
                "Published for {} only, which says nothing exact about death: see the trial\u{2019}s rates.",
                names.join(", ")
            )
        }
        RefusalReason::OtherMeasure { .. } => "No hazard ratio is published.".to_owned(),
        RefusalReason::OtherTimeZero { found, .. } => {
            format!("The trial\u{2019}s clock starts at {}, not where the curve here starts.", time_zero(*found))
        }
        RefusalReason::Population { expected, found, .. } => format!("Published for {expected}; here: {found}."),
        RefusalReason::ComparatorAbsent { class } => {
            format!("Its trials gave {} to both groups, which is not open here.", kind(*class))
        }
        RefusalReason::BackgroundLacks { class } => format!("Its trials did not combine it with {}.", kind(*class)),
        RefusalReason::InBaseline { .. } => "Already in the baseline.".to_owned(),
        RefusalReason::SameClass { other } => format!("An alternative to {other}."),
        RefusalReason::ShownOnly { why } => {
            let mut said = why.clone();
            if let Some(first) = said.get_mut(0..1) {
                first.make_ascii_uppercase();
            }
            format!("{said}.")
        }
    }
}

/// A kind of treatment.
fn kind(class: Class) -> &'static str {
    match class {
        Class::Neoadjuvant => "treatment before surgery",
        Class::Surgery => "surgery",
        Class::Radiotherapy => "radiotherapy",
        Class::Endocrine => "endocrine therapy",
        Class::AromataseInhibitor => "an aromatase inhibitor",
        Class::OvarianSuppression => "ovarian suppression",
        Class::ExtendedEndocrine => "extended endocrine therapy",
        Class::Chemotherapy => "chemotherapy",
        Class::AntiHer2 => "anti-HER2 therapy",
        Class::Bisphosphonate => "a bisphosphonate",
        Class::Cdk46Inhibitor => "a CDK4/6 inhibitor",
        Class::PostNeoadjuvant => "treatment for residual disease",
        Class::ParpInhibitor => "a PARP inhibitor",
        Class::Immunotherapy => "immunotherapy",
    }
}

/// What a reader of a benefit must know; `None` for what the page says elsewhere.
#[must_use]
pub fn caveat(caveat: &Caveat) -> Option<String> {
    match caveat {
        Caveat::NoEffectUncertainty { .. } => {
            Some("The published ratio has no interval: the one here leaves that out.".to_owned())
        }
        Caveat::NoModelUncertainty => Some("The interval leaves the uncertainty of the baseline out.".to_owned()),
        Caveat::HeartDoseUnknown { .. } => Some("The heart dose is not recorded: that harm is left out.".to_owned()),
        Caveat::OtherCauseHarm { .. } => {
            Some("A harm on death from other causes is counted, without an interval of its own.".to_owned())
        }
        Caveat::ClockAssumed { trial, baseline, .. } => Some(format!(
            "The trial\u{2019}s clock starts at {}, the one here at {}.",
            time_zero(*trial),
            time_zero(*baseline)
        )),
        Caveat::PastFollowUp { years, .. } => Some(format!("The trial\u{2019}s follow-up ends at {years:.0} years.")),
        Caveat::Partial => Some("A part of the plan could not be applied and is left out.".to_owned()),
        Caveat::Multiplied { .. } | Caveat::Recalled { .. } => None,
    }
}

/// Why a horizon has no number.
#[must_use]
pub fn withheld(reason: &Withheld) -> String {
    match reason {
        Withheld::BeyondFollowUp { limit_years, .. } => {
            format!("Not shown: the trial\u{2019}s follow-up ends before (limit {limit_years:.0} years).")
        }
        Withheld::BeyondBaseline { limit_years } => format!("The baseline ends at {limit_years:.0} years."),
        Withheld::NothingApplied => "Nothing could be applied.".to_owned(),
    }
}

/// Why a column is empty.
#[must_use]
pub fn empty(empty: &Empty) -> String {
    match empty {
        Empty::PredictHasNoSuchTreatment => "Not in PREDICT".to_owned(),
        Empty::PredictIsAdjuvant => "PREDICT is for treatment after surgery".to_owned(),
        Empty::PredictNotComputed { why } => sentence(why),
        Empty::Refused { reason } => refusal(reason),
        Empty::Withheld { reason } => withheld(reason),
        Empty::ModelDoesNotApply { why } => sentence(why),
        Empty::NoTrialRate => "\u{2014}".to_owned(),
    }
}

/// The words as a sentence.
#[must_use]
pub fn sentence(words: &str) -> String {
    let mut text = words.trim_end_matches('.').to_owned();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    if text.is_empty() { text } else { format!("{text}.") }
}

/// Where two sources disagree.
#[must_use]
pub fn conflict(conflict: &Conflict) -> String {
    let source = |source: Source| match source {
        Source::Regimen => "regimen",
        Source::Predict => "PREDICT",
        Source::Trial => "the trial",
    };
    let rule = match conflict.rule {
        ConflictRule::DifferenceExcludesZero => "the interval of their difference excludes zero",
        ConflictRule::IntervalsDoNotOverlap => "their intervals do not overlap",
        ConflictRule::PointOutsideInterval => "one lies outside the other\u{2019}s interval",
    };
    format!(
        "{} and {} disagree by {:.1} points on {}{}: {rule}.",
        source(conflict.first),
        source(conflict.second),
        100.0 * conflict.difference.abs(),
        endpoint(conflict.measured.endpoint),
        conflict.measured.at_years.map(|years| format!(" at {years} years")).unwrap_or_default()
    )
}

/// The assumption about the time after follow-up.
#[must_use]
pub fn waning(waning: Waning) -> String {
    match waning {
        Waning::NotChosen => {
            "No number is shown more than two years beyond a trial\u{2019}s follow-up; no waning was assumed."
                .to_owned()
        }
        Waning::None => "Effects are assumed to hold for ever.".to_owned(),
        Waning::UntilFollowUp => "Effects are assumed to end with the trial\u{2019}s follow-up.".to_owned(),
        Waning::Linear { over_years } => {
            format!(
                "After the trial\u{2019}s follow-up effects are assumed to fall to nothing over {over_years} years."
            )
        }
    }
}

/// Whether harms on death from other causes are counted.
#[must_use]
pub fn harms(counted: bool) -> &'static str {
    if counted {
        "The harms that PREDICT assumes are counted, without an interval of their own: chemotherapy multiplies death from other causes by 1.2, each Gy of mean heart dose by 1.02."
    } else {
        "No harm on death from other causes is counted."
    }
}

/// Marks what was recalled and not read.
#[must_use]
pub fn recalled(verified: bool, parts: &[Recalled]) -> Option<String> {
    let part = |part: &Recalled| match part {
        Recalled::Interval => "interval",
        Recalled::FollowUp => "follow-up",
        Recalled::Population => "population",
        Recalled::Definition => "definition",
    };
    match (verified, parts) {
        (false, _) => Some("recalled, not read in the source".to_owned()),
        (true, []) => None,
        (true, parts) => {
            Some(format!("{} recalled, not read", parts.iter().map(part).collect::<Vec<&str>>().join(" and ")))
        }
    }
}
