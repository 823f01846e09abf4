use std::collections::BTreeMap;

use dicom_dictionary_std::tags;
use sha2::{Digest, Sha256};

use super::*;
use crate::terms::Subtype;

fn files_under(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn tree_hash(folder: &Path) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (name, bytes) in files_under(folder) {
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().to_vec()
}

fn options(n_patients: usize, seed: u64, images: bool) -> SimulateOptions {
    SimulateOptions { n_patients, seed, images }
}

fn column(csv: &str, name: &str) -> BTreeMap<String, String> {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|header| header == name).unwrap();
    let cells = lines.map(|line| line.split(',').collect::<Vec<_>>());
    cells.map(|cells| (cells[0].to_owned(), cells[at].to_owned())).collect()
}

fn patient_with(cohort: &SimulatedCohort, role: Role) -> String {
    cohort.cast.iter().find(|member| member.role == role).unwrap().patient.clone()
}

#[test]
fn a_whole_cohort_has_its_cast_its_files_and_readable_dicom() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("demo");
    let cohort = simulate_cohort(&options(26, 5, true), &out).unwrap();
    let files = files_under(&out);
    assert_eq!(files.len(), cohort.n_files);
    assert_eq!(files.values().map(|bytes| bytes.len() as u64).sum::<u64>(), cohort.n_bytes);
    assert!(cohort.n_bytes < 60 * 1024 * 1024, "{} bytes", cohort.n_bytes);
    assert_eq!(cohort.patients.len(), 26);
    let count = |part: &str| files.keys().filter(|name| name.contains(part)).count();
    // 26 patients, three without each modality, and one text file besides.
    assert_eq!(count("/mammography/"), 23 * 4 + 1);
    assert_eq!(count("/ultrasound/"), 23);
    assert_eq!(count("/mri/"), 23 * 24);
    for subtype in Subtype::ALL {
        assert!(cohort.patients.iter().any(|patient| patient.subtype == subtype), "{subtype}");
    }

    let truncated = format!("{}/mammography/RMLO.dcm", patient_with(&cohort, Role::TruncatedDicom));
    let text = format!("{}/mammography/letter.dcm", patient_with(&cohort, Role::TextNamedDcm));
    let mut instances = std::collections::BTreeSet::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".dcm")) {
        let read = dicom_object::OpenFileOptions::new().from_reader(bytes.as_slice());
        if *name == truncated || *name == text {
            assert!(read.is_err(), "{name} can be read");
            continue;
        }
        let object = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        let text_of = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_owned();
        let number_of = |tag| object.element(tag).unwrap().to_int::<usize>().unwrap();
        let code = &name[..8];
        assert_eq!(text_of(tags::PATIENT_ID), code);
        assert_eq!(text_of(tags::PATIENT_NAME), format!("SYNTHETIC^{code}"));
        assert_eq!(text_of(tags::BURNED_IN_ANNOTATION), "NO");
        assert_eq!(text_of(tags::IMAGE_COMMENTS), "SYNTHETIC");
        assert_eq!(text_of(tags::SYNTHETIC_DATA), "YES");
        assert!(instances.insert(text_of(tags::SOP_INSTANCE_UID)), "{name}: instance uid used twice");
        let expected = match text_of(tags::MODALITY).as_str() {
            "MG" => (512, 384, 16),
            "US" => (256, 320, 8),
            _ => (96, 96, 16),
        };
        let size = (number_of(tags::ROWS), number_of(tags::COLUMNS), number_of(tags::BITS_ALLOCATED));
        assert_eq!(size, expected, "{name}");
        let pixels = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
        assert_eq!(pixels.len(), size.0 * size.1 * size.2 / 8, "{name}");
        if size.2 == 16 {
            assert!(pixels.chunks_exact(2).all(|pair| u16::from_le_bytes([pair[0], pair[1]]) < 4096), "{name}");
        }
    }
}

#[test]
fn the_tables_hold_what_the_cast_promises() {
    let place = tempfile::tempdir().unwrap();
    let cohort = simulate_cohort(&options(26, 9, false), &place.path().join("demo")).unwrap();
    let clinical = fs::read_to_string(&cohort.clinical).unwrap();
    let genomic = fs::read_to_string(&cohort.genomic).unwrap();
    assert_eq!(clinical.lines().next(), Some(tables::CLINICAL_HEADER));
    assert_eq!(clinical.lines().count(), 27);
    assert!(genomic.starts_with("patient,ics5,chemokine12,module5_tcell_bcell,stat1,module3_ifn,"));
    assert!(genomic.lines().all(|line| line.split(',').count() == 28));
    // Two patients have no assay.
    assert_eq!(genomic.lines().count(), 25);

    let ages = column(&clinical, "age_years");
    let implausible: Vec<&String> = ages.iter().filter(|(_, age)| *age == "214").map(|(code, _)| code).collect();
    assert_eq!(implausible, [&patient_with(&cohort, Role::ImplausibleAge)]);
    let her2 = column(&clinical, "her2");
    let unknown: Vec<&String> = her2.iter().filter(|(_, her2)| her2.is_empty()).map(|(code, _)| code).collect();
    assert_eq!(unknown, [&patient_with(&cohort, Role::UnknownHer2)]);
    let far = patient_with(&cohort, Role::UnlikeTraining);
    assert_eq!(column(&clinical, "tumour_volume_mm3")[&far], "900000");
    let proliferation: f64 = column(&genomic, "module11_prolif")[&far].parse().unwrap();
    assert!((6.0..8.0).contains(&proliferation));
    let volumes = column(&clinical, "tumour_volume_mm3");
    assert!(volumes[&patient_with(&cohort, Role::WithoutMri)].is_empty());
    let arms = column(&clinical, "arm");
    let chosen = arms.values().filter(|arm| !arm.is_empty()).count();
    assert!((1..=6).contains(&chosen), "{chosen} arms");
    // Roles that only show in pictures are not claimed without them.
    assert!(cohort.cast.iter().all(|member| member.role != Role::TruncatedDicom));
    assert!(!cohort.folder.join("DEMO-001").exists());
    assert!(fs::read_to_string(&cohort.marker).unwrap().starts_with("SYNTHETIC DATA"));
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_thread_and_on_four() {
    let place = tempfile::tempdir().unwrap();
    let on_threads = |n_threads: usize, name: &str, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let out = place.path().join(name);
        pool.install(|| simulate_cohort(&options(5, seed, true), &out)).unwrap();
        tree_hash(&out)
    };
    let first = on_threads(1, "one", 3);
    assert_eq!(first, on_threads(4, "four", 3));
    assert_ne!(first, on_threads(4, "other", 4));
}

#[test]
fn pictures_do_not_change_the_tables() {
    let place = tempfile::tempdir().unwrap();
    let with = simulate_cohort(&options(3, 3, true), &place.path().join("with")).unwrap();
    let without = simulate_cohort(&options(3, 3, false), &place.path().join("without")).unwrap();
    assert_eq!(fs::read(with.clinical).unwrap(), fs::read(without.clinical).unwrap());
    assert_eq!(fs::read(with.genomic).unwrap(), fs::read(without.genomic).unwrap());
}

#[test]
fn a_folder_in_use_is_refused_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("demo");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine.txt"), "keep").unwrap();
    let refused = simulate_cohort(&options(2, 1, false), &out);
    assert!(matches!(refused, Err(Error::OutputInUse { .. })));
    assert_eq!(fs::read_to_string(out.join("mine.txt")).unwrap(), "keep");
    let file = simulate_cohort(&options(2, 1, false), &out.join("mine.txt"));
    assert!(matches!(file, Err(Error::OutputInUse { .. })));
    // Nothing half-written lies beside it.
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_is_filled_and_a_missing_parent_is_made() {
    let place = tempfile::tempdir().unwrap();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(simulate_cohort(&options(1, 1, false), &empty).is_ok());
    let deep = place.path().join("a/b/demo");
    assert!(simulate_cohort(&options(1, 1, false), &deep).unwrap().clinical.is_file());
    assert_eq!(fs::read_dir(place.path().join("a/b")).unwrap().count(), 1);
}

#[test]
fn a_cohort_of_no_patients_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let refused = simulate_cohort(&options(0, 1, false), &place.path().join("demo"));
    assert!(matches!(refused, Err(Error::PatientCount { found: 0, .. })));
}
