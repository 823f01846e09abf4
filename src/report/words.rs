//! Every sentence that a page says about a patient. Wording only: no file of the folder other than this one,
//! `decision_words.rs`, `survival_words.rs` and `limits.rs` holds prose about results.

use crate::study::{InputState, ObservedRate, Verdict};
use crate::terms::{Modality, Subtype};

use super::figure::{IntervalFigure, percent_number};

/// What every page says about its own standing.
pub const RESEARCH_USE: &str =
    "Research use only \u{2014} not a medical device. Research evidence, not a recommendation.";

/// What every page about a simulated patient says.
pub const SYNTHETIC: &str = "SYNTHETIC \u{2014} this patient does not exist: the record was made by a simulator";

/// What a list with simulated patients says.
pub const SYNTHETIC_LIST: &str = "SYNTHETIC \u{2014} these patients do not exist; they were made by a simulator";

/// The outcome, explained once.
pub const OUTCOME: &str = "Pathological complete response (pCR): no invasive cancer left in the breast or lymph nodes at surgery after drug treatment.";

/// Why arms stand in the order in which they stand.
pub const ORDER: &str = "Arms stand in a fixed order with the control first. They are not ranked: patients were not assigned to arms evenly, so that a difference between two arms is not a fair comparison.";

/// What contributions are, and what they are not.
pub const ASSOCIATION: &str = "These are associations inside the model, not causes. Changing one of these values would not be expected to change the response by this amount.";

/// The limit of the HER2-positive control.
pub const HER2_CONTROL: &str = "The HER2-positive control arm (paclitaxel + trastuzumab) contained no pertuzumab and is not today\u{2019}s standard of care.";

/// A receptor subtype in words.
#[must_use]
pub fn subtype(subtype: Option<Subtype>) -> &'static str {
    match subtype {
        Some(Subtype::HrPosHer2Neg) => "Hormone-receptor positive, HER2 negative (HR+/HER2-)",
        Some(Subtype::HrPosHer2Pos) => "Hormone-receptor positive, HER2 positive (HR+/HER2+)",
        Some(Subtype::HrNegHer2Pos) => "Hormone-receptor negative, HER2 positive (HR-/HER2+)",
        Some(Subtype::TripleNegative) => "Triple negative (HR-/HER2-)",
        None => "Unknown: hormone-receptor or HER2 status is not on record",
    }
}

/// A receptor subtype as an adjective before "cancer".
#[must_use]
pub fn subtype_adjective(subtype: Subtype) -> &'static str {
    match subtype {
        Subtype::HrPosHer2Neg => "HR+/HER2-",
        Subtype::HrPosHer2Pos => "HR+/HER2+",
        Subtype::HrNegHer2Pos => "HR-/HER2+",
        Subtype::TripleNegative => "triple-negative (HR-/HER2-)",
    }
}

/// `applies`, `caution` or `refused`: the class of a verdict in the style sheet.
#[must_use]
pub fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applies => "applies",
        Verdict::Caution => "caution",
        Verdict::DoesNotApply => "refused",
    }
}

/// The verdict in two or three words.
#[must_use]
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applies => "Applies",
        Verdict::Caution => "Applies with caution",
        Verdict::DoesNotApply => "Does not apply",
    }
}

/// The verdict as a sentence.
#[must_use]
pub fn verdict_sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applies => "The patient lies inside the range of those on whom the model was trained.",
        Verdict::Caution => "The estimate can be read, with the cautions below.",
        Verdict::DoesNotApply => "The model has no sound basis for this patient, and gives no estimate.",
    }
}

/// The state of an input in one or two words.
#[must_use]
pub fn input_state(state: InputState) -> &'static str {
    match state {
        InputState::Used => "Used",
        InputState::OutOfRange => "Out of range",
        InputState::Missing => "Missing",
        InputState::Refused => "Refused",
    }
}

/// At most `named` items by name, the others as a count.
#[must_use]
pub fn some_of(items: &[String], named: usize) -> String {
    match items.get(..named) {
        // One left-over item is named: a count of one would hide its name for nothing.
        Some(first) if items.len() > named + 1 => format!("{} and {} more", first.join(", "), items.len() - named),
        _ => list(items),
    }
}

/// A modality as a heading.
#[must_use]
pub fn modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Mammography => "Mammography",
        Modality::Ultrasound => "Ultrasound",
        Modality::Mri => "MRI",
    }
}

/// A feature group as a heading; a group that is not known here keeps its own name.
#[must_use]
pub fn group(name: &str) -> String {
    match name {
        "clinical" => "Clinical".to_owned(),
        "treatment" => "Treatment".to_owned(),
        "genomic" => "Genomic".to_owned(),
        "mri_measurement" => "MRI measurements".to_owned(),
        "imaging" => "Image embeddings".to_owned(),
        other => {
            let spaced = other.replace('_', " ");
            let mut letters = spaced.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

/// An arm's standing as of the options file, for the table.
#[must_use]
pub fn standing(word: &str) -> String {
    match word {
        "control" => "Control arm".to_owned(),
        "investigational" => "Investigational".to_owned(),
        "approved" => "Approved agent".to_owned(),
        other => group(other),
    }
}

/// What an AUC means.
pub const AUC: &str = "How well the model orders patients of this subtype: 0.5 is a coin toss, 1 is perfect.";

/// What a calibration slope means.
pub const SLOPE: &str = "1 is ideal; below 1, the model\u{2019}s estimates are too extreme.";

/// What is said of a modality that the record does not mention.
pub const NO_IMAGES: &str = "No images of this kind are on record.";

/// Why some arms have no observed rate.
pub const NO_RATE: &str =
    "Observed rates are not shown where fewer than 15 open patients of this subtype received the arm.";

/// An arm's label inside a sentence: a leading capital goes unless it belongs to an abbreviation.
#[must_use]
pub fn in_sentence(label: &str) -> String {
    let mut letters = label.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(letters).collect()
        }
        _ => label.to_owned(),
    }
}

/// The answer in one line.
#[must_use]
pub fn answer(arm: &str, estimate: &IntervalFigure) -> String {
    format!(
        "Under {}, the model estimates a {} probability of pathological complete response (95 % interval {}).",
        in_sentence(arm),
        estimate.text,
        estimate.interval_text
    )
}

/// Why the arm of the answer was chosen for display.
#[must_use]
pub fn answer_arm(received: Option<&str>, explained_is_received: bool) -> String {
    match received {
        Some(_) if explained_is_received => "This is the arm that was given.".to_owned(),
        Some(label) => {
            format!("The arm given was {}; the arm shown here is the control arm of the subtype.", in_sentence(label))
        }
        None => "No treatment is on record; the arm shown here is the control arm of the subtype.".to_owned(),
    }
}

/// Natural frequencies, with both frames; the two counts always add up to 100.
#[must_use]
pub fn frequencies(estimate: &IntervalFigure) -> String {
    let with = with_response(estimate.estimate);
    let (some, rest) = match percent_number(estimate.estimate).as_str() {
        "<1" => ("fewer than 1".to_owned(), "more than 99".to_owned()),
        ">99" => ("more than 99".to_owned(), "fewer than 1".to_owned()),
        _ => (format!("about {with}"), format!("about {}", 100 - with)),
    };
    format!(
        "Of 100 patients like this one given this arm, {some} (95 % interval {} to {}) would have no invasive cancer left at surgery; {rest} would have some left.",
        percent_number(estimate.lower95),
        percent_number(estimate.upper95),
    )
}

/// Of 100 patients, how many respond, rounded to a whole one.
#[must_use]
pub fn with_response(probability: f64) -> u8 {
    (probability.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// Whom "patients like this one" means.
#[must_use]
pub fn reference_class(subtype: Subtype, n_comparable: usize, n_training: usize) -> String {
    format!(
        "\u{201c}Patients like this one\u{201d}: the model learned from {} {} with {} cancer who received this arm, among {} training patients in all.",
        n_comparable,
        if n_comparable == 1 { "patient" } else { "patients" },
        subtype_adjective(subtype),
        n_training
    )
}

/// What was seen, as a sentence beside the estimate.
#[must_use]
pub fn observed(observed: &ObservedRate, rate: &IntervalFigure) -> String {
    format!(
        "Observed in the open trial data: {} of {} patients of this subtype in this arm had pCR ({}, 95 % interval {}).",
        observed.n_events, observed.n, rate.text, rate.interval_text
    )
}

/// The heading of an answer that is withheld.
pub const NO_ANSWER: &str = "No estimate for this patient";

/// Why there is no answer when the receptor subtype is unknown.
pub const NO_SUBTYPE: &str = "Hormone-receptor or HER2 status is not known. Treatment arms and response differ by subtype so much that the model gives no estimate without it.";

/// Why there is no answer when the gate says no.
pub const OUTSIDE: &str = "The model of response does not apply to this patient, for the reasons given under \u{201c}Does the model of response apply?\u{201d}. No estimate of response is shown anywhere on this page.";

/// Why the estimate of response is history once surgery has told.
pub const RESPONSE_KNOWN: &str = "The response at surgery is on record: this is what was to be expected before it.";

/// The heading of a report on a patient whose treatment starts with surgery.
pub const SURGERY_FIRST: &str = "Survival after surgery alone";

/// Survival after surgery alone in a few words, for a list.
#[must_use]
pub fn alive_after_surgery(years: f64, alive: &IntervalFigure) -> String {
    format!("{} (95 % interval {}) alive {years:.0} years after surgery alone", alive.text, alive.interval_text)
}

/// Why several states of a record have no single line.
pub const SEVERAL_STATES: &str =
    "Several states of the record are possible: each is shown below, and no single line answers.";

/// The reason shown at each arm when the gate says no.
pub const WITHHELD: &str = "Withheld: the model does not apply.";

/// The reason shown at each arm when the receptor subtype is unknown.
pub const WITHHELD_SUBTYPE: &str = "The receptor subtype is unknown.";

/// The reason shown when the model returned something that is not a probability with an interval.
pub const UNUSABLE: &str = "The model returned no usable number.";

/// The reason shown at an arm with too few comparable patients, when the assessment gives none.
#[must_use]
pub fn unsupported(n_comparable: usize) -> String {
    match n_comparable {
        0 => "No training patient of this subtype received this arm.".to_owned(),
        1 => "Only 1 training patient of this subtype received this arm.".to_owned(),
        n => format!("Only {n} training patients of this subtype received this arm."),
    }
}

/// Where the patient lies among the training patients.
#[must_use]
pub fn distance(percentile: f64) -> String {
    let share = match percent_number(percentile).as_str() {
        "<1" => "Fewer than 1".to_owned(),
        ">99" => "More than 99".to_owned(),
        number => number.to_owned(),
    };
    format!("{share} of 100 training patients lie closer to the centre of the training data than this patient.")
}

/// How many training patients share the subtype.
#[must_use]
pub fn subtype_count(n: usize) -> String {
    format!("{n} training patients share the receptor subtype.")
}

/// How complete the model's inputs are.
#[must_use]
pub fn completeness(share: f64) -> String {
    format!("{} % of the model\u{2019}s inputs are on record.", percent_number(share))
}

/// Joins clauses as "a, b and c".
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Estimate;

    fn figure(estimate: f64, lower95: f64, upper95: f64) -> IntervalFigure {
        IntervalFigure::probability(&Estimate { estimate, lower95, upper95 }).unwrap()
    }

    #[test]
    fn frequencies_give_both_frames_and_the_interval() {
        assert_eq!(
            frequencies(&figure(0.42, 0.30, 0.55)),
            "Of 100 patients like this one given this arm, about 42 (95 % interval 30 to 55) would have no invasive cancer left at surgery; about 58 would have some left."
        );
    }

    #[test]
    fn the_two_frames_always_add_up_to_a_hundred() {
        for step in 0..=1000 {
            let p = f64::from(step) / 1000.0;
            let text = frequencies(&figure(p, 0.0, 1.0));
            let counts: Vec<u32> = text
                .split("about ")
                .skip(1)
                .filter_map(|part| part.split(' ').next().and_then(|number| number.parse().ok()))
                .collect();
            if text.contains("fewer than 1") {
                assert!(text.contains("more than 99") && !(0.005..=0.995).contains(&p), "{text}");
            } else {
                assert_eq!(counts.iter().sum::<u32>(), 100, "{text}");
            }
        }
    }

    #[test]
    fn every_subtype_and_verdict_has_its_own_words() {
        let mut seen: Vec<&str> = Subtype::ALL.iter().map(|each| subtype(Some(*each))).collect();
        seen.push(subtype(None));
        seen.extend([Verdict::Applies, Verdict::Caution, Verdict::DoesNotApply].map(verdict));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn long_lists_are_counted_and_short_ones_named() {
        let items: Vec<String> = (1..=9).map(|n| n.to_string()).collect();
        assert_eq!(some_of(&items, 6), "1, 2, 3, 4, 5, 6 and 3 more");
        assert_eq!(some_of(&items[..7], 6), "1, 2, 3, 4, 5, 6 and 7");
    }

    #[test]
    fn lists_read_as_english() {
        let items = |n: usize| ["a", "b", "c"].iter().take(n).map(|item| (*item).to_owned()).collect::<Vec<_>>();
        assert_eq!(list(&items(1)), "a");
        assert_eq!(list(&items(3)), "a, b and c");
    }
}
