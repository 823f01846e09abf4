use actix_web::http::{Method, StatusCode};
use serde_json::json;

use crate::store::Role;
use crate::study::{ModelWatch, Models};
use crate::web::Services;
use crate::web::testing::{app, asking, get, pseudonym, send};

#[actix_web::test]
async fn the_server_is_alive_and_ready() {
    let app = app(None, Services::default()).await;
    assert_eq!(get(&app, "/healthz").await.json(), json!({"status": "ok"}));
    let ready = get(&app, "/readyz").await;
    assert_eq!((ready.status, ready.json()["database"].clone()), (StatusCode::OK, "ok".into()));
    app.store().close().await;
    let gone = get(&app, "/readyz").await;
    assert_eq!((gone.status, gone.json()["database"].clone()), (StatusCode::SERVICE_UNAVAILABLE, "failed".into()));
    assert_eq!(get(&app, "/healthz").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn requests_are_counted_by_pattern_and_never_by_path() {
    let app = app(Some(Role::Clinician), Services::default()).await;
    let report = format!("/patients/{}", pseudonym());
    for path in [report.as_str(), report.as_str(), "/secret-path", "/healthz"] {
        get(&app, path).await;
    }
    let text = get(&app, "/metrics").await.text;
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert!(
        line("regimen_http_requests_total{method=\"GET\",route=\"/patients/{pseudonym:[^/.]+}\",status=\"200\"}")
            .ends_with(" 2"),
        "{text}"
    );
    assert_eq!(line("regimen_reports_rendered_total"), "regimen_reports_rendered_total 1");
    assert_eq!(line("regimen_report_cache_hits_total"), "regimen_report_cache_hits_total 1");
    assert!(text.contains("regimen_http_request_seconds_bucket"));
    assert!(!text.contains("secret-path") && !text.contains("P-"), "{text}");
}

#[actix_web::test]
async fn other_machines_need_the_token_for_the_metrics() {
    let open = app(None, Services::default()).await;
    let far = |app| send(app, asking(Method::GET, "/metrics").peer_addr("10.0.0.7:5000".parse().unwrap()));
    assert_eq!(get(&open, "/metrics").await.status, StatusCode::OK);
    assert_eq!(far(&open).await.status, StatusCode::NOT_FOUND);
    let proxied = asking(Method::GET, "/metrics").insert_header(("x-forwarded-for", "10.0.0.7"));
    assert_eq!(send(&open, proxied).await.status, StatusCode::NOT_FOUND);
    let guarded = app(None, Services { metrics_token: Some("0123456789".into()), ..Services::default() }).await;
    assert_eq!(get(&guarded, "/metrics").await.status, StatusCode::NOT_FOUND);
    let with = |token: &str| {
        send(&guarded, asking(Method::GET, "/metrics").insert_header(("authorization", format!("Bearer {token}"))))
    };
    assert_eq!(with("0123456780").await.status, StatusCode::NOT_FOUND);
    assert_eq!(with("0123456789").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn a_body_that_is_too_long_is_refused_before_anybody_reads_it() {
    let app = app(Some(Role::Clinician), Services::default()).await;
    let long = vec![b'a'; (256 << 10) + 1];
    let length = ("content-length", long.len().to_string());
    let got = send(&app, asking(Method::POST, "/tokens").set_payload(long).insert_header(length)).await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn a_changed_model_file_withholds_reports_until_it_is_restored() {
    let root = tempfile::tempdir().unwrap();
    let files = std::collections::BTreeMap::from([("weights.json".to_owned(), b"{}".to_vec())]);
    Models::write(root.path(), "small", &files, |_, hashes| {
        Ok(serde_json::to_vec(&json!({"kind": "response", "files": hashes})).unwrap())
    })
    .unwrap();
    let registry = Models::Folder(root.path().to_owned());
    let watch = ModelWatch::new(&registry, &["small@0001".to_owned()]).unwrap();
    let app = app(Some(Role::Clinician), Services { registry, watch: Some(watch), ..Services::default() }).await;
    let report = format!("/patients/{}", pseudonym());
    assert_eq!(get(&app, &report).await.status, StatusCode::OK);
    let weights = root.path().join("small/0001/weights.json");
    std::fs::remove_file(&weights).unwrap();
    app.services().forget_look();
    let got = get(&app, &report).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        got.text.contains("A model file is missing or has changed") && !got.text.contains("weights"),
        "{}",
        got.text
    );
    assert_eq!(
        get(&app, &format!("/api/v1/patients/{}", pseudonym())).await.json()["type"],
        "urn:regimen:problem:models"
    );
    assert_eq!(get(&app, "/readyz").await.json()["models"], "failed");
    std::fs::write(&weights, b"{}").unwrap();
    app.services().forget_look();
    assert_eq!(get(&app, &report).await.status, StatusCode::OK);
    assert_eq!(get(&app, "/readyz").await.status, StatusCode::OK);
}
