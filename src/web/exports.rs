use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use super::app::App;
use super::auth::SignedIn;
use super::pages::shown;
use super::{Error, routes};
use crate::report::{self, Language, ReportView};
use crate::store::Action;

/// One report as a PDF.
pub(super) async fn pdf(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let name = pseudonym.into_inner();
    let print = |view: &ReportView| Ok(report::pdf(view)?);
    let bytes = shown(&app, &who, Action::ExportedReport, "pdf", name.clone(), print).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/pdf"))
        .insert_header((CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\"")))
        .body(bytes))
}

/// One report as a FHIR R4 bundle.
pub(super) async fn fhir(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let print = |view: &ReportView| Ok(report::fhir(view));
    let text = shown(&app, &who, Action::ExportedReport, "fhir", pseudonym.into_inner(), print).await?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/fhir+json")).body(text))
}

/// The page in plain words for the patient.
pub(super) async fn patient_page(
    app: web::Data<App>,
    who: SignedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    let (pseudonym, language) = path.into_inner();
    let language = Language::from_code(&language).ok_or(Error::NotFound)?;
    let print = move |view: &ReportView| Ok(report::patient_html(view, language)?);
    let page = shown(&app, &who, Action::ViewedReport, "patient page", pseudonym, print).await?;
    let page = super::layout::with_navigation(&page, &who, routes::INDEX)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(page))
}
