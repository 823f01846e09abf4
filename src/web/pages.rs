use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};

use super::app::{App, IndexPage};
use super::headers::request_id;
use super::{Error, routes};
use crate::report::{self, Links, ReportView};

pub(super) const HTML: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");
pub(super) const JSON: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "application/json");

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
pub(super) async fn report(request: HttpRequest, app: web::Data<App>, pseudonym: web::Path<String>) -> HttpResponse {
    let made = view(&app, pseudonym.into_inner(), |view| {
        let links = Links {
            index: Some(routes::INDEX.to_owned()),
            json: Some(routes::report_json_path(&view.pseudonym)),
            what_if: Some(routes::what_if_path(&view.pseudonym)),
        };
        Ok(report::html_linked(view, &links)?)
    });
    answer(&request, HTML, made.await)
}

/// The same report as JSON.
pub(super) async fn report_json(
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
) -> HttpResponse {
    let made = view(&app, pseudonym.into_inner(), |view| Ok(report::json(view)));
    answer(&request, JSON, made.await)
}

/// Whether the server is alive.
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().insert_header(JSON).body("{\"status\":\"ok\"}\n")
}

/// Every address that is not a route.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    answer(&request, HTML, Err(Error::NotFound))
}

/// Every route asked for with another method.
pub(super) async fn method_not_allowed(request: HttpRequest) -> HttpResponse {
    answer(&request, HTML, Err(Error::Method))
}

/// Every page with a form asked for with another method.
pub(super) async fn form_method_not_allowed(request: HttpRequest) -> HttpResponse {
    answer(&request, HTML, Err(Error::FormMethod))
}

async fn view(
    app: &App,
    pseudonym: String,
    print: impl FnOnce(&ReportView) -> Result<String, Error> + Send + 'static,
) -> Result<String, Error> {
    if !routes::is_pseudonym(&pseudonym) {
        return Err(Error::NotFound);
    }
    let source = app.source();
    blocking(move || {
        let view = source.report(&pseudonym).map_err(|source| Error::Source { source })?.ok_or(Error::NotFound)?;
        print(&view)
    })
    .await
}

/// Runs `work` on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    web::block(work).await.map_err(|_| Error::Cut)?
}

/// The response for what was made, or the page of its error.
pub(super) fn answer(
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
                tracing::error!(request_id = id, cause = chain(&error), "request failed");
            }
            response
        }
    }
}

/// An error with all its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
