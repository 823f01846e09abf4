use serde::Serialize;

use super::answer::FrequencyView;
use crate::report::figure::IntervalFigure;
use crate::report::words;
use crate::study::{Assessment, ModelIdentity, OptionEstimate, Verdict};

/// Whether the whole page withholds the model's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Numbers are shown where an arm supports them.
    Nothing,
    /// The receptor subtype is unknown.
    UnknownSubtype,
    /// The gate says that the model does not apply.
    Outside,
}

impl Withheld {
    /// What `assessment` asks to withhold.
    #[must_use]
    pub fn of(assessment: &Assessment) -> Self {
        if assessment.subtype.is_none() {
            Self::UnknownSubtype
        } else if assessment.applicability.verdict == Verdict::DoesNotApply {
            Self::Outside
        } else {
            Self::Nothing
        }
    }
}

/// The number of a further model for one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OtherEstimate {
    /// Model name.
    pub model: String,
    /// Its number; `None` where it gave none.
    pub estimate: Option<IntervalFigure>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionRow {
    /// Option id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Agent and backbone in one line.
    pub composition: String,
    /// Standing in words.
    pub standing: String,
    /// The arm's place today.
    pub note: String,
    /// True for a control arm.
    pub is_control: bool,
    /// True for the arm on record.
    pub is_received: bool,
    /// True for the arm of the one-line answer.
    pub is_answer: bool,
    /// The lead model's number.
    pub estimate: Option<IntervalFigure>,
    /// The lead model's number as 100 patients, in both frames.
    pub frequency: Option<FrequencyView>,
    /// Further models, one entry per model that gave a number for any arm.
    pub other_models: Vec<OtherEstimate>,
    /// Observed rate in the subtype and this arm.
    pub observed: Option<IntervalFigure>,
    /// `18 of 42`.
    pub observed_count: Option<String>,
    /// The observed rate as a sentence.
    pub observed_sentence: Option<String>,
    /// Training patients of the subtype in this arm; `None` when the subtype is unknown.
    pub n_comparable: Option<usize>,
    /// Why there is no number, or what weakens it; empty when nothing.
    pub reason: String,
}

impl OptionRow {
    /// True for an arm that nobody of the subtype received: pages name it, without a row of its own.
    #[must_use]
    pub fn not_given(&self) -> bool {
        self.n_comparable == Some(0) && self.estimate.is_none() && !self.is_received
    }
}

pub(super) fn order(assessment: &Assessment) -> String {
    if assessment.followed_by.is_empty() {
        return words::ORDER.to_owned();
    }
    format!("{} Each arm was followed by {}.", words::ORDER, assessment.followed_by)
}

pub(super) fn not_given(rows: &[OptionRow]) -> Option<String> {
    let labels: Vec<String> =
        rows.iter().filter(|row| row.not_given()).map(|row| words::in_sentence(&row.label)).collect();
    (!labels.is_empty())
        .then(|| format!("Nobody of this receptor subtype received {}: no number can be given.", words::list(&labels)))
}

pub(super) fn rows(assessment: &Assessment, withheld: Withheld) -> Vec<OptionRow> {
    let models = named_models(assessment, withheld);
    let (controls, others): (Vec<_>, Vec<_>) = assessment.options.iter().partition(|option| is_control(option));
    controls.into_iter().chain(others).map(|option| row(assessment, option, withheld, &models)).collect()
}

fn is_control(option: &OptionEstimate) -> bool {
    option.standing == "control"
}

fn named_models(assessment: &Assessment, withheld: Withheld) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if withheld == Withheld::Nothing {
        for (name, _) in assessment.options.iter().filter(|option| option.supported).flat_map(|o| &o.other_models) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

fn row(assessment: &Assessment, option: &OptionEstimate, withheld: Withheld, models: &[String]) -> OptionRow {
    let shown = withheld == Withheld::Nothing && option.supported;
    let estimate = option.estimate.as_ref().filter(|_| shown).and_then(IntervalFigure::probability);
    let others = models
        .iter()
        .map(|model| OtherEstimate {
            model: model.clone(),
            estimate: option
                .other_models
                .iter()
                .filter(|_| shown)
                .find(|(name, _)| name == model)
                .and_then(|(_, estimate)| IntervalFigure::probability(estimate)),
        })
        .collect();
    let seen = option.observed.as_ref().filter(|_| withheld != Withheld::UnknownSubtype);
    let rate = seen.and_then(|observed| IntervalFigure::probability(&observed.rate));
    let both = seen.zip(rate.as_ref());
    OptionRow {
        id: option.id.clone(),
        label: option.label.clone(),
        composition: composition(option),
        standing: words::standing(&option.standing),
        note: option.note.clone(),
        is_control: is_control(option),
        is_received: assessment.received.as_deref() == Some(option.id.as_str()),
        is_answer: estimate.is_some() && assessment.explained_option.as_deref() == Some(option.id.as_str()),
        reason: reason(option, withheld, estimate.is_some()),
        frequency: estimate.as_ref().map(FrequencyView::of),
        estimate,
        other_models: others,
        observed_count: both.map(|(observed, _)| format!("{} of {}", observed.n_events, observed.n)),
        observed_sentence: both.map(|(observed, rate)| words::observed(observed, rate)),
        observed: rate,
        n_comparable: (withheld != Withheld::UnknownSubtype).then_some(option.n_comparable),
    }
}

fn composition(option: &OptionEstimate) -> String {
    let parts: Vec<&str> = [option.agent.as_str(), option.backbone.as_str()]
        .into_iter()
        .filter(|part| !matches!(part.trim(), "" | "none" | "None"))
        .collect();
    parts.join(" \u{b7} ")
}

fn reason(option: &OptionEstimate, withheld: Withheld, has_number: bool) -> String {
    match withheld {
        Withheld::UnknownSubtype => words::WITHHELD_SUBTYPE.to_owned(),
        Withheld::Outside => words::WITHHELD.to_owned(),
        Withheld::Nothing if has_number || !option.reason.is_empty() => option.reason.clone(),
        Withheld::Nothing if !option.supported => words::unsupported(option.n_comparable),
        Withheld::Nothing => words::UNUSABLE.to_owned(),
    }
}

pub(super) fn notes(assessment: &Assessment, rows: &[OptionRow]) -> Vec<String> {
    let her2 = assessment.subtype.is_none_or(|subtype| subtype.is_her2_positive());
    let some_rate = rows.iter().any(|row| row.observed.is_some());
    let some_gap = rows.iter().any(|row| row.observed.is_none());
    [her2.then_some(words::HER2_CONTROL), (some_rate && some_gap).then_some(words::NO_RATE)]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

pub(super) fn other_model_names(rows: &[OptionRow]) -> Vec<String> {
    rows.first().map(|row| row.other_models.iter().map(|other| other.model.clone()).collect()).unwrap_or_default()
}

pub(super) fn other_models_sentence(names: &[String], lead: Option<&ModelIdentity>, withheld: Withheld) -> String {
    match (withheld, names, lead) {
        (Withheld::Nothing, [], _) => "No other model was asked about this patient.".to_owned(),
        (Withheld::Nothing, names, Some(lead)) => format!(
            "The leading model is {}; {} answered the same question. Where models disagree, the answer is less certain than any single interval shows.",
            lead.name,
            words::list(names)
        ),
        (Withheld::Nothing, names, None) => format!("{} answered the same question.", words::list(names)),
        _ => "No model gives an estimate for this patient, so there is nothing to compare.".to_owned(),
    }
}
