use actix_web::http::{Method, StatusCode};
use sha2::{Digest, Sha256};

use super::browser::{BROKEN, Browser, Reply, demonstration};
use super::content_security_policy;
use crate::report::ReportView;
use crate::report::fixtures::normal;

async fn ask(method: Method, path: &str, host: Option<&str>) -> Reply {
    Browser::new(demonstration().await).hosted(host).send(method, path, &[], None).await
}

async fn get(path: &str) -> (StatusCode, String) {
    let reply = ask(Method::GET, path, Some("127.0.0.1:8080")).await;
    (reply.status, reply.body)
}

fn pseudonym() -> String {
    normal().pseudonym.to_string()
}

#[actix_web::test]
async fn the_list_links_to_the_servers_own_routes() {
    let (status, body) = get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains(&format!("href=\"/patients/{}\"", pseudonym())));
    assert!(!body.contains("elsewhere.html"));
}

#[actix_web::test]
async fn a_report_is_served_as_html_and_as_json_from_one_view() {
    let (status, page) = get(&format!("/patients/{}", pseudonym())).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("SYNTHETIC") && page.contains(&format!("/patients/{}.json", pseudonym())));
    let (status, text) = get(&format!("/patients/{}.json", pseudonym())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(text, crate::report::json(&ReportView::new(&normal())));
}

#[actix_web::test]
async fn every_response_carries_the_security_headers() {
    let report = format!("/patients/{}", pseudonym());
    let broken = format!("/patients/{BROKEN}");
    for path in ["/", "/healthz", "/nowhere", report.as_str(), broken.as_str()] {
        let response = ask(Method::GET, path, Some("localhost")).await;
        let header = |name: &str| response.header(name);
        assert_eq!(header("content-security-policy"), content_security_policy(), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(!header("x-request-id").is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn the_policy_holds_the_hash_of_the_style_that_pages_carry() {
    for path in ["/", "/nowhere", &format!("/patients/{}", pseudonym())] {
        let (_, page) = get(path).await;
        let styles: Vec<&str> =
            page.split("<style>").skip(1).filter_map(|rest| rest.split("</style>").next()).collect();
        let style = styles.first().copied().unwrap_or_default();
        assert_eq!(styles.len(), 1, "{path}");
        assert_eq!(Sha256::digest(style.as_bytes()), Sha256::digest(crate::report::STYLE.as_bytes()), "{path}");
        assert!(!page.contains(" style=") && !page.contains("<script"), "{path}");
    }
}

#[actix_web::test]
async fn unknown_addresses_are_a_page_with_a_way_back() {
    for path in
        ["/nowhere", "/patients/", "/patients/P-000000000000", "/patients/ispy2:100899", "/patients/%2e%2e%2fetc"]
    {
        let (status, body) = get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.contains("There is no page here") && body.contains("href=\"/\""), "{path}");
        assert!(!body.contains("100899"), "{path}");
    }
}

#[actix_web::test]
async fn an_internal_error_shows_a_request_id_and_nothing_else() {
    let response = ask(Method::GET, &format!("/patients/{BROKEN}"), Some("localhost")).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.header("x-request-id").to_owned();
    let body = response.body;
    assert!(body.contains(&id));
    assert!(!body.contains("secret") && !body.contains(BROKEN));
}

#[actix_web::test]
async fn a_foreign_or_absent_host_is_refused() {
    for host in [Some("evil.example"), Some("evil.example:8080"), Some("192.168.0.7"), None] {
        let response = ask(Method::GET, &format!("/patients/{}", pseudonym()), host).await;
        assert_eq!(response.status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
        assert!(!response.body.contains("pCR"), "{host:?}");
    }
    let response = ask(Method::GET, "http://evil.example/", Some("localhost")).await;
    assert_eq!(response.status, StatusCode::MISDIRECTED_REQUEST);
}

#[actix_web::test]
async fn pages_can_only_be_read() {
    let response = ask(Method::HEAD, "/", Some("localhost")).await;
    assert_eq!(response.status, StatusCode::OK);
    for method in [Method::POST, Method::DELETE, Method::PUT] {
        let response = ask(method.clone(), "/", Some("localhost")).await;
        assert_eq!(response.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.header("allow"), "GET, HEAD");
    }
    let response = ask(Method::GET, "/sign-out", Some("localhost")).await;
    assert_eq!((response.status, response.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}
