use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, rt, web};

use crate::web::headers::request_id;
use crate::web::{Error, api, cds, models};

/// Longest body of a form, bytes.
const FORM_BYTES: usize = 256 << 10;

/// Longest body of a clinical system's question, bytes: draft orders may be many.
const QUESTION_BYTES: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Around every request with a body: reads it whole, within a length and a time, before anybody looks at it.
///
/// Uploads are left alone; their handler writes them to a file under bounds of its own.
///
/// # Errors
/// Those of the inner service.
pub(in crate::web) async fn bounded(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let has_body = request.headers().contains_key(TRANSFER_ENCODING)
        || request.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if has_body && request.path() != models::UPLOAD {
        let limit = if request.path().starts_with(cds::SERVICES) { QUESTION_BYTES } else { FORM_BYTES };
        let body = request.extract::<web::Payload>().await?;
        match rt::time::timeout(BODY_TIME, body.to_bytes_limited(limit)).await {
            Ok(Ok(Ok(bytes))) => request.set_payload(Payload::from(bytes)),
            Ok(Ok(Err(_))) => return Ok(refuse(request, &Error::BadForm)),
            Ok(Err(_)) => return Ok(refuse(request, &Error::TooLong)),
            Err(_) => return Ok(refuse(request, &Error::Slow)),
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Refuses in the language of whoever asked, and ends the connection: the rest of the body is not waited for.
fn refuse(request: ServiceRequest, error: &Error) -> ServiceResponse<BoxBody> {
    let mut response = answer(request.request(), error);
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    request.into_response(response)
}

fn answer(request: &HttpRequest, error: &Error) -> actix_web::HttpResponse {
    use actix_web::ResponseError;

    let for_programs = request.path().starts_with("/api") || request.path().starts_with(cds::SERVICES);
    if for_programs {
        return api::Problem::of(request, error).error_response();
    }
    error.page(&request_id(request))
}
