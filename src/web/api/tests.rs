use actix_web::http::{Method, StatusCode};
use serde_json::Value;

use super::description;
use super::openapi::{Kind, REPORT_KEYS};
use crate::report::ReportView;
use crate::report::fixtures::normal;
use crate::store::{HashedPassword, NewPerson, Role};
use crate::web::Services;
use crate::web::browser::add;
use crate::web::testing::{App, BROKEN, app, asking, audited, get, pseudonym, send};

async fn clinician() -> App {
    app(Some(Role::Clinician), Services::default()).await
}

#[actix_web::test]
async fn the_list_comes_by_pages_and_is_audited() {
    let app = clinician().await;
    let first = get(&app, "/api/v1/patients?limit=1").await;
    let body = first.json();
    assert_eq!((first.status, body["total"].clone()), (StatusCode::OK, 2.into()));
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    assert_eq!(body["items"][0]["report"], format!("/api/v1/patients/{}", pseudonym()));
    let second = get(&app, body["next"].as_str().unwrap()).await.json();
    assert_eq!((second["offset"].clone(), second.get("next")), (1.into(), None));
    assert_eq!(get(&app, "/api/v1/patients?offset=9").await.json()["items"].as_array().unwrap().len(), 0);
    assert_eq!(audited(&app).await.iter().filter(|(word, _)| word == "viewed-list").count(), 3);
}

#[actix_web::test]
async fn a_wrong_page_is_a_problem_with_the_id_of_the_request() {
    let app = clinician().await;
    for query in ["limit=0", "limit=201", "limit=x", "limit=-1", "offset=1000001", "limit=1&limit=2", "limit="] {
        let got = get(&app, &format!("/api/v1/patients?{query}")).await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (StatusCode::BAD_REQUEST, "application/problem+json"),
            "{query}"
        );
        let problem = got.json();
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["instance"], format!("urn:regimen:request:{}", got.header("x-request-id")));
    }
    assert_eq!(audited(&app).await, []);
}

#[actix_web::test]
async fn a_report_is_the_json_of_the_page_and_every_read_is_audited() {
    let app = clinician().await;
    let path = format!("/api/v1/patients/{}", pseudonym());
    let got = get(&app, &path).await;
    assert_eq!(got.text, crate::report::json(&ReportView::new(&normal())));
    assert_eq!((got.header("content-type"), got.header("cache-control")), ("application/json", "no-store"));
    let again = send(&app, asking(Method::GET, &path).insert_header(("if-none-match", got.header("etag")))).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let read = ("asked-by-api".to_owned(), Some(pseudonym()));
    assert_eq!(audited(&app).await, [read.clone(), read]);
}

#[actix_web::test]
async fn problems_tell_nothing_of_the_inside() {
    let app = clinician().await;
    for (path, status) in [
        ("/api/v1/patients/P-000000000000".to_owned(), 404),
        ("/api/v1/patients/ispy2:100899".to_owned(), 404),
        ("/api/v1/patients/%2e%2e%2fetc".to_owned(), 404),
        ("/api/v1/models/..%2f..%2fetc".to_owned(), 404),
        ("/api/v1/nowhere".to_owned(), 404),
        ("/api".to_owned(), 404),
        (format!("/api/v1/patients/{BROKEN}"), 500),
    ] {
        let got = get(&app, &path).await;
        let problem = got.json();
        assert_eq!((got.status.as_u16(), problem["status"].clone()), (status, status.into()), "{path}");
        assert!(
            !got.text.contains("secret") && !got.text.contains("100899") && !got.text.contains(BROKEN),
            "{}",
            got.text
        );
    }
    let got = send(&app, asking(Method::DELETE, "/api/v1/patients")).await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "GET, HEAD"));
}

#[actix_web::test]
async fn roles_decide_and_refusals_are_audited() {
    let scientist = app(Some(Role::DataScientist), Services::default()).await;
    assert_eq!(get(&scientist, "/api/v1/models").await.status, StatusCode::OK);
    assert_eq!(get(&scientist, &format!("/api/v1/patients/{}", pseudonym())).await.status, StatusCode::FORBIDDEN);
    assert!(audited(&scientist).await.iter().any(|(word, _)| word == "refused"));
    let administrator = app(Some(Role::Administrator), Services::default()).await;
    for path in ["/api/v1/patients", "/api/v1/models", "/api/v1/data"] {
        assert_eq!(get(&administrator, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[actix_web::test]
async fn a_token_reads_in_the_name_of_its_owner_until_it_is_ended() {
    let app = app(None, Services::default()).await;
    let path = "/api/v1/patients";
    let nobody = get(&app, path).await;
    assert_eq!(
        (nobody.status, nobody.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer realm=\"regimen\"")
    );
    let person = add(app.store(), "ada", Role::Clinician).await;
    let token = app.store().make_token(&person, "import", 30).await.unwrap();
    let with = |value: String| send(&app, asking(Method::GET, path).insert_header(("authorization", value)));
    assert_eq!(with(format!("Bearer {token}")).await.status, StatusCode::OK);
    let hashed = HashedPassword::new("correct horse battery", "bob").unwrap();
    let new = NewPerson { login: "bob", display_name: "Bob", role: Role::Clinician };
    let bob = app.store().add_person(None, new, &hashed).await.unwrap();
    let early = app.store().make_token(&bob, "import", 30).await.unwrap();
    assert_eq!(with(format!("Bearer {early}")).await.status, StatusCode::UNAUTHORIZED, "initial password");
    let flipped = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    for wrong in [format!("Basic {token}"), "Bearer".into(), "Bearer rgm_".into(), format!("Bearer {flipped}")] {
        assert_eq!(with(wrong.clone()).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let id = app.store().tokens(&person).await.unwrap().remove(0).id;
    assert!(app.store().end_token(&person, &id).await.unwrap());
    assert_eq!(with(format!("Bearer {token}")).await.status, StatusCode::UNAUTHORIZED);
    let words: Vec<String> = audited(&app).await.into_iter().map(|(word, _)| word).collect();
    assert!(words.contains(&"token-made".to_owned()) && words.contains(&"token-ended".to_owned()), "{words:?}");
}

#[actix_web::test]
async fn models_come_with_cards_and_figures() {
    let app = app(Some(Role::DataScientist), Services::default()).await;
    let list = get(&app, "/api/v1/models").await.json();
    assert!(
        list["items"].as_array().unwrap().iter().any(|item| item["name"] == "pcr-ispy2" && item["promoted"] == true)
    );
    let one = get(&app, "/api/v1/models/survival-metabric").await.json();
    assert_eq!(
        (one["versions"][0]["whole"].clone(), one["versions"][0]["version"].clone()),
        (true.into(), "0001".into())
    );
    assert!(one["versions"][0]["card"].as_str().unwrap().starts_with('#'));
    assert!(one["versions"][0]["metrics"]["n_samples"].is_number());
}

#[actix_web::test]
async fn the_state_of_the_data_is_told() {
    let app = app(Some(Role::DataScientist), Services::default()).await;
    let state = get(&app, "/api/v1/data").await.json();
    assert_eq!((state["n_patients"].clone(), state["n_refused"].clone()), (2.into(), 1.into()));
    assert_eq!(state["damaged"], serde_json::json!([]));
}

#[actix_web::test]
async fn the_description_is_served_and_names_every_address() {
    let app = app(None, Services::default()).await;
    let got = get(&app, "/api/v1/openapi.json").await;
    let document = got.json();
    assert_eq!(got.text, description());
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in [super::PATIENTS, super::PATIENT, super::MODELS, super::MODEL, super::DATA, super::DESCRIPTION] {
        assert!(paths.iter().any(|each| *each == path), "{path}");
    }
}

#[test]
fn the_description_of_a_report_has_the_keys_of_a_report() {
    let report: Value = serde_json::from_str(&crate::report::json(&ReportView::new(&normal()))).unwrap();
    let found: Vec<&String> = report.as_object().unwrap().keys().collect();
    let described: Vec<&str> = REPORT_KEYS.iter().map(|(name, _)| *name).collect();
    for name in &found {
        assert!(described.contains(&name.as_str()), "add {name} to REPORT_KEYS");
    }
    for (name, kind) in REPORT_KEYS {
        let value = report.get(name).unwrap_or_else(|| panic!("{name} is described and absent"));
        let fits = match kind {
            Kind::Text => value.is_string(),
            Kind::MaybeText => value.is_string() || value.is_null(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
            Kind::Part => value.is_object(),
            Kind::MaybePart => value.is_object() || value.is_null(),
        };
        assert!(fits, "{name}: {value}");
    }
}
