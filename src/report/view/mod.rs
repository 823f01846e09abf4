//! The page as data: every number as value, text and unit, every sentence chosen.
//!
//! Both HTML and JSON are printed from [`ReportView`], so that they cannot disagree. Thresholds, rounding and
//! the decision to withhold a number are made here and nowhere after.

mod answer;
mod decision;
mod evidence;
mod glance;
mod options;
mod why;

pub use answer::{AnswerView, FrequencyView, GateView, Measure, PerformanceMeasure, SurvivalAnswer};
pub use decision::{
    AdjuvantRow, BenefitAt, BranchView, ChainBranch, ChainView, CurvePoint, DecisionView, Fates, ListedRow,
    NeoadjuvantRow, OptionFates, OutlookRow, PredictGain, RmstAt, SurvivalGate, SurvivalView, TestRow, ValidationRow,
};
pub use evidence::{ImagingRow, InputGroup, InputRow, InputsView, PerformanceRow};
pub use glance::{GlanceView, GroupGlance, StateCount};
pub use options::{OptionRow, OtherEstimate, Withheld};
pub use why::{ContributionGroup, ContributionRow, WhyView};

use serde::Serialize;

use crate::study::{Assessment, ModelIdentity};

use super::{limits, words};

/// One label with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What it is.
    pub label: &'static str,
    /// The text shown.
    pub text: String,
}

/// Fixed statements on use and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsView {
    /// What the page is for.
    pub intended_use: &'static str,
    /// For whom it is not.
    pub not_for: Vec<&'static str>,
    /// What weakens every number.
    pub limits: Vec<&'static str>,
    /// How intervals were made, and what they leave out.
    pub intervals: String,
}

/// One patient's report, ready to print.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportView {
    /// Name and version of this JSON layout.
    pub schema: &'static str,
    /// True for a simulated patient.
    pub synthetic: bool,
    /// Banner of every page of a simulated patient.
    pub synthetic_banner: Option<&'static str>,
    /// Standing of the page.
    pub research_use: &'static str,
    /// The name under which the patient is shown.
    pub pseudonym: String,
    /// Receptor subtype in words.
    pub subtype: &'static str,
    /// Visit of the row.
    pub visit: String,
    /// Identity strip, in display order.
    pub identity: Vec<Field>,
    /// The one-line answer, or why there is none.
    pub answer: AnswerView,
    /// Whether the model applies.
    pub applicability: GateView,
    /// What the outcome means.
    pub outcome: &'static str,
    /// False for a patient whose treatment starts with surgery: the arms before surgery are not shown.
    pub arms_shown: bool,
    /// Why the arms stand in this order, and what followed all of them.
    pub order: String,
    /// The arms that nobody of the subtype received, in one sentence.
    pub not_given: Option<String>,
    /// One row per arm: the control first, then the order of the options file.
    pub options: Vec<OptionRow>,
    /// Remarks that hold for the whole table of arms.
    pub option_notes: Vec<String>,
    /// Names of the further models with a number in some row, in the order of the assessment.
    pub other_models: Vec<String>,
    /// What the comparison of models means, or that there is nothing to compare.
    pub other_models_sentence: String,
    /// Options after surgery, the chain to survival, missing tests.
    pub decision: Option<DecisionView>,
    /// What moved the estimate.
    pub why: WhyView,
    /// What is known and what is missing, at a glance.
    pub glance: GlanceView,
    /// Inputs by group.
    pub inputs: InputsView,
    /// One row per modality, always all of them.
    pub imaging: Vec<ImagingRow>,
    /// Whether the lead model reads images.
    pub imaging_sentence: String,
    /// Cross-validated performance.
    pub performance: Vec<PerformanceRow>,
    /// How the performance was measured.
    pub performance_sentence: String,
    /// Use and limits.
    pub limits: LimitsView,
    /// Citations.
    pub sources: Vec<String>,
    /// The models that spoke; the first leads.
    pub models: Vec<ModelIdentity>,
    /// Version of the regimen program.
    pub regimen_version: String,
}

impl ReportView {
    /// The page for `assessment`: numbers formatted, sentences chosen, unsupported numbers left out.
    ///
    /// A model number is shown only when the subtype is known, the gate does not refuse, the arm is supported and
    /// the number is a probability inside its own interval.
    #[must_use]
    pub fn new(assessment: &Assessment) -> Self {
        let withheld = Withheld::of(assessment);
        let options = options::rows(assessment, withheld);
        let other_models = options::other_model_names(&options);
        let performance = evidence::performance(assessment);
        let lead = assessment.models.first();
        let arms_shown = assessment.decision.as_ref().is_none_or(|found| found.record.neoadjuvant != Some(false));
        let decision = assessment.decision.as_ref().map(decision::decision);
        let has_survival = decision.iter().flat_map(|found| &found.branches).any(|branch| branch.survival.is_some());
        Self {
            schema: "regimen.report/1",
            synthetic: assessment.synthetic,
            synthetic_banner: assessment.synthetic.then_some(words::SYNTHETIC),
            research_use: words::RESEARCH_USE,
            pseudonym: assessment.pseudonym.to_string(),
            subtype: words::subtype(assessment.subtype),
            visit: assessment.visit.clone(),
            identity: identity(assessment),
            answer: match decision.as_ref().filter(|_| !arms_shown) {
                Some(decision) => answer::after_surgery(decision),
                None => match decision.as_ref().and_then(|decision| decision.withheld_answer.as_deref()) {
                    Some(why) if assessment.subtype.is_some() => answer::unclear(why),
                    _ => answer::answer(assessment, &options, withheld),
                },
            },
            arms_shown,
            applicability: answer::gate(assessment, &performance),
            outcome: words::OUTCOME,
            order: options::order(assessment),
            not_given: options::not_given(&options),
            option_notes: options::notes(assessment, &options),
            other_models_sentence: options::other_models_sentence(&other_models, lead, withheld),
            other_models,
            decision,
            why: if arms_shown { why::why(assessment, &options) } else { why::why_after_surgery() },
            options,
            glance: glance::glance(assessment),
            inputs: evidence::inputs(assessment),
            imaging: evidence::imaging(assessment),
            imaging_sentence: evidence::imaging_sentence(lead),
            performance,
            performance_sentence: evidence::performance_sentence(assessment),
            limits: LimitsView {
                intended_use: if arms_shown { limits::INTENDED_USE } else { limits::INTENDED_USE_AFTER_SURGERY },
                not_for: limits::NOT_FOR.to_vec(),
                limits: limits_of(arms_shown, has_survival),
                intervals: interval_sentence(lead),
            },
            sources: assessment.sources.clone(),
            models: assessment.models.clone(),
            regimen_version: assessment.regimen_version.clone(),
        }
    }

    /// The row of the arm that the answer is about, if there is an answer.
    #[must_use]
    pub fn answer_row(&self) -> Option<&OptionRow> {
        self.options.iter().find(|row| row.is_answer)
    }
}

fn identity(assessment: &Assessment) -> Vec<Field> {
    let mut fields = vec![
        Field { label: "Patient", text: assessment.pseudonym.to_string() },
        Field { label: "Cohort", text: assessment.cohort.clone() },
        Field { label: "Visit", text: assessment.visit.clone() },
        Field { label: "Receptor subtype", text: words::subtype(assessment.subtype).to_owned() },
    ];
    if let Some(lead) = assessment.models.first() {
        let short: String = lead.sha256.chars().take(12).collect();
        fields.push(Field { label: "Model", text: format!("{} {}", lead.name, lead.version) });
        fields.push(Field { label: "Model hash", text: short });
    }
    fields.push(Field { label: "Program", text: format!("regimen {}", assessment.regimen_version) });
    fields
}

/// The limits of the numbers that the page shows; those of the model of response also where the page shows none.
fn limits_of(arms_shown: bool, has_survival: bool) -> Vec<&'static str> {
    let survival: &[&str] = if has_survival { &limits::LIMITS_OF_SURVIVAL } else { &[] };
    let response: &[&str] = if arms_shown || !has_survival { &limits::LIMITS } else { &[] };
    response.iter().chain(survival).copied().collect()
}

fn interval_sentence(lead: Option<&ModelIdentity>) -> String {
    let method = lead.map_or("not recorded", |model| model.interval_method.as_str());
    format!(
        "Intervals of the model: {method}. They cover the chance in who was in the training data; they do not cover patients or hospitals unlike it. Intervals of observed rates: 95 % Jeffreys (Beta)."
    )
}
