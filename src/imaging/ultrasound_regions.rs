use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, Item};
use super::{DicomFile, Error, LesionBox};

/// What a region of a sonogram shows.
///
/// # Source
/// PS3.3 C.8.5.5.1.2 (RegionDataType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionContent {
    /// Echoes of tissue (B-mode, M-mode).
    Tissue,
    /// Colour or power Doppler.
    ColourFlow,
    /// Pulsed- or continuous-wave Doppler spectrum, or a trace drawn from one.
    Spectral,
    /// A curve of the heart or breath, a grey or colour bar, or anything else.
    Other,
}

/// A calibrated rectangle of a sonogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UltrasoundRegion {
    /// Where it lies in the image.
    pub bounds: LesionBox,
    /// What it shows.
    pub content: RegionContent,
    /// True for a two-dimensional image of space, false for one over time.
    pub spatial: bool,
    /// Between rows, between columns, millimetres; `None` where an axis is no length.
    pub spacing_mm: Option<[f64; 2]>,
}

/// The regions of a sonogram that lie in its image. The second value holds one sentence for each that does not.
///
/// # Errors
/// [`Error::Absent`] or [`Error::Malformed`] for a region without bounds, or with ones that are no rectangle.
///
/// # Source
/// PS3.3 C.8.5.5: SequenceOfUltrasoundRegions; locations count from the first pixel and include the last.
pub fn ultrasound_regions(file: &DicomFile) -> Result<(Vec<UltrasoundRegion>, Vec<String>), Error> {
    let items = file.attributes().items("SequenceOfUltrasoundRegions");
    let (mut regions, mut warnings) = (Vec::new(), Vec::new());
    if items.is_empty() {
        return Ok((regions, warnings));
    }
    let rows = file.required("Rows", 1, 65_535)?;
    let columns = file.required("Columns", 1, 65_535)?;
    for item in items {
        match read_region(item, rows, columns)? {
            Some(region) => regions.push(region),
            // A copy that was shrunk after it was made: its calibration is that of the original.
            None => {
                warnings.push("an ultrasound region lies outside the image, its calibration is not used".to_owned())
            }
        }
    }
    Ok((regions, warnings))
}

/// One region, cut to the image; `None` when it lies outside by more than the one pixel that makers disagree about.
fn read_region(item: Item, rows: usize, columns: usize) -> Result<Option<UltrasoundRegion>, Error> {
    let left = item.required("RegionLocationMinX0", 0, 1 << 20)?;
    let top = item.required("RegionLocationMinY0", 0, 1 << 20)?;
    let right = item.required("RegionLocationMaxX1", 0, 1 << 20)?;
    let bottom = item.required("RegionLocationMaxY1", 0, 1 << 20)?;
    if right < left || bottom < top {
        return Err(Error::Malformed {
            attribute: "RegionLocationMaxX1",
            expected: "the far corner of a rectangle",
            found: format!("{left}, {top} to {right}, {bottom}"),
        });
    }
    if right > columns || bottom > rows || left >= columns || top >= rows {
        return Ok(None);
    }
    let content = match item.integer("RegionDataType")? {
        Some(1) => RegionContent::Tissue,
        Some(2) => RegionContent::ColourFlow,
        Some(3..=9 | 16 | 17) => RegionContent::Spectral,
        _ => RegionContent::Other,
    };
    let side = |units, delta| -> Result<Option<f64>, Error> {
        // Unit 3 is the centimetre, the only length there is (PS3.3 C.8.5.5.1.15).
        let length = item.integer(units)? == Some(3);
        let delta: Option<f64> = item.number(delta)?.map(f64::abs);
        Ok(delta.filter(|delta| length && *delta > 0.0).map(|delta| 10.0 * delta))
    };
    let down = side("PhysicalUnitsYDirection", "PhysicalDeltaY")?;
    let across = side("PhysicalUnitsXDirection", "PhysicalDeltaX")?;
    let bounds =
        LesionBox { top, left, rows: bottom.min(rows - 1) + 1 - top, columns: right.min(columns - 1) + 1 - left };
    let spatial = item.integer("RegionSpatialFormat")? == Some(1);
    let spacing_mm = down.zip(across).map(|(down, across)| [down, across]);
    Ok(Some(UltrasoundRegion { bounds, content, spatial, spacing_mm }))
}

/// Millimetres between rows and columns, when all calibrated images of tissue in a sonogram agree to 0.1 %.
#[must_use]
pub fn tissue_spacing_mm(regions: &[UltrasoundRegion]) -> Option<[f64; 2]> {
    let mut spacings = regions
        .iter()
        .filter(|region| region.spatial && matches!(region.content, RegionContent::Tissue | RegionContent::ColourFlow))
        .map(|region| region.spacing_mm);
    let first = spacings.next()??;
    let same = |spacing: Option<[f64; 2]>| {
        spacing.is_some_and(|spacing| spacing.iter().zip(first).all(|(a, b)| (a / b - 1.0).abs() < 1e-3))
    };
    spacings.all(same).then_some(first)
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::super::synthetic::{Synthetic, sequence};
    use super::*;

    fn region([left, top, right, bottom]: [u32; 4], kind: u16, delta: f64) -> InMemDicomObject {
        let long = |tag, value: u32| DataElement::new(tag, VR::UL, PrimitiveValue::from(value));
        let short = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
        let real = |tag, value: f64| DataElement::new(tag, VR::FD, PrimitiveValue::from(value));
        InMemDicomObject::from_element_iter([
            long(tags::REGION_LOCATION_MIN_X0, left),
            long(tags::REGION_LOCATION_MIN_Y0, top),
            long(tags::REGION_LOCATION_MAX_X1, right),
            long(tags::REGION_LOCATION_MAX_Y1, bottom),
            short(tags::REGION_SPATIAL_FORMAT, 1),
            short(tags::REGION_DATA_TYPE, kind),
            short(tags::PHYSICAL_UNITS_X_DIRECTION, 3),
            short(tags::PHYSICAL_UNITS_Y_DIRECTION, 3),
            real(tags::PHYSICAL_DELTA_X, delta),
            real(tags::PHYSICAL_DELTA_Y, -delta),
        ])
    }

    fn read(items: Vec<InMemDicomObject>) -> Result<(Vec<UltrasoundRegion>, Vec<String>), Error> {
        let mut image = Synthetic::new("US", 20, 30, &[7; 600]);
        image.0.put(sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, items));
        ultrasound_regions(&DicomFile::from_bytes(&image.file()).unwrap())
    }

    #[test]
    fn regions_give_millimetres_per_pixel_and_what_they_show() {
        let (regions, warnings) =
            read(vec![region([2, 3, 30, 12], 1, 0.025), region([0, 13, 29, 19], 3, 0.0)]).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(regions[0].bounds, LesionBox { top: 3, left: 2, rows: 10, columns: 28 });
        assert_eq!((regions[0].content, regions[0].spacing_mm), (RegionContent::Tissue, Some([0.25, 0.25])));
        assert_eq!((regions[1].content, regions[1].spacing_mm), (RegionContent::Spectral, None));
        assert_eq!(tissue_spacing_mm(&regions), Some([0.25, 0.25]));
    }

    #[test]
    fn regions_outside_the_image_and_two_scales_calibrate_nothing() {
        let (regions, warnings) = read(vec![region([2, 3, 60, 12], 1, 0.025)]).unwrap();
        assert_eq!((regions.len(), warnings.len()), (0, 1));
        let (regions, _) = read(vec![region([0, 0, 9, 9], 1, 0.025), region([10, 0, 19, 9], 1, 0.03)]).unwrap();
        assert_eq!(tissue_spacing_mm(&regions), None);
        assert!(matches!(read(vec![region([9, 0, 2, 9], 1, 0.1)]), Err(Error::Malformed { .. })));
        assert!(matches!(read(vec![InMemDicomObject::new_empty()]), Err(Error::Absent { .. })));
    }
}
