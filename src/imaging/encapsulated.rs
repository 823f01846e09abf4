use std::borrow::Cow;
use std::collections::HashSet;

use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::codestream_size::codestream_size;
use super::colour::ColourSpace;
use super::dicom::reasons;
use super::native::{by_pixel, unpack_bits};
use super::pixels::Layout;
use super::{Error, jpeg, jpeg_dct, rle};

const RLE: &str = "1.2.840.10008.1.2.5";

/// How a compressed frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

impl Family {
    fn of(transfer_syntax: &str) -> Option<Self> {
        let part = transfer_syntax.strip_prefix("1.2.840.10008.1.2.4.");
        match part.and_then(|part| part.parse::<u32>().ok()) {
            None if transfer_syntax == RLE => Some(Self::Rle),
            Some(50..=70) => Some(Self::Jpeg),
            Some(80 | 81) => Some(Self::JpegLs),
            Some(90..=93 | 201..=203) => Some(Self::Jpeg2000),
            _ => None,
        }
    }

    /// The registry entry whose reader decodes the family.
    fn codec(self) -> &'static str {
        match self {
            Self::Rle => RLE,
            Self::Jpeg => "1.2.840.10008.1.2.4.50",
            Self::JpegLs => "1.2.840.10008.1.2.4.80",
            Self::Jpeg2000 => "1.2.840.10008.1.2.4.90",
        }
    }
}

/// All frames of compressed pixel data, little-endian, colour by pixel, in the colour space of the codestream (JPEG 2000: RGB).
pub(super) fn decode(
    transfer_syntax: &str,
    layout: &Layout,
    fragments: &[Vec<u8>],
    offsets: &[u32],
) -> Result<Vec<u8>, Error> {
    let family = Family::of(transfer_syntax)
        .ok_or_else(|| Error::Unsupported { what: format!("pixel data in transfer syntax {transfer_syntax}") })?;
    let frames = frames(layout.frames, fragments, offsets)?;
    let mut out = Vec::new();
    for (number, codestream) in frames.iter().enumerate() {
        let frame = decode_frame(family, layout, number, codestream)?;
        if frame.len() != layout.frame_bytes() {
            return Err(Error::Codec {
                frame: number,
                reason: format!("decoded to {} bytes, expected {}", frame.len(), layout.frame_bytes()),
            });
        }
        out.extend_from_slice(&frame);
    }
    Ok(out)
}

/// The colour space that the first codestream is in, where it tells.
///
/// JPEG 2000 undoes its own colour transform. A JPEG or JPEG-LS stream whose components are named R, G, B holds them; one
/// with a JFIF marker holds YCbCr (pydicom reads both alike).
pub(super) fn colour_space(transfer_syntax: &str, layout: &Layout, fragments: &[Vec<u8>]) -> ColourSpace {
    let Some(stream) = fragments.first() else { return ColourSpace::AsDeclared };
    match Family::of(transfer_syntax) {
        Some(Family::Jpeg2000) if matches!(layout.photometric.as_str(), "YBR_ICT" | "YBR_RCT") => ColourSpace::Rgb,
        Some(Family::Jpeg | Family::JpegLs) if jpeg::names_rgb(stream) => ColourSpace::Rgb,
        Some(Family::Jpeg | Family::JpegLs) if jpeg::is_jfif(stream) && !layout.photometric.contains("YBR") => {
            ColourSpace::FullYbr
        }
        _ => ColourSpace::AsDeclared,
    }
}

/// One compressed byte string per frame.
///
/// # Source
/// PS3.5 annex A.4: the basic offset table counts from the first fragment, item headers of eight bytes included.
fn frames<'a>(count: usize, fragments: &'a [Vec<u8>], offsets: &[u32]) -> Result<Vec<Cow<'a, [u8]>>, Error> {
    if fragments.len() == count {
        return Ok(fragments.iter().map(|fragment| Cow::Borrowed(fragment.as_slice())).collect());
    }
    if count == 1 {
        return Ok(vec![Cow::Owned(fragments.concat())]);
    }
    let mut starts = Vec::with_capacity(count);
    if offsets.len() == count {
        let opening: HashSet<usize> = offsets.iter().map(|offset| *offset as usize).collect();
        let mut at = 0usize;
        for (index, fragment) in fragments.iter().enumerate() {
            if opening.contains(&at) {
                starts.push(index);
            }
            at += fragment.len() + 8;
        }
    } else {
        let opens = |fragment: &[u8]| fragment.starts_with(b"\xff\xd8") || fragment.starts_with(b"\xff\x4f\xff\x51");
        starts.extend(fragments.iter().enumerate().filter(|(_, f)| opens(f)).map(|(index, _)| index));
    }
    if starts.len() != count {
        return Err(Error::Malformed {
            attribute: "PixelData",
            expected: "as many compressed frames as NumberOfFrames",
            found: format!("{} fragments for {count} frames", fragments.len()),
        });
    }
    let ends = starts.iter().skip(1).copied().chain([fragments.len()]);
    Ok(starts.iter().zip(ends).map(|(start, end)| Cow::Owned(fragments[*start..end].concat())).collect())
}

fn decode_frame(family: Family, layout: &Layout, frame: usize, codestream: &[u8]) -> Result<Vec<u8>, Error> {
    plausible(family, layout, frame, codestream)?;
    if family == Family::Rle {
        return rle::decode(layout, codestream).map_err(|reason| Error::Codec { frame, reason });
    }
    if family == Family::Jpeg && jpeg::is_twelve_bit_dct(codestream) {
        return jpeg_dct::decode_twelve_bit(codestream, layout).map_err(|reason| Error::Codec { frame, reason });
    }
    let precision = codestream_size(codestream).map_or(0, |size| size.precision);
    let bits = match layout.bits_allocated {
        1 => 8,
        8 | 16 => layout.bits_allocated,
        // Values of up to 16 bits in a wider cell are decoded as such and widened.
        32 if (1..=16).contains(&precision) => 16,
        wide => return Err(Error::Unsupported { what: format!("compressed values of {wide} bits") }),
    };
    let codestream = match family {
        Family::Jpeg => jpeg::without_colour_transform(codestream),
        _ => Cow::Borrowed(codestream),
    };
    let one = OneFrame { layout, bits: bits as u16, codec: family.codec(), codestream: &codestream };
    let registry = TransferSyntaxRegistry;
    let codec = TransferSyntaxIndex::get(&registry, family.codec()).and_then(|syntax| syntax.pixel_data_reader());
    let codec = codec.ok_or_else(|| Error::Unsupported { what: format!("codec {}", family.codec()) })?;
    let mut out = Vec::new();
    codec.decode_frame(&one, 0, &mut out).map_err(|e| Error::Codec { frame, reason: reasons(&e) })?;
    let pixels = layout.rows * layout.columns;
    if bits == 16 && out.len() == pixels * layout.samples {
        out = out.iter().flat_map(|value| [*value, 0]).collect();
    }
    if family == Family::JpegLs && layout.samples > 1 && jpeg::is_ls_by_plane(&codestream) {
        out = by_pixel(&out, layout);
    }
    if layout.bits_allocated == 1 && out.len() == pixels.div_ceil(8) && pixels > 8 {
        out = unpack_bits(&out, pixels);
    }
    if let (true, Family::Jpeg2000, Some(precision)) = (layout.signed, family, jpeg::j2k_precision(&codestream)) {
        sign_extend(&mut out, bits, precision.min(bits));
    }
    if layout.bits_allocated == 32 {
        out = out.as_chunks::<2>().0.iter().flat_map(|value| widened(*value, layout.signed)).collect();
    }
    Ok(out)
}

/// A 16-bit value in 32 bits.
fn widened(value: [u8; 2], signed: bool) -> [u8; 4] {
    if signed {
        i32::from(i16::from_le_bytes(value)).to_le_bytes()
    } else {
        u32::from(u16::from_le_bytes(value)).to_le_bytes()
    }
}

/// Refuses a codestream whose own size is not that of the image, or that cannot hold what it promises.
///
/// The codecs allocate by the size in the codestream. Blank images compress without bound, so small ones pass; above
/// 64 Mi values at least one byte per 1024 must be there (a blank DCT block takes one per 256).
fn plausible(family: Family, layout: &Layout, frame: usize, codestream: &[u8]) -> Result<(), Error> {
    let values = layout.rows * layout.columns * layout.samples;
    if values > 1 << 26 && values / 1024 > codestream.len() {
        let reason = format!("{} bytes cannot hold {values} values", codestream.len());
        return Err(Error::Codec { frame, reason });
    }
    if family == Family::Rle {
        return Ok(());
    }
    let size = codestream_size(codestream);
    let size = size.ok_or_else(|| Error::Codec { frame, reason: "the codestream has no frame header".to_owned() })?;
    let (found, expected) = ((size.rows, size.columns, size.components), (layout.rows, layout.columns, layout.samples));
    if found != expected {
        let reason = format!("the codestream holds {found:?} rows, columns and samples, expected {expected:?}");
        return Err(Error::Codec { frame, reason });
    }
    Ok(())
}

/// Repeats bit `precision - 1` of each value of `bits` bits in the bits above it.
///
/// The codestream may hold two's complement values as if they were unsigned.
fn sign_extend(bytes: &mut [u8], bits: usize, precision: usize) {
    let shift = bits.saturating_sub(precision) as u32;
    match bits {
        8 => bytes.iter_mut().for_each(|b| *b = (((*b << shift) as i8) >> shift) as u8),
        16 => bytes.chunks_exact_mut(2).for_each(|pair| {
            let value = (i16::from_le_bytes([pair[0], pair[1]]) << shift) >> shift;
            pair.copy_from_slice(&value.to_le_bytes());
        }),
        _ => {}
    }
}

/// One compressed frame as the codecs of the registry want to see it.
struct OneFrame<'a> {
    layout: &'a Layout,
    bits: u16,
    codec: &'a str,
    codestream: &'a [u8],
}

impl PixelDataObject for OneFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.codec
    }
    fn rows(&self) -> Option<u16> {
        u16::try_from(self.layout.rows).ok()
    }
    fn cols(&self) -> Option<u16> {
        u16::try_from(self.layout.columns).ok()
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        u16::try_from(self.layout.samples).ok()
    }
    fn bits_allocated(&self) -> Option<u16> {
        Some(self.bits)
    }
    fn bits_stored(&self) -> Option<u16> {
        u16::try_from(self.layout.bits_stored).ok()
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some(&self.layout.photometric)
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }
    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.codestream))
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        Some(Cow::Borrowed(&[]))
    }
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        let fragments = [self.codestream.to_vec()].into_iter().collect();
        Some(RawPixelData { fragments, offset_table: [].into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_bit_values_are_sign_extended() {
        let mut bytes = [0xff, 0x0f, 0x01, 0x00];
        sign_extend(&mut bytes, 16, 12);
        assert_eq!(bytes, [0xff, 0xff, 0x01, 0x00]);
    }

    #[test]
    fn fragments_are_gathered_by_the_offset_table_or_by_their_opening() {
        let fragments = [vec![1, 1], vec![2, 2], vec![3, 3]];
        let by_table = frames(2, &fragments, &[0, 20]).unwrap();
        assert_eq!(by_table, [Cow::Borrowed(&[1, 1, 2, 2][..]), Cow::Borrowed(&[3, 3][..])]);
        let opened = [vec![0xff, 0xd8], vec![2, 2], vec![0xff, 0xd8]];
        assert_eq!(frames(2, &opened, &[]).unwrap().len(), 2);
        assert!(frames(5, &fragments, &[]).is_err());
    }
}
