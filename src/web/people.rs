//! The administrators' pages about people.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::auth::{Checked, HasCsrf, SignedIn, rule_words};
use super::layout::Page;
use super::{App, Error, answer, moment, routes};
use crate::store::{self, Account, HashedPassword, NewPerson, Right, Role};

#[derive(Template)]
#[template(path = "web/people.html")]
struct PeoplePage {
    page: Page,
    rows: Vec<PersonRow>,
    roles: Vec<RoleChoice>,
    login: String,
    display_name: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "web/person.html")]
struct PersonPage {
    page: Page,
    row: PersonRow,
    roles: Vec<RoleChoice>,
    own: bool,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "web/initial_password.html")]
struct InitialPage {
    page: Page,
    display_name: String,
    login: String,
    password: String,
}

struct PersonRow {
    href: String,
    login: String,
    display_name: String,
    role: &'static str,
    added: String,
    signs_in_by: &'static str,
    disabled: bool,
    must_change: bool,
}

struct RoleChoice {
    word: &'static str,
    label: &'static str,
    chosen: bool,
}

impl PersonRow {
    fn new(account: &Account) -> Self {
        Self {
            href: routes::person_path(&account.person.id),
            login: account.person.login.clone(),
            display_name: account.person.display_name.clone(),
            role: account.person.role.label(),
            added: moment::utc(account.created_ms),
            signs_in_by: match (account.has_password, account.linked) {
                (true, true) => "password or provider",
                (true, false) => "password",
                (false, true) => "provider",
                (false, false) => "nothing",
            },
            disabled: account.disabled,
            must_change: account.must_change,
        }
    }
}

fn roles(chosen: Role) -> Vec<RoleChoice> {
    let choice = |role: Role| RoleChoice { word: role.as_str(), label: role.label(), chosen: role == chosen };
    Role::ALL.into_iter().map(choice).collect()
}

/// The form of a new person.
#[derive(Debug, Deserialize)]
pub(super) struct AddForm {
    csrf: String,
    login: String,
    display_name: String,
    role: String,
}

impl HasCsrf for AddForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// One change of a person.
#[derive(Debug, Deserialize)]
pub(super) struct ChangeForm {
    csrf: String,
    change: String,
    #[serde(default)]
    role: String,
}

impl HasCsrf for ChangeForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// Everybody.
pub(super) async fn list(app: web::Data<App>, who: SignedIn) -> Result<HttpResponse, Error> {
    who.require(Right::ManagePeople)?;
    listed(&app, &who, StatusCode::OK, ("", "", Role::Clinician), None).await
}

async fn listed(
    app: &App,
    who: &SignedIn,
    status: StatusCode,
    (login, display_name, role): (&str, &str, Role),
    error: Option<String>,
) -> Result<HttpResponse, Error> {
    let page = PeoplePage {
        page: Page::new("People", Some(who), routes::PEOPLE),
        rows: app.store().people().await?.iter().map(PersonRow::new).collect(),
        roles: roles(role),
        login: login.to_owned(),
        display_name: display_name.to_owned(),
        error,
    };
    answer::page(status, &page)
}

/// Adds a person and shows the initial password, once.
pub(super) async fn add(
    app: web::Data<App>,
    who: SignedIn,
    Checked(sent): Checked<AddForm>,
) -> Result<HttpResponse, Error> {
    who.require(Right::ManagePeople)?;
    let role = Role::parse(&sent.role).ok_or(Error::BadForm)?;
    let login = sent.login.trim().to_lowercase();
    let (password, hashed) = web::block(HashedPassword::initial).await.map_err(|_| Error::Cut)??;
    let new = NewPerson { login: &login, display_name: &sent.display_name, role };
    match app.store().add_person(Some(&who.person), new, &hashed).await {
        Ok(person) => initial(&who, person.display_name, person.login, password),
        Err(error) => {
            let (words, status) = (rule_words(error)?, StatusCode::UNPROCESSABLE_ENTITY);
            listed(&app, &who, status, (&login, &sent.display_name, role), Some(words)).await
        }
    }
}

fn initial(who: &SignedIn, display_name: String, login: String, password: String) -> Result<HttpResponse, Error> {
    let page = Page::new("Initial password", Some(who), routes::PEOPLE);
    answer::page(StatusCode::OK, &InitialPage { page, display_name, login, password })
}

/// One person.
pub(super) async fn show(app: web::Data<App>, who: SignedIn, id: web::Path<String>) -> Result<HttpResponse, Error> {
    who.require(Right::ManagePeople)?;
    let account = found(&app, &id).await?;
    person(&who, &account, StatusCode::OK, None)
}

async fn found(app: &App, id: &str) -> Result<Account, Error> {
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::NotFound);
    }
    match app.store().account(id).await {
        Err(store::Error::NoPerson) => Err(Error::NotFound),
        other => Ok(other?),
    }
}

fn person(who: &SignedIn, account: &Account, status: StatusCode, error: Option<String>) -> Result<HttpResponse, Error> {
    let page = PersonPage {
        page: Page::new(account.person.display_name.clone(), Some(who), routes::PEOPLE),
        row: PersonRow::new(account),
        roles: roles(account.person.role),
        own: account.person.id == who.person.id,
        error,
    };
    answer::page(status, &page)
}

/// Changes one person.
pub(super) async fn change(
    app: web::Data<App>,
    who: SignedIn,
    id: web::Path<String>,
    Checked(sent): Checked<ChangeForm>,
) -> Result<HttpResponse, Error> {
    who.require(Right::ManagePeople)?;
    let account = found(&app, &id).await?;
    let (store, by) = (app.store(), Some(&who.person));
    let changed = match sent.change.as_str() {
        "disable" => store.set_disabled(by, &id, true).await,
        "enable" => store.set_disabled(by, &id, false).await,
        "sign-out" => store.end_sessions(by, &id).await,
        "role" => store.set_role(by, &id, Role::parse(&sent.role).ok_or(Error::BadForm)?).await,
        "reset" => {
            let (password, hashed) = web::block(HashedPassword::initial).await.map_err(|_| Error::Cut)??;
            match store.reset_password(by, &id, &hashed).await {
                Ok(()) => return initial(&who, account.person.display_name, account.person.login, password),
                Err(error) => Err(error),
            }
        }
        _ => return Err(Error::BadForm),
    };
    match changed {
        Ok(()) => Ok(answer::redirect(&routes::person_path(&id))),
        Err(error) => person(&who, &account, StatusCode::UNPROCESSABLE_ENTITY, Some(rule_words(error)?)),
    }
}
