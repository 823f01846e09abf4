//! Broken input is refused with a precise error and the right exit code, and nothing is written.

use std::fs;
use std::path::Path;

use regimen::study::simulate::{SimulateOptions, simulate_cohort};

use crate::support::{Ran, regimen, root, text};

const HEADER: &str = "patient,visit,sex,age_years,menopause,race,hr,her2,mammaprint,tumour_volume_mm3,arm\n";

fn clinical(folder: &Path, rows: &str) {
    fs::write(folder.join("clinical.csv"), format!("{HEADER}{rows}")).expect("the temporary folder is writable");
}

fn no_panic(ran: &Ran) {
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{}", ran.stderr);
}

#[test]
fn every_violation_of_a_table_is_listed_with_row_column_rule_and_finding() {
    let folder = tempfile::tempdir().unwrap();
    clinical(
        folder.path(),
        "DEMO-001,baseline,F,50,post,white,positive,negative,high1,-120,Ctr\n\
         DEMO-002,baseline,F,214,post,white,positive,negative,high1,9000,Ctr\n\
         DEMO-003,baseline,F,50,post,white,positiv,negative,high1,9000,Wonder\n\
         DEMO-001,baseline,F,51,post,white,positive,negative,high1,9000,Ctr\n\
         patient five,baseline,F,51,post,white,positive,negative,high1,9000,Ctr\n",
    );
    let out = folder.path().join("fused.arrow");
    let said = [
        "clinical.csv, row 2, column `tumour_volume_mm3`: expected a number from 1 to 2000000 (mm³), found `-120`",
        "clinical.csv, row 3, column `age_years`: expected a number from 18 to 110 (years), found `214`",
        "clinical.csv, row 4, column `arm`: expected one of Ctr, AMG386, N, Ganitumab, Ganetespib, MK2206, VC, Pembro, TDM1/P, Pertuzumab, found `Wonder`",
        "clinical.csv, row 4, column `hr`: expected one of negative, positive, found `positiv`",
        "clinical.csv, row 5, column `patient`: expected each patient once per visit, found the patient of row 2 again",
        "clinical.csv, row 6, column `patient`: expected a patient id that matches ^(DEMO-[0-9]+)$, found another text",
    ];
    let check = regimen(["check", "demo", "--data", &text(folder.path())]);
    assert_eq!(check.code, 1);
    for line in said {
        assert!(check.stdout.contains(line), "{line}\nnot in\n{}", check.stdout);
    }
    assert!(check.stdout.contains("6 violations"), "{}", check.stdout);
    let fuse = regimen(["fuse", "demo", "--data", &text(folder.path()), "--out", &text(&out)]);
    assert_eq!(fuse.code, 1);
    for line in said {
        assert!(fuse.stderr.contains(line), "{line}\nnot in\n{}", fuse.stderr);
    }
    assert!(!out.exists() && !fuse.stderr.contains("DEMO-00"), "{}", fuse.stderr);
    no_panic(&fuse);
}

#[test]
fn a_missing_column_and_a_missing_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let absent = regimen(["check", "demo", "--data", &data]);
    assert_eq!(absent.code, 1);
    assert!(absent.stderr.contains("clinical.csv: cannot read"), "{}", absent.stderr);
    fs::write(folder.path().join("clinical.csv"), "patient,visit,sex\nDEMO-001,baseline,F\n").unwrap();
    let missing = regimen(["check", "demo", "--data", &data]);
    assert_eq!(missing.code, 1);
    for column in ["age_years", "hr", "her2", "arm"] {
        let line =
            format!("clinical.csv, row 1, column `{column}`: expected this column in the header, found no such column");
        assert!(missing.stdout.contains(&line), "{}", missing.stdout);
    }
}

#[test]
fn an_absent_optional_table_masks_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    clinical(folder.path(), "DEMO-001,baseline,F,50,post,white,positive,negative,high1,9000,Ctr\n");
    let out = folder.path().join("fused.arrow");
    let ran = regimen(["fuse", "demo", "--data", &text(folder.path()), "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("absent (optional): genomic.csv"), "{}", ran.stderr);
    let scored = folder.path().join("p.csv");
    let ran = regimen(["predict", "pcr-ispy2", "--data", &text(&out), "--out", &text(&scored)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let table = fs::read_to_string(scored).unwrap();
    assert!(table.starts_with("row,patient_id,option,estimate,lower,upper,supported,applicability,reason\n"));
    assert_eq!(table.lines().count(), 11, "ten arms for one row");
    assert!(table.contains("caution"), "{table}");
}

#[test]
fn a_man_and_an_unknown_receptor_get_no_number_in_a_table_either() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "DEMO-001,baseline,M,50,,white,positive,negative,high1,9000,Ctr\n\
                DEMO-002,baseline,F,50,post,white,positive,,high1,9000,Ctr\n";
    clinical(folder.path(), rows);
    let (out, scored) = (folder.path().join("fused.arrow"), folder.path().join("p.csv"));
    let ran = regimen(["fuse", "demo", "--data", &text(folder.path()), "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(regimen(["predict", "pcr-ispy2", "--data", &text(&out), "--out", &text(&scored)]).code, 0);
    let table = fs::read_to_string(scored).unwrap();
    assert_eq!(table.lines().skip(1).filter(|line| line.contains(",,,,")).count(), 20, "{table}");
    assert!(table.contains("Not made for men."), "{table}");
}

#[test]
fn broken_images_are_reported_one_by_one_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("patients");
    simulate_cohort(&SimulateOptions { n_patients: 1, seed: 3, images: true }, &made).unwrap();
    let whole = made.join("DEMO-001/mammography/LCC.dcm");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&whole, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(made.join("DEMO-001/mammography/letter.dcm"), "Dear colleague,").unwrap();
    let (out, json) = (folder.path().join("s.arrow"), folder.path().join("s.json"));
    let ran = regimen(["ingest", &text(&made), "--cohort", "demo", "--out", &text(&out), "--json", &text(&json)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    no_panic(&ran);
    let files: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let of = |name: &str| files.iter().find(|file| file["path"] == format!("DEMO-001/mammography/{name}")).unwrap();
    assert_eq!(of("LCC.dcm")["status"], "refused");
    assert_eq!(of("letter.dcm")["status"], "refused");
    assert_eq!(of("RCC.dcm")["status"], "ok");
    assert!(of("letter.dcm")["reason"].as_str().unwrap().contains("expected a DICOM file"), "{}", of("letter.dcm"));
    assert!(!of("LCC.dcm")["reason"].as_str().unwrap().is_empty());
}

#[test]
fn a_folder_without_a_single_image_is_an_error_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let letters = folder.path().join("letters");
    fs::create_dir(&letters).unwrap();
    fs::write(letters.join("a.dcm"), "not a dicom").unwrap();
    fs::write(letters.join("b.dcm"), b"").unwrap();
    for images in [empty, folder.path().join("absent"), letters] {
        let out = folder.path().join("s.arrow");
        let ran = regimen(["ingest", &text(&images), "--out", &text(&out)]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(!out.exists());
    }
}

#[test]
fn a_model_whose_file_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("pcr-ispy2/0001");
    fs::create_dir_all(&version).unwrap();
    for entry in fs::read_dir(root().join("models/pcr-ispy2/0001")).unwrap().flatten() {
        fs::copy(entry.path(), version.join(entry.file_name())).unwrap();
    }
    let mut weights = fs::read(version.join("weights.json")).unwrap();
    let at = weights.len() / 2;
    weights[at] ^= 1;
    fs::write(version.join("weights.json"), weights).unwrap();
    let models = text(folder.path());
    let ran = regimen(["models", "verify", "--models", &models]);
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.contains("weights.json: expected sha256"), "{}", ran.stdout);
    let ran = regimen(["predict", "pcr-ispy2@0001", "--data", "x.csv", "--out", "y.csv", "--models", &models]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("weights.json: expected sha256"), "{}", ran.stderr);
    let ran = regimen(["predict", "pcr-ispy2", "--data", "x.csv", "--out", "y.csv", "--models", &models]);
    assert_eq!((ran.code, ran.stderr.contains("no version is promoted")), (3, true), "{}", ran.stderr);
}

#[test]
fn arrow_bytes_that_are_not_arrow_and_tables_without_ids_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, out) = (folder.path().join("x.arrow"), folder.path().join("y.arrow"));
    fs::write(&bad, b"ARROW1\0\0 and then something else").unwrap();
    let ran = regimen(["predict", "pcr-ispy2", "--data", &text(&bad), "--out", &text(&out)]);
    assert_eq!(ran.code, 1);
    no_panic(&ran);
    assert!(ran.stderr.contains("x.arrow: expected an Arrow IPC file"), "{}", ran.stderr);
    let csv = folder.path().join("x.csv");
    fs::write(&csv, "age_years\n50\n").unwrap();
    let ran = regimen(["predict", "pcr-ispy2", "--data", &text(&csv), "--out", &text(&out)]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("expected a column `patient_id`"), "{}", ran.stderr);
    assert!(!out.exists());
}

#[test]
fn wrong_usage_is_exit_code_two() {
    let public = regimen(["serve", "--cohort", "demo", "--bind", "0.0.0.0:8080"]);
    assert_eq!(public.code, 2, "{}", public.stderr);
    assert!(public.stderr.contains("loopback"), "{}", public.stderr);
    assert_eq!(regimen(["ingest"]).code, 2);
    assert_eq!(regimen(["assess", "--cohort", "demo", "--patient", "1", "--out", "x.docx"]).code, 2);
    let cohort = regimen(["check", "no-such-cohort"]);
    assert_eq!(cohort.code, 1);
    assert!(cohort.stderr.contains("expected one of demo, duke, examples, gbsg, ispy2"), "{}", cohort.stderr);
}

#[test]
fn a_specification_with_an_unknown_key_or_column_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    clinical(folder.path(), "DEMO-001,baseline,F,50,post,white,positive,negative,high1,9000,Ctr\n");
    let fused = folder.path().join("fused.arrow");
    assert_eq!(regimen(["fuse", "demo", "--data", &text(folder.path()), "--out", &text(&fused)]).code, 0);
    let spec = folder.path().join("spec.toml");
    let body = fs::read_to_string(root().join("models/specs/pcr-ispy2-clinical.toml")).unwrap();
    fs::write(&spec, format!("colour = 'red'\n{body}")).unwrap();
    let out = text(&folder.path().join("models"));
    let ran = regimen(["train", &text(&spec), "--data", &text(&fused), "--out", &out]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("colour"), "{}", ran.stderr);
    fs::write(&spec, body).unwrap();
    let ran = regimen(["train", &text(&spec), "--data", &text(&fused), "--out", &out]);
    assert_eq!(ran.code, 1, "the demo table has no outcome");
    assert!(ran.stderr.contains("expected a column `pcr`"), "{}", ran.stderr);
    assert!(!folder.path().join("models").exists());
}
