use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use super::auth::{Checked, HasCsrf, SignedIn};
use super::layout::Page;
use super::{App, Error, pages};
use crate::report;
use crate::store::{self, ApiToken, MAX_TOKEN_DAYS};

/// The own tokens for programs.
pub const TOKENS: &str = "/tokens";

/// Mounts the page.
pub(super) fn mount(config: &mut ServiceConfig) {
    config.service(
        web::resource(TOKENS).get(list).head(list).post(change).default_service(web::to(pages::method_not_allowed)),
    );
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
        created: day(token.created_ms),
        expires: day(token.expires_ms),
        used: token.used_ms.map_or_else(|| "never".to_owned(), day),
    }
}

/// The day of a time in UTC, as `2026-11-30`.
///
/// # Source
/// Howard Hinnant, chrono-Compatible Low-Level Date Algorithms: `civil_from_days`.
fn day(at_ms: i64) -> String {
    let days = at_ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
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
    let body = page.render().map_err(|source| report::Error::Template { template: "web/tokens.html", source })?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body))
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

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_those_of_the_calendar() {
        const DAY: i64 = 86_400_000;
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_787, "2026-11-30"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day(days * DAY + 5), text);
        }
    }
}
