use actix_web::http::{Method, StatusCode};

use crate::store::{Role, Store};
use crate::web::browser::{Browser, PASSWORD, add, demonstration, site, stores};

/// Every address that takes a form, with fields that it takes.
fn forms(person: &str) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    vec![
        ("/sign-out".to_owned(), vec![]),
        ("/password".to_owned(), vec![("current", PASSWORD), ("password", "x"), ("again", "x")]),
        ("/password/provider".to_owned(), vec![]),
        ("/people".to_owned(), vec![("login", "new"), ("display_name", "New"), ("role", "clinician")]),
        (format!("/people/{person}"), vec![("change", "disable")]),
    ]
}

async fn with_people(name: &str) -> Vec<(Store, String)> {
    let mut made = Vec::new();
    for store in stores(name).await {
        add(&store, "root", Role::Administrator).await;
        let id = add(&store, "anna", Role::Clinician).await.id;
        made.push((store, id));
    }
    made
}

#[actix_web::test]
async fn forms_without_a_token_with_a_wrong_one_or_with_somebody_elses_are_refused() {
    for (store, id) in with_people("w_token").await {
        let mut browser = Browser::signed_in(site(&store), "root").await;
        let own = browser.csrf.clone();
        let other = Browser::signed_in(site(&store), "anna").await.csrf;
        for (path, fields) in forms(&id) {
            for token in [None, Some(""), Some("0"), Some(other.as_str()), Some(&own[..63])] {
                let mut all = fields.clone();
                all.extend(token.map(|token| ("csrf", token)));
                let reply = browser.post_as(&path, &all, &[("sec-fetch-site", "same-origin")]).await;
                let expected = if token.is_none() { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
                assert_eq!(reply.status, expected, "{path} {token:?}");
            }
        }
        assert!(!store.account(&id).await.unwrap().disabled);
        assert_eq!(store.people().await.unwrap().len(), 2);
        assert_eq!(browser.get("/people").await.status, StatusCode::OK, "still signed in");
    }
}

#[actix_web::test]
async fn forms_from_other_origins_are_refused_even_with_the_right_token() {
    for (store, id) in with_people("w_origin").await {
        let mut browser = Browser::signed_in(site(&store), "root").await;
        let token = browser.csrf.clone();
        for (path, fields) in forms(&id) {
            let mut all = vec![("csrf", token.as_str())];
            all.extend(fields);
            for headers in [
                &[("origin", "https://evil.example")][..],
                &[("origin", "null")],
                &[("origin", "http://127.0.0.1:8081")],
                &[("origin", "http://localhost:8080")],
                &[("origin", "http://127.0.0.1:8080.evil.example")],
                &[("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "same-site")],
                &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8080")],
                &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
            ] {
                let reply = browser.post_as(&path, &all, headers).await;
                assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
            }
        }
        assert!(!store.account(&id).await.unwrap().disabled);
    }
}

#[actix_web::test]
async fn the_sign_in_form_is_protected_too() {
    for (store, _) in with_people("w_login_form").await {
        let mut browser = Browser::new(site(&store));
        browser.get("/sign-in").await;
        let token = browser.csrf.clone();
        let fields = [("login", "anna"), ("password", PASSWORD), ("csrf", token.as_str())];
        let own = [("origin", "http://127.0.0.1:8080")];
        let mut lured = Browser::new(site(&store));
        assert_eq!(lured.post_as("/sign-in", &fields, &own).await.status, StatusCode::FORBIDDEN, "no cookie");
        lured.get("/sign-in").await;
        assert_eq!(lured.post_as("/sign-in", &fields, &own).await.status, StatusCode::FORBIDDEN, "another browser's");
        let foreign = [("origin", "https://evil.example")];
        assert_eq!(browser.post_as("/sign-in", &fields, &foreign).await.status, StatusCode::FORBIDDEN);
        let hidden = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(browser.post_as("/sign-in", &fields, &hidden).await.status, StatusCode::SEE_OTHER);
    }
}

#[actix_web::test]
async fn oversized_bodies_other_types_and_missing_fields_are_refused() {
    for (store, _) in with_people("w_body").await {
        let mut browser = Browser::signed_in(site(&store), "root").await;
        let token = browser.csrf.clone();
        let long = "x".repeat(70_000);
        let fields = [("csrf", token.as_str()), ("login", &long), ("display_name", "New"), ("role", "clinician")];
        assert_eq!(browser.post_as("/people", &fields, &[]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
            let body = format!("csrf={token}&login=new&display_name=New&role=clinician");
            let reply = browser.send(Method::POST, "/people", &[("content-type", kind)], Some(body)).await;
            assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        }
        let reply = browser.post("/people", &[("login", "new")]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        let reply = browser.post("/people", &[("login", "new"), ("display_name", "N"), ("role", "root")]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        let bytes = format!("csrf={token}&login=%ff%fe&display_name=%00&role=clinician");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let reply = browser.send(Method::POST, "/people", &[form], Some(bytes)).await;
        assert!(reply.status.is_client_error(), "{}", reply.status);
        assert_eq!(store.people().await.unwrap().len(), 2);
    }
}

#[actix_web::test]
async fn a_demonstration_needs_no_sign_in_but_a_token_and_has_no_password() {
    let mut browser = Browser::new(demonstration().await);
    let page = browser.get("/").await;
    assert!(page.status == StatusCode::OK && page.body.contains("Demonstration: signed in without a password"));
    assert!(!page.body.contains("/sign-out"), "there is nothing to sign out of");
    assert_eq!(browser.get("/password").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/people").await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/sign-out", &[]).await.status, StatusCode::FORBIDDEN, "a page of ours never sent a token");
}
