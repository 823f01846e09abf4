use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::cookie::{self, Kind};
use super::forms::{Anonymous, Checked, HasCsrf};
use super::{SignedIn, address, signed_in};
use crate::store::{Refusal, new_secret};
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

#[derive(Template)]
#[template(path = "web/sign_in.html")]
struct SignInPage {
    page: Page,
    next: String,
    login: String,
    error: Option<String>,
    provider: Option<String>,
}

/// Where to go after sign-in.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// The sign-in form.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    csrf: String,
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

impl HasCsrf for SignInForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// A form with nothing but its token.
#[derive(Debug, Deserialize)]
pub(super) struct TokenForm {
    csrf: String,
}

impl HasCsrf for TokenForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// Only pages of this server; anything else is the first page.
pub(super) fn own_next(next: &str) -> &str {
    if routes::is_own_path(next) { next } else { routes::INDEX }
}

/// The secret of the browser's form cookie, and a cookie to set when there was none.
pub(super) fn form_secret(request: &HttpRequest, app: &App) -> Result<String, Error> {
    match cookie::read(request, Kind::Form, app.security()) {
        Some(secret) => Ok(secret),
        None => Ok(new_secret()?),
    }
}

/// The sign-in page; whoever is signed in goes on, and a new database is set up first.
pub(super) async fn show(
    request: HttpRequest,
    app: web::Data<App>,
    query: web::Query<Next>,
) -> Result<HttpResponse, Error> {
    if signed_in::of(&request).await?.is_some() {
        return Ok(answer::redirect(own_next(&query.next)));
    }
    if !app.store().has_people().await? {
        return Ok(answer::redirect(routes::SETUP));
    }
    form(&request, &app, StatusCode::OK, "", own_next(&query.next), None)
}

fn form(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    login: &str,
    next: &str,
    error: Option<String>,
) -> Result<HttpResponse, Error> {
    let secret = form_secret(request, app)?;
    let mut page = Page::new("Sign in", None, "");
    page.csrf.clone_from(&secret);
    let page = SignInPage {
        page,
        next: next.to_owned(),
        login: login.to_owned(),
        error,
        provider: app.provider().map(|provider| provider.label().to_owned()),
    };
    let mut response = answer::page(status, &page)?;
    cookie::set(&mut response, Kind::Form, &secret, app.security());
    Ok(response)
}

/// Looks at login and password.
pub(super) async fn enter(
    request: HttpRequest,
    app: web::Data<App>,
    Anonymous(sent): Anonymous<SignInForm>,
) -> Result<HttpResponse, Error> {
    let address = address::client(&request, app.security());
    let next = own_next(&sent.next);
    let refusal = match app.store().begin_sign_in(&sent.login, address).await? {
        Err(refusal) => refusal,
        Ok(tried) => {
            let password = sent.password;
            let looked = web::block(move || tried.look_at(&password)).await.map_err(|_| Error::Cut)?;
            let before = cookie::read(&request, Kind::Session, app.security());
            match app.store().finish_sign_in(looked, before.as_deref()).await? {
                Ok(token) => return entered(&app, token, next),
                Err(refusal) => refusal,
            }
        }
    };
    match refusal {
        Refusal::Wrong => {
            let error = "Login or password are not right, or the account is disabled.".to_owned();
            form(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, &sent.login, next, Some(error))
        }
        Refusal::Wait { seconds } => {
            let error = format!("Too many tries. The next one is looked at in {seconds} seconds.");
            let mut response = form(&request, &app, StatusCode::TOO_MANY_REQUESTS, &sent.login, next, Some(error))?;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

/// The answer to a sign-in: the session's cookie in place of the form's.
pub(super) fn entered(app: &App, token: String, next: &str) -> Result<HttpResponse, Error> {
    let mut response = answer::redirect(next);
    cookie::set(&mut response, Kind::Session, &token, app.security());
    cookie::remove(&mut response, Kind::Form, app.security());
    cookie::remove(&mut response, Kind::Flow, app.security());
    Ok(response)
}

/// Ends the session.
pub(super) async fn leave(
    request: HttpRequest,
    app: web::Data<App>,
    who: SignedIn,
    _form: Checked<TokenForm>,
) -> Result<HttpResponse, Error> {
    if let Some(token) = cookie::read(&request, Kind::Session, app.security()) {
        app.store().sign_out(&who.person, &token).await?;
    }
    let mut response = answer::redirect(routes::SIGN_IN);
    cookie::remove(&mut response, Kind::Session, app.security());
    Ok(response)
}
