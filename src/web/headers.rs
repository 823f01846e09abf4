use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{App, Error, auth, guard};
use crate::report::STYLE;
use crate::store::{Action, Right};

/// The id of one request, shown on error pages and in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(pub(super) String);

/// The policy of every response: no script, no external resource, and only the one inline style sheet, by its hash.
#[must_use]
pub fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
}

static POLICY: LazyLock<String> = LazyLock::new(content_security_policy);
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("regimen"));
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The id of `request`.
pub(super) fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// Around every request: gives it an id, refuses foreign hosts, sets the headers and writes one log line that names
/// the pattern of the path, never the path.
///
/// # Errors
/// Those of the inner service that could not be turned into a response.
pub(super) async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = format!("{:08x}-{:06}", *PROCESS as u32, COUNT.fetch_add(1, Ordering::Relaxed));
    request.extensions_mut().insert(RequestId(id.clone()));
    let app = request.app_data::<web::Data<App>>().cloned();
    let open = match &app {
        Some(app) => guard::host(request.request(), &app.security().allowed_hosts)
            .and_then(|()| guard::through_proxy(request.request(), app.security())),
        None => Err(Error::Cut),
    };
    let mut response = match open {
        Ok(()) => with_id(next.call(request).await?.map_into_boxed_body()).await,
        Err(error) => request.into_response(error.page(&id)),
    };
    if app.is_some_and(|app| app.security().tls) {
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(HeaderName::from_static("strict-transport-security"), value);
    }
    let fixed = [
        ("content-security-policy", POLICY.as_str()),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-request-id", id.as_str()),
    ];
    for (name, value) in fixed {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    tracing::info!(
        request_id = id,
        method = %response.request().method(),
        route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned()),
        status = response.status().as_u16(),
        milliseconds = started.elapsed().as_millis() as u64,
        "request"
    );
    Ok(response)
}

/// Puts the request's id on the page of an error that a handler returned and its cause into the log; a refused right goes
/// to the audit log.
async fn with_id(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let id = request_id(response.request());
    let Some(error) = response.response().error().and_then(|error| error.as_error::<Error>()) else { return response };
    let mut page = error.page(&id);
    if page.status().is_server_error() {
        tracing::error!(request_id = id, cause = error.chain(), "request failed");
    }
    if let Error::Forbidden { right } = error
        && let Err(error) = refused(response.request(), *right).await
    {
        page = error.page(&id);
        tracing::error!(request_id = id, cause = error.chain(), "request failed");
    }
    response.into_response(page)
}

/// Records that somebody asked for a page without the right to it.
async fn refused(request: &HttpRequest, right: Right) -> Result<(), Error> {
    let app = request.app_data::<web::Data<App>>().ok_or(Error::Cut)?;
    let Some(who) = auth::of(request).await? else { return Ok(()) };
    let detail = json!({ "right": right.as_str(), "route": request.match_pattern() });
    app.store().audit(Some(&who.person), Action::Refused, None, &detail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_no_script_and_no_unsafe_style() {
        let policy = content_security_policy();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
    }
}
