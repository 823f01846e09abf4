//! What keeps the server in sight and within bounds: counts and times, readiness, and limits on bodies.
//!
//! Lives here: `/healthz`, `/readyz`, `/metrics` and the middleware that measures and bounds every request. No path, query or
//! name ever becomes a label. Deliberately absent: anything about a patient.

mod bounds;
mod metrics;
mod ready;
#[cfg(test)]
mod tests;

pub(super) use bounds::bounded;
pub(super) use metrics::{Metrics, is_this_machine, measured};

use actix_web::web::ServiceConfig;

use super::routes;

/// Counts and times for Prometheus.
pub const METRICS: &str = "/metrics";

/// Mounts the addresses of operation.
pub(super) fn mount(config: &mut ServiceConfig) {
    use routes::resource;

    config
        .service(resource(routes::HEALTH).get(ready::alive).head(ready::alive))
        .service(resource(routes::READY).get(ready::ready).head(ready::ready))
        .service(resource(METRICS).get(metrics::expose).head(metrics::expose));
}
