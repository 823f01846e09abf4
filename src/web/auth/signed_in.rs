use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::cookie::{self, Kind};
use crate::store::{Person, Right, Session};
use crate::web::{App, Error, routes};

/// The signed-in person; a handler with this argument answers nobody else.
///
/// Without a session a page redirects to the sign-in page and `/api` answers 401.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// The token that every form of this session carries.
    pub csrf: String,
    /// Signed in by `regimen demo`, without a password.
    pub demonstration: bool,
    /// The initial password was not changed yet.
    pub(super) must_change: bool,
}

impl SignedIn {
    /// Passes when this person's role has `right`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] otherwise, a page with status 403; `headers::around` writes it to the audit log.
    pub fn require(&self, right: Right) -> Result<(), Error> {
        if self.person.role.has(right) { Ok(()) } else { Err(Error::Forbidden { right }) }
    }

    /// Passes when `token` is the one of this session.
    ///
    /// # Errors
    /// [`Error::Forged`] otherwise, a page with status 403.
    pub fn check_csrf(&self, token: &str) -> Result<(), Error> {
        if super::forms::equal(token, &self.csrf) { Ok(()) } else { Err(Error::Forged) }
    }
}

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { of(&request).await?.ok_or_else(|| absent(&request)) })
    }
}

/// Whoever is signed in, if anybody.
pub(in crate::web) async fn of(request: &HttpRequest) -> Result<Option<SignedIn>, Error> {
    let app = request.app_data::<web::Data<App>>().ok_or(Error::Cut)?;
    let (store, security) = (app.store(), app.security());
    if let Some((person, csrf)) = &security.demonstration {
        let (person, csrf) = (person.clone(), csrf.clone());
        return Ok(Some(SignedIn { person, csrf, demonstration: true, must_change: false }));
    }
    let Some(token) = cookie::read(request, Kind::Session, security) else { return Ok(None) };
    let Some(session) = store.session(&token).await? else { return Ok(None) };
    if session.must_change && ![routes::PASSWORD, routes::SIGN_OUT].contains(&request.path()) {
        return Err(Error::MustChange);
    }
    let Session { person, csrf, must_change } = session;
    Ok(Some(SignedIn { person, csrf, demonstration: false, must_change }))
}

/// What is said where nobody is signed in.
pub(super) fn absent(request: &HttpRequest) -> Error {
    if request.path().starts_with("/api/") { Error::NoSession } else { Error::SignInFirst { next: next_of(request) } }
}

/// Where to come back to after sign-in: only pages that were asked for by GET.
fn next_of(request: &HttpRequest) -> String {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if request.method().is_safe() && routes::is_own_path(path) { path.to_owned() } else { routes::INDEX.to_owned() }
}
