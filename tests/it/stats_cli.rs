//! `regimen stats`: the JSON keys of the contract, pencil-solved numbers, refusals with row and column, exit codes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, regimen, text};

/// Therneau's six rows with a group that is not their covariate; the last row's `note` is empty.
const SIX: &str = "time,event,x,arm,note\n1,1,1,a,1\n1,0,1,b,1\n6,1,1,a,1\n6,1,0,b,1\n8,0,0,a,1\n9,1,0,b,\n";

fn run(folder: &Path, csv: &str, args: &[&str]) -> Ran {
    let path = folder.join("t.csv");
    fs::write(&path, csv).expect("the temporary folder is writable");
    let path = text(&path);
    let all: Vec<&str> = ["stats", args[0], "--data", &path].into_iter().chain(args[1..].iter().copied()).collect();
    let ran = regimen(all);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{}", ran.stderr);
    ran
}

fn json(csv: &str, args: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all: Vec<&str> = args.iter().copied().chain(["--json", "-"]).collect();
    let ran = run(folder.path(), csv, &all);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

fn refused(csv: &str, args: &[&str], code: i32, said: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = run(folder.path(), csv, args);
    assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(said), "{said}\nnot in\n{}", ran.stderr);
}

fn near(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("expected a number, found {value}"));
    assert!((found - expected).abs() < 1e-6, "expected {expected}, found {found}");
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no key `{key}` in {value}");
    }
}

const FOLLOW_UP: [&str; 4] = ["--time", "time", "--event", "event"];

fn with<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [command].into_iter().chain(FOLLOW_UP).chain(more.iter().copied()).collect()
}

#[test]
fn cox_solves_therneaus_six_rows_by_both_ties() {
    for (ties, coef) in [("efron", 1.676_857), ("breslow", 1.475_285)] {
        let fit = json(SIX, &with("cox", &["--covariates", "x", "--ties", ties]));
        has(&fit, &["terms", "log_likelihood", "n", "n_events", "ties", "tests", "rows"]);
        has(&fit["terms"][0], &["name", "coef", "se", "hazard_ratio", "lower95", "upper95", "p"]);
        near(&fit["terms"][0]["coef"], coef);
        near(&fit["terms"][0]["hazard_ratio"], fit["terms"][0]["coef"].as_f64().unwrap().exp());
        assert_eq!((fit["n"].as_u64(), fit["n_events"].as_u64(), fit["ties"].as_str()), (Some(6), Some(4), Some(ties)));
        assert_eq!(numbers(&fit["log_likelihood"]).len(), 2);
    }
}

#[test]
fn text_covariates_become_levels_against_the_first_and_booleans_zero_and_one() {
    let mut csv = String::from("time,event,arm,her2,site\n");
    for row in 0..60_u32 {
        let (arm, her2) = (["b", "a", "c"][row as usize % 3], row % 2 == 0);
        csv.push_str(&format!("{},{},{arm},{her2},{}\n", 1 + (row * 37) % 61, u32::from(row % 4 != 3), row % 5));
    }
    let fit = json(&csv, &with("cox", &["--covariates", "arm,her2", "--factors", "site", "--zph", "--baseline"]));
    let names: Vec<&str> = fit["terms"].as_array().unwrap().iter().filter_map(|term| term["name"].as_str()).collect();
    assert_eq!(names, ["arm=b", "arm=c", "her2", "site=1", "site=2", "site=3", "site=4"]);
    assert_eq!(fit["references"][0]["level"], "a");
    let proportional = &fit["proportional_hazards"];
    assert_eq!(proportional["terms"].as_array().unwrap().len(), 3);
    near(&proportional["terms"][0]["df"], 2.0);
    assert_eq!(proportional["transform"], "km");
    assert_eq!(fit["baseline"][0]["stratum"], "all");
    let robust = json(&csv, &with("cox", &["--covariates", "arm", "--cluster", "site", "--strata", "her2"]));
    assert_eq!(json(&csv, &with("cox", &["--covariates", "arm"]))["robust"], false);
    assert_eq!(robust["robust"], true);
    assert!(robust["tests"]["robust_score"].is_object() && robust["concordance"].is_null());
}

#[test]
fn km_lists_every_distinct_time_with_greenwoods_error_and_leaves_an_unreached_median_null() {
    let one = json(SIX, &with("km", &["--rmst", "8", "--times", "6,1"]));
    let group = &one["groups"][0];
    has(group, &["name", "time", "n_at_risk", "n_events", "survival", "std_err", "lower95", "upper95", "median"]);
    assert_eq!(numbers(&group["time"]), [1.0, 6.0, 8.0, 9.0]);
    assert_eq!(numbers(&group["n_at_risk"]), [6.0, 4.0, 2.0, 1.0]);
    near(&group["survival"][0], 5.0 / 6.0);
    near(&group["survival"][1], 5.0 / 12.0);
    near(&group["std_err"][0], 5.0 / 6.0 * (1.0_f64 / 30.0).sqrt());
    near(&group["lower95"][0], 5.0 / 6.0 * (-1.959_963_985 * (1.0_f64 / 30.0).sqrt()).exp());
    assert!(group["std_err"][3].is_null());
    near(&group["median"], 6.0);
    near(&group["rmst"]["mean"]["estimate"], 6.0);
    near(&group["at"][1]["time"], 6.0);
    near(&group["at"][1]["n_events"], 3.0);
    let by = json("time,event,g\n1,1,2\n2,0,2\n3,0,2\n4,1,10\n5,1,10\n", &with("km", &["--by", "g", "--rmst", "2"]));
    assert_eq!((by["groups"][0]["name"].as_str(), by["groups"][1]["name"].as_str()), (Some("2"), Some("10")));
    assert!(by["groups"][0]["median"].is_null() && by["rmst_difference"]["difference"]["estimate"].is_f64());
    let weighted = json("time,event,w\n1,1,3\n2,0,1\n", &with("km", &["--weights", "w"]));
    near(&weighted["groups"][0]["survival"][0], 0.25);
    let delayed = json("time,event,start\n3,1,0\n4,1,3\n", &with("km", &["--entry", "start"]));
    assert_eq!(numbers(&delayed["groups"][0]["n_at_risk"]), [1.0, 1.0]);
}

#[test]
fn logrank_equals_the_pencil() {
    let test = json(SIX, &with("logrank", &["--by", "x"]));
    has(&test, &["chi2", "df", "p", "groups"]);
    has(&test["groups"][0], &["name", "n", "observed", "expected"]);
    near(&test["chi2"], 2.0);
    near(&test["groups"][1]["expected"], 1.0);
    assert_eq!((test["df"].as_u64(), test["groups"][1]["name"].as_str()), (Some(1), Some("1")));
    let stratified = json(SIX, &with("logrank", &["--by", "x", "--strata", "arm", "--rho", "1"]));
    assert_eq!(stratified["n_strata"], 2);
}

#[test]
fn aj_takes_codes_or_text_and_says_what_means_censored() {
    let codes = json("time,event\n1,1\n2,2\n3,0\n4,1\n", &with("aj", &[]));
    has(&codes, &["causes", "groups"]);
    has(&codes["groups"][0], &["name", "time", "cumulative_incidence", "std_err"]);
    assert_eq!(codes["causes"], serde_json::json!(["1", "2"]));
    assert_eq!(numbers(&codes["groups"][0]["cumulative_incidence"]["1"]), [0.25, 0.25, 0.25, 0.75]);
    assert_eq!(numbers(&codes["groups"][0]["cumulative_incidence"]["2"]), [0.0, 0.25, 0.25, 0.25]);
    let rows = "time,event\n1,relapse\n2,death\n3,CENS\n4,relapse\n".to_owned();
    let sets = [
        (rows.replace("CENS", "censored"), None),
        (rows.replace("CENS", ""), None),
        (rows.replace("CENS", "alive"), Some("alive")),
    ];
    for (csv, level) in &sets {
        let more: Vec<&str> = level.map_or(vec![], |level| vec!["--censored", level]);
        let found = json(csv, &with("aj", &more));
        assert_eq!(found["causes"], serde_json::json!(["death", "relapse"]), "{csv}");
        assert_eq!(numbers(&found["groups"][0]["cumulative_incidence"]["relapse"]), [0.25, 0.25, 0.25, 0.75]);
    }
    refused(&sets[0].0, &with("aj", &["--censored", "lost"]), 3, "no level `lost`: its levels are `censored`, `death`");
}

#[test]
fn concordance_counts_the_pairs_of_the_pencil() {
    let found = json(SIX, &with("concordance", &["--risk", "x", "--tau", "7"]));
    has(&found, &["c_index", "std_err", "concordant", "discordant", "tied_risk", "tied_time", "uno"]);
    near(&found["c_index"], 7.0 / 9.0);
    let counts: Vec<Option<u64>> =
        ["concordant", "discordant", "tied_risk", "tied_time"].iter().map(|key| found[*key].as_u64()).collect();
    assert_eq!(counts, [Some(5), Some(0), Some(4), Some(1)]);
    let both = json(SIX, &with("concordance", &["--risk", "x,time", "--resamples", "100"]));
    assert_eq!(both["risks"].as_array().unwrap().len(), 2);
    assert_eq!(both["differences"][0]["second"], "time");
}

#[test]
fn brier_scores_one_time_or_several() {
    let csv = "time,event,s1,s2\n1,1,0.5,0.5\n2,1,0.5,0.5\n3,1,0.5,0.5\n4,1,0.5,0.5\n";
    let one = json(csv, &with("brier", &["--survival", "s1@2.5"]));
    has(&one, &["times", "brier", "ibs", "null_brier", "scaled"]);
    near(&one["brier"][0], 0.25);
    near(&one["scaled"][0], 0.0);
    assert!(one["ibs"].is_null());
    let two = json(csv, &with("brier", &["--survival", "s2,s1", "--times", "3.5,1.5"]));
    assert_eq!(numbers(&two["times"]), [1.5, 3.5]);
    near(&two["ibs"], 0.25);
    refused(csv, &with("brier", &["--survival", "s1"]), 2, "expected COL@TIME");
    refused(csv, &with("brier", &["--survival", "s1@2,s2@2"]), 2, "found two for 2");
    refused(
        &csv.replace("4,1", "4,0"),
        &with("brier", &["--survival", "s1@99"]),
        3,
        "time 99 lies beyond the follow-up",
    );
    refused(
        &csv.replace("2,1,0.5", "2,1,1.5"),
        &with("brier", &["--survival", "s1@2"]),
        1,
        "row 3, column `s1`: expected a probability from 0 to 1, found `1.5`",
    );
}

#[test]
fn auc_is_of_a_label_or_of_a_follow_up_and_of_nothing_else() {
    let csv = "y,a,b,time,event\n0,0.1,0.3,5,1\n0,0.4,0.2,6,0\n1,0.35,0.9,2,1\n1,0.8,0.7,1,1\n";
    let label = json(csv, &["auc", "--label", "y", "--risk", "a,b"]);
    has(&label, &["auc", "method", "n", "n_events"]);
    near(&label["auc"]["estimate"], 0.75);
    has(&label["auc"], &["estimate", "lower95", "upper95"]);
    near(&label["differences"][0]["difference"]["estimate"], -0.25);
    let mut long = String::from("time,event,a\n");
    for row in 0..80_u32 {
        long.push_str(&format!("{},{},{}\n", 1 + (row * 29) % 83, u32::from(row % 3 > 0), (row * 17) % 23));
    }
    let timed = json(&long, &with("auc", &["--risk", "a", "--times", "20,40", "--resamples", "100"]));
    assert_eq!((numbers(&timed["times"]), timed["auc_t"].as_array().unwrap().len()), (vec![20.0, 40.0], 2));
    assert_eq!(timed, json(&long, &with("auc", &["--risk", "a", "--times", "40,20", "--resamples", "100"])));
    refused(csv, &["auc", "--risk", "a"], 2, "expected --label, or --time with --event");
    refused(csv, &with("auc", &["--risk", "a"]), 2, "--tau");
    refused(&csv.replace("\n0,", "\n1,"), &["auc", "--label", "y", "--risk", "a"], 3, "one class only: 4 events in 4");
}

#[test]
fn calibration_and_net_benefit_answer_for_labels_and_follow_up() {
    let mut csv = String::from("y,p,time,event,s\n");
    for row in 0..200_u32 {
        let p = f64::from(1 + (row * 7) % 19) / 20.0;
        let y = f64::from((row * 13) % 97) / 97.0 < p;
        let time = 1 + (row * 31) % 101;
        csv.push_str(&format!("{},{p},{time},{},{}\n", u8::from(y), row % 5 / 4, 1.0 - p * 0.3));
    }
    let label = json(&csv, &["calibration", "--label", "y", "--risk", "p", "--resamples", "100"]);
    for key in ["intercept", "slope", "ici"] {
        has(&label["calibration"][key], &["estimate", "lower95", "upper95"]);
    }
    assert_eq!(label["groups"].as_array().unwrap().len(), 10);
    let timed = json(&csv, &with("calibration", &["--survival", "s@60", "--groups", "4", "--resamples", "100"]));
    has(&timed["calibration"], &["observed_expected", "slope", "ici"]);
    let four = "y,p\n1,0.9\n1,0.4\n0,0.6\n0,0.1\n";
    let curve = json(four, &["net-benefit", "--label", "y", "--risk", "p", "--thresholds", "0.5"]);
    near(&curve["curves"][0]["points"][0]["model"], 0.0);
    refused(&csv, &["net-benefit", "--risk", "p"], 2, "expected --label");
    refused(&csv, &["calibration", "--label", "y"], 2, "--risk COL");
}

#[test]
fn rows_without_a_value_in_a_used_column_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let args = with("km", &["--by", "note", "--json", "-"]);
    let ran = run(folder.path(), SIX, &args);
    assert!(ran.stderr.contains("warning: 1 of 6 rows left out: no value in `note` 1"), "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["rows"], serde_json::json!({"read": 6, "used": 5, "left_out": 1, "missing": {"note": 1}}));
    let unused = json(SIX, &with("km", &["--by", "x"]));
    assert_eq!(unused["rows"]["left_out"], 0);
    refused("time,event\n,1\nNA,0\n", &with("km", &[]), 3, "none of the 2 rows has a value in every column used");
    refused("time,event\n", &with("km", &[]), 3, "none of the 0 rows");
}

#[test]
fn a_bad_value_is_named_with_its_line_and_column() {
    let km = with("km", &[]);
    let cases = [
        ("time,event\n1,1\n\n-2,0\n", "t.csv, row 4, column `time`: expected a time of at least 0, found `-2`"),
        ("time,event\n1,1\nNaN,0\n", "t.csv, row 3, column `time`: expected a time of at least 0, found `NaN`"),
        ("time,event\n1,1\ninf,0\n", "row 3, column `time`: expected a time of at least 0, found `inf`"),
        ("time,event\n1,1\nten,0\n", "row 3, column `time`: expected a time of at least 0, found `ten`"),
        ("time,event\n1,1\n2,2\n", "row 3, column `event`: expected true or false, or 1 or 0, found `2`"),
        ("time,event\n1,dead\n", "row 2, column `event`: expected true or false, or 1 or 0, found `dead`"),
        ("time,status\n1,1\n", "expected a column `event`, found the columns `time`, `status`"),
        ("time,event\ntrue,1\n", "expected a column `time` of type number, found bool"),
        ("time,event\n1\n", "row 2: expected 2 fields, found 1 fields"),
    ];
    for (csv, said) in cases {
        refused(csv, &km, 1, said);
    }
    let entry = with("km", &["--entry", "start"]);
    refused("time,event,start\n2,1,0\n3,1,3\n", &entry, 1, "row 3, column `start`: expected a time before `time`, 3");
    let weights = with("km", &["--weights", "w"]);
    refused("time,event,w\n2,1,0\n", &weights, 1, "row 2, column `w`: expected a weight above 0, found `0`");
    let cox = with("cox", &["--covariates", "x"]);
    refused("time,event,x\n2,1,1\n3,1,NaN\n", &cox, 1, "row 3, column `x`: expected a finite number, found `NaN`");
    let missing = regimen(["stats", "km", "--data", "/no/such.csv", "--time", "t", "--event", "e"]);
    assert_eq!(missing.code, 1, "{}", missing.stderr);
}

#[test]
fn valid_tables_that_cannot_answer_are_exit_three() {
    let cox = with("cox", &["--covariates", "x"]);
    let none = "time,event,x\n1,0,1\n2,0,2\n3,0,5\n";
    refused(none, &cox, 3, "no event was observed in 3 rows");
    refused(none, &with("logrank", &["--by", "x"]), 3, "no event was observed");
    refused(none, &with("concordance", &["--risk", "x"]), 3, "no event was observed");
    refused(none, &with("aj", &[]), 3, "no event was observed");
    refused("time,event,x\n1,1,0\n2,1,0\n3,1,1\n4,0,1\n", &cox, 3, "covariate `x` separates early from late events");
    refused("time,event,x\n1,1,2\n2,1,2\n3,0,2\n", &cox, 3, "covariate `x` is constant");
    refused("time,event,x\n1,1,a\n2,1,a\n3,0,a\n", &cox, 3, "covariate `x` has one level only, `a`");
    let twice = with("cox", &["--covariates", "x,z"]);
    refused("time,event,x,z\n1,1,2,4\n2,1,1,2\n3,0,3,6\n4,1,2,4\n", &twice, 3, "covariate `z` is a combination");
    refused("time,event,x\n5,1,1\n", &cox, 3, "at least 2 needed, found 1");
    refused(SIX, &with("km", &["--by", "arm", "--rmst", "8.5"]), 3, "group `a`: time 8.5 lies beyond the follow-up");
    refused("time,event,g\n1,1,a\n2,1,a\n", &with("logrank", &["--by", "g"]), 3, "one level only");
    let one = json("time,event\n5,1\n", &with("km", &[]));
    assert_eq!(numbers(&one["groups"][0]["survival"]), [0.0]);
    let free = json(none, &with("km", &[]));
    assert_eq!(numbers(&free["groups"][0]["survival"]), [1.0, 1.0, 1.0]);
}

#[test]
fn wrong_arguments_are_exit_two_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let svg = text(&folder.path().join("never.svg"));
    for args in [
        vec!["cox", "--time", "time", "--event", "event"],
        with("cox", &["--covariates", "x", "--ties", "exact"]),
        with("km", &["--rmst", "-1", "--svg", &svg]),
        with("km", &["--conf", "logit"]),
        with("logrank", &["--by", "x", "--rho", "NaN"]),
        with("concordance", &["--risk", "x", "--tau", "0"]),
        with("km", &["--svg", "-"]),
    ] {
        let ran = run(folder.path(), SIX, &args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
    }
    assert!(!folder.path().join("never.svg").exists());
}

#[test]
fn plots_are_well_formed_and_show_numbers_at_risk() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("plot.svg");
    let path = text(&svg);
    let drawn = |csv: &str, args: &[&str]| {
        let all: Vec<&str> = args.iter().copied().chain(["--svg", &path]).collect();
        let ran = run(folder.path(), csv, &all);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let svg = fs::read_to_string(&svg).unwrap();
        let document = scraper::Html::parse_fragment(&svg);
        let count = |css: &str| document.select(&scraper::Selector::parse(css).unwrap()).count();
        assert_eq!((count("svg"), count("svg > title"), count("svg > desc"), count("[style]")), (1, 1, 1, 0));
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
        assert!(!svg.contains("NaN") && !svg.contains("inf,"), "{svg}");
        svg
    };
    let km = drawn(SIX, &with("km", &["--by", "arm", "--x-label", "Months", "--title", "A & B"]));
    assert!(km.contains("Number at risk") && km.contains("Months") && km.contains("A &amp; B"), "{km}");
    assert!(km.contains("stroke-dasharray") && km.contains("class=\"censored\"") && km.contains("class=\"band\""));
    let aj = drawn("time,event\n1,1\n2,2\n3,0\n4,1\n", &with("aj", &[]));
    assert!(aj.contains("Cumulative incidence") && aj.contains("Number at risk"));
    let cox = drawn(SIX, &with("cox", &["--covariates", "x"]));
    assert!(cox.contains("Hazard ratio (log scale)") && cox.contains("6 rows, 4 events"));
    let four = "y,p\n1,0.9\n1,0.4\n0,0.6\n0,0.1\n";
    let net = drawn(four, &["net-benefit", "--label", "y", "--risk", "p"]);
    assert!(net.contains("treat all") && net.contains("Threshold probability"));
}
