//! `regimen policy` on a synthetic trial whose third arm opens late and helps whoever has the marker.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::support::{Ran, regimen, text};

const MODEL: &str = "name='m'\ntarget='pcr'\ntarget_definition='d'\npopulation='p'\nfamily='boosted'\n\
    options='ispy2-arms'\nseed=1\n[features]\nclinical=['age_years','hr','mammaprint_high2']\ntreatment=['arm']\n\
    [search]\ncandidates=[{ max_depth = 2, rounds = 40 }]\n";
const POLICY: &str = "name='t'\nmodel='m.toml'\nstrata=['mammaprint_high2']\nday='enrolment_day'\nagainst='ranked'\n\
    arithmetic_min_cells=[5]\n\
    [[policy]]\nkind='option'\nname='control'\noption='Ctr'\n\
    [[policy]]\nkind='cells'\nname='cells'\ncolumns=['mammaprint_high2']\nmin_cell=5\n\
    [[policy]]\nkind='model'\nname='ranked'\nstanding=['control','approved','investigational']\n\
    [[evaluation]]\nn_folds=4\nn_repeats=2\nn_refits=3\n\
    [[evaluation]]\nn_refits=3\nsplit={ centre = { column = 'centre' } }\n";

/// 420 HER2-negative patients; `Pembro` opens at a third of the enrolment.
fn trial(only: Option<&str>) -> String {
    let mut csv = String::from("patient_id,visit,age_years,centre,enrolment_day,hr,her2,mammaprint_high2,arm,pcr\n");
    let mut rng = ChaCha8Rng::seed_from_u64(20_261_125);
    for row in 0..420 {
        let (marker, hr) = (rng.random_bool(0.5), rng.random_bool(0.5));
        let arm = match rng.random::<f64>() {
            u if u < 0.4 => "Ctr",
            u if u < 0.7 || row < 140 => "VC",
            _ => "Pembro",
        };
        let pcr = rng.random_bool(if arm == "Pembro" && marker { 0.8 } else { 0.25 });
        if only.is_none_or(|only| only == arm) {
            let (age, centre) = (30 + row % 40, ["a", "b", "c"][row % 3]);
            let _ = writeln!(csv, "x:{row},baseline,{age},{centre},{row},{hr},false,{marker},{arm},{pcr}");
        }
    }
    csv
}

fn run(folder: &Path, csv: &str, policy: &str, model: &str, threads: &str) -> (Ran, Option<Value>) {
    let [table, spec, out] = ["trial.csv", "policy.toml", "out.json"].map(|name| folder.join(name));
    fs::write(&table, csv).expect("the folder is ours");
    fs::write(&spec, policy).expect("the folder is ours");
    fs::write(folder.join("m.toml"), model).expect("the folder is ours");
    let _ = fs::remove_file(&out);
    let ran = regimen(["policy", &text(&spec), "--data", &text(&table), "--json", &text(&out), "--threads", threads]);
    let json = fs::read(&out).ok().map(|bytes| serde_json::from_slice(&bytes).expect("the command writes JSON"));
    (ran, json)
}

#[test]
fn the_arm_that_helps_is_found_and_valued_on_other_patients() {
    let folder = tempfile::tempdir().unwrap();
    let (ran, json) = run(folder.path(), &trial(None), POLICY, MODEL, "2");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = json.unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(json["n"], 420);
    assert!(number(&json["observed"]["lower95"]) < number(&json["observed"]["estimate"]));
    let policy = |name: &str| {
        let policies = json["policies"].as_array().unwrap();
        policies.iter().find(|policy| policy["name"] == name).unwrap().clone()
    };
    let value = |name: &str| number(&policy(name)["value"]["estimate"]);
    assert!(value("control") < 0.35 && value("cells") > 0.40 && value("ranked") > 0.40, "{}", ran.stdout);
    for key in ["n_supported", "effective_n", "max_weight"] {
        assert!(number(&policy("cells")[key]) > 1.0, "{key}");
    }
    // Before it opened nobody could have received the late arm.
    let variants = json["evaluations"][0]["variants"].as_array().unwrap();
    let supported = |variant: usize| number(&variants[variant]["policies"][1]["n_supported"]);
    assert_eq!(variants[1]["variant"], "concurrent");
    assert!(supported(1) < supported(0), "{} {}", supported(1), supported(0));
    assert_eq!(json["evaluations"].as_array().unwrap().len(), 2);
    let sums = json["arithmetic"].as_array().unwrap();
    assert!(number(&sums[0]["rate"]) >= value("cells") - 0.05, "chosen and judged on the same patients");
    let effect = json["effects"].as_array().unwrap().iter().find(|effect| effect["option"] == "Pembro").unwrap();
    assert!(number(&effect["n_concurrent_controls"]) < number(&effect["n_controls"]), "{effect}");
    let (_, again) = run(folder.path(), &trial(None), POLICY, MODEL, "1");
    assert_eq!(again.unwrap(), json, "one thread or two");
}

#[test]
fn what_cannot_be_supported_or_is_administrative_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, json) = run(folder.path(), &trial(Some("Ctr")), POLICY, MODEL, "2");
    assert_eq!((one.code, json), (3, None), "{}", one.stderr);
    assert!(one.stderr.contains("at least 2 options in the column `arm`, found 1"), "{}", one.stderr);
    let dated = MODEL.replace("'hr'", "'hr','enrolment_day'");
    let (dated, _) = run(folder.path(), &trial(None), POLICY, &dated, "2");
    assert_eq!(dated.code, 1);
    assert!(dated.stderr.contains("`enrolment_day` is an order, date or site"), "{}", dated.stderr);
    let unknown = POLICY.replace("columns=['mammaprint_high2']", "columns=['rps5']");
    let (unknown, _) = run(folder.path(), &trial(None), &unknown, MODEL, "2");
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("expected a column `rps5`"), "{}", unknown.stderr);
    let undated = trial(None).replace("enrolment_day", "npi").replace(",centre,", ",agents,");
    let (undated, json) = run(folder.path(), &undated, POLICY, MODEL, "2");
    assert_eq!(undated.code, 0, "{}", undated.stderr);
    let json = json.unwrap();
    assert_eq!(json["evaluations"].as_array().unwrap().len(), 1, "no centre to hold out");
    assert_eq!(json["evaluations"][0]["variants"].as_array().unwrap().len(), 2, "nothing is concurrent");
}
