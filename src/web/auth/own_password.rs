use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::forms::{Checked, HasCsrf};
use super::sign_in::entered;
use super::{SignedIn, address};
use crate::store::{self, HashedPassword, Refusal};
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

#[derive(Template)]
#[template(path = "web/password.html")]
struct PasswordPage {
    page: Page,
    login: String,
    must_change: bool,
    error: Option<String>,
    provider: Option<String>,
}

/// The form of the own password.
#[derive(Deserialize)]
pub(super) struct PasswordForm {
    csrf: String,
    current: String,
    password: String,
    again: String,
}

impl HasCsrf for PasswordForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// Said when the second entry differs.
pub(super) const TWICE: &str = "The two new passwords differ.";

/// What a form says about a broken rule; any other error is passed on.
pub(in crate::web) fn rule_words(error: store::Error) -> Result<String, Error> {
    use store::Error as E;
    match error {
        E::Login { .. } | E::Name { .. } | E::Password { .. } => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
            Ok(format!("{first}{}.", letters.as_str()))
        }
        E::Taken => Ok("This login is in use.".to_owned()),
        E::SetupCode => Ok("The set-up code is not valid: it is good once and for a day.".to_owned()),
        E::LastAdministrator => Ok("This would leave no administrator.".to_owned()),
        E::Own => Ok("Your own account can only be changed by another administrator.".to_owned()),
        other => Err(other.into()),
    }
}

/// The page of the own password.
pub(super) async fn show(app: web::Data<App>, who: SignedIn) -> Result<HttpResponse, Error> {
    if who.demonstration {
        return Err(Error::NotFound);
    }
    form(&app, &who, StatusCode::OK, None)
}

fn form(app: &App, who: &SignedIn, status: StatusCode, error: Option<String>) -> Result<HttpResponse, Error> {
    let page = PasswordPage {
        page: Page::new("Password", Some(who), routes::PASSWORD),
        login: who.person.login.clone(),
        must_change: who.must_change,
        error,
        provider: app.provider().map(|provider| provider.label().to_owned()),
    };
    answer::page(status, &page)
}

/// Changes the own password; the current one is asked for and counted like a sign-in.
pub(super) async fn change(
    request: HttpRequest,
    app: web::Data<App>,
    who: SignedIn,
    Checked(sent): Checked<PasswordForm>,
) -> Result<HttpResponse, Error> {
    if who.demonstration {
        return Err(Error::NotFound);
    }
    let refused = |words: String| form(&app, &who, StatusCode::UNPROCESSABLE_ENTITY, Some(words));
    let PasswordForm { current, password, again, .. } = sent;
    if password != again {
        return refused(TWICE.to_owned());
    }
    if password == current {
        return refused("The new password is the current one.".to_owned());
    }
    let address = address::client(&request, app.security());
    let tried = match app.store().begin_sign_in(&who.person.login, address).await? {
        Err(Refusal::Wait { seconds }) => {
            return refused(format!("Too many tries. The next one is looked at in {seconds} seconds."));
        }
        Err(Refusal::Wrong) => return refused("The current password is not right.".to_owned()),
        Ok(tried) => tried,
    };
    let login = who.person.login.clone();
    let (looked, hashed) = web::block(move || (tried.look_at(&current), HashedPassword::new(&password, &login)))
        .await
        .map_err(|_| Error::Cut)?;
    let changed = match hashed {
        Ok(hashed) => app.store().change_password(&who.person, looked, &hashed).await,
        Err(error) => return refused(rule_words(error)?),
    };
    match changed? {
        Ok(token) => entered(&app, token, routes::INDEX),
        Err(_) => refused("The current password is not right.".to_owned()),
    }
}
