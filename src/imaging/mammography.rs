use super::mammogram_view::{PresentationIntent, ViewModifier};
use super::study::{Headed, StudyImage, count};
use crate::terms::Laterality;

/// The mammograms of an examination by side and view, with findings about what it lacks and what is special.
///
/// Where one view was sent both for processing and for presentation, the latter is kept.
pub(super) fn order(files: &[Headed], found: &mut Vec<String>) -> Vec<StudyImage> {
    let mut images: Vec<StudyImage> = files.iter().map(|(report, header)| StudyImage::new(report, header)).collect();
    let before = images.len();
    let shown: Vec<StudyImage> =
        images.iter().filter(|image| image.intent == Some(PresentationIntent::ForPresentation)).cloned().collect();
    images.retain(|image| {
        let raw = image.intent == Some(PresentationIntent::ForProcessing) && image.view.is_some();
        let key = |image: &StudyImage| (image.laterality, image.view.clone(), image.modifiers.clone());
        !(raw && shown.iter().any(|other| key(other) == key(image)))
    });
    if images.len() < before {
        found.push(format!(
            "{} for processing left out beside the same view for presentation",
            count(before - images.len(), "image")
        ));
    }
    let raw = images.iter().filter(|image| image.intent == Some(PresentationIntent::ForProcessing)).count();
    if raw > 0 {
        found.push(format!("{} for processing: not made for reading", count(raw, "image")));
    }
    let implant =
        |image: &&StudyImage| image.implant == Some(true) || image.modifiers.contains(&ViewModifier::ImplantDisplaced);
    let implants = images.iter().filter(implant).count();
    if implants > 0 {
        found.push(format!("breast implant in {}", count(implants, "image")));
    }
    let volumes = images.iter().filter(|image| image.frames > 1).count();
    if volumes > 0 {
        found.push(format!("{} of tomosynthesis: the middle frame is read", count(volumes, "image")));
    }
    let partial = images.iter().filter(|image| !shows_whole_breast(image)).count();
    if partial > 0 {
        found.push(format!("{} of a part or in another projection, no standard view", count(partial, "image")));
    }
    images.sort_by(|a, b| rank(a).cmp(&rank(b)));
    check_views(&images, found);
    images
}

/// True when no modifier says otherwise.
fn shows_whole_breast(image: &StudyImage) -> bool {
    image.modifiers.iter().all(|modifier| modifier.is_standard())
}

/// What orders mammograms.
type Rank<'a> = (bool, Option<Laterality>, bool, bool, Option<&'a str>, &'a [ViewModifier], &'a str);

/// Left before right, standard views before others, CC before MLO, the unknown last.
fn rank(image: &StudyImage) -> Rank<'_> {
    (
        image.laterality.is_none(),
        image.laterality,
        !shows_whole_breast(image),
        image.view.is_none(),
        image.view.as_deref(),
        &image.modifiers,
        &image.path,
    )
}

/// Reports the standard views that are missing or doubled, and images whose view is unknown.
///
/// An implant-displaced view stands in for its standard one, and does not double it.
fn check_views(images: &[StudyImage], found: &mut Vec<String>) {
    for (side, letter) in [(Laterality::Left, 'L'), (Laterality::Right, 'R')] {
        for view in ["CC", "MLO"] {
            let same = |image: &&StudyImage| {
                image.laterality == Some(side) && image.view.as_deref() == Some(view) && shows_whole_breast(image)
            };
            let displaced = |image: &&StudyImage| image.modifiers.contains(&ViewModifier::ImplantDisplaced);
            let plain = images.iter().filter(same).filter(|image| !displaced(image)).count();
            match plain {
                0 if !images.iter().filter(same).any(|image| displaced(&image)) => {
                    found.push(format!("missing view {letter}{view}"));
                }
                0 | 1 => {}
                n => found.push(format!("{n} images of view {letter}{view}")),
            }
        }
    }
    let unknown = images.iter().filter(|image| image.laterality.is_none() || image.view.is_none()).count();
    if unknown > 0 {
        found.push(format!("{} without laterality or view", count(unknown, "image")));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::super::synthetic::{Synthetic, mammogram, sequence};
    use super::*;
    use crate::imaging::{Study, group_studies, scan_folder};

    fn code(value: &str) -> InMemDicomObject {
        InMemDicomObject::from_element_iter([
            DataElement::new(tags::CODE_VALUE, VR::SH, PrimitiveValue::from(value)),
            DataElement::new(tags::CODING_SCHEME_DESIGNATOR, VR::SH, PrimitiveValue::from("SCT")),
        ])
    }

    /// A mammogram whose view is coded, and not in ViewPosition.
    fn coded(side: &str, view: &str, modifiers: &[&str]) -> Synthetic {
        let mut image = mammogram(side, "");
        let mut item = code(view);
        item.put(sequence(tags::VIEW_MODIFIER_CODE_SEQUENCE, modifiers.iter().map(|value| code(value)).collect()));
        image.0.put(sequence(tags::VIEW_CODE_SEQUENCE, vec![item]));
        image
    }

    fn study(root: &Path) -> Study {
        let (mut studies, warnings) = group_studies(&scan_folder(root, &|_, _| {}).unwrap(), "demo");
        assert!(warnings.is_empty() && studies.len() == 1, "{warnings:?}");
        studies.remove(0)
    }

    #[test]
    fn coded_views_are_named_and_partial_ones_are_no_standard_views() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        coded("L", "399162004", &[]).write(root, "a.dcm");
        coded("L", "R-10226", &["R-102D7", "399163009"]).write(root, "b.dcm");
        coded("R", "R-10242", &["R-102D5"]).write(root, "c.dcm");
        let mut whole = coded("R", "R-10226", &[]);
        whole.text(tags::BREAST_IMPLANT_PRESENT, VR::CS, "YES").write(root, "d.dcm");
        let study = study(root);
        let views: Vec<(&str, &str)> =
            study.images.iter().map(|image| (image.path.as_str(), image.view.as_deref().unwrap())).collect();
        assert_eq!(views, [("a.dcm", "CC"), ("b.dcm", "MLO"), ("c.dcm", "CC"), ("d.dcm", "MLO")]);
        assert_eq!(study.images[1].modifiers, [ViewModifier::SpotCompression, ViewModifier::Magnification]);
        assert_eq!(
            study.quality,
            [
                "breast implant in 2 images",
                "1 image of a part or in another projection, no standard view",
                "missing view LMLO"
            ]
        );
    }

    #[test]
    fn of_a_view_sent_twice_the_one_for_presentation_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for (name, side, view, intent) in [
            ("a", "L", "CC", "FOR PROCESSING"),
            ("b", "L", "CC", "FOR PRESENTATION"),
            ("c", "L", "MLO", "FOR PRESENTATION"),
            ("d", "R", "CC", "FOR PROCESSING"),
            ("e", "R", "MLO", "SOMETHING ELSE"),
        ] {
            let mut image = mammogram(side, view);
            image.text(tags::PRESENTATION_INTENT_TYPE, VR::CS, intent).write(folder.path(), name);
        }
        let study = study(folder.path());
        let paths: Vec<&str> = study.images.iter().map(|image| image.path.as_str()).collect();
        assert_eq!(paths, ["b", "c", "d", "e"]);
        assert_eq!(
            study.quality,
            [
                "PresentationIntentType is malformed",
                "1 image for processing left out beside the same view for presentation",
                "1 image for processing: not made for reading"
            ]
        );
        let json = serde_json::to_string(&study.images).unwrap();
        assert!(json.contains("\"intent\":\"for_presentation\""), "{json}");
        let older: StudyImage = serde_json::from_str(
            r#"{"path":"a","laterality":null,"view":null,"phase":null,"position_mm":null,"time_s":null,
            "pixel_spacing_mm":null,"frames":1}"#,
        )
        .unwrap();
        assert_eq!((older.intent, older.modifiers.len()), (None, 0), "tables of older versions still read");
    }

    #[test]
    fn codes_that_disagree_or_are_unknown_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut image = coded("L", "399162004", &["12345"]);
        image.text(tags::VIEW_POSITION, VR::CS, "MLO").write(folder.path(), "a.dcm");
        coded("L", "999", &[]).write(folder.path(), "b.dcm");
        let reports = scan_folder(folder.path(), &|_, _| {}).unwrap();
        assert_eq!(
            reports[0].warnings,
            ["a view modifier has an unknown code", "ViewPosition and ViewCodeSequence disagree; the code is taken"]
        );
        assert_eq!((reports[0].view.as_deref(), reports[1].view.as_deref()), (Some("CC"), None));
        assert_eq!(reports[1].warnings, ["ViewCodeSequence has an unknown code"]);
    }
}
