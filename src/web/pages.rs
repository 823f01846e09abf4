use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{HttpResponse, web};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::app::{App, IndexPage};
use super::auth::SignedIn;
use super::layout::with_navigation;
use super::{Error, board, routes};
use crate::report::{self, Links, ReportView};
use crate::store::{Action, Right};

const HTML: (HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");
const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

/// The list of patients.
pub(super) async fn index(app: web::Data<App>, who: SignedIn) -> Result<HttpResponse, Error> {
    if !who.person.role.has(Right::ReadPatients) {
        return Ok(super::answer::redirect(routes::first_page(who.person.role)));
    }
    let blind = app.store().blind_patients(&who.person).await.map_err(board::failed)?;
    let source = app.source();
    let (count, body) = blocking(move || {
        let IndexPage { mut entries, meta } = source.index().map_err(|source| Error::Source { source })?;
        for entry in &mut entries {
            entry.href = routes::report_path(&entry.pseudonym);
            if blind.contains(&entry.pseudonym) {
                entry.headline = "Vote first: the board's case is in blind-first mode".to_owned();
            }
        }
        Ok((entries.len(), report::index_html(&entries, &meta)?))
    })
    .await?;
    app.store().audit(Some(&who.person), Action::ViewedList, None, &json!({ "count": count })).await?;
    Ok(HttpResponse::Ok().insert_header(HTML).body(with_navigation(&body, &who, routes::INDEX)?))
}

/// One report as HTML.
pub(super) async fn report(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let print = |view: &ReportView| {
        let links =
            Links { index: Some(routes::INDEX.to_owned()), json: Some(routes::report_json_path(&view.pseudonym)) };
        Ok(report::html_linked(view, &links)?)
    };
    let body = shown(&app, &who, Action::ViewedReport, "html", pseudonym.into_inner(), print).await?;
    Ok(HttpResponse::Ok().insert_header(HTML).body(with_navigation(&body, &who, routes::INDEX)?))
}

/// The same report as JSON.
pub(super) async fn report_json(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let print = |view: &ReportView| Ok(report::json(view));
    let body = shown(&app, &who, Action::ExportedReport, "json", pseudonym.into_inner(), print).await?;
    Ok(HttpResponse::Ok().insert_header(JSON).body(body))
}

/// Whether the server is alive.
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().insert_header(JSON).body("{\"status\":\"ok\"}\n")
}

/// Whether the server can answer: the database does.
pub(super) async fn ready(app: web::Data<App>) -> HttpResponse {
    match app.store().ping().await {
        Ok(()) => HttpResponse::Ok().insert_header(JSON).body("{\"status\":\"ready\"}\n"),
        Err(_) => HttpResponse::ServiceUnavailable().insert_header(JSON).body("{\"status\":\"database gone\"}\n"),
    }
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
/// [`Error::Forbidden`] without [`Right::ReadPatients`], [`Error::VoteFirst`] in blind-first mode, [`Error::NotFound`], and those of source, `print` and store.
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
    if app.store().is_blind(&who.person, &pseudonym).await.map_err(board::failed)? {
        return Err(Error::VoteFirst);
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
