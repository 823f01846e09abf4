use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, Length, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::super::PixelRisk;
use super::*;
use crate::imaging::synthetic::{Synthetic, mammogram};

fn key(first: u8) -> DeidentifyKey {
    DeidentifyKey::from_bytes((first..first + 40).collect()).unwrap()
}

fn run(root: &Path, out: &Path, first: u8) -> DeidentifyReport {
    deidentify_folder(root, out, &key(first), &DeidentifyOptions::default(), &|_, _| {}).unwrap()
}

/// The written files, parsed, in the order of their sources.
fn written(out: &Path, report: &DeidentifyReport) -> Vec<DicomFile> {
    let path = |file: &DeidentifiedFile| match &file.outcome {
        Outcome::Written { path } => Some(DicomFile::open(&out.join(path)).unwrap()),
        Outcome::Refused { .. } => None,
    };
    report.files.iter().filter_map(path).collect()
}

fn text(file: &DicomFile, name: &'static str) -> String {
    file.text(name).unwrap().unwrap_or_default()
}

/// A mammogram of a patient on a day, with its own UIDs.
fn visit(patient: &str, day: &str, instance: &str) -> Synthetic {
    let mut image = mammogram("L", "CC");
    image
        .text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.1.2")
        .text(tags::PATIENT_ID, VR::LO, patient)
        .text(tags::PATIENT_NAME, VR::PN, "Doe^Jane")
        .text(tags::STUDY_DATE, VR::DA, day)
        .text(tags::STUDY_TIME, VR::TM, "101500")
        .text(tags::ACQUISITION_DATE_TIME, VR::DT, &format!("{day}101501.5+0100"))
        .text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("2.25.9{instance}"))
        .text(tags::SOP_INSTANCE_UID, VR::UI, &format!("2.25.7{instance}"));
    image
}

#[test]
fn a_patient_keeps_one_pseudonym_and_its_intervals_and_another_key_gives_another() {
    let (root, out, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    visit("MRN-1", "20200115", "1").write(root.path(), "a.dcm");
    visit("MRN-1 ", "20200301", "2").write(root.path(), "b.dcm");
    visit("MRN-2", "20200115", "3").write(root.path(), "c.dcm");
    let report = run(root.path(), out.path(), 1);
    assert_eq!((report.written(), report.patients, report.flagged()), (3, 2, 0), "{report:?}");
    let files = written(out.path(), &report);
    let ids: Vec<String> = files.iter().map(|file| text(file, "PatientID")).collect();
    assert!(ids[0] == ids[1] && ids[0] != ids[2]);
    assert_eq!(text(&files[0], "PatientName"), ids[0]);
    assert_eq!(text(&files[0], "PatientIdentityRemoved"), "YES");
    let days = |file: &DicomFile| key(1).days_back(if text(file, "PatientID") == ids[2] { "MRN-2" } else { "MRN-1" });
    for (file, day) in files.iter().zip(["20200115", "20200301", "20200115"]) {
        let date = text(file, "StudyDate");
        assert_ne!(date, day);
        assert_eq!(super::super::dates::shift_date(&date, -days(file)).as_deref(), Some(day), "moved by whole days");
        assert_eq!(text(file, "StudyTime"), "101500");
        assert_eq!(text(file, "AcquisitionDateTime"), format!("{date}101501.5+0100"));
    }
    let again = run(root.path(), other.path(), 2);
    assert_ne!(text(&written(other.path(), &again)[0], "PatientID"), ids[0]);
}

#[test]
fn references_between_files_hold() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut second = visit("MRN-1", "20200115", "2");
    let reference = InMemDicomObject::from_element_iter([
        DataElement::new(tags::REFERENCED_SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.1.2"),
        DataElement::new(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "2.25.71"),
    ]);
    let sequence = DataSetSequence::new(vec![reference], Length::UNDEFINED);
    second.0.put(DataElement::new(tags::SOURCE_IMAGE_SEQUENCE, VR::SQ, sequence));
    let mut first = visit("MRN-1", "20200115", "1");
    first.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.840.10008.1.4.1.1").text(
        tags::CONCATENATION_UID,
        VR::UI,
        "1.2.840.10008.77.1",
    );
    first.write(root.path(), "a.dcm");
    second.write(root.path(), "b.dcm");
    let files = written(out.path(), &run(root.path(), out.path(), 1));
    let items = files[1].dataset.get(tags::SOURCE_IMAGE_SEQUENCE).unwrap().items().unwrap();
    let referenced = |tag| items[0].get(tag).unwrap().to_str().unwrap().to_string();
    assert_eq!(referenced(tags::REFERENCED_SOP_INSTANCE_UID), text(&files[0], "SOPInstanceUID"));
    assert_eq!(referenced(tags::REFERENCED_SOP_CLASS_UID), "1.2.840.10008.5.1.4.1.1.1.2");
    assert_eq!(text(&files[0], "StudyInstanceUID"), text(&files[1], "StudyInstanceUID"));
    assert_ne!(text(&files[0], "StudyInstanceUID"), "2.25.2");
    assert_eq!(text(&files[0], "FrameOfReferenceUID"), "1.2.840.10008.1.4.1.1", "the Talairach frame is nobody's");
    assert!(text(&files[0], "ConcatenationUID").starts_with("2.25."), "an instance below the root of the standard");
}

#[test]
fn a_name_copied_into_a_kept_attribute_goes_and_is_counted() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut image = visit("MRN-1", "20200115", "1");
    image.text(tags::SEQUENCE_NAME, VR::SH, "fl3d jane").text(tags::MANUFACTURER, VR::LO, "SIEMENS").text(
        tags::IMAGE_TYPE,
        VR::CS,
        "ORIGINAL\\PRIMARY\\JANE_DOE\\M_FFE",
    );
    image.write(root.path(), "a.dcm");
    let report = run(root.path(), out.path(), 1);
    let files = written(out.path(), &report);
    assert_eq!(report.files[0].echoes, 2);
    assert_eq!(text(&files[0], "ImageType"), "ORIGINAL\\PRIMARY\\\\M_FFE", "the other values keep their places");
    assert_eq!((text(&files[0], "SequenceName"), text(&files[0], "Manufacturer")), (String::new(), "SIEMENS".into()));
}

#[test]
fn pixels_and_transfer_syntax_stay() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let syntaxes = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"];
    for (n, syntax) in syntaxes.iter().enumerate() {
        let meta = FileMetaTableBuilder::new().transfer_syntax(*syntax);
        let image = visit("MRN-1", "20200115", &n.to_string());
        image.0.with_meta(meta).unwrap().write_to_file(root.path().join(format!("{n}.dcm"))).unwrap();
    }
    let frame = b"\xff\xd8\xff\xfe\x00\x06ANNA\xff\xda\x00\x02PIXELS\xff\xd9".to_vec();
    let mut image = visit("MRN-1", "20200115", "9");
    let frames = PixelFragmentSequence::new(vec![0u32], vec![frame.clone()]);
    image.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, frames));
    let meta = FileMetaTableBuilder::new().transfer_syntax("1.2.840.10008.1.2.4.70");
    image.0.with_meta(meta).unwrap().write_to_file(root.path().join("9.dcm")).unwrap();
    let report = run(root.path(), out.path(), 1);
    let files = written(out.path(), &report);
    assert_eq!(files.len(), 5, "{report:?}");
    let source = visit("MRN-1", "20200115", "1");
    let pixels = source.0.get(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    for (file, syntax) in files.iter().zip(syntaxes) {
        assert_eq!(file.transfer_syntax(), syntax);
        assert_eq!(file.dataset.get(tags::PIXEL_DATA).unwrap().to_bytes().unwrap(), pixels, "{syntax}");
    }
    let element = files[4].dataset.get(tags::PIXEL_DATA).unwrap();
    let expected = [&frame[..6], b"    ", &frame[10..]].concat();
    assert_eq!(element.fragments().unwrap(), [expected], "the comment is blank, the rest the same");
    assert_eq!(report.files[4].risks, [PixelRisk::CommentsBlanked]);
    assert_eq!(report.flagged(), 0);
}

#[test]
fn an_output_is_never_overwritten_and_the_first_of_two_twins_is_written() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    visit("MRN-1", "20200115", "1").write(root.path(), "a.dcm");
    visit("MRN-1", "20210607", "1").write(root.path(), "b.dcm");
    let report = run(root.path(), out.path(), 1);
    assert_eq!(report.files[1].outcome, Outcome::Refused { reason: Refusal::Exists });
    let Outcome::Written { path } = &report.files[0].outcome else { panic!("{report:?}") };
    let before = fs::read(out.path().join(path)).unwrap();
    let again = run(root.path(), out.path(), 1);
    assert_eq!(again.written(), 0, "{again:?}");
    assert_eq!(fs::read(out.path().join(path)).unwrap(), before);
    let files: Vec<_> = WalkDir::new(out.path()).into_iter().flatten().filter(|e| e.file_type().is_file()).collect();
    assert_eq!(files.len(), 1, "no temporary file stays behind");
}

#[test]
fn a_file_that_may_not_be_written_leaves_nothing() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut nameless = visit("", "20200115", "1");
    nameless.write(root.path(), "a.dcm");
    nameless.text(tags::PATIENT_ID, VR::LO, "MRN-1").text(tags::SERIES_INSTANCE_UID, VR::UI, "");
    nameless.write(root.path(), "b.dcm");
    let mut private = visit("MRN-1", "20200115", "2");
    private.text(tags::SOP_CLASS_UID, VR::UI, "1.3.12.2.1107.5.9.1").write(root.path(), "c.dcm");
    let mut sonogram = visit("MRN-1", "20200115", "3");
    sonogram.text(tags::MODALITY, VR::CS, "US").write(root.path(), "d.dcm");
    fs::write(root.path().join("e.txt"), "Jane Doe").unwrap();
    let options = DeidentifyOptions { refuse_risky_pixels: true, ..DeidentifyOptions::default() };
    let report = deidentify_folder(root.path(), out.path(), &key(1), &options, &|_, _| {}).unwrap();
    let reasons: Vec<Outcome> = report.files.iter().map(|file| file.outcome.clone()).collect();
    let expected =
        [Refusal::NoPatientId, Refusal::NoUid, Refusal::PrivateClass, Refusal::RiskyPixels, Refusal::NotDicom];
    assert_eq!(reasons, expected.map(|reason| Outcome::Refused { reason }));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    let flagged = run(root.path(), out.path(), 1);
    assert_eq!((flagged.written(), flagged.flagged()), (1, 1), "by default a sonogram is written and flagged");
    assert_eq!(flagged.files[3].risks, [PixelRisk::Ultrasound]);
}

#[test]
fn an_output_inside_the_source_is_refused() {
    let root = tempfile::tempdir().unwrap();
    visit("MRN-1", "20200115", "1").write(root.path(), "a.dcm");
    let inside = root.path().join("out");
    let error = deidentify_folder(root.path(), &inside, &key(1), &DeidentifyOptions::default(), &|_, _| {});
    assert!(matches!(error, Err(Error::NestedOutput)));
    let empty = tempfile::tempdir().unwrap();
    let error = deidentify_folder(empty.path(), root.path(), &key(1), &DeidentifyOptions::default(), &|_, _| {});
    assert!(matches!(error, Err(Error::EmptyFolder { .. })));
}

#[test]
fn the_same_bytes_come_out_on_one_thread_and_on_many() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..9 {
        visit(&format!("MRN-{}", n % 3), "20200115", &(n % 7).to_string()).write(root.path(), &format!("{n}.dcm"));
    }
    let all = |threads: usize| {
        let out = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report = pool.install(|| run(root.path(), out.path(), 1));
        let bytes: Vec<Option<Vec<u8>>> = report
            .files
            .iter()
            .map(|file| match &file.outcome {
                Outcome::Written { path } => Some(fs::read(out.path().join(path)).unwrap()),
                Outcome::Refused { .. } => None,
            })
            .collect();
        (report, bytes)
    };
    assert_eq!(all(1), all(4));
}

/// The fragments or bytes of the pixels, comments blanked.
fn pixels(file: &mut DicomFile) -> Vec<Vec<u8>> {
    let tag = [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA]
        .into_iter()
        .find(|tag| file.dataset.get(*tag).is_some());
    let element = file.dataset.take(tag.unwrap()).unwrap();
    match element.fragments() {
        Some(fragments) => {
            let mut fragments = fragments.to_vec();
            for fragment in &mut fragments {
                super::super::comments::blank(fragment);
            }
            fragments
        }
        None => vec![element.to_bytes().unwrap().into_owned()],
    }
}

#[test]
fn files_of_many_makers_keep_their_pixels_and_lose_their_patients() {
    let data = std::env::var_os("REGIMEN_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let root = data.join("images/dicom");
    if !root.is_dir() {
        println!("skipped: no conformance files at {}", root.display());
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let report = run(&root, out.path(), 1);
    for (source, file) in source_files(&root).unwrap().iter().zip(&report.files) {
        let Outcome::Written { path } = &file.outcome else { continue };
        let mut before = DicomFile::open(source).unwrap();
        let mut after = DicomFile::open(&out.path().join(path)).unwrap();
        assert!(pixels(&mut before) == pixels(&mut after), "{}", source.display());
        assert_eq!(before.transfer_syntax(), after.transfer_syntax());
        assert!(after.dataset.iter().all(|element| element.header().tag.0 % 2 == 0), "{}", source.display());
        for name in ["PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"] {
            assert_ne!(text(&before, name), text(&after, name), "{name} of {}", source.display());
        }
    }
    println!("{} of {} files written, {} flagged", report.written(), report.files.len(), report.flagged());
    assert!(report.written() >= 80, "of 181 files; the others share UIDs or hold no image or no PatientID");
}
