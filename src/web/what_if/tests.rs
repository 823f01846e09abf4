use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode};
use actix_web::{middleware, test as harness, web};

use crate::report::fixtures::normal;
use crate::report::{IndexMeta, ReportView};
use crate::store::{AuditKey, Person, Role, Store};
use crate::study::{Change, ChangedInput, FieldKind, Hypothetical, RefusedChange, WhatIfField};
use crate::terms::Estimate;
use crate::web::{App, IndexPage, ReportSource, Security, SourceError, WhatIf, headers, routes};

/// One patient of whom two inputs may be changed; a higher age halves every estimate.
struct One;

fn pseudonym() -> String {
    normal().pseudonym.to_string()
}

impl ReportSource for One {
    fn index(&self) -> Result<IndexPage, SourceError> {
        let meta = IndexMeta {
            title: String::new(),
            synthetic: true,
            regimen_version: String::new(),
            models: vec![],
            n_refused: 0,
            refusals: vec![],
        };
        Ok(IndexPage { entries: vec![], meta })
    }

    fn report(&self, wanted: &str) -> Result<Option<ReportView>, SourceError> {
        Ok((wanted == pseudonym()).then(|| ReportView::new(&normal())))
    }

    fn what_if_fields(&self, wanted: &str) -> Result<Option<Vec<WhatIfField>>, SourceError> {
        let field = |column: &str, kind, current: &str, in_cohort| WhatIfField {
            column: column.to_owned(),
            label: format!("Label of {column}"),
            table: "clinical".to_owned(),
            kind,
            current: Some(current.to_owned()),
            in_cohort,
        };
        let levels = [("pre", "pre"), ("post", "post")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let number = FieldKind::Number { unit: "years".to_owned(), min: 18.0, max: 110.0 };
        let fields = vec![
            field("age_years", number, "47", true),
            field("menopause", FieldKind::Choice { levels }, "pre", false),
        ];
        Ok((wanted == pseudonym()).then_some(fields))
    }

    fn what_if(&self, wanted: &str, changes: &[Change]) -> Result<Option<WhatIf>, SourceError> {
        assert!(changes.iter().all(|change| change.column != "csrf"));
        let age = changes.iter().find(|change| change.column == "age_years").and_then(|change| change.value.clone());
        let Some(age) = age.as_deref().and_then(|text| text.parse::<f64>().ok()).filter(|age| *age < 110.0) else {
            let refused = |column: &str| RefusedChange {
                column: column.to_owned(),
                expected: "a number from 18 to 110 (years)".to_owned(),
                found: "`<script>`".to_owned(),
            };
            return Ok(Some(Err(vec![refused("age_years"), refused("menopause")])));
        };
        let mut from = normal();
        let change = |to: String| ChangedInput {
            column: "age_years".to_owned(),
            label: "Age at diagnosis".to_owned(),
            unit: "years".to_owned(),
            from: Some("47".to_owned()),
            to: Some(to),
            follows: false,
        };
        from.hypothetical = Some(Hypothetical { changes: vec![change(age.to_string())] });
        for option in &mut from.options {
            let halved = |of: Estimate| Estimate {
                estimate: of.estimate / 2.0,
                lower95: of.lower95 / 2.0,
                upper95: of.upper95 / 2.0,
            };
            option.estimate = option.estimate.map(halved);
        }
        Ok((wanted == pseudonym()).then(|| Ok(ReportView::new(&from))))
    }
}

/// Everybody is signed in as a clinician whose forms carry `token`.
async fn app() -> App {
    let store = Store::open("sqlite::memory:", AuditKey::fresh().unwrap()).await.unwrap();
    let (id, login, display_name) = ("0".into(), "demo".into(), "Demo".into());
    let person = Person { id, login, display_name, role: Role::Clinician };
    let security = Security { demonstration: Some((person, "token".to_owned())), ..Security::default() };
    App::new(Arc::new(One), store).with_security(security)
}

async fn send(method: Method, path: &str, form: Option<&str>) -> (StatusCode, String, Option<String>) {
    let service = harness::init_service(
        actix_web::App::new()
            .app_data(web::Data::new(app().await))
            .wrap(middleware::from_fn(headers::around))
            .configure(routes::mount),
    )
    .await;
    let mut request = harness::TestRequest::with_uri(path).method(method).insert_header(("host", "localhost"));
    if let Some(form) = form {
        request = request
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(format!("csrf=token&{form}"));
    }
    let response = harness::call_service(&service, request.to_request()).await;
    let status = response.status();
    let header = response.headers().get(if status == StatusCode::METHOD_NOT_ALLOWED { "allow" } else { "location" });
    let header = header.map(|value| value.to_str().unwrap().to_owned());
    let bytes = to_bytes(response.into_body()).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap(), header)
}

fn path(rest: &str) -> String {
    format!("/patients/{}/what-if{rest}", pseudonym())
}

#[actix_web::test]
async fn the_form_offers_every_input_with_its_rule_and_needs_no_script() {
    let (status, page, _) = send(Method::GET, &path(""), None).await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "name=\"age_years\" value=\"47\" min=\"18\" max=\"110\"",
        "18 to 110 years; on record: 47 years",
        "<option value=\"pre\" selected>pre</option>",
        "not in this cohort",
        "method=\"post\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("HYPOTHETICAL"));
    let (_, report, _) = send(Method::GET, &format!("/patients/{}", pseudonym()), None).await;
    assert!(report.contains(&format!("href=\"{}\"", path(""))), "the report leads there");
}

#[actix_web::test]
async fn the_changed_result_stands_beside_the_original_and_is_marked() {
    let (status, page, _) = send(Method::POST, &path(""), Some("age_years=60&menopause=post")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<title>SYNTHETIC · HYPOTHETICAL · "), "{page}");
    for part in
        ["58\u{a0}%", "42 to 73", "29\u{a0}%", "21 to 37", "−29.2 points", "value=\"60\"", "47 years", "60 years"]
    {
        let (plain, tied) = (part.replace('\u{a0}', " "), part.to_owned());
        assert!(page.contains(&plain) || page.contains(&tied), "{part}: {page}");
    }
    assert!(page.contains("class=\"synthetic hypothetical\""), "in the header that print repeats");
}

#[actix_web::test]
async fn the_whole_hypothetical_report_is_marked_in_title_banner_and_json() {
    let (status, page, _) = send(Method::POST, &path("/report"), Some("age_years=60")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("HYPOTHETICAL · P-") && page.contains("Inputs that differ from the record"));
    let (status, text, _) = send(Method::POST, &path(".json"), Some("age_years=60")).await;
    assert_eq!(status, StatusCode::OK);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["hypothetical"]["changes"][0]["to"], "60 years");
    assert!(json["hypothetical"]["banner"].as_str().unwrap().starts_with("HYPOTHETICAL"));
    let (_, plain, _) = send(Method::GET, &format!("/patients/{}.json", pseudonym()), None).await;
    assert!(serde_json::from_str::<serde_json::Value>(&plain).unwrap()["hypothetical"].is_null());
}

#[actix_web::test]
async fn refused_changes_are_listed_all_at_once_and_escaped() {
    for rest in ["", "/report"] {
        let (status, page, _) = send(Method::POST, &path(rest), Some("age_years=214&menopause=none")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("<strong>age_years</strong>") && page.contains("<strong>menopause</strong>"));
        assert!(page.contains("aria-invalid=\"true\"") && page.contains("value=\"214\""), "what was sent stays");
        assert!(!page.contains("<script>") && !page.contains("HYPOTHETICAL"));
    }
    let (status, text, _) = send(Method::POST, &path(".json"), Some("age_years=214")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["refused"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn values_never_stand_in_an_address_and_other_methods_are_refused() {
    for rest in ["/report", ".json"] {
        let (status, _, location) = send(Method::GET, &path(rest), None).await;
        assert_eq!((status, location), (StatusCode::SEE_OTHER, Some(path(""))));
    }
    let (_, page, _) = send(Method::GET, &path("?age_years=60"), None).await;
    assert!(page.contains("value=\"47\"") && !page.contains("HYPOTHETICAL"), "a query is not read");
    let (status, _, allow) = send(Method::DELETE, &path(""), None).await;
    assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, POST")));
}

#[actix_web::test]
async fn unknown_patients_and_unreadable_forms_get_a_page() {
    for path in ["/patients/P-000000000000/what-if", "/patients/ispy2:1/what-if"] {
        assert_eq!(send(Method::GET, path, None).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(send(Method::POST, path, Some("age_years=60")).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, page, _) = send(Method::POST, &path(""), None).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{page}");
    let long = format!("age_years={}", "9".repeat(100_000));
    assert_eq!(send(Method::POST, &path(""), Some(&long)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
