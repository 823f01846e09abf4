use std::path::Path;

use super::file_bytes::read_bounded;
use super::raster::MAX_SAMPLES;
use super::{Error, Raster};

/// Reads a PGM file, plain (P2) or binary (P5): grey values on 0..=maxval, 8 or 16 bits, one channel.
///
/// Of a binary file with several images the first is read.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Pgm`] or [`Error::Truncated`] when it is not a whole PGM image.
///
/// # Source
/// Netpbm, pgm(5).
pub fn read_pgm(path: &Path) -> Result<Raster, Error> {
    Ok(decode_pgm(&read_bounded(path)?)?.0)
}

/// True when the bytes open like a PGM file.
pub(super) fn is_pgm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'2' | b'5', next, ..] if next.is_ascii_whitespace() || *next == b'#')
}

/// The raster of a PGM file and its bits per value (8 or 16).
///
/// # Errors
/// As [`read_pgm`].
pub fn decode_pgm(bytes: &[u8]) -> Result<(Raster, usize), Error> {
    let wrong = |reason: &str| Error::Pgm { reason: reason.to_owned() };
    if !is_pgm(bytes) {
        return Err(wrong("neither P2 nor P5"));
    }
    let plain = bytes.get(1) == Some(&b'2');
    let mut words = Words { bytes, at: 2 };
    let mut size =
        || words.number()?.filter(|n| *n > 0).ok_or_else(|| wrong("the header is truncated or holds a zero"));
    let (columns, rows, top) = (size()? as usize, size()? as usize, size()?);
    if top > 65_535 {
        return Err(wrong("a maxval above 65535"));
    }
    let count = rows.checked_mul(columns).filter(|count| *count <= MAX_SAMPLES);
    let count = count.ok_or_else(|| wrong("the header promises too large an image"))?;
    let width = if top > 255 { 2 } else { 1 };
    let values: Vec<u32> = if plain {
        // Every value takes a digit and what parts it from the next, so the file itself bounds the allocation.
        let found = (bytes.len() - words.at).div_ceil(2);
        if found < count {
            return Err(Error::Truncated { expected: 2 * count - 1, found: bytes.len() - words.at });
        }
        let next = |_| words.number()?.ok_or_else(|| wrong("fewer values than its size asks for"));
        (0..count).map(next).collect::<Result<_, _>>()?
    } else {
        // One white space parts the header from the values (a comment may not follow it).
        let start = words.at + 1;
        let expected = count * width;
        let found = bytes.len().saturating_sub(start);
        let stored = bytes.get(start..).and_then(|stored| stored.get(..expected));
        let stored = stored.ok_or(Error::Truncated { expected, found })?;
        if width == 1 {
            stored.iter().map(|byte| u32::from(*byte)).collect()
        } else {
            stored.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).collect()
        }
    };
    if values.iter().any(|value| *value > top) {
        return Err(wrong("a value above its maxval"));
    }
    let pixels = values.iter().map(|value| *value as f32).collect();
    Ok((Raster::new(rows, columns, 1, pixels)?, 8 * width))
}

/// The numbers of a Netpbm header, comments skipped.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Words<'_> {
    /// The next number; `None` at the end of the file.
    fn number(&mut self) -> Result<Option<u32>, Error> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == b'#' {
                let line = self.bytes.get(self.at..).unwrap_or_default();
                self.at += line.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(line.len());
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
        let mut value: Option<u32> = None;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| !byte.is_ascii_whitespace() && **byte != b'#') {
            let digit = char::from(*digit).to_digit(10);
            let grown = digit.and_then(|digit| value.unwrap_or(0).checked_mul(10)?.checked_add(digit));
            value = Some(grown.ok_or_else(|| Error::Pgm { reason: "what should be a number is none".to_owned() })?);
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_binary_values_of_both_widths_are_read() {
        let plain = b"P2 # a comment\n# another\n3 2\n15\n1 2 3\n#in between\n4 5 15";
        let (raster, bits) = decode_pgm(plain).unwrap();
        assert_eq!((raster.rows, raster.columns, raster.channels, bits), (2, 3, 1, 8));
        assert_eq!(raster.pixels, [1.0, 2.0, 3.0, 4.0, 5.0, 15.0]);
        let (raster, bits) = decode_pgm(b"P5\n2 1\n255\n\x0a\xff").unwrap();
        assert_eq!((raster.pixels, bits), (vec![10.0, 255.0], 8), "a value that looks like white space is a value");
        let (raster, bits) = decode_pgm(b"P5 2#c\n1 4095\n\x01\x02\x0f\xff and another image").unwrap();
        assert_eq!((raster.pixels, bits), (vec![258.0, 4095.0], 16));
        assert_eq!(decode_pgm(b"P2 1 1 65535 65535").unwrap().1, 16);
    }

    #[test]
    fn broken_files_are_refused_before_anything_is_allocated() {
        let cases: [(&[u8], &str); 9] = [
            (b"P5\n65535 65535\n255\n", "PGM: the header promises too large an image"),
            (b"P5\n9000 9000\n255\nabc", "pixel data is truncated: expected 81000000 bytes, found 3"),
            (b"P2\n9000 9000\n255\n1 2", "pixel data is truncated: expected 161999999 bytes, found 4"),
            (b"P2\n2 1\n255\n1 ###", "PGM: fewer values than its size asks for"),
            (b"P5\n0 3\n255\n", "PGM: the header is truncated or holds a zero"),
            (b"P5\n3", "PGM: the header is truncated or holds a zero"),
            (b"P5\n1 1\n65536\n11", "PGM: a maxval above 65535"),
            (b"P2\n1 1\n7\n9", "PGM: a value above its maxval"),
            (b"P2\n-1 1\n7\n9", "PGM: what should be a number is none"),
        ];
        for (bytes, message) in cases {
            assert_eq!(decode_pgm(bytes).unwrap_err().to_string(), message);
        }
        assert!(decode_pgm(b"P6 1 1 255 abc").is_err());
    }
}
