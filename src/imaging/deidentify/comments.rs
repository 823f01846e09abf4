//! Comments inside compressed pixels: JPEG COM and application segments, JPEG 2000 COM. They are blanked in place, so that
//! every length, offset and pixel stays.

/// Blanks the comments at the head of a codestream and returns how many there were.
///
/// JPEG APP0 (JFIF), APP8 (SPIFF, colour transform of JPEG-LS) and APP14 (Adobe colour transform) steer decoding and stay.
///
/// # Source
/// ISO/IEC 10918-1 Annex B.1 and B.2.4.5; ISO/IEC 15444-1 Annex A.9.2.
pub(super) fn blank(codestream: &mut [u8]) -> usize {
    match codestream.get(..2) {
        Some([0xff, 0xd8]) => walk(codestream, 0xda, |marker| match marker {
            0xfe => Some((4, b' ')),
            0xe0 | 0xe8 | 0xee => None,
            0xe1..=0xef => Some((4, 0)),
            _ => None,
        }),
        // After the two bytes of Rcom.
        Some([0xff, 0x4f]) => walk(codestream, 0x90, |marker| (marker == 0x64).then_some((6, b' '))),
        _ => 0,
    }
}

/// Walks the segments up to the marker `end`; `fill` gives the first byte of a segment to blank, and with what.
fn walk(codestream: &mut [u8], end: u8, fill: impl Fn(u8) -> Option<(usize, u8)>) -> usize {
    let (mut at, mut blanked) = (2usize, 0usize);
    while let Some(&[0xff, marker, high, low]) = codestream.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xff {
            // A fill byte before the marker.
            at += 1;
            continue;
        }
        if marker == end || length < 2 {
            break;
        }
        let next = (at + 2 + length).min(codestream.len());
        if let Some((skip, byte)) = fill(marker)
            && let Some(text) = codestream.get_mut(at + skip..next)
            && text.iter().any(|old| *old != byte)
        {
            text.fill(byte);
            blanked += 1;
        }
        at = next;
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_comment_is_blanked_and_the_rest_stays() {
        let mut jpeg =
            b"\xff\xd8\xff\xe0\x00\x06JFIF\xff\xfe\x00\x06ANNA\xff\xe1\x00\x05EXI\xff\xda\x00\x02ANNA\xff\xd9".to_vec();
        let expected =
            b"\xff\xd8\xff\xe0\x00\x06JFIF\xff\xfe\x00\x06    \xff\xe1\x00\x05\0\0\0\xff\xda\x00\x02ANNA\xff\xd9";
        assert_eq!(blank(&mut jpeg), 2);
        assert_eq!(jpeg, expected);
        assert_eq!(blank(&mut jpeg), 0, "a second time there is nothing left");
    }

    #[test]
    fn a_jpeg_2000_comment_keeps_its_kind() {
        let mut stream = b"\xff\x4f\xff\x51\x00\x04ab\xff\x64\x00\x08\x00\x01ANNA\xff\x90\x00\x04ANNA".to_vec();
        assert_eq!(blank(&mut stream), 1);
        assert_eq!(stream, b"\xff\x4f\xff\x51\x00\x04ab\xff\x64\x00\x08\x00\x01    \xff\x90\x00\x04ANNA");
    }

    #[test]
    fn a_segment_that_runs_past_the_end_is_blanked_to_the_end() {
        let mut jpeg = b"\xff\xd8\xff\xfe\xff\xffANNA".to_vec();
        assert_eq!(blank(&mut jpeg), 1);
        assert_eq!(jpeg, b"\xff\xd8\xff\xfe\xff\xff    ");
        assert_eq!(blank(&mut b"\xff\xd8\xff".to_vec()), 0);
        assert_eq!(blank(&mut [1, 2, 3]), 0);
    }
}
