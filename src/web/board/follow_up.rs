use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::html;
use super::load::plain;
use super::{case_path, decision_path};
use crate::report::board::percent_number;
use crate::report::board::{FollowUp, Observed, follow_up};
use crate::store::board::{Day, OutcomeKind};
use crate::store::{Action, Right};
use crate::web::auth::SignedIn;
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/follow_up.html")]
struct FollowUpPage {
    page: Page,
    found: FollowUp,
    lines: Vec<Line>,
}

struct Line {
    href: String,
    decision_href: String,
    pseudonym: String,
    plan: String,
    expected: String,
    pcr: String,
    rcb: String,
    recurrence: String,
    death: String,
    due: String,
    overdue: bool,
}

/// Observed against expected over every decided case, and what is still to be looked up.
pub(super) async fn page(who: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    who.require(Right::TakePartInBoard)?;
    let store = app.store();
    let today = Day::of_ms(store.now_ms());
    let mut patients = Vec::new();
    let mut lines = Vec::new();
    for case in store.cases().await.map_err(plain)?.into_iter().filter(|case| case.state.is_decided()) {
        let decisions = store.decisions(&case.id).await.map_err(plain)?;
        let Some(decision) = decisions.last() else { continue };
        let outcomes = store.outcomes(&case.id).await.map_err(plain)?;
        let latest = |kind| outcomes.latest(kind).map(|outcome| outcome.value.clone());
        let pcr = latest(OutcomeKind::Pcr);
        let expected = decision.body.expected.iter().find(|one| one.outcome == "pcr");
        patients.push(Observed {
            probability: expected.map(|one| one.probability),
            occurred: pcr.as_ref().map(|value| value == "yes"),
        });
        let dash = |value: Option<String>| value.unwrap_or_else(|| "\u{2014}".to_owned());
        let due = decision.body.follow_up_on;
        lines.push(Line {
            href: case_path(&case.id),
            decision_href: decision_path(&case.id, decision.version),
            pseudonym: case.pseudonym,
            plan: decision.body.chosen.label.clone(),
            expected: expected
                .map_or_else(|| "\u{2014}".to_owned(), |one| format!("{} %", percent_number(one.probability))),
            overdue: pcr.is_none() && due.is_some_and(|day| day < today),
            pcr: dash(pcr),
            rcb: dash(latest(OutcomeKind::Rcb)),
            recurrence: dash(latest(OutcomeKind::Recurrence)),
            death: dash(latest(OutcomeKind::Death)),
            due: dash(due.map(|day| day.to_string())),
        });
    }
    let subjects: Vec<&str> = lines.iter().map(|line| line.pseudonym.as_str()).collect();
    let detail = json!({ "page": "follow-up", "patients": subjects });
    store.audit(Some(&who.person), Action::ViewedBoard, None, &detail).await?;
    let page =
        FollowUpPage { page: Page::new("Follow-up", Some(&who), routes::BOARD), found: follow_up(&patients), lines };
    html(StatusCode::OK, &page)
}
