use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, FORWARDED, HeaderName};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT,
    TextEncoder,
};

use crate::web::{App, Error, api};

/// Upper ends of the bins of time, seconds; 15 and 100 milliseconds are what the server promises.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What the server counts.
pub(in crate::web) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    connections: IntGaugeVec,
    damaged: IntGauge,
    cache_bytes: IntGauge,
    cache_reports: IntGauge,
    memory: IntGauge,
    /// Reports rendered.
    pub(in crate::web) rendered: IntCounter,
    /// Reports answered from memory.
    pub(in crate::web) cache_hits: IntCounter,
    /// Cards given to clinical systems.
    pub(in crate::web) cards: IntCounter,
}

impl Metrics {
    /// Counters at zero, in a registry of their own.
    pub(in crate::web) fn new() -> Self {
        const VALID: &str = "names and labels are constants that Prometheus allows";
        let registry = Registry::new();
        let counter = |name: &str, help: &str| {
            let made = IntCounter::new(name, help).expect(VALID);
            registry.register(Box::new(made.clone())).expect(VALID);
            made
        };
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::new(name, help).expect(VALID);
            registry.register(Box::new(made.clone())).expect(VALID);
            made
        };
        let requests = IntCounterVec::new(
            Opts::new("regimen_http_requests_total", "Requests by method, pattern of the route and status"),
            &["method", "route", "status"],
        )
        .expect(VALID);
        let seconds = HistogramVec::new(
            HistogramOpts::new("regimen_http_request_seconds", "Time from the head of a request to its response")
                .buckets(BUCKETS.to_vec()),
            &["route"],
        )
        .expect(VALID);
        let connections =
            IntGaugeVec::new(Opts::new("regimen_database_connections", "Connections to the database"), &["state"])
                .expect(VALID);
        registry.register(Box::new(requests.clone())).expect(VALID);
        registry.register(Box::new(seconds.clone())).expect(VALID);
        registry.register(Box::new(connections.clone())).expect(VALID);
        Self {
            in_flight: gauge("regimen_http_requests_in_flight", "Requests being answered"),
            damaged: gauge("regimen_model_files_damaged", "Model files missing or changed since the start"),
            cache_bytes: gauge("regimen_report_cache_bytes", "Bytes of rendered reports in memory"),
            cache_reports: gauge("regimen_report_cache_entries", "Rendered reports in memory"),
            memory: gauge("regimen_resident_memory_bytes", "Resident memory of the process, where the system tells"),
            rendered: counter("regimen_reports_rendered_total", "Reports rendered"),
            cache_hits: counter("regimen_report_cache_hits_total", "Reports answered from memory"),
            cards: counter("regimen_cds_cards_total", "Cards given to clinical systems"),
            registry,
            requests,
            seconds,
            connections,
        }
    }
}

/// Counts down when a request is over, also when it was cut off.
struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Around every request: counts it and its time under the pattern of its route.
///
/// # Errors
/// Those of the inner service.
pub(in crate::web) async fn measured(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let app = request.app_data::<web::Data<App>>().cloned();
    let Some(app) = app else { return Ok(next.call(request).await?.map_into_boxed_body()) };
    let metrics = &app.services().metrics;
    metrics.in_flight.inc();
    let in_flight = InFlight(metrics.in_flight.clone());
    let response = next.call(request).await?.map_into_boxed_body();
    let route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    let method = known_method(response.request());
    metrics.requests.with_label_values(&[method, route.as_str(), response.status().as_str()]).inc();
    metrics.seconds.with_label_values(&[route.as_str()]).observe(started.elapsed().as_secs_f64());
    drop(in_flight);
    Ok(response)
}

/// The method if it is a usual one, so that clients cannot make labels.
fn known_method(request: &HttpRequest) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == request.method().as_str()).unwrap_or("OTHER")
}

/// The counts in Prometheus' text format, for this machine or whoever has the token.
pub(super) async fn expose(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Error> {
    let services = app.services();
    if !may_read(&request, services.given.metrics_token.as_deref()) {
        return Err(Error::NotFound);
    }
    let metrics = &services.metrics;
    let as_gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (open, idle) = app.store().connections();
    metrics.connections.with_label_values(&["idle"]).set(as_gauge(idle));
    metrics.connections.with_label_values(&["in-use"]).set(i64::from(open).saturating_sub(as_gauge(idle)));
    metrics.damaged.set(as_gauge(services.damaged().len()));
    let (bytes, reports) = services.rendered.size();
    metrics.cache_bytes.set(as_gauge(bytes));
    metrics.cache_reports.set(as_gauge(reports));
    metrics.memory.set(resident_bytes().unwrap_or(0));
    let text = TextEncoder::new().encode_to_string(&metrics.registry.gather()).map_err(|_| Error::Cut)?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// Whoever knows the token may read; without one, this machine when no proxy stands between.
fn may_read(request: &HttpRequest, token: Option<&str>) -> bool {
    if let Some(token) = token {
        return api::bearer(request).is_ok_and(|given| given.is_some_and(|given| same(given, token)));
    }
    is_this_machine(request) && !request.headers().contains_key(AUTHORIZATION)
}

/// True when the request comes from this machine and no proxy says that it hands on another's.
pub(in crate::web) fn is_this_machine(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let proxied = headers.contains_key(FORWARDED)
        || ["x-forwarded-for", "x-real-ip", "via"]
            .iter()
            .any(|name| headers.contains_key(HeaderName::from_static(name)));
    let here = request.peer_addr().is_some_and(|peer| peer.ip().is_loopback());
    here && !proxied
}

/// Compares two secrets in a time that does not tell where they differ.
fn same(given: &str, token: &str) -> bool {
    let differing = given.bytes().zip(token.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
    !token.is_empty() && given.len() == token.len() && differing == 0
}

/// Resident memory of this process, from `/proc`.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<i64>().ok()?.checked_mul(1024)
}
