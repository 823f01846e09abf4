use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::app::{App, IndexPage};
use super::auth::SignedIn;
use super::rendered::{self, Form};
use super::{Error, routes};
use crate::report::{self, ReportView};
use crate::store::{Action, Right};

const HTML: (HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");

/// The list of patients.
pub(super) async fn index(app: web::Data<App>, who: SignedIn) -> Result<HttpResponse, Error> {
    if !who.person.role.has(Right::ReadPatients) {
        return Ok(super::answer::redirect(routes::first_page(who.person.role)));
    }
    let source = app.source();
    let (count, body) = blocking(move || {
        let IndexPage { mut entries, meta } = source.index().map_err(|source| Error::Source { source })?;
        for entry in &mut entries {
            entry.href = routes::report_path(&entry.pseudonym);
        }
        Ok((entries.len(), report::index_html(&entries, &meta)?))
    })
    .await?;
    app.store().audit(Some(&who.person), Action::ViewedList, None, &json!({ "count": count })).await?;
    Ok(HttpResponse::Ok().insert_header(HTML).body(body))
}

/// One report as HTML, from memory where it was written before.
pub(super) async fn report(
    request: HttpRequest,
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    kept(&request, &app, &who, Action::ViewedReport, &pseudonym, Form::Html).await
}

/// The same report as JSON.
pub(super) async fn report_json(
    request: HttpRequest,
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    kept(&request, &app, &who, Action::ExportedReport, &pseudonym, Form::Json).await
}

/// As [`shown`], for a form that is kept in memory.
async fn kept(
    request: &HttpRequest,
    app: &App,
    who: &SignedIn,
    action: Action,
    pseudonym: &str,
    form: Form,
) -> Result<HttpResponse, Error> {
    who.require(Right::ReadPatients)?;
    let found = rendered::of(app, pseudonym, form).await?;
    app.store().audit(Some(&who.person), action, Some(pseudonym), &found.detail).await?;
    Ok(found.answer(request))
}

/// Every address that is not a route.
pub(super) async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}

/// Makes something of one patient's report, and records what was shown before it is shown: without its entry in the
/// log nothing leaves the server.
///
/// The entry holds the models and the SHA-256 of the report's JSON, from which every number on any page of it can be
/// found again.
///
/// # Errors
/// [`Error::Forbidden`] without [`Right::ReadPatients`], [`Error::NotFound`], and those of source, `print` and store.
#[allow(dead_code)] // For pages that make something else of a report; the report itself is kept in memory.
pub(super) async fn shown<T: Send + 'static>(
    app: &App,
    who: &SignedIn,
    action: Action,
    format: &'static str,
    pseudonym: String,
    print: impl FnOnce(&ReportView) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    who.require(Right::ReadPatients)?;
    if !routes::is_pseudonym(&pseudonym) {
        return Err(Error::NotFound);
    }
    let source = app.source();
    let (made, subject, detail) = blocking(move || {
        let view = source.report(&pseudonym).map_err(|source| Error::Source { source })?.ok_or(Error::NotFound)?;
        let detail = shown_detail(&view, format);
        Ok((print(&view)?, pseudonym, detail))
    })
    .await?;
    app.store().audit(Some(&who.person), action, Some(&subject), &detail).await?;
    Ok(made)
}

/// What the audit log keeps of a report that was shown: its models and the SHA-256 of its JSON.
pub(super) fn shown_detail(view: &ReportView, format: &str) -> serde_json::Value {
    let models: Vec<String> = view.models.iter().map(|model| format!("{} {}", model.name, model.version)).collect();
    let digest = Sha256::digest(report::json(view).as_bytes());
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "format": format, "models": models, "sha256": sha256, "regimen": view.regimen_version })
}

/// Runs `work` on a blocking thread.
///
/// # Errors
/// Those of `work`, and [`Error::Cut`] when the thread is gone.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    web::block(work).await.map_err(|_| Error::Cut)?
}
