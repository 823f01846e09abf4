//! `regimen predict-breast`: the published vectors, and every broken value named at once.

use std::collections::HashMap;
use std::fs;

use crate::support::{data, regimen, text};

const HEADER: &str = "age,screen,size,grade,nodes,er,her2,ki67,pr,gen,horm,traz,bis,radio,gy,smoker";

#[test]
fn the_command_meets_the_vectors() {
    let Some(folder) = data("predict-breast") else { return };
    let vectors = fs::read_to_string(folder.join("predict/predict_v3_vectors.csv")).expect("the vectors are there");
    let rows: Vec<Vec<&str>> = vectors.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let temporary = tempfile::tempdir().expect("a temporary folder");
    for (version, code) in [("3.1", "31"), ("3.2", "32"), ("3.2-landmark", "3210")] {
        let expected: Vec<&Vec<&str>> = rows.iter().filter(|row| row[16] == code).collect();
        let mut people: Vec<String> = expected.iter().map(|row| row[..16].join(",")).collect();
        people.dedup();
        let (input, output) = (temporary.path().join("in.csv"), temporary.path().join("out.csv"));
        fs::write(&input, format!("{HEADER}\n{}\n", people.join("\n"))).expect("writable");
        let ran = regimen(["predict-breast", "--data", &text(&input), "--version", version, "--out", &text(&output)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let written = fs::read_to_string(&output).expect("the table is written");
        let found: HashMap<String, Vec<&str>> = written
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<&str>>())
            .map(|cells| (format!("{},{}", cells[..16].join(","), cells[17]), cells))
            .collect();
        for row in expected {
            let mine = &found[&format!("{},{}", row[..16].join(","), row[17])];
            assert_eq!(mine[16], code);
            for at in 18..24 {
                if row[at] == "NA" {
                    assert_eq!(mine[at], "NA");
                    continue;
                }
                let difference = mine[at].parse::<f64>().unwrap() - row[at].parse::<f64>().unwrap();
                assert!(difference.abs() <= 1e-9, "{version} {}: {difference:e}", row[17]);
            }
        }
    }
}

#[test]
fn every_broken_value_is_named_and_nothing_is_written() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let (input, output) = (temporary.path().join("in.csv"), temporary.path().join("out.csv"));
    let rows = "50,0,20,4,2,1,0,1,1,3,1,0,0,1,1,0\n50,0,,2,2,x,0,1,1,3,1,0,0,1,1,0\n";
    fs::write(&input, format!("{HEADER}\n{rows}")).expect("writable");
    let ran = regimen(["predict-breast", "--data", &text(&input), "--version", "3.2", "--out", &text(&output)]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    for said in ["row 2, column `grade`", "found `4`", "row 3, column `size`", "row 3, column `er`", "found `x`"] {
        assert!(ran.stderr.contains(said), "{said}\nnot in\n{}", ran.stderr);
    }
    assert!(!output.exists());
    let ran = regimen(["predict-breast", "--data", &text(&input), "--version", "2.2", "--out", &text(&output)]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}
