use serde::Serialize;

use super::{AdjuvantRow, BranchView, OptionRow, ReportView};
use crate::report::case_words as words;
use crate::report::figure::{IntervalFigure, signed};
use crate::study::Hypothetical;

/// What marks a report of changed inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HypotheticalView {
    /// Banner of every page.
    pub banner: &'static str,
    /// What the result is, and what it is not.
    pub sentence: &'static str,
    /// Every input that differs from the record; empty where nothing differs.
    pub changes: Vec<ChangedRow>,
}

/// One changed input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedRow {
    /// Label.
    pub label: String,
    /// On record, with its unit.
    pub from: String,
    /// Hypothetical, with its unit.
    pub to: String,
    /// That it follows from another change; empty where it was asked for.
    pub note: &'static str,
}

pub(super) fn hypothetical(from: &Hypothetical) -> HypotheticalView {
    let row = |changed: &crate::study::ChangedInput| ChangedRow {
        label: changed.label.clone(),
        from: words::value(changed.from.as_deref(), &changed.unit),
        to: words::value(changed.to.as_deref(), &changed.unit),
        note: if changed.follows { "follows from the other changes" } else { "" },
    };
    HypotheticalView {
        banner: words::HYPOTHETICAL,
        sentence: words::WHAT_IF,
        changes: from.changes.iter().map(row).collect(),
    }
}

/// A number on record beside the hypothetical one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThenAndNow {
    /// What the number is about.
    pub label: String,
    /// On record: the number with its interval, or why there is none.
    pub then: String,
    /// Hypothetical.
    pub now: String,
    /// The difference, where both are numbers.
    pub difference: String,
}

/// A report beside the hypothetical one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIfView {
    /// The answer in one line, on record.
    pub answer_then: String,
    /// The hypothetical answer.
    pub answer_now: String,
    /// Number of the answer, receptor subtype and verdict.
    pub headline: Vec<ThenAndNow>,
    /// Probability of response by arm.
    pub arms: Vec<ThenAndNow>,
    /// Survival gained at the longest horizon with a number, by option after surgery, where both records have one branch.
    pub options: Vec<ThenAndNow>,
    /// What cannot be compared; empty when nothing.
    pub options_note: &'static str,
}

impl WhatIfView {
    /// The numbers of `then` beside those of `now`.
    #[must_use]
    pub fn new(then: &ReportView, now: &ReportView) -> Self {
        let headline = vec![
            pair("Answer", then.answer.estimate.as_ref(), now.answer.estimate.as_ref(), Unit::Share),
            same("Receptor subtype", then.subtype, now.subtype),
            same("Does the model apply?", then.applicability.label, now.applicability.label),
        ];
        let arm = |row: &OptionRow| {
            let before = then.options.iter().find(|other| other.id == row.id).and_then(|other| other.estimate.as_ref());
            let numbers = before.is_some() || row.estimate.is_some();
            numbers.then(|| pair(&row.label, before, row.estimate.as_ref(), Unit::Share))
        };
        let arms = if now.arms_shown { now.options.iter().filter_map(arm).collect() } else { Vec::new() };
        let (options, options_note) = match (branches(then), branches(now)) {
            ([then], [now]) => (gains(then, now), ""),
            ([], []) => (Vec::new(), ""),
            _ => (
                Vec::new(),
                "The options after surgery depend on states that are not settled; the whole report shows them.",
            ),
        };
        Self {
            answer_then: then.answer.sentence.clone(),
            answer_now: now.answer.sentence.clone(),
            headline,
            arms,
            options,
            options_note,
        }
    }
}

fn branches(view: &ReportView) -> &[BranchView] {
    view.decision.as_ref().map_or(&[], |decision| decision.branches.as_slice())
}

fn gains(then: &BranchView, now: &BranchView) -> Vec<ThenAndNow> {
    let mut rows = Vec::new();
    for row in &now.rows {
        let before = then.rows.iter().find(|other| other.listed.label == row.listed.label);
        let compared = row.benefits.iter().rev().find_map(|at| {
            let gain = at.gain.as_ref()?;
            Some((at.years, before.and_then(|other| gain_at(other, at.years)), gain))
        });
        if let Some((years, before, gain)) = compared {
            let label = format!("{}: survival gained at {years} years", row.listed.label);
            rows.push(pair(&label, before, Some(gain), Unit::Points));
        }
    }
    let named = |rows: &[AdjuvantRow]| rows.iter().map(|row| row.listed.label.clone()).collect::<Vec<_>>();
    let (open_then, open_now) = (named(&then.rows), named(&now.rows));
    let closed = open_then.iter().filter(|label| !open_now.contains(label));
    rows.extend(closed.map(|label| same(label, "open, or may be", "closed")));
    let opened = open_now.iter().filter(|label| !open_then.contains(label));
    rows.extend(opened.map(|label| same(label, "closed", "open, or may be")));
    rows
}

fn gain_at(row: &AdjuvantRow, years: f64) -> Option<&IntervalFigure> {
    row.benefits.iter().find(|at| at.years == years).and_then(|at| at.gain.as_ref())
}

/// How a difference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Shares, whose difference is points.
    Share,
    /// Already points.
    Points,
}

fn pair(label: &str, then: Option<&IntervalFigure>, now: Option<&IntervalFigure>, unit: Unit) -> ThenAndNow {
    let text = |figure: Option<&IntervalFigure>| {
        figure.map_or_else(
            || "No number".to_owned(),
            |figure| match unit {
                Unit::Share => format!("{} (95 % interval {})", figure.text, figure.interval_text),
                Unit::Points => format!("{} points (95 % interval {})", figure.text, figure.interval_text),
            },
        )
    };
    let difference = then.zip(now).map(|(then, now)| 100.0 * (now.estimate - then.estimate));
    ThenAndNow {
        label: label.to_owned(),
        then: text(then),
        now: text(now),
        difference: difference.map(points).unwrap_or_default(),
    }
}

/// A difference in percentage points with its sign.
fn points(difference: f64) -> String {
    let rounded = (difference * 10.0).round() / 10.0;
    let text = signed(rounded);
    format!("{} points", text.strip_suffix('0').unwrap_or(&text))
}

fn same(label: &str, then: &str, now: &str) -> ThenAndNow {
    let changed = if then == now { "unchanged" } else { "changed" };
    ThenAndNow { label: label.to_owned(), then: then.to_owned(), now: now.to_owned(), difference: changed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::normal;
    use crate::report::{html, json};
    use crate::study::{ChangedInput, InputAge};
    use crate::terms::Estimate;

    fn changed() -> crate::study::Assessment {
        let mut from = normal();
        let change = ChangedInput {
            column: "age_years".to_owned(),
            label: "Age <b>".to_owned(),
            unit: "years".to_owned(),
            from: Some("47".to_owned()),
            to: None,
            follows: true,
        };
        from.hypothetical = Some(Hypothetical { changes: vec![change] });
        if let Some(option) = from.options.iter_mut().find(|option| option.id == "Pembro") {
            option.estimate = Some(Estimate { estimate: 0.5, lower95: 0.4, upper95: 0.6 });
        }
        from
    }

    #[test]
    fn a_hypothetical_report_says_so_in_title_running_line_page_and_json_and_no_other_does() {
        let view = ReportView::new(&changed());
        let page = html(&view).unwrap();
        assert!(page.contains("<title>SYNTHETIC · HYPOTHETICAL · "));
        assert_eq!(page.matches("HYPOTHETICAL").count(), 3, "title, banner and running line");
        assert!(page.contains("Inputs that differ from the record") && page.contains("not given"));
        assert!(page.contains("follows from the other changes") && !page.contains("Age <b>"));
        let value: serde_json::Value = serde_json::from_str(&json(&view)).unwrap();
        assert_eq!(value["hypothetical"]["changes"][0]["from"], "47 years");
        let plain = ReportView::new(&normal());
        assert!(plain.hypothetical.is_none());
        assert!(!html(&plain).unwrap().contains("HYPOTHETICAL") && !json(&plain).contains("HYPOTHETICAL"));
    }

    #[test]
    fn numbers_then_and_now_stand_in_one_row_with_their_difference() {
        let compared = WhatIfView::new(&ReportView::new(&normal()), &ReportView::new(&changed()));
        let answer = &compared.headline[0];
        assert_eq!(answer.then, "58 % (95 % interval 42 to 73 %)");
        assert_eq!(
            (answer.now.as_str(), answer.difference.as_str()),
            ("50 % (95 % interval 40 to 60 %)", "\u{2212}8.4 points")
        );
        assert_eq!(compared.headline[1].difference, "unchanged");
        let control = compared.arms.iter().find(|row| row.label == "Paclitaxel, then AC").unwrap();
        assert_eq!((control.then == control.now, control.difference.as_str()), (true, "0.0 points"));
        assert_eq!(compared.arms.len(), 3, "arms without a number on either side are left out");
    }

    #[test]
    fn ages_stand_at_their_inputs_and_images() {
        let mut from = normal();
        let age = |input: &str, days: Option<f64>, stale| InputAge {
            input: input.to_owned(),
            days,
            limit_days: Some(90.0),
            stale,
        };
        from.ages = vec![age("functional_tumour_volume", Some(120.0), true), age("mri", None, false)];
        let page = html(&ReportView::new(&from)).unwrap();
        assert!(page.contains("Old: taken 120 days before the decision; the limit is 90 days."));
        assert!(page.contains("The study did not pass the quality gate. Date not recorded."));
    }
}
