use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::Error;
use crate::web::headers::request_id;

/// What was wrong with a request, or with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Fault {
    /// A request that breaks its description.
    BadRequest,
    /// Nobody is signed in, and no token is valid.
    Unauthorized,
    /// The role lacks the right.
    Forbidden,
    /// Nothing is there.
    NotFound,
    /// Another method.
    Method,
    /// A body that came too slowly.
    Timeout,
    /// A body that is too long.
    TooLarge,
    /// A body of another type.
    MediaType,
    /// The database does not answer.
    Unavailable,
    /// A model file is missing or has changed.
    Models,
    /// Anything else.
    Internal,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable | Self::Models => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last part of the type's URN, and the title.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("bad-request", "The request breaks its description"),
            Self::Unauthorized => ("unauthorized", "A session or a valid token is needed"),
            Self::Forbidden => ("forbidden", "The role lacks the right"),
            Self::NotFound => ("not-found", "Nothing is there"),
            Self::Method => ("method", "This address can only be read"),
            Self::Timeout => ("timeout", "The body came too slowly"),
            Self::TooLarge => ("too-large", "The body is too long"),
            Self::MediaType => ("media-type", "The body is of another type"),
            Self::Unavailable => ("unavailable", "The database does not answer"),
            Self::Models => ("models", "A model file is missing or has changed"),
            Self::Internal => ("internal", "Something went wrong"),
        }
    }

    /// What an error of the pages means here.
    fn of(error: &Error) -> Self {
        match error {
            Error::NotFound => Self::NotFound,
            Error::Method { .. } => Self::Method,
            Error::Forbidden { .. } | Error::Forged | Error::MustChange | Error::Direct => Self::Forbidden,
            Error::SignInFirst { .. } | Error::NoSession => Self::Unauthorized,
            Error::TooLong => Self::TooLarge,
            Error::ContentType => Self::MediaType,
            Error::BadForm | Error::Host => Self::BadRequest,
            Error::Slow => Self::Timeout,
            Error::ModelsChanged { .. } => Self::Models,
            Error::Store(error) if error.is_unavailable() => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

/// Problem details of RFC 9457; `instance` holds the id of the request, which the log holds too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// URN of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:regimen:problem:not-found")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What exactly was wrong with the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Id of the request, as in the header `x-request-id`.
    #[schema(example = "urn:regimen:request:0a1b2c3d-000001")]
    instance: String,
}

impl Problem {
    /// The problem `fault` of `request`.
    pub(in crate::web) fn new(request: &HttpRequest, fault: Fault) -> Self {
        let (name, title) = fault.words();
        Self {
            kind: format!("urn:regimen:problem:{name}"),
            title: title.to_owned(),
            status: fault.status().as_u16(),
            detail: None,
            instance: format!("urn:regimen:request:{}", request_id(request)),
        }
    }

    /// The problem with what was wrong in words that hold nothing of the request's secrets.
    #[must_use]
    pub(in crate::web) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What `error` means to a program; the cause of an internal one goes to the log and no further.
    pub(in crate::web) fn of(request: &HttpRequest, error: &Error) -> Self {
        let problem = Self::new(request, Fault::of(error));
        if problem.status >= 500 {
            tracing::error!(request_id = request_id(request), cause = error.chain(), "request failed");
        }
        problem
    }

    fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                response.insert_header((ALLOW, "GET, HEAD"));
            }
            StatusCode::UNAUTHORIZED => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"regimen\""));
            }
            _ => {}
        }
        let body = serde_json::to_vec(self).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response()
    }
}
