use actix_web::{HttpResponse, web};

use super::asked::Asked;
use super::case::render;
use super::fields::Fields;
use super::load::{Loaded, load, viewed};
use super::{case_path, see};
use crate::store::Right;
use crate::store::board::{self, CaseState, Complexity, Day, NewOutcome, OutcomeKind};
use crate::web::auth::{Checked, SignedIn};
use crate::web::{App, Error};

type Answer = Result<HttpResponse, Error>;

/// A comment.
pub(super) async fn comment(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Answer {
    let loaded = load(&app, &who, &id).await?;
    let done = app.store().add_comment(&who.person, &loaded.case.id, form.get("comment")).await;
    after(&app, &who, loaded, form.0, done, "#comments").await
}

/// A vote: a plan of the list, or one in the voter's own words.
pub(super) async fn vote(who: SignedIn, app: web::Data<App>, id: web::Path<String>, form: Checked<Fields>) -> Answer {
    let loaded = load(&app, &who, &id).await?;
    let own = form.get("own_plan").trim();
    let listed = loaded.plans.iter().find(|plan| plan.id == form.get("plan"));
    let plan = match (own, listed) {
        ("", Some(plan)) => plan.label.clone(),
        (own, _) => own.to_owned(),
    };
    let done = app.store().vote(&who.person, &loaded.case.id, &plan, form.get("vote_reason")).await;
    after(&app, &who, loaded, form.0, done, "#votes").await
}

/// A move in the queue: by hand, onto an agenda, or off it.
pub(super) async fn step(who: SignedIn, app: web::Data<App>, id: web::Path<String>, form: Checked<Fields>) -> Answer {
    who.require(Right::RunBoard)?;
    let loaded = load(&app, &who, &id).await?;
    let (store, case_id, version) = (app.store(), loaded.case.id.clone(), form.version("version"));
    let reason = form.get("reason");
    let fresh = version == loaded.case.version;
    let done = match form.get("to") {
        "agenda" => store.schedule(&who.person, &case_id, version, form.get("meeting")).await,
        "postponed" => store.postpone(&who.person, &case_id, version, reason).await,
        word => match CaseState::parse(word) {
            Some(CaseState::DataComplete)
                if fresh && !loaded.completeness.is_complete() && reason.trim().is_empty() =>
            {
                let rule = "Required items are missing: say in the reason why the case may go on without them.";
                Err(board::Error::invalid("reason", rule))
            }
            Some(to) => store.move_case(&who.person, &case_id, version, to, reason).await,
            None => Err(board::Error::NotFound { what: "state" }),
        },
    };
    after(&app, &who, loaded, form.0, done, "").await
}

/// Kind and blind-first mode.
pub(super) async fn settings(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Answer {
    who.require(Right::RunBoard)?;
    let loaded = load(&app, &who, &id).await?;
    let complexity = Complexity::parse(form.get("complexity")).unwrap_or(loaded.case.complexity);
    let (version, blind) = (form.version("version"), form.get("blind") == "1");
    let done = app.store().set_case(&who.person, &loaded.case.id, version, complexity, blind).await;
    after(&app, &who, loaded, form.0, done, "").await
}

/// An outcome.
pub(super) async fn outcome(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Answer {
    let loaded = load(&app, &who, &id).await?;
    let (code, value) = form.get("outcome").split_once(':').unwrap_or_default();
    let done = match (OutcomeKind::parse(code), Day::parse(form.get("dated_on").trim())) {
        (Some(kind), Some(dated_on)) => {
            let new = NewOutcome { kind, value: value.to_owned(), dated_on, note: form.get("note").to_owned() };
            app.store().add_outcome(&who.person, &loaded.case.id, &new).await
        }
        (None, _) => Err(board::Error::invalid("outcome", "Choose an outcome.")),
        (_, None) => Err(board::Error::invalid("dated_on", "A day as YYYY-MM-DD.")),
    };
    after(&app, &who, loaded, form.0, done, "#outcomes").await
}

/// The page to read next, or the case as it stands now with what was typed.
async fn after(
    app: &App,
    who: &SignedIn,
    loaded: Loaded,
    form: Fields,
    done: Result<(), board::Error>,
    part: &str,
) -> Answer {
    let id = loaded.case.id.clone();
    match done {
        Ok(()) => see(&format!("{}{part}", case_path(&id))),
        Err(error) => {
            let asked = Asked::after(error, form)?;
            let now = load(app, who, &id).await?;
            viewed(app, who, &now, "case").await?;
            render(app, who, now, &asked).await
        }
    }
}
