use sha2::{Digest, Sha256};

use super::colour::{ColourSpace, full_ybr_to_rgb};
use super::{DicomFile, Error, encapsulated, native};

/// The largest image that is decoded, all frames: 4 GiB.
const MAX_DECODED: usize = 4 << 30;

/// The stored values of an image: decompressed, before any rescale or window.
///
/// Full-range YCbCr (YBR_FULL, YBR_FULL_422, and what JPEG 2000 transforms) comes as RGB: it is how a sender wrote a
/// colour, and lossy decoders agree on it only after conversion. All other colour spaces stay as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedPixels {
    /// Number of frames, at least one.
    pub frames: usize,
    /// Height of a frame.
    pub rows: usize,
    /// Width of a frame.
    pub columns: usize,
    /// Values per pixel.
    pub samples: usize,
    /// Bits per value in `bytes`: 8, 16, 32 or 64 (one-bit images are unpacked to 8).
    pub bits_allocated: usize,
    /// Bits of a value that carry it.
    pub bits_stored: usize,
    /// True for two's complement integers.
    pub signed: bool,
    /// True for IEEE 754 values of 32 or 64 bits.
    pub float: bool,
    /// PhotometricInterpretation of `bytes`: that of the file, or `RGB` after conversion; empty when absent.
    pub photometric: String,
    /// All values, little-endian: frame by frame, row by row, colour by pixel.
    pub bytes: Vec<u8>,
}

/// What the attributes of an image say about its pixel data.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub frames: usize,
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    /// As written in the file: 1, 8, 16, 32 or 64.
    pub bits_allocated: usize,
    pub bits_stored: usize,
    pub signed: bool,
    pub float: bool,
    pub planar: bool,
    pub photometric: String,
}

impl Layout {
    /// Bytes of one decoded frame.
    pub fn frame_bytes(&self) -> usize {
        self.rows * self.columns * self.samples * self.bits_allocated.div_ceil(8)
    }

    /// Refuses a PhotometricInterpretation that is unknown or at odds with SamplesPerPixel; an absent one passes.
    ///
    /// # Source
    /// PS3.3 C.7.6.3.1.2.
    fn check_photometric(&self) -> Result<(), Error> {
        let samples = match self.photometric.as_str() {
            "" => return Ok(()),
            "MONOCHROME1" | "MONOCHROME2" | "PALETTE COLOR" => 1,
            "RGB" | "HSV" | "YBR_FULL" | "YBR_FULL_422" | "YBR_PARTIAL_422" | "YBR_PARTIAL_420" | "YBR_ICT"
            | "YBR_RCT" => 3,
            "ARGB" | "CMYK" => 4,
            other => {
                return Err(Error::Malformed {
                    attribute: "PhotometricInterpretation",
                    expected: "a term of the standard",
                    found: other.chars().take(40).collect(),
                });
            }
        };
        if samples == self.samples {
            return Ok(());
        }
        Err(Error::Malformed {
            attribute: "PhotometricInterpretation",
            expected: "a colour space of as many samples as SamplesPerPixel",
            found: format!("{} with {}", self.photometric, self.samples),
        })
    }

    fn read(file: &DicomFile) -> Result<Self, Error> {
        let bits = if file.has("FloatPixelData") {
            32
        } else if file.has("DoubleFloatPixelData") {
            64
        } else if file.has("PixelData") {
            0
        } else {
            return Err(Error::NoPixels);
        };
        let float = bits != 0;
        let bits_allocated = if float { bits } else { file.required("BitsAllocated", 1, 64)? };
        if !matches!(bits_allocated, 1 | 8 | 16 | 32 | 64) {
            return Err(Error::Unsupported { what: format!("BitsAllocated {bits_allocated}") });
        }
        let bits_stored = match file.integer("BitsStored")? {
            Some(_) if !float => file.required("BitsStored", 1, bits_allocated as i64)?,
            _ => bits_allocated,
        };
        let optional = |name, high, default| match file.integer(name)? {
            None => Ok(default),
            Some(_) => file.required(name, i64::from(default != 0), high),
        };
        let layout = Self {
            frames: optional("NumberOfFrames", 1 << 24, 1)?,
            rows: file.required("Rows", 1, 65_535)?,
            columns: file.required("Columns", 1, 65_535)?,
            samples: optional("SamplesPerPixel", 4, 1)?,
            bits_allocated,
            bits_stored,
            signed: !float && optional("PixelRepresentation", 1, 0)? == 1,
            float,
            planar: optional("PlanarConfiguration", 1, 0)? == 1,
            photometric: file.text("PhotometricInterpretation")?.unwrap_or_default(),
        };
        layout.check_photometric()?;
        if layout.frame_bytes().checked_mul(layout.frames).is_none_or(|bytes| bytes > MAX_DECODED) {
            return Err(Error::Unsupported { what: "an image of more than 4 GiB".to_owned() });
        }
        Ok(layout)
    }
}

impl DecodedPixels {
    /// Decodes every frame of `file`. The second value holds one sentence for each departure that was tolerated.
    ///
    /// # Errors
    /// [`Error::NoPixels`], [`Error::Absent`] or [`Error::Malformed`] for the attributes that shape the image,
    /// [`Error::Truncated`], [`Error::Unsupported`] or [`Error::Codec`] for its data.
    ///
    /// # Source
    /// PS3.5 section 8 and annex A.
    pub fn decode(file: &DicomFile) -> Result<(Self, Vec<String>), Error> {
        let layout = Layout::read(file)?;
        let mut warnings = Vec::new();
        let mut space = ColourSpace::AsDeclared;
        let mut bytes = match file.dataset.element_by_name("PixelData").ok() {
            Some(element) if element.fragments().is_some() => {
                let fragments = element.fragments().unwrap_or_default();
                let offsets = element.offset_table().unwrap_or_default();
                space = encapsulated::colour_space(file.transfer_syntax(), &layout, fragments);
                encapsulated::decode(file.transfer_syntax(), &layout, fragments, offsets)?
            }
            _ => native::decode(file, &layout, &mut warnings)?,
        };
        let expected = layout.frames * layout.frame_bytes();
        if bytes.len() != expected {
            return Err(Error::Truncated { expected, found: bytes.len() });
        }
        settle_unused_bits(&mut bytes, &layout);
        if layout.float {
            let width = layout.bits_allocated / 8;
            let count = bytes.chunks_exact(width).filter(|value| !number(value, true, true).is_finite()).count();
            if count > 0 {
                return Err(Error::NotFinite { count });
            }
        }
        let photometric = settle_colour(&mut bytes, &layout, space, &mut warnings);
        let pixels = Self {
            frames: layout.frames,
            rows: layout.rows,
            columns: layout.columns,
            samples: layout.samples,
            bits_allocated: layout.bits_allocated.max(8),
            bits_stored: layout.bits_stored,
            signed: layout.signed,
            float: layout.float,
            photometric,
            bytes,
        };
        Ok((pixels, warnings))
    }

    /// Bytes that decoding `file` will take; zero when its attributes do not tell.
    pub(super) fn expected_bytes(file: &DicomFile) -> usize {
        Layout::read(file).map_or(0, |layout| layout.frame_bytes() * layout.frames)
    }

    /// SHA-256 of all values, little-endian, as lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// The stored values of one frame, row by row, colour by pixel.
    ///
    /// # Errors
    /// [`Error::FrameRange`] when there is no such frame.
    pub fn values(&self, frame: usize) -> Result<impl Iterator<Item = f64> + '_, Error> {
        let width = self.bits_allocated / 8;
        let length = self.rows * self.columns * self.samples * width;
        let bytes = frame.checked_mul(length).and_then(|start| self.bytes.get(start..start + length));
        let bytes = bytes.ok_or(Error::FrameRange { frame, frames: self.frames })?;
        let (signed, float) = (self.signed, self.float);
        Ok(bytes.chunks_exact(width.max(1)).map(move |value| number(value, signed, float)))
    }

    /// Smallest, largest and mean stored value over all frames; `None` when no value is finite.
    #[must_use]
    pub fn summary(&self) -> Option<(f64, f64, f64)> {
        let (mut low, mut high, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0usize);
        for frame in 0..self.frames {
            let mut part = 0.0;
            for value in self.values(frame).ok()?.filter(|value| value.is_finite()) {
                low = low.min(value);
                high = high.max(value);
                part += value;
                count += 1;
            }
            sum += part;
        }
        (count > 0).then(|| (low, high, sum / count as f64))
    }
}

/// Turns full-range YCbCr into RGB; the PhotometricInterpretation that then holds.
fn settle_colour(bytes: &mut [u8], layout: &Layout, space: ColourSpace, warnings: &mut Vec<String>) -> String {
    let declared = matches!(layout.photometric.as_str(), "YBR_FULL" | "YBR_FULL_422");
    match space {
        _ if layout.samples != 3 => layout.photometric.clone(),
        ColourSpace::Rgb => {
            if declared {
                warnings.push("PhotometricInterpretation says YBR, the codestream holds RGB".to_owned());
            }
            "RGB".to_owned()
        }
        ColourSpace::AsDeclared if !declared => layout.photometric.clone(),
        ColourSpace::FullYbr | ColourSpace::AsDeclared => {
            if !declared {
                warnings.push("PhotometricInterpretation says otherwise, the codestream holds YBR".to_owned());
            }
            full_ybr_to_rgb(bytes, layout);
            "RGB".to_owned()
        }
    }
}

/// Gives the bits above BitsStored the value of the sign bit, or zero: what a writer left there means nothing.
///
/// # Source
/// PS3.5 section 8.1.1 (unused bits), annex D.
fn settle_unused_bits(bytes: &mut [u8], layout: &Layout) {
    let width = layout.bits_allocated / 8;
    let unused = layout.bits_allocated.saturating_sub(layout.bits_stored) as u32;
    if layout.float || unused == 0 || !matches!(width, 1 | 2 | 4 | 8) {
        return;
    }
    for value in bytes.chunks_exact_mut(width) {
        let mut wide = [0u8; 8];
        wide[8 - width..].copy_from_slice(value);
        // The value stands in the top bits of 64: shifting there and back clears or repeats what is above it.
        let settled = if layout.signed {
            ((i64::from_le_bytes(wide) << unused) >> unused).to_le_bytes()
        } else {
            ((u64::from_le_bytes(wide) << unused) >> unused).to_le_bytes()
        };
        value.copy_from_slice(&settled[8 - width..]);
    }
}

/// One little-endian value of 1, 2, 4 or 8 bytes.
fn number(bytes: &[u8], signed: bool, float: bool) -> f64 {
    match *bytes {
        [a] if signed => f64::from(a as i8),
        [a] => f64::from(a),
        [a, b] if signed => f64::from(i16::from_le_bytes([a, b])),
        [a, b] => f64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] if float => f64::from(f32::from_le_bytes([a, b, c, d])),
        [a, b, c, d] if signed => f64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d] => f64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] if float => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d, e, f, g, h] if signed => i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64,
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64,
        _ => f64::NAN,
    }
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;
    use dicom_dictionary_std::tags;

    use super::super::synthetic::Synthetic;
    use super::*;

    fn decoded(image: &Synthetic) -> Result<DecodedPixels, Error> {
        DecodedPixels::decode(&DicomFile::from_bytes(&image.file())?).map(|(pixels, _)| pixels)
    }

    #[test]
    fn stored_values_come_back_and_hash_as_little_endian() {
        let pixels = decoded(&Synthetic::new("CT", 2, 2, &[1, 2, 3, 258])).unwrap();
        assert_eq!(pixels.bytes, [1, 0, 2, 0, 3, 0, 2, 1]);
        assert_eq!(pixels.summary(), Some((1.0, 258.0, 66.0)));
        assert_eq!(pixels.sha256(), hex(&Sha256::digest([1, 0, 2, 0, 3, 0, 2, 1])));
    }

    #[test]
    fn pixel_data_shorter_than_its_shape_is_truncated() {
        let error = decoded(&Synthetic::new("CT", 2, 3, &[1, 2, 3, 4])).unwrap_err();
        assert_eq!(error.to_string(), "pixel data is truncated: expected 12 bytes, found 8");
    }

    #[test]
    fn unused_bits_are_settled_by_the_sign() {
        let mut image = Synthetic::new("CT", 1, 2, &[0xf001, 0x0fff]);
        image.number(tags::BITS_STORED, 12);
        assert_eq!(decoded(&image).unwrap().summary().map(|s| (s.0, s.1)), Some((1.0, 4095.0)));
        image.number(tags::PIXEL_REPRESENTATION, 1);
        assert_eq!(decoded(&image).unwrap().summary().map(|s| (s.0, s.1)), Some((-1.0, 1.0)));
    }

    #[test]
    fn subsampled_colour_is_expanded_pixel_by_pixel() {
        let mut image = Synthetic::new("US", 1, 2, &[]);
        image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_FULL_422");
        image.number(tags::SAMPLES_PER_PIXEL, 3).number(tags::BITS_ALLOCATED, 8).number(tags::BITS_STORED, 8);
        image.bytes(&[10, 20, 128, 128]);
        let pixels = decoded(&image).unwrap();
        assert_eq!((pixels.photometric.as_str(), pixels.bytes), ("RGB", vec![10, 10, 10, 20, 20, 20]));
    }

    #[test]
    fn shapes_that_no_image_has_are_refused_before_allocation() {
        let mut image = Synthetic::new("CT", 65_535, 65_535, &[1, 2]);
        assert!(matches!(decoded(&image), Err(Error::Unsupported { .. })));
        image.number(tags::ROWS, 30_000);
        assert!(matches!(decoded(&image), Err(Error::Truncated { expected: 3_932_100_000, found: 4 })));
        image.text(tags::NUMBER_OF_FRAMES, VR::IS, "999999");
        assert!(matches!(decoded(&image), Err(Error::Unsupported { .. })));
        image.text(tags::NUMBER_OF_FRAMES, VR::IS, "0");
        assert!(matches!(decoded(&image), Err(Error::Malformed { attribute: "NumberOfFrames", .. })));
        image.number(tags::ROWS, 0);
        assert!(decoded(&image).is_err());
    }
}
