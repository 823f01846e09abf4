//! The administrators' view of the audit log.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::SignedIn;
use super::layout::Page;
use super::{App, Error, answer, moment, routes};
use crate::store::audit::{AuditFilter, AuditLine};
use crate::store::{Action, Right};

/// Entries on a page.
const ON_PAGE: i64 = 100;

/// What may be shown of an entry's facts: never clinical content, which some facts hold for the record's sake.
const SHOWN: [&str; 9] = ["role", "right", "by", "models", "sha256", "format", "count", "version", "route"];

#[derive(Template)]
#[template(path = "web/audit.html")]
struct AuditPage {
    page: Page,
    rows: Vec<AuditRow>,
    actions: Vec<ActionChoice>,
    login: String,
    subject: String,
    older: Option<String>,
}

struct AuditRow {
    seq: i64,
    at: String,
    who: String,
    action: String,
    subject: String,
    facts: String,
    hash: String,
}

struct ActionChoice {
    word: &'static str,
    chosen: bool,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    action: String,
    #[serde(default)]
    login: String,
    #[serde(default)]
    subject: String,
    before: Option<i64>,
}

/// The facts that may be shown, as `name value` pairs.
fn facts(detail: &str) -> String {
    let Ok(Value::Object(all)) = serde_json::from_str::<Value>(detail) else { return String::new() };
    let known = SHOWN.iter().filter_map(|name| all.get(*name).map(|value| (*name, value)));
    let text = known.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            format!("{name} {}", items.join(", "))
        }
        other => format!("{name} {other}"),
    });
    text.collect::<Vec<_>>().join(" \u{b7} ")
}

fn row(line: AuditLine) -> AuditRow {
    AuditRow {
        seq: line.seq,
        at: moment::utc(line.at_ms),
        who: line.login.unwrap_or_default(),
        action: line.action.replace('-', " "),
        subject: line.subject.unwrap_or_default(),
        facts: facts(&line.detail),
        hash: line.hash.chars().take(12).collect(),
    }
}

/// The newest entries that match.
pub(super) async fn list(app: web::Data<App>, who: SignedIn, query: web::Query<Query>) -> Result<HttpResponse, Error> {
    who.require(Right::ReadAudit)?;
    let clean = |text: &str| text.trim().replace('\0', "");
    let filter = AuditFilter {
        action: clean(&query.action),
        login: clean(&query.login),
        subject: clean(&query.subject),
        before: query.before,
    };
    let entries = app.store().audit_entries(&filter, ON_PAGE).await?;
    app.store().audit(Some(&who.person), Action::ViewedAudit, None, &json!({ "count": entries.len() })).await?;
    let older = entries.last().filter(|last| entries.len() as i64 == ON_PAGE && last.seq > 1).map(|last| {
        let value = routes::escaped;
        let (action, login, subject) = (value(&filter.action), value(&filter.login), value(&filter.subject));
        format!("{}?action={action}&login={login}&subject={subject}&before={}", routes::AUDIT, last.seq)
    });
    let page = AuditPage {
        page: Page::new("Audit", Some(&who), routes::AUDIT),
        rows: entries.into_iter().map(row).collect(),
        actions: Action::ALL
            .iter()
            .map(|action| ActionChoice { word: action.as_str(), chosen: action.as_str() == filter.action })
            .collect(),
        login: filter.login,
        subject: filter.subject,
        older,
    };
    answer::page(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_that_may_be_clinical_are_not_shown() {
        let detail = json!({ "models": ["a 1", "b 2"], "sha256": "ab", "er_pct": 90, "comment": "HER2 2+" });
        assert_eq!(facts(&detail.to_string()), "models a 1, b 2 \u{b7} sha256 ab");
        assert_eq!(facts("not json"), "");
    }
}
