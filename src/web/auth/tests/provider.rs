//! Sign-in by a real provider, run by node; `REGIMEN_TEST_OIDC` names the folder `node_modules` that holds oidc-provider.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use actix_web::http::StatusCode;
use openidconnect::reqwest;

use crate::store::{Role, Store};
use crate::web::App;
use crate::web::auth::oidc::{Provider, Settings};
use crate::web::browser::{Browser, Reply, add, site, stores};

const BACK: &str = "http://127.0.0.1:8080/sign-in/provider/back";

/// A running provider, stopped when dropped.
struct Running {
    child: Child,
    issuer: String,
    /// Kept open: the provider warns on it, and dies of a closed one.
    _said: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the provider, or prints why not.
fn provider(test: &str) -> Option<Running> {
    let modules = std::env::var("REGIMEN_TEST_OIDC").unwrap_or_default();
    if !Path::new(&modules).join("oidc-provider").is_dir() {
        println!("skipped: {test}: REGIMEN_TEST_OIDC names no folder with oidc-provider");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc/provider.mjs");
    let started = Command::new("node")
        .arg(script)
        .args([modules.as_str(), BACK])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: {test}: node is not there");
        return None;
    };
    let (mut issuer, mut said) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    said.read_line(&mut issuer).unwrap();
    assert!(issuer.starts_with("http://127.0.0.1:"), "the provider starts");
    Some(Running { child, issuer: issuer.trim().to_owned(), _said: said })
}

fn settings(issuer: &str) -> Settings {
    Settings {
        issuer: issuer.to_owned(),
        client_id: "regimen".to_owned(),
        client_secret: Some("a secret of the test".to_owned()),
        public_url: "http://127.0.0.1:8080".to_owned(),
        role_claim: Some("groups".to_owned()),
        roles: [].into(),
        default_role: None,
    }
}

fn app(store: &Store, settings: Settings) -> App {
    site(store).with_provider(Some(Provider::new(settings).unwrap()))
}

/// Where the page sends the browser to.
fn target(page: &str) -> String {
    let rest = page.split("class=\"button primary\" href=\"").nth(1).expect("the page leads to the provider");
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

/// Follows the provider's own redirects as `account`, up to the address that it sends the browser back to.
async fn at_provider(url: &str, account: Option<&str>) -> String {
    let client = reqwest::ClientBuilder::new().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut cookies: BTreeMap<String, String> =
        account.map(|name| ("account".to_owned(), name.to_owned())).into_iter().collect();
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let mut next = url.to_owned();
    for _ in 0..12 {
        let line = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let reply = client.get(&next).header("cookie", line).send().await.unwrap();
        for set in reply.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = reply.status();
        let Some(to) = reply.headers().get("location").map(|to| to.to_str().unwrap().to_owned()) else {
            panic!("{next}: {status}: {}", reply.text().await.unwrap());
        };
        if let Some(path) = to.strip_prefix("http://127.0.0.1:8080") {
            return path.to_owned();
        }
        next = if to.starts_with('/') { format!("{origin}{to}") } else { to };
    }
    panic!("the provider goes round in circles");
}

/// The first half: our page, then the provider; returns the address that the browser comes back to.
async fn half(browser: &mut Browser, account: Option<&str>, next: &str) -> String {
    browser.get("/sign-in").await;
    let page = browser.post("/sign-in/provider", &[("next", next)]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let url = target(&page.body);
    assert!(url.contains("code_challenge_method=S256") && url.contains("nonce=") && url.contains("state="), "{url}");
    at_provider(&url, account).await
}

async fn whole(app: App, account: &str) -> (Browser, Reply) {
    let mut browser = Browser::new(app);
    let back = half(&mut browser, Some(account), "/patients/P-0123456789AB").await;
    let reply = browser.get(&back).await;
    (browser, reply)
}

#[actix_web::test]
async fn people_of_the_provider_sign_in_with_the_role_that_it_names() {
    let Some(running) = provider("people_of_the_provider") else { return };
    for store in stores("w_oidc").await {
        let app = app(&store, settings(&running.issuer));
        let page = Browser::new(app.clone()).get("/sign-in").await.header("location").to_owned();
        assert_eq!(page, "/setup", "a new database is set up first");
        add(&store, "root", Role::Administrator).await;
        let (mut browser, reply) = whole(app.clone(), "carla-clinician").await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/patients/P-0123456789AB"));
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        let account = store.account_of_login("carla").await.unwrap();
        assert_eq!((account.person.role, account.linked, account.has_password), (Role::Clinician, true, false));
        assert_eq!(account.person.display_name, "carla-clinician Example");
        let (_, again) = whole(app.clone(), "carla-clinician").await;
        assert_eq!(again.status, StatusCode::SEE_OTHER);
        assert_eq!(store.people().await.unwrap().len(), 2, "the same person");
        let (_, refused) = whole(app, "somebody").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "no role, no entry");
        assert_eq!(store.people().await.unwrap().len(), 2);
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, []);
    }
}

#[actix_web::test]
async fn an_answer_counts_once_in_the_browser_that_asked_and_for_its_own_question() {
    let Some(running) = provider("an_answer_counts_once") else { return };
    for store in stores("w_oidc_once").await {
        add(&store, "root", Role::Administrator).await;
        let app = app(&store, settings(&running.issuer));
        let mut browser = Browser::new(app.clone());
        let back = half(&mut browser, Some("carla-clinician"), "/").await;
        let mut lured = Browser::new(app.clone());
        assert_eq!(lured.get(&back).await.status, StatusCode::FORBIDDEN, "another browser");
        let other = half(&mut lured, Some("dora-clinician"), "/").await;
        assert_eq!(lured.get(&back).await.status, StatusCode::FORBIDDEN, "another browser's question");
        let code = |path: &str| path.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let mixed = back.replace(&code(&back), &code(&other));
        assert_eq!(browser.get(&mixed).await.status, StatusCode::BAD_GATEWAY, "a code for another verifier");
        assert_eq!(browser.get(&back).await.status, StatusCode::FORBIDDEN, "the question was used up");
        assert!(browser.session().is_empty());
        assert_eq!(lured.get(&other).await.status, StatusCode::SEE_OTHER);
        assert_eq!(lured.get(&other).await.status, StatusCode::FORBIDDEN, "replayed");
        let mut late = Browser::new(app.clone());
        let back = half(&mut late, Some("carla-clinician"), "/").await;
        store.pass(11 * 60 * 1000);
        assert_eq!(late.get(&back).await.status, StatusCode::FORBIDDEN, "after eleven minutes");
        let mut denied = Browser::new(app);
        let back = half(&mut denied, None, "/").await;
        assert_eq!(denied.get(&back).await.status, StatusCode::FORBIDDEN, "the provider said no");
        for odd in ["", "?state=1", "?code=1&state=", "?error=x"] {
            assert_eq!(
                denied.get(&format!("/sign-in/provider/back{odd}")).await.status,
                StatusCode::FORBIDDEN,
                "{odd}"
            );
        }
    }
}

#[actix_web::test]
async fn an_account_of_the_same_name_is_linked_by_its_owner_only() {
    let Some(running) = provider("an_account_of_the_same_name") else { return };
    for store in stores("w_oidc_link").await {
        let carla = add(&store, "carla", Role::Coordinator).await;
        let app = app(&store, settings(&running.issuer));
        let (_, reply) = whole(app.clone(), "carla-clinician").await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert!(!store.account_of_login("carla").await.unwrap().linked, "a name links nothing");
        let mut browser = Browser::signed_in(app.clone(), "carla").await;
        let page = browser.post("/password/provider", &[]).await;
        let back = at_provider(&target(&page.body), Some("carla2-administrator")).await;
        assert_eq!(browser.get(&back).await.header("location"), "/password");
        assert!(store.account(&carla.id).await.unwrap().linked);
        let (_, reply) = whole(app, "carla2-administrator").await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        let role = store.account(&carla.id).await.unwrap().person.role;
        assert_eq!(role, Role::Administrator, "where a claim names roles, they are the provider's to give");
    }
}

/// Answers every request with a redirect to `to`.
fn redirecting(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut read) = (stream, [0_u8; 4096]);
            let _ = stream.read(&mut read);
            let head =
                format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
        }
    });
    issuer
}

#[actix_web::test]
async fn a_provider_that_is_gone_or_redirects_is_a_clear_page() {
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    inner.set_nonblocking(true).unwrap();
    let inside = format!("http://{}/secret", inner.local_addr().unwrap());
    for store in stores("w_oidc_gone").await {
        add(&store, "root", Role::Administrator).await;
        for issuer in ["http://127.0.0.1:9".to_owned(), redirecting(inside.clone())] {
            let mut browser = Browser::new(app(&store, settings(&issuer)));
            let page = browser.get("/sign-in").await;
            assert!(page.body.contains("Sign in with 127.0.0.1"));
            let reply = browser.post("/sign-in/provider", &[]).await;
            assert_eq!(reply.status, StatusCode::BAD_GATEWAY, "{issuer}");
            assert!(reply.body.contains(reply.header("x-request-id")) && !reply.body.contains(&issuer));
        }
        let mut without = Browser::new(site(&store));
        without.get("/sign-in").await;
        assert_eq!(without.post("/sign-in/provider", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(without.get("/sign-in/provider/back?state=1&code=1").await.status, StatusCode::NOT_FOUND);
    }
    assert!(inner.accept().is_err(), "no redirect was followed");
}
