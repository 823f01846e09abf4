use std::path::Path;

/// Where the dataset of a DICOM file starts and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Byte offset of the dataset.
    pub dataset: usize,
    /// Transfer syntax UID, declared or sniffed.
    pub transfer_syntax: String,
    /// The native syntax the dataset is in, where it is not the one that the transfer syntax implies.
    pub encoding: Option<&'static str>,
    /// Departures from the file format that were tolerated.
    pub warnings: Vec<String>,
}

pub(super) const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
pub(super) const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
pub(super) const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
pub(super) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// The eight bytes with which every PNG file starts.
pub(super) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What a byte string looks like, in words that hold none of it.
pub(super) fn describe(bytes: &[u8]) -> &'static str {
    let head = bytes.get(..512).unwrap_or(bytes);
    if bytes.is_empty() {
        "an empty file"
    } else if bytes.starts_with(PNG_SIGNATURE) {
        "a PNG file"
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        "a JPEG file"
    } else if bytes.starts_with(b"\x1f\x8b") {
        "a gzip file"
    } else if bytes.starts_with(b"PK\x03\x04") {
        "a ZIP file"
    } else if bytes.starts_with(b"%PDF") {
        "a PDF file"
    } else if head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..=0xff))
        && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true)
    {
        "text"
    } else {
        "other bytes"
    }
}

/// True when the name says that the file means to be DICOM.
pub(super) fn named_dicom(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ["dcm", "dicom", "ima"].iter().any(|known| ext.eq_ignore_ascii_case(known)))
}

/// The layout of a DICOM file, with or without preamble and file meta information; `None` when it is not DICOM.
///
/// # Source
/// PS3.10 section 7.1; PS3.5 section 7.1 for the element headers that are sniffed.
pub(super) fn layout(bytes: &[u8]) -> Option<Layout> {
    let mut warnings = Vec::new();
    let start = if bytes.get(128..132) == Some(b"DICM") {
        132
    } else if bytes.starts_with(b"DICM") {
        warnings.push("no preamble".to_owned());
        4
    } else if matches!(bytes, [2, 0, _, 0, b'A'..=b'Z', b'A'..=b'Z', ..]) {
        warnings.push("no preamble".to_owned());
        0
    } else {
        let transfer_syntax = sniff_dataset(bytes)?;
        warnings.push(format!("no preamble and no file meta information, read as {transfer_syntax}"));
        return Some(Layout { dataset: 0, transfer_syntax: transfer_syntax.to_owned(), encoding: None, warnings });
    };
    let (dataset, declared) = read_meta(bytes, start);
    let mut encoding = None;
    let transfer_syntax = match declared {
        Some(uid) => {
            let sniffed = bytes.get(dataset..).and_then(sniff_dataset);
            let wrong = match sniffed {
                Some(IMPLICIT_LITTLE) => !matches!(uid.as_str(), IMPLICIT_LITTLE | EXPLICIT_BIG | DEFLATED),
                Some(EXPLICIT_LITTLE) => uid == IMPLICIT_LITTLE,
                _ => false,
            };
            if let (true, Some(sniffed)) = (wrong, sniffed) {
                warnings.push(format!("the dataset is written in {sniffed}, not as its transfer syntax says"));
                encoding = Some(sniffed);
            }
            uid
        }
        None => {
            let sniffed = bytes.get(dataset..).and_then(sniff_dataset).unwrap_or(IMPLICIT_LITTLE);
            warnings.push(format!("the file meta information has no transfer syntax, read as {sniffed}"));
            sniffed.to_owned()
        }
    };
    Some(Layout { dataset, transfer_syntax, encoding, warnings })
}

/// Walks the group 0002 elements from `start`: where they end, and the transfer syntax among them.
fn read_meta(bytes: &[u8], start: usize) -> (usize, Option<String>) {
    let (mut at, mut transfer_syntax) = (start, None);
    while let Some(&[2, 0, low, high, v0, v1, l0, l1]) = bytes.get(at..at + 8) {
        let long_header = matches!(&[v0, v1], b"OB" | b"OW" | b"UN" | b"UT" | b"SQ" | b"OF" | b"OD" | b"OL");
        let (value, length) = if !v0.is_ascii_uppercase() || !v1.is_ascii_uppercase() {
            (at + 8, u32::from_le_bytes([v0, v1, l0, l1]) as usize)
        } else if long_header {
            match bytes.get(at + 8..at + 12) {
                Some(&[a, b, c, d]) => (at + 12, u32::from_le_bytes([a, b, c, d]) as usize),
                _ => break,
            }
        } else {
            (at + 8, usize::from(u16::from_le_bytes([l0, l1])))
        };
        let Some(content) = value.checked_add(length).and_then(|end| bytes.get(value..end)) else { break };
        if (low, high) == (0x10, 0) {
            let text = String::from_utf8_lossy(content);
            let uid = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
            transfer_syntax = (!uid.is_empty()).then(|| uid.to_owned());
        }
        at = value + length;
    }
    (at, transfer_syntax)
}

/// The native transfer syntax that the first element header of a dataset is consistent with.
fn sniff_dataset(bytes: &[u8]) -> Option<&'static str> {
    let &[g0, g1, e0, e1, v0, v1, l0, l1] = bytes.get(..8)? else { return None };
    let little = u16::from_le_bytes([g0, g1]);
    let big = u16::from_be_bytes([g0, g1]);
    let explicit = v0.is_ascii_uppercase() && v1.is_ascii_uppercase() && KNOWN_VR.contains(&&[v0, v1]);
    let first_group = |group: u16| matches!(group, 0x0004 | 0x0008 | 0x0010);
    match (first_group(little), first_group(big)) {
        (true, _) if explicit => Some(EXPLICIT_LITTLE),
        (_, true) if explicit => Some(EXPLICIT_BIG),
        (true, _) => {
            let length = u32::from_le_bytes([v0, v1, l0, l1]) as usize;
            let element = u16::from_le_bytes([e0, e1]);
            (element <= 0x0070 && length <= 256 && 8 + length <= bytes.len()).then_some(IMPLICIT_LITTLE)
        }
        _ => None,
    }
}

/// The value representations that can open a dataset.
const KNOWN_VR: [&[u8; 2]; 14] =
    [b"UL", b"CS", b"UI", b"DA", b"TM", b"LO", b"SH", b"DT", b"PN", b"SQ", b"OB", b"US", b"ST", b"IS"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_png_and_random_bytes_are_not_dicom() {
        for bytes in [&b"not a dicom"[..], PNG_SIGNATURE, &[0xd3; 200], b"", b"\x08\x00"] {
            assert_eq!(layout(bytes), None);
        }
        assert_eq!(describe(b"not a dicom\n"), "text");
        assert_eq!(describe(b""), "an empty file");
        assert_eq!(describe(&[0, 1, 2, 3]), "other bytes");
    }

    #[test]
    fn a_dataset_without_meta_is_sniffed_by_its_first_element() {
        assert_eq!(sniff_dataset(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"), Some(EXPLICIT_LITTLE));
        assert_eq!(sniff_dataset(b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100"), Some(EXPLICIT_BIG));
        assert_eq!(sniff_dataset(b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100"), Some(IMPLICIT_LITTLE));
    }
}
