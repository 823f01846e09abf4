use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mr_series::{in_series, mixed_patients};
use super::pixels::hex;
use super::{DicomHeader, FileReport, FileStatus, LesionBox, PresentationIntent, ViewModifier};
use super::{dce, mammography, ultrasound};
use crate::terms::{Laterality, Modality, PatientId};

/// Images with a side below this many pixels are called tiny.
const TINY: usize = 64;

/// The visit of a study whose files name none.
const DEFAULT_VISIT: &str = "baseline";

/// All images of one patient, one examination and one modality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Whose images they are. Identifying.
    pub patient: PatientId,
    /// The visit: ClinicalTrialTimePointID, else `baseline`.
    pub visit: String,
    /// The modality of every image.
    pub modality: Modality,
    /// First 16 hexadecimal digits of SHA-256 of StudyInstanceUID followed by the modality word.
    pub study_key: String,
    /// The images in order: mammograms by side and view, ultrasound by path, MRI by phase and slice position.
    pub images: Vec<StudyImage>,
    /// What is wrong with the study, one sentence each; empty when nothing is.
    pub quality: Vec<String>,
}

/// One image file of a study.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StudyImage {
    /// Path relative to the scanned folder, parts separated by `/`.
    pub path: String,
    /// Side of the body.
    pub laterality: Option<Laterality>,
    /// View position, upper case (`CC`, `MLO`).
    pub view: Option<String>,
    /// Rank in time of the volume that the slice belongs to, from 0 (before contrast); MRI only.
    pub phase: Option<usize>,
    /// Position along the normal of the slices, millimetres; MRI only.
    pub position_mm: Option<f64>,
    /// Seconds from the start of phase 0 to the start of this phase; MRI only.
    pub time_s: Option<f64>,
    /// Between rows and between columns, millimetres.
    pub pixel_spacing_mm: Option<[f64; 2]>,
    /// Frames in the file.
    pub frames: usize,
    /// Zero-based frame of the file that this image is; `None` for a file as a whole.
    #[serde(default)]
    pub frame: Option<usize>,
    /// What the image was processed for; mammography only.
    #[serde(default)]
    pub intent: Option<PresentationIntent>,
    /// How the image departs from the standard view of its name; mammography only.
    #[serde(default)]
    pub modifiers: Vec<ViewModifier>,
    /// True with a breast implant, false without; mammography only.
    #[serde(default)]
    pub implant: Option<bool>,
    /// Where the largest calibrated image of tissue lies; ultrasound only.
    #[serde(default)]
    pub tissue: Option<LesionBox>,
    /// True with burned-in text or calipers, declared or detected; ultrasound only.
    #[serde(default)]
    pub burned_in: bool,
    /// SHA-256 of the file's decoded pixels, as scanned; `None` in tables of older versions.
    #[serde(default)]
    pub pixel_sha256: Option<String>,
}

impl StudyImage {
    /// The image of a report, with no place in time or space yet.
    pub(super) fn new(report: &FileReport, header: &DicomHeader) -> Self {
        Self {
            path: report.path.clone(),
            laterality: report.laterality,
            view: report.view.clone(),
            phase: None,
            position_mm: None,
            time_s: None,
            pixel_spacing_mm: header.pixel_spacing_mm,
            frames: report.frames.unwrap_or(1),
            frame: None,
            intent: header.intent,
            modifiers: header.modifiers.clone(),
            implant: header.implant,
            tissue: None,
            burned_in: false,
            pixel_sha256: report.pixel_sha256.clone(),
        }
    }
}

/// A report with the header that groups it.
pub(super) type Headed<'a> = (&'a FileReport, &'a DicomHeader);

/// Groups the DICOM files of a scan into studies of mammography, ultrasound and MRI, sorted by patient, visit, modality
/// and key. The second value holds one sentence per kind of file that was left out.
///
/// `namespace` is the cohort that the patient ids belong to. PNG files carry no patient and are left to the caller.
#[must_use]
pub fn group_studies(reports: &[FileReport], namespace: &str) -> (Vec<Study>, Vec<String>) {
    let mut warnings = Vec::new();
    let mut examinations: BTreeMap<(PatientId, String), Vec<Headed>> = BTreeMap::new();
    let mut nameless = 0usize;
    let mixed = mixed_patients(reports);
    let refused = reports.iter().filter(|report| in_series(report, &mixed)).count();
    if refused > 0 {
        warnings.push(format!("{} refused: their series names more than one patient", count(refused, "image")));
    }
    let usable = |report: &&FileReport| report.status != FileStatus::NoPixels && !in_series(report, &mixed);
    for report in reports.iter().filter(usable) {
        let Some(header) = &report.header else { continue };
        let id = header.patient_id.as_deref().map(|id| PatientId::new(namespace, id));
        match id {
            Some(Ok(patient)) => {
                let uid = header.study_uid.clone().unwrap_or_default();
                examinations.entry((patient, uid)).or_default().push((report, header));
            }
            _ => nameless += 1,
        }
    }
    if nameless > 0 {
        warnings.push(format!("{} without a PatientID left out", count(nameless, "image")));
    }
    let mut studies = Vec::new();
    let mut foreign: BTreeMap<String, usize> = BTreeMap::new();
    for ((patient, uid), files) in &examinations {
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_modality: BTreeMap<(String, Modality), Vec<Headed>> = BTreeMap::new();
        for &(report, header) in files {
            let code = header.modality.as_deref().unwrap_or("absent");
            match Modality::from_dicom(code) {
                Some(modality) => {
                    let visit = header.time_point.clone().unwrap_or_else(|| DEFAULT_VISIT.to_owned());
                    by_modality.entry((visit, modality)).or_default().push((report, header));
                }
                None => *others.entry(code.to_owned()).or_default() += 1,
            }
        }
        for ((visit, modality), files) in by_modality {
            let study = Study {
                patient: patient.clone(),
                visit,
                modality,
                study_key: study_key(uid, patient, modality),
                images: Vec::new(),
                quality: Vec::new(),
            };
            studies.push(fill(study, uid, &files, &others));
        }
        others.into_iter().for_each(|(code, n)| *foreign.entry(code).or_default() += n);
    }
    for (code, n) in foreign {
        warnings.push(format!("{} of modality {code} left out", count(n, "image")));
    }
    studies.sort_by(|a, b| {
        (&a.patient, &a.visit, a.modality, &a.study_key).cmp(&(&b.patient, &b.visit, b.modality, &b.study_key))
    });
    let mut seen: BTreeMap<(&PatientId, &str, Modality), usize> = BTreeMap::new();
    for study in &studies {
        *seen.entry((&study.patient, &study.visit, study.modality)).or_default() += 1;
    }
    for ((_, visit, modality), n) in seen.into_iter().filter(|(_, n)| *n > 1) {
        warnings.push(format!("{n} {modality} studies of one patient share the visit `{visit}`"));
    }
    (studies, warnings)
}

/// Fills a study with its usable images and its quality findings.
fn fill(mut study: Study, uid: &str, files: &[Headed], others: &BTreeMap<String, usize>) -> Study {
    let found = &mut study.quality;
    if uid.is_empty() {
        found.push("StudyInstanceUID is absent".to_owned());
    }
    // A segmentation belongs to the study it was drawn on.
    for (code, n) in others.iter().filter(|(code, _)| *code != "SEG") {
        found.push(format!(
            "wrong modality: {} of modality {code} in the same examination left out",
            count(*n, "image")
        ));
    }
    let refused = files.iter().filter(|(report, _)| report.status == FileStatus::Refused).count();
    if refused > 0 {
        found.push(format!("{} refused", count(refused, "image")));
    }
    let (blank, usable): (Vec<Headed>, Vec<Headed>) = files
        .iter()
        .filter(|(report, _)| report.status == FileStatus::Ok)
        .copied()
        .partition(|(report, _)| report.pixel_min == report.pixel_max);
    if !blank.is_empty() {
        found.push(format!("{} blank", count(blank.len(), "image")));
    }
    // A slice outside the body may well be constant; a constant mammogram or sonogram shows nothing.
    let usable = if study.modality == Modality::Mri { [usable, blank].concat() } else { usable };
    let side = |report: &FileReport| report.rows.unwrap_or(0).min(report.columns.unwrap_or(0));
    let tiny = usable.iter().filter(|(report, _)| side(report) < TINY).count();
    if tiny > 0 {
        found.push(format!("{} tiny: a side below {TINY} pixels", count(tiny, "image")));
    }
    let malformed: BTreeSet<&str> = usable
        .iter()
        .flat_map(|(report, _)| &report.warnings)
        .filter_map(|warning| warning.split_once(" is malformed").map(|(attribute, _)| attribute))
        .collect();
    found.extend(malformed.into_iter().map(|attribute| format!("{attribute} is malformed")));
    match study.modality {
        Modality::Mri => study.images = dce::order(&usable, found),
        Modality::Mammography => {
            study.images = mammography::order(&usable, found);
        }
        Modality::Ultrasound => {
            study.images = ultrasound::order(&usable, found);
        }
    }
    if study.images.is_empty() {
        study.quality.push("no usable image".to_owned());
    }
    study
}

/// The key of a study; without a StudyInstanceUID the patient stands in for it.
fn study_key(uid: &str, patient: &PatientId, modality: Modality) -> String {
    let root = if uid.is_empty() { patient.expose() } else { uid };
    let digest = Sha256::new().chain_update(root).chain_update(modality.as_str()).finalize();
    hex(&digest[..8])
}

/// `1 image`, `2 images`.
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dicom_core::VR;
    use dicom_dictionary_std::tags;

    use super::super::synthetic::{Synthetic, dce_slice, mammogram};
    use super::*;
    use crate::imaging::{Error, Preparation, Prepared, load_study, scan_folder};

    fn grouped(root: &Path) -> (Vec<Study>, Vec<String>) {
        group_studies(&scan_folder(root, &|_, _| {}).unwrap(), "demo")
    }

    fn prepared(root: &Path, study: &Study) -> Result<Vec<Prepared>, Error> {
        let loaded = load_study(root, study, Preparation::of(study.modality), None)?;
        Ok(loaded.views.into_iter().map(|view| view.prepared).collect())
    }

    fn write_dce(root: &Path, leave_out: Option<(usize, usize)>) {
        for phase in 0..3 {
            for slice in 0..6 {
                // File names in the opposite order: only the headers can tell the order.
                if leave_out != Some((phase, slice)) {
                    dce_slice(phase, slice).write(root, &format!("{:02}.dcm", 40 - phase * 6 - slice));
                }
            }
        }
    }

    #[test]
    fn a_dynamic_series_is_ordered_by_phase_and_position() {
        let folder = tempfile::tempdir().unwrap();
        write_dce(folder.path(), None);
        let (studies, warnings) = grouped(folder.path());
        assert!(warnings.is_empty() && studies.len() == 1, "{warnings:?}");
        let study = &studies[0];
        assert_eq!((study.patient.expose(), study.visit.as_str()), ("demo:SECRET-17", "baseline"));
        assert_eq!((study.modality, study.study_key.len()), (Modality::Mri, 16));
        assert!(study.quality.is_empty(), "{:?}", study.quality);
        let order: Vec<(usize, f64)> =
            study.images.iter().map(|image| (image.phase.unwrap(), image.position_mm.unwrap())).collect();
        let expected: Vec<(usize, f64)> = (0..18).map(|i| (i / 6, 2.5 * (i % 6) as f64)).collect();
        assert_eq!(order, expected);
        assert_eq!(study.images[6].time_s, Some(120.0));
        let prepared = prepared(folder.path(), study).unwrap();
        assert_eq!(prepared.len(), 6, "all six slices fit into eight");
        assert!(prepared.iter().all(|slice| (slice.channels, slice.height, slice.width) == (3, 64, 64)));
        let brightest = |slice: &crate::imaging::Prepared| slice.pixels[4096..8192].iter().sum::<f32>();
        assert!(brightest(&prepared[2]) != brightest(&prepared[0]));
    }

    #[test]
    fn a_missing_slice_and_a_single_phase_are_found() {
        let folder = tempfile::tempdir().unwrap();
        write_dce(folder.path(), Some((1, 4)));
        let (studies, _) = grouped(folder.path());
        assert_eq!(studies[0].quality, ["phase 1: 1 slice missing"]);
        assert_eq!(prepared(folder.path(), &studies[0]).unwrap().len(), 5, "the shared slices are used");
        let folder = tempfile::tempdir().unwrap();
        for slice in [0, 1, 2, 4, 5] {
            dce_slice(0, slice).write(folder.path(), &format!("{slice}.dcm"));
        }
        let (studies, _) = grouped(folder.path());
        assert_eq!(
            studies[0].quality,
            ["one phase only: enhancement cannot be measured", "1 slice missing from every phase"]
        );
        assert!(prepared(folder.path(), &studies[0]).is_err());
    }

    #[test]
    fn phases_in_separate_series_are_ordered_by_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        for phase in 0..3 {
            for slice in 0..6 {
                let mut image = dce_slice(phase, slice);
                image.text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("2.25.{}", 9 - phase));
                image.text(tags::TEMPORAL_POSITION_IDENTIFIER, VR::IS, "1");
                image.write(folder.path(), &format!("{phase}{slice}.dcm"));
            }
        }
        let mut scout = dce_slice(0, 0);
        scout.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\1\\0\\0\\0\\-1");
        scout.write(folder.path(), "scout.dcm");
        let (studies, _) = grouped(folder.path());
        let paths: Vec<&str> = studies[0].images.iter().map(|image| image.path.as_str()).collect();
        assert_eq!((paths[0], paths[6], paths[17], paths.len()), ("00.dcm", "10.dcm", "25.dcm", 18));
        assert_eq!(studies[0].quality, ["1 image outside the dynamic series left out"]);
    }

    #[test]
    fn missing_views_blank_images_and_foreign_modalities_are_found() {
        let folder = tempfile::tempdir().unwrap();
        mammogram("R", "MLO").write(folder.path(), "a.dcm");
        mammogram("L", "CC").write(folder.path(), "b.dcm");
        mammogram("L", "MLO").write(folder.path(), "c.dcm");
        let mut blank = Synthetic::new("MG", 128, 100, &[5; 12_800]);
        blank.text(tags::IMAGE_LATERALITY, VR::CS, "R").text(tags::VIEW_POSITION, VR::CS, "CC");
        blank.write(folder.path(), "d.dcm");
        Synthetic::new("CT", 2, 2, &[1, 2, 3, 4]).write(folder.path(), "e.dcm");
        let mut nameless = mammogram("L", "CC");
        nameless.text(tags::PATIENT_ID, VR::LO, "");
        nameless.write(folder.path(), "f.dcm");
        let (studies, warnings) = grouped(folder.path());
        assert_eq!(warnings, ["1 image without a PatientID left out", "1 image of modality CT left out"]);
        let study = &studies[0];
        assert_eq!(
            study.quality,
            [
                "wrong modality: 1 image of modality CT in the same examination left out",
                "1 image blank",
                "missing view RCC"
            ]
        );
        let views: Vec<&str> = study.images.iter().map(|image| image.path.as_str()).collect();
        assert_eq!(views, ["b.dcm", "c.dcm", "a.dcm"]);
        let prepared = prepared(folder.path(), study).unwrap();
        assert_eq!(prepared.len(), 3);
        assert!(prepared.iter().all(|image| (image.channels, image.height, image.width) == (1, 96, 96)));
        let difference: f32 = prepared[1].pixels.iter().zip(&prepared[2].pixels).map(|(a, b)| (a - b).abs()).sum();
        assert!(difference < 96.0, "a right breast is mirrored onto the left: {difference}");
    }

    #[test]
    fn an_image_path_cannot_leave_the_scanned_folder() {
        let folder = tempfile::tempdir().unwrap();
        mammogram("L", "CC").write(folder.path(), "a.dcm");
        let (mut studies, _) = grouped(folder.path());
        studies[0].images[0].path = "../a.dcm".to_owned();
        assert!(prepared(&folder.path().join("."), &studies[0]).is_err());
    }
}
