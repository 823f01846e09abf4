use actix_web::{HttpResponse, web};
use askama::Template;

use super::asked::Asked;
use super::case::{Against, against};
use super::decision_form::{DecisionForm, body_of, completed, lines, shown};
use super::fields::Fields;
use super::load::{Loaded, load, plain, viewed};
use super::{case_path, decision_path, html, see};
use crate::store::Right;
use crate::store::board::instant_text;
use crate::web::auth::{Checked, SignedIn};
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

#[derive(Template)]
#[template(path = "board/decide.html")]
struct DecidePage {
    page: Page,
    href: String,
    pseudonym: String,
    subtype: &'static str,
    notice: Option<String>,
    problems: Vec<String>,
    may_decide: bool,
    amends: bool,
    blind: bool,
    missing: Vec<String>,
    findings: Vec<Against>,
    saved: Option<String>,
    /// What somebody else saved or signed meanwhile.
    theirs: Option<(String, Vec<(&'static str, String)>)>,
    form: DecisionForm,
}

/// The form of a decision, filled from the draft.
pub(super) async fn page(who: SignedIn, app: web::Data<App>, id: web::Path<String>) -> Result<HttpResponse, Error> {
    who.require(Right::RunBoard)?;
    let loaded = load(&app, &who, &id).await?;
    viewed(&app, &who, &loaded, "decide").await?;
    render(&app, &who, &loaded, &Asked::default()).await
}

/// Saves the draft, or signs.
pub(super) async fn save(
    who: SignedIn,
    app: web::Data<App>,
    id: web::Path<String>,
    form: Checked<Fields>,
) -> Result<HttpResponse, Error> {
    who.require(Right::RunBoard)?;
    let loaded = load(&app, &who, &id).await?;
    let case_id = loaded.case.id.clone();
    let (store, version) = (app.store(), form.version("draft_version"));
    let signs = form.get("act") == "sign";
    if signs && loaded.blind {
        let asked = Asked::refused("Vote first: in blind-first mode a decision is signed after your own vote.", form.0);
        viewed(&app, &who, &loaded, "decide").await?;
        return render(&app, &who, &loaded, &asked).await;
    }
    let done = match body_of(&loaded, &form) {
        Err(error) => Err(error),
        Ok(body) if signs => {
            let body = completed(&loaded, body);
            store.sign_decision(&who.person, &case_id, version, &body, form.get("amendment")).await.map(Some)
        }
        Ok(body) => store.save_draft(&who.person, &case_id, version, &body).await.map(|()| None),
    };
    match done {
        Ok(Some(version)) => see(&decision_path(&case_id, version)),
        Ok(None) => see(&format!("{}/decide", case_path(&case_id))),
        Err(error) => {
            let asked = Asked::after(error, form.0)?;
            let now = load(&app, &who, &case_id).await?;
            viewed(&app, &who, &now, "decide").await?;
            render(&app, &who, &now, &asked).await
        }
    }
}

async fn render(app: &App, who: &SignedIn, loaded: &Loaded, asked: &Asked) -> Result<HttpResponse, Error> {
    let store = app.store();
    let case = &loaded.case;
    let draft = store.draft(&case.id).await.map_err(plain)?;
    let decisions = store.decisions(&case.id).await.map_err(plain)?;
    let last = decisions.last();
    let theirs = match (&draft.body, last) {
        _ if !asked.stale => None,
        (Some(body), _) => Some((format!("Saved by {} at {}", draft.who, instant_text(draft.at_ms)), lines(body))),
        (None, Some(last)) => {
            Some((format!("Signed by {} at {}", last.signer, instant_text(last.signed_ms)), lines(&last.body)))
        }
        (None, None) => None,
    };
    let page = DecidePage {
        page: Page::new(format!("Decision for {}", case.pseudonym), Some(who), routes::BOARD)
            .with_synthetic(loaded.synthetic),
        href: case_path(&case.id),
        pseudonym: case.pseudonym.clone(),
        subtype: loaded.subtype,
        notice: asked.notice.clone(),
        problems: asked.errors.iter().map(|(_, text)| text.clone()).collect(),
        may_decide: loaded.may_decide(),
        amends: last.is_some(),
        blind: loaded.blind,
        missing: loaded.completeness.missing().map(|standing| standing.item.label.clone()).collect(),
        findings: against(&loaded.findings),
        saved: draft
            .body
            .as_ref()
            .filter(|_| asked.notice.is_none())
            .map(|_| format!("Draft saved by {} at {}.", draft.who, instant_text(draft.at_ms))),
        theirs,
        form: shown(loaded, asked, &draft, last.map(|last| &last.body)),
    };
    html(asked.status(), &page)
}
