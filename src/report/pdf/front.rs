use super::chart;
use super::draw::{Ink, Op, Shape};
use super::face::FACES;
use super::flow::{BODY, Content, Flow, MARGIN, Piece, SMALL, WIDTH, column, content};
use super::table::{Cell, Column, Row, Table};
use super::text::{Align, Para, Run};
use super::tree::{Kind, Tree};
use crate::report::ReportView;
use crate::report::figure::IntervalFigure;
use crate::report::view::{AnswerView, GateView, Measure, PerformanceMeasure};

/// Width of the drawing beside the answer.
const ASIDE: f32 = 128.0;

/// Title and identity strip.
pub(super) fn title(flow: &mut Flow, view: &ReportView) {
    flow.heading(1, &format!("Treatment-response report {}", view.pseudonym));
    let fields: Vec<(&str, &str)> = view.identity.iter().map(|field| (field.label, field.text.as_str())).collect();
    grid(flow, &fields, 4);
}

/// Labels with their texts, side by side.
pub(super) fn grid(flow: &mut Flow, fields: &[(&str, &str)], columns: usize) {
    let share = WIDTH / columns as f32;
    for row in fields.chunks(columns) {
        let mut contents = Vec::new();
        let mut tallest = 0.0_f32;
        for (index, (label, text)) in row.iter().enumerate() {
            let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
            let (ops, height) = column(&[Para::soft(*label, 7.8), Para::plain(*text, 9.0)], share - 10.0);
            contents.push(content(node, ops, MARGIN + index as f32 * share, 0.0));
            tallest = tallest.max(height);
        }
        flow.piece(Piece { height: tallest, gap: 4.0, contents, ..Piece::default() });
    }
}

/// The one-line answer, or why there is none.
pub(super) fn answer(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, view.answer.heading);
    let given = view.answer.estimate.is_some();
    let bar = if given { Ink::Lead } else { Ink::Stop };
    let left = MARGIN + 12.0;
    let width = if given { WIDTH - 12.0 - ASIDE - 18.0 } else { WIDTH - 12.0 };
    let mut contents = Vec::new();
    let mut y = 0.0;
    if let Some(estimate) = &view.answer.estimate {
        let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
        contents.push(content(node, big(estimate), left, 0.0));
        y = 36.0;
    }
    for para in sentences(&view.answer) {
        let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
        let (ops, height) = column(std::slice::from_ref(&para), width);
        contents.push(content(node, ops, left, y));
        y += height + 3.5;
    }
    if let Some(frequency) = &view.answer.frequency {
        let (icons, side) = chart::icons(frequency.with_response);
        let x = MARGIN + WIDTH - ASIDE;
        let node = flow.tree.add(Tree::ROOT, Kind::Figure(frequency.sentence.clone()));
        contents.push(content(node, icons, x, 2.0));
        let key = [
            (true, format!("{} with no invasive cancer left", frequency.with_response)),
            (false, format!("{} with some left", frequency.without_response)),
        ];
        for (index, (solid, text)) in key.into_iter().enumerate() {
            let top = side + 6.0 + 12.0 * index as f32;
            let ink = if solid { Ink::Lead } else { Ink::Soft };
            let dot = Op::Mark { shape: Shape::Circle, at: (x + 5.3, top + 5.4), radius: 3.4, ink, filled: solid };
            contents.push(Content { node: None, ops: vec![dot] });
            let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
            let (ops, _) = column(&[Para::plain(text, 8.0)], ASIDE - 13.0);
            contents.push(content(node, ops, x + 13.0, top));
        }
        y = y.max(side + 34.0);
    }
    let line = Op::Fill { x: MARGIN, y: 0.0, width: 3.5, height: y, ink: bar };
    contents.insert(0, Content { node: None, ops: vec![line] });
    flow.piece(Piece { height: y, gap: 2.0, contents, ..Piece::default() });
    for caution in &view.answer.cautions {
        flow.note("Note", caution);
    }
    if view.arms_shown {
        flow.paragraph(&Para::soft(view.outcome, SMALL));
    }
}

/// The number in large type with its interval on the same line.
fn big(estimate: &IntervalFigure) -> Vec<Op> {
    const SIZE: f32 = 30.0;
    let number = format!("{} ", estimate.text).replace(" %", "\u{a0}%");
    let x = FACES.bold.width(&number, SIZE) + 3.0;
    let interval = format!("95\u{a0}% interval {}", estimate.interval_text.replace(" %", "\u{a0}%"));
    let text = |x, size, bold, ink, text| Op::Text { x, y: 26.0, size, bold, ink, text };
    vec![text(0.0, SIZE, true, Ink::Lead, number), text(x, 12.0, false, Ink::Text, interval)]
}

fn sentences(answer: &AnswerView) -> Vec<Para> {
    let mut paras = Vec::new();
    let arm = answer.arm_sentence.as_ref().map_or_else(String::new, |text| format!(" {text}"));
    paras.push(Para::plain(format!("{}{arm}", answer.sentence), 10.5));
    let frequency = answer.frequency.as_ref().map(|frequency| &frequency.sentence);
    paras.extend(frequency.map(|text| Para::bold(text.as_str(), BODY)));
    let rest = [&answer.reference_class, &answer.observed];
    paras.extend(rest.into_iter().flatten().map(|text| Para::plain(text.as_str(), BODY)));
    paras
}

/// Whether the model applies.
pub(super) fn gate(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "Does the model of response apply?");
    let gate = &view.applicability;
    let (ink, shape) = sign(gate);
    let runs = vec![Run::new(format!("{}. ", gate.label), true, ink), Run::new(gate.sentence, false, Ink::Text)];
    let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
    let (ops, height) = column(&[Para::of(runs, 10.0)], WIDTH - 14.0);
    let mark = Op::Mark { shape, at: (MARGIN + 5.0, 7.0), radius: 3.6, ink, filled: true };
    let contents = vec![Content { node: None, ops: vec![mark] }, content(node, ops, MARGIN + 14.0, 0.0)];
    flow.piece(Piece { height, gap: 2.0, keep_next: true, contents, ..Piece::default() });
    let reasons: Vec<Para> = gate.reasons.iter().map(|reason| Para::plain(reason.as_str(), BODY)).collect();
    flow.list(&reasons);
    let plain = |measure: &Measure| measure_row(measure.label, &measure.figure.text, &measure.sentence);
    let mut rows: Vec<Row> = gate.distance.iter().chain(&gate.n_subtype).map(plain).collect();
    rows.push(plain(&gate.completeness));
    let performance = |each: &PerformanceMeasure| {
        let figure = format!("{} ({})", each.figure.text, each.figure.interval_text);
        measure_row(each.label, &figure, each.sentence)
    };
    rows.extend(gate.performance.iter().map(performance));
    let columns = vec![
        Column::new(0.30, Align::Left, "Measure"),
        Column::new(0.20, Align::Left, "Value"),
        Column::new(0.50, Align::Left, "What it means"),
    ];
    Table { caption: "How near this record is to the training data".to_owned(), whole: false, columns, rows }
        .add_to(flow);
}

fn sign(gate: &GateView) -> (Ink, Shape) {
    match gate.class() {
        "applies" => (Ink::Good, Shape::Circle),
        "caution" => (Ink::Warn, Shape::Triangle),
        _ => (Ink::Stop, Shape::Square),
    }
}

fn measure_row(label: &str, figure: &str, sentence: &str) -> Row {
    let cells = vec![
        Cell::text(vec![Para::plain(label, 8.8)]),
        Cell::text(vec![Para::bold(figure, 8.8)]),
        Cell::text(vec![Para::soft(sentence, 8.4)]),
    ];
    Row { cells, ..Row::default() }
}
