use serde::Serialize;

use super::Fates;
use crate::decide::Verdict;
use crate::decide::benefit::{Benefit, Gain, RmstGain};
use crate::decide::options::{Class, TimeZero, Truth};
use crate::report::decision_words::withheld;
use crate::report::figure::{Figure, IntervalFigure};
use crate::report::survival_words as words;
use crate::report::words::{in_sentence, verdict};
use crate::study::decision::{AdjuvantBranch, AdjuvantOption, OutlookAt};

/// Year of the counts and sentences.
pub(super) const YEAR: f64 = 10.0;

/// Survival after surgery in every format, from one set of numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurvivalView {
    /// Year of the counts and sentences.
    pub years: f64,
    /// Alive at that year after surgery alone.
    pub alive: IntervalFigure,
    /// Whom the numbers are about and on how many patients they rest.
    pub reference_class: String,
    /// Of 100, after surgery alone.
    pub alone: Fates,
    /// Both frames, as a sentence.
    pub sentence: String,
    /// After surgery alone, at 5, 10 and 15 years.
    pub table: Vec<OutlookRow>,
    /// The curve after surgery alone, yearly.
    pub curve: Vec<CurvePoint>,
    /// Why there are no numbers at risk.
    pub at_risk: &'static str,
    /// Options with a number at that year, in the order of their file.
    pub options: Vec<OptionFates>,
    /// Options without one, in a sentence.
    pub left_out: Option<String>,
}

/// What becomes of patients by one year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutlookRow {
    /// Years since surgery.
    pub years: f64,
    /// Alive.
    pub alive: IntervalFigure,
    /// Dead of breast cancer.
    pub breast_death: IntervalFigure,
    /// Dead of other causes.
    pub other_death: IntervalFigure,
}

impl OutlookRow {
    /// Alive, dead of breast cancer, dead of other causes.
    #[must_use]
    pub fn cells(&self) -> [&IntervalFigure; 3] {
        [&self.alive, &self.breast_death, &self.other_death]
    }
}

/// A point of the curve after surgery alone, shares of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Years since surgery.
    pub years: f64,
    /// Alive.
    pub alive: f64,
    /// Lower end of its 95 % interval.
    pub lower95: f64,
    /// Upper end of its 95 % interval.
    pub upper95: f64,
    /// Not dead of other causes.
    pub without_other_death: f64,
}

/// One option in every format.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionFates {
    /// Option id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// What both sides receive; empty when nothing.
    pub beside: String,
    /// Of 100, with the option.
    pub fates: Fates,
    /// Points of survival gained.
    pub gain: IntervalFigure,
    /// How many more, or fewer, are alive.
    pub alive_sentence: String,
    /// The same as deaths.
    pub death_sentence: String,
    /// Mean time alive gained within 10 and 15 years.
    pub rmst: Vec<RmstAt>,
    /// Alive with the option, yearly: (years, share of 1).
    pub curve: Vec<(f64, f64)>,
}

/// The gain in mean time alive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RmstAt {
    /// Within these years.
    pub years: f64,
    /// Years gained, displayed in months; `None` where withheld.
    pub gain: Option<IntervalFigure>,
    /// Why it is withheld; empty where it is shown.
    pub withheld: String,
}

/// Whether the survival model applies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurvivalGate {
    /// The verdict as a word for programs.
    pub verdict: Verdict,
    /// The verdict in words.
    pub label: &'static str,
    /// Every reason, the gravest first.
    pub reasons: Vec<String>,
    /// Name and version of the model.
    pub model: String,
}

impl SurvivalGate {
    /// The gravest verdict over all branches, with every reason once.
    pub(super) fn of(branches: &[AdjuvantBranch]) -> Option<Self> {
        let judged = branches.iter().filter_map(|branch| branch.survival.applicability.as_ref());
        let gravest = judged.clone().map(|found| found.verdict).max()?;
        let mut reasons: Vec<String> = Vec::new();
        for reason in judged.flat_map(|found| &found.reasons).map(crate::study::sentence) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let model = branches.iter().find_map(|branch| branch.survival.model.clone());
        Some(Self { verdict: gravest, label: verdict(gravest), reasons, model: model.unwrap_or_default() })
    }

    /// `applies`, `caution` or `refused`, for the style sheet.
    #[must_use]
    pub fn class(&self) -> &'static str {
        crate::report::words::verdict_class(self.verdict)
    }
}

/// How the survival model did in one group, held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValidationRow {
    /// Group in words.
    pub group: String,
    /// Patients.
    pub n: usize,
    /// Deaths by ten years.
    pub n_events: usize,
    /// Mean predicted risk of death by ten years.
    pub expected: Figure,
    /// Observed risk.
    pub observed: Figure,
    /// Observed over expected.
    pub ratio: Option<IntervalFigure>,
}

/// The groups of all branches with a number, each once.
pub(super) fn validation(branches: &[AdjuvantBranch]) -> Vec<ValidationRow> {
    let mut rows: Vec<ValidationRow> = Vec::new();
    let shown = branches.iter().filter(|branch| branch.survival.absent.is_none());
    for found in shown.flat_map(|branch| &branch.survival.validation) {
        if rows.iter().all(|row| row.group != found.group) {
            rows.push(ValidationRow {
                group: found.group.clone(),
                n: found.n,
                n_events: found.n_events,
                expected: Figure::percent(found.expected),
                observed: Figure::percent(found.observed),
                ratio: IntervalFigure::statistic(&found.observed_expected),
            });
        }
    }
    rows
}

/// Every format of one branch; `None` where the survival model gives no number.
pub(super) fn survival(from: &AdjuvantBranch) -> Option<SurvivalView> {
    if from.survival.absent.is_some() {
        return None;
    }
    let at = from.survival.recalibrated.iter().find(|at| at.years == YEAR)?;
    let alone = Fates::alone(at);
    let alive = IntervalFigure::probability(&at.alive)?;
    let shown: Vec<&AdjuvantOption> = from.options.iter().filter(|option| open(option)).collect();
    let options: Vec<OptionFates> = shown.iter().filter_map(|option| fates(option, &from.options)).collect();
    let absent: Vec<String> = shown
        .iter()
        .filter(|option| options.iter().all(|with| with.id != option.listed.id))
        .map(|option| in_sentence(&option.listed.label))
        .collect();
    Some(SurvivalView {
        years: YEAR,
        reference_class: words::survival_class(from.survival.model.as_deref().unwrap_or(""), from.survival.n_training),
        sentence: words::survival_frequencies(YEAR, alone, &alive),
        alive,
        alone,
        table: from.survival.recalibrated.iter().filter_map(outlook_row).collect(),
        curve: from.survival.curve.iter().map(curve_point).collect(),
        at_risk: words::NOBODY_AT_RISK,
        left_out: words::without_number(&absent),
        options,
    })
}

fn open(option: &AdjuvantOption) -> bool {
    option.listed.class != Class::Surgery && option.listed.eligibility.overall != Truth::NotMet
}

fn outlook_row(at: &OutlookAt) -> Option<OutlookRow> {
    Some(OutlookRow {
        years: at.years,
        alive: IntervalFigure::probability(&at.alive)?,
        breast_death: IntervalFigure::probability(&at.breast_death)?,
        other_death: IntervalFigure::probability(&at.other_death)?,
    })
}

fn curve_point(at: &OutlookAt) -> CurvePoint {
    CurvePoint {
        years: at.years,
        alive: at.alive.estimate,
        lower95: at.alive.lower95,
        upper95: at.alive.upper95,
        without_other_death: 1.0 - at.other_death.estimate,
    }
}

fn fates(option: &AdjuvantOption, all: &[AdjuvantOption]) -> Option<OptionFates> {
    // A number from another year 0 is not one of these hundred patients.
    let own = |benefit: &&Benefit| benefit.options.contains(&option.listed.id) && option.clock == TimeZero::Diagnosis;
    let benefit = option.benefit.as_ref().filter(own)?;
    let gain: &Gain = benefit.horizons.iter().find(|at| at.years == YEAR)?.gain.as_ref()?;
    let figure = IntervalFigure::points(&gain.survival_benefit)?;
    let fates = Fates::with(gain);
    Some(OptionFates {
        id: option.listed.id.clone(),
        label: option.listed.label.clone(),
        beside: super::adjuvant::beside(option, all),
        alive_sentence: words::alive_with(YEAR, fates, &figure),
        death_sentence: words::dead_with(fates),
        fates,
        gain: figure,
        rmst: benefit.rmst.iter().map(rmst).collect(),
        curve: benefit.curve.iter().map(|at| (at.years, at.alive)).collect(),
    })
}

fn rmst(from: &RmstGain) -> RmstAt {
    RmstAt {
        years: from.years,
        gain: from.gain.as_ref().and_then(IntervalFigure::months),
        withheld: from.withheld.as_ref().map(withheld).unwrap_or_default(),
    }
}
