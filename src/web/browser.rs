//! A browser for tests: it keeps cookies, and sends the token of the last page with every form.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::header::{HeaderMap, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::{middleware, test as harness, web};

use super::{App, IndexPage, ReportSource, Security, SourceError, headers, routes};
use crate::report::fixtures::{normal, out_of_distribution};
use crate::report::{IndexEntry, IndexMeta, ReportView};
use crate::store::tests::postgres;
use crate::store::{AuditKey, HashedPassword, NewPerson, Person, Role, Store};

/// The password of everybody in tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A source with two synthetic patients, and one pseudonym at which it fails.
pub(crate) struct Two;

pub(crate) const BROKEN: &str = "P-DEADDEADDEAD";
const SECRET: &str = "could not read /secret/path";

impl ReportSource for Two {
    fn index(&self) -> Result<IndexPage, SourceError> {
        let views = [normal(), out_of_distribution()].map(|from| ReportView::new(&from));
        Ok(IndexPage {
            entries: views.iter().map(|view| IndexEntry::of(view, "elsewhere.html")).collect(),
            meta: IndexMeta {
                title: "Demonstration cohort".to_owned(),
                synthetic: true,
                regimen_version: "0.1.0".to_owned(),
                models: vec!["pcr-ispy2 0001".to_owned()],
                n_refused: 1,
                refusals: vec!["clinical.csv: age_years".to_owned()],
            },
        })
    }

    fn report(&self, pseudonym: &str) -> Result<Option<ReportView>, SourceError> {
        if pseudonym == BROKEN {
            return Err(SECRET.into());
        }
        Ok([normal(), out_of_distribution()]
            .iter()
            .find(|from| from.pseudonym.as_str() == pseudonym)
            .map(ReportView::new))
    }
}

/// An empty store in memory, and one on PostgreSQL where `REGIMEN_TEST_POSTGRES` holds an address.
pub(crate) async fn stores(name: &str) -> Vec<Store> {
    let mut stores = vec![Store::open("sqlite::memory:", AuditKey::fresh().unwrap()).await.unwrap()];
    match postgres(name).await {
        Some(url) => stores.push(Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap()),
        None => println!("skipped: {name} on PostgreSQL: REGIMEN_TEST_POSTGRES is not set"),
    }
    stores
}

/// Adds somebody with the password of tests, which was changed already.
pub(crate) async fn add(store: &Store, login: &str, role: Role) -> Person {
    let hashed = HashedPassword::new(PASSWORD, login).unwrap();
    let person = store.add_person(None, NewPerson { login, display_name: login, role }, &hashed).await.unwrap();
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    let tried = store.begin_sign_in(login, here).await.unwrap().unwrap();
    let token = store.change_password(&person, tried.look_at(PASSWORD), &hashed).await.unwrap().unwrap();
    store.sign_out(&person, &token).await.unwrap();
    person
}

/// The application over a store.
pub(crate) fn site(store: &Store) -> App {
    App::new(Arc::new(Two), store.clone())
}

/// An application where everybody is a coordinator without sign-in.
pub(crate) async fn demonstration() -> App {
    let store = stores_memory().await;
    let person = add(&store, "demonstration", Role::Coordinator).await;
    let demonstration = Some((person, "d".repeat(64)));
    site(&store).with_security(Security { demonstration, ..Security::default() })
}

async fn stores_memory() -> Store {
    Store::open("sqlite::memory:", AuditKey::fresh().unwrap()).await.unwrap()
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// A header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The token in the page's forms.
    pub(crate) fn csrf(&self) -> Option<String> {
        let rest = self.body.split("name=\"csrf\" value=\"").nth(1)?;
        rest.split('"').next().map(ToOwned::to_owned)
    }
}

/// Cookies, and the token of the last page with a form.
#[derive(Clone)]
pub(crate) struct Browser {
    app: App,
    host: Option<String>,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) csrf: String,
}

impl Browser {
    /// A browser without cookies.
    pub(crate) fn new(app: App) -> Self {
        Self { app, host: Some("127.0.0.1:8080".to_owned()), cookies: BTreeMap::new(), csrf: String::new() }
    }

    /// Asks for another host, or for none.
    pub(crate) fn hosted(mut self, host: Option<&str>) -> Self {
        self.host = host.map(ToOwned::to_owned);
        self
    }

    /// A browser in which `login` has signed in.
    pub(crate) async fn signed_in(app: App, login: &str) -> Self {
        let mut browser = Self::new(app);
        browser.get("/sign-in").await;
        let reply = browser.post("/sign-in", &[("login", login), ("password", PASSWORD)]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{login} signs in");
        browser.get("/password").await;
        browser
    }

    /// The session's cookie.
    pub(crate) fn session(&self) -> String {
        self.cookies.get("regimen").cloned().unwrap_or_default()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    /// Sends a form with the token of the last page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.csrf.clone();
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        self.post_as(path, &all, &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]).await
    }

    /// Sends a form as it is, with these headers.
    pub(crate) async fn post_as(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.send(Method::POST, path, &all, Some(pairs.join("&"))).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Reply {
        let service = harness::init_service(
            actix_web::App::new()
                .app_data(web::Data::new(self.app.clone()))
                .wrap(middleware::from_fn(headers::around))
                .configure(routes::mount),
        )
        .await;
        let mut request = harness::TestRequest::with_uri(path).method(method);
        if let Some(host) = &self.host {
            request = request.insert_header(("host", host.as_str()));
        }
        for header in headers {
            request = request.insert_header(*header);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.insert_header(("cookie", pairs.join("; ")));
        }
        if let Some(body) = body {
            request = request.set_payload(body);
        }
        let response = harness::call_service(&service, request.to_request()).await;
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.unwrap();
        let reply = Reply { status, headers, body: String::from_utf8(bytes.to_vec()).unwrap() };
        if let Some(token) = reply.csrf() {
            self.csrf = token;
        }
        reply
    }
}

/// A value of a form, in percent encoding.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
