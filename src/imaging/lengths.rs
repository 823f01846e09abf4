/// How a dataset is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoding {
    pub explicit: bool,
    pub big: bool,
}

/// A length that means "until the delimiter".
const UNDEFINED: usize = 0xffff_ffff;

/// The tag of PixelData.
const PIXEL_DATA: (u16, u16) = (0x7fe0, 0x0010);

/// The value representations whose explicit header has a length of two bytes.
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];

/// The tag of the first element whose length runs past the end of the dataset.
///
/// The parser allocates what a header promises before it reads, up to 4 GiB per element, so a damaged length must not
/// reach it. Sequences and items are entered without keeping their depth: only lengths matter here. The walk ends
/// without a finding where it cannot follow.
///
/// # Source
/// PS3.5 sections 7.1 and 7.5.
pub(super) fn overrun(bytes: &[u8], encoding: Encoding) -> Option<(u16, u16)> {
    let word = |at: usize| -> Option<u16> {
        let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if encoding.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let long = |at: usize| -> Option<usize> {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if encoding.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) } as usize)
    };
    let (mut at, mut fragments) = (0usize, false);
    loop {
        let tag = (word(at)?, word(at + 2)?);
        if tag.0 == 0xfffe {
            let length = long(at + 4)?;
            at += 8;
            match tag.1 {
                0xe000 if length != UNDEFINED => {
                    if length > bytes.len() - at {
                        return Some(if fragments { PIXEL_DATA } else { tag });
                    }
                    at += if fragments { length } else { 0 };
                }
                0xe0dd => fragments = false,
                _ => {}
            }
            continue;
        }
        let vr: [u8; 2] = bytes.get(at + 4..at + 6)?.try_into().ok()?;
        let (value, length) = if !encoding.explicit {
            (at + 8, long(at + 4)?)
        } else if SHORT.contains(&&vr) {
            (at + 8, usize::from(word(at + 6)?))
        } else {
            // The parser reads an unknown VR as UN.
            (at + 12, long(at + 8)?)
        };
        let pixels = tag == PIXEL_DATA;
        if length == UNDEFINED {
            if pixels {
                fragments = true;
            } else if encoding.explicit && &vr != b"SQ" {
                // A sequence inside UN is written in implicit little endian.
                return None;
            }
            at = value;
            continue;
        }
        if length > bytes.len() - value {
            return Some(tag);
        }
        let sequence = if encoding.explicit {
            &vr == b"SQ"
        } else {
            !pixels && word(value) == Some(0xfffe) && word(value + 2) == Some(0xe000)
        };
        at = if sequence { value } else { value + length };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLICIT: Encoding = Encoding { explicit: true, big: false };

    #[test]
    fn a_length_past_the_end_is_found_at_any_depth() {
        let whole = b"\x08\x00\x60\x00CS\x02\x00MG";
        assert_eq!(overrun(whole, EXPLICIT), None);
        assert_eq!(overrun(&whole[..9], EXPLICIT), Some((8, 0x60)));
        let nested = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\
            \x08\x00\x50\x11OB\x00\x00\x00\x00\x00\x70";
        assert_eq!(overrun(nested, EXPLICIT), Some((8, 0x1150)));
    }

    #[test]
    fn compressed_fragments_are_stepped_over() {
        let file = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\
            \xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xff\xff\xff\xfe\xff\xdd\xe0\x00\x00\x00\x00";
        assert_eq!(overrun(file, EXPLICIT), None);
        assert_eq!(overrun(&file[..30], EXPLICIT), Some(PIXEL_DATA));
    }
}
