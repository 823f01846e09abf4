//! The report as PDF for paper and archives: A4, real text, tagged after PDF/UA-1, the same bytes from the same view.
//!
//! Lives here: a small layout engine (words into lines, lines and rows into pieces, pieces onto pages) and the sections
//! of the report. krilla enters only here. Deliberately absent: numbers, wording of results, a clock, and the pictures of the
//! images, which stay in the HTML.

mod after;
mod arms;
mod chart;
mod closing;
mod draw;
mod evidence;
mod face;
mod flow;
mod front;
mod paint;
mod table;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use super::html::running_line;
use super::view::ReportView;
use super::{Error, words};
use draw::{Ink, Op, rule};
use flow::{Content, Flow, MARGIN, Piece, Placed, WIDTH, column};
use text::{Align, Para, Run};
use tree::{Kind, NodeId, Tree};

/// The report as the bytes of a PDF.
///
/// # Errors
/// [`Error::Pdf`] when the PDF library refuses the document, which a test excludes for every kind of report.
pub fn pdf(view: &ReportView) -> Result<Vec<u8>, Error> {
    let mut flow = Flow::new();
    let standing = flow.tree.add(Tree::ROOT, Kind::Paragraph);
    front::title(&mut flow, view);
    front::answer(&mut flow, view);
    front::gate(&mut flow, view);
    arms::arms(&mut flow, view);
    if let Some(decision) = &view.decision {
        after::decision(&mut flow, decision);
    }
    evidence::why(&mut flow, view);
    evidence::inputs(&mut flow, view);
    evidence::performance(&mut flow, view);
    closing::limits(&mut flow, view);
    closing::signature(&mut flow);
    let top = if view.synthetic { 82.0 } else { 62.0 };
    let mut pages = flow.pages(top);
    let n_pages = pages.len();
    for (index, page) in pages.iter_mut().enumerate() {
        // The head is read once, on the first page; further pages repeat it for the eye only.
        let node = (index == 0).then_some(standing);
        page.insert(0, Placed { top: 0.0, piece: head(view, index + 1, n_pages, node) });
    }
    paint::paint(&pages, &flow.tree, &about(view))
}

/// What stands at the top of every page.
fn head(view: &ReportView, page: usize, n_pages: usize, node: Option<NodeId>) -> Piece {
    let mut shown = Vec::new();
    let mut drawn = Vec::new();
    let mut y = 24.0;
    if let Some(banner) = view.synthetic_banner {
        drawn.push(Op::Fill { x: MARGIN, y, width: WIDTH, height: 17.0, ink: Ink::Banner });
        drawn.push(Op::Frame { x: MARGIN, y, width: WIDTH, height: 17.0, ink: Ink::Text });
        let (ops, _) = column(&[Para::bold(banner, 9.5)], WIDTH - 12.0);
        shown.extend(ops.into_iter().map(|op| op.moved(MARGIN + 6.0, y + 2.0)));
        y += 20.0;
    }
    let (strong, rest) = words::RESEARCH_USE.split_once(" \u{2014} ").unwrap_or((words::RESEARCH_USE, ""));
    let runs = vec![Run::new(strong, true, Ink::Text), Run::new(format!(" \u{2014} {rest}"), false, Ink::Soft)];
    let (ops, _) = column(&[Para::of(runs, 8.2)], WIDTH);
    shown.extend(ops.into_iter().map(|op| op.moved(MARGIN, y)));
    y += 11.5;
    let (ops, _) = column(&[Para::soft(running_line(view), 8.2)], WIDTH - 80.0);
    drawn.extend(ops.into_iter().map(|op| op.moved(MARGIN, y)));
    let number = Para::soft(format!("Page {page} of {n_pages}"), 8.2).aligned(Align::Right);
    let (ops, _) = column(&[number], 76.0);
    drawn.extend(ops.into_iter().map(|op| op.moved(MARGIN + WIDTH - 76.0, y)));
    drawn.push(rule((MARGIN, y + 13.0), (MARGIN + WIDTH, y + 13.0)));
    let contents = vec![Content { node: None, ops: drawn }, Content { node, ops: shown }];
    Piece { contents, ..Piece::default() }
}

fn about(view: &ReportView) -> paint::About {
    let mark = if view.synthetic { "SYNTHETIC \u{b7} " } else { "" };
    paint::About {
        title: format!("{mark}Treatment-response report {}", view.pseudonym),
        description: view.research_use.to_owned(),
        keywords: vec!["research use only".to_owned(), view.schema.to_owned()],
        creator: format!("regimen {}", view.regimen_version),
    }
}
