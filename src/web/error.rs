use std::net::SocketAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use thiserror::Error as ThisError;

use super::app::SourceError;
use super::routes;
use crate::report::STYLE;

/// Why the server did not start, or did not answer with the page asked for.
#[derive(Debug, ThisError)]
pub enum Error {
    /// An address that other machines could reach.
    #[error(
        "{bind} is not a loopback address: regimen has no sign-in yet and serves this machine only (127.0.0.1 or [::1])"
    )]
    NotLoopback {
        /// The address asked for.
        bind: SocketAddr,
    },
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
    /// A page that is there, asked for with another method than GET or HEAD.
    #[error("this address answers GET and HEAD only")]
    Method,
    /// A page with a form, asked for with another method than GET, HEAD or POST.
    #[error("this address answers GET, HEAD and POST only")]
    FormMethod,
    /// A form that is too long or not a form.
    #[error("the form could not be read")]
    Form,
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
    /// A blocking task was cancelled or panicked.
    #[error("the task was cut off")]
    Cut,
}

#[derive(Template)]
#[template(path = "web/message.html")]
struct MessagePage {
    title: &'static str,
    style: &'static str,
    synthetic: Option<&'static str>,
    running: &'static str,
    kicker: String,
    text: String,
    href: &'static str,
}

impl Error {
    /// Title and text of the page; the text of an internal error holds nothing but the request id.
    fn words(&self, request_id: &str) -> (&'static str, String) {
        match self {
            Self::NotFound => (
                "There is no page here",
                "The address may be mistyped, or the patient is no longer in the list.".to_owned(),
            ),
            Self::Method => ("This page can only be read", "It answers GET and HEAD requests, and no others.".to_owned()),
            Self::FormMethod => ("This page holds a form", "It answers GET, HEAD and POST requests, and no others.".to_owned()),
            Self::Form => (
                "The form could not be read",
                "It was longer than a form of this page can be, or not sent as a form. Nothing was changed.".to_owned(),
            ),
            Self::Host => (
                "Open this page by its loopback name",
                "Use 127.0.0.1, [::1] or localhost in the address bar. Other names are refused, so that no web site can read these pages through your browser.".to_owned(),
            ),
            _ => ("Something went wrong", format!("Request id: {request_id}")),
        }
    }

    /// The response, with `request_id` on the page of an internal error.
    pub(super) fn page(&self, request_id: &str) -> HttpResponse {
        let status = self.status_code();
        let (title, text) = self.words(request_id);
        let page = MessagePage {
            title,
            style: STYLE,
            synthetic: None,
            running: "regimen",
            kicker: format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()),
            text,
            href: routes::INDEX,
        };
        let body = page.render().unwrap_or_else(|_| format!("{title}\nRequest id: {request_id}\n"));
        let mut response = HttpResponse::build(status);
        match self {
            Self::Method => response.insert_header((ALLOW, "GET, HEAD")),
            Self::FormMethod => response.insert_header((ALLOW, "GET, HEAD, POST")),
            _ => &mut response,
        };
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body)
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method | Self::FormMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Form => StatusCode::BAD_REQUEST,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.page("not recorded")
    }
}
