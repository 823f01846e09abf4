use std::collections::HashMap;
use std::sync::LazyLock;

use krilla::text::Font;

/// The signs and advances of one embedded font, read from its own tables.
#[derive(Debug)]
pub(super) struct Face {
    /// What krilla embeds.
    pub(super) font: Font,
    glyphs: HashMap<char, Glyph>,
    missing: Glyph,
}

/// One sign: its glyph and its advance as a share of the type size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    pub(super) id: u32,
    pub(super) advance: f32,
}

/// The two weights of the report.
#[derive(Debug)]
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

/// Drawn for every sign that the fonts do not have.
pub(super) const MISSING: char = '\u{25a1}';

/// The fonts of the binary, read once.
pub(super) static FACES: LazyLock<Faces> = LazyLock::new(|| Faces {
    regular: Face::read(include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/templates/fonts/regimen-sans-regular.ttf"
    ))),
    bold: Face::read(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/fonts/regimen-sans-semibold.ttf"))),
});

impl Face {
    fn read(bytes: &'static [u8]) -> Self {
        let font = Font::new(bytes.to_vec().into(), 0).expect("the font of the binary is one, a test reads it");
        let glyphs = metrics(bytes).expect("the font of the binary has its tables, a test reads them");
        let missing = glyphs.get(&MISSING).copied().unwrap_or(Glyph { id: 0, advance: 0.5 });
        Self { font, glyphs, missing }
    }

    /// The sign as it can be drawn: itself, a plain twin, or [`MISSING`].
    pub(super) fn drawn(&self, sign: char) -> char {
        match sign {
            _ if self.glyphs.contains_key(&sign) => sign,
            '\t' | '\n' | '\r' | '\u{2009}' | '\u{200a}' => ' ',
            _ => MISSING,
        }
    }

    /// Glyph and advance of a sign, those of [`MISSING`] where the font has none.
    pub(super) fn glyph(&self, sign: char) -> Glyph {
        self.glyphs.get(&sign).copied().unwrap_or(self.missing)
    }

    /// Width of `text` at `size`, in points.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|sign| self.glyph(sign).advance * size).sum()
    }
}

impl Faces {
    pub(super) fn of(&self, bold: bool) -> &Face {
        if bold { &self.bold } else { &self.regular }
    }
}

/// Glyph and advance of every character, `None` where a table is absent or short.
fn metrics(bytes: &[u8]) -> Option<HashMap<char, Glyph>> {
    let units = f32::from(u16_at(table(bytes, b"head")?, 18)?);
    let n_advances = usize::from(u16_at(table(bytes, b"hhea")?, 34)?);
    let advances = table(bytes, b"hmtx")?;
    let advance = |id: u16| -> Option<f32> {
        let row = usize::from(id).min(n_advances.checked_sub(1)?);
        Some(f32::from(u16_at(advances, 4 * row)?) / units)
    };
    let mut found = HashMap::new();
    for (code, id) in characters(table(bytes, b"cmap")?)? {
        let sign = char::from_u32(u32::from(code));
        if let (Some(sign), Some(advance)) = (sign, advance(id)) {
            found.insert(sign, Glyph { id: u32::from(id), advance });
        }
    }
    Some(found)
}

/// Code and glyph of the segments of a `cmap` subtable of format 4.
fn characters(cmap: &[u8]) -> Option<Vec<(u16, u16)>> {
    let n_tables = usize::from(u16_at(cmap, 2)?);
    let starts = (0..n_tables).filter_map(|index| u32_at(cmap, 4 + 8 * index + 4));
    let subtable = starts.filter_map(|at| cmap.get(at..)).find(|each| u16_at(each, 0) == Some(4))?;
    let twice = usize::from(u16_at(subtable, 6)?);
    let (ends, begins, deltas, offsets) = (14, 16 + twice, 16 + 2 * twice, 16 + 3 * twice);
    let mut found = Vec::new();
    for at in (0..twice).step_by(2) {
        let (begin, end) = (u16_at(subtable, begins + at)?, u16_at(subtable, ends + at)?);
        let (delta, offset) = (u16_at(subtable, deltas + at)?, usize::from(u16_at(subtable, offsets + at)?));
        for code in begin..=end.min(0xfffe) {
            let id = if offset == 0 {
                code.wrapping_add(delta)
            } else {
                match u16_at(subtable, offsets + at + offset + 2 * usize::from(code - begin))? {
                    0 => 0,
                    id => id.wrapping_add(delta),
                }
            };
            if id != 0 {
                found.push((code, id));
            }
        }
    }
    Some(found)
}

fn table<'a>(bytes: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let n_tables = usize::from(u16_at(bytes, 4)?);
    let record = (0..n_tables).map(|index| 12 + 16 * index).find(|at| bytes.get(*at..at + 4) == Some(&tag[..]))?;
    let start = u32_at(bytes, record + 8)?;
    bytes.get(start..start + u32_at(bytes, record + 12)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let [a, b] = [u16_at(bytes, at)?, u16_at(bytes, at + 2)?];
    Some(usize::from(a) << 16 | usize::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fonts_have_every_sign_that_reports_use() {
        let signs = "AZaz09 −–—·≤≥×²³µμ½¼→←…’‘“”äöüÄÖÜßéñ%+±§°≈□●○λΣ\u{a0}";
        for face in [&FACES.regular, &FACES.bold] {
            assert_eq!(signs.chars().filter(|sign| face.drawn(*sign) != *sign).collect::<String>(), "");
            assert!(signs.chars().all(|sign| face.glyph(sign).id != 0 && face.glyph(sign).advance > 0.0));
        }
    }

    #[test]
    fn a_sign_without_a_glyph_is_drawn_as_a_box() {
        for sign in ['漢', '\u{1f600}', '\u{0}', '\u{feff}', '\u{e000}'] {
            assert_eq!(FACES.regular.drawn(sign), MISSING, "{sign:?}");
            assert_eq!(FACES.regular.glyph(sign), FACES.regular.glyph(MISSING));
        }
        assert_eq!(FACES.bold.drawn('\n'), ' ');
    }

    #[test]
    fn digits_are_equally_wide() {
        let width = |sign| FACES.regular.glyph(sign).advance;
        assert!("0123456789".chars().all(|digit| width(digit) == width('0')));
    }

    #[test]
    fn a_damaged_font_gives_no_metrics() {
        let whole = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/fonts/regimen-sans-regular.ttf"));
        for length in (0..whole.len()).step_by(997) {
            let _ = metrics(&whole[..length]);
        }
        assert!(metrics(&whole[..100]).is_none());
    }
}
