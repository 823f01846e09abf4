use serde::Serialize;

use super::listed::ListedRow;
use super::survival::{SurvivalView, YEAR, survival};
use crate::decide::benefit::{Horizon, NumberNeeded};
use crate::decide::options::{Class, TimeZero, Truth};
use crate::decide::sources::{Cell, Column, Conflict};
use crate::report::decision_words as words;
use crate::report::figure::{IntervalFigure, percent_number};
use crate::report::words::list;
use crate::study::decision::{AdjuvantBranch, AdjuvantOption, OutlookAt};

/// Options under one set of assumed states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BranchView {
    /// What is assumed; `None` where nothing is.
    pub heading: Option<String>,
    /// Survival after surgery in every format; `None` where the model gives no number.
    pub survival: Option<SurvivalView>,
    /// What else is said of survival after surgery alone, one sentence per source.
    pub outlook: Vec<String>,
    /// What weakens it: assumed and imputed inputs, cautions.
    pub cautions: Vec<String>,
    /// True when some option has a number; without any, pages list what is published only.
    pub has_numbers: bool,
    /// Options that are open, or may be.
    pub rows: Vec<AdjuvantRow>,
    /// How many of `rows` stand with the same words under an earlier branch.
    pub n_repeated: usize,
    /// Options that are closed, each with the first rule that closes it.
    pub closed: Vec<String>,
    /// The same by rule: (rule, labels).
    pub closed_by: Vec<(String, String)>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdjuvantRow {
    /// Label, rules, rates and harms as published.
    #[serde(flatten)]
    pub listed: ListedRow,
    /// True when the same row, word for word, stands under an earlier branch: a page need not print it again.
    pub repeated: bool,
    /// What both sides of the comparison receive; empty when nothing.
    pub beside: String,
    /// Points of survival gained on the baseline of regimen, at 5, 10 and 15 years; empty where there is no number at all.
    pub benefits: Vec<BenefitAt>,
    /// Why there is no benefit at all.
    pub benefit_absent: String,
    /// PREDICT at ten years, by version.
    pub predict: Vec<PredictGain>,
    /// PREDICT at the other years in one sentence, by version; empty where there is none.
    pub predict_other_years: String,
    /// Why PREDICT says nothing.
    pub predict_absent: String,
    /// What a reader of the numbers must know.
    pub caveats: Vec<String>,
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

pub(super) fn branch(from: &AdjuvantBranch) -> BranchView {
    let survival = survival(from);
    let mut outlook = Vec::new();
    match (&from.survival.absent, at(&from.survival.recalibrated)) {
        (None, Some(_)) => {
            outlook.extend(survival.as_ref().map(|survival| survival.sentence.clone()));
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
    let rows: Vec<AdjuvantRow> = open.into_iter().map(|option| row(option, &from.options)).collect();
    BranchView {
        has_numbers: rows.iter().any(|row| !row.benefits.is_empty() || !row.predict.is_empty()),
        n_repeated: 0,
        heading: words::branch(&from.receptors, from.response),
        survival,
        outlook,
        cautions,
        rows,
        closed_by: closed_by(&closed),
        closed: closed.into_iter().map(closing_rule).collect(),
    }
}

/// Marks the rows that stand word for word under an earlier branch.
pub(super) fn mark_repeated(branches: &mut [BranchView]) {
    for later in 1..branches.len() {
        let (before, rest) = branches.split_at_mut(later);
        let Some(branch) = rest.first_mut() else { continue };
        for row in &mut branch.rows {
            row.repeated = before.iter().flat_map(|branch| &branch.rows).any(|other| {
                let shown = AdjuvantRow { repeated: other.repeated, ..row.clone() };
                *other == shown
            });
        }
        branch.n_repeated = branch.rows.iter().filter(|row| row.repeated).count();
    }
}

fn at(outlook: &[OutlookAt]) -> Option<&OutlookAt> {
    outlook.iter().find(|at| at.years == YEAR)
}

/// The first rule that is not met; empty where none says so.
fn unmet(option: &AdjuvantOption) -> String {
    let rule = option.listed.eligibility.rules.iter().find(|rule| rule.truth == Truth::NotMet);
    rule.map_or_else(String::new, |rule| format!("for {}; here: {}", rule.expected, rule.found))
}

/// The option with the first rule that is not met.
fn closing_rule(option: &AdjuvantOption) -> String {
    let rule = unmet(option);
    if rule.is_empty() { option.listed.label.clone() } else { format!("{}: {rule}.", option.listed.label) }
}

/// Closed options by the rule that closes them, in order of first appearance.
fn closed_by(closed: &[&AdjuvantOption]) -> Vec<(String, String)> {
    let mut groups: Vec<(String, String)> = Vec::new();
    for option in closed {
        let rule = sentence_start(&unmet(option));
        let label = option.listed.label.as_str();
        match groups.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, labels)) => labels.push_str(&format!("; {label}")),
            None => groups.push((rule, label.to_owned())),
        }
    }
    groups
}

fn sentence_start(words: &str) -> String {
    words::sentence(words).trim_end_matches('.').to_owned()
}

/// One sentence per pair of sources and endpoint: the year at which they are furthest apart.
fn conflicts(found: &[Conflict]) -> Vec<String> {
    let mut furthest: Vec<&Conflict> = Vec::new();
    for conflict in found {
        let same = |other: &&mut &Conflict| {
            (other.first, other.second, other.measured.endpoint)
                == (conflict.first, conflict.second, conflict.measured.endpoint)
        };
        match furthest.iter_mut().find(same) {
            Some(kept) if kept.difference.abs() >= conflict.difference.abs() => {}
            Some(kept) => *kept = conflict,
            None => furthest.push(conflict),
        }
    }
    furthest.into_iter().map(words::conflict).collect()
}

fn row(option: &AdjuvantOption, all: &[AdjuvantOption]) -> AdjuvantRow {
    let landmark = option.clock == TimeZero::AfterFiveYearsEndocrine;
    let (mut predict, predict_absent): (Vec<PredictGain>, String) = match &option.sources.predict {
        Column::Numbers(cells) => (
            cells
                .iter()
                .filter(|cell| cell.measured.at_years == Some(YEAR))
                .filter_map(|cell| {
                    let figure = IntervalFigure::points(&cell.value)?;
                    Some(PredictGain {
                        version: cell.from.replace("PREDICT Breast ", ""),
                        gain: figure.text,
                        range: cell.has_interval.then_some(figure.interval_text),
                    })
                })
                .collect(),
            String::new(),
        ),
        Column::Empty(why) => (Vec::new(), words::empty(why)),
    };
    let mut caveats: Vec<String> = option
        .benefit
        .iter()
        .filter(|_| applied(option))
        .flat_map(|benefit| &benefit.caveats)
        .filter_map(words::caveat)
        .collect();
    if landmark {
        // Only 3.2 has a variant that starts after five years.
        predict.splice(
            0..0,
            (!predict.is_empty()).then(|| PredictGain {
                version: "3.1".to_owned(),
                gain: "\u{2014}".to_owned(),
                range: None,
            }),
        );
        caveats.push(words::FROM_YEAR_FIVE.to_owned());
    }
    caveats.sort_unstable();
    caveats.dedup();
    AdjuvantRow {
        listed: ListedRow::of(&option.listed),
        repeated: false,
        beside: beside(option, all),
        benefits: benefits(option),
        benefit_absent: match &option.sources.regimen {
            Column::Empty(why) => words::empty(why),
            Column::Numbers(_) => String::new(),
        },
        predict,
        predict_other_years: other_years(option.sources.predict.cells()),
        predict_absent,
        caveats,
        conflicts: conflicts(&option.sources.conflicts),
    }
}

/// `PREDICT 3.2 at 5 and 15 years: +0.6, +2.4`, the versions one after the other.
fn other_years(cells: &[Cell]) -> String {
    let mut versions: Vec<(&str, Vec<String>, Vec<String>)> = Vec::new();
    for cell in cells {
        let Some(years) = cell.measured.at_years.filter(|&years| years != YEAR) else { continue };
        let Some(gain) = IntervalFigure::points(&cell.value) else { continue };
        match versions.iter_mut().find(|(from, ..)| *from == cell.from) {
            Some((_, at, gains)) => {
                at.push(years.to_string());
                gains.push(gain.text);
            }
            None => versions.push((cell.from.as_str(), vec![years.to_string()], vec![gain.text])),
        }
    }
    let sentence = |(from, at, gains): &(&str, Vec<String>, Vec<String>)| {
        format!("{} at {} years: {}", from.replace("PREDICT Breast", "PREDICT"), list(at), gains.join(", "))
    };
    versions.iter().map(sentence).collect::<Vec<String>>().join("; ")
}

/// What both sides of the comparison receive; empty when nothing.
pub(super) fn beside(option: &AdjuvantOption, all: &[AdjuvantOption]) -> String {
    let given = all.iter().filter(|other| option.beside.contains(&other.listed.id));
    given.map(|other| other.listed.label.as_str()).collect::<Vec<&str>>().join(", ")
}

/// The benefit at every horizon, empty where the option's effect could not be applied.
fn benefits(option: &AdjuvantOption) -> Vec<BenefitAt> {
    let Some(benefit) = option.benefit.as_ref().filter(|_| applied(option)) else { return Vec::new() };
    let at = |horizon: &Horizon| BenefitAt {
        years: horizon.years,
        gain: horizon.gain.as_ref().and_then(|gain| IntervalFigure::points(&gain.survival_benefit)),
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
        NumberNeeded::ToTreat(number) => ("NNT", number),
        NumberNeeded::ToHarm(number) => ("NNH", number),
    };
    format!(
        "{what} {:.0} ({:.0} to {:.0})",
        number.estimate.abs(),
        number.lower95.abs().min(number.upper95.abs()),
        number.lower95.abs().max(number.upper95.abs())
    )
}
