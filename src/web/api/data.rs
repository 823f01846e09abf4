use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use super::caller::Caller;
use crate::store::{Action, Right};
use crate::web::{App, Error};

/// What the server holds, and whether it is whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataState {
    /// Label of the cohort.
    cohort: String,
    /// True when any patient of it is simulated.
    synthetic: bool,
    /// Patients with a report.
    n_patients: usize,
    /// Rows and files that were refused when the server started.
    n_refused: usize,
    /// Each refusal in one line: file, row and rule, no patient.
    refusals: Vec<String>,
    /// Models that spoke, as `name@version`.
    models: Vec<String>,
    /// Model files that are missing or changed since the server started, each in one line; empty when all are whole.
    damaged: Vec<String>,
    /// Version of the regimen program.
    regimen_version: String,
}

/// Cohort, counts, refusals, and whether the model files are those that were opened.
#[utoipa::path(
    get,
    path = "/api/v1/data",
    tag = "data",
    responses(
        (status = 200, description = "The state of the data", body = DataState),
        (status = 401, description = "No session and no valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role may not inspect models", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json")
    ),
    security(("token" = []), ("session" = []))
)]
pub(super) async fn state(request: HttpRequest, caller: Caller, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    caller.require(&request, &app, Right::InspectModels).await?;
    let source = app.source();
    let page = match web::block(move || source.index()).await {
        Ok(Ok(page)) => page,
        Ok(Err(source)) => return Err(Problem::of(&request, &Error::Source { source })),
        Err(_) => return Err(Problem::of(&request, &Error::Cut)),
    };
    caller.audit(&request, &app, Action::ViewedModels, None, serde_json::json!({"data": true})).await?;
    let damaged = app.services().damaged();
    super::json(
        &request,
        &DataState {
            cohort: page.meta.title,
            synthetic: page.meta.synthetic,
            n_patients: page.entries.len(),
            n_refused: page.meta.n_refused,
            refusals: page.meta.refusals,
            models: page.meta.models,
            damaged: damaged.into_iter().map(|found| format!("{}: {}", found.model, found.problem)).collect(),
            regimen_version: page.meta.regimen_version,
        },
    )
}
