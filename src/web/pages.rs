use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};

use super::app::{App, IndexPage};
use super::auth::SignedIn;
use super::headers::request_id;
use super::rendered::{self, Form};
use super::{Error, routes};
use crate::report;
use crate::store::{Action, Right};

const HTML: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");

/// The list of patients.
pub(super) async fn index(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let source = app.source();
    let made = blocking(move || {
        let IndexPage { mut entries, meta } = source.index().map_err(|source| Error::Source { source })?;
        for entry in &mut entries {
            entry.href = routes::report_path(&entry.pseudonym);
        }
        Ok(report::index_html(&entries, &meta)?)
    });
    answer(&request, HTML, made.await)
}

/// One report as HTML.
pub(super) async fn report(
    signed_in: SignedIn,
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    shown(&signed_in, &request, &app, &pseudonym, Form::Html).await
}

/// The same report as JSON.
pub(super) async fn report_json(
    signed_in: SignedIn,
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    shown(&signed_in, &request, &app, &pseudonym, Form::Json).await
}

async fn shown(
    signed_in: &SignedIn,
    request: &HttpRequest,
    app: &App,
    pseudonym: &str,
    form: Form,
) -> Result<HttpResponse, Error> {
    signed_in.require(Right::ReadPatients)?;
    let found = rendered::of(app, pseudonym, form).await?;
    app.store().audit(Some(&signed_in.person), Action::ViewedReport, Some(pseudonym), &serde_json::json!({})).await?;
    Ok(found.answer(request))
}

/// Every address that is not a route.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    answer(&request, HTML, Err(Error::NotFound))
}

/// Every route asked for with another method.
pub(super) async fn method_not_allowed(request: HttpRequest) -> HttpResponse {
    answer(&request, HTML, Err(Error::Method))
}

async fn blocking(work: impl FnOnce() -> Result<String, Error> + Send + 'static) -> Result<String, Error> {
    web::block(work).await.map_err(|_| Error::Cut)?
}

fn answer(
    request: &HttpRequest,
    content_type: (actix_web::http::header::HeaderName, &str),
    made: Result<String, Error>,
) -> HttpResponse {
    let id = request_id(request);
    match made {
        Ok(body) => HttpResponse::Ok().insert_header(content_type).body(body),
        Err(error) => {
            let response = error.page(&id);
            if response.status().is_server_error() {
                tracing::error!(request_id = id, cause = error.chain(), "request failed");
            }
            response
        }
    }
}
