use actix_web::web;
use serde_json::json;

use crate::report::ReportView;
use crate::report::board::{Plan, plans};
use crate::report::view::InputsView;
use crate::store::board::{Case, CaseState, Completeness, Finding, FromRecord, Item, findings};
use crate::store::{Action, Right};
use crate::web::auth::SignedIn;
use crate::web::{App, Error, routes};

use super::asked::Asked;
use super::checked_id;
use super::fields::Fields;

/// A case with everything that its pages need of the report, and what its reader may see.
pub(super) struct Loaded {
    pub(super) case: Case,
    /// The report, `None` while its numbers are not for this reader, and where there is none.
    pub(super) view: Option<ReportView>,
    /// True while the reader must vote first.
    pub(super) blind: bool,
    /// True when the report could not be had at all.
    pub(super) no_report: bool,
    /// Receptor subtype in words, empty where unknown.
    pub(super) subtype: &'static str,
    pub(super) synthetic: Option<&'static str>,
    /// Plans of the report, without numbers.
    pub(super) plans: Vec<Plan>,
    pub(super) completeness: Completeness,
    pub(super) findings: Vec<Finding>,
    /// The report itself, for what is recorded and not shown.
    unseen: Option<ReportView>,
}

impl Loaded {
    /// The report for records that are signed; nothing of it may be printed while the reader is blind.
    pub(super) fn for_the_record(&self) -> Option<&ReportView> {
        self.view.as_ref().or(self.unseen.as_ref())
    }

    /// True while the decision is open.
    pub(super) fn is_open(&self) -> bool {
        !self.case.state.is_decided()
    }

    /// True once it was discussed: a decision may be written.
    pub(super) fn may_decide(&self) -> bool {
        self.case.state >= CaseState::Discussed
    }
}

/// What went wrong with a page that shows a case, where no form was sent.
pub(in crate::web) fn plain(error: crate::store::board::Error) -> Error {
    match Asked::after(error, Fields::default()) {
        Err(error) => error,
        Ok(_) => Error::NotFound,
    }
}

/// The case `id` for `who`, who must take part in the board.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NotFound`] for a guessed id, and those of the database.
pub(super) async fn load(app: &App, who: &SignedIn, id: &str) -> Result<Loaded, Error> {
    who.require(Right::TakePartInBoard)?;
    let store = app.store();
    let case = store.case(checked_id(id)?).await.map_err(plain)?;
    let blind = store.is_blind(&who.person, &case.pseudonym).await.map_err(plain)?;
    let entries = store.entries(&case.id).await.map_err(plain)?;
    let report = report(app, &case.pseudonym).await;
    let completeness =
        Completeness::judge(&entries, |item| report.as_ref().and_then(|view| from_record(&view.inputs, item)));
    let findings = findings(&completeness.answers);
    let (view, unseen) = if blind { (None, report) } else { (report, None) };
    let either = view.as_ref().or(unseen.as_ref());
    Ok(Loaded {
        blind,
        no_report: either.is_none(),
        subtype: either.map(|view| view.subtype).unwrap_or_default(),
        synthetic: either.and_then(|view| view.synthetic_banner),
        plans: either.map(plans).unwrap_or_default(),
        completeness,
        findings,
        case,
        view,
        unseen,
    })
}

/// Writes to the audit log that the case was shown on `page`, before it is.
///
/// # Errors
/// Those of the database; then nothing may be shown.
pub(super) async fn viewed(app: &App, who: &SignedIn, loaded: &Loaded, page: &str) -> Result<(), Error> {
    let detail = json!({ "case": loaded.case.id, "page": page, "numbers": loaded.view.is_some() });
    let subject = Some(loaded.case.pseudonym.as_str());
    app.store().audit(Some(&who.person), Action::ViewedCase, subject, &detail).await?;
    Ok(())
}

/// The report of a patient; `None` where there is none, or where the source failed: a case can be worked on without.
pub(super) async fn report(app: &App, pseudonym: &str) -> Option<ReportView> {
    if !routes::is_pseudonym(pseudonym) {
        return None;
    }
    let (source, pseudonym) = (app.source(), pseudonym.to_owned());
    let found = web::block(move || source.report(&pseudonym)).await;
    match found {
        Ok(Ok(view)) => view,
        Ok(Err(cause)) => {
            tracing::error!(cause = %cause, "no report for a case of the board");
            None
        }
        Err(_) => None,
    }
}

/// What the fused record holds for an item, by the labels that the item names.
pub(super) fn from_record(inputs: &InputsView, item: &Item) -> Option<FromRecord> {
    let row = inputs
        .groups
        .iter()
        .flat_map(|group| &group.rows)
        .find(|row| item.record.contains(&row.label) && matches!(row.class(), "used" | "out"))?;
    Some(FromRecord { value: item.from_record(&row.value), shown: row.value.clone(), source: row.source.clone() })
}
