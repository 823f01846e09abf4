use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::{CHECK, DRIFT};
use crate::report::model::{DriftView, ModelView, kind_in_words};
use crate::store::{Action, Right};
use crate::study::{ListedModel, Models};
use crate::web::auth::SignedIn;
use crate::web::layout::Page;
use crate::web::services::Running;
use crate::web::{App, Error, answer, routes};

#[derive(Template)]
#[template(path = "models/list.html")]
struct ListPage {
    page: Page,
    lines: Vec<ListLine>,
    has_drift: bool,
    has_check: bool,
    drift: &'static str,
    check: &'static str,
}

struct ListLine {
    name: String,
    version: String,
    kind: &'static str,
    promoted: bool,
    manifest: String,
    href: String,
}

#[derive(Template)]
#[template(path = "models/version.html")]
struct VersionPage {
    page: Page,
    list: &'static str,
    name: String,
    version: String,
    versions: Vec<ListLine>,
    view: Option<ModelView>,
    drift: Option<DriftView>,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "models/drift.html")]
struct DriftPage<'a> {
    page: Page,
    list: &'static str,
    views: &'a [DriftView],
}

fn line(listed: &ListedModel) -> ListLine {
    ListLine {
        kind: kind_in_words(&listed.kind),
        promoted: listed.promoted,
        manifest: listed.manifest_sha256.chars().take(12).collect(),
        href: format!("{}/{}/{}", routes::MODELS, listed.name, listed.version),
        name: listed.name.clone(),
        version: listed.version.clone(),
    }
}

/// Every version of every model.
pub(super) async fn list(signed_in: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    app.store().audit(Some(&signed_in.person), Action::ViewedModels, None, &json!({"page": "list"})).await?;
    let models = app.services().models();
    let listed = web::block(move || models.list()).await.map_err(|_| Error::Cut)?;
    let page = ListPage {
        page: Page::new("Models", Some(&signed_in), routes::MODELS),
        lines: listed.iter().map(line).collect(),
        has_drift: !app.services().given.drift.is_empty(),
        has_check: app.services().given.check.is_some(),
        drift: DRIFT,
        check: CHECK,
    };
    answer::page(StatusCode::OK, &page)
}

/// Leads to the version in use, else to the last one.
pub(super) async fn model(
    signed_in: SignedIn,
    app: web::Data<App>,
    name: web::Path<String>,
) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    let models = app.services().models();
    let listed = web::block(move || models.list()).await.map_err(|_| Error::Cut)?;
    let mut own = listed.iter().filter(|listed| listed.name == *name);
    let found = own.clone().find(|listed| listed.promoted).or_else(|| own.next_back()).ok_or(Error::NotFound)?;
    Ok(HttpResponse::build(StatusCode::SEE_OTHER).insert_header((LOCATION, line(found).href)).finish())
}

/// One version with its figures, plots and card. A version whose files are not what its manifest says is a page that says so.
pub(super) async fn version(
    signed_in: SignedIn,
    app: web::Data<App>,
    wanted: web::Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    let (name, version) = wanted.into_inner();
    let shared = web::Data::clone(&app);
    let found = web::block(move || open(shared.services(), &shared.services().models(), &name, &version));
    let opened = found.await.map_err(|_| Error::Cut)?.ok_or(Error::NotFound)?;
    let (listed, others, view) = opened;
    let detail = json!({"model": listed.name, "version": listed.version});
    app.store().audit(Some(&signed_in.person), Action::ViewedModels, None, &detail).await?;
    let label = format!("{}@{}", listed.name, listed.version);
    let drift = app.services().given.drift.iter().find(|drift| drift.model == label).cloned();
    let (status, view, problem) = match view {
        Ok(view) => (StatusCode::OK, Some(view), None),
        Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, None, Some(problem)),
    };
    let page = VersionPage {
        page: Page::new(format!("{} {}", listed.name, listed.version), Some(&signed_in), routes::MODELS),
        list: routes::MODELS,
        name: listed.name,
        version: listed.version,
        versions: others.iter().map(line).collect(),
        view,
        drift,
        problem,
    };
    answer::page(status, &page)
}

type Opened = (ListedModel, Vec<ListedModel>, Result<ModelView, String>);

/// The version if the registry lists it; nothing else is opened, whatever the address says.
fn open(services: &Running, models: &Models, name: &str, version: &str) -> Option<Opened> {
    let others: Vec<ListedModel> = models.list().into_iter().filter(|listed| listed.name == name).collect();
    let listed = others.iter().find(|listed| listed.version == version)?.clone();
    let view = match models.open(&format!("{name}@{version}")) {
        Ok(files) => Ok(ModelView::new(&listed, &files, services.evaluation(name, version).as_ref())),
        Err(error) => Err(error.to_string()),
    };
    Some((listed, others, view))
}

/// How the inputs of the cohort differ from those of training, for every model in use.
pub(super) async fn drift(signed_in: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    app.store().audit(Some(&signed_in.person), Action::ViewedModels, None, &json!({"page": "drift"})).await?;
    let page = DriftPage {
        page: Page::new("Drift of inputs", Some(&signed_in), routes::MODELS),
        list: routes::MODELS,
        views: &app.services().given.drift,
    };
    answer::page(StatusCode::OK, &page)
}
