/// What the header of a JPEG, JPEG-LS or JPEG 2000 codestream says about its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodestreamSize {
    pub rows: usize,
    pub columns: usize,
    pub components: usize,
    /// Bits per value of the first component.
    pub precision: usize,
}

/// The size in a codestream's own header; `None` without one.
///
/// # Source
/// ITU-T T.81 B.2.2 and T.87 C.2.2 (SOF); T.800 A.5.1 (SIZ): the image runs from its offset to the size of the grid.
pub(super) fn codestream_size(stream: &[u8]) -> Option<CodestreamSize> {
    if stream.starts_with(b"\xff\xd8") { jpeg_size(stream) } else { j2k_size(stream) }
}

fn jpeg_size(stream: &[u8]) -> Option<CodestreamSize> {
    let short = |at: usize| stream.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut at = 2;
    loop {
        let (mark, code) = (*stream.get(at)?, *stream.get(at + 1)?);
        if mark != 0xff || matches!(code, 0xff | 0x00 | 0x01 | 0xd0..=0xd9) {
            at += 1;
            continue;
        }
        let frame = matches!(code, 0xc0..=0xcf | 0xf7) && !matches!(code, 0xc4 | 0xc8 | 0xcc);
        if frame {
            let (precision, components) = (*stream.get(at + 4)?, *stream.get(at + 9)?);
            return Some(CodestreamSize {
                rows: short(at + 5)?,
                columns: short(at + 7)?,
                components: usize::from(components),
                precision: usize::from(precision),
            });
        }
        at += 2 + short(at + 2)?;
    }
}

fn j2k_size(stream: &[u8]) -> Option<CodestreamSize> {
    // A JP2 file holds its codestream in a box behind a short header.
    let start = stream.windows(4).take(1 << 16).position(|window| window == [0xff, 0x4f, 0xff, 0x51])?;
    let long = |at: usize| {
        let four: [u8; 4] = stream.get(start + at..start + at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four) as usize)
    };
    let components =
        stream.get(start + 40..start + 42).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))?;
    Some(CodestreamSize {
        rows: long(12)?.checked_sub(long(20)?)?,
        columns: long(8)?.checked_sub(long(16)?)?,
        components,
        precision: usize::from(stream.get(start + 42)? & 0x7f) + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_the_three_families_are_read() {
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc1\x00\x0b\x0c\x01\x02\x03\x04\x03";
        let size = CodestreamSize { rows: 258, columns: 772, components: 3, precision: 12 };
        assert_eq!(codestream_size(jpeg), Some(size));
        let ls = b"\xff\xd8\xff\xf7\x00\x0b\x08\x00\x02\x00\x03\x01";
        assert_eq!(codestream_size(ls).map(|size| (size.rows, size.columns)), Some((2, 3)));
        let mut j2k = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
        for value in [30u32, 20, 4, 5, 30, 20, 0, 0] {
            j2k.extend(value.to_be_bytes());
        }
        j2k.extend([0, 1, 0x8b, 1, 1]);
        let size = CodestreamSize { rows: 15, columns: 26, components: 1, precision: 12 };
        assert_eq!(codestream_size(&j2k), Some(size));
        assert_eq!(codestream_size(b"\xff\xd8\xff"), None);
    }
}
