//! People and audit on the command line: a database of its own, made by the first command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Ran, regimen, text};

fn on(folder: &Path, args: &[&str]) -> Ran {
    let database = format!("sqlite:{}", text(&folder.join("people.db")));
    let mut all = args.to_vec();
    all.extend(["--database", &database]);
    regimen(all)
}

fn anchor(ran: &Ran) -> String {
    ran.stdout.lines().find_map(|line| line.strip_prefix("anchor: ")).expect("verify prints an anchor").to_owned()
}

#[test]
fn people_are_added_listed_disabled_and_reset() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let ran = on(at, &["people", "list"]);
    assert_eq!(ran.code, 2, "nothing is made by reading: {}", ran.stderr);
    assert!(!at.join("people.db").exists());
    let ran = on(at, &["people", "add", "root", "--role", "administrator", "--name", "Root Example"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let password = ran.stdout.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(password.len(), 23, "{}", ran.stdout);
    for file in ["people.db", "people.db.audit-key"] {
        let mode = fs::metadata(at.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    assert_eq!(on(at, &["people", "add", "anna", "--role", "clinician"]).code, 0);
    for (args, code, words) in [
        (vec!["people", "add", "anna", "--role", "clinician"], 1, "in use"),
        (vec!["people", "add", "Anna B", "--role", "clinician"], 1, "expected a-z"),
        (vec!["people", "add", "berta", "--role", "god"], 2, "expected clinician"),
        (vec!["people", "disable", "nobody"], 1, "no such person"),
        (vec!["people", "disable", "root"], 1, "no administrator"),
    ] {
        let ran = on(at, &args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(on(at, &["people", "disable", "anna"]).code, 0);
    let list = on(at, &["people", "list"]).stdout;
    assert!(
        list.contains("Root Example") && list.lines().any(|line| line.starts_with("anna") && line.contains("disabled"))
    );
    assert_eq!(on(at, &["people", "disable", "anna", "--undo"]).code, 0);
    let reset = on(at, &["people", "reset", "anna"]).stdout;
    assert!(reset.contains("initial password") && !reset.contains(&password));
    let bytes = fs::read(at.join("people.db")).unwrap();
    assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "only a hash is kept");
}

#[test]
fn the_audit_log_is_verified_against_anchors_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(on(at, &["people", "add", "root", "--role", "administrator"]).code, 0);
    let ran = on(at, &["audit", "verify"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("1 entries, 0 damages"), "{}", ran.stdout);
    let first = anchor(&ran);
    assert_eq!(on(at, &["people", "reset", "root"]).code, 0);
    let out = at.join("audit.jsonl");
    let ran = on(at, &["audit", "export", "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<serde_json::Value> =
        fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["person-added", "password-reset", "exported-audit"]);
    assert_eq!(format!("{}:{}", lines[0]["seq"], lines[0]["hash"].as_str().unwrap()), first);
    assert_eq!(on(at, &["audit", "verify", "--anchor", &first]).code, 0);
    let forged = format!("1:{}", "0".repeat(64));
    let ran = on(at, &["audit", "verify", "--anchor", &first, "--anchor", &forged]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stderr.contains("the anchor at 1 is not in the log"), "{}", ran.stderr);
    assert_eq!(on(at, &["audit", "verify", "--anchor", "nonsense"]).code, 2);
    let key = at.join("people.db.audit-key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = on(at, &["audit", "verify"]);
    assert!(ran.code == 1 && ran.stderr.contains("expected mode 0600"), "{}", ran.stderr);
    fs::remove_file(&key).unwrap();
    assert_eq!(on(at, &["audit", "verify"]).code, 1, "a lost key is not made anew in silence");
    assert!(!key.exists());
}

#[test]
fn a_lost_key_stops_writing_commands_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(on(at, &["people", "add", "root", "--role", "administrator"]).code, 0);
    let key = at.join("people.db.audit-key");
    fs::write(&key, format!("{}\n", "ab".repeat(32))).unwrap();
    let ran = on(at, &["audit", "verify"]);
    assert_eq!(ran.code, 3, "another key: {}", ran.stdout);
    assert!(ran.stderr.contains("entry 1 was changed"), "{}", ran.stderr);
    fs::remove_file(&key).unwrap();
    let ran = on(at, &["people", "add", "anna", "--role", "clinician"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(!key.exists(), "a second key would make one log of two halves");
}
