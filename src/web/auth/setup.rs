use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::cookie::{self, Kind};
use super::forms::{Anonymous, HasCsrf};
use super::own_password::{TWICE, rule_words};
use super::sign_in::{entered, form_secret};
use crate::store::HashedPassword;
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

#[derive(Template)]
#[template(path = "web/setup.html")]
struct SetupPage {
    page: Page,
    login: String,
    display_name: String,
    error: Option<String>,
}

/// The form of the first administrator.
#[derive(Deserialize)]
pub(super) struct SetupForm {
    csrf: String,
    code: String,
    login: String,
    display_name: String,
    password: String,
    again: String,
}

impl HasCsrf for SetupForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// The set-up page; once there are people there is none.
pub(super) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Error> {
    if app.store().has_people().await? {
        return Err(Error::NotFound);
    }
    form(&request, &app, StatusCode::OK, ("", ""), None)
}

fn form(
    request: &HttpRequest,
    app: &App,
    status: StatusCode,
    (login, display_name): (&str, &str),
    error: Option<String>,
) -> Result<HttpResponse, Error> {
    let secret = form_secret(request, app)?;
    let mut page = Page::new("Set up", None, "");
    page.csrf.clone_from(&secret);
    let page = SetupPage { page, login: login.to_owned(), display_name: display_name.to_owned(), error };
    let mut response = answer::page(status, &page)?;
    cookie::set(&mut response, Kind::Form, &secret, app.security());
    Ok(response)
}

/// Makes the first administrator.
pub(super) async fn enter(
    request: HttpRequest,
    app: web::Data<App>,
    Anonymous(sent): Anonymous<SetupForm>,
) -> Result<HttpResponse, Error> {
    if app.store().has_people().await? {
        return Err(Error::NotFound);
    }
    let SetupForm { code, login, display_name, password, again, .. } = sent;
    let login = login.trim().to_lowercase();
    let refused = |words| form(&request, &app, StatusCode::UNPROCESSABLE_ENTITY, (&login, &display_name), Some(words));
    if password != again {
        return refused(TWICE.to_owned());
    }
    let for_login = login.clone();
    let made = match web::block(move || HashedPassword::new(&password, &for_login)).await.map_err(|_| Error::Cut)? {
        Err(error) => Err(error),
        Ok(hashed) => app.store().set_up(&code, &login, &display_name, &hashed).await,
    };
    match made {
        Ok((_, token)) => entered(&app, token, routes::PEOPLE),
        Err(error) => refused(rule_words(error)?),
    }
}
