//! Tables of any hospital to one fused frame and one matrix: the public cohorts, and properties of the recipe.
#![expect(clippy::unwrap_used, reason = "helpers of tests; clippy knows only the tests themselves")]

use std::fs;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use arrow::ipc::reader::FileReader;
use polars::prelude::{DataFrame, IdxCa};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use regimen::fusion::{Design, FuseOptions, Fused, Impute, Preprocessing, Scale, fuse};
use regimen::schema::CohortDefinition;

use crate::support::{data, regimen, root, text};

fn fused(name: &str, data: &Path) -> Fused {
    fuse(&CohortDefinition::load(name).unwrap(), data, &FuseOptions::default()).unwrap()
}

fn yes(frame: &DataFrame, column: &str) -> usize {
    frame.column(column).unwrap().bool().unwrap().sum().unwrap() as usize
}

fn known(frame: &DataFrame, column: &str) -> usize {
    frame.height() - frame.column(column).unwrap().null_count()
}

/// Rows, events and modalities as cohorts.md lists them; counted there, and again with Python's csv module, on the
/// published files.
#[test]
fn the_eight_public_cohorts_fuse_to_the_counts_of_their_documentation() {
    let Some(data) = data("the_eight_public_cohorts_fuse_to_the_counts_of_their_documentation") else { return };
    let metabric = fused("metabric", &data);
    assert_eq!(metabric.frame.height(), 2509);
    assert_eq!((known(&metabric.frame, "os_time"), yes(&metabric.frame, "os_event")), (1981, 1144));
    assert_eq!(yes(&metabric.frame, "dss_event"), 646);
    assert_eq!((known(&metabric.frame, "rfs_event"), yes(&metabric.frame, "rfs_event")), (2488, 1002));
    assert_eq!(metabric.report.known["has_expression"], 1559);
    // 2369 samples carry a variant; the file's own list of sequenced samples names all 2509.
    let counts = metabric.frame.column("n_mutations").unwrap().f64().unwrap();
    assert_eq!(
        (metabric.report.known["has_variants"], counts.iter().flatten().filter(|n| *n > 0.0).count() <= 2369),
        (2509, true)
    );
    for refused in ["pam50_subtype", "ror_s", "rs21_research", "endopredict_research"] {
        let score = metabric.report.scores.iter().find(|score| score.column == refused).unwrap();
        assert!(score.refused.as_ref().unwrap().starts_with("coverage: "), "{score:?}");
    }
    let duke = fused("duke", &data);
    assert_eq!((duke.frame.height(), yes(&duke.frame, "neoadjuvant_chemotherapy")), (786, 249));
    assert!(yes(&duke.frame, "pcr_unstated") == 55 && known(&duke.frame, "near_pcr") == 258);
    let window = duke.report.windows["mri_findings"];
    assert_eq!(window.kept + window.undecided + window.after + window.before + window.undated, 786);
    let mama_mia = fused("mama-mia", &data);
    assert_eq!(
        (mama_mia.frame.height(), yes(&mama_mia.frame, "pcr") + yes(&mama_mia.frame, "pcr_unstated")),
        (1162, 350)
    );
    let tcga = fused("tcga", &data);
    assert_eq!((tcga.frame.height(), yes(&tcga.frame, "os_event"), yes(&tcga.frame, "pfs_event")), (1084, 151, 145));
    // R's help page of `rotterdam`: relapse-free survival counts 1713 events, 195 of them deaths without recurrence.
    let rotterdam = fused("rotterdam", &data);
    assert_eq!((rotterdam.frame.height(), yes(&rotterdam.frame, "recurrence")), (2982, 1518));
    assert_eq!((yes(&rotterdam.frame, "event"), yes(&rotterdam.frame, "os_event")), (1713, 1272));
    let gbsg = fused("gbsg", &data);
    assert_eq!((gbsg.frame.height(), yes(&gbsg.frame, "event")), (686, 299));
    let transneo = fused("transneo", &data);
    assert_eq!((transneo.frame.height(), yes(&transneo.frame, "pcr")), (147, 38));
}

/// The same woman in two cohorts has one id, so that a split by patient can see her.
#[test]
fn mama_mia_patients_keep_the_ids_of_their_own_cohorts() {
    let Some(data) = data("mama_mia_patients_keep_the_ids_of_their_own_cohorts") else { return };
    let ids = |fused: &Fused| -> std::collections::HashSet<String> {
        fused.frame.column("patient_id").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect()
    };
    let mama_mia = ids(&fused("mama-mia", &data));
    assert!(ids(&fused("ispy2", &data)).intersection(&mama_mia).count() > 800);
    assert!(ids(&fused("duke", &data)).intersection(&mama_mia).count() > 200);
}

const COLUMNS: [&str; 6] = ["age_years", "tumour_size_mm", "menopause", "er", "hr", "grade"];

fn cohort_toml(with_embedding: bool) -> String {
    let mut toml = String::from(
        "name='h'\nlabel='SYNTHETIC'\nnamespace='h'\nversion=1\nsynthetic=true\n[[file]]\nid='clinical'\npath='clinical.csv'\n\
         missing=['']\npatient={column='pid', pattern='^(P[0-9]+)$'}\n[file.columns]\n\
         age_years={from='age', unit='years'}\ntumour_size_mm={from='size_cm', unit='cm'}\nmenopause={from='menopause'}\n\
         er={from='er'}\nhr={from='er', levels={positive='true', low_positive='true', negative='false', equivocal=''}}\ngrade={from='grade'}\n",
    );
    if with_embedding {
        toml.push_str(
            "[[embedding]]\npath='emb.parquet'\nmodality='mri'\nencoder='synthetic'\nrequired=true\n\
             patient={column='pid', pattern='^(P[0-9]+)$'}\ncolumn='e'\n",
        );
    }
    toml
}

/// A synthetic hospital export of `n` patients in the order given, some values missing, and an embedding for most.
fn write_hospital(folder: &Path, n: usize, order: &[usize]) {
    let mut rows = vec![String::new(); n];
    let mut vectors: Vec<Option<Vec<f32>>> = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for (at, row) in rows.iter_mut().enumerate() {
        let mut maybe = |text: String, share: f64| if rng.random_bool(share) { String::new() } else { text };
        let age = maybe(format!("{:.1}", 30.0 + (at * 37 % 500) as f64 / 10.0), 0.05);
        let size = maybe(format!("{:.2}", 0.5 + (at * 13 % 97) as f64 / 20.0), 0.1);
        let menopause = maybe(["pre", "peri", "post"][at % 3].to_owned(), 0.1);
        let er = maybe(["positive", "low_positive", "negative", "equivocal"][at * 7 % 4].to_owned(), 0.02);
        *row = format!("P{at:06},{age},{size},{menopause},{er},{}", 1 + at % 3);
        vectors.push((at % 9 != 4).then(|| (0..5).map(|_| rng.random_range(-1.0_f32..1.0)).collect()));
    }
    let mut csv = String::from("pid,age,size_cm,menopause,er,grade\n");
    order.iter().for_each(|&at| csv.push_str(&format!("{}\n", rows[at])));
    fs::write(folder.join("clinical.csv"), csv).unwrap();
    fs::write(folder.join("cohort.toml"), cohort_toml(true)).unwrap();
    let with: Vec<usize> = order.iter().rev().copied().filter(|&at| vectors[at].is_some()).collect();
    write_parquet(&folder.join("emb.parquet"), &with, &vectors);
    fs::write(
        folder.join("recipe.toml"),
        "[features]\nclinical=['age_years','tumour_size_mm','menopause','er','hr','grade']\nimaging=['mri_emb']\n\
         [recipe]\nimpute='median'\nscale='standard'\n",
    )
    .unwrap();
}

fn write_parquet(path: &Path, rows: &[usize], vectors: &[Option<Vec<f32>>]) {
    use arrow::array::{ArrayRef, Float32Array, StringArray};
    use std::sync::Arc;
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|at| format!("P{at:06}"))));
    let mut columns = vec![("pid".to_owned(), ids)];
    for component in 0..5 {
        let values = rows.iter().map(|&at| vectors[at].as_ref().map_or(0.0, |vector| vector[component]));
        columns.push((format!("e{component}"), Arc::new(Float32Array::from_iter_values(values)) as ArrayRef));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Every row of a matrix file: patient, then the bits of its values.
fn rows_of(path: &Path) -> Vec<(String, Vec<u32>)> {
    let reader = FileReader::try_new(fs::File::open(path).unwrap(), None).unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let ids = batch.column(0).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().skip(2);
            let bits = values.map(|column| column.as_primitive::<Float32Type>().value(row).to_bits()).collect();
            rows.push((ids.value(row).to_owned(), bits));
        }
    }
    rows.sort();
    rows
}

fn write(folder: &Path, out: &str, more: &[&str]) -> (String, Vec<(String, Vec<u32>)>) {
    let (cohort, out) = (text(&folder.join("cohort.toml")), folder.join(out));
    let (data, path) = (text(folder), text(&out));
    let mut args = vec!["fuse", &cohort, "--data", &data, "--out", &path];
    args.extend(more);
    let ran = regimen(args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (ran.stdout, rows_of(&out))
}

#[test]
fn row_order_and_threads_never_change_a_bit_of_the_matrix() {
    let n = 3000;
    let mut order: Vec<usize> = (0..n).collect();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_hospital(first.path(), n, &order);
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    write_hospital(second.path(), n, &order);
    let recipe = text(&first.path().join("recipe.toml"));
    let (said, one) = write(first.path(), "a.arrow", &["--recipe", &recipe, "--threads", "1"]);
    let (_, two) = write(first.path(), "b.arrow", &["--recipe", &recipe, "--threads", "2"]);
    let (_, shuffled) = write(second.path(), "c.arrow", &["--recipe", &recipe, "--threads", "2"]);
    assert_eq!(one.len(), n);
    assert!(one == two, "threads");
    assert!(one == shuffled, "row order");
    assert!(said.contains("imputed  age_years ") && said.contains("mri_emb 333"), "{said}");
    let bytes = |name: &str| fs::read(first.path().join(name)).unwrap();
    assert!(bytes("a.arrow") == bytes("b.arrow"), "the files are the same bytes");
}

#[test]
fn a_replayed_recipe_gives_the_same_bits_and_refuses_other_columns_with_a_diff() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 500, &(0..500).collect::<Vec<_>>());
    let (recipe, fitted) = (text(&folder.path().join("recipe.toml")), text(&folder.path().join("fitted.json")));
    let (_, fresh) = write(folder.path(), "a.arrow", &["--recipe", &recipe, "--recipe-out", &fitted]);
    let (_, replayed) = write(folder.path(), "b.arrow", &["--replay", &fitted]);
    assert!(fresh == replayed);
    let other = cohort_toml(false)
        .replace("grade={from='grade'}\n", "")
        .replace("er={from='er'}\n", "er_pct={from='grade', unit='%'}\n");
    fs::write(folder.path().join("cohort.toml"), other).unwrap();
    let out = folder.path().join("c.arrow");
    let ran = regimen([
        "fuse",
        &text(&folder.path().join("cohort.toml")),
        "--data",
        &text(folder.path()),
        "--out",
        &text(&out),
        "--replay",
        &fitted,
    ]);
    assert_eq!(ran.code, 1);
    for line in [
        "column `er`: expected text, found no such column",
        "column `grade`: expected number, found no such column",
        "column `mri_emb`: expected an embedding of 5 components, found no such column",
    ] {
        assert!(ran.stderr.contains(line), "{line}\nnot in\n{}", ran.stderr);
    }
    assert!(!out.exists());
}

/// The matrix that streams the embedding table is the one that the recipe makes of the fused frame in memory.
#[test]
fn streaming_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 700, &(0..700).collect::<Vec<_>>());
    let recipe = text(&folder.path().join("recipe.toml"));
    let (_, streamed) = write(folder.path(), "a.arrow", &["--recipe", &recipe]);
    let cohort = CohortDefinition::load(&text(&folder.path().join("cohort.toml"))).unwrap();
    let fused = fuse(&cohort, folder.path(), &FuseOptions::default()).unwrap();
    let groups = [("clinical", COLUMNS.as_slice()), ("imaging", &["mri_emb"])];
    let groups: Vec<(String, Vec<String>)> = groups
        .iter()
        .map(|(group, columns)| ((*group).to_owned(), columns.iter().map(|name| (*name).to_owned()).collect()))
        .collect();
    let preprocessing = Preprocessing { impute: Impute::Median, scale: Scale::Standard, ..Preprocessing::default() };
    let design = Design::fit_with(&fused.frame, &groups, &preprocessing).unwrap();
    let matrix = design.apply(&fused.frame).unwrap();
    assert_eq!(matrix.names.len(), streamed[0].1.len());
    let ids = fused.frame.column("patient_id").unwrap().str().unwrap();
    let mut in_memory: Vec<(String, Vec<u32>)> = (0..matrix.n_rows)
        .map(|row| (ids.get(row).unwrap().to_owned(), matrix.row(row).iter().map(|value| value.to_bits()).collect()))
        .collect();
    in_memory.sort();
    assert!(in_memory == streamed);
}

/// What the recipe learns comes from the training rows alone: other rows may change at will.
#[test]
fn the_recipe_knows_nothing_of_rows_outside_the_fold() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 300, &(0..300).collect::<Vec<_>>());
    let cohort = CohortDefinition::load(&text(&folder.path().join("cohort.toml"))).unwrap();
    let frame = fuse(&cohort, folder.path(), &FuseOptions::default()).unwrap().frame;
    let groups = vec![("all".to_owned(), vec!["age_years".to_owned(), "mri_emb".to_owned()])];
    let reduce = std::collections::BTreeMap::from([("mri_emb".to_owned(), 2)]);
    let preprocessing = Preprocessing { impute: Impute::Median, scale: Scale::Standard, reduce };
    let take = |rows: Vec<u32>| frame.take(&IdxCa::from_vec("row".into(), rows)).unwrap();
    let training = take((0..200).collect());
    let encodings = Design::encodings(&frame, &groups, &preprocessing).unwrap();
    let fitted = encodings.fitted_on(&training, &preprocessing).unwrap();
    let shuffled = encodings.fitted_on(&take((0..200).rev().collect()), &preprocessing).unwrap();
    assert_eq!(fitted, shuffled, "the order of training rows changes no bit");
    assert_ne!(fitted, encodings.fitted_on(&frame, &preprocessing).unwrap(), "other rows would have been seen");
    let text = serde_json::to_string(&fitted).unwrap();
    let reread: Design = serde_json::from_str(&text).unwrap();
    let bits =
        |design: &Design| -> Vec<u32> { design.apply(&frame).unwrap().values.iter().map(|v| v.to_bits()).collect() };
    assert_eq!(bits(&reread), bits(&fitted));
}

#[test]
fn a_feature_known_only_after_the_decision_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 30, &(0..30).collect::<Vec<_>>());
    let cohort = CohortDefinition::load(&text(&folder.path().join("cohort.toml"))).unwrap();
    let frame = fuse(&cohort, folder.path(), &FuseOptions::default()).unwrap().frame;
    for leak in ["pcr", "adjuvant_chemotherapy", "event_time", "surgery_type"] {
        let error = Design::fit(&frame, &[("x".to_owned(), vec![leak.to_owned()])]).unwrap_err().to_string();
        assert!(error.contains(leak) && error.contains("known only after the treatment decision"), "{error}");
    }
    for place in ["centre", "diagnosis_year", "enrolment_day"] {
        let error = Design::fit(&frame, &[("x".to_owned(), vec![place.to_owned()])]).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the feature `{place}` is an order, date or site: expected an input or the option itself")
        );
    }
}

/// The same rows give the same frame from CSV, TSV, Parquet, Arrow and a workbook.
#[test]
fn every_format_gives_the_same_frame() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 200, &(0..200).collect::<Vec<_>>());
    let path = |name: &str| folder.path().join(name);
    let definition = cohort_toml(false);
    let frame_of = |file: &str| {
        let toml = definition
            .replace("clinical.csv", file)
            .replace("missing=['']\n", if file.ends_with("sv") { "missing=['']\n" } else { "" });
        let toml = if file.ends_with(".tsv") {
            toml.replace("missing=['']\n", "missing=['']\nseparator=\"\\t\"\n")
        } else {
            toml
        };
        let cohort = CohortDefinition::parse(&toml, "h.toml").unwrap();
        fuse(&cohort, folder.path(), &FuseOptions::default()).unwrap_or_else(|error| panic!("{file}: {error:?}")).frame
    };
    let csv = fs::read_to_string(path("clinical.csv")).unwrap();
    fs::write(path("clinical.tsv"), csv.replace(',', "\t").replace('\n', "\r\n")).unwrap();
    let (mut frame, _) = regimen::tables::read_table(&path("clinical.csv")).unwrap();
    for name in ["clinical.parquet", "clinical.arrow"] {
        regimen::tables::write_table(&path(name), &mut frame, &std::collections::HashMap::new()).unwrap();
    }
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in csv.lines().enumerate() {
        for (column, cell) in line.split(',').enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let at = (u32::try_from(row).unwrap(), u16::try_from(column).unwrap());
            match cell.parse::<f64>() {
                Ok(number) => sheet.write_number(at.0, at.1, number).unwrap(),
                Err(_) => sheet.write_string(at.0, at.1, cell).unwrap(),
            };
        }
    }
    book.save(path("clinical.xlsx")).unwrap();
    let expected = frame_of("clinical.csv");
    assert!(expected.column("age_years").unwrap().null_count() > 0);
    for file in ["clinical.tsv", "clinical.parquet", "clinical.arrow", "clinical.xlsx"] {
        assert!(expected.equals_missing(&frame_of(file)), "{file}");
    }
}

#[test]
fn explain_prints_the_dictionary() {
    let said = regimen(["check", "--explain", "er_status"]).stdout;
    for line in ["er (Oestrogen receptor)", "low_positive", "equivocal is never negative", "table     pathology v4"] {
        assert!(said.contains(line), "{said}");
    }
    assert!(regimen(["check", "--explain", "surgery_type"]).stdout.contains("never an input"));
    assert_eq!(regimen(["check", "--explain", "nothing"]).code, 2);
    assert!(regimen(["check", "--explain", "all"]).stdout.matches("  table ").count() > 150);
}

/// Equivocal receptors are a state of their own in every definition: no mapping turns one into negative.
#[test]
fn no_definition_codes_an_equivocal_receptor_as_negative() {
    for name in CohortDefinition::known() {
        let cohort = CohortDefinition::load(&name).unwrap();
        for (column, map) in cohort.files.iter().flat_map(|file| &file.columns) {
            for (raw, word) in map.levels.iter().flatten() {
                let grey =
                    ["equivocal", "indeterminate", "borderline", "2+"].iter().any(|w| raw.to_lowercase().contains(w));
                assert!(!grey || !["negative", "false", "zero"].contains(&word.as_str()), "{name}: {column}: {raw}");
            }
        }
    }
    let duke = CohortDefinition::load("duke").unwrap();
    let her2 = &duke.files[0].columns["her2_status"].levels.as_ref().unwrap()["2"];
    assert_eq!(
        (her2.as_str(), duke.files[0].columns["her2"].levels.as_ref().unwrap()["2"].as_str()),
        ("equivocal", "")
    );
}

/// A FHIR bundle of two synthetic patients; the expected values are those that tests/fixtures/fhir/make.py wrote.
#[test]
fn a_fhir_bundle_fuses_like_any_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = root().join("tests/fixtures/fhir/two-patients.json");
    fs::copy(fixture, folder.path().join("bundle.json")).unwrap();
    let out = folder.path().join("fused.csv");
    let ran = regimen(["fuse", "mcode", "--data", &text(folder.path()), "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (frame, _) = regimen::tables::read_table(&out).unwrap();
    let word = |name: &str, row: usize| frame.column(name).unwrap().str().unwrap().get(row).map(str::to_owned);
    assert_eq!(frame.height(), 2);
    assert_eq!((word("er", 0).as_deref(), word("er", 1).as_deref()), (Some("low_positive"), Some("equivocal")));
    assert_eq!(word("her2_status", 1).as_deref(), Some("equivocal"));
    let her2 = frame.column("her2").unwrap().bool().unwrap();
    assert_eq!((her2.get(0), her2.get(1)), (Some(true), None), "equivocal is not negative");
    assert_eq!(frame.column("tumour_size_mm").unwrap().f64().unwrap().get(0), Some(23.0));
    assert!(ran.stderr.contains("bundle.json: "), "what was left out is said: {}", ran.stderr);
}

/// The clinical columns of a synthetic hospital, and a recipe fitted on them.
fn clinical_design() -> (DataFrame, Design) {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 200, &(0..200).collect::<Vec<_>>());
    let cohort = CohortDefinition::parse(&cohort_toml(false), "h.toml").unwrap();
    let frame = fuse(&cohort, folder.path(), &FuseOptions::default()).unwrap().frame;
    let groups = vec![("clinical".to_owned(), COLUMNS.iter().map(|name| (*name).to_owned()).collect())];
    let preprocessing = Preprocessing { impute: Impute::Median, scale: Scale::Standard, ..Preprocessing::default() };
    let design = Design::fit_with(&frame, &groups, &preprocessing).unwrap();
    (frame, design)
}

/// One patient as JSON becomes the design row that the table gives.
#[test]
fn a_patient_as_json_becomes_the_same_design_row() {
    let (frame, design) = clinical_design();
    let table = design.apply(&frame).unwrap();
    let json = json_of(&frame, 7);
    let one = design.apply(&regimen::tables::read_json_rows(json.as_bytes(), "patient.json").unwrap()).unwrap();
    let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(one.row(0)), bits(table.row(7)));
}

fn json_of(frame: &DataFrame, row: usize) -> String {
    let cells = COLUMNS.iter().map(|name| {
        let value = frame.column(name).unwrap().get(row).unwrap();
        match value.str_value().as_ref() {
            _ if value.is_null() => format!("\"{name}\": null"),
            text if value.dtype().is_string() => format!("\"{name}\": \"{text}\""),
            text => format!("\"{name}\": {text}"),
        }
    });
    format!("{{{}}}", cells.collect::<Vec<_>>().join(", "))
}

/// Study: the time from one patient's JSON to her design row. `cargo test --test it -- --ignored --nocapture json_to_row`
#[test]
#[ignore = "a measurement, recorded in docs/studies.md"]
fn json_to_row() {
    let (frame, design) = clinical_design();
    let json = json_of(&frame, 7);
    let mut times: Vec<f64> = (0..2000)
        .map(|_| {
            let start = std::time::Instant::now();
            let rows = regimen::tables::read_json_rows(json.as_bytes(), "patient.json").unwrap();
            assert_eq!(design.apply(&rows).unwrap().n_rows, 1);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("JSON to design row: median {:.0} microseconds, 99th percentile {:.0}", times[1000], times[1980]);
}

/// Held-out centres and periods: who is judged, and that a recipe may be part of the specification.
#[test]
fn evaluation_holds_out_centres_and_periods() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut csv = String::from("patient_id,visit,age_years,tumour_size_mm,hr,her2,centre,diagnosis_year,pcr\n");
    for row in 0..160 {
        let size: f64 = rng.random_range(5.0..60.0);
        let pcr = rng.random_bool(if size < 30.0 { 0.7 } else { 0.2 });
        let age = if row % 11 == 0 { String::new() } else { format!("{}", 30 + row % 50) };
        let (centre, year) = (["north", "south", "west"][row % 3], 2010 + row % 8);
        csv.push_str(&format!("h:{row},baseline,{age},{size:.1},{},false,{centre},{year},{pcr}\n", row % 2 == 0));
    }
    let table = folder.path().join("fused.csv");
    fs::write(&table, csv).unwrap();
    let evaluate = |split: &str| {
        let spec = format!(
            "name='x'\ntarget='pcr'\ntarget_definition='d'\npopulation='p'\nfamily='boosted'\nseed=1\n\
             [features]\nclinical=['age_years','tumour_size_mm','hr']\n[recipe]\nimpute='median'\nscale='standard'\n\
             [evaluation]\nn_refits=3\nn_resamples=200\nn_repeats=2\n{split}"
        );
        let (path, out) = (folder.path().join("spec.toml"), folder.path().join("out.json"));
        fs::write(&path, spec).unwrap();
        let ran = regimen(["evaluate", &text(&path), "--cv", "--data", &text(&table), "--json", &text(&out)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_slice::<serde_json::Value>(&fs::read(out).unwrap()).unwrap()
    };
    let centre = evaluate("split={centre={column='centre'}}");
    assert_eq!(centre["n"], 160);
    assert!(centre["method"].as_str().unwrap().starts_with("each of 3 centres (`centre`) held out in turn"));
    let period = evaluate("split={period={column='diagnosis_year', from=2015}}");
    assert_eq!(period["n"], 60, "three of eight years");
    assert_eq!(period["per_patient"].as_array().unwrap().len(), 60);
    assert!(period["auc"]["estimate"].as_f64().unwrap() > 0.55, "{}", period["auc"]);
    assert_eq!(evaluate("")["n"], 160);
}

/// Broken genomic files are listed like any other: every violation with its row, and nothing is written.
#[test]
fn every_violation_of_a_genomic_file_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    write_hospital(folder.path(), 3, &[0, 1, 2]);
    let toml = format!(
        "{}[[expression]]\npath='x.csv'\nsamples_in_rows=true\nscale='log2'\npattern='^(P[0-9]+)$'\n\
         [[variants]]\npath='v.maf'\npattern='^(P[0-9]+)$'\n",
        cohort_toml(false)
    );
    fs::write(folder.path().join("cohort.toml"), toml).unwrap();
    fs::write(folder.path().join("x.csv"), "id,ESR1,ERBB2\nP000000,1.5,high\nP000001,2\n").unwrap();
    let maf = "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\nTP53\tMissense\tP000000\n\tSilent\tP000001\n";
    fs::write(folder.path().join("v.maf"), maf).unwrap();
    let (cohort, data) = (text(&folder.path().join("cohort.toml")), text(folder.path()));
    let checked = regimen(["check", &cohort, "--data", &data]);
    assert_eq!(checked.code, 1, "{}", checked.stderr);
    for line in [
        "x.csv, row 2, column `3`: expected a number",
        "x.csv, row 3: expected 3 fields, found 2",
        "v.maf, row 2",
        "v.maf, row 3",
    ] {
        assert!(checked.stdout.contains(line), "{line}\nnot in\n{}", checked.stdout);
    }
    assert!(checked.stdout.contains("4 violations") && !checked.stdout.contains("P00000"), "{}", checked.stdout);
    let out = folder.path().join("o.arrow");
    let ran = regimen(["fuse", &cohort, "--data", &data, "--out", &text(&out)]);
    assert!(ran.code == 1 && !out.exists() && ran.stderr.contains("x.csv, row 2, column `3`"), "{}", ran.stderr);
}
