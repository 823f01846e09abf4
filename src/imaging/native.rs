use std::borrow::Cow;

use dicom_core::VR;

use super::pixels::Layout;
use super::sniff::EXPLICIT_BIG;
use super::{DicomFile, Error};

/// The frames of uncompressed pixel data, little-endian, colour by pixel, one-bit values as bytes 0 and 1.
pub(super) fn decode(file: &DicomFile, layout: &Layout, warnings: &mut Vec<String>) -> Result<Vec<u8>, Error> {
    let name = match (layout.float, layout.bits_allocated) {
        (true, 32) => "FloatPixelData",
        (true, _) => "DoubleFloatPixelData",
        _ => "PixelData",
    };
    let element = file.dataset.element_by_name(name).map_err(|_| Error::NoPixels)?;
    let stored = element.to_bytes().map_err(|_| Error::Malformed {
        attribute: "PixelData",
        expected: "bytes",
        found: "a sequence".to_owned(),
    })?;
    let stored = host_order(stored, layout, element.vr(), file.transfer_syntax() == EXPLICIT_BIG);
    let pixels = layout.rows * layout.columns * layout.frames;
    let subsampled = layout.samples == 3
        && layout.bits_allocated == 8
        && matches!(layout.photometric.as_str(), "YBR_FULL_422" | "YBR_PARTIAL_422");
    if subsampled {
        let found = stored.len();
        let expected = pixels * 2;
        let pairs = stored.get(..expected).ok_or(Error::Truncated { expected, found })?;
        return Ok(pairs.chunks_exact(4).flat_map(|q| [q[0], q[2], q[3], q[1], q[2], q[3]]).collect());
    }
    let values = pixels * layout.samples;
    let expected = if layout.bits_allocated == 1 { values.div_ceil(8) } else { values * layout.bits_allocated / 8 };
    let found = stored.len();
    let bytes = stored.get(..expected).ok_or(Error::Truncated { expected, found })?;
    if found > expected + 1 {
        warnings.push(format!("{} bytes after the pixel data were ignored", found - expected));
    }
    let bytes = if layout.bits_allocated == 1 { unpack_bits(bytes, values) } else { bytes.to_vec() };
    Ok(if layout.planar && layout.samples > 1 { by_pixel(&bytes, layout) } else { bytes })
}

/// Puts big-endian values into little-endian order, starting from the words the parser has already turned.
///
/// The parser reads OW as 16-bit words in the byte order of the file and OB as bytes; values wider than a word keep
/// their words in the order of the file (PS3.5 section 7.3).
fn host_order<'a>(stored: Cow<'a, [u8]>, layout: &Layout, vr: VR, big: bool) -> Cow<'a, [u8]> {
    let width = layout.bits_allocated / 8;
    match (big, vr) {
        (true, VR::OW | VR::US | VR::SS) if width > 2 => {
            let turn = |value: &[u8]| value.rchunks(2).flatten().copied().collect::<Vec<u8>>();
            Cow::Owned(stored.chunks(width).flat_map(turn).collect())
        }
        (true, VR::OB | VR::UN) if width > 1 => {
            Cow::Owned(stored.chunks(width).flat_map(|value| value.iter().rev().copied()).collect())
        }
        _ => stored,
    }
}

/// The first `count` bits, least significant first, one byte each.
///
/// # Source
/// PS3.5 section 8.1.1: one-bit frames follow each other without padding to a byte.
pub(super) fn unpack_bits(bytes: &[u8], count: usize) -> Vec<u8> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> bit) & 1)).take(count).collect()
}

/// Turns frames of colour planes into frames of colour pixels.
pub(super) fn by_pixel(bytes: &[u8], layout: &Layout) -> Vec<u8> {
    let width = layout.bits_allocated.div_ceil(8);
    let plane = layout.rows * layout.columns * width;
    let mut out = Vec::with_capacity(bytes.len());
    for frame in bytes.chunks_exact((plane * layout.samples).max(1)) {
        for value in (0..plane).step_by(width.max(1)) {
            for sample in 0..layout.samples {
                let start = sample * plane + value;
                out.extend_from_slice(&frame[start..start + width]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_unpacked_from_the_least_significant() {
        assert_eq!(unpack_bits(&[0b0000_0101, 0b1], 9), [1, 0, 1, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn colour_planes_become_colour_pixels() {
        let layout = Layout {
            frames: 1,
            rows: 1,
            columns: 2,
            samples: 3,
            bits_allocated: 8,
            bits_stored: 8,
            signed: false,
            float: false,
            planar: true,
            photometric: "RGB".to_owned(),
        };
        assert_eq!(by_pixel(&[1, 2, 3, 4, 5, 6], &layout), [1, 3, 5, 2, 4, 6]);
    }
}
