use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::asked::Asked;
use super::fields::Fields;
use super::load::{plain, report};
use super::{FOLLOW_UP, case, case_path, html, meeting_path, see};
use crate::store::board::{Case, CaseState, Complexity, Day, Meeting, NewCase};
use crate::store::{Action, Right};
use crate::web::auth::{Checked, SignedIn};
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/queue.html")]
struct QueuePage {
    page: Page,
    notice: Option<String>,
    runs: bool,
    lanes: Vec<Lane>,
    meetings: Vec<MeetingCard>,
    past: Vec<MeetingCard>,
    patients: Vec<(String, String, bool)>,
    follow_up_href: &'static str,
    question: String,
    complex: bool,
    blind: bool,
    held_on: String,
    held_on_error: String,
    meeting_title: String,
}

struct Lane {
    label: &'static str,
    count: usize,
    cards: Vec<Card>,
}

struct Card {
    href: String,
    pseudonym: String,
    question: String,
    complex: bool,
    blind: bool,
    score: String,
    n_required: usize,
    n_answered: usize,
    missing: String,
    conflicts: bool,
    decided: bool,
}

struct MeetingCard {
    href: String,
    day: String,
    title: String,
    count: String,
}

/// The queue in lanes and the meetings.
pub(super) async fn page(who: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    render(&who, &app, &Asked::default()).await
}

/// Opens a case of a patient that the list knows.
pub(super) async fn open(who: SignedIn, app: web::Data<App>, form: Checked<Fields>) -> Result<HttpResponse, Error> {
    who.require(Right::RunBoard)?;
    let pseudonym = form.get("pseudonym").to_owned();
    if report(&app, &pseudonym).await.is_none() {
        let asked = Asked::refused("Choose a patient of the list; a case was not opened.", form.0);
        return render(&who, &app, &asked).await;
    }
    let new = NewCase {
        pseudonym,
        complexity: Complexity::parse(form.get("complexity")).unwrap_or(Complexity::Complex),
        blind: form.get("blind") == "1",
        question: form.get("question").to_owned(),
    };
    match app.store().open_case(&who.person, &new).await {
        Ok(id) => see(&case_path(&id)),
        Err(error) => render(&who, &app, &Asked::after(error, form.0)?).await,
    }
}

/// Makes a meeting.
pub(super) async fn add_meeting(
    who: SignedIn,
    app: web::Data<App>,
    form: Checked<Fields>,
) -> Result<HttpResponse, Error> {
    who.require(Right::RunBoard)?;
    let Some(day) = Day::parse(form.get("held_on").trim()) else {
        let mut asked = Asked::refused("The meeting was not made.", form.0);
        asked.errors.push(("held_on".to_owned(), "A day as YYYY-MM-DD.".to_owned()));
        return render(&who, &app, &asked).await;
    };
    match app.store().add_meeting(&who.person, day, form.get("title")).await {
        Ok(id) => see(&meeting_path(&id)),
        Err(error) => render(&who, &app, &Asked::after(error, form.0)?).await,
    }
}

async fn render(who: &SignedIn, app: &App, asked: &Asked) -> Result<HttpResponse, Error> {
    who.require(Right::TakePartInBoard)?;
    let store = app.store();
    let cases = store.cases().await.map_err(plain)?;
    let lines = store.agenda_lines().await.map_err(plain)?;
    let today = Day::of_ms(store.now_ms());
    let mut lanes: Vec<Lane> =
        CaseState::ALL.into_iter().map(|state| Lane { label: state.label(), count: 0, cards: Vec::new() }).collect();
    for one in &cases {
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.label == one.state.label()) {
            lane.count += 1;
            lane.cards.push(card(app, one).await?);
        }
    }
    let (mut coming, past): (Vec<Meeting>, Vec<Meeting>) =
        store.meetings().await.map_err(plain)?.into_iter().partition(|meeting| meeting.held_on >= today);
    coming.reverse();
    let of_meeting = |meeting: Meeting| {
        let n = lines.iter().filter(|line| line.meeting_id == meeting.id).count();
        MeetingCard {
            href: meeting_path(&meeting.id),
            day: meeting.held_on.to_string(),
            title: meeting.title,
            count: if n == 1 { "1 case".to_owned() } else { format!("{n} cases") },
        }
    };
    let runs = who.person.role.has(Right::RunBoard);
    let (patients, synthetic) =
        if runs { patients(app, &cases, asked.typed.get("pseudonym")).await } else { (Vec::new(), None) };
    let shown: Vec<&str> = cases.iter().map(|one| one.id.as_str()).collect();
    store.audit(Some(&who.person), Action::ViewedBoard, None, &json!({ "cases": shown })).await?;
    let page = QueuePage {
        page: Page::new("Tumour board", Some(who), routes::BOARD).with_synthetic(synthetic),
        notice: asked.notice.clone(),
        runs,
        lanes,
        meetings: coming.into_iter().map(of_meeting).collect(),
        past: past.into_iter().map(of_meeting).collect(),
        patients,
        follow_up_href: FOLLOW_UP,
        question: asked.value("question", ""),
        complex: asked.value("complexity", "complex") == "complex",
        blind: !asked.typed.has("pseudonym") || asked.typed.get("blind") == "1",
        held_on: asked.value("held_on", ""),
        held_on_error: asked.error("held_on"),
        meeting_title: asked.value("title", ""),
    };
    html(asked.status(), &page)
}

async fn card(app: &App, one: &Case) -> Result<Card, Error> {
    let loaded = case::completeness(app, one).await?;
    let missing: Vec<&str> = loaded.missing().map(|standing| standing.item.label.as_str()).collect();
    Ok(Card {
        href: case_path(&one.id),
        pseudonym: one.pseudonym.clone(),
        question: one.question.clone(),
        complex: one.complexity == Complexity::Complex,
        blind: one.blind,
        score: case::score(&loaded),
        n_required: loaded.n_required(),
        n_answered: loaded.n_answered(),
        missing: missing.join(", "),
        conflicts: loaded.items.iter().any(crate::store::board::ItemStanding::in_conflict),
        decided: one.state.is_decided(),
    })
}

/// Patients without an open case, as choices, and what is said of invented ones.
async fn patients(app: &App, cases: &[Case], typed: &str) -> (Vec<(String, String, bool)>, Option<&'static str>) {
    let source = app.source();
    let Ok(Ok(index)) = web::block(move || source.index()).await else { return (Vec::new(), None) };
    let is_open = |pseudonym: &str| cases.iter().any(|one| one.pseudonym == pseudonym && !one.state.is_decided());
    let choices = index
        .entries
        .iter()
        .filter(|entry| !is_open(&entry.pseudonym))
        .map(|entry| (entry.pseudonym.clone(), entry.subtype.clone(), entry.pseudonym == typed))
        .collect();
    (choices, index.meta.synthetic.then_some(crate::report::words::SYNTHETIC_LIST))
}
