use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::schema::{AnyOfBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};

use super::{data, models, patients, problem};
use crate::web::cds;

/// The report of one patient as the page's own JSON (`regimen.report/1`); the parts are those of the page.
#[derive(Debug)]
pub struct Report;

/// Keys of a report and what they hold; a test compares them with a report.
pub(in crate::web) const REPORT_KEYS: [(&str, Kind); 33] = [
    ("schema", Kind::Text),
    ("synthetic", Kind::Flag),
    ("synthetic_banner", Kind::MaybeText),
    ("research_use", Kind::Text),
    ("pseudonym", Kind::Text),
    ("subtype", Kind::Text),
    ("visit", Kind::Text),
    ("identity", Kind::List),
    ("answer", Kind::Part),
    ("applicability", Kind::Part),
    ("outcome", Kind::Text),
    ("arms_shown", Kind::Flag),
    ("order", Kind::Text),
    ("not_given", Kind::MaybeText),
    ("options", Kind::List),
    ("option_notes", Kind::List),
    ("other_models", Kind::List),
    ("other_models_sentence", Kind::Text),
    ("decision", Kind::MaybePart),
    ("why", Kind::Part),
    ("inputs", Kind::Part),
    ("imaging", Kind::List),
    ("performance", Kind::List),
    ("limits", Kind::Part),
    ("sources", Kind::List),
    ("models", Kind::List),
    ("regimen_version", Kind::Text),
    ("sex", Kind::Text),
    ("hypothetical", Kind::MaybePart),
    ("glance", Kind::Part),
    ("neighbours", Kind::MaybePart),
    ("imaging_sentence", Kind::Text),
    ("performance_sentence", Kind::Text),
];

/// What a key of the report holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    /// A text.
    Text,
    /// A text or null.
    MaybeText,
    /// True or false.
    Flag,
    /// A list.
    List,
    /// An object.
    Part,
    /// An object or null.
    MaybePart,
}

impl Kind {
    fn schema(self) -> Schema {
        let one = |kind: Type| Schema::Object(ObjectBuilder::new().schema_type(kind).build());
        let or_null = |kind: Type| Schema::AnyOf(AnyOfBuilder::new().item(one(kind)).item(one(Type::Null)).build());
        match self {
            Self::Text => one(Type::String),
            Self::MaybeText => or_null(Type::String),
            Self::Flag => one(Type::Boolean),
            Self::List => one(Type::Array),
            Self::Part => one(Type::Object),
            Self::MaybePart => or_null(Type::Object),
        }
    }
}

impl PartialSchema for Report {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new().description(Some(
            "A patient's report, layout regimen.report/1: every number with its value, text and unit, the same as on the page",
        ));
        for (name, kind) in REPORT_KEYS {
            object = object.property(name, kind.schema()).required(name);
        }
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Report {}

struct Access;

impl Modify for Access {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token that a person made on the page /tokens; it may read what that person's role may",
        ));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let client = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The signed token of a clinical system (CDS Hooks 2.0, Trusting CDS Clients)"));
        components.add_security_scheme("client", SecurityScheme::Http(client.build()));
        let cookie = ApiKeyValue::with_description("__Host-regimen", "The session of a signed-in person");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The whole interface.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "regimen",
        version = "1",
        description = "Treatment-response estimates for breast cancer. Research use only: not a medical device. Read-only; every read of a patient is written to the audit log."
    ),
    paths(
        patients::list,
        patients::one,
        models::list,
        models::one,
        data::state,
        serve,
        cds::discovery,
        cds::patient_view,
        cds::order_select
    ),
    components(schemas(Report, problem::Problem)),
    modifiers(&Access),
    tags(
        (name = "patients", description = "Reports; needs the right to read patients"),
        (name = "models", description = "Models and their figures"),
        (name = "data", description = "What the server holds"),
        (name = "description", description = "This document"),
        (name = "cds-hooks", description = "CDS Hooks 2.0")
    )
)]
struct Api;

static TEXT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default());

/// The OpenAPI 3.1 description as JSON.
#[must_use]
pub fn description() -> &'static str {
    &TEXT
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "description",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")),
    security(())
)]
pub(super) async fn serve(_: HttpRequest) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(description())
}
