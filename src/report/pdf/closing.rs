use super::draw::{Ink, Op};
use super::flow::{BODY, Content, Flow, MARGIN, Piece, SMALL, WIDTH, column, content};
use super::front::grid;
use super::text::Para;
use super::tree::{Kind, Tree};
use crate::report::ReportView;

/// Use, limits, sources and versions.
pub(super) fn limits(flow: &mut Flow, view: &ReportView) {
    flow.heading(2, "Intended use and limits");
    flow.paragraph(&Para::plain(view.limits.intended_use, BODY));
    flow.heading(3, "Not for");
    flow.paragraph(&Para::plain(format!("{}.", view.limits.not_for.join("; ")), BODY));
    flow.heading(3, "Limits of every number here");
    let mut limits: Vec<Para> = view.limits.limits.iter().map(|text| Para::plain(*text, BODY)).collect();
    limits.push(Para::plain(view.limits.intervals.as_str(), BODY));
    flow.list(&limits);
    if !view.sources.is_empty() {
        flow.heading(2, "Sources");
        let sources: Vec<Para> = view.sources.iter().map(|text| Para::plain(text.as_str(), SMALL)).collect();
        flow.list(&sources);
    }
    flow.heading(2, "Versions");
    for (index, model) in view.models.iter().enumerate() {
        let name = format!("{} {}{}", model.name, model.version, if index == 0 { " (leads)" } else { "" });
        let trained = format!("{} ({} patients)", model.trained_on, model.n_training);
        let fields = [
            ("Model", name.as_str()),
            ("Predicts", model.target.as_str()),
            ("Trained on", trained.as_str()),
            ("Intervals", model.interval_method.as_str()),
        ];
        grid(flow, &fields, 4);
        flow.keep_last();
        grid(flow, &[("SHA-256", model.sha256.as_str())], 1);
    }
    let program = format!("Program: regimen {} \u{b7} Layout: {}", view.regimen_version, view.schema);
    flow.paragraph(&Para::soft(program, SMALL));
}

/// Lines to sign on.
pub(super) fn signature(flow: &mut Flow) {
    flow.heading(2, "Read by");
    flow.introduction(&Para::soft(
        "A signature records that the page was read. It is not a treatment decision.",
        SMALL,
    ));
    let third = WIDTH / 3.0;
    row(
        flow,
        &[("Name and role", 0.0, third - 14.0), ("Date", third, third - 14.0), ("Signature", 2.0 * third, third)],
    );
    flow.keep_last();
    row(flow, &[("Comments", 0.0, WIDTH)]);
}

fn row(flow: &mut Flow, fields: &[(&str, f32, f32)]) {
    let mut contents = Vec::new();
    for (label, left, width) in fields {
        let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
        let (ops, _) = column(&[Para::soft(*label, 7.8)], *width);
        contents.push(content(node, ops, MARGIN + left, 0.0));
        let y = 36.0;
        let (from, to) = ((MARGIN + left, y), (MARGIN + left + width, y));
        contents
            .push(Content { node: None, ops: vec![Op::Line { from, to, width: 0.7, ink: Ink::Text, dashed: false }] });
    }
    flow.piece(Piece { height: 38.0, gap: 8.0, contents, ..Piece::default() });
}
