use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::decision_form::lines;
use super::load::{load, plain, viewed};
use super::{case_path, decision_path, html};
use crate::report::board::percent_number;
use crate::store::Right;
use crate::store::board::{Damage, Decision, instant_text};
use crate::web::auth::SignedIn;
use crate::web::layout::Page;
use crate::web::{App, Error, routes};

/// One signed version as it is shown, printed and exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionView {
    /// The patient's pseudonym.
    pub pseudonym: String,
    /// `Version 2 of 3`.
    pub heading: String,
    /// What was decided: label and text, empty texts left out.
    pub lines: Vec<(&'static str, String)>,
    /// What the model expected under the chosen plan, as sentences.
    pub expected: Vec<String>,
    /// Contraindications and cautions that were on the page.
    pub warnings: Vec<String>,
    /// Required items without an answer.
    pub missing: Vec<String>,
    /// Name, version and hash of the models.
    pub models: Vec<String>,
    /// Why it was amended; empty for the first version.
    pub reason: String,
    /// Who signed.
    pub signer: String,
    /// When.
    pub signed: String,
    /// SHA-256 of the signed statement.
    pub sha256: String,
    /// SHA-256 of the version before; empty for the first.
    pub previous_sha256: String,
    /// What is wrong with the record; empty when it is as it was signed.
    pub damages: Vec<String>,
}

/// The view of `decision`, one of `n_versions`.
#[must_use]
pub fn decision_view(decision: &Decision, n_versions: usize, damages: &[Damage]) -> DecisionView {
    let body = &decision.body;
    DecisionView {
        pseudonym: decision.pseudonym.clone(),
        heading: format!("Version {} of {n_versions}", decision.version),
        lines: lines(body).into_iter().filter(|(_, text)| !text.is_empty()).collect(),
        expected: body
            .expected
            .iter()
            .map(|one| {
                let what = if one.outcome == "pcr" { "Complete response (pCR)" } else { one.outcome.as_str() };
                format!(
                    "{what}: {} %, 95 % interval {} to {} %",
                    percent_number(one.probability),
                    percent_number(one.lower95),
                    percent_number(one.upper95)
                )
            })
            .collect(),
        warnings: body.warnings.clone(),
        missing: body.missing.clone(),
        models: body.models.clone(),
        reason: decision.reason.clone(),
        signer: decision.signer.clone(),
        signed: instant_text(decision.signed_ms),
        sha256: decision.sha256.clone(),
        previous_sha256: decision.previous_sha256.clone(),
        damages: damages
            .iter()
            .filter(|damage| damage.version == decision.version || damage.version == 0)
            .map(|damage| format!("Version {}: {}.", damage.version, damage.found))
            .collect(),
    }
}

#[derive(Template)]
#[template(path = "board/decision.html")]
struct DecisionPage {
    page: Page,
    href: String,
    view: DecisionView,
    others: Vec<(String, String)>,
    may_amend: bool,
}

/// One signed version, made for paper.
pub(super) async fn page(
    who: SignedIn,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    let (id, version) = path.into_inner();
    let version: i64 = version.parse().map_err(|_| Error::NotFound)?;
    let loaded = load(&app, &who, &id).await?;
    let store = app.store();
    let decisions = store.decisions(&loaded.case.id).await.map_err(plain)?;
    let damages = store.verify_decisions(Some(&loaded.case.id)).await.map_err(plain)?;
    let decision = decisions.iter().find(|one| one.version == version).ok_or(Error::NotFound)?;
    viewed(&app, &who, &loaded, "decision").await?;
    let page = DecisionPage {
        page: Page::new(format!("Decision for {}", loaded.case.pseudonym), Some(&who), routes::BOARD)
            .with_synthetic(loaded.synthetic),
        href: case_path(&loaded.case.id),
        view: decision_view(decision, decisions.len(), &damages),
        others: decisions
            .iter()
            .filter(|one| one.version != version)
            .map(|one| (decision_path(&loaded.case.id, one.version), format!("Version {}", one.version)))
            .collect(),
        may_amend: who.person.role.has(Right::RunBoard),
    };
    html(StatusCode::OK, &page)
}
