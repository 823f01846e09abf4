use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::asked::Asked;
use super::fields::Fields;
use super::load::plain;
use super::{case, case_path, checked_id, html, meeting_path, see};
use crate::store::board::{AgendaLine, Complexity};
use crate::store::{Action, Right};
use crate::web::auth::{Checked, SignedIn};
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/meeting.html")]
struct MeetingPage {
    page: Page,
    notice: Option<String>,
    href: String,
    day: String,
    title: String,
    version: i64,
    runs: bool,
    lines: Vec<Line>,
}

struct Line {
    place: usize,
    case_id: String,
    href: String,
    pseudonym: String,
    question: String,
    complex: bool,
    state: &'static str,
    score: String,
    missing: String,
}

/// The agenda of one meeting.
pub(super) async fn page(who: SignedIn, app: web::Data<App>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    render(&who, &app, &id, &Asked::default()).await
}

/// Moves a case up or down.
pub(super) async fn reorder(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Result<HttpResponse, Error> {
    who.require(Right::RunBoard)?;
    let id = checked_id(&id)?;
    let (version, earlier) = (form.version("version"), form.get("to") == "earlier");
    match app.store().reorder(&who.person, id, version, form.get("case"), earlier).await {
        Ok(()) => see(&meeting_path(id)),
        Err(error) => render(&who, &app, id, &Asked::after(error, form.0)?).await,
    }
}

async fn render(who: &SignedIn, app: &App, id: &str, asked: &Asked) -> Result<HttpResponse, Error> {
    who.require(Right::TakePartInBoard)?;
    let store = app.store();
    let meeting = store.meeting(checked_id(id)?).await.map_err(plain)?;
    let agenda: Vec<AgendaLine> =
        store.agenda_lines().await.map_err(plain)?.into_iter().filter(|line| line.meeting_id == meeting.id).collect();
    let mut lines = Vec::new();
    for (place, line) in (1..).zip(&agenda) {
        let one = store.case(&line.case_id).await.map_err(plain)?;
        let found = case::completeness(app, &one).await?;
        let missing: Vec<&str> = found.missing().map(|standing| standing.item.label.as_str()).collect();
        lines.push(Line {
            place,
            href: case_path(&one.id),
            complex: one.complexity == Complexity::Complex,
            state: one.state.label(),
            score: case::score(&found),
            missing: missing.join(", "),
            case_id: one.id,
            pseudonym: one.pseudonym,
            question: one.question,
        });
    }
    let cases: Vec<&str> = lines.iter().map(|line| line.case_id.as_str()).collect();
    let detail = json!({ "meeting": meeting.id, "cases": cases });
    store.audit(Some(&who.person), Action::ViewedBoard, None, &detail).await?;
    let page = MeetingPage {
        page: Page::new(format!("Meeting of {}", meeting.held_on), Some(who), routes::BOARD),
        notice: asked.notice.clone(),
        href: meeting_path(&meeting.id),
        day: meeting.held_on.to_string(),
        title: meeting.title,
        version: meeting.version,
        runs: who.person.role.has(Right::RunBoard),
        lines,
    };
    html(asked.status(), &page)
}
