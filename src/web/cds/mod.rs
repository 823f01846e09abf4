//! CDS Hooks 2.0 for clinical systems, and the launch of SMART on FHIR.
//!
//! Lives here: discovery, the services `regimen-patient-view` and `regimen-order-select`, the check of who asks, the rules for
//! other origins, and `/launch`. A card informs and links to the report; it never suggests an order. Deliberately absent:
//! calls to the clinical system's FHIR server, and its access tokens, which are read past and kept nowhere.

mod card;
mod client;
mod launch;
mod question;
mod schema;
mod settings;
#[cfg(test)]
mod tests;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

pub use client::{Clients, ClientsError};
pub use schema::{OrderSelectQuestion, PatientViewQuestion};
pub use settings::CdsSettings;

use super::api::{Fault, Problem};
use super::headers::request_id;
use super::{App, Error, operations};
use crate::store::Action;
use crate::study::Verdict;
use card::Card;
use question::Hook;

/// Discovery, and the folder of the services.
pub const SERVICES: &str = "/cds-services";
/// The service for the opening of a patient's record.
pub const PATIENT_VIEW: &str = "/cds-services/regimen-patient-view";
/// The service for the selection of orders.
pub const ORDER_SELECT: &str = "/cds-services/regimen-order-select";
/// Where a SMART on FHIR launch arrives.
pub const LAUNCH: &str = "/launch";

/// Mounts the services.
pub(super) fn mount(config: &mut ServiceConfig) {
    let resource = |path: &str| {
        web::resource(path.to_owned())
            .app_data(web::PayloadConfig::new(1 << 20))
            .route(web::method(Method::OPTIONS).to(preflight))
            .default_service(web::to(other_method))
    };
    config
        .service(resource(SERVICES).get(discovery).head(discovery))
        .service(resource(PATIENT_VIEW).post(patient_view))
        .service(resource(ORDER_SELECT).post(order_select))
        .service(web::resource("/cds-services/{rest:.*}").default_service(web::to(nowhere)))
        .service(super::routes::resource(LAUNCH).get(launch::launch).head(launch::launch));
}

/// What the server offers to clinical systems.
#[derive(Debug, Serialize, ToSchema)]
pub struct Discovery {
    /// The services.
    services: Vec<Service>,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Service {
    /// The hook that it answers.
    hook: String,
    /// Title.
    title: String,
    /// What it does.
    description: String,
    /// Last part of its address.
    id: String,
    /// What must hold for it to be of use.
    #[serde(rename = "usageRequirements")]
    usage_requirements: String,
}

/// The answer to a question: cards, or none for a patient who is not known here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    /// At most one card.
    cards: Vec<Card>,
}

/// The services (CDS Hooks 2.0, discovery).
#[utoipa::path(
    get,
    path = "/cds-services",
    tag = "cds-hooks",
    responses((status = 200, description = "The services", body = Discovery)),
    security(())
)]
pub(super) async fn discovery(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let service = |id: &str, hook: Hook, when: &str| {
        Service {
        hook: hook.name().to_owned(),
        title: "regimen: estimate of treatment response".to_owned(),
        description: format!(
            "Shows, when {when}, what regimen estimates for this patient, with its interval and a link to the report. Research use only; suggests no order."
        ),
        id: id.to_owned(),
        usage_requirements: "The patient must be in the cohort that this server holds; others get no card. Needs no prefetch and no access to the FHIR server.".to_owned(),
    }
    };
    let services = vec![
        service("regimen-patient-view", Hook::PatientView, "a patient's record is opened"),
        service("regimen-order-select", Hook::OrderSelect, "orders are selected"),
    ];
    with_cors(&app, &request, HttpResponse::Ok().json(Discovery { services }))
}

/// A card for the patient whose record was opened.
#[utoipa::path(
    post,
    path = "/cds-services/regimen-patient-view",
    tag = "cds-hooks",
    request_body = PatientViewQuestion,
    responses(
        (status = 200, description = "One card, or none", body = Answer),
        (status = 400, description = "The question breaks the specification", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The clinical system is not known", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The question is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The question is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer, or a model file has changed", body = Problem, content_type = "application/problem+json")
    ),
    security((), ("client" = []))
)]
pub(super) async fn patient_view(request: HttpRequest, app: web::Data<App>, body: web::Bytes) -> HttpResponse {
    let answered = answer(&request, &app, &body, Hook::PatientView).await;
    with_cors(&app, &request, written(answered))
}

/// A card for the patient for whom orders are being selected; no order is suggested or judged.
#[utoipa::path(
    post,
    path = "/cds-services/regimen-order-select",
    tag = "cds-hooks",
    request_body = OrderSelectQuestion,
    responses(
        (status = 200, description = "One card, or none", body = Answer),
        (status = 400, description = "The question breaks the specification", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The clinical system is not known", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The question is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The question is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer, or a model file has changed", body = Problem, content_type = "application/problem+json")
    ),
    security((), ("client" = []))
)]
pub(super) async fn order_select(request: HttpRequest, app: web::Data<App>, body: web::Bytes) -> HttpResponse {
    let answered = answer(&request, &app, &body, Hook::OrderSelect).await;
    with_cors(&app, &request, written(answered))
}

fn written(answered: Result<Answer, Problem>) -> HttpResponse {
    match answered {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(problem) => actix_web::ResponseError::error_response(&problem),
    }
}

async fn answer(request: &HttpRequest, app: &App, body: &[u8], hook: Hook) -> Result<Answer, Problem> {
    let client = who_asks(request, app)?;
    let json_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json_type {
        return Err(Problem::new(request, Fault::MediaType).because("expected application/json"));
    }
    let asked = question::read(body, hook)
        .map_err(|rules| Problem::new(request, Fault::BadRequest).because(rules.join("; ")))?;
    app.services().whole().map_err(|error| Problem::of(request, &error))?;
    // A patient who opens the own record is not the reader that the card is written for.
    let Some(pseudonym) = app.source().pseudonym(&asked.patient_id).filter(|_| asked.by_staff) else {
        return Ok(Answer { cards: Vec::new() });
    };
    let (source, wanted) = (app.source(), pseudonym.clone());
    let view = match web::block(move || source.report(&wanted)).await {
        Ok(Ok(view)) => view,
        Ok(Err(source)) => return Err(Problem::of(request, &Error::Source { source })),
        Err(_) => return Err(Problem::of(request, &Error::Cut)),
    };
    let Some(view) = view else { return Ok(Answer { cards: Vec::new() }) };
    let detail = json!({"by": "cds-hooks", "hook": hook.name(), "client": client, "user": asked.staff_id});
    let audited = app.store().audit(None, Action::AskedByApi, Some(&pseudonym), &detail).await;
    audited.map_err(|error| Problem::of(request, &Error::Store(error)))?;
    app.services().metrics.cards.inc();
    if view.applicability.verdict == Verdict::DoesNotApply {
        tracing::info!(request_id = request_id(request), "a card without an estimate");
    }
    Ok(Answer { cards: vec![Card::of(&view, &base(request, app))] })
}

/// The name of the clinical system, or why it is refused.
fn who_asks(request: &HttpRequest, app: &App) -> Result<Option<String>, Problem> {
    let refused = |why: &str| Problem::new(request, Fault::Unauthorized).because(why);
    match &app.services().given.cds.clients {
        None if operations::is_this_machine(request) => Ok(None),
        None => Err(refused("this server answers clinical systems on its own machine only")),
        Some(clients) => {
            let token = super::api::bearer(request).ok().flatten().ok_or_else(|| refused("expected a bearer token"))?;
            let audience = format!("{}{}", base(request, app), request.path());
            clients.verify(token, &audience, app.store().now_ms() / 1000).map(Some).map_err(refused)
        }
    }
}

/// Scheme and authority under which this server is known.
fn base(request: &HttpRequest, app: &App) -> String {
    if let Some(base) = &app.services().given.cds.base_url {
        return base.trim_end_matches('/').to_owned();
    }
    let host = request.headers().get("host").and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("{}://{host}", if app.security().tls { "https" } else { "http" })
}

/// The answer to a browser that asks before it asks.
async fn preflight(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    with_cors(&app, &request, HttpResponse::build(StatusCode::NO_CONTENT).finish())
}

async fn other_method(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let allowed = if request.path() == SERVICES { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
    let mut response = actix_web::ResponseError::error_response(&Problem::new(&request, Fault::Method));
    response
        .headers_mut()
        .insert(actix_web::http::header::ALLOW, actix_web::http::header::HeaderValue::from_static(allowed));
    with_cors(&app, &request, response)
}

async fn nowhere(request: HttpRequest) -> Problem {
    Problem::new(&request, Fault::NotFound)
}

/// The response, readable by pages of the origins that were configured and by no others.
fn with_cors(app: &App, request: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    use actix_web::http::header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue, ORIGIN, VARY,
    };

    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.headers().get(ORIGIN) else { return response };
    let known = origin.to_str().is_ok_and(|origin| app.services().given.cds.origins.iter().any(|each| each == origin));
    if known {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("X-Request-Id"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
