//! Sentences on what surrounds one assessment: hypothetical inputs, past patients like this one, and how old inputs are.

use crate::study::{Assessment, InputAge, Neighbours};

use super::figure::IntervalFigure;
use super::words;

/// What every page of a changed record says.
pub const HYPOTHETICAL: &str = "HYPOTHETICAL \u{2014} inputs were changed by hand; this is not the patient\u{2019}s record and answers only \u{201c}what if\u{201d}";

/// What a hypothetical result is, and what it is not.
pub const WHAT_IF: &str = "The model is asked again with other inputs. The difference says how the estimate depends on an input, not what would happen if that input were changed by treatment.";

/// What the list of past patients is, and what it is not.
pub const CASES: &str = "A look at cases, not an estimate: past patients were not assigned to treatments evenly, a handful says little, and the list takes no part in any number on this page.";

/// How near is measured.
pub const NEAR: &str = "Near means alike in the inputs of the leading model, each input counted once, in standard deviations of the training patients; an input that is not recorded counts with what is expected of it. Outcomes and treatments take no part. Two patients drawn at random lie about 1.4 apart.";

/// What is said without a past patient to show.
pub const NO_CASES: &str = "No other patient of this cohort file has a recorded outcome.";

/// Whom the list was drawn from.
#[must_use]
pub fn drawn_from(from: &Neighbours) -> String {
    let n = from.n_candidates;
    match (from.nearest.len(), from.among) {
        (0, Some(subtype)) => {
            format!(
                "No other patient of this cohort file with {} cancer has a recorded outcome.",
                words::subtype_adjective(subtype)
            )
        }
        (0, None) => NO_CASES.to_owned(),
        (shown, Some(subtype)) => format!(
            "The {shown} nearest of {n} other {} with {} cancer and a recorded outcome in this cohort file.",
            patients(n),
            words::subtype_adjective(subtype)
        ),
        (shown, None) => format!(
            "The {shown} nearest of {n} other {} with a recorded outcome in this cohort file, whatever their receptor subtype: that of this patient is not known.",
            patients(n)
        ),
    }
}

fn patients(n: usize) -> &'static str {
    if n == 1 { "patient" } else { "patients" }
}

/// How many of the nearest responded.
#[must_use]
pub fn responded(from: &Neighbours, rate: &IntervalFigure) -> String {
    format!(
        "{} of the {} whose response is recorded had pathological complete response ({}, 95 % Jeffreys interval {}).",
        from.n_pcr, from.n_response, rate.text, rate.interval_text
    )
}

/// The response of a past patient.
#[must_use]
pub fn response(pcr: Option<bool>) -> &'static str {
    match pcr {
        Some(true) => "Complete response (pCR)",
        Some(false) => "Residual disease",
        None => "Not recorded",
    }
}

/// The follow-up of a past patient, in years.
#[must_use]
pub fn follow_up(days: f64, event: bool) -> String {
    let years = format!("{:.1} years", days / 365.25);
    if event { format!("Event after {years}") } else { format!("No event in {years}") }
}

fn days(days: f64) -> String {
    if days == 1.0 { "1 day".to_owned() } else { format!("{days:.0} days") }
}

/// What is said where no given input has a date.
pub const NO_DATES: &str = "Date not recorded for any input. Check how old they are before the numbers are used.";

/// An input beyond its limit, with its age; nothing for any other.
#[must_use]
pub fn stale(label: &str, from: &InputAge) -> Option<String> {
    let (age, limit) = from.days.zip(from.limit_days).filter(|_| from.stale)?;
    Some(format!("{label}: {} old at the decision; the limit is {}.", days(age), days(limit)))
}

/// Inputs that have a limit of age and no date.
#[must_use]
pub fn undated(labels: &str) -> String {
    format!("Date not recorded: {labels}. Check how old they are before the numbers are used.")
}

/// How old an input is; nothing where that is neither known nor asked.
#[must_use]
pub fn age(from: &InputAge) -> String {
    match (from.days, from.limit_days) {
        (Some(age), Some(limit)) if from.stale => {
            format!("Old: taken {} before the decision; the limit is {}.", days(age), days(limit))
        }
        (Some(age), _) => format!("Taken {} before the decision.", days(age)),
        (None, Some(_)) => "Date not recorded.".to_owned(),
        (None, None) => String::new(),
    }
}

/// The note of an input or a modality with its age behind it.
#[must_use]
pub fn with_age(note: &str, assessment: &Assessment, input: &str) -> String {
    let age = assessment.ages.iter().find(|age| age.input == input).map(age).unwrap_or_default();
    [note, age.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A value on record or changed by hand, with its unit.
#[must_use]
pub fn value(value: Option<&str>, unit: &str) -> String {
    match value {
        None => "not given".to_owned(),
        Some(value) if unit.is_empty() => value.to_owned(),
        Some(value) => format!("{value} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_date_is_said_where_a_limit_asks_for_it() {
        let age_of = |days, limit_days, stale| age(&InputAge { input: "mri".to_owned(), days, limit_days, stale });
        assert_eq!(age_of(None, Some(90.0), false), "Date not recorded.");
        assert_eq!(
            age_of(Some(120.0), Some(90.0), true),
            "Old: taken 120 days before the decision; the limit is 90 days."
        );
        assert_eq!(age_of(Some(1.0), Some(90.0), false), "Taken 1 day before the decision.");
        assert_eq!(age_of(None, None, false), "");
        assert_eq!(
            stale("MRI", &InputAge { input: "mri".to_owned(), days: Some(90.0), limit_days: Some(90.0), stale: false }),
            None
        );
    }
}
