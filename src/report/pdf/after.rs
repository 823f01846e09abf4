use super::arms::number;
use super::draw::Ink;
use super::flow::{BODY, Flow, SMALL};
use super::table::{Cell, Column, Row, Table};
use super::text::{Align, Para, Run};
use crate::report::view::{
    AdjuvantRow, BenefitAt, BranchView, ChainView, DecisionView, ListedRow, NeoadjuvantRow, PredictGain, TestRow,
};

/// Options before surgery, options after it, the chain to survival, missing tests.
pub(super) fn decision(flow: &mut Flow, decision: &DecisionView) {
    before(flow, &decision.neoadjuvant);
    flow.heading(2, "Options after surgery");
    for (severity, finding) in &decision.findings {
        flow.note(severity, finding);
    }
    if let Some(sentence) = &decision.withheld_answer {
        flow.note("Unclear", sentence);
    }
    flow.paragraph(&Para::plain(format!("{} {}", decision.introduction, decision.assumptions), BODY));
    for branch in &decision.branches {
        self::branch(flow, branch);
    }
    flow.paragraph(&Para::soft(decision.predict_note, SMALL));
    if let Some(found) = &decision.chain {
        chain(flow, found);
    }
    tests(flow, decision.tests_sentence, &decision.tests);
}

fn before(flow: &mut Flow, rows: &[NeoadjuvantRow]) {
    if rows.is_empty() {
        return;
    }
    flow.heading(2, "Options before surgery");
    flow.introduction(&Para::plain(
        "Regimens that are open, or may be, with the response that the model gives for the nearest arm of its trial and what their own trials published: population averages.",
        BODY,
    ));
    let columns = vec![
        Column::new(0.36, Align::Left, "Option"),
        Column::new(0.64, Align::Left, "The model, and what its trials published"),
    ];
    let row = |NeoadjuvantRow { listed: row, regimen, regimen_note, conflicts }: &NeoadjuvantRow| {
        let mut name = vec![Para::bold(row.label.as_str(), 8.8), lead(&row.standing)];
        let said = [row.eligibility.as_str(), row.note.as_str()];
        name.extend(said.into_iter().filter(|text| !text.is_empty()).map(|text| Para::soft(text, 8.0)));
        let number =
            regimen.as_ref().map_or_else(String::new, |each| format!("{} ({}) ", each.text, each.interval_text));
        let mut said = vec![Para::soft(format!("regimen: {number}{regimen_note}"), 8.0)];
        said.extend(published(row));
        said.extend(conflicts.iter().map(|conflict| Para::bold(format!("Conflict. {conflict}"), 8.0)));
        Row { cells: vec![Cell::text(name), Cell::text(said)], ..Row::default() }
    };
    let rows = rows.iter().map(row).collect();
    Table { caption: "Options that are open, or may be".to_owned(), whole: false, columns, rows }.add_to(flow);
}

fn lead(text: &str) -> Para {
    Para::of(vec![Run::new(text, false, Ink::Lead)], 8.0)
}

/// Trial rates and harms, one paragraph each.
fn published(row: &ListedRow) -> Vec<Para> {
    let flagged = |flag: &'static str| {
        move |sentence: &String| {
            let runs = vec![Run::new(flag, true, Ink::Soft), Run::new(format!(" {sentence}."), false, Ink::Soft)];
            Para::of(runs, 8.0)
        }
    };
    row.trial.iter().map(flagged("Trial:")).chain(row.harms.iter().map(flagged("Harm:"))).collect()
}

fn branch(flow: &mut Flow, branch: &BranchView) {
    if let Some(heading) = &branch.heading {
        flow.heading(3, heading);
    }
    let outlook: Vec<Para> = branch.outlook.iter().map(|sentence| Para::plain(sentence.as_str(), BODY)).collect();
    flow.list(&outlook);
    if !branch.cautions.is_empty() {
        flow.paragraph(&Para::soft(branch.cautions.join(" "), SMALL));
    }
    if !branch.rows.is_empty() {
        flow.keep_last();
        let gain = |title: &str, from: &str| Column::new(0.125, Align::Right, title).sub(from);
        let columns = vec![
            Column::new(0.335, Align::Left, "Option"),
            gain("5 years", "regimen"),
            gain("10 years", "regimen"),
            gain("15 years", "regimen"),
            Column::new(0.145, Align::Right, "10 years").sub("PREDICT 3.1"),
            Column::new(0.145, Align::Right, "10 years").sub("PREDICT 3.2"),
        ];
        let rows = branch.rows.iter().flat_map(option).collect();
        let caption = "Options that are open, or may be: points of survival gained, with 95 % intervals".to_owned();
        Table { caption, whole: false, columns, rows }.add_to(flow);
    }
    if !branch.closed.is_empty() {
        flow.introduction(&Para::bold(format!("{} options are closed", branch.closed.len()), SMALL));
        let closed: Vec<Para> = branch.closed.iter().map(|sentence| Para::soft(sentence.as_str(), 8.0)).collect();
        flow.list(&closed);
    }
}

/// An option: its numbers, then what belongs to them.
fn option(row: &AdjuvantRow) -> Vec<Row> {
    let mut name = vec![
        Para::bold(row.listed.label.as_str(), 8.8),
        lead(&row.listed.standing),
        Para::soft(row.listed.eligibility.as_str(), 8.0),
    ];
    if !row.beside.is_empty() {
        name.push(Para::soft(format!("On top of: {}", row.beside), 8.0));
    }
    let mut cells = vec![Cell::text(name)];
    match row.benefits.as_slice() {
        [] => cells.push(reason(&row.benefit_absent).spanning(3)),
        benefits => cells.extend(benefits.iter().map(benefit)),
    }
    match row.predict.as_slice() {
        [] => cells.push(reason(&row.predict_absent).spanning(2)),
        gains => cells.extend(gains.iter().map(predict)),
    }
    let mut detail: Vec<Para> = row.conflicts.iter().map(|sentence| conflict(sentence)).collect();
    detail.extend((!row.listed.note.is_empty()).then(|| Para::soft(row.listed.note.as_str(), 8.0)));
    let other = &row.predict_other_years;
    detail.extend((!other.is_empty()).then(|| Para::soft(format!("{other}."), 8.0)));
    detail.extend(published(&row.listed));
    let more = row.caveats.iter().chain(&row.listed.effects);
    detail.extend(more.map(|sentence| Para::soft(sentence.as_str(), 8.0)));
    let tied = !detail.is_empty();
    let mut rows = vec![Row { cells, tied, ..Row::default() }];
    if tied {
        rows.push(Row { cells: vec![Cell::text(detail).spanning(6)], detail: true, ..Row::default() });
    }
    rows
}

fn conflict(sentence: &str) -> Para {
    Para::of(vec![Run::new("Conflict.", true, Ink::Stop), Run::new(format!(" {sentence}"), false, Ink::Text)], 8.2)
}

fn reason(text: &str) -> Cell {
    Cell::text(vec![Para::of(vec![Run::new(text, false, Ink::Warn)], 8.0)])
}

fn benefit(at: &BenefitAt) -> Cell {
    match &at.gain {
        Some(gain) => {
            let mut paras = number(gain);
            if let Some(text) = &at.number_needed {
                // The interval stands on a line of its own.
                let (needed, interval) = text.split_once(" (").unwrap_or((text, ""));
                paras.push(Para::soft(needed, 8.0));
                paras.extend((!interval.is_empty()).then(|| Para::soft(format!("({interval}"), 8.0)));
            }
            Cell::text(paras)
        }
        None => reason(&at.withheld),
    }
}

fn predict(gain: &PredictGain) -> Cell {
    let mut paras = vec![Para::bold(gain.gain.as_str(), 9.2)];
    paras.extend(gain.range.iter().map(|range| Para::soft(range.as_str(), 8.0)));
    Cell::text(paras)
}

fn chain(flow: &mut Flow, chain: &ChainView) {
    flow.heading(2, "From response to survival");
    flow.paragraph(&Para::plain(chain.introduction, BODY));
    for sentence in &chain.warnings {
        flow.note("Note", sentence);
    }
    let columns = vec![
        Column::new(0.22, Align::Left, "Branch"),
        Column::new(0.18, Align::Left, "Probability").sub("95 % interval"),
        Column::new(0.60, Align::Left, "What is published for it"),
    ];
    let rows = chain.branches.iter().map(|branch| {
        let prob = branch.prob.as_ref().map_or_else(|| vec![Para::soft("\u{2014}", 8.8)], number);
        let outlook = branch.outlook.iter().map(|sentence| Para::plain(sentence.as_str(), 8.4)).collect();
        let cells = vec![Cell::text(vec![Para::bold(branch.label, 8.8)]), Cell::text(prob), Cell::text(outlook)];
        Row { cells, ..Row::default() }
    });
    let rows = rows.collect();
    Table { caption: "Two branches from one probability of response".to_owned(), whole: false, columns, rows }
        .add_to(flow);
    let ratios: Vec<Para> = chain.ratios.iter().map(|sentence| Para::soft(sentence.as_str(), SMALL)).collect();
    flow.list(&ratios);
}

fn tests(flow: &mut Flow, sentence: &str, tests: &[TestRow]) {
    if tests.is_empty() {
        return;
    }
    flow.heading(2, "What a missing test could change");
    flow.introduction(&Para::plain(sentence, BODY));
    let columns = vec![
        Column::new(0.37, Align::Left, "Test"),
        Column::new(0.17, Align::Right, "Expected change"),
        Column::new(0.23, Align::Right, "Interval, now to after"),
        Column::new(0.23, Align::Right, "Another arm would be highest"),
    ];
    let rows = tests.iter().map(|row| {
        let share = row.top_changes.as_deref().unwrap_or("\u{2014}");
        let name = vec![Para::bold(row.test.as_str(), 8.8), Para::soft(format!("{} inputs", row.n_inputs), 8.0)];
        let rest = [row.change.as_str(), row.width.as_str(), share];
        let cells = rest.into_iter().map(|text| Cell::text(vec![Para::plain(text, 8.8)]));
        Row { cells: [Cell::text(name)].into_iter().chain(cells).collect(), ..Row::default() }
    });
    let caption = "Mean over the control and approved arms that have an estimate".to_owned();
    let rows = rows.collect();
    Table { caption, whole: false, columns, rows }.add_to(flow);
}
