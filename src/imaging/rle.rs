use super::pixels::Layout;

/// One frame of DICOM RLE, little-endian, colour by pixel.
///
/// # Errors
/// A sentence when the segments are not those of `layout`.
///
/// # Source
/// PS3.5 annex G: one PackBits segment per byte plane, the most significant byte of the first sample first.
pub(super) fn decode(layout: &Layout, codestream: &[u8]) -> Result<Vec<u8>, String> {
    let word = |index: usize| -> Option<usize> {
        let bytes = codestream.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let one_bit = layout.bits_allocated == 1;
    let width = layout.bits_allocated.div_ceil(8);
    let planes = width * layout.samples;
    let segments = word(0).ok_or("the RLE header is truncated")?;
    if segments != planes || segments > 15 {
        return Err(format!("expected {planes} RLE segments, found {segments}"));
    }
    let pixels = layout.rows * layout.columns;
    let length = if one_bit { pixels.div_ceil(8) } else { pixels };
    let mut out = vec![0u8; pixels * planes];
    for segment in 0..segments {
        let start = word(1 + segment).ok_or("the RLE header is truncated")?;
        let end = if segment + 1 < segments { word(2 + segment).unwrap_or(0) } else { codestream.len() };
        let bytes = codestream.get(start..end).ok_or("an RLE segment lies outside the frame")?;
        let values = unpack(bytes, length)?;
        if one_bit {
            out = super::native::unpack_bits(&values, pixels);
            continue;
        }
        let (sample, byte) = (segment / width, width - 1 - segment % width);
        let first = sample * width + byte;
        out.iter_mut().skip(first).step_by(planes).zip(values).for_each(|(out, value)| *out = value);
    }
    Ok(out)
}

/// Exactly `length` bytes of a PackBits stream.
fn unpack(bytes: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut at = 0;
    while out.len() < length {
        let Some(&control) = bytes.get(at) else {
            return Err(format!("an RLE segment holds {} bytes, expected {length}", out.len()));
        };
        at += 1;
        match control {
            0..=127 => {
                let literal = bytes.get(at..at + usize::from(control) + 1).ok_or("an RLE run is truncated")?;
                out.extend_from_slice(literal);
                at += literal.len();
            }
            128 => {}
            129..=255 => {
                let value = *bytes.get(at).ok_or("an RLE run is truncated")?;
                out.resize(out.len() + 257 - usize::from(control), value);
                at += 1;
            }
        }
    }
    out.truncate(length);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packbits_runs_and_literals_unpack() {
        assert_eq!(unpack(&[0xfe, 7, 1, 8, 9, 128], 5).unwrap(), [7, 7, 7, 8, 9]);
        assert!(unpack(&[0xfe, 7], 5).is_err());
        assert!(unpack(&[5, 7], 5).is_err());
    }
}
