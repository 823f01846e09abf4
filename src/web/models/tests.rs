use std::path::Path;

use actix_web::http::{Method, StatusCode};

use crate::store::Role;
use crate::study::{FileCheck, Models};
use crate::web::Services;
use crate::web::testing::{App, Got, app, asking, audited, get, send};

const TABLE: &str = "examples/patients.csv";

async fn scientist() -> App {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data-schemas/examples");
    let check = FileCheck::load("examples", Some(folder)).unwrap();
    app(Some(Role::DataScientist), Services { check: Some(check), ..Services::default() }).await
}

async fn upload(app: &App, csrf: &str, name: &str, content: &str) -> Got {
    let body = format!(
        "--XY\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--XY\r\nContent-Disposition: form-data; name=\"table\"\r\n\r\n{TABLE}\r\n--XY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n{content}\r\n--XY--\r\n"
    );
    let request =
        asking(Method::POST, "/models/upload").insert_header(("content-type", "multipart/form-data; boundary=XY"));
    send(app, request.set_payload(body)).await
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data-schemas/examples/patients.csv");
    std::fs::read_to_string(path).unwrap()
}

#[actix_web::test]
async fn the_list_leads_to_versions_with_figures_and_a_card() {
    let app = scientist().await;
    let list = get(&app, "/models").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.text.contains("href=\"/models/pcr-ispy2/0002\""));
    let version = get(&app, "/models/pcr-ispy2/0002").await;
    assert_eq!(version.status, StatusCode::OK, "{}", version.text);
    for word in ["0.789 (0.756 to 0.817)", "Calibration by subtype and option", "<h3>pcr-ispy2</h3>", "HR+/HER2-"] {
        assert!(version.text.contains(word), "{word}");
    }
    assert!(!version.text.contains("<script") && !version.text.contains(" style="));
    let leads = get(&app, "/models/pcr-ispy2").await;
    assert_eq!((leads.status, leads.header("location")), (StatusCode::SEE_OTHER, "/models/pcr-ispy2/0002"));
    assert!(audited(&app).await.iter().all(|(word, _)| word == "viewed-models"));
}

#[actix_web::test]
async fn only_listed_versions_are_opened() {
    let app = scientist().await;
    for path in [
        "/models/nothing",
        "/models/pcr-ispy2/9999",
        "/models/..%2f../x",
        "/models/specs/peers",
        "/models/%2fetc/passwd",
    ] {
        assert_eq!(get(&app, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn a_damaged_version_is_a_page_that_says_so_and_recovers() {
    let root = tempfile::tempdir().unwrap();
    let files = std::collections::BTreeMap::from([("card.md".to_owned(), b"# Small".to_vec())]);
    Models::write(root.path(), "small", &files, |_, hashes| {
        Ok(serde_json::to_vec(&serde_json::json!({"kind": "response", "files": hashes})).unwrap())
    })
    .unwrap();
    let registry = Models::Folder(root.path().to_owned());
    let app = app(Some(Role::DataScientist), Services { registry, ..Services::default() }).await;
    let card = root.path().join("small/0001/card.md");
    std::fs::write(&card, "# Other").unwrap();
    let damaged = get(&app, "/models/small/0001").await;
    assert_eq!(damaged.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(damaged.text.contains("not what its manifest says") && !damaged.text.contains("Other"));
    assert!(!damaged.text.contains(&root.path().display().to_string()));
    std::fs::write(&card, "# Small").unwrap();
    assert!(get(&app, "/models/small/0001").await.text.contains("<h3>Small</h3>"));
}

#[actix_web::test]
async fn an_upload_is_checked_and_its_violations_are_listed() {
    let app = scientist().await;
    let fine = upload(&app, "token", "mine.csv", &example()).await;
    assert_eq!(fine.status, StatusCode::OK, "{}", fine.text);
    assert!(fine.text.contains("0 violations"), "{}", fine.text);
    let wrong = upload(&app, "token", "<b>.csv", &example().replacen(",47,", ",214,", 1)).await;
    assert!(wrong.text.contains("1 violation.") && wrong.text.contains("214"), "{}", wrong.text);
    assert!(!wrong.text.contains("<b>"));
    let log = audited(&app).await;
    assert_eq!(log.iter().filter(|(word, _)| word == "checked-file").count(), 2, "{log:?}");
}

#[actix_web::test]
async fn a_forged_or_broken_upload_is_refused() {
    let app = scientist().await;
    assert_eq!(upload(&app, "other", "mine.csv", "x").await.status, StatusCode::FORBIDDEN);
    let plain = asking(Method::POST, "/models/upload").insert_header(("content-type", "text/plain")).set_payload("x");
    assert_eq!(send(&app, plain).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let cut =
        asking(Method::POST, "/models/upload").insert_header(("content-type", "multipart/form-data; boundary=XY"));
    assert_eq!(send(&app, cut.set_payload("--XY\r\n")).await.status, StatusCode::BAD_REQUEST);
    let table = upload(&app, "token", "mine.exe", "MZ").await;
    assert!(table.text.contains("could not be read"), "{}", table.text);
}

#[actix_web::test]
async fn a_file_of_the_folder_is_checked_and_nothing_outside_it() {
    let app = scientist().await;
    let named = |file: &str| {
        let form = [("csrf", "token"), ("table", TABLE), ("file", file)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        send(&app, asking(Method::POST, "/models/check").set_form(form.to_vec()))
    };
    assert!(get(&app, "/models/check").await.text.contains("patients.csv"));
    assert!(named("patients.csv").await.text.contains("0 violations"));
    assert!(named("../../Cargo.toml").await.text.contains("no such file in the folder"));
}

#[actix_web::test]
async fn other_roles_do_not_see_models() {
    let app = app(Some(Role::Administrator), Services::default()).await;
    for path in ["/models", "/models/pcr-ispy2/0002", "/models/drift", "/models/check"] {
        assert_eq!(get(&app, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
