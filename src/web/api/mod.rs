//! JSON under `/api/v1` for programs: patients, models, the state of the data, and its own description.
//!
//! Lives here: who asks (a session or a bearer token), the handlers, errors as problem details (RFC 9457) and the OpenAPI
//! 3.1 description. Deliberately absent: anything that writes, and any number that a page does not show.

mod caller;
mod data;
mod models;
mod openapi;
mod patients;
pub(super) mod problem;
#[cfg(test)]
mod tests;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

pub(super) use caller::bearer;
pub use openapi::description;
pub(super) use problem::{Fault, Problem};

/// The list of patients.
pub const PATIENTS: &str = "/api/v1/patients";
/// One report.
pub const PATIENT: &str = "/api/v1/patients/{pseudonym}";
/// The models.
pub const MODELS: &str = "/api/v1/models";
/// One model.
pub const MODEL: &str = "/api/v1/models/{name}";
/// What the server holds and whether it is whole.
pub const DATA: &str = "/api/v1/data";
/// The description of all of it.
pub const DESCRIPTION: &str = "/api/v1/openapi.json";

/// Mounts every address of the programming interface.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(resource(PATIENTS).get(patients::list).head(patients::list))
        .service(resource(PATIENT).get(patients::one).head(patients::one))
        .service(resource(MODELS).get(models::list).head(models::list))
        .service(resource(MODEL).get(models::one).head(models::one))
        .service(resource(DATA).get(data::state).head(data::state))
        .service(resource(DESCRIPTION).get(openapi::serve).head(openapi::serve))
        .service(web::resource(["/api", "/api/{rest:.*}"]).default_service(web::to(nowhere)));
}

/// A resource whose other methods are answered with a problem.
fn resource(path: &str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(other_method))
}

async fn other_method(request: HttpRequest) -> Problem {
    Problem::new(&request, Fault::Method)
}

async fn nowhere(request: HttpRequest) -> Problem {
    Problem::new(&request, Fault::NotFound)
}

/// Whoever asks for an address of the interface without a handler of its own gets JSON.
fn json<T: serde::Serialize>(request: &HttpRequest, body: &T) -> Result<HttpResponse, Problem> {
    let text = serde_json::to_vec(body).map_err(|_| Problem::new(request, Fault::Internal))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}
