use serde::Serialize;

use crate::report::case_words::with_age;
use crate::report::figure::IntervalFigure;
use crate::report::words;
use crate::study::{Assessment, ImagingInput, InputState, ModelIdentity, ViewWeight};
use crate::terms::Modality;

/// Inputs with a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputsView {
    /// How many inputs stand where.
    pub sentence: String,
    /// Inputs by group.
    pub groups: Vec<InputGroup>,
}

/// Inputs of one feature group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputGroup {
    /// Heading.
    pub label: String,
    /// Rows in the order of the assessment.
    pub rows: Vec<InputRow>,
}

/// One model input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputRow {
    /// Label for people.
    pub label: String,
    /// Value with its unit, or a dash.
    pub value: String,
    /// State in words.
    pub state: &'static str,
    /// State for programs and the style sheet.
    pub state_code: InputState,
    /// Reason, empty when none.
    pub note: String,
    /// File of origin.
    pub source: String,
}

impl InputRow {
    /// `used`, `out`, `missing` or `refused`, for the style sheet.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self.state_code {
            InputState::Used => "used",
            InputState::OutOfRange => "out",
            InputState::Missing => "missing",
            InputState::Refused => "refused",
        }
    }
}

/// One imaging modality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImagingRow {
    /// Modality in words.
    pub label: &'static str,
    /// `Available`, `Not usable` or `Not given`.
    pub status: &'static str,
    /// True when an embedding is available.
    pub available: bool,
    /// Number of images read.
    pub n_images: usize,
    /// `4 images`.
    pub images_text: String,
    /// Encoder, where an embedding was made.
    pub encoder: Option<String>,
    /// Quality findings.
    pub quality: Vec<String>,
    /// Why it is absent or not used.
    pub note: String,
    /// How much each image counted (`left MLO 64 %, left CC 36 %`), empty where there is no choice.
    pub views: String,
    /// The image that counted most with the regions that moved its score, as a data URI.
    pub picture: Option<String>,
    /// What the picture shows, in words.
    pub picture_text: String,
}

/// Cross-validated performance of one model in one population.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerformanceRow {
    /// Model name.
    pub model: String,
    /// Whom it was measured on.
    pub population: String,
    /// True when the population is the patient's receptor subtype.
    pub is_own_subtype: bool,
    /// Patients.
    pub n: usize,
    /// Patients with pCR.
    pub n_events: usize,
    /// How it was measured.
    pub method: String,
    /// Area under the ROC curve.
    pub auc: Option<IntervalFigure>,
    /// Brier score.
    pub brier: Option<IntervalFigure>,
    /// Calibration slope.
    pub calibration_slope: Option<IntervalFigure>,
}

/// Members by group, groups in order of first appearance.
pub(super) fn by_group<'a, T: ?Sized>(items: &[&'a T], key: impl Fn(&'a T) -> &'a str) -> Vec<(&'a str, Vec<&'a T>)> {
    let mut groups: Vec<(&str, Vec<&T>)> = Vec::new();
    for item in items {
        let name = key(item);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    groups
}

pub(super) fn inputs(assessment: &Assessment) -> InputsView {
    let all: Vec<_> = assessment.inputs.iter().collect();
    let states = [InputState::Used, InputState::OutOfRange, InputState::Missing, InputState::Refused];
    let counts: Vec<String> = states
        .into_iter()
        .map(|state| (state, all.iter().filter(|input| input.state == state).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {}", words::input_state(state).to_lowercase()))
        .collect();
    let sentence = match counts.as_slice() {
        [] => "The model takes no inputs.".to_owned(),
        counts => format!(
            "Of {} inputs: {}. Missing and refused inputs are handled as not given.",
            all.len(),
            words::list(counts)
        ),
    };
    let groups = by_group(&all, |input| input.group.as_str())
        .into_iter()
        .map(|(name, members)| InputGroup {
            label: words::group(name),
            rows: members
                .into_iter()
                .map(|input| InputRow {
                    label: input.label.clone(),
                    value: value_text(input.value.as_deref(), &input.unit),
                    state: words::input_state(input.state),
                    state_code: input.state,
                    note: with_age(input.note.as_deref().unwrap_or_default(), assessment, &input.column),
                    source: input.source.clone(),
                })
                .collect(),
        })
        .collect();
    InputsView { sentence, groups }
}

fn value_text(value: Option<&str>, unit: &str) -> String {
    match value {
        None => "\u{2014}".to_owned(),
        Some(value) if unit.is_empty() => value.to_owned(),
        Some(value) => format!("{value} {unit}"),
    }
}

pub(super) fn imaging(assessment: &Assessment) -> Vec<ImagingRow> {
    Modality::ALL
        .into_iter()
        .map(|modality| {
            let given = assessment.imaging.iter().find(|input| input.modality == modality);
            let n_images = given.map_or(0, |input| input.n_images);
            let available = given.is_some_and(|input| input.available);
            ImagingRow {
                label: words::modality(modality),
                status: match (available, n_images) {
                    (true, _) => "Available",
                    (false, 0) => "Not given",
                    (false, _) => "Not usable",
                },
                available,
                n_images,
                images_text: match n_images {
                    0 => "No images".to_owned(),
                    1 => "1 image".to_owned(),
                    n => format!("{n} images"),
                },
                encoder: given.and_then(|input| input.encoder.clone()),
                quality: given.map(|input| input.quality.clone()).unwrap_or_default(),
                note: given.map_or_else(
                    || words::NO_IMAGES.to_owned(),
                    |input| with_age(&input.note, assessment, modality.as_str()),
                ),
                views: given.map(views_text).unwrap_or_default(),
                picture: given.and_then(|input| input.picture.clone()),
                picture_text: picture_text(modality, given),
            }
        })
        .collect()
}

/// The share of each image, largest first; nothing for a single image or equal shares.
fn views_text(input: &ImagingInput) -> String {
    let equal = input.views.windows(2).all(|pair| (pair[0].weight - pair[1].weight).abs() < 1e-9);
    if equal {
        return String::new();
    }
    let share = |view: &ViewWeight| format!("{} {:.0}\u{a0}%", view.view, 100.0 * view.weight);
    input.views.iter().map(share).collect::<Vec<_>>().join(", ")
}

fn picture_text(modality: Modality, input: Option<&ImagingInput>) -> String {
    let view = input.and_then(|input| input.views.first()).map_or_else(String::new, |view| format!(", {}", view.view));
    format!(
        "{}{view}: regions that moved the encoder\u{2019}s own score, warm colours most. Not a finding and not a lesion mark.",
        words::modality(modality)
    )
}

pub(super) fn imaging_sentence(lead: Option<&ModelIdentity>) -> String {
    match lead {
        Some(model) if model.uses_imaging => format!(
            "The leading model, {}, reads image embeddings: numbers that an encoder computes from the pixels. A modality that is not available is handled as not given.",
            model.name
        ),
        Some(model) => format!(
            "The leading model, {}, does not read images; what is listed here did not enter the estimate above.",
            model.name
        ),
        None => "No model read the images.".to_owned(),
    }
}

pub(super) fn performance(assessment: &Assessment) -> Vec<PerformanceRow> {
    assessment
        .performance
        .iter()
        .map(|from| PerformanceRow {
            model: from.model.clone(),
            population: from.population.clone(),
            is_own_subtype: assessment.subtype.is_some_and(|subtype| from.population.contains(subtype.as_str())),
            n: from.n,
            n_events: from.n_events,
            method: from.method.clone(),
            auc: from.auc.as_ref().and_then(IntervalFigure::statistic),
            brier: from.brier.as_ref().and_then(IntervalFigure::statistic),
            calibration_slope: from.calibration_slope.as_ref().and_then(IntervalFigure::statistic),
        })
        .collect()
}

pub(super) fn performance_sentence(assessment: &Assessment) -> String {
    let mut methods: Vec<String> = Vec::new();
    for each in &assessment.performance {
        if !methods.contains(&each.method) {
            methods.push(each.method.clone());
        }
    }
    if methods.is_empty() {
        return "The performance of the model is not recorded.".to_owned();
    }
    format!(
        "Measured by {}, with 95 % intervals. AUC: 0.5 is a coin toss, 1 is perfect ordering. Brier score: lower is better. Calibration slope: 1 is ideal; below 1, estimates are too extreme.",
        words::list(&methods)
    )
}
