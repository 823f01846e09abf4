mod adjuvant;
mod chain;
mod fates;
mod listed;
mod survival;

use serde::Serialize;

pub use adjuvant::{AdjuvantRow, BenefitAt, BranchView, PredictGain};
pub use chain::{ChainBranch, ChainView};
pub use fates::Fates;
pub use listed::ListedRow;
pub use survival::{CurvePoint, OptionFates, OutlookRow, RmstAt, SurvivalGate, SurvivalView, ValidationRow};

use crate::decide::review::Severity;
use crate::decide::sources::Column;
use crate::report::decision_words as words;
use crate::report::figure::{IntervalFigure, percent_number};
use crate::study::decision::{Decision, NeoadjuvantOption};

/// Options after surgery, the chain to survival and missing tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionView {
    /// Impossible and suspicious combinations: (refused or to be checked, sentence).
    pub findings: Vec<(&'static str, String)>,
    /// Why no single line answers.
    pub withheld_answer: Option<String>,
    /// What the section is.
    pub introduction: &'static str,
    /// The assumptions about the time after follow-up and about harms.
    pub assumptions: String,
    /// What PREDICT's versions are.
    pub predict_note: &'static str,
    /// Options before surgery that are open, or may be; empty where surgery comes or came first.
    pub neoadjuvant: Vec<NeoadjuvantRow>,
    /// Whether the survival model applies; `None` where there is none.
    pub survival_gate: Option<SurvivalGate>,
    /// True when some option of some branch has a number.
    pub has_numbers: bool,
    /// How the survival model did, held out, in the groups to which the patient belongs.
    pub validation: Vec<ValidationRow>,
    /// One entry per branch.
    pub branches: Vec<BranchView>,
    /// From response to survival.
    pub chain: Option<ChainView>,
    /// What absent tests could change.
    pub tests: Vec<TestRow>,
    /// What that means.
    pub tests_sentence: &'static str,
}

/// An option before surgery that is open, or may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeoadjuvantRow {
    /// Label, rules, rates and harms as published.
    #[serde(flatten)]
    pub listed: ListedRow,
    /// Probability of response by the model, of the nearest arm of its trial.
    pub regimen: Option<IntervalFigure>,
    /// The arm, and what differs from the option; or why there is no number.
    pub regimen_note: String,
    /// Where sources disagree.
    pub conflicts: Vec<String>,
}

/// What one absent test could change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// Test.
    pub test: String,
    /// Inputs that it would give.
    pub n_inputs: usize,
    /// Expected change of the estimates, points of probability, over the supported options.
    pub change: String,
    /// Mean width of the interval now and after, points.
    pub width: String,
    /// Probability that another option has the highest estimate; `None` below two supported options.
    pub top_changes: Option<String>,
}

pub(super) fn decision(from: &Decision) -> DecisionView {
    let severity = |severity: Severity| match severity {
        Severity::Refuse => "Refused",
        Severity::Flag => "To be checked",
    };
    let mut branches: Vec<BranchView> = from.adjuvant.iter().map(adjuvant::branch).collect();
    adjuvant::mark_repeated(&mut branches);
    let has_numbers = branches.iter().any(|branch| branch.has_numbers);
    DecisionView {
        findings: from
            .findings
            .iter()
            .map(|finding| {
                let said =
                    format!("{}: expected {}, found {}.", finding.fields.join(", "), finding.expected, finding.found);
                (severity(finding.severity), said)
            })
            .collect(),
        withheld_answer: words::withheld_answer(&from.one_line_answer),
        introduction: if has_numbers { words::ADJUVANT } else { words::PUBLISHED_ONLY },
        assumptions: format!(
            "{} {}",
            words::waning(from.assumptions.waning),
            words::harms(from.assumptions.other_cause_harm)
        ),
        predict_note: words::PREDICT,
        neoadjuvant: from.neoadjuvant.iter().filter_map(neoadjuvant).collect(),
        survival_gate: SurvivalGate::of(&from.adjuvant),
        has_numbers,
        validation: survival::validation(&from.adjuvant),
        branches,
        chain: from.chain.as_ref().map(chain::chain),
        tests: from.missing_tests.iter().map(test).collect(),
        tests_sentence: words::TESTS,
    }
}

fn neoadjuvant(from: &NeoadjuvantOption) -> Option<NeoadjuvantRow> {
    let arm = from.nearest_arm.as_ref();
    let (regimen, regimen_note) = match &from.sources.regimen {
        Column::Numbers(cells) => (
            cells.first().and_then(|cell| IntervalFigure::probability(&cell.value)),
            arm.map(|arm| format!("of arm {} of I-SPY2: {}", arm.id, arm.differs)).unwrap_or_default(),
        ),
        Column::Empty(why) => (None, words::empty(why)),
    };
    Some(NeoadjuvantRow {
        listed: ListedRow::open(&from.listed)?,
        regimen,
        regimen_note,
        conflicts: from.sources.conflicts.iter().map(words::conflict).collect(),
    })
}

fn test(from: &crate::decide::TestValue) -> TestRow {
    let n = from.options.len().max(1) as f64;
    let mean =
        |value: &dyn Fn(&crate::decide::OptionValue) -> f64| 100.0 * from.options.iter().map(value).sum::<f64>() / n;
    TestRow {
        test: crate::report::words::group(&from.test),
        n_inputs: from.n_columns,
        change: format!("{:.0} points", mean(&|option| option.change.estimate)),
        width: format!(
            "{:.0} to {:.0} points",
            mean(&|option| option.width_now),
            mean(&|option| option.width_after.estimate)
        ),
        top_changes: from.top_changes.map(|share| format!("{} %", percent_number(share.estimate))),
    }
}
