use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::openapi::Report;
use super::{Fault, PATIENTS, Problem};
use crate::report::IndexEntry;
use crate::store::{Action, Right};
use crate::web::pages::may_read;
use crate::web::rendered::{self, Form};
use crate::web::{App, Error, routes};

/// Patients on a page when the request does not say.
const LIMIT: usize = 50;
/// Most patients on a page.
const MAX_LIMIT: usize = 200;

/// Which part of the list.
#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    limit: Option<usize>,
    offset: Option<usize>,
}

/// One page of the list of patients.
#[derive(Debug, Serialize, ToSchema)]
pub struct PatientList {
    /// The patients, in the order of the cohort: never sorted by an estimate.
    items: Vec<PatientEntry>,
    /// Patients in the whole list.
    total: usize,
    /// Place of the first one, from 0.
    offset: usize,
    /// Most that were asked for.
    limit: usize,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// True when any patient of the list is simulated.
    synthetic: bool,
}

/// One patient of the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PatientEntry {
    /// The name under which the patient is shown.
    #[schema(pattern = "^P-[0-9A-F]{12}$", example = "P-0123456789AB")]
    pseudonym: String,
    /// Receptor subtype in words.
    subtype: String,
    /// Visit of the row.
    visit: String,
    /// Verdict of the applicability gate.
    #[schema(value_type = String, example = "applies")]
    verdict: crate::study::Verdict,
    /// The answer in a few words, or that there is none.
    headline: String,
    /// Imaging modalities that are available, in words.
    modalities: Vec<String>,
    /// Where the report is, as JSON.
    report: String,
    /// Where the report is, as a page.
    page: String,
}

impl PatientEntry {
    fn of(entry: IndexEntry) -> Self {
        Self {
            report: format!("{PATIENTS}/{}", entry.pseudonym),
            page: routes::report_path(&entry.pseudonym),
            pseudonym: entry.pseudonym,
            subtype: entry.subtype,
            visit: entry.visit,
            verdict: entry.verdict,
            headline: entry.headline,
            modalities: entry.modalities,
        }
    }
}

/// The list of patients, by pages.
#[utoipa::path(
    get,
    path = "/api/v1/patients",
    tag = "patients",
    params(
        ("limit" = Option<usize>, Query, description = "Most patients to return, 50 unless told", minimum = 1, maximum = 200),
        ("offset" = Option<usize>, Query, description = "Place of the first one, from 0", minimum = 0, maximum = 1000000)
    ),
    responses(
        (status = 200, description = "One page of the list", body = PatientList),
        (status = 400, description = "A parameter breaks its description", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No session and no valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role may not read patients", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer, or a model file has changed", body = Problem, content_type = "application/problem+json")
    ),
    security(("token" = []), ("session" = []))
)]
pub(super) async fn list(
    request: HttpRequest,
    caller: Caller,
    app: web::Data<App>,
    paging: Result<web::Query<Paging>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    caller.require(&request, &app, Right::ReadPatients).await?;
    let wrong = || {
        Problem::new(&request, Fault::BadRequest)
            .because("expected limit from 1 to 200 and offset from 0 to 1000000, each at most once")
    };
    let paging = paging.map_err(|_| wrong())?;
    let (limit, offset) = (paging.limit.unwrap_or(LIMIT), paging.offset.unwrap_or(0));
    if !(1..=MAX_LIMIT).contains(&limit) || offset > 1_000_000 {
        return Err(wrong());
    }
    app.services().whole().map_err(|error| Problem::of(&request, &error))?;
    let source = app.source();
    let found = web::block(move || source.index()).await;
    let page = match found {
        Ok(Ok(page)) => page,
        Ok(Err(source)) => return Err(Problem::of(&request, &Error::Source { source })),
        Err(_) => return Err(Problem::of(&request, &Error::Cut)),
    };
    let total = page.entries.len();
    let items: Vec<PatientEntry> = page.entries.into_iter().skip(offset).take(limit).map(PatientEntry::of).collect();
    let after = offset + items.len();
    let next = (after < total && !items.is_empty()).then(|| format!("{PATIENTS}?limit={limit}&offset={after}"));
    let detail = serde_json::json!({"offset": offset, "n": items.len()});
    caller.audit(&request, &app, Action::ViewedList, None, detail).await?;
    super::json(&request, &PatientList { items, total, offset, limit, next, synthetic: page.meta.synthetic })
}

/// One patient's report: the same numbers and sentences as the page.
#[utoipa::path(
    get,
    path = "/api/v1/patients/{pseudonym}",
    tag = "patients",
    params(("pseudonym" = String, Path, description = "The name under which the patient is shown", pattern = "^P-[0-9A-F]{12}$")),
    responses(
        (status = 200, description = "The report", body = Report, headers(("ETag" = String, description = "Changes with the report; send it back in If-None-Match"))),
        (status = 304, description = "Still the report that If-None-Match names"),
        (status = 401, description = "No session and no valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role may not read patients", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such patient", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer, or a model file has changed", body = Problem, content_type = "application/problem+json")
    ),
    security(("token" = []), ("session" = []))
)]
pub(super) async fn one(
    request: HttpRequest,
    caller: Caller,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require(&request, &app, Right::ReadPatients).await?;
    let pseudonym = pseudonym.into_inner();
    may_read(&app, &caller.person, &pseudonym).await.map_err(|error| Problem::of(&request, &error))?;
    let found = rendered::of(&app, &pseudonym, Form::Json).await;
    let found = found.map_err(|error| Problem::of(&request, &error))?;
    caller.audit(&request, &app, Action::AskedByApi, Some(&pseudonym), found.detail.clone()).await?;
    Ok(found.answer(&request))
}
