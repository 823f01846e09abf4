use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use super::auth::{Checked, HasCsrf, SignedIn};
use super::layout::Page;
use super::{App, Error, answer, moment, routes};
use crate::store::{self, ApiToken, MAX_TOKEN_DAYS};

/// The own tokens for programs.
pub const TOKENS: &str = "/tokens";

/// Mounts the page.
pub(super) fn mount(config: &mut ServiceConfig) {
    config.service(routes::form(TOKENS).get(list).head(list).post(change));
}

#[derive(Template)]
#[template(path = "web/tokens.html")]
struct TokensPage {
    page: Page,
    path: &'static str,
    tokens: Vec<TokenLine>,
    /// A token that was just made: shown this once.
    made: Option<String>,
    wrong: Option<String>,
    max_days: i64,
}

struct TokenLine {
    id: String,
    label: String,
    created: String,
    expires: String,
    used: String,
}

/// What the forms of the page ask for.
#[derive(Debug, Deserialize)]
struct Change {
    csrf: String,
    /// Token to end; absent when one is to be made.
    end: Option<String>,
    label: Option<String>,
    days: Option<i64>,
}

impl HasCsrf for Change {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

fn line(token: ApiToken) -> TokenLine {
    TokenLine {
        id: token.id,
        label: token.label,
        created: moment::utc(token.created_ms),
        expires: moment::utc(token.expires_ms),
        used: token.used_ms.map_or_else(|| "never".to_owned(), moment::utc),
    }
}

async fn page(
    signed_in: &SignedIn,
    app: &App,
    status: StatusCode,
    made: Option<String>,
    wrong: Option<String>,
) -> Result<HttpResponse, Error> {
    let page = TokensPage {
        page: Page::new("Tokens for programs", Some(signed_in), TOKENS),
        path: TOKENS,
        tokens: app.store().tokens(&signed_in.person).await?.into_iter().map(line).collect(),
        made,
        wrong,
        max_days: MAX_TOKEN_DAYS,
    };
    answer::page(status, &page)
}

async fn list(signed_in: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    page(&signed_in, &app, StatusCode::OK, None, None).await
}

/// Makes or ends a token. A demonstration has no person to whom one could belong.
async fn change(signed_in: SignedIn, app: web::Data<App>, form: Checked<Change>) -> Result<HttpResponse, Error> {
    if signed_in.demonstration {
        let wrong = "A demonstration has no people and gives no tokens.".to_owned();
        return page(&signed_in, &app, StatusCode::BAD_REQUEST, None, Some(wrong)).await;
    }
    let Change { end, label, days, .. } = form.0;
    if let Some(id) = end {
        let ended = app.store().end_token(&signed_in.person, &id).await?;
        let wrong = (!ended).then(|| "There is no such token.".to_owned());
        let status = if ended { StatusCode::OK } else { StatusCode::NOT_FOUND };
        return page(&signed_in, &app, status, None, wrong).await;
    }
    let made = app.store().make_token(&signed_in.person, &label.unwrap_or_default(), days.unwrap_or(0)).await;
    match made {
        Ok(token) => page(&signed_in, &app, StatusCode::OK, Some(token), None).await,
        Err(store::Error::Name { rule }) => {
            page(&signed_in, &app, StatusCode::BAD_REQUEST, None, Some(format!("Not made: {rule}."))).await
        }
        Err(error) => Err(error.into()),
    }
}
