use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::question::is_web_address;
use crate::web::auth;
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

/// What a clinical system sends along (SMART App Launch 2, EHR launch).
#[derive(Debug, Deserialize)]
pub(super) struct Launch {
    iss: String,
    launch: String,
}

#[derive(Template)]
#[template(path = "web/launch.html")]
struct LaunchPage {
    page: Page,
    from: String,
    text: &'static str,
    href: &'static str,
}

/// Where a launch arrives: says from where it came and leads on to the reports or to the sign-in page.
///
/// The opaque `launch` value is looked at and dropped: this server asks the clinical system for no access, so it learns
/// nothing about the patient from a launch.
pub(super) async fn launch(
    request: HttpRequest,
    app: web::Data<App>,
    asked: Result<web::Query<Launch>, actix_web::Error>,
) -> Result<HttpResponse, Error> {
    let asked = asked.map_err(|_| Error::BadForm)?;
    let expected = &app.services().given.cds.launch_from;
    let opaque = (1..=2048).contains(&asked.launch.len()) && asked.launch.bytes().all(|byte| byte.is_ascii_graphic());
    let known = if expected.is_empty() {
        asked.iss.starts_with("https://")
            || asked.iss.starts_with("http://127.0.0.1")
            || asked.iss.starts_with("http://localhost")
    } else {
        expected.iter().any(|each| each.trim_end_matches('/') == asked.iss.trim_end_matches('/'))
    };
    if !opaque || !known || !is_web_address(&asked.iss) {
        return Err(Error::BadForm);
    }
    let signed_in = auth::of(&request).await?;
    let page = LaunchPage {
        text: if signed_in.is_some() { "Go on to the patients" } else { "Sign in and go on" },
        page: Page::new("Started from a clinical system", signed_in.as_ref(), ""),
        from: asked.iss.clone(),
        href: routes::INDEX,
    };
    answer::page(StatusCode::OK, &page)
}
