use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

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

/// The deepest nesting of sequences that is read; the deepest in use (structured reports) is far below.
const MAX_DEPTH: usize = 64;

/// Why a dataset is not handed to the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The length of the element with this tag runs past the end.
    Overrun((u16, u16)),
    /// The length of the element with this tag is no multiple of the size of its values.
    Uneven((u16, u16)),
    /// Sequences lie in each other more than 64 deep.
    TooDeep,
}

/// A sequence or item that is open.
#[derive(Clone, Copy)]
struct Level {
    /// [`usize::MAX`] where a delimiter ends it.
    end: usize,
    sequence: bool,
    /// True for the fragments of compressed pixel data.
    pixels: bool,
}

/// The first length that runs past the end of the dataset, or nesting that is too deep.
///
/// The parser allocates what a header promises before it reads, up to 4 GiB per element, and calls itself for each
/// sequence: neither a damaged length nor endless nesting must reach it. The walk takes every step as dicom-parser 0.10
/// takes it (an element of undefined length is a sequence in the same encoding, whatever its VR), so that both read the
/// same headers, and ends without a finding where the parser stops with an error.
///
/// # Source
/// PS3.5 sections 7.1 and 7.5.
pub(super) fn fault(bytes: &[u8], encoding: Encoding) -> Option<Fault> {
    let mut walk = Walk { bytes, encoding, at: 0, in_sequence: false, open: Vec::new() };
    loop {
        match walk.step() {
            Ok(()) => {}
            Err(fault) => return fault,
        }
    }
}

/// The walk through a dataset, header by header.
struct Walk<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
    at: usize,
    /// True where the header of an item is expected.
    in_sequence: bool,
    open: Vec<Level>,
}

impl Walk<'_> {
    fn word(&self, at: usize) -> Result<u16, Option<Fault>> {
        let pair = self.bytes.get(at..at + 2).and_then(|pair| pair.try_into().ok()).ok_or(None)?;
        Ok(if self.encoding.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn long(&self, at: usize) -> Result<usize, Option<Fault>> {
        let four = self.bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or(None)?;
        Ok(if self.encoding.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) } as usize)
    }

    /// One header and what it skips; the error is the end of the walk.
    fn step(&mut self) -> Result<(), Option<Fault>> {
        while let Some(level) = self.open.last().filter(|level| self.at >= level.end) {
            if self.at > level.end {
                return Err(None);
            }
            self.in_sequence = !level.sequence;
            self.open.pop();
        }
        if self.open.len() > 2 * MAX_DEPTH {
            return Err(Some(Fault::TooDeep));
        }
        if self.in_sequence { self.item() } else { self.element() }
    }

    /// Where a value of that length ends.
    fn end_of(&self, value: usize, length: usize, tag: (u16, u16)) -> Result<usize, Option<Fault>> {
        let left = self.bytes.len().checked_sub(value).ok_or(None)?;
        if length > left { Err(Some(Fault::Overrun(tag))) } else { Ok(value + length) }
    }

    /// The header of an item, or a delimiter.
    fn item(&mut self) -> Result<(), Option<Fault>> {
        let (tag, length) = ((self.word(self.at)?, self.word(self.at + 2)?), self.long(self.at + 4)?);
        self.at += 8;
        match tag {
            (0xfffe, 0xe000) => {
                let pixels = self.open.last().ok_or(None)?.pixels;
                let end = match (length, pixels) {
                    (UNDEFINED, true) => return Err(None),
                    (UNDEFINED, false) => usize::MAX,
                    (length, true) => self.end_of(self.at, length, PIXEL_DATA)?,
                    (length, false) => self.end_of(self.at, length, tag)?,
                };
                if pixels {
                    self.at = end;
                } else {
                    self.in_sequence = false;
                    self.open.push(Level { end, sequence: false, pixels });
                }
            }
            (0xfffe, 0xe00d) => drop(self.open.pop()),
            (0xfffe, 0xe0dd) => {
                self.open.pop();
                self.in_sequence = false;
            }
            _ => return Err(None),
        }
        Ok(())
    }

    /// The header of a data element.
    fn element(&mut self) -> Result<(), Option<Fault>> {
        let tag = (self.word(self.at)?, self.word(self.at + 2)?);
        let (value, length, vr) = if tag.0 == 0xfffe {
            (self.at + 8, self.long(self.at + 4)?, VR::UN)
        } else if !self.encoding.explicit {
            (self.at + 8, self.long(self.at + 4)?, implicit_vr(tag))
        } else {
            let name: [u8; 2] =
                self.bytes.get(self.at + 4..self.at + 6).and_then(|vr| vr.try_into().ok()).ok_or(None)?;
            // The parser reads an unknown VR as UN.
            let vr = VR::from_binary(name).unwrap_or(VR::UN);
            if SHORT.contains(&&name) {
                (self.at + 8, usize::from(self.word(self.at + 6)?), vr)
            } else {
                (self.at + 12, self.long(self.at + 8)?, vr)
            }
        };
        let sequence = vr == VR::SQ;
        if tag == (0xfffe, 0xe00d) {
            self.at = value;
            self.in_sequence = self.open.pop().is_some();
            return Ok(());
        }
        if sequence || length == UNDEFINED {
            let end = if length == UNDEFINED { usize::MAX } else { self.end_of(value, length, tag)? };
            let pixels = tag == PIXEL_DATA && !sequence;
            self.open.push(Level { end, sequence: true, pixels });
            (self.in_sequence, self.at) = (true, value);
        } else {
            self.at = self.end_of(value, length, tag)?;
            // The parser leaves what is over of a last value unread, and goes on in the middle of it.
            if length % size_of_value(vr) != 0 && self.at < self.bytes.len() {
                return Err(Some(Fault::Uneven(tag)));
            }
        }
        Ok(())
    }
}

/// The value representation that the parser gives an element without one.
fn implicit_vr(tag: (u16, u16)) -> VR {
    if tag == PIXEL_DATA || (tag.0 >> 8 == 0x60 && tag.1 == 0x3000) {
        return VR::OW;
    }
    StandardDataDictionary.by_tag(Tag(tag.0, tag.1)).map_or(VR::UN, |entry| entry.vr().relaxed())
}

/// Bytes of one binary value; 1 for text and bytes.
fn size_of_value(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::AT | VR::UL | VR::SL | VR::FL | VR::OL | VR::OF => 4,
        VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLICIT: Encoding = Encoding { explicit: true, big: false };

    #[test]
    fn a_length_past_the_end_is_found_at_any_depth() {
        let whole = b"\x08\x00\x60\x00CS\x02\x00MG";
        assert_eq!(fault(whole, EXPLICIT), None);
        assert_eq!(fault(&whole[..9], EXPLICIT), Some(Fault::Overrun((8, 0x60))));
        let nested = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\
            \x08\x00\x50\x11OB\x00\x00\x00\x00\x00\x70";
        assert_eq!(fault(nested, EXPLICIT), Some(Fault::Overrun((8, 0x1150))));
    }

    #[test]
    fn compressed_fragments_are_stepped_over() {
        let file = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\
            \xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xff\xff\xff\xfe\xff\xdd\xe0\x00\x00\x00\x00";
        assert_eq!(fault(file, EXPLICIT), None);
        assert_eq!(fault(&file[..30], EXPLICIT), Some(Fault::Overrun(PIXEL_DATA)));
    }

    #[test]
    fn nesting_without_end_is_told_before_the_parser_follows_it() {
        let sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff";
        assert_eq!(fault(&sequence.repeat(60), EXPLICIT), None);
        assert_eq!(fault(&sequence.repeat(70), EXPLICIT), Some(Fault::TooDeep));
        let unknown = b"\x09\x00\x40\x11UN\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff";
        assert_eq!(fault(&unknown.repeat(70), EXPLICIT), Some(Fault::TooDeep));
        let closed = [&sequence[..], b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"].concat();
        assert_eq!(fault(&closed.repeat(500), EXPLICIT), None, "one after the other is not one inside the other");
    }

    #[test]
    fn what_has_no_length_is_walked_as_the_parser_reads_it() {
        // A damaged tag makes fragments elements: the second holds a length of 4 GiB.
        let file = b"\xc0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\
            \xfe\xff\x00\xe0\x0e\x00\x00\x00\x09\x00\x10\x00OB\x00\x00\xfe\xff\xff\xff\x00\x00";
        assert_eq!(fault(file, EXPLICIT), Some(Fault::Overrun((9, 0x10))));
    }

    #[test]
    fn a_length_that_cuts_a_value_is_found_before_the_parser_goes_astray() {
        // Found by fuzzing: two bytes for a value of four, and a length of 4 GiB where the parser then reads.
        let file = b"\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00";
        assert_eq!(fault(file, Encoding { explicit: false, big: false }), Some(Fault::Uneven((0, 0))));
    }
}
