use super::chart;
use super::draw::Ink;
use super::flow::{BODY, Flow, MARGIN, Piece, SMALL, WIDTH, content};
use super::table::{Cell, Column, Row, Table};
use super::text::{Align, Para, Run};
use super::tree::{Kind, Tree};
use crate::report::ReportView;
use crate::report::figure::IntervalFigure;
use crate::report::view::OptionRow;

/// Share of the chart's column.
const CHART: f32 = 0.22;
/// Share of a column of numbers.
const ESTIMATE: f32 = 0.145;
/// Width of the chart, points.
const AXIS: f32 = CHART * WIDTH - 7.0;

/// The arms before surgery, with every number that the view shows.
pub(super) fn arms(flow: &mut Flow, view: &ReportView) {
    if !view.arms_shown {
        return;
    }
    flow.heading(2, "Treatment arms of the trial");
    flow.introduction(&Para::plain(view.order.as_str(), BODY));
    let shown = Shown::of(view);
    let rows: Vec<Row> = view.options.iter().filter(|row| !row.not_given()).map(|row| shown.arm(row)).collect();
    let caption = "Probability of pCR by arm for this patient, and the rate observed in the subtype".to_owned();
    Table { caption, whole: true, columns: shown.columns(), rows }.add_to(flow);
    if shown.plot {
        let (ops, text) = chart::key(view.answer.given, !view.other_models.is_empty(), shown.observed);
        let node = flow.tree.add(Tree::ROOT, Kind::Paragraph);
        let contents = vec![content(node, ops, MARGIN, 0.0)];
        flow.piece(Piece { height: 12.0, gap: 4.0, keep_next: true, contents, ..Piece::default() });
        flow.paragraph(&text);
    }
    if let Some(sentence) = &view.not_given {
        flow.paragraph(&Para::plain(sentence.as_str(), BODY));
    }
    for note in &view.option_notes {
        flow.paragraph(&Para::soft(note.as_str(), SMALL));
    }
    others(flow, view);
}

/// Which columns have something to show.
struct Shown {
    plot: bool,
    observed: bool,
    count: bool,
}

impl Shown {
    fn of(view: &ReportView) -> Self {
        let observed = view.options.iter().any(|row| row.observed.is_some());
        Self {
            plot: observed || view.options.iter().any(|row| row.estimate.is_some()),
            observed,
            count: view.options.iter().any(|row| row.n_comparable.is_some()),
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = Vec::new();
        if self.plot {
            let mut plot = Column::new(CHART, Align::Left, "");
            plot.title = vec![Para::soft(" ", 7.6)];
            plot.axis = chart::axis(AXIS);
            columns.extend([Column::new(ESTIMATE, Align::Right, "Model estimate").sub("95 % interval"), plot]);
        } else {
            columns.push(Column::new(0.40, Align::Left, "Model estimate"));
        }
        if self.observed {
            columns.push(Column::new(ESTIMATE, Align::Right, "Observed rate").sub("95 % interval"));
        }
        if self.count {
            columns.push(Column::new(0.12, Align::Right, "Patients").sub("of the subtype"));
        }
        let rest = 1.0 - columns.iter().map(|column| column.share).sum::<f32>();
        columns.insert(0, Column::new(rest, Align::Left, "Arm"));
        columns
    }

    fn arm(&self, row: &OptionRow) -> Row {
        let standing = if row.is_received { format!("{} \u{b7} received", row.standing) } else { row.standing.clone() };
        let mut name =
            vec![Para::bold(row.label.as_str(), 8.8), Para::of(vec![Run::new(standing, false, Ink::Lead)], 8.0)];
        let more = [row.composition.as_str(), row.note.as_str()];
        name.extend(more.into_iter().filter(|text| !text.is_empty()).map(|text| Para::soft(text, 8.0)));
        let mut estimate = match &row.estimate {
            Some(figure) => number(figure),
            None => vec![Para::soft("No estimate", 8.8)],
        };
        if !row.reason.is_empty() {
            estimate.push(Para::of(vec![Run::new(row.reason.as_str(), false, Ink::Warn)], 8.0));
        }
        let mut cells = vec![Cell::text(name), Cell::text(estimate)];
        if self.plot {
            cells.push(Cell::chart(chart::intervals(row, AXIS)));
        }
        if self.observed {
            let mut observed = row.observed.as_ref().map_or_else(|| vec![Para::soft("\u{2014}", 8.8)], number);
            observed.extend(row.observed_count.iter().map(|count| Para::soft(count.as_str(), 8.0)));
            cells.push(Cell::text(observed));
        }
        if self.count {
            let count = row.n_comparable.map_or_else(|| "\u{2014}".to_owned(), |n| n.to_string());
            cells.push(Cell::text(vec![Para::plain(count, 8.8)]));
        }
        Row { cells, marked: row.is_answer, ..Row::default() }
    }
}

/// A number with its interval below it.
pub(super) fn number(figure: &IntervalFigure) -> Vec<Para> {
    vec![Para::bold(figure.text.as_str(), 9.2), Para::soft(figure.interval_text.as_str(), 8.0)]
}

fn others(flow: &mut Flow, view: &ReportView) {
    flow.heading(3, "Side by side with other models");
    flow.paragraph(&Para::plain(view.other_models_sentence.as_str(), BODY));
    let (Some(lead), false) = (view.models.first(), view.other_models.is_empty()) else { return };
    flow.keep_last();
    let share = 0.58 / (view.other_models.len() as f32 + 2.0);
    let mut columns =
        vec![Column::new(0.42, Align::Left, "Arm"), Column::new(share, Align::Right, &lead.name).sub("leads")];
    columns.extend(view.other_models.iter().map(|name| Column::new(share, Align::Right, name)));
    columns.push(Column::new(share, Align::Right, "Observed"));
    let cell =
        |figure: Option<&IntervalFigure>| Cell::text(figure.map_or_else(|| vec![Para::soft("\u{2014}", 8.8)], number));
    let rows = view.options.iter().filter(|row| row.estimate.is_some()).map(|row| {
        let mut cells = vec![Cell::text(vec![Para::plain(row.label.as_str(), 8.8)]), cell(row.estimate.as_ref())];
        cells.extend(row.other_models.iter().map(|other| cell(other.estimate.as_ref())));
        cells.push(cell(row.observed.as_ref()));
        Row { cells, ..Row::default() }
    });
    let rows = rows.collect();
    Table { caption: "Estimates of every model, by arm, with 95 % intervals".to_owned(), whole: false, columns, rows }
        .add_to(flow);
}
