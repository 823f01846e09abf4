use std::borrow::Cow;

/// A JPEG marker segment: its code, and where its content lies.
struct Segment {
    code: u8,
    start: usize,
    end: usize,
}

/// The marker segments of a JPEG or JPEG-LS stream up to and with the first start of scan.
fn segments(stream: &[u8]) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut at = 2;
    while let Some(&[0xff, code]) = stream.get(at..at + 2) {
        if code == 0xff {
            at += 1;
            continue;
        }
        let Some(&[high, low]) = stream.get(at + 2..at + 4) else { break };
        let (start, end) = (at + 4, at + 2 + usize::from(u16::from_be_bytes([high, low])));
        if end < start || end > stream.len() {
            break;
        }
        found.push(Segment { code, start, end });
        if code == 0xda {
            break;
        }
        at = end;
    }
    found
}

/// True for the start-of-frame codes of the DCT and lossless processes.
fn is_frame(code: u8) -> bool {
    matches!(code, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf)
}

/// The stream with its three components renamed R, G, B, so that a decoder leaves the colour space as stored.
pub(super) fn without_colour_transform(stream: &[u8]) -> Cow<'_, [u8]> {
    let mut out = stream.to_vec();
    let mut old = Vec::new();
    for segment in segments(stream) {
        if is_frame(segment.code) && stream.get(segment.start + 5) == Some(&3) {
            for (index, name) in b"RGB".iter().enumerate() {
                let at = segment.start + 6 + 3 * index;
                if at < segment.end {
                    old.push(out[at]);
                    out[at] = *name;
                }
            }
        }
    }
    if old.len() != 3 || old.as_slice() == b"RGB" {
        return Cow::Borrowed(stream);
    }
    // Scans may follow one another: rename in each, and restart the walk behind its entropy-coded data.
    let mut at = 2;
    while at + 4 <= stream.len() {
        if stream[at] != 0xff || matches!(stream[at + 1], 0x00 | 0x01 | 0xd0..=0xd9 | 0xff) {
            at += 1;
            continue;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]]));
        if stream[at + 1] == 0xda {
            let count = stream.get(at + 4).map_or(0, |count| usize::from(*count));
            for index in 0..count {
                let place = at + 5 + 2 * index;
                if let Some(name) = out.get_mut(place)
                    && let Some(position) = old.iter().position(|id| id == name)
                {
                    *name = b"RGB"[position];
                }
            }
        }
        at = end;
    }
    Cow::Owned(out)
}

/// True when the three components of a JPEG or JPEG-LS stream are named R, G and B.
pub(super) fn names_rgb(stream: &[u8]) -> bool {
    segments(stream).iter().filter(|segment| is_frame(segment.code) || segment.code == 0xf7).any(|segment| {
        let name = |index: usize| stream.get(segment.start + 6 + 3 * index).map(u8::to_ascii_uppercase);
        stream.get(segment.start + 5) == Some(&3) && [name(0), name(1), name(2)] == [Some(b'R'), Some(b'G'), Some(b'B')]
    })
}

/// True when a JPEG stream carries a JFIF marker: its three components are then YCbCr.
pub(super) fn is_jfif(stream: &[u8]) -> bool {
    segments(stream).iter().any(|segment| {
        (0xe0..=0xef).contains(&segment.code)
            && stream.get(segment.start..segment.end).is_some_and(|s| s.starts_with(b"JFIF"))
    })
}

/// True when a JPEG-LS stream keeps its components in separate scans, so that it decodes to planes.
pub(super) fn is_ls_by_plane(stream: &[u8]) -> bool {
    let scan = segments(stream).into_iter().find(|segment| segment.code == 0xda);
    scan.is_some_and(|scan| scan.end >= 2 && stream.get(scan.end - 2) == Some(&0))
}

/// The precision in bits of the first component of a JPEG 2000 codestream, from its SIZ marker.
pub(super) fn j2k_precision(stream: &[u8]) -> Option<usize> {
    let start = stream.windows(4).position(|w| w == [0xff, 0x4f, 0xff, 0x51])?;
    stream.get(start + 42).map(|ssiz| usize::from(ssiz & 0x7f) + 1)
}

/// True for a DCT process with 12 bits per value.
pub(super) fn is_twelve_bit_dct(stream: &[u8]) -> bool {
    segments(stream).iter().any(|segment| matches!(segment.code, 0xc0..=0xc2) && stream.get(segment.start) == Some(&12))
}
