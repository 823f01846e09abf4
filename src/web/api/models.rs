use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::caller::Caller;
use super::{Fault, Problem};
use crate::report::model::kind_in_words;
use crate::store::{Action, Right};
use crate::study::{ListedModel, Models};
use crate::web::{App, Error};

/// The models of the registry.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// Every version of every model, by name and version.
    items: Vec<ModelEntry>,
}

/// One version of a model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelEntry {
    /// Model name.
    name: String,
    /// Version.
    #[schema(example = "0002")]
    version: String,
    /// Kind, as its manifest names it.
    #[schema(example = "response")]
    kind: String,
    /// Kind in words.
    kind_text: String,
    /// True for the version in use.
    promoted: bool,
    /// SHA-256 of the manifest, hex.
    manifest_sha256: String,
}

/// One model with what its versions say about themselves.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelDetail {
    /// Model name.
    name: String,
    /// Versions, oldest first.
    versions: Vec<VersionDetail>,
}

/// One version, from its verified files.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionDetail {
    /// The version.
    #[serde(flatten)]
    entry: ModelEntry,
    /// True when every file has the hash that the manifest names.
    whole: bool,
    /// SHA-256 of every file by name.
    files: BTreeMap<String, String>,
    /// The card, Markdown.
    card: Option<String>,
    /// The stored figures, as `metrics.json` holds them.
    #[schema(value_type = Option<Object>)]
    metrics: Option<Value>,
}

impl ModelEntry {
    fn of(listed: ListedModel) -> Self {
        Self {
            kind_text: kind_in_words(&listed.kind).to_owned(),
            name: listed.name,
            version: listed.version,
            kind: listed.kind,
            promoted: listed.promoted,
            manifest_sha256: listed.manifest_sha256,
        }
    }
}

/// Every version of every model.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    tag = "models",
    responses(
        (status = 200, description = "The models", body = ModelList),
        (status = 401, description = "No session and no valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role may not inspect models", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json")
    ),
    security(("token" = []), ("session" = []))
)]
pub(super) async fn list(request: HttpRequest, caller: Caller, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    caller.require(&request, &app, Right::InspectModels).await?;
    let models = app.services().models();
    let listed = web::block(move || models.list()).await.map_err(|_| Problem::of(&request, &Error::Cut))?;
    caller.audit(&request, &app, Action::ViewedModels, None, serde_json::json!({})).await?;
    super::json(&request, &ModelList { items: listed.into_iter().map(ModelEntry::of).collect() })
}

/// One model with its versions, cards and figures.
#[utoipa::path(
    get,
    path = "/api/v1/models/{name}",
    tag = "models",
    params(("name" = String, Path, description = "Model name", pattern = "^[a-z0-9][a-z0-9-]{0,63}$")),
    responses(
        (status = 200, description = "The model", body = ModelDetail),
        (status = 401, description = "No session and no valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role may not inspect models", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such model", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json")
    ),
    security(("token" = []), ("session" = []))
)]
pub(super) async fn one(
    request: HttpRequest,
    caller: Caller,
    app: web::Data<App>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.require(&request, &app, Right::InspectModels).await?;
    let (models, wanted) = (app.services().models(), name.into_inner());
    let found = web::block(move || detail(&models, wanted)).await.map_err(|_| Problem::of(&request, &Error::Cut))?;
    let found = found.ok_or_else(|| Problem::new(&request, Fault::NotFound))?;
    caller.audit(&request, &app, Action::ViewedModels, None, serde_json::json!({"model": found.name})).await?;
    super::json(&request, &found)
}

/// The versions of a model that the registry lists; nothing else is opened, whatever the name says.
fn detail(models: &Models, name: String) -> Option<ModelDetail> {
    let versions: Vec<VersionDetail> = models
        .list()
        .into_iter()
        .filter(|listed| listed.name == name)
        .map(|listed| {
            let opened = models.open(&format!("{}@{}", listed.name, listed.version)).ok();
            let file = |name: &str| opened.as_ref().and_then(|files| files.files.get(name));
            let manifest = opened.as_ref().and_then(|files| serde_json::from_slice::<Value>(&files.manifest).ok());
            let hashes = manifest.and_then(|manifest| serde_json::from_value(manifest.get("files")?.clone()).ok());
            VersionDetail {
                whole: opened.is_some(),
                files: hashes.unwrap_or_default(),
                card: file("card.md").map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
                metrics: file("metrics.json").and_then(|bytes| serde_json::from_slice(bytes).ok()),
                entry: ModelEntry::of(listed),
            }
        })
        .collect();
    (!versions.is_empty()).then_some(ModelDetail { name, versions })
}
