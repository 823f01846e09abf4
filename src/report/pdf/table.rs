use super::draw::{Ink, Op, rule};
use super::flow::{Content, Flow, MARGIN, Piece, WIDTH, column, content};
use super::text::{Align, Para};
use super::tree::{Kind, NodeId, Tree};

/// Space between two columns.
const GUTTER: f32 = 7.0;
/// Space above and below the text of a row.
const PAD: f32 = 3.2;
/// A row taller than this is broken into several.
const TALLEST: f32 = 240.0;

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// Share of the width of the text.
    pub(super) share: f32,
    pub(super) align: Align,
    /// Heading.
    pub(super) title: Vec<Para>,
    /// Strokes of the heading, from the left and the bottom of its cell.
    pub(super) axis: Vec<Op>,
}

impl Column {
    pub(super) fn new(share: f32, align: Align, title: &str) -> Self {
        Self { share, align, title: vec![Para::bold(title, 8.2)], axis: Vec::new() }
    }

    /// Adds a second line to the heading.
    pub(super) fn sub(mut self, text: &str) -> Self {
        self.title.push(Para::soft(text, 7.6));
        self
    }
}

/// A cell: paragraphs, or strokes over a given height.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) paras: Vec<Para>,
    /// Strokes from the left of the cell and the middle of its height.
    pub(super) chart: Vec<Op>,
    /// Columns that it spans; 0 counts as 1.
    pub(super) span: usize,
}

impl Cell {
    pub(super) fn text(paras: Vec<Para>) -> Self {
        Self { paras, ..Self::default() }
    }

    pub(super) fn chart(chart: Vec<Op>) -> Self {
        Self { chart, ..Self::default() }
    }

    pub(super) fn spanning(mut self, columns: usize) -> Self {
        self.span = columns;
        self
    }
}

/// A row; the first cell is its heading.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// True for the row that the answer is about.
    pub(super) marked: bool,
    /// True when the next row belongs to it: no rule between them, and the same page.
    pub(super) tied: bool,
    /// True for a row that continues the one above: none of its cells is a heading.
    pub(super) detail: bool,
}

/// A table over the width of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) caption: String,
    /// True for a table that stands on one page where a page can hold it.
    pub(super) whole: bool,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

struct Edges {
    left: f32,
    width: f32,
}

impl Table {
    fn edges(&self, first: usize, span: usize) -> Edges {
        let left: f32 = self.columns.iter().take(first).map(|column| column.share * WIDTH).sum();
        let all: f32 = self.columns.iter().skip(first).take(span).map(|column| column.share * WIDTH).sum();
        let last = first + span >= self.columns.len();
        Edges { left: MARGIN + left, width: (all - if last { 0.0 } else { GUTTER }).max(10.0) }
    }

    /// Adds the table to a document: caption, head and rows; the head is repeated where a page breaks.
    pub(super) fn add_to(&self, flow: &mut Flow) {
        let table = flow.tree.add(Tree::ROOT, Kind::Table);
        let caption = flow.tree.add(table, Kind::Caption);
        let para = Para::soft(self.caption.as_str(), 8.2);
        let (ops, height) = column(std::slice::from_ref(&para), WIDTH);
        flow.piece(Piece {
            height: height + 2.0,
            gap: 6.0,
            keep_next: true,
            contents: vec![content(caption, ops, MARGIN, 0.0)],
            ..Piece::default()
        });
        let group = flow.tree.add(table, Kind::Head);
        let row = flow.tree.add(group, Kind::Row);
        let head = self.head(flow, row);
        let repeated = flow.heads.len();
        let without_node = |each: &Content| Content { node: None, ops: each.ops.clone() };
        flow.heads.push(Piece {
            contents: head.contents.iter().map(without_node).collect(),
            keep_next: false,
            ..head.clone()
        });
        flow.piece(head);
        let body = flow.tree.add(table, Kind::Rows);
        for row in &self.rows {
            self.row(flow, body, row, repeated);
            if self.whole {
                flow.keep_last();
            }
        }
        if let (true, Some(last)) = (self.whole, flow.pieces.last_mut()) {
            last.keep_next = false;
        }
    }

    fn head(&self, flow: &mut Flow, row: NodeId) -> Piece {
        let cells: Vec<(Edges, Vec<Op>, f32)> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, each)| {
                let edges = self.edges(index, 1);
                let title: Vec<Para> = each.title.iter().map(|para| para.clone().aligned(each.align)).collect();
                let (ops, height) = column(&title, edges.width);
                (edges, ops, height)
            })
            .collect();
        let tallest = cells.iter().map(|(_, _, height)| *height).fold(12.0, f32::max);
        let mut contents = Vec::new();
        for ((edges, ops, height), each) in cells.into_iter().zip(&self.columns) {
            let node = flow.tree.add(row, Kind::ColumnHead);
            contents.push(content(node, ops, edges.left, PAD + tallest - height));
            if !each.axis.is_empty() {
                let ops = each.axis.iter().map(|op| op.clone().moved(edges.left, PAD + tallest)).collect();
                contents.push(Content { node: None, ops });
            }
        }
        let bottom = tallest + 2.0 * PAD;
        let line = Op::Line {
            from: (MARGIN, bottom),
            to: (MARGIN + WIDTH, bottom),
            width: 0.9,
            ink: Ink::Text,
            dashed: false,
        };
        contents.push(Content { node: None, ops: vec![line] });
        Piece { height: bottom, keep_next: true, contents, ..Piece::default() }
    }

    fn row(&self, flow: &mut Flow, body: NodeId, row: &Row, head: usize) {
        let node = flow.tree.add(body, Kind::Row);
        let mut cells = Vec::new();
        let mut first = 0;
        for (index, cell) in row.cells.iter().enumerate() {
            let span = cell.span.max(1);
            let kind = if index == 0 && !row.detail { Kind::RowHead } else { Kind::Cell };
            let id = flow.tree.add_spanning(node, kind, u32::try_from(span).unwrap_or(1));
            let edges = self.edges(first, span);
            let align = self.columns.get(first).map_or(Align::Left, |column| column.align);
            let align = if span > 1 { Align::Left } else { align };
            let paras: Vec<Para> = cell.paras.iter().map(|para| para.clone().aligned(align)).collect();
            cells.push((id, edges.left, slices(&paras, edges.width), &cell.chart));
            first += span;
        }
        let parts = cells.iter().map(|(_, _, slices, _)| slices.len()).max().unwrap_or(1).max(1);
        for part in 0..parts {
            let tallest = cells.iter().filter_map(|(_, _, slices, _)| slices.get(part)).map(|(_, height)| *height);
            let inner = tallest.fold(10.0, f32::max);
            let height = inner + 2.0 * PAD;
            let mut contents = Vec::new();
            if row.marked {
                let fill = Op::Fill { x: MARGIN - 6.0, y: 0.0, width: WIDTH + 12.0, height, ink: Ink::Faint };
                let bar = Op::Fill { x: MARGIN - 6.0, y: 0.0, width: 2.5, height, ink: Ink::Lead };
                contents.push(Content { node: None, ops: vec![fill, bar] });
            }
            for (id, left, slices, chart) in &cells {
                if let Some((ops, _)) = slices.get(part) {
                    contents.push(content(*id, ops.clone(), *left, PAD));
                }
                if part == 0 && !chart.is_empty() {
                    let middle = PAD + inner.min(34.0) / 2.0;
                    let ops = chart.iter().map(|op| op.clone().moved(*left, middle)).collect();
                    contents.push(Content { node: None, ops });
                }
            }
            let last = part + 1 == parts;
            if last && !row.tied {
                contents.push(Content { node: None, ops: vec![rule((MARGIN, height), (MARGIN + WIDTH, height))] });
            }
            let keep_next = row.tied && last;
            flow.piece(Piece { height, keep_next, contents, head: Some(head), ..Piece::default() });
        }
    }
}

/// The lines of a cell in slices of at most [`TALLEST`] points, each from its own top.
fn slices(paras: &[Para], width: f32) -> Vec<(Vec<Op>, f32)> {
    let mut slices: Vec<(Vec<Op>, f32)> = vec![(Vec::new(), 0.0)];
    for para in paras {
        for line in para.lines(width) {
            let mut slice = slices.last_mut().expect("there is always a slice");
            if slice.1 + para.line_height() > TALLEST {
                slices.push((Vec::new(), 0.0));
                slice = slices.last_mut().expect("there is always a slice");
            }
            let down = slice.1;
            slice.0.extend(line.into_iter().map(|op| op.moved(0.0, down)));
            slice.1 += para.line_height();
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, words: usize) -> Table {
        let columns =
            vec![Column::new(0.5, Align::Left, "Arm"), Column::new(0.5, Align::Right, "Estimate").sub("95 %")];
        let cell = || Cell::text(vec![Para::plain("word ".repeat(words), 8.8)]);
        let row = Row { cells: vec![cell(), cell()], ..Row::default() };
        Table { caption: "All arms".to_owned(), whole: false, columns, rows: vec![row; rows] }
    }

    #[test]
    fn every_row_has_a_heading_and_as_many_cells_as_columns() {
        let mut flow = Flow::new();
        table(3, 2).add_to(&mut flow);
        let of = |kind: Kind| flow.tree.nodes.iter().filter(|node| node.kind == kind).count();
        assert_eq!([of(Kind::Row), of(Kind::ColumnHead), of(Kind::RowHead), of(Kind::Cell)], [4, 2, 3, 3]);
    }

    #[test]
    fn a_row_too_tall_for_a_page_goes_on_on_the_next() {
        let mut flow = Flow::new();
        table(1, 3000).add_to(&mut flow);
        let pages = flow.pages(100.0);
        assert!(pages.len() > 3, "{}", pages.len());
        assert!(pages.iter().flatten().all(|placed| placed.top + placed.piece.height <= super::super::flow::BOTTOM));
    }

    #[test]
    fn a_whole_table_begins_on_the_page_that_can_hold_it() {
        let mut flow = Flow::new();
        flow.piece(Piece { height: 500.0, ..Piece::default() });
        Table { whole: true, ..table(12, 2) }.add_to(&mut flow);
        let pages = flow.pages(100.0);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1, 14]);
    }

    #[test]
    fn columns_do_not_overlap() {
        let table = table(1, 1);
        let (left, right) = (table.edges(0, 1), table.edges(1, 1));
        assert!(left.left + left.width < right.left);
        assert!((right.left + right.width - MARGIN - WIDTH).abs() < 0.01);
    }
}
