use super::study::{Headed, StudyImage, count};
use super::ultrasound_regions::RegionContent;
use super::{DicomHeader, FileReport, LesionBox};

/// From this part of the lit pixels on, colour is a Doppler or elastography box and not a mark.
const DOPPLER_FRACTION: f64 = 0.02;

/// The B-mode sonograms of an examination by path, with findings about what was left out and what is drawn over them.
///
/// Colour Doppler, elastography and pure spectra are left out: their colours are speeds or strains, not echoes.
pub(super) fn order(files: &[Headed], found: &mut Vec<String>) -> Vec<StudyImage> {
    let (coloured, rest): (Vec<Headed>, Vec<Headed>) =
        files.iter().copied().partition(|(report, header)| shows_flow(report, header));
    if !coloured.is_empty() {
        found.push(format!("{} of colour Doppler or elastography left out", count(coloured.len(), "image")));
    }
    let (tissue, other): (Vec<Headed>, Vec<Headed>) =
        rest.into_iter().partition(|(_, header)| header.regions.is_empty() || tissue_box(header).is_some());
    if !other.is_empty() {
        found.push(format!("{} without a region of tissue left out", count(other.len(), "image")));
    }
    let mut images: Vec<StudyImage> = tissue
        .iter()
        .map(|(report, header)| StudyImage {
            tissue: tissue_box(header),
            burned_in: header.burned_in == Some(true) || report.overlay_fraction.is_some_and(|part| part > 0.0),
            ..StudyImage::new(report, header)
        })
        .collect();
    let marked = images.iter().filter(|image| image.burned_in).count();
    if marked > 0 {
        found.push(format!("text or calipers burned into {}", count(marked, "image")));
    }
    images.sort_by(|a, b| a.path.cmp(&b.path));
    images
}

/// True for an image of flow, by its regions or by its colours.
fn shows_flow(report: &FileReport, header: &DicomHeader) -> bool {
    let declared = header.regions.iter().any(|region| region.content == RegionContent::ColourFlow);
    declared || report.colour_fraction.is_some_and(|part| part >= DOPPLER_FRACTION)
}

/// The largest two-dimensional region of tissue.
pub(super) fn tissue_box(header: &DicomHeader) -> Option<LesionBox> {
    let tissue = header.regions.iter().filter(|region| region.spatial && region.content == RegionContent::Tissue);
    tissue.map(|region| region.bounds).max_by_key(|bounds| bounds.rows * bounds.columns)
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::super::synthetic::{Synthetic, sequence};
    use super::*;
    use crate::imaging::{group_studies, scan_folder};

    /// A smooth sonogram of 80 × 90 in three channels, `jet` columns of it red, with one region of a kind.
    fn sonogram(jet: usize, kind: Option<u16>) -> Synthetic {
        let mut image = Synthetic::new("US", 80, 90, &[]);
        image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
        image.number(tags::SAMPLES_PER_PIXEL, 3).number(tags::BITS_ALLOCATED, 8).number(tags::BITS_STORED, 8);
        let pixel = |at: usize| {
            let grey = (60 + at / 90 + at % 90) as u8;
            if at % 90 < jet { [200, 30, 0] } else { [grey; 3] }
        };
        image.bytes(&(0..80 * 90).flat_map(pixel).collect::<Vec<u8>>());
        if let Some(kind) = kind {
            let long = |tag, value: u32| DataElement::new(tag, VR::UL, PrimitiveValue::from(value));
            let short = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
            let real = |tag| DataElement::new(tag, VR::FD, PrimitiveValue::from(0.02f64));
            let region = InMemDicomObject::from_element_iter([
                long(tags::REGION_LOCATION_MIN_X0, 5),
                long(tags::REGION_LOCATION_MIN_Y0, 4),
                long(tags::REGION_LOCATION_MAX_X1, 84),
                long(tags::REGION_LOCATION_MAX_Y1, 73),
                short(tags::REGION_SPATIAL_FORMAT, if kind == 3 { 3 } else { 1 }),
                short(tags::REGION_DATA_TYPE, kind),
                short(tags::PHYSICAL_UNITS_X_DIRECTION, 3),
                short(tags::PHYSICAL_UNITS_Y_DIRECTION, 3),
                real(tags::PHYSICAL_DELTA_X),
                real(tags::PHYSICAL_DELTA_Y),
            ]);
            image.0.put(sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![region]));
        }
        image
    }

    #[test]
    fn flow_is_left_out_and_tissue_is_calibrated() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        sonogram(0, Some(1)).write(root, "a");
        sonogram(9, None).write(root, "b");
        sonogram(0, Some(2)).write(root, "c");
        sonogram(0, Some(3)).write(root, "d");
        sonogram(0, None).text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES").write(root, "e");
        let (studies, _) = group_studies(&scan_folder(root, &|_, _| {}).unwrap(), "demo");
        let study = &studies[0];
        assert_eq!(
            study.quality,
            [
                "2 images of colour Doppler or elastography left out",
                "1 image without a region of tissue left out",
                "text or calipers burned into 1 image"
            ]
        );
        let facts: Vec<(&str, Option<[f64; 2]>, bool)> =
            study.images.iter().map(|image| (image.path.as_str(), image.pixel_spacing_mm, image.burned_in)).collect();
        assert_eq!(facts, [("a", Some([0.2, 0.2]), false), ("e", None, true)]);
        assert_eq!(study.images[0].tissue, Some(LesionBox { top: 4, left: 5, rows: 70, columns: 80 }));
    }
}
