//! The page for the patient: what was estimated, in plain words, in her or his language.
//!
//! Lives here: which sentences of `templates/patient/words` are said, from the [`ReportView`] that every other format
//! shows. Response only: numbers on survival need a conversation, so that the page leads to one. Deliberately absent: numbers of
//! its own, percentages, contributions, and the names of models' inputs.

mod words;

#[cfg(test)]
mod tests;

use askama::Template;

pub use words::Language;
use words::{Words, fill};

use super::figure::{IntervalFigure, percent_number};
use super::page::STYLE;
use super::view::{InputsView, OptionRow, ReportView, Sex};
use super::{Error, chart, words as report_words};
use crate::study::{InputState, Verdict};

/// Width of an interval, in people of 100, up to which it is called small, and up to which large.
const WIDTHS: [f64; 2] = [0.20, 0.40];

#[derive(Template)]
#[template(path = "patient/page.html")]
struct PatientPage {
    words: &'static Words,
    style: &'static str,
    title: String,
    synthetic: bool,
    code: String,
    answer: Option<AnswerPart>,
    no_number: Option<&'static str>,
    missing: Vec<String>,
    images_unused: bool,
    about: String,
    model: Option<String>,
}

struct AnswerPart {
    arm: String,
    with: String,
    without: String,
    icons: String,
    key_with: String,
    key_without: String,
    range: String,
    width: &'static str,
    learned: Option<String>,
    caution: bool,
}

/// The page for the patient as one self-contained HTML page without script.
///
/// Counts are those of the report: of 100 people, how many with and how many without a complete response.
///
/// # Errors
/// [`Error::Template`] when the template cannot be filled.
pub fn patient_html(view: &ReportView, language: Language) -> Result<String, Error> {
    let words = language.words();
    let answer = if no_number(view, words).is_some() { None } else { answer(view, words) };
    let mark = if view.synthetic { "SYNTHETIC \u{b7} " } else { "" };
    let page = PatientPage {
        style: STYLE,
        title: format!("{mark}{}", words.title),
        synthetic: view.synthetic,
        code: fill(&words.code, &[("pseudonym", &view.pseudonym)]),
        no_number: match answer {
            Some(_) => None,
            None => Some(no_number(view, words).unwrap_or(&words.no_few)),
        },
        missing: if answer.is_some() { missing(&view.inputs, words) } else { Vec::new() },
        images_unused: view.models.first().is_some_and(|model| !model.uses_imaging),
        about: fill(&words.about_text, &[("version", &view.regimen_version)]),
        model: view
            .models
            .first()
            .map(|model| fill(&words.about_model, &[("model", &format!("{} {}", model.name, model.version))])),
        answer,
        words,
    };
    page.render().map_err(|source| Error::Template { template: "patient/page.html", source })
}

/// Why there is no number for this patient, where that is known before looking at one.
fn no_number(view: &ReportView, words: &'static Words) -> Option<&'static str> {
    let known = view.answer.cautions.iter().any(|caution| caution == report_words::RESPONSE_KNOWN);
    let unclear = view.decision.as_ref().is_some_and(|decision| decision.withheld_answer.is_some());
    let reasons = [
        (view.sex == Sex::Male, &words.no_man),
        (known, &words.no_response_known),
        (!view.arms_shown, &words.no_surgery_first),
        (view.subtype == report_words::subtype(None) || unclear, &words.no_tests),
        (view.applicability.verdict == Verdict::DoesNotApply, &words.no_outside),
        (!view.answer.given, &words.no_few),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, sentence)| sentence.as_str())
}

fn answer(view: &ReportView, words: &'static Words) -> Option<AnswerPart> {
    let (estimate, frequency) = (view.answer.estimate.as_ref()?, view.answer.frequency.as_ref()?);
    let row = view.answer_row()?;
    let people = if view.sex == Sex::Female { &words.women } else { &words.people };
    let (with, without) = counts(estimate, frequency.with_response, frequency.without_response, words);
    let (filled, hollow) = (frequency.with_response.to_string(), frequency.without_response.to_string());
    let with_sentence = fill(&words.with, &[("people", people), ("n", &with)]);
    let without_sentence = fill(&words.without, &[("n", &without)]);
    let icons_title = fill(&words.icons_title, &[("n", &filled)]);
    Some(AnswerPart {
        arm: fill(arm_sentence(view, row, words), &[("arm", &row.label)]),
        icons: chart::icon_array(frequency.with_response, &icons_title, &format!("{with_sentence} {without_sentence}")),
        with: with_sentence,
        without: without_sentence,
        key_with: fill(&words.key_with, &[("n", &filled)]),
        key_without: fill(&words.key_without, &[("n", &hollow)]),
        range: range(estimate, words),
        width: width(estimate, words),
        learned: learned(view, row, words),
        caution: view.applicability.verdict == Verdict::Caution,
    })
}

fn arm_sentence<'a>(view: &ReportView, row: &OptionRow, words: &'a Words) -> &'a str {
    if row.is_received {
        &words.arm_received
    } else if view.options.iter().any(|other| other.is_received) {
        &words.arm_not_hers
    } else {
        &words.arm_control
    }
}

/// Both counts in words; where rounding would claim "nobody" or "everybody", it says "fewer than 1" instead.
fn counts(estimate: &IntervalFigure, with: u8, without: u8, words: &Words) -> (String, String) {
    let about = |n: u8| fill(&words.about, &[("n", &n.to_string())]);
    match percent_number(estimate.estimate).as_str() {
        "<1" => (words.fewer_than_one.clone(), words.more_than_ninety_nine.clone()),
        ">99" => (words.more_than_ninety_nine.clone(), words.fewer_than_one.clone()),
        _ => (about(with), about(without)),
    }
}

fn range(estimate: &IntervalFigure, words: &Words) -> String {
    let end = |share: f64| match percent_number(share).as_str() {
        "<1" => words.fewer_than_one.clone(),
        ">99" => words.more_than_ninety_nine.clone(),
        number => number.to_owned(),
    };
    fill(&words.range, &[("lower", &end(estimate.lower95)), ("upper", &end(estimate.upper95))])
}

fn width(estimate: &IntervalFigure, words: &'static Words) -> &'static str {
    let width = estimate.upper95 - estimate.lower95;
    let [small, large] = WIDTHS;
    if width <= small {
        &words.range_small
    } else if width <= large {
        &words.range_large
    } else {
        &words.range_very_large
    }
}

fn learned(view: &ReportView, row: &OptionRow, words: &Words) -> Option<String> {
    let total = view.models.first()?.n_training.to_string();
    let n = row.n_comparable?.to_string();
    Some(fill(&words.learned, &[("total", &total), ("n", &n)]))
}

/// What was missing or refused, counted by kind and named in the patient's language.
fn missing(inputs: &InputsView, words: &Words) -> Vec<String> {
    let sentence = |label: &str| {
        let known = [
            ("clinical", &words.missing_clinical),
            ("genomic", &words.missing_genomic),
            ("mri_measurement", &words.missing_mri),
            ("imaging", &words.missing_imaging),
        ];
        let found = known.into_iter().find(|(name, _)| report_words::group(name) == label);
        found.map_or(words.missing_other.as_str(), |(_, sentence)| sentence.as_str())
    };
    let absent = |state: InputState| matches!(state, InputState::Missing | InputState::Refused);
    inputs
        .groups
        .iter()
        .map(|group| (&group.label, group.rows.iter().filter(|row| absent(row.state_code)).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(label, count)| fill(sentence(label), &[("n", &count.to_string())]))
        .collect()
}
