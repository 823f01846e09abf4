use std::num::{NonZeroU16, NonZeroU32};

use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};
use krilla::text::{GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

use super::draw::{Ink, Op, Shape};
use super::face::FACES;
use super::flow::{Content, PAGE_HEIGHT, PAGE_WIDTH, Placed};
use super::tree::{Kind, NodeId, Tree};
use crate::report::Error;

/// What the document says about itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct About {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) keywords: Vec<String>,
    pub(super) creator: String,
}

/// The pages as PDF 1.7, tagged after PDF/UA-1, without a date: the same pages give the same bytes.
///
/// # Errors
/// [`Error::Pdf`] when krilla refuses the document.
pub(super) fn paint(pages: &[Vec<Placed>], tree: &Tree, about: &About) -> Result<Vec<u8>, Error> {
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| Error::Pdf { message: format!("{error:?}") })?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let mut leaves: Vec<Vec<Identifier>> = vec![Vec::new(); tree.nodes.len()];
    let mut outline = Outline::new();
    let size = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT).expect("A4 has a size");
    for (index, placed) in pages.iter().enumerate() {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        for each in placed {
            for content in &each.piece.contents {
                draw(&mut surface, content, each.top, &mut leaves);
            }
            if let Some(text) = &each.piece.anchor {
                let at = XyzDestination::new(index, Point::from_xy(0.0, (each.top - 12.0).max(0.0)));
                outline.push_child(OutlineNode::new(text.clone(), at));
            }
        }
        surface.finish();
        page.finish();
    }
    document.set_outline(outline);
    document.set_metadata(
        Metadata::new()
            .title(about.title.clone())
            .description(about.description.clone())
            .keywords(about.keywords.clone())
            .creator(about.creator.clone())
            .language("en".to_owned()),
    );
    let mut tags = TagTree::new();
    tags.push(group(tree, Tree::ROOT, &leaves));
    document.set_tag_tree(tags);
    document.finish().map_err(|error| Error::Pdf { message: error.to_string() })
}

fn draw(surface: &mut Surface, content: &Content, top: f32, leaves: &mut [Vec<Identifier>]) {
    if content.ops.is_empty() {
        return;
    }
    match content.node {
        Some(NodeId(node)) => {
            let leaf = surface.start_tagged(ContentTag::Other);
            if let Some(found) = leaves.get_mut(node) {
                found.push(leaf);
            }
        }
        None => {
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
        }
    }
    for op in &content.ops {
        stroke(surface, &op.clone().moved(0.0, top));
    }
    surface.end_tagged();
}

fn group(tree: &Tree, id: NodeId, leaves: &[Vec<Identifier>]) -> TagGroup {
    let NodeId(index) = id;
    let Some(node) = tree.nodes.get(index) else { return TagGroup::new(Tag::Part) };
    let span = NonZeroU32::new(node.span).filter(|span| span.get() > 1);
    let kind: TagKind = match &node.kind {
        Kind::Part => Tag::Part.into(),
        Kind::Heading(level, text) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(text.clone())).into()
        }
        Kind::Paragraph => Tag::P.into(),
        Kind::List => Tag::L(ListNumbering::Disc).into(),
        Kind::Item => Tag::LI.into(),
        Kind::Body => Tag::LBody.into(),
        Kind::Table => Tag::Table.into(),
        Kind::Caption => Tag::Caption.into(),
        Kind::Head => Tag::THead.into(),
        Kind::Rows => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowHead => Tag::TH(TableHeaderScope::Row).with_col_span(span).into(),
        Kind::Cell => Tag::TD.with_col_span(span).into(),
        Kind::Figure(text) => Tag::Figure(Some(text.clone())).into(),
    };
    let mut group = TagGroup::new(kind);
    for leaf in leaves.get(index).into_iter().flatten() {
        group.push(*leaf);
    }
    for child in &node.children {
        group.push(self::group(tree, *child, leaves));
    }
    group
}

fn fill(ink: Ink) -> Option<Fill> {
    let [red, green, blue] = ink.rgb();
    Some(Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() })
}

fn pen(ink: Ink, width: f32, dashed: bool) -> Option<Stroke> {
    let [red, green, blue] = ink.rgb();
    let dash = dashed.then(|| StrokeDash { array: vec![2.6, 1.8], offset: 0.0 });
    Some(Stroke { paint: rgb::Color::new(red, green, blue).into(), width, dash, ..Stroke::default() })
}

fn stroke(surface: &mut Surface, op: &Op) {
    match op {
        Op::Text { x, y, size, bold, ink, text } => {
            let face = FACES.of(*bold);
            let glyphs: Vec<KrillaGlyph> = text
                .char_indices()
                .map(|(at, sign)| {
                    let glyph = face.glyph(sign);
                    let range = at..at + sign.len_utf8();
                    KrillaGlyph::new(GlyphId::new(glyph.id), glyph.advance, 0.0, 0.0, 0.0, range, None)
                })
                .collect();
            surface.set_stroke(None);
            surface.set_fill(fill(*ink));
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, face.font.clone(), text, *size, false);
        }
        Op::Fill { x, y, width, height, ink } => {
            path(surface, fill(*ink), None, |builder| {
                if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                    builder.push_rect(rect);
                }
            });
        }
        Op::Frame { x, y, width, height, ink } => {
            path(surface, None, pen(*ink, 0.7, false), |builder| {
                if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                    builder.push_rect(rect);
                }
            });
        }
        Op::Line { from, to, width, ink, dashed } => {
            path(surface, None, pen(*ink, *width, *dashed), |builder| {
                builder.move_to(from.0, from.1);
                builder.line_to(to.0, to.1);
            });
        }
        Op::Mark { shape, at, radius, ink, filled } => {
            let inside = if *filled { *ink } else { Ink::White };
            path(surface, fill(inside), pen(*ink, 0.8, false), |builder| mark(builder, *shape, *at, *radius));
        }
    }
}

fn path(surface: &mut Surface, fill: Option<Fill>, stroke: Option<Stroke>, build: impl FnOnce(&mut PathBuilder)) {
    let mut builder = PathBuilder::new();
    build(&mut builder);
    if let Some(path) = builder.finish() {
        surface.set_fill(fill);
        surface.set_stroke(stroke);
        surface.draw_path(&path);
    }
}

fn mark(builder: &mut PathBuilder, shape: Shape, (x, y): (f32, f32), r: f32) {
    let corners: &[(f32, f32)] = match shape {
        Shape::Square => &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
        Shape::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        Shape::Triangle => &[(0.0, -1.2), (1.2, 0.9), (-1.2, 0.9)],
        Shape::Circle => &[],
    };
    for (index, (right, down)) in corners.iter().enumerate() {
        let to = (x + right * r, y + down * r);
        if index == 0 { builder.move_to(to.0, to.1) } else { builder.line_to(to.0, to.1) }
    }
    if shape == Shape::Circle {
        // Four cubic arcs; 0.5523 is the usual control length of a quarter circle.
        let k = 0.5523 * r;
        builder.move_to(x + r, y);
        builder.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
        builder.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
        builder.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
        builder.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
    }
    builder.close();
}
