use actix_web::http::StatusCode;

use crate::report::fixtures::normal;
use crate::store::{Role, Store};
use crate::web::Security;
use crate::web::browser::{Browser, PASSWORD, add, site, stores};

const MINUTE: i64 = 60 * 1000;

async fn with_anna(name: &str) -> Vec<Store> {
    let stores = stores(name).await;
    for store in &stores {
        add(store, "anna", Role::Clinician).await;
    }
    stores
}

#[actix_web::test]
async fn whoever_signs_in_sees_the_list_and_comes_back_to_the_page_asked_for() {
    for store in with_anna("w_sign_in").await {
        let mut browser = Browser::new(site(&store));
        let reply = browser.get("/patients/P-0123456789AB").await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert_eq!(reply.header("location"), "/sign-in?next=/patients/P-0123456789AB");
        let page = browser.get("/sign-in?next=/patients/P-0123456789AB").await;
        assert!(page.body.contains("value=\"/patients/P-0123456789AB\""));
        assert!(!page.body.contains("aria-label=\"Main\""), "no navigation before sign-in");
        let fields = [("login", " Anna "), ("password", PASSWORD), ("next", "/patients/P-0123456789AB")];
        let reply = browser.post("/sign-in", &fields).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert_eq!(reply.header("location"), "/patients/P-0123456789AB");
        for path in
            ["/", "/patients/P-0123456789AB"].map(|path| path.replace("P-0123456789AB", normal().pseudonym.as_str()))
        {
            let page = browser.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            let before_main = page.body.split("<main").next().unwrap().to_owned();
            assert!(
                before_main.contains("aria-label=\"Main\"") && before_main.contains("action=\"/sign-out\""),
                "{path}"
            );
            assert!(!before_main.contains("href=\"/people\""), "{path}");
        }
        assert_eq!(browser.get("/sign-in").await.status, StatusCode::SEE_OTHER, "signed in already");
    }
}

#[actix_web::test]
async fn forged_cookies_open_nothing() {
    for store in with_anna("w_forged").await {
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        let token = browser.session();
        let hash: String = {
            use sha2::{Digest, Sha256};
            Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let flipped = format!("{}{}", if token.starts_with('0') { '1' } else { '0' }, &token[1..]);
        for forged in ["0".repeat(64), flipped, hash, token.to_uppercase(), token[..63].to_owned(), "anna".to_owned()] {
            if forged == token {
                continue;
            }
            browser.cookies.insert("regimen".to_owned(), forged.clone());
            assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER, "{forged}");
        }
        browser.cookies.insert("regimen".to_owned(), token);
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
    }
}

#[actix_web::test]
async fn a_cookie_replayed_after_sign_out_opens_nothing() {
    for store in with_anna("w_replay").await {
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        let old = browser.clone();
        let reply = browser.post("/sign-out", &[]).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
        assert!(browser.cookies.is_empty());
        let mut thief = old;
        assert!(!thief.session().is_empty());
        assert_eq!(thief.get("/").await.status, StatusCode::SEE_OTHER);
        assert_eq!(thief.post("/sign-out", &[]).await.status, StatusCode::SEE_OTHER, "the form is none either");
    }
}

#[actix_web::test]
async fn idle_and_old_sessions_end() {
    for store in with_anna("w_idle").await {
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        store.pass(29 * MINUTE);
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        store.pass(31 * MINUTE);
        assert_eq!(browser.get("/").await.header("location"), "/sign-in");
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        for _ in 0..28 {
            store.pass(25 * MINUTE);
            assert_eq!(browser.get("/").await.status, StatusCode::OK);
        }
        store.pass(25 * MINUTE);
        assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER, "12 hours are over");
    }
}

#[actix_web::test]
async fn a_planted_session_is_not_taken_over() {
    for store in with_anna("w_planted").await {
        let planted = "a".repeat(64);
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        browser.cookies.insert("regimen".to_owned(), planted.clone());
        browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        let first = browser.session();
        assert_ne!(first, planted);
        let mut again = Browser::new(site(&store));
        again.get("/sign-in").await;
        again.cookies.insert("regimen".to_owned(), first.clone());
        again.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        assert_ne!(again.session(), first);
        assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER, "the older session ended");
    }
}

#[actix_web::test]
async fn cookies_are_out_of_reach_of_scripts_and_bound_to_the_host_behind_tls() {
    for store in with_anna("w_cookies").await {
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        let reply = browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        let set = reply.header("set-cookie");
        assert!(set.starts_with("regimen=") && set.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{set}");
        let security = Security { tls: true, allowed_hosts: vec!["r.example".to_owned()], ..Security::default() };
        let mut browser = Browser::new(site(&store).with_security(security)).hosted(Some("r.example"));
        let reply = browser.get("/sign-in").await;
        let set = reply.header("set-cookie");
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "neither this machine nor the proxy: {set}");
        assert!(!reply.header("strict-transport-security").is_empty());
    }
}

#[actix_web::test]
async fn five_failures_lock_out_for_a_while_and_say_how_long() {
    for store in with_anna("w_lock").await {
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        for _ in 0..5 {
            let reply = browser.post("/sign-in", &[("login", "anna"), ("password", "wrong")]).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let reply = browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "30"));
        assert!(browser.session().is_empty());
        store.pass(31_000);
        let reply = browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD)]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
    }
}

#[actix_web::test]
async fn unknown_logins_disabled_people_and_wrong_passwords_get_the_same_answer() {
    for store in with_anna("w_same").await {
        let root = add(&store, "root", Role::Administrator).await;
        let gone = add(&store, "gone", Role::Clinician).await;
        store.set_disabled(Some(&root), &gone.id, true).await.unwrap();
        let mut pages = Vec::new();
        for (login, password) in [("anna", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD)] {
            let mut browser = Browser::new(site(&store));
            browser.get("/sign-in").await;
            let token = browser.csrf.clone();
            let reply = browser.post("/sign-in", &[("login", login), ("password", password)]).await;
            pages.push((reply.status, reply.body.replace(login, "LOGIN").replace(&token, "TOKEN")));
        }
        assert_eq!(pages[0].0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(pages.iter().all(|page| *page == pages[0]));
    }
}

#[actix_web::test]
async fn injected_sql_and_markup_in_a_login_are_only_a_wrong_login() {
    for store in with_anna("w_inject").await {
        for login in ["anna'--", "' OR '1'='1' --", "\"><script>alert(1)</script>", "a\0b", "${7*7}{{7*7}}"] {
            let mut browser = Browser::new(site(&store));
            browser.get("/sign-in").await;
            let reply = browser.post("/sign-in", &[("login", login), ("password", PASSWORD)]).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{login}");
            assert!(!reply.body.contains("<script>"), "{login}");
        }
        assert!(store.has_people().await.unwrap());
    }
}

#[actix_web::test]
async fn nobody_is_sent_to_another_site_after_sign_in() {
    for store in with_anna("w_next").await {
        for next in [
            "//evil.example",
            "https://evil.example/",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "/x\r\nSet-Cookie: a=b",
        ] {
            let mut browser = Browser::new(site(&store));
            browser.get("/sign-in").await;
            let reply = browser.post("/sign-in", &[("login", "anna"), ("password", PASSWORD), ("next", next)]).await;
            assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/"), "{next:?}");
            let escaped: String = next.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(browser.get(&format!("/sign-in?next={escaped}")).await.header("location"), "/", "{next:?}");
        }
    }
}

#[actix_web::test]
async fn a_gone_database_is_a_clear_page_that_shows_no_patient() {
    for store in with_anna("w_gone").await {
        let mut browser = Browser::signed_in(site(&store), "anna").await;
        assert_eq!(browser.get("/readyz").await.status, StatusCode::OK);
        store.close().await;
        let reply = browser.get("/").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            reply.body.contains("The database does not answer") && reply.body.contains(reply.header("x-request-id"))
        );
        assert!(!reply.body.contains("P-0"));
        assert_eq!(browser.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
    }
}
