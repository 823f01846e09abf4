use super::attributes::Attributes;
use super::colour::partial_ybr_to_rgb;
use super::lookup::LookupTable;
use super::window::ValueOfInterest;
use super::{DecodedPixels, DicomFile, Error, Raster};

/// One frame in the units of its modality: through the modality LUT, else stored value × RescaleSlope +
/// RescaleIntercept; colour stays as stored.
///
/// An absent slope is 1 and an absent intercept 0, as the standard has it; neither is guessed from a malformed one. In an
/// enhanced object each frame may have its own.
///
/// # Errors
/// [`Error::FrameRange`], or [`Error::Malformed`] for a slope, an intercept or a table that breaks its rules.
///
/// # Source
/// PS3.3 C.11.1; C.7.6.16.2.9 per frame.
pub fn modality_raster(file: &DicomFile, pixels: &DecodedPixels, frame: usize) -> Result<Raster, Error> {
    let attributes = file.frame(frame);
    let table = attributes.items("ModalityLUTSequence").first().copied();
    let values = if let (Some(item), 1) = (table, pixels.samples) {
        let table = LookupTable::read(&item, "LUTDescriptor", "LUTData", pixels.signed)?;
        pixels.values(frame)?.map(|value| table.at(value) as f32).collect()
    } else {
        let slope = attributes.number("RescaleSlope")?.unwrap_or(1.0);
        let intercept = attributes.number("RescaleIntercept")?.unwrap_or(0.0);
        let (slope, intercept) = if pixels.samples == 1 { (slope, intercept) } else { (1.0, 0.0) };
        pixels.values(frame)?.map(|value| (value * slope + intercept) as f32).collect()
    };
    Raster::new(pixels.rows, pixels.columns, pixels.samples, values)
}

/// One frame as it is meant to be looked at, brighter = denser or more echogenic.
///
/// Grey: the modality values, through the first VOI LUT or else the first window onto 0..=255 when there is one,
/// MONOCHROME1 inverted. Palette: looked up, 0..=255. Limited-range YBR: converted to RGB, 0..=255. RGB: as stored.
///
/// # Errors
/// As [`modality_raster`]; [`Error::Malformed`] for a window or palette that breaks its rules.
///
/// # Source
/// PS3.3 C.11.2 (VOI LUT and window), C.7.6.3.1.2 (photometric interpretation), C.7.6.3.1.5 (palette).
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
            let inverted = photometric == "MONOCHROME1";
            if let Some(transform) = ValueOfInterest::read(&file.frame(frame), pixels.signed)? {
                for value in &mut raster.pixels {
                    let shown = transform.apply(f64::from(*value)) as f32;
                    *value = if inverted { 255.0 - shown } else { shown };
                }
            } else if inverted && let Some((low, high)) = raster.range() {
                raster.pixels.iter_mut().for_each(|value| *value = high + low - *value);
            }
            Ok(raster)
        }
        _ => Ok(raster),
    }
}

/// One frame of palette indices looked up in the three colour tables of the file, 0..=255.
fn look_up(file: &DicomFile, pixels: &DecodedPixels, frame: usize) -> Result<Raster, Error> {
    let table = |descriptor, data| {
        let table = LookupTable::read(&file.frame(frame), descriptor, data, pixels.signed)?;
        let divisor = table.colour_divisor();
        Ok::<_, Error>((table, divisor))
    };
    let tables = [
        table("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData")?,
        table("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData")?,
        table("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData")?,
    ];
    let colour = |index: f64| tables.iter().map(move |(table, divisor)| (table.at(index) / divisor) as f32);
    let values = pixels.values(frame)?.flat_map(colour).collect();
    Raster::new(pixels.rows, pixels.columns, 3, values)
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::super::synthetic::{Synthetic, sequence};
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

    /// The item of a modality or VOI LUT sequence over the input values from `first` on.
    fn table(first: u16, bits: u16, entries: &[u16]) -> Vec<InMemDicomObject> {
        let numbers = |values: &[u16]| PrimitiveValue::U16(values.iter().copied().collect());
        vec![InMemDicomObject::from_element_iter([
            DataElement::new(tags::LUT_DESCRIPTOR, VR::US, numbers(&[entries.len() as u16, first, bits])),
            DataElement::new(tags::LUT_DATA, VR::OW, numbers(entries)),
        ])]
    }

    #[test]
    fn lookup_tables_are_used_before_slope_and_window() {
        let mut image = Synthetic::new("MG", 1, 5, &[9, 10, 11, 12, 99]);
        image.text(tags::RESCALE_SLOPE, VR::DS, "7").text(tags::WINDOW_CENTER, VR::DS, "1");
        image.text(tags::WINDOW_WIDTH, VR::DS, "1");
        image.0.put(sequence(tags::MODALITY_LUT_SEQUENCE, table(10, 16, &[100, 101, 102])));
        let file = DicomFile::from_bytes(&image.file()).unwrap();
        let (pixels, _) = DecodedPixels::decode(&file).unwrap();
        assert_eq!(modality_raster(&file, &pixels, 0).unwrap().pixels, [100.0, 100.0, 101.0, 102.0, 102.0]);
        image.0.put(sequence(tags::VOILUT_SEQUENCE, table(100, 12, &[0, 2047, 4095])));
        let half = 255.0 * 2047.0 / 4095.0;
        assert_eq!(shown(&image).unwrap(), [0.0, 0.0, half, 255.0, 255.0]);
        image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
        assert_eq!(shown(&image).unwrap(), [255.0, 255.0, 255.0 - half, 0.0, 0.0]);
        image.0.put(sequence(tags::VOILUT_SEQUENCE, table(100, 99, &[0])));
        assert!(matches!(shown(&image), Err(Error::Malformed { attribute: "LUTData", .. })));
    }

    /// pydicom 3.0.2, `apply_modality_lut` and `apply_voi`: means of the two conformance files with tables.
    #[test]
    fn the_tables_of_the_conformance_set_give_the_values_of_pydicom() {
        let data = std::env::var_os("REGIMEN_DATA").map_or_else(
            || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
            std::path::PathBuf::from,
        );
        let folder = data.join("images/dicom/pydicom-data");
        if !folder.exists() {
            println!("skipped: no DICOM conformance set under {}", data.display());
            return;
        }
        for (name, expected) in [("mlut_18.dcm", 33_177.149_459_887_84), ("vlut_04.dcm", 33_109.316_352_844_24 / 257.0)]
        {
            let file = DicomFile::open(&folder.join(name)).unwrap();
            let (pixels, _) = DecodedPixels::decode(&file).unwrap();
            let raster = display_raster(&file, &pixels, 0).unwrap();
            let mean = raster.pixels.iter().map(|value| f64::from(*value)).sum::<f64>() / raster.pixels.len() as f64;
            assert!((mean / expected - 1.0).abs() < 1e-6, "{name}: {mean} against {expected}");
        }
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
