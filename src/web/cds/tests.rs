use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Clients;
use crate::store::Role;
use crate::web::testing::{App, Got, app, asking, audited, send};
use crate::web::{Services, cds};

/// Keys and tokens made once with python-cryptography (ES384); they open nothing.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-384", "kid": "ehr-1", "use": "sig", "alg": "ES384", "x": "n7O7FzW96ZSaUFGUbI0w8DWC8mprGjxHYtJ-FE48gRYETLOoSFwKpfq5W8MLizrc", "y": "L5Vr0llEX2TVTJn0VZp3EUizlg4c7I1JFf0RccXVPMhebUJCpxX5XGcfo0XpBe81"}]}"#;
const GOOD: &str = "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImVoci0xIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9yZWdpbWVuLmV4YW1wbGUvY2RzLXNlcnZpY2VzL3JlZ2ltZW4tcGF0aWVudC12aWV3IiwiZXhwIjoxODAwMDAwMzAwLCJpYXQiOjE4MDAwMDAwMDAsImp0aSI6ImExIn0.RMwYWRUxRhnhxDO95GkJDbITpuKxqiv0UaNMf0yW61gdPSgQ_9IeNZsXizdzBSNXXaB8pBqQAza5Iyh9IB3fx1g6tnN-NXcl46fuI2zA_RDKj0f7ZUcwXRt1W5aoKtWY";
const SEVERAL: &str = "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImVoci0xIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlIiwiYXVkIjpbImh0dHBzOi8veCIsImh0dHBzOi8vcmVnaW1lbi5leGFtcGxlL2Nkcy1zZXJ2aWNlcy9yZWdpbWVuLXBhdGllbnQtdmlldyJdLCJleHAiOjE4MDAwMDAzMDAsImlhdCI6MTgwMDAwMDAwMCwianRpIjoiYTIifQ.-sKu5neXQnz6cmobJUJdxP5gXXcsxbp-Wg__oLwnmkULq7mP4AwFVzU0z1kXs46qDyUwFFHllcwrDciRdg1G9Wl4hkPN70-RxlqHP749zLncccGZdzoM-rwe6-AjAXYS";
const LONG: &str = "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImVoci0xIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9yZWdpbWVuLmV4YW1wbGUvY2RzLXNlcnZpY2VzL3JlZ2ltZW4tcGF0aWVudC12aWV3IiwiZXhwIjoxODAwMDA5OTk5LCJpYXQiOjE4MDAwMDAwMDAsImp0aSI6ImExIn0.KpKC9GHEJE-Jvu8aLfzOrvksD3EgH4-veA2fUufap_RESgIMLY0SQWoSzuYTURUDmc7bjyfdhW8AIHbHAb0c-WxTS9iFMwY9XLFVDJWI2ala7-MPA4ELNdF5lgD_LtWl";
const OTHER_ISSUER: &str = "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImVoci0xIn0.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL3JlZ2ltZW4uZXhhbXBsZS9jZHMtc2VydmljZXMvcmVnaW1lbi1wYXRpZW50LXZpZXciLCJleHAiOjE4MDAwMDAzMDAsImlhdCI6MTgwMDAwMDAwMCwianRpIjoiYTEifQ.c0EG1eyMomkUbVQrByYKwDvW3IKwBKG2Gl6oh9isZiQ4IYqYDC2f30XU9JqpXwPwgHvI-1WgRywDDWam3eROCTf9spyMziPCYlLIvYWlbZfRNGIGQ-I4-lDWuthnMwwc";
const ISSUED_S: i64 = 1_800_000_000;
const AUDIENCE: &str = "https://regimen.example/cds-services/regimen-patient-view";

fn clients() -> Clients {
    Clients::for_test(KEYS, "https://ehr.example")
}

async fn plain() -> App {
    app(None, Services::default()).await
}

async fn ask(app: &App, path: &str, body: &Value) -> Got {
    send(app, asking(Method::POST, path).set_json(body)).await
}

/// The example of the specification (CDS Hooks 2.0, "HTTP Request Example"), with a patient who is known here.
fn example(patient: &str) -> Value {
    json!({
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "http://hooks.smarthealthit.org:9080",
        "hook": "patient-view",
        "fhirAuthorization": {
            "access_token": "some-opaque-fhir-access-token",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/Patient.read user/Observation.read",
            "subject": "cds-service4"
        },
        "context": {"userId": "Practitioner/example", "patientId": patient, "encounterId": "89284"},
        "prefetch": {"patientToGreet": {"resourceType": "Patient", "gender": "male", "birthDate": "1925-12-23", "id": "1288992", "active": true}}
    })
}

/// The shape in which the CDS Hooks sandbox asks when an order is selected.
fn sandbox(patient: &str) -> Value {
    json!({
        "hookInstance": "0c5ca6ee-4a4d-4c57-a1a6-9e5a9ae4f5d2",
        "hook": "order-select",
        "fhirServer": "https://launch.smarthealthit.org/v/r4/fhir",
        "context": {
            "patientId": patient,
            "userId": "Practitioner/COREPRACTITIONER1",
            "selections": ["MedicationRequest/request-123"],
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {
                "resourceType": "MedicationRequest", "id": "request-123", "status": "draft", "intent": "order",
                "subject": {"reference": format!("Patient/{patient}")},
                "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "583214", "display": "Paclitaxel 100 MG Injection"}]}
            }}]}
        },
        "prefetch": {}
    })
}

#[actix_web::test]
async fn the_services_are_discovered() {
    let app = plain().await;
    let got = send(&app, asking(Method::GET, "/cds-services")).await;
    let services = got.json();
    let found: Vec<(&str, &str)> = services["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (each["hook"].as_str().unwrap(), each["id"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("patient-view", "regimen-patient-view"), ("order-select", "regimen-order-select")]);
    assert!(services["services"][0]["description"].as_str().unwrap().contains("no order"));
}

#[actix_web::test]
async fn a_known_patient_gets_one_card_with_a_link_and_no_suggestion() {
    let app = plain().await;
    for (path, body) in [(cds::PATIENT_VIEW, example("1")), (cds::ORDER_SELECT, sandbox("1"))] {
        let got = ask(&app, path, &body).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text);
        let answer = got.json();
        let card = &answer["cards"][0];
        assert_eq!(answer["cards"].as_array().unwrap().len(), 1);
        assert!(card["summary"].as_str().unwrap().chars().count() <= 140);
        assert_eq!(card["indicator"], "info");
        let url = card["links"][0]["url"].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:8080/patients/P-"), "{url}");
        assert!(card.get("suggestions").is_none() && answer.get("systemActions").is_none());
        assert!(!got.text.contains("1288992") && !got.text.contains("opaque"), "{}", got.text);
    }
    let log = audited(&app).await;
    assert_eq!(log.iter().filter(|(word, subject)| word == "asked-by-api" && subject.is_some()).count(), 2, "{log:?}");
}

#[actix_web::test]
async fn an_unknown_patient_gets_no_card_and_leaves_no_trace() {
    let app = plain().await;
    for patient in ["3", "1288992", "smart-1288992"] {
        let got = ask(&app, cds::PATIENT_VIEW, &example(patient)).await;
        assert_eq!((got.status, got.json()), (StatusCode::OK, json!({"cards": []})));
    }
    assert_eq!(audited(&app).await, []);
}

#[actix_web::test]
async fn a_patient_who_asks_gets_no_card() {
    let app = plain().await;
    let mut body = example("1");
    body["context"]["userId"] = json!("Patient/1");
    assert_eq!(ask(&app, cds::PATIENT_VIEW, &body).await.json(), json!({"cards": []}));
}

#[actix_web::test]
async fn a_question_against_the_specification_is_a_problem() {
    let app = plain().await;
    let mut wrong = example("1");
    wrong["hookInstance"] = json!("not-a-uuid");
    let got = ask(&app, cds::PATIENT_VIEW, &wrong).await;
    assert_eq!(
        (got.status, got.json()["detail"].clone()),
        (StatusCode::BAD_REQUEST, "hookInstance: expected a UUID".into())
    );
    assert_eq!(ask(&app, cds::ORDER_SELECT, &example("1")).await.status, StatusCode::BAD_REQUEST);
    let text = send(
        &app,
        asking(Method::POST, cds::PATIENT_VIEW).set_payload("{}").insert_header(("content-type", "text/plain")),
    )
    .await;
    assert_eq!(text.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = vec![b' '; (1 << 20) + 1];
    let got = send(
        &app,
        asking(Method::POST, cds::PATIENT_VIEW)
            .set_payload(long)
            .insert_header(("content-length", ((1 << 20) + 1).to_string())),
    )
    .await;
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    let got = send(&app, asking(Method::GET, cds::PATIENT_VIEW)).await;
    assert_eq!((got.status, got.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS"));
    let broken = ask(&app, cds::PATIENT_VIEW, &example("9")).await;
    assert!(broken.status.is_server_error() && !broken.text.contains("secret"), "{}", broken.text);
}

#[actix_web::test]
async fn without_keys_only_this_machine_may_ask() {
    let app = plain().await;
    let far =
        asking(Method::POST, cds::PATIENT_VIEW).peer_addr("10.0.0.7:5000".parse().unwrap()).set_json(example("1"));
    assert_eq!(send(&app, far).await.status, StatusCode::UNAUTHORIZED);
    let proxied =
        asking(Method::POST, cds::PATIENT_VIEW).insert_header(("x-forwarded-for", "10.0.0.7")).set_json(example("1"));
    assert_eq!(send(&app, proxied).await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn with_keys_a_question_needs_a_signed_token() {
    let settings = cds::CdsSettings {
        clients: Some(clients()),
        base_url: Some("https://regimen.example".into()),
        ..Default::default()
    };
    let app = app(None, Services { cds: settings, ..Services::default() }).await;
    assert_eq!(ask(&app, cds::PATIENT_VIEW, &example("1")).await.status, StatusCode::UNAUTHORIZED);
    let (message, signature) = GOOD.rsplit_once('.').unwrap();
    let forged = format!("Bearer {message}.{}", signature.chars().rev().collect::<String>());
    let request = asking(Method::POST, cds::PATIENT_VIEW).insert_header(("authorization", forged));
    let got = send(&app, request.set_json(example("1"))).await;
    let why = "no known key signed the token".into();
    assert_eq!((got.status, got.json()["detail"].clone()), (StatusCode::UNAUTHORIZED, why));
    // The clock of a store under test stands at the second at which the token was issued.
    let good = || {
        let bearer = ("authorization", format!("Bearer {GOOD}"));
        send(&app, asking(Method::POST, cds::PATIENT_VIEW).insert_header(bearer).set_json(example("1")))
    };
    assert_eq!(good().await.json()["cards"].as_array().unwrap().len(), 1);
    assert_eq!(good().await.json()["detail"], "the token was used before");
}

#[test]
fn a_token_is_good_once_for_its_address_while_it_lives() {
    let clients = clients();
    assert_eq!(clients.verify(GOOD, AUDIENCE, ISSUED_S + 10), Ok("https://ehr.example".to_owned()));
    assert_eq!(clients.verify(GOOD, AUDIENCE, ISSUED_S + 20), Err("the token was used before"));
    assert!(clients.verify(SEVERAL, AUDIENCE, ISSUED_S).is_ok());
}

#[test]
fn a_token_that_does_not_fit_is_refused() {
    let refused = |token: &str, audience: &str, now_s: i64| clients().verify(token, audience, now_s).unwrap_err();
    assert_eq!(
        refused(GOOD, "https://regimen.example/cds-services/regimen-order-select", ISSUED_S),
        "the token is for another address"
    );
    assert_eq!(refused(GOOD, AUDIENCE, ISSUED_S + 1000), "the token is not alive");
    assert_eq!(refused(GOOD, AUDIENCE, ISSUED_S - 1000), "the token is not alive");
    assert_eq!(refused(LONG, AUDIENCE, ISSUED_S), "the token lives longer than five minutes");
    assert_eq!(refused(OTHER_ISSUER, AUDIENCE, ISSUED_S), "the issuer is not known");
    let (message, signature) = GOOD.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(refused(&forged, AUDIENCE, ISSUED_S), "no known key signed the token");
    // {"alg":"none"} and {"alg":"HS256","kid":"ehr-1"}
    for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImVoci0xIn0"] {
        let payload = message.split_once('.').unwrap().1;
        let why = refused(&format!("{head}.{payload}.{signature}"), AUDIENCE, ISSUED_S);
        assert_ne!(why, "the token is not alive", "{head}");
        assert!(why == "the token is malformed" || why == "the token must be signed with a private key", "{why}");
    }
    for bad in ["", ".", "..", "a.b.c", &"x".repeat(9000)] {
        assert_eq!(refused(bad, AUDIENCE, ISSUED_S), "the token is malformed");
    }
}

#[actix_web::test]
async fn only_configured_origins_may_read_the_answers() {
    let settings = cds::CdsSettings { origins: vec!["https://sandbox.cds-hooks.org".into()], ..Default::default() };
    let app = app(None, Services { cds: settings, ..Services::default() }).await;
    let from = |method: Method, path: &'static str, origin: &'static str| {
        send(&app, asking(method, path).insert_header(("origin", origin)))
    };
    for path in ["/cds-services", cds::PATIENT_VIEW] {
        let known = from(Method::OPTIONS, path, "https://sandbox.cds-hooks.org").await;
        assert_eq!(
            (known.status, known.header("access-control-allow-origin")),
            (StatusCode::NO_CONTENT, "https://sandbox.cds-hooks.org")
        );
        assert!(known.header("access-control-allow-headers").contains("Authorization"));
        let other = from(Method::OPTIONS, path, "https://evil.example").await;
        assert_eq!(other.header("access-control-allow-origin"), "");
    }
    let page = from(Method::GET, "/api/v1/openapi.json", "https://sandbox.cds-hooks.org").await;
    assert_eq!(page.header("access-control-allow-origin"), "");
}

#[actix_web::test]
async fn a_launch_says_from_where_it_came_and_keeps_nothing() {
    let app = app(Some(Role::Clinician), Services::default()).await;
    let got = send(&app, asking(Method::GET, "/launch?iss=https%3A%2F%2Fehr.example%2Ffhir&launch=xyz123secret")).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
    assert!(got.text.contains("https://ehr.example/fhir") && !got.text.contains("xyz123secret"));
    assert!(got.text.contains("href=\"/\""));
    for query in [
        "",
        "iss=https%3A%2F%2Fehr.example",
        "launch=1",
        "iss=javascript%3Aalert(1)&launch=1",
        "iss=http%3A%2F%2Fehr.example&launch=1",
        "iss=https%3A%2F%2Fa%40b&launch=1",
        "iss=https%3A%2F%2Fa%2F%3Cscript%3E&launch=1",
        "iss=https%3A%2F%2Fa&launch=",
    ] {
        let got = send(&app, asking(Method::GET, &format!("/launch?{query}"))).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(!got.text.contains("<script>alert"), "{query}");
    }
}

#[actix_web::test]
async fn a_launch_from_elsewhere_than_configured_is_refused() {
    let settings = cds::CdsSettings { launch_from: vec!["https://ehr.example/fhir".into()], ..Default::default() };
    let app = app(None, Services { cds: settings, ..Services::default() }).await;
    let known = send(&app, asking(Method::GET, "/launch?iss=https%3A%2F%2Fehr.example%2Ffhir%2F&launch=1")).await;
    assert_eq!(known.status, StatusCode::OK);
    assert!(known.text.contains("Sign in and go on"));
    let other = send(&app, asking(Method::GET, "/launch?iss=https%3A%2F%2Fother.example&launch=1")).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
}
