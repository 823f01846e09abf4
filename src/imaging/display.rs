use super::colour::partial_ybr_to_rgb;
use super::{DecodedPixels, DicomFile, Error, Raster};

/// One frame in the units of its modality: stored value × RescaleSlope + RescaleIntercept; colour stays as stored.
///
/// An absent slope is 1 and an absent intercept 0, as the standard has it; neither is guessed from a malformed one.
///
/// # Errors
/// [`Error::FrameRange`], or [`Error::Malformed`] for a slope or intercept that is not a number.
///
/// # Source
/// PS3.3 C.11.1.
pub fn modality_raster(file: &DicomFile, pixels: &DecodedPixels, frame: usize) -> Result<Raster, Error> {
    let slope = file.number("RescaleSlope")?.unwrap_or(1.0);
    let intercept = file.number("RescaleIntercept")?.unwrap_or(0.0);
    let (slope, intercept) = if pixels.samples == 1 { (slope, intercept) } else { (1.0, 0.0) };
    let values = pixels.values(frame)?.map(|value| (value * slope + intercept) as f32).collect();
    Raster::new(pixels.rows, pixels.columns, pixels.samples, values)
}

/// One frame as it is meant to be looked at, brighter = denser or more echogenic.
///
/// Grey: the modality values, through the first VOI window onto 0..=255 when there is one, MONOCHROME1 inverted.
/// Palette: looked up, 0..=255. Limited-range YBR: converted to RGB, 0..=255. RGB: as stored.
///
/// # Errors
/// As [`modality_raster`]; [`Error::Malformed`] for a window or palette that breaks its rules.
///
/// # Source
/// PS3.3 C.11.2 (window), C.7.6.3.1.2 (photometric interpretation), C.7.6.3.1.5 (palette).
pub fn display_raster(file: &DicomFile, pixels: &DecodedPixels, frame: usize) -> Result<Raster, Error> {
    let photometric = pixels.photometric.as_str();
    let mut raster = modality_raster(file, pixels, frame)?;
    match (photometric, raster.channels) {
        ("YBR_PARTIAL_422" | "YBR_PARTIAL_420", 3) => {
            raster.pixels.chunks_exact_mut(3).for_each(partial_ybr_to_rgb);
            Ok(raster)
        }
        ("PALETTE COLOR", 1) => look_up(file, pixels, frame),
        (_, 1) => {
            if let Some(window) = Window::read(file)? {
                raster.pixels.iter_mut().for_each(|value| *value = window.apply(f64::from(*value)) as f32);
                if photometric == "MONOCHROME1" {
                    raster.pixels.iter_mut().for_each(|value| *value = 255.0 - *value);
                }
            } else if photometric == "MONOCHROME1"
                && let Some((low, high)) = raster.range()
            {
                raster.pixels.iter_mut().for_each(|value| *value = high + low - *value);
            }
            Ok(raster)
        }
        _ => Ok(raster),
    }
}

/// A value-of-interest window.
struct Window {
    centre: f64,
    width: f64,
    function: Function,
}

#[derive(Clone, Copy, PartialEq)]
enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

impl Window {
    fn read(file: &DicomFile) -> Result<Option<Self>, Error> {
        let (Some(centre), Some(width)) = (file.number("WindowCenter")?, file.number("WindowWidth")?) else {
            return Ok(None);
        };
        let function = match file.text("VOILUTFunction")?.as_deref() {
            None | Some("LINEAR") => Function::Linear,
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            Some(other) => {
                return Err(Error::Malformed {
                    attribute: "VOILUTFunction",
                    expected: "LINEAR, LINEAR_EXACT or SIGMOID",
                    found: other.chars().take(40).collect(),
                });
            }
        };
        let narrow = if function == Function::Linear { width < 1.0 } else { width <= 0.0 };
        if narrow {
            return Err(Error::Malformed {
                attribute: "WindowWidth",
                expected: "at least 1, or above 0 for LINEAR_EXACT and SIGMOID",
                found: width.to_string(),
            });
        }
        Ok(Some(Self { centre, width, function }))
    }

    /// A modality value on 0..=255 (PS3.3 C.11.2.1.2 and C.11.2.1.3).
    fn apply(&self, value: f64) -> f64 {
        let part = match self.function {
            // A width of one is a threshold: the slope below is then infinite.
            Function::Linear => (value - (self.centre - 0.5)) / (self.width - 1.0).max(1e-9) + 0.5,
            Function::LinearExact => (value - self.centre) / self.width + 0.5,
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.centre) / self.width).exp()),
        };
        255.0 * part.clamp(0.0, 1.0)
    }
}

/// One frame of palette indices looked up in the three colour tables of the file.
fn look_up(file: &DicomFile, pixels: &DecodedPixels, frame: usize) -> Result<Raster, Error> {
    let tables = [
        table(file, "RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData")?,
        table(file, "GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData")?,
        table(file, "BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData")?,
    ];
    let colour = |index: f64| tables.iter().map(move |table| table.at(index));
    let values = pixels.values(frame)?.flat_map(colour).collect();
    Raster::new(pixels.rows, pixels.columns, 3, values)
}

/// One colour table on 0..=255.
struct Table {
    first: f64,
    entries: Vec<f32>,
}

impl Table {
    fn at(&self, index: f64) -> f32 {
        let place = (index - self.first).max(0.0) as usize;
        self.entries.get(place).or(self.entries.last()).copied().unwrap_or(0.0)
    }
}

fn table(file: &DicomFile, descriptor: &'static str, data: &'static str) -> Result<Table, Error> {
    let wrong = |found: String| Error::Malformed { attribute: data, expected: "the entries of its descriptor", found };
    let shape = file.integers(descriptor)?.ok_or(Error::Absent { attribute: descriptor })?;
    let &[count, first, bits] = shape.as_slice() else { return Err(wrong(format!("{} numbers", shape.len()))) };
    let count = if count & 0xffff == 0 { 65_536 } else { (count & 0xffff) as usize };
    let element = file.dataset.element_by_name(data).map_err(|_| Error::Absent { attribute: data })?;
    let bytes = element.to_bytes().map_err(|_| wrong("a sequence".to_owned()))?;
    let entries: Vec<f32> = if bytes.len() >= 2 * count {
        // Some writers put 8-bit colours into 16-bit entries without scaling them.
        let wide: Vec<u16> =
            bytes.chunks_exact(2).take(count).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let small = bits == 8 || wide.iter().all(|value| *value < 256);
        wide.iter().map(|value| if small { f32::from(*value) } else { f32::from(*value) / 257.0 }).collect()
    } else if bits == 8 && bytes.len() >= count {
        bytes.iter().take(count).map(|value| f32::from(*value)).collect()
    } else {
        return Err(wrong(format!("{} bytes for {count} entries", bytes.len())));
    };
    Ok(Table { first: first as f64, entries })
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;
    use dicom_dictionary_std::tags;

    use super::super::synthetic::Synthetic;
    use super::*;

    fn shown(image: &Synthetic) -> Result<Vec<f32>, Error> {
        let file = DicomFile::from_bytes(&image.file())?;
        let (pixels, _) = DecodedPixels::decode(&file)?;
        display_raster(&file, &pixels, 0).map(|raster| raster.pixels)
    }

    #[test]
    fn signed_values_are_rescaled_and_a_malformed_slope_is_an_error() {
        let mut image = Synthetic::new("CT", 1, 2, &[(-3i16) as u16, 5]);
        image.number(tags::PIXEL_REPRESENTATION, 1);
        image.text(tags::RESCALE_SLOPE, VR::DS, "2").text(tags::RESCALE_INTERCEPT, VR::DS, "-1024");
        let file = DicomFile::from_bytes(&image.file()).unwrap();
        let (pixels, _) = DecodedPixels::decode(&file).unwrap();
        assert_eq!(pixels.values(0).unwrap().collect::<Vec<_>>(), [-3.0, 5.0]);
        assert_eq!(modality_raster(&file, &pixels, 0).unwrap().pixels, [-1030.0, -1014.0]);
        assert!(matches!(modality_raster(&file, &pixels, 1), Err(Error::FrameRange { frame: 1, frames: 1 })));
        image.text(tags::RESCALE_SLOPE, VR::DS, "two");
        assert!(matches!(shown(&image), Err(Error::Malformed { attribute: "RescaleSlope", .. })));
    }

    #[test]
    fn monochrome1_is_inverted_with_and_without_a_window() {
        let mut image = Synthetic::new("MG", 1, 3, &[0, 100, 200]);
        image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
        assert_eq!(shown(&image).unwrap(), [200.0, 100.0, 0.0]);
        image.text(tags::WINDOW_CENTER, VR::DS, "100.5").text(tags::WINDOW_WIDTH, VR::DS, "101");
        assert_eq!(shown(&image).unwrap(), [255.0, 127.5, 0.0]);
        image.text(tags::WINDOW_WIDTH, VR::DS, "0");
        assert!(matches!(shown(&image), Err(Error::Malformed { attribute: "WindowWidth", .. })));
    }

    #[test]
    fn full_range_ybr_is_shown_as_rgb() {
        let mut image = Synthetic::new("US", 1, 1, &[]);
        image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_FULL");
        image.number(tags::SAMPLES_PER_PIXEL, 3).number(tags::BITS_ALLOCATED, 8).number(tags::BITS_STORED, 8);
        image.bytes(&[76, 85, 255, 0]);
        let rgb = shown(&image).unwrap();
        assert!(rgb[0] > 250.0 && rgb[1] < 5.0 && rgb[2] < 5.0, "{rgb:?}");
    }
}
