use super::draw::{Ink, Op};
use super::text::{Para, Run};
use super::tree::{Kind, NodeId, Tree};

/// Width of A4, points.
pub(super) const PAGE_WIDTH: f32 = 595.28;
/// Height of A4, points.
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// Left and right margin.
pub(super) const MARGIN: f32 = 45.0;
/// Width of the text.
pub(super) const WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Lowest coordinate of text.
pub(super) const BOTTOM: f32 = PAGE_HEIGHT - 44.0;
/// Size of running text, points.
pub(super) const BODY: f32 = 9.5;
/// Size of remarks.
pub(super) const SMALL: f32 = 8.2;

/// Strokes that belong to one part of the document, or to none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    pub(super) node: Option<NodeId>,
    pub(super) ops: Vec<Op>,
}

/// What is never broken over two pages: a line, a row, a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Piece {
    pub(super) height: f32,
    /// Space above it, left out at the top of a page.
    pub(super) gap: f32,
    /// True when the next piece must stand on the same page.
    pub(super) keep_next: bool,
    pub(super) contents: Vec<Content>,
    /// Table head to draw again when a page begins with this piece.
    pub(super) head: Option<usize>,
    /// Text of the outline entry that leads here.
    pub(super) anchor: Option<String>,
}

/// A document in the making: pieces from top to bottom and their structure.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) tree: Tree,
    pub(super) pieces: Vec<Piece>,
    /// Table heads, drawn again on every further page of the table.
    pub(super) heads: Vec<Piece>,
}

/// A piece at its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) top: f32,
    pub(super) piece: Piece,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self { tree: Tree::new(), pieces: Vec::new(), heads: Vec::new() }
    }

    /// A heading of level 1 to 3, on the page of what follows.
    pub(super) fn heading(&mut self, level: u16, text: &str) {
        let (size, gap, after) = match level {
            1 => (17.0, 0.0, 4.0),
            2 => (12.5, 16.0, 3.0),
            _ => (10.5, 9.0, 1.5),
        };
        let node = self.tree.add(Tree::ROOT, Kind::Heading(level, text.to_owned()));
        let para = Para::bold(text, size);
        let lines = para.lines(WIDTH);
        let last = lines.len().saturating_sub(1);
        for (index, ops) in lines.into_iter().enumerate() {
            self.pieces.push(Piece {
                height: para.line_height() + if index == last { after } else { 0.0 },
                gap: if index == 0 { gap } else { 0.0 },
                keep_next: true,
                contents: vec![self::content(node, ops, MARGIN, 0.0)],
                head: None,
                anchor: (index == 0 && level == 2).then(|| text.to_owned()),
            });
        }
    }

    /// A paragraph over the whole width.
    pub(super) fn paragraph(&mut self, para: &Para) {
        self.paragraph_in(para, Tree::ROOT, 0.0, 4.0);
    }

    /// A paragraph that stays on the page of what follows.
    pub(super) fn introduction(&mut self, para: &Para) {
        self.paragraph(para);
        self.keep_last();
    }

    /// A list with bullets.
    pub(super) fn list(&mut self, items: &[Para]) {
        if items.is_empty() {
            return;
        }
        let list = self.tree.add(Tree::ROOT, Kind::List);
        for (index, para) in items.iter().enumerate() {
            let first = self.pieces.len();
            let item = self.tree.add(list, Kind::Item);
            let body = self.tree.add(item, Kind::Body);
            self.lines(para, body, 10.0, if index == 0 { 3.0 } else { 1.5 });
            if let Some(piece) = self.pieces.get_mut(first) {
                let dot = Op::Text {
                    x: MARGIN + 1.0,
                    y: para.size * 0.98,
                    size: para.size,
                    bold: false,
                    ink: Ink::Soft,
                    text: "\u{2022}".to_owned(),
                };
                piece.contents.insert(0, Content { node: None, ops: vec![dot] });
            }
        }
    }

    /// A note with a coloured bar at its left and a bold word before it.
    pub(super) fn note(&mut self, flag: &str, text: &str) {
        let runs = vec![Run::new(format!("{flag}  "), true, Ink::Warn), Run::new(text, false, Ink::Text)];
        let first = self.pieces.len();
        self.paragraph_in(&Para::of(runs, BODY), Tree::ROOT, 10.0, 5.0);
        for piece in self.pieces.iter_mut().skip(first) {
            let bar = Op::Fill { x: MARGIN, y: 0.0, width: 2.5, height: piece.height + 0.5, ink: Ink::Warn };
            piece.contents.insert(0, Content { node: None, ops: vec![bar] });
        }
    }

    /// A piece of its own.
    pub(super) fn piece(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// Keeps the last piece on the page of the next.
    pub(super) fn keep_last(&mut self) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.keep_next = true;
        }
    }

    fn paragraph_in(&mut self, para: &Para, parent: NodeId, indent: f32, gap: f32) {
        let node = self.tree.add(parent, Kind::Paragraph);
        self.lines(para, node, indent, gap);
    }

    /// The lines of a paragraph; no page begins or ends with a single one of them.
    fn lines(&mut self, para: &Para, node: NodeId, indent: f32, gap: f32) {
        let lines = para.lines(WIDTH - indent);
        let count = lines.len();
        for (index, ops) in lines.into_iter().enumerate() {
            let tied = index == 0 || index + 2 == count;
            self.pieces.push(Piece {
                height: para.line_height(),
                gap: if index == 0 { gap } else { 0.0 },
                keep_next: tied && index + 1 < count,
                contents: vec![content(node, ops, MARGIN + indent, 0.0)],
                ..Piece::default()
            });
        }
    }

    /// Puts the pieces on pages whose text begins at `top`: chains that belong together stay together where a page can
    /// hold them, and a page that begins inside a table repeats its head.
    pub(super) fn pages(&self, top: f32) -> Vec<Vec<Placed>> {
        let mut pages: Vec<Vec<Placed>> = vec![Vec::new()];
        let mut y = top;
        let mut index = 0;
        while index < self.pieces.len() {
            let links = self.pieces[index..].iter().take_while(|piece| piece.keep_next).count();
            let end = (index + links + 1).min(self.pieces.len());
            let chain = &self.pieces[index..end];
            let height: f32 = chain.iter().map(|piece| piece.gap + piece.height).sum();
            let whole = height <= BOTTOM - top;
            if y > top && whole && y + height > BOTTOM {
                pages.push(Vec::new());
                y = top;
            }
            for piece in chain {
                if y > top && y + piece.gap + piece.height > BOTTOM {
                    pages.push(Vec::new());
                    y = top;
                }
                let page = pages.last_mut().expect("there is always a page");
                if y <= top {
                    if let Some(head) = piece.head.and_then(|head| self.heads.get(head)) {
                        page.push(Placed { top: y, piece: head.clone() });
                        y += head.height;
                    }
                } else {
                    y += piece.gap;
                }
                page.push(Placed { top: y, piece: piece.clone() });
                y += piece.height;
            }
            index = end;
        }
        pages
    }
}

/// Strokes of one part, moved to their place in a piece.
pub(super) fn content(node: NodeId, ops: Vec<Op>, right: f32, down: f32) -> Content {
    Content { node: Some(node), ops: ops.into_iter().map(|op| op.moved(right, down)).collect() }
}

/// Paragraphs below each other in a column of `width` points: their strokes and their height.
pub(super) fn column(paras: &[Para], width: f32) -> (Vec<Op>, f32) {
    let mut ops = Vec::new();
    let mut y = 0.0;
    for para in paras {
        for line in para.lines(width) {
            ops.extend(line.into_iter().map(|op| op.moved(0.0, y)));
            y += para.line_height();
        }
    }
    (ops, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: f32 = 100.0;

    fn flow(pieces: Vec<Piece>) -> Flow {
        Flow { pieces, ..Flow::new() }
    }

    fn piece(height: f32, keep_next: bool) -> Piece {
        Piece { height, keep_next, gap: 2.0, ..Piece::default() }
    }

    #[test]
    fn a_heading_never_ends_a_page() {
        let mut pieces = vec![piece(BOTTOM - TOP - 30.0, false)];
        pieces.extend([piece(15.0, true), piece(20.0, false)]);
        let pages = flow(pieces).pages(TOP);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(pages[1][0].top, TOP, "no gap at the top of a page");
    }

    #[test]
    fn nothing_stands_below_the_margin_and_nothing_is_lost() {
        let pieces: Vec<Piece> = (0..400).map(|index| piece(3.0 + (index % 17) as f32, index % 5 == 0)).collect();
        let pages = flow(pieces).pages(TOP);
        assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 400);
        for placed in pages.iter().flatten() {
            assert!(placed.top >= TOP && placed.top + placed.piece.height <= BOTTOM + 0.01);
        }
    }

    #[test]
    fn a_chain_longer_than_a_page_is_broken() {
        let pages = flow((0..60).map(|_| piece(40.0, true)).collect()).pages(TOP);
        assert!(pages.len() > 3);
        assert!(pages.iter().flatten().all(|placed| placed.top + 40.0 <= BOTTOM + 0.01));
    }

    #[test]
    fn a_table_repeats_its_head_on_every_further_page() {
        let row = Piece { height: 30.0, head: Some(0), ..Piece::default() };
        let head = Piece { height: 12.0, ..Piece::default() };
        let found = Flow { pieces: vec![row; 60], heads: vec![head], ..Flow::new() }.pages(TOP);
        assert!(found.len() > 2);
        assert!(found.iter().all(|page| page[0].piece.height == 12.0 && page[1].top == TOP + 12.0));
    }
}
