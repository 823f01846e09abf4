use serde::Serialize;

use super::decision::{DecisionView, Fates, SurvivalView};
use super::evidence::PerformanceRow;
use super::options::{OptionRow, Withheld};
use crate::report::figure::{Figure, IntervalFigure};
use crate::report::words;
use crate::study::{Assessment, Verdict};

/// The one-line answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerView {
    /// True when a number is given.
    pub given: bool,
    /// Heading of the block.
    pub heading: &'static str,
    /// The answer, or the reason for its absence, as a sentence.
    pub sentence: String,
    /// The number of the answer.
    pub estimate: Option<IntervalFigure>,
    /// Option id of the arm that the number is about.
    pub arm_id: Option<String>,
    /// Label of that arm.
    pub arm: Option<String>,
    /// Why this arm.
    pub arm_sentence: Option<String>,
    /// Whom the number is about, with the number of patients.
    pub reference_class: Option<String>,
    /// What was observed in the same arm and subtype.
    pub observed: Option<String>,
    /// Natural frequencies.
    pub frequency: Option<FrequencyView>,
    /// Survival after surgery alone, where treatment starts with surgery and one line answers; `estimate` is then absent.
    pub survival: Option<SurvivalAnswer>,
    /// Cautions that belong beside the number.
    pub cautions: Vec<String>,
}

/// The answer as 100 patients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FrequencyView {
    /// Patients of 100 with pCR.
    pub with_response: u8,
    /// Patients of 100 without pCR.
    pub without_response: u8,
    /// Both frames and the interval, as a sentence.
    pub sentence: String,
}

impl FrequencyView {
    pub(super) fn of(estimate: &IntervalFigure) -> Self {
        Self {
            with_response: words::with_response(estimate.estimate),
            without_response: 100 - words::with_response(estimate.estimate),
            sentence: words::frequencies(estimate),
        }
    }
}

/// Survival after surgery alone in one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurvivalAnswer {
    /// Years after surgery.
    pub years: f64,
    /// Alive by then.
    pub alive: IntervalFigure,
    /// What becomes of 100.
    pub fates: Fates,
}

/// Whether the model applies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateView {
    /// The verdict as a word for programs (`applies`, `caution`, `does_not_apply`).
    pub verdict: Verdict,
    /// The verdict in words.
    pub label: &'static str,
    /// What the verdict means.
    pub sentence: &'static str,
    /// Every reason.
    pub reasons: Vec<String>,
    /// What changes nothing but should be known.
    pub notes: Vec<String>,
    /// Share of training patients nearer to the centre.
    pub distance: Option<Measure>,
    /// Training patients of the subtype.
    pub n_subtype: Option<Measure>,
    /// Share of inputs given.
    pub completeness: Measure,
    /// How the leading model performed in the patient's subtype; empty when not measured.
    pub performance: Vec<PerformanceMeasure>,
}

/// A measure of performance with its interval and the sentence that explains it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerformanceMeasure {
    /// What is measured.
    pub label: &'static str,
    /// The number.
    pub figure: IntervalFigure,
    /// What it means.
    pub sentence: &'static str,
}

/// A figure with the sentence that explains it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// What is measured.
    pub label: &'static str,
    /// The number.
    pub figure: Figure,
    /// What it means.
    pub sentence: String,
}

impl GateView {
    /// `applies`, `caution` or `refused`, for the style sheet.
    #[must_use]
    pub fn class(&self) -> &'static str {
        crate::report::words::verdict_class(self.verdict)
    }
}

pub(super) fn gate(assessment: &Assessment, performance: &[PerformanceRow]) -> GateView {
    let from = &assessment.applicability;
    let lead = assessment.models.first().map(|model| model.name.as_str());
    let hers = performance.iter().find(|row| row.is_own_subtype && Some(row.model.as_str()) == lead);
    let auc = hers.and_then(|row| row.auc.clone()).map(|figure| PerformanceMeasure {
        label: "AUC in this subtype",
        figure,
        sentence: words::AUC,
    });
    let slope = hers.and_then(|row| row.calibration_slope.clone()).map(|figure| PerformanceMeasure {
        label: "Calibration slope in this subtype",
        figure,
        sentence: words::SLOPE,
    });
    GateView {
        verdict: from.verdict,
        label: words::verdict(from.verdict),
        sentence: words::verdict_sentence(from.verdict),
        reasons: from.reasons.clone(),
        notes: from.notes.clone(),
        distance: from.distance_percentile.filter(|share| (0.0..=1.0).contains(share)).map(|share| Measure {
            label: "Distance from the training data",
            figure: Figure::percent(share),
            sentence: words::distance(share),
        }),
        n_subtype: from.n_subtype.map(|n| Measure {
            label: "Patients of this subtype",
            figure: Figure::count(n, "patients"),
            sentence: words::subtype_count(n),
        }),
        completeness: Measure {
            label: "Inputs on record",
            figure: Figure::percent(from.completeness),
            sentence: words::completeness(from.completeness),
        },
        performance: auc.into_iter().chain(slope).collect(),
    }
}

pub(super) fn answer(assessment: &Assessment, rows: &[OptionRow], withheld: Withheld) -> AnswerView {
    let (Some(subtype), Some(row)) = (assessment.subtype, rows.iter().find(|row| row.is_answer)) else {
        return none(absence(assessment, rows, withheld));
    };
    let Some(estimate) = row.estimate.clone() else { return none(absence(assessment, rows, withheld)) };
    let label = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.label.as_str());
    let received = assessment.received.as_deref().map(|id| label(id).unwrap_or(id));
    let n_training = assessment.models.first().map_or(0, |model| model.n_training);
    let mut cautions = Vec::new();
    if assessment.applicability.verdict == Verdict::Caution {
        let reasons = assessment.applicability.reasons.join(" ");
        cautions.push(format!("{}. {reasons}", words::verdict(Verdict::Caution)).trim_end().to_owned());
    }
    if row.is_control && subtype.is_her2_positive() {
        cautions.push(words::HER2_CONTROL.to_owned());
    }
    if !row.reason.is_empty() {
        cautions.push(row.reason.clone());
    }
    let recorded = assessment.decision.as_ref().and_then(|decision| decision.record.residual_disease());
    if recorded.is_some() {
        cautions.push(words::RESPONSE_KNOWN.to_owned());
    }
    AnswerView {
        given: true,
        heading: "Estimated response to treatment",
        sentence: words::answer(&row.label, &estimate),
        arm_id: Some(row.id.clone()),
        arm: Some(row.label.clone()),
        arm_sentence: Some(words::answer_arm(received, row.is_received)),
        reference_class: Some(words::reference_class(subtype, row.n_comparable.unwrap_or(0), n_training)),
        observed: row.observed_sentence.clone(),
        frequency: row.frequency.clone(),
        survival: None,
        estimate: Some(estimate),
        cautions,
    }
}

/// The answer where an unclear receptor leaves no single line.
pub(super) fn unclear(why: &str) -> AnswerView {
    none(why.to_owned())
}

/// The answer for a patient whose treatment starts with surgery: her outlook after it, or why no line answers.
pub(super) fn after_surgery(decision: &DecisionView) -> AnswerView {
    let absent = |why: String| AnswerView { heading: words::SURGERY_FIRST, ..none(why) };
    match (&decision.withheld_answer, decision.branches.as_slice()) {
        (Some(why), _) => absent(why.clone()),
        (None, [only]) => match &only.survival {
            Some(survival) => survival_answer(survival),
            None => absent(only.outlook.first().cloned().unwrap_or_default()),
        },
        (None, _) => absent(words::SEVERAL_STATES.to_owned()),
    }
}

fn survival_answer(from: &SurvivalView) -> AnswerView {
    AnswerView {
        heading: words::SURGERY_FIRST,
        reference_class: Some(from.reference_class.clone()),
        survival: Some(SurvivalAnswer { years: from.years, alive: from.alive.clone(), fates: from.alone }),
        ..none(from.sentence.clone())
    }
}

fn none(sentence: String) -> AnswerView {
    AnswerView {
        given: false,
        heading: words::NO_ANSWER,
        sentence,
        estimate: None,
        arm_id: None,
        arm: None,
        arm_sentence: None,
        reference_class: None,
        observed: None,
        frequency: None,
        survival: None,
        cautions: Vec::new(),
    }
}

fn absence(assessment: &Assessment, rows: &[OptionRow], withheld: Withheld) -> String {
    match withheld {
        Withheld::UnknownSubtype => words::NO_SUBTYPE.to_owned(),
        Withheld::Outside => words::OUTSIDE.to_owned(),
        Withheld::Nothing => {
            let asked = assessment.explained_option.as_deref().or(assessment.received.as_deref());
            match asked.and_then(|id| rows.iter().find(|row| row.id == id)) {
                Some(row) => format!("There is no estimate under {}. {}", words::in_sentence(&row.label), row.reason),
                None => "The record names no treatment arm that the model knows.".to_owned(),
            }
        }
    }
}
