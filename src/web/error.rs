use std::net::SocketAddr;

use actix_web::error::UrlencodedError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use thiserror::Error as ThisError;

use super::app::SourceError;
use super::layout::Page;
use super::routes;
use crate::store::{self, Right};

/// Why the server did not start, or did not answer with the page asked for.
#[derive(Debug, ThisError)]
pub enum Error {
    /// An address that other machines could reach, without a proxy that ends TLS.
    #[error("{bind} is not a loopback address: other machines are served only behind a proxy that ends TLS")]
    NotLoopback {
        /// The address asked for.
        bind: SocketAddr,
    },
    /// An address that other machines could reach, while nobody could sign in.
    #[error("the database has no people, and the address is not a loopback address")]
    NoPeople,
    /// The address could not be opened.
    #[error("could not listen on {bind}")]
    Bind {
        /// The address asked for.
        bind: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped with an error.
    #[error("the server stopped")]
    Run {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No such page.
    #[error("no page at this address")]
    NotFound,
    /// A page that is there, asked for with another method.
    #[error("this address answers {allow} only")]
    Method {
        /// The methods that are answered.
        allow: &'static str,
    },
    /// A `Host` that is not a name of this machine's loopback.
    #[error("the host named in the request is not a loopback name")]
    Host,
    /// The source of reports failed.
    #[error("the source of reports failed")]
    Source {
        /// What the source said.
        #[source]
        source: SourceError,
    },
    /// A page could not be written.
    #[error("a page could not be written")]
    Report(#[from] crate::report::Error),
    /// A page's template could not be filled.
    #[error("a page could not be filled")]
    Page {
        /// What the template said.
        #[source]
        source: askama::Error,
    },
    /// A body that did not arrive in time.
    #[error("the body did not arrive in time")]
    Slow,
    /// A server behind a proxy, asked past it or without TLS.
    #[error("the request did not come through the proxy by https")]
    Direct,
    /// An identity provider that could not be asked or answered against the protocol.
    #[error("the identity provider failed while {doing}")]
    Provider {
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An identity provider that said no, an answer to no question of this browser, or somebody without a role here.
    #[error("the sign-in by the identity provider was not accepted")]
    NotVouched,
    /// A temporary file could not be written.
    #[error("a temporary file could not be written")]
    Scratch {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Model files that are missing or changed since the server started.
    #[error("{n_files} model files are missing or have changed")]
    ModelsChanged {
        /// How many.
        n_files: usize,
    },
    /// A blocking task was cancelled or panicked.
    #[error("the task was cut off")]
    Cut,
    /// The database refused or is gone.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// A role without the right.
    #[error("the role lacks the right {}", right.as_str())]
    Forbidden {
        /// The right that was asked for.
        right: Right,
    },
    /// Estimates of a patient whose case waits for this person's vote.
    #[error("the estimates wait for this person's vote")]
    VoteFirst,
    /// A form that our own page did not send, or of a session that has ended.
    #[error("the form was not sent by a page of this session")]
    Forged,
    /// A page for signed-in people only.
    #[error("nobody is signed in")]
    SignInFirst {
        /// The page to come back to.
        next: String,
    },
    /// A program without a session.
    #[error("nobody is signed in")]
    NoSession,
    /// An initial password that was not yet changed.
    #[error("the initial password must be changed first")]
    MustChange,
    /// A body that is too long.
    #[error("the body is too long")]
    TooLong,
    /// A body of another type.
    #[error("the body is of another type")]
    ContentType,
    /// A body that cannot be read.
    #[error("the body cannot be read")]
    BadForm,
}

#[derive(Template)]
#[template(path = "web/message.html")]
struct MessagePage {
    page: Page,
    kicker: String,
    text: String,
    href: &'static str,
    back: &'static str,
}

impl Error {
    /// Title and text of the page; the text of an internal error holds nothing but the request id.
    fn words(&self, request_id: &str) -> (&'static str, String) {
        match self {
            Self::NotFound => (
                "There is no page here",
                "The address may be mistyped, or the patient is no longer in the list.".to_owned(),
            ),
            Self::Method { allow } => ("This page is not asked for in this way", format!("It answers {allow} requests, and no others.")),
            Self::Host => (
                "Open this page by its loopback name",
                "Use 127.0.0.1, [::1] or localhost in the address bar. Other names are refused, so that no web site can read these pages through your browser.".to_owned(),
            ),
            Self::Forbidden { .. } => (
                "This page is not open to your role",
                "An administrator can change roles. The attempt was recorded.".to_owned(),
            ),
            Self::VoteFirst => (
                "Vote first",
                "The tumour board's case of this patient is in blind-first mode: the report and every estimate are shown once you have voted.".to_owned(),
            ),
            Self::Forged => (
                "The form was not accepted",
                "It was not sent from a page of this session, or the session has ended. Open the page again and repeat what you entered.".to_owned(),
            ),
            Self::Slow => ("The form took too long to arrive", "Try again.".to_owned()),
            Self::Direct => ("Open this page by https", "This server answers only through its proxy, by https.".to_owned()),
            Self::Provider { .. } => (
                "The identity provider did not answer as expected",
                format!("Try again, or sign in with a password. Request id: {request_id}"),
            ),
            Self::NotVouched => (
                "The sign-in was not accepted",
                "The identity provider refused, the sign-in took too long or began in another browser, or you have no role here. An administrator can add you.".to_owned(),
            ),
            Self::ModelsChanged { .. } => (
                "A model file is missing or has changed",
                "Reports are withheld until the model files are again those that this server was started with. They come back by themselves: nothing need be restarted.".to_owned(),
            ),
            Self::NoSession | Self::SignInFirst { .. } => ("Sign in first", "This address answers signed-in people only.".to_owned()),
            Self::MustChange => ("Choose a password first", "The initial password is good for one sign-in.".to_owned()),
            Self::TooLong => ("Too much was sent", "The form is longer than this server takes.".to_owned()),
            Self::ContentType => ("The form has another type", "Expected application/x-www-form-urlencoded.".to_owned()),
            Self::BadForm => ("The form could not be read", "A field is missing or malformed.".to_owned()),
            Self::Store(error) if error.is_unavailable() => (
                "The database does not answer",
                format!("Nothing was recorded. Try again in a moment. Request id: {request_id}"),
            ),
            _ => ("Something went wrong", format!("Request id: {request_id}")),
        }
    }

    /// The response, with `request_id` on the page of an internal error.
    pub(super) fn page(&self, request_id: &str) -> HttpResponse {
        let status = self.status_code();
        let (title, text) = self.words(request_id);
        let (href, back) = match self {
            Self::NoSession | Self::SignInFirst { .. } | Self::Provider { .. } | Self::NotVouched => {
                (routes::SIGN_IN, "Sign in")
            }
            Self::MustChange => (routes::PASSWORD, "Choose a password"),
            _ => (routes::INDEX, "Back to the list of patients"),
        };
        let page = MessagePage {
            page: Page::new(title, None, ""),
            kicker: format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()),
            text,
            href,
            back,
        };
        let body = page.render().unwrap_or_else(|_| format!("{title}\nRequest id: {request_id}\n"));
        let mut response = HttpResponse::build(status);
        match self {
            Self::Method { allow } => {
                response.insert_header((ALLOW, *allow));
            }
            Self::SignInFirst { next } if next == routes::INDEX => {
                response.insert_header((LOCATION, routes::SIGN_IN));
            }
            Self::SignInFirst { next } => {
                response.insert_header((LOCATION, format!("{}?next={}", routes::SIGN_IN, routes::escaped(next))));
            }
            Self::MustChange => {
                response.insert_header((LOCATION, routes::PASSWORD));
            }
            _ => {}
        }
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body)
    }
}

impl Error {
    /// What the form extractor's error means.
    pub(super) fn of_form(error: &actix_web::Error) -> Self {
        match error.as_error::<UrlencodedError>() {
            Some(UrlencodedError::Overflow { .. }) => Self::TooLong,
            Some(UrlencodedError::ContentType | UrlencodedError::Encoding) => Self::ContentType,
            _ => Self::BadForm,
        }
    }

    /// The error with all its sources, for the log.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Forbidden { .. } | Self::Forged | Self::NotVouched | Self::Direct | Self::VoteFirst => {
                StatusCode::FORBIDDEN
            }
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Provider { .. } => StatusCode::BAD_GATEWAY,
            Self::ModelsChanged { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignInFirst { .. } | Self::MustChange => StatusCode::SEE_OTHER,
            Self::NoSession => StatusCode::UNAUTHORIZED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::Store(error) if error.is_unavailable() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.page("not recorded")
    }
}
