//! The house rules that a machine can hold: floors, doors, declared test files, used templates, true hashes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{regimen, root};

/// Floor by floor, what a folder of src may import from the crate.
const FLOORS: [(&str, &[&str]); 15] = [
    ("terms", &[]),
    ("stats", &["terms"]),
    ("schema", &["terms"]),
    ("learn", &["terms", "stats"]),
    ("imaging", &["terms"]),
    ("tables", &["terms", "schema"]),
    ("genomics", &["terms", "stats"]),
    ("embed", &["terms", "imaging"]),
    ("fusion", &["terms", "schema", "stats", "tables", "genomics", "embed", "learn"]),
    ("decide", &["terms", "stats", "schema", "learn", "imaging", "tables", "genomics", "embed", "fusion"]),
    ("study", &["terms", "stats", "schema", "learn", "imaging", "tables", "genomics", "embed", "fusion", "decide"]),
    ("report", &["terms", "stats", "decide", "study"]),
    ("store", &["terms", "report"]),
    ("web", &["terms", "study", "report", "store"]),
    ("cli", &["terms", "schema", "imaging", "tables", "fusion", "study", "report", "store", "web"]),
];

/// Crates and the folders in which they may appear.
const DOORS: [(&str, &[&str]); 27] = [
    ("utoipa", &["web"]),
    ("prometheus", &["web"]),
    ("dicom", &["imaging", "study/simulate"]),
    ("png", &["imaging"]),
    ("flate2", &["imaging", "web"]),
    ("candle", &["embed"]),
    ("gemm", &["embed"]),
    ("pulp", &["embed"]),
    ("half", &["embed"]),
    ("safetensors", &["embed"]),
    ("base64", &["study", "web"]),
    ("polars", &["tables", "genomics", "fusion", "study"]),
    ("arrow", &["tables"]),
    ("parquet", &["tables"]),
    ("calamine", &["tables"]),
    ("linfa_linalg", &["learn"]),
    ("ndarray", &["learn"]),
    ("hessboost", &["learn"]),
    ("smartcore", &["learn"]),
    ("askama", &["report", "web"]),
    ("krilla", &["report"]),
    ("actix_web", &["web", "store/board/tests.rs"]),
    ("openidconnect", &["web"]),
    ("sqlx", &["store"]),
    ("argon2", &["store"]),
    ("clap", &["cli", "main.rs"]),
    ("indicatif", &["cli"]),
];

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the project's folders are readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The words that follow `prefix` in the code of a file, comments left out.
fn followers(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices(prefix) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            let rest = &line[at + prefix.len()..];
            let group = rest.strip_prefix('{').map_or_else(|| vec![rest], |inner| inner.split(',').collect());
            for item in group {
                let word: String = item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !word.is_empty() {
                    found.insert(word);
                }
            }
        }
    }
    found
}

#[test]
fn every_floor_imports_only_what_its_front_page_may() {
    let src = root().join("src");
    let mut broken = Vec::new();
    for (floor, allowed) in FLOORS {
        for path in files(&src.join(floor), "rs") {
            for used in followers(&fs::read_to_string(&path).unwrap(), "crate::") {
                let is_floor = FLOORS.iter().any(|(name, _)| *name == used);
                if is_floor && used != floor && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{}: {floor} may not import {used}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_dependency_enters_by_its_door() {
    let src = root().join("src");
    let mut broken = Vec::new();
    for path in files(&src, "rs") {
        let relative = path.strip_prefix(&src).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        for (library, folders) in DOORS {
            let door = folders.iter().any(|folder| relative.starts_with(folder));
            let used = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.trim_start().starts_with(&format!("use {library}")) || uses(line, library));
            if used && !door {
                broken.push(format!("{relative}: {library} enters only in {}", folders.join(", ")));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn uses(line: &str, library: &str) -> bool {
    line.match_indices(&format!("{library}::")).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '/')
    })
}

#[test]
fn every_floor_of_src_is_known_and_has_a_front_page() {
    for entry in fs::read_dir(root().join("src")).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().unwrap();
        assert!(FLOORS.iter().any(|(floor, _)| *floor == name), "{name} is no floor");
        let front = fs::read_to_string(entry.path().join("mod.rs")).unwrap();
        assert!(front.starts_with("//!"), "{name}/mod.rs opens with its front page");
    }
}

#[test]
fn every_test_file_is_declared() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for path in files(&root().join("tests/it"), "rs") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "tests/it/{name}.rs is not declared");
    }
}

#[test]
fn every_reference_json_has_a_script() {
    for path in files(&root().join("tests/reference"), "json") {
        let script = ["R", "py"].iter().any(|extension| path.with_extension(extension).is_file());
        assert!(script, "{} has no script of the same name", path.display());
    }
}

#[test]
fn every_template_is_used() {
    let code: String = files(&root().join("src"), "rs").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let templates = files(&root().join("templates"), "html");
    let markup: String = templates.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(!templates.is_empty());
    for path in &templates {
        let name = path.strip_prefix(root().join("templates")).unwrap().display().to_string();
        assert!(code.contains(&format!("\"{name}\"")) || markup.contains(&format!("\"{name}\"")), "{name} is unused");
    }
}

#[test]
fn every_hash_of_every_committed_model_is_true() {
    let ran = regimen(["models", "verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(" 0 damaged"), "{}", ran.stdout);
}
