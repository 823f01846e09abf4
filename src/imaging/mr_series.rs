use std::collections::{BTreeMap, BTreeSet};

use super::study::{Headed, count};
use super::{DicomHeader, FileReport};

/// The series (by SeriesInstanceUID) whose files name more than one patient: somebody's images under another's name.
pub(super) fn mixed_patients(reports: &[FileReport]) -> BTreeSet<String> {
    let mut patients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for header in reports.iter().filter_map(|report| report.header.as_ref()) {
        if let (Some(series), Some(patient)) = (&header.series_uid, &header.patient_id) {
            patients.entry(series).or_default().insert(patient);
        }
    }
    patients.into_iter().filter(|(_, names)| names.len() > 1).map(|(series, _)| series.to_owned()).collect()
}

/// True when the file belongs to one of those series.
pub(super) fn in_series(report: &FileReport, series: &BTreeSet<String>) -> bool {
    report.header.as_ref().and_then(|header| header.series_uid.as_ref()).is_some_and(|uid| series.contains(uid))
}

/// Reports series whose slices differ in matrix, orientation or pixel spacing: no volume can be stacked of them all.
pub(super) fn mixed_series(files: &[Headed], found: &mut Vec<String>) {
    let mut series: BTreeMap<&str, Vec<Headed>> = BTreeMap::new();
    for &(report, header) in files {
        series.entry(header.series_uid.as_deref().unwrap_or("")).or_default().push((report, header));
    }
    let differs = |key: &dyn Fn(&FileReport, &DicomHeader) -> Vec<i64>| {
        let several = |files: &&Vec<Headed>| {
            files.iter().map(|(report, header)| key(report, header)).collect::<BTreeSet<_>>().len() > 1
        };
        series.values().filter(several).count()
    };
    let steps = |values: &[f64], size: f64| values.iter().map(|value| (value / size).round() as i64).collect();
    let side = |side: Option<usize>| side.map_or(-1, |side| side as i64);
    let matrix = differs(&|report, _| vec![side(report.rows), side(report.columns)]);
    let orientation = differs(&|_, header| header.orientation.map_or_else(Vec::new, |cosines| steps(&cosines, 0.01)));
    let spacing = differs(&|_, header| header.pixel_spacing_mm.map_or_else(Vec::new, |sides| steps(&sides, 0.001)));
    for (n, what) in [(matrix, "matrix size"), (orientation, "orientation"), (spacing, "pixel spacing")] {
        if n > 0 {
            // The plural of series is series.
            found.push(format!("{what} differs inside {}", count(n, "series").replace("seriess", "series")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::super::synthetic::{Synthetic, dce_slice, sequence};
    use crate::imaging::{Study, group_studies, scan_folder};

    fn grouped(root: &Path) -> (Vec<Study>, Vec<String>) {
        group_studies(&scan_folder(root, &|_, _| {}).unwrap(), "demo")
    }

    #[test]
    fn a_series_of_two_patients_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for slice in 0..4 {
            let mut image = dce_slice(0, slice);
            image.text(tags::SERIES_INSTANCE_UID, VR::UI, if slice < 2 { "2.25.7" } else { "2.25.8" });
            image.text(tags::PATIENT_ID, VR::LO, if slice == 1 { "SECRET-18" } else { "SECRET-17" });
            image.write(folder.path(), &format!("{slice}"));
        }
        let (studies, warnings) = grouped(folder.path());
        assert_eq!(warnings, ["2 images refused: their series names more than one patient"]);
        let paths: Vec<&str> = studies[0].images.iter().map(|image| image.path.as_str()).collect();
        assert_eq!((studies.len(), paths), (1, vec!["2", "3"]));
    }

    #[test]
    fn what_differs_inside_a_series_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for phase in 0..2 {
            for slice in 0..6 {
                dce_slice(phase, slice).write(folder.path(), &format!("{phase}{slice}"));
            }
        }
        dce_slice(0, 6).text(tags::PIXEL_SPACING, VR::DS, "2\\2").write(folder.path(), "spacing");
        dce_slice(0, 7).text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\1\\0\\0\\0\\-1").write(folder.path(), "turn");
        let mut small = Synthetic::new("MR", 32, 32, &[9; 1024]);
        small.text(tags::IMAGE_POSITION_PATIENT, VR::DS, "0\\0\\0").write(folder.path(), "small");
        let (studies, _) = grouped(folder.path());
        for found in ["matrix size", "orientation", "pixel spacing"] {
            let sentence = format!("{found} differs inside 1 series");
            assert!(studies[0].quality.contains(&sentence), "{sentence}: {:?}", studies[0].quality);
        }
        assert!(studies[0].quality.contains(&"2 images outside the dynamic series left out".to_owned()));
    }

    #[test]
    fn the_frames_of_an_enhanced_object_are_ordered_by_their_own_place_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let item =
            |tag, vr, value: PrimitiveValue| InMemDicomObject::from_element_iter([DataElement::new(tag, vr, value)]);
        // Three phases of four slices, stored slice by slice from the last.
        let order: Vec<(usize, usize)> =
            (0..4).rev().flat_map(|slice| (0..3).map(move |phase| (phase, slice))).collect();
        let groups = order.iter().map(|(phase, slice)| {
            let position = format!("0\\0\\{}", 3 * slice);
            let mut content = item(tags::TEMPORAL_POSITION_INDEX, VR::UL, PrimitiveValue::from(*phase as u32 + 1));
            let time = format!("2026112510{:02}00", 10 + 2 * phase);
            content.put(DataElement::new(
                tags::FRAME_ACQUISITION_DATE_TIME,
                VR::DT,
                PrimitiveValue::from(time.as_str()),
            ));
            let place = item(tags::IMAGE_POSITION_PATIENT, VR::DS, PrimitiveValue::from(position.as_str()));
            InMemDicomObject::from_element_iter([
                sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content]),
                sequence(tags::PLANE_POSITION_SEQUENCE, vec![place]),
            ])
        });
        let values: Vec<u16> = (0..12 * 64 * 64).map(|at| (at / 4096 + at % 5) as u16).collect();
        let mut image = Synthetic::new("MR", 64, 64, &values);
        image.text(tags::NUMBER_OF_FRAMES, VR::IS, "12");
        image.0.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups.collect()));
        let measures = item(tags::PIXEL_SPACING, VR::DS, PrimitiveValue::from("1.5\\1.5"));
        let turn = item(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, PrimitiveValue::from("1\\0\\0\\0\\1\\0"));
        let shared = InMemDicomObject::from_element_iter([
            sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]),
            sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![turn]),
        ]);
        image.0.put(sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]));
        image.write(folder.path(), "enhanced.dcm");
        let (studies, warnings) = grouped(folder.path());
        assert!(warnings.is_empty() && studies[0].quality.is_empty(), "{warnings:?} {:?}", studies[0].quality);
        for (at, image) in studies[0].images.iter().enumerate() {
            let (phase, slice) = (at / 4, at % 4);
            assert_eq!((image.phase, image.position_mm), (Some(phase), Some(3.0 * slice as f64)));
            assert_eq!((image.time_s, image.pixel_spacing_mm), (Some(120.0 * phase as f64), Some([1.5, 1.5])));
            assert_eq!(order[image.frame.unwrap()], (phase, slice));
        }
        assert_eq!(studies[0].images.len(), 12);
    }

    #[test]
    fn phases_without_times_say_how_they_were_ordered() {
        let folder = tempfile::tempdir().unwrap();
        for phase in 0..2 {
            for slice in 0..5 {
                let mut image = dce_slice(phase, slice);
                image.text(tags::TEMPORAL_POSITION_IDENTIFIER, VR::IS, "").text(tags::ACQUISITION_TIME, VR::TM, "");
                image.write(folder.path(), &format!("{phase}{slice}"));
            }
        }
        let (studies, _) = grouped(folder.path());
        assert_eq!(studies[0].quality, ["no time tells the phases apart: ordered by InstanceNumber"]);
        // One slice over time, whose first moment has no TriggerTime.
        let folder = tempfile::tempdir().unwrap();
        for phase in 0..4 {
            let mut image = dce_slice(phase, 0);
            image.text(tags::TEMPORAL_POSITION_IDENTIFIER, VR::IS, "").text(tags::ACQUISITION_TIME, VR::TM, "100000");
            let trigger = if phase == 0 { String::new() } else { (500 * phase).to_string() };
            image.text(tags::TRIGGER_TIME, VR::DS, &trigger).write(folder.path(), &format!("{}", 9 - phase));
        }
        let (studies, _) = grouped(folder.path());
        let times: Vec<Option<f64>> = studies[0].images.iter().map(|image| image.time_s).collect();
        assert_eq!(times, [Some(0.0), Some(0.5), Some(1.0), Some(1.5)]);
        assert!(studies[0].quality.is_empty(), "{:?}", studies[0].quality);
        let folder = tempfile::tempdir().unwrap();
        for series in 0..2 {
            for slice in 0..5 {
                let mut image = dce_slice(0, slice);
                image.text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("2.25.{series}"));
                image.text(tags::SERIES_NUMBER, VR::IS, &(9 - series).to_string());
                image.write(folder.path(), &format!("{series}{slice}"));
            }
        }
        let (studies, _) = grouped(folder.path());
        let tie = "1 pair of phases without a time between them: ordered by series and acquisition number";
        assert_eq!(studies[0].quality, [tie]);
        assert_eq!(studies[0].images[0].path, "10", "the lower series number first");
    }
}
