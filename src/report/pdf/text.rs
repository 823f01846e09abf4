use super::draw::{Ink, Op};
use super::face::FACES;

/// Text in one style.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) bold: bool,
    pub(super) ink: Ink,
}

impl Run {
    pub(super) fn new(text: impl Into<String>, bold: bool, ink: Ink) -> Self {
        Self { text: text.into(), bold, ink }
    }
}

/// Where lines stand in their column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Align {
    #[default]
    Left,
    Right,
    Centre,
}

/// A paragraph: runs of one size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Para {
    pub(super) runs: Vec<Run>,
    pub(super) size: f32,
    pub(super) align: Align,
}

/// Line height as a multiple of the type size.
const LEADING: f32 = 1.32;
/// From the top of a line to its baseline, as a multiple of the type size.
const BASELINE: f32 = 0.98;

impl Para {
    /// Plain text.
    pub(super) fn plain(text: impl Into<String>, size: f32) -> Self {
        Self::of(vec![Run::new(text, false, Ink::Text)], size)
    }

    /// Plain text in the colour of remarks.
    pub(super) fn soft(text: impl Into<String>, size: f32) -> Self {
        Self::of(vec![Run::new(text, false, Ink::Soft)], size)
    }

    /// Bold text.
    pub(super) fn bold(text: impl Into<String>, size: f32) -> Self {
        Self::of(vec![Run::new(text, true, Ink::Text)], size)
    }

    pub(super) fn of(runs: Vec<Run>, size: f32) -> Self {
        Self { runs, size, align: Align::Left }
    }

    pub(super) fn aligned(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// Height of one of its lines, in points.
    pub(super) fn line_height(&self) -> f32 {
        self.size * LEADING
    }

    /// Breaks into lines no wider than `width` points; every line as strokes from the column's left and the line's top.
    ///
    /// Lines break at spaces; a word wider than the column breaks after a sign that is neither letter nor digit, else
    /// anywhere. An empty paragraph has no lines.
    pub(super) fn lines(&self, width: f32) -> Vec<Vec<Op>> {
        let mut lines: Vec<Vec<Fragment>> = vec![Vec::new()];
        let mut used = 0.0;
        for word in self.words(width) {
            let wide: f32 = word.fragments.iter().map(|fragment| self.width(fragment)).sum();
            let space = word.fragments.first().map_or(0.0, |first| FACES.of(first.bold).width(" ", self.size));
            let line = lines.last_mut().expect("there is always a line");
            let fits = line.is_empty() || used + if word.spaced { space } else { 0.0 } + wide <= width;
            if fits {
                if word.spaced && !line.is_empty() {
                    used += space;
                    push(line, " ", word.fragments.first());
                }
            } else {
                // The break is a space for whoever copies the text.
                push(line, " ", None);
                lines.push(Vec::new());
                used = 0.0;
            }
            let line = lines.last_mut().expect("there is always a line");
            used += wide;
            for fragment in word.fragments {
                push(line, &fragment.text, Some(&fragment));
            }
        }
        lines.retain(|line| !line.is_empty());
        lines.iter().map(|line| self.strokes(line, width)).collect()
    }

    fn strokes(&self, line: &[Fragment], width: f32) -> Vec<Op> {
        let ends = line.len().saturating_sub(1);
        let shown = |(index, fragment): (usize, &Fragment)| {
            let text = if index == ends { fragment.text.trim_end_matches(' ') } else { &fragment.text };
            FACES.of(fragment.bold).width(text, self.size)
        };
        let wide: f32 = line.iter().enumerate().map(shown).sum();
        let mut x = match self.align {
            Align::Left => 0.0,
            Align::Right => (width - wide).max(0.0),
            Align::Centre => (width - wide).max(0.0) / 2.0,
        };
        line.iter()
            .map(|fragment| {
                let op = Op::Text {
                    x,
                    y: self.size * BASELINE,
                    size: self.size,
                    bold: fragment.bold,
                    ink: fragment.ink,
                    text: fragment.text.clone(),
                };
                x += self.width(fragment);
                op
            })
            .collect()
    }

    fn width(&self, fragment: &Fragment) -> f32 {
        FACES.of(fragment.bold).width(&fragment.text, self.size)
    }

    /// Words with their styles; a word may hold several styles, and none is wider than `width`.
    fn words(&self, width: f32) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let mut open = false;
        for run in &self.runs {
            let face = FACES.of(run.bold);
            // Percent signs stay with their numbers.
            let text: String = run.text.replace(" %", "\u{a0}%").chars().map(|sign| face.drawn(sign)).collect();
            for (index, part) in text.split(' ').enumerate() {
                if index > 0 {
                    open = false;
                }
                if part.is_empty() {
                    continue;
                }
                for (at, chunk) in chunks(part, run.bold, self.size, width).into_iter().enumerate() {
                    let fragment = Fragment { text: chunk, bold: run.bold, ink: run.ink };
                    match words.last_mut() {
                        Some(word) if open && at == 0 => word.fragments.push(fragment),
                        _ => words.push(Word { spaced: at == 0, fragments: vec![fragment] }),
                    }
                    open = true;
                }
            }
        }
        words
    }
}

struct Word {
    /// True when a space stands before it, false for the rest of a broken word.
    spaced: bool,
    fragments: Vec<Fragment>,
}

#[derive(Debug, Clone, PartialEq)]
struct Fragment {
    text: String,
    bold: bool,
    ink: Ink,
}

/// Adds text to a line, joined to the last fragment where the style is the same.
fn push(line: &mut Vec<Fragment>, text: &str, style: Option<&Fragment>) {
    match (line.last_mut(), style) {
        (Some(last), None) => last.text.push_str(text),
        (Some(last), Some(style)) if (last.bold, last.ink) == (style.bold, style.ink) => last.text.push_str(text),
        (_, Some(style)) => line.push(Fragment { text: text.to_owned(), ..*style }),
        (None, None) => {}
    }
}

/// A word in pieces no wider than `width`, usually one.
fn chunks(word: &str, bold: bool, size: f32, width: f32) -> Vec<String> {
    let face = FACES.of(bold);
    if face.width(word, size) <= width {
        return vec![word.to_owned()];
    }
    let signs: Vec<char> = word.chars().collect();
    let mut found = Vec::new();
    let mut rest = signs.as_slice();
    while !rest.is_empty() {
        let mut used = 0.0;
        let fit = rest.iter().take_while(|sign| {
            used += face.glyph(**sign).advance * size;
            used <= width
        });
        let most = fit.count().max(1);
        let soft = rest[..most].iter().rposition(|sign| !sign.is_alphanumeric()).map(|at| at + 1);
        let length = if most == rest.len() { most } else { soft.filter(|at| 2 * at > most).unwrap_or(most) };
        found.push(rest[..length].iter().collect());
        rest = &rest[length..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(para: &Para, width: f32) -> Vec<String> {
        let line = |ops: Vec<Op>| {
            ops.into_iter()
                .map(|op| match op {
                    Op::Text { text, .. } => text,
                    _ => String::new(),
                })
                .collect()
        };
        para.lines(width).into_iter().map(line).collect()
    }

    fn ends(para: &Para, width: f32) -> Vec<f32> {
        let end = |ops: &Vec<Op>| match ops.last() {
            Some(Op::Text { x, text, bold, size, .. }) => x + FACES.of(*bold).width(text.trim_end_matches(' '), *size),
            _ => 0.0,
        };
        para.lines(width).iter().map(end).collect()
    }

    #[test]
    fn no_line_is_wider_than_its_column() {
        let text = "word ".repeat(40) + &"a-very-long-folder-name/with/many/levels/".repeat(5) + &"9f2c1ab0".repeat(8);
        for width in [20.0, 55.0, 120.0, 400.0] {
            for align in [Align::Left, Align::Right, Align::Centre] {
                let para = Para::plain(text.clone(), 9.0).aligned(align);
                assert!(ends(&para, width).iter().all(|end| *end <= width + 0.01), "{width}");
                let joined: String = texts(&para, width).concat();
                assert_eq!(joined.replace(' ', ""), text.replace(' ', ""), "nothing is lost");
            }
        }
    }

    #[test]
    fn right_aligned_lines_end_at_the_column() {
        let para = Para::plain("42 to 73 % of a hundred women", 9.0).aligned(Align::Right);
        assert!(ends(&para, 60.0).iter().all(|end| (end - 60.0).abs() < 0.01));
    }

    #[test]
    fn a_percent_sign_never_begins_a_line() {
        let para = Para::plain("between 42 % and 73 %", 9.0);
        for width in 20..90 {
            assert!(texts(&para, width as f32).iter().all(|line| !line.starts_with('%')), "{width}");
        }
    }

    #[test]
    fn styles_may_change_inside_a_word() {
        let runs = vec![Run::new("Note", true, Ink::Warn), Run::new(": read this", false, Ink::Text)];
        assert_eq!(texts(&Para::of(runs, 9.0), 400.0), ["Note: read this"]);
        let para = Para::of(vec![Run::new("a ", true, Ink::Text), Run::new("b", false, Ink::Text)], 9.0);
        assert_eq!(texts(&para, 400.0), ["a b"]);
    }

    #[test]
    fn signs_without_a_glyph_become_boxes_and_nothing_fails() {
        assert_eq!(texts(&Para::plain("漢 \u{0}x", 9.0), 400.0), ["□ □x"]);
        assert!(texts(&Para::plain("", 9.0), 10.0).is_empty());
        assert_eq!(texts(&Para::plain("ab", 9.0), 0.0), ["a ", "b"]);
    }
}
