use serde::Serialize;

use crate::decide::benefit::{Horizon, NumberNeeded};
use crate::decide::chain::{Chain, Outlook};
use crate::decide::options::{Class, RateOf, Truth};
use crate::decide::review::Severity;
use crate::decide::sources::{Column, Source};
use crate::report::decision_words as words;
use crate::report::figure::{IntervalFigure, decimals, percent_number, points};
use crate::study::decision::{AdjuvantBranch, AdjuvantOption, Decision, OutlookAt};
use crate::terms::Estimate;

/// Year of the numbers in the table of options.
const YEAR: f64 = 10.0;

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
    /// One entry per branch.
    pub branches: Vec<BranchView>,
    /// From response to survival.
    pub chain: Option<ChainView>,
    /// What absent tests could change.
    pub tests: Vec<TestRow>,
    /// What that means.
    pub tests_sentence: &'static str,
}

/// Options under one set of assumed states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BranchView {
    /// What is assumed; `None` where nothing is.
    pub heading: Option<String>,
    /// Survival after surgery alone, one sentence per source.
    pub outlook: Vec<String>,
    /// What weakens it: assumed and imputed inputs, cautions.
    pub cautions: Vec<String>,
    /// Options that are open, or may be.
    pub rows: Vec<AdjuvantRow>,
    /// Options that are closed, each with the first rule that closes it.
    pub closed: Vec<String>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdjuvantRow {
    /// Option id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Its place today.
    pub note: String,
    /// Whether it is open, and what is missing to say so.
    pub eligibility: String,
    /// What both sides of the comparison receive; empty when nothing.
    pub beside: String,
    /// Points of survival gained on the baseline of regimen, at 5, 10 and 15 years; empty where there is no number at all.
    pub benefits: Vec<BenefitAt>,
    /// Why there is no benefit at all.
    pub benefit_absent: String,
    /// PREDICT at ten years, by version.
    pub predict: Vec<PredictGain>,
    /// Why PREDICT says nothing.
    pub predict_absent: String,
    /// The trial's own rates, one sentence per endpoint.
    pub trial: Vec<String>,
    /// Published ratios, one sentence per effect.
    pub effects: Vec<String>,
    /// Published harms.
    pub harms: Vec<String>,
    /// Where sources disagree.
    pub conflicts: Vec<String>,
}

/// The benefit of an option at one horizon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenefitAt {
    /// Years.
    pub years: f64,
    /// Points of survival gained; `None` where withheld.
    pub gain: Option<IntervalFigure>,
    /// Number needed to treat or harm.
    pub number_needed: Option<String>,
    /// Why the number is withheld; empty where it is shown.
    pub withheld: String,
}

/// PREDICT's gain at ten years.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictGain {
    /// `3.1` or `3.2`.
    pub version: String,
    /// Points of survival gained.
    pub gain: String,
    /// Its range over the uncertainty of the treatment effect, where one is stated.
    pub range: Option<String>,
}

/// Two branches from one probability of response.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainView {
    /// What it is.
    pub introduction: &'static str,
    /// Response, then residual disease: (label, probability, sentences).
    pub branches: Vec<ChainBranch>,
    /// Hazard ratios, response against residual disease.
    pub ratios: Vec<String>,
    /// Warnings that belong to it.
    pub warnings: Vec<String>,
}

/// One branch of the chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainBranch {
    /// `Complete response` or `Residual disease`.
    pub label: &'static str,
    /// Its probability.
    pub prob: Option<IntervalFigure>,
    /// What is published for it.
    pub outlook: Vec<String>,
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
        introduction: words::ADJUVANT,
        assumptions: format!(
            "{} {}",
            words::waning(from.assumptions.waning),
            words::harms(from.assumptions.other_cause_harm)
        ),
        predict_note: words::PREDICT,
        branches: from.adjuvant.iter().map(branch).collect(),
        chain: from.chain.as_ref().map(chain),
        tests: from.missing_tests.iter().map(test).collect(),
        tests_sentence: words::TESTS,
    }
}

fn branch(from: &AdjuvantBranch) -> BranchView {
    let mut outlook = Vec::new();
    match (&from.survival.absent, at(&from.survival.recalibrated)) {
        (None, Some(at)) => {
            outlook.push(format!(
                "regimen ({}), carried to today: after surgery alone {} of 100 women like her are alive at 10 years (95 % interval {} to {}); {} have died of breast cancer ({} to {}), {} of other causes.",
                from.survival.model.as_deref().unwrap_or(""),
                percent_number(at.alive.estimate),
                percent_number(at.alive.lower95),
                percent_number(at.alive.upper95),
                percent_number(at.breast_death.estimate),
                percent_number(at.breast_death.lower95),
                percent_number(at.breast_death.upper95),
                percent_number(at.other_death.estimate),
            ));
            if let Some(raw) = self::at(&from.survival.raw) {
                outlook.push(format!(
                    "{}: {} of 100 alive ({} to {}).",
                    words::RAW,
                    percent_number(raw.alive.estimate),
                    percent_number(raw.alive.lower95),
                    percent_number(raw.alive.upper95)
                ));
            }
        }
        (absent, _) => outlook.push(format!(
            "regimen gives no survival after surgery alone: {}.",
            absent.as_deref().unwrap_or("no reason is recorded")
        )),
    }
    let of_predict: Vec<String> = from
        .predict
        .versions
        .iter()
        .filter_map(|version| {
            let at = at(&version.surgery_only)?;
            Some(format!("PREDICT {}: {} of 100", version.version, percent_number(at.alive.estimate)))
        })
        .collect();
    if of_predict.is_empty() {
        outlook.push(format!("PREDICT does not apply: {}.", from.predict.outside.join("; ")));
    } else {
        outlook.push(format!("{} alive at 10 years after surgery alone.", of_predict.join(", ")));
    }
    let mut cautions: Vec<String> = Vec::new();
    let applicability = from.survival.applicability.iter().filter(|_| from.survival.absent.is_none());
    let grave = |reason: &&crate::decide::Reason| reason.severity() > crate::decide::Severity::Note;
    cautions.extend(applicability.flat_map(|found| &found.reasons).filter(grave).map(ToString::to_string));
    if !from.survival.imputed.is_empty() {
        cautions.push(format!(
            "The survival model filled {} inputs that are not recorded; the interval holds that.",
            from.survival.imputed.len()
        ));
    }
    if !from.predict.assumed.is_empty() && from.predict.outside.is_empty() {
        let list: Vec<String> = from.predict.assumed.iter().map(|(input, value)| format!("{input}: {value}")).collect();
        cautions.push(format!("PREDICT takes for what is not recorded \u{2014} {}.", list.join("; ")));
    }
    let shown = |option: &&AdjuvantOption| option.listed.class != Class::Surgery;
    let (closed, open): (Vec<&AdjuvantOption>, Vec<&AdjuvantOption>) =
        from.options.iter().filter(shown).partition(|option| option.listed.eligibility.overall == Truth::NotMet);
    BranchView {
        heading: words::branch(&from.receptors, from.response),
        outlook,
        cautions,
        rows: open.into_iter().map(row).collect(),
        closed: closed.into_iter().map(closing_rule).collect(),
    }
}

fn at(outlook: &[OutlookAt]) -> Option<&OutlookAt> {
    outlook.iter().find(|at| at.years == YEAR)
}

/// The option with the first rule that is not met.
fn closing_rule(option: &AdjuvantOption) -> String {
    let rule = option.listed.eligibility.rules.iter().find(|rule| rule.truth == Truth::NotMet);
    match rule {
        Some(rule) => format!("{}: for {}; hers: {}.", option.listed.label, rule.expected, rule.found),
        None => option.listed.label.clone(),
    }
}

fn row(option: &AdjuvantOption) -> AdjuvantRow {
    let listed = &option.listed;
    let unknown: Vec<String> = listed
        .eligibility
        .rules
        .iter()
        .filter(|rule| rule.truth == Truth::Unknown)
        .map(|rule| format!("{} ({})", rule.expected, rule.found))
        .collect();
    let eligibility = if unknown.is_empty() {
        format!("{}.", words::truth(listed.eligibility.overall))
    } else {
        format!("{}: needs {}.", words::truth(listed.eligibility.overall), unknown.join("; "))
    };
    let (predict, predict_absent) = match &option.sources.predict {
        Column::Numbers(cells) => (
            cells
                .iter()
                .map(|cell| PredictGain {
                    version: cell.from.replace("PREDICT Breast ", ""),
                    gain: points_text(cell.value.estimate),
                    range: cell.has_interval.then(|| range(&cell.value)),
                })
                .collect(),
            String::new(),
        ),
        Column::Empty(why) => (Vec::new(), words::empty(why)),
    };
    AdjuvantRow {
        id: listed.id.clone(),
        label: listed.label.clone(),
        note: listed.note.clone(),
        eligibility,
        beside: option.beside.join(", "),
        benefits: benefits(option),
        benefit_absent: match &option.sources.regimen {
            Column::Empty(why) => words::empty(why),
            Column::Numbers(_) => String::new(),
        },
        predict,
        predict_absent,
        trial: trial(option),
        effects: effects(option),
        harms: harms(option),
        conflicts: option
            .sources
            .conflicts
            .iter()
            .filter(|conflict| conflict.first != Source::Trial)
            .map(words::conflict)
            .collect(),
    }
}

/// The benefit at every horizon, empty where the option's effect could not be applied.
fn benefits(option: &AdjuvantOption) -> Vec<BenefitAt> {
    let Some(benefit) = option.benefit.as_ref().filter(|_| applied(option)) else { return Vec::new() };
    let at = |horizon: &Horizon| BenefitAt {
        years: horizon.years,
        gain: horizon.gain.as_ref().and_then(|gain| points(&gain.survival_benefit)),
        number_needed: horizon.gain.as_ref().and_then(|gain| gain.number_needed).map(number_needed),
        withheld: horizon.withheld.as_ref().map(words::withheld).unwrap_or_default(),
    };
    benefit.horizons.iter().map(at).collect()
}

/// True when the option itself was applied, not only what stands beside it.
fn applied(option: &AdjuvantOption) -> bool {
    option.benefit.as_ref().is_some_and(|benefit| benefit.options.contains(&option.listed.id))
}

fn number_needed(number: NumberNeeded) -> String {
    let (what, number) = match number {
        NumberNeeded::ToTreat(number) => ("treat", number),
        NumberNeeded::ToHarm(number) => ("harm", number),
    };
    format!(
        "number needed to {what} {:.0} ({:.0} to {:.0})",
        number.estimate.abs(),
        number.lower95.abs().min(number.upper95.abs()),
        number.lower95.abs().max(number.upper95.abs())
    )
}

fn points_text(share: f64) -> String {
    format!("{:+.1}", 100.0 * share).replace('-', "\u{2212}")
}

fn range(value: &Estimate) -> String {
    let number = |share: f64| format!("{:.1}", 100.0 * share).replace('-', "\u{2212}");
    format!("{} to {}", number(value.lower95), number(value.upper95))
}

fn trial(option: &AdjuvantOption) -> Vec<String> {
    let rates = option.listed.effects.iter().flat_map(|effect| effect.rates.iter().map(move |rate| (effect, rate)));
    rates
        .map(|(effect, rate)| {
            let what = match rate.of {
                RateOf::Event => format!("{} in", words::endpoint(effect.endpoint)),
                RateOf::Free => format!("free of the event ({}):", words::endpoint(effect.endpoint)),
            };
            let years = rate.at_years.map_or_else(String::new, |years| format!(" at {years} years"));
            let against = rate.without_pct.map_or_else(String::new, |without| format!(" against {without} %"));
            let group = rate.group.as_ref().map_or_else(String::new, |group| format!(", {group}"));
            format!("{what} {} %{against}{years}{group}", rate.with_pct)
        })
        .collect()
}

fn effects(option: &AdjuvantOption) -> Vec<String> {
    option
        .listed
        .effects
        .iter()
        .map(|effect| {
            let ratios: Vec<String> = effect
                .periods
                .iter()
                .map(|period| {
                    let interval = period
                        .lower95
                        .zip(period.upper95)
                        .map_or_else(String::new, |(low, high)| format!(" ({} to {})", decimals(low), decimals(high)));
                    format!("{}{interval}", decimals(period.estimate))
                })
                .collect();
            let ratio = if ratios.is_empty() { String::new() } else { format!(", ratio {}", ratios.join(" / ")) };
            let mark = words::recalled(effect.verified, &effect.recalled)
                .map_or_else(String::new, |mark| format!(" [{mark}]"));
            format!(
                "{}{ratio}, from {}; against {}. {}{mark}",
                words::sentence(words::endpoint(effect.endpoint)).trim_end_matches('.'),
                words::time_zero(effect.time_zero),
                effect.comparator,
                effect.source
            )
        })
        .collect()
}

fn harms(option: &AdjuvantOption) -> Vec<String> {
    option
        .listed
        .harms
        .iter()
        .map(|harm| {
            let grade = harm.grade.as_ref().map_or_else(String::new, |grade| format!(", grade {grade}"));
            let rates = match (harm.with_pct, harm.without_pct) {
                (Some(with), Some(without)) => format!(": {with} % against {without} %"),
                (Some(with), None) => format!(": {with} %"),
                _ => String::new(),
            };
            let mark = if harm.verified { "" } else { " [recalled, not read in the source]" };
            format!("{}{grade}{rates} ({}){mark}", harm.what, harm.source)
        })
        .collect()
}

fn chain(from: &Chain) -> ChainView {
    let labels = ["Complete response", "Residual disease"];
    let branches = from.branches.iter().zip(labels).map(|(branch, label)| ChainBranch {
        label,
        prob: IntervalFigure::probability(&branch.prob),
        outlook: match &branch.outlook {
            Outlook::Published(rates) => rates
                .iter()
                .map(|rate| {
                    format!(
                        "{} % event-free at {} years from {} with {}, then {} ({})",
                        rate.event_free_pct,
                        rate.at_years,
                        words::time_zero(rate.time_zero),
                        rate.regimen,
                        rate.post_neoadjuvant,
                        rate.source
                    )
                })
                .collect(),
            Outlook::RatioOnly => {
                vec![
                    "No verified event-free survival by response for this subtype; only the ratio is known.".to_owned(),
                ]
            }
        },
    });
    ChainView {
        introduction: words::CHAIN,
        branches: branches.collect(),
        ratios: from
            .ratios
            .iter()
            .map(|shown| {
                let of = if shown.of_subtype { "her subtype" } else { "all subtypes together" };
                let ratio = &shown.ratio;
                format!(
                    "Events with response against residual disease, {of}: hazard ratio {} ({} to {}). {}",
                    decimals(ratio.estimate),
                    decimals(ratio.lower95),
                    decimals(ratio.upper95),
                    ratio.source
                )
            })
            .collect(),
        warnings: from.warnings.to_vec(),
    }
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
