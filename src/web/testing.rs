//! What tests of programs' addresses and of operation share: a source of two synthetic patients, and requests to it.

use std::sync::Arc;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::{middleware, test as harness, web};
use serde_json::Value;

pub(super) use super::App;
use super::{IndexPage, ReportSource, Security, Services, SourceError, headers, operations, routes};
use crate::report::fixtures::{normal, out_of_distribution};
use crate::report::{IndexEntry, IndexMeta, ReportView};
use crate::store::{AuditKey, Person, Role, Store};

/// Two synthetic patients, whom a clinical system calls by the numbers 1 and 2; nobody is number 3, and 9 breaks.
struct Two;

/// A pseudonym at which the source fails.
pub(super) const BROKEN: &str = "P-DEADDEADDEAD";

fn views() -> [ReportView; 2] {
    [normal(), out_of_distribution()].map(|from| ReportView::new(&from))
}

impl ReportSource for Two {
    fn index(&self) -> Result<IndexPage, SourceError> {
        Ok(IndexPage {
            entries: views().iter().map(|view| IndexEntry::of(view, "elsewhere.html")).collect(),
            meta: IndexMeta {
                title: "Demonstration cohort".to_owned(),
                synthetic: true,
                regimen_version: "0.1.0".to_owned(),
                models: vec!["pcr-ispy2@0002".to_owned()],
                n_refused: 1,
                refusals: vec!["clinical.csv: age_years".to_owned()],
            },
        })
    }

    fn report(&self, pseudonym: &str) -> Result<Option<ReportView>, SourceError> {
        if pseudonym == BROKEN {
            return Err("could not read /secret/path".into());
        }
        Ok(views().into_iter().find(|view| view.pseudonym == pseudonym))
    }

    fn pseudonym(&self, clinical_id: &str) -> Option<String> {
        match clinical_id {
            "1" => Some(views()[0].pseudonym.clone()),
            "2" => Some(views()[1].pseudonym.clone()),
            "3" => Some("P-000000000003".to_owned()),
            "9" => Some(BROKEN.to_owned()),
            _ => None,
        }
    }
}

/// The pseudonym of the first patient.
pub(super) fn pseudonym() -> String {
    views()[0].pseudonym.clone()
}

/// An application with an empty database in memory, at which everybody is signed in with `role`.
pub(super) async fn app(role: Option<Role>, services: Services) -> App {
    let store = Store::open("sqlite::memory:", AuditKey::fresh().unwrap()).await.unwrap();
    let person = |role| Person { id: "0".into(), login: "demo".into(), display_name: "Demo".into(), role };
    let security =
        Security { demonstration: role.map(|role| (person(role), "token".to_owned())), ..Security::default() };
    App::new(Arc::new(Two), store).with_security(security).with_services(services)
}

/// What a request got.
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: actix_web::http::header::HeaderMap,
    pub(super) text: String,
}

impl Got {
    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header, empty when absent.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Asks the whole application, middleware included.
pub(super) async fn send(app: &App, request: TestRequest) -> Got {
    let service = harness::init_service(
        actix_web::App::new()
            .app_data(web::Data::new(app.clone()))
            .wrap(middleware::from_fn(operations::bounded))
            .wrap(middleware::from_fn(headers::around))
            .wrap(middleware::from_fn(operations::measured))
            .configure(routes::mount),
    )
    .await;
    let request = request.insert_header(("host", "127.0.0.1:8080")).to_request();
    let response: ServiceResponse<BoxBody> = harness::call_service(&service, request).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap();
    Got { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

/// [`send`] of a GET from this machine.
pub(super) async fn get(app: &App, path: &str) -> Got {
    send(app, asking(Method::GET, path)).await
}

/// A request from this machine.
pub(super) fn asking(method: Method, path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(method).peer_addr("127.0.0.1:40000".parse().unwrap())
}

/// The words of the audit log, with their subjects.
pub(super) async fn audited(app: &App) -> Vec<(String, Option<String>)> {
    let lines = app.store().audit_after(0, 1000).await.unwrap();
    lines.into_iter().map(|line| (line.action, line.subject)).collect()
}
