use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::app::App;
use super::auth::{Checked, HasCsrf, SignedIn};
use super::layout::with_navigation;
use super::pages::{blocking, may_read, shown_detail};
use super::{Error, WhatIf, routes};
use crate::report::{self, Links, ReportView, STYLE, WhatIfView, words};
use crate::store::{Action, Right};
use crate::study::{Change, FieldKind, RefusedChange, WhatIfField};

/// The pairs of a form, in its order.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Sent(Vec<(String, String)>);

impl HasCsrf for Sent {
    fn csrf(&self) -> &str {
        self.0.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value)
    }
}

/// Names of a form that are no inputs.
const NOT_INPUTS: [&str; 1] = ["csrf"];
/// Tables whose inputs stand open; the others unfold.
const OPEN: [&str; 2] = ["clinical", "pathology"];

/// The form with the values on record.
pub(super) async fn ask(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let csrf = who.csrf.clone();
    let body = with_patient(&app, &who, pseudonym.into_inner(), move |patient| patient.page(&csrf, &[], None)).await?;
    page(&who, StatusCode::OK, &body)
}

/// The changed result beside the original one, over the form with the changed values.
pub(super) async fn answer(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
    sent: Checked<Sent>,
) -> Result<HttpResponse, Error> {
    let csrf = who.csrf.clone();
    let (status, body) = changed(&app, &who, pseudonym.into_inner(), sent, move |patient, changes, made| {
        Ok((status(&made), patient.page(&csrf, changes, Some(made))?))
    })
    .await?;
    page(&who, status, &body)
}

/// The whole hypothetical report.
pub(super) async fn report(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
    sent: Checked<Sent>,
) -> Result<HttpResponse, Error> {
    let csrf = who.csrf.clone();
    let (status, body) = changed(&app, &who, pseudonym.into_inner(), sent, move |patient, changes, made| match made {
        Ok(view) => {
            let links = Links {
                index: Some(routes::INDEX.to_owned()),
                what_if: Some(routes::what_if_path(&view.pseudonym)),
                ..Links::default()
            };
            Ok((StatusCode::OK, report::html_linked(&view, &links)?))
        }
        refused => Ok((status(&refused), patient.page(&csrf, changes, Some(refused))?)),
    })
    .await?;
    page(&who, status, &body)
}

/// The hypothetical report as JSON, or the refused changes.
pub(super) async fn json(
    app: web::Data<App>,
    who: SignedIn,
    pseudonym: web::Path<String>,
    sent: Checked<Sent>,
) -> Result<HttpResponse, Error> {
    match changed(&app, &who, pseudonym.into_inner(), sent, |_, _, made| Ok(made)).await? {
        Ok(view) => Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(report::json(&view))),
        Err(refused) => Ok(HttpResponse::UnprocessableEntity().json(serde_json::json!({ "refused": refused }))),
    }
}

/// A result is made anew for every request and has no address: back to the form.
pub(super) async fn back(who: SignedIn, pseudonym: web::Path<String>) -> Result<HttpResponse, Error> {
    who.require(Right::ReadPatients)?;
    if !routes::is_pseudonym(&pseudonym) {
        return Err(Error::NotFound);
    }
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, routes::what_if_path(&pseudonym))).finish())
}

fn status(made: &WhatIf) -> StatusCode {
    if made.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn page(who: &SignedIn, status: StatusCode, body: &str) -> Result<HttpResponse, Error> {
    let body = with_navigation(body, who, routes::INDEX)?;
    Ok(HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body))
}

#[cfg(test)]
mod tests;

/// One patient with the inputs that may be changed.
struct Patient {
    original: ReportView,
    fields: Vec<WhatIfField>,
}

/// What `work` makes of a patient whom this person may read.
async fn with_patient<T: Send + 'static>(
    app: &App,
    who: &SignedIn,
    pseudonym: String,
    work: impl FnOnce(&Patient) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    may_read(app, &who.person, &pseudonym).await?;
    let source = app.source();
    let subject = pseudonym.clone();
    let made = blocking(move || {
        let failed = |source| Error::Source { source };
        let original = source.report(&pseudonym).map_err(failed)?.ok_or(Error::NotFound)?;
        let fields = source.what_if_fields(&pseudonym).map_err(failed)?.ok_or(Error::NotFound)?;
        let detail = shown_detail(&original, "what-if");
        Ok((work(&Patient { original, fields })?, detail))
    });
    let (made, detail) = made.await?;
    app.store().audit(Some(&who.person), Action::AskedWhatIf, Some(&subject), &detail).await?;
    Ok(made)
}

/// What `work` makes of the patient, the changes sent and their result.
async fn changed<T: Send + 'static>(
    app: &App,
    who: &SignedIn,
    pseudonym: String,
    Checked(Sent(pairs)): Checked<Sent>,
    work: impl FnOnce(&Patient, &[Change], WhatIf) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let changes: Vec<Change> = pairs
        .into_iter()
        .filter(|(name, _)| !NOT_INPUTS.contains(&name.as_str()))
        .map(|(column, text)| {
            let text = text.trim();
            Change { column, value: (!text.is_empty()).then(|| text.to_owned()) }
        })
        .collect();
    let source = app.source();
    with_patient(app, who, pseudonym, move |patient| {
        let made = source.what_if(&patient.original.pseudonym, &changes);
        let made = made.map_err(|source| Error::Source { source })?.ok_or(Error::NotFound)?;
        work(patient, &changes, made)
    })
    .await
}

#[derive(Template)]
#[template(path = "web/what_if.html")]
struct WhatIfPage<'a> {
    title: String,
    style: &'static str,
    synthetic: Option<&'static str>,
    running: String,
    original: &'a ReportView,
    here: String,
    csrf: &'a str,
    report: String,
    whole: String,
    json: String,
    groups: Vec<FieldGroup<'a>>,
    refused: &'a [RefusedChange],
    made: Option<&'a ReportView>,
    compared: Option<WhatIfView>,
}

/// The inputs of one table.
struct FieldGroup<'a> {
    label: String,
    open: bool,
    fields: Vec<FieldRow<'a>>,
}

/// One input of the form.
struct FieldRow<'a> {
    field: &'a WhatIfField,
    /// Text in the form: what was sent, else what is on record.
    value: &'a str,
    /// Value on record with its unit.
    on_record: String,
    /// Why it was refused.
    error: Option<&'a str>,
}

impl FieldRow<'_> {
    fn number(&self) -> Option<(&str, f64, f64)> {
        match &self.field.kind {
            FieldKind::Number { unit, min, max } => {
                Some((if unit == "score" { "" } else { unit.as_str() }, *min, *max))
            }
            FieldKind::Choice { .. } => None,
        }
    }

    fn choices(&self) -> &[(String, String)] {
        match &self.field.kind {
            FieldKind::Choice { levels } => levels,
            FieldKind::Number { .. } => &[],
        }
    }
}

impl Patient {
    /// The page with the form, and with the result or the refusals of `changes` where there is one.
    fn page(&self, csrf: &str, changes: &[Change], made: Option<WhatIf>) -> Result<String, Error> {
        let (made, refused) = match made {
            Some(Ok(view)) => (Some(view), Vec::new()),
            Some(Err(refused)) => (None, refused),
            None => (None, Vec::new()),
        };
        let pseudonym = &self.original.pseudonym;
        let here = routes::what_if_path(pseudonym);
        let hypothetical = if made.is_some() { "HYPOTHETICAL \u{b7} " } else { "" };
        let page = WhatIfPage {
            title: format!("{hypothetical}{pseudonym} \u{2014} what if"),
            style: STYLE,
            synthetic: self.original.synthetic_banner,
            running: format!("{hypothetical}{pseudonym} \u{b7} regimen {}", self.original.regimen_version),
            original: &self.original,
            report: routes::report_path(pseudonym),
            whole: format!("{here}/report"),
            json: format!("{here}.json"),
            here,
            csrf,
            groups: self.groups(changes, &refused),
            compared: made.as_ref().map(|view| WhatIfView::new(&self.original, view)),
            made: made.as_ref(),
            refused: &refused,
        };
        let body = page.render().map_err(|source| report::Error::Template { template: "web/what_if.html", source })?;
        Ok(body)
    }

    /// Inputs by table; those that the cohort's files do not hold in groups of their own at the end.
    fn groups<'a>(&'a self, changes: &'a [Change], refused: &'a [RefusedChange]) -> Vec<FieldGroup<'a>> {
        let mut groups: Vec<FieldGroup<'a>> = Vec::new();
        let (held, others): (Vec<&WhatIfField>, Vec<&WhatIfField>) =
            self.fields.iter().partition(|field| field.in_cohort);
        for field in held.into_iter().chain(others) {
            let label = match field.in_cohort {
                true => words::group(&field.table),
                false => format!("{}: not in this cohort\u{2019}s files", words::group(&field.table)),
            };
            let sent = changes.iter().find(|change| change.column == field.column);
            let value = match sent {
                Some(change) => change.value.as_deref().unwrap_or_default(),
                None => field.current.as_deref().unwrap_or_default(),
            };
            let error = refused.iter().find(|refusal| refusal.column == field.column);
            let row =
                FieldRow { field, value, on_record: on_record(field), error: error.map(|refusal| &*refusal.expected) };
            let open = field.in_cohort && OPEN.contains(&field.table.as_str());
            let differs = row.error.is_some() || value != field.current.as_deref().unwrap_or_default();
            match groups.iter_mut().find(|group| group.label == label) {
                Some(group) => {
                    group.open |= differs;
                    group.fields.push(row);
                }
                None => groups.push(FieldGroup { label, open: open || differs, fields: vec![row] }),
            }
        }
        groups
    }
}

/// The value on record in words.
fn on_record(field: &WhatIfField) -> String {
    match (&field.current, &field.kind) {
        (None, _) => "not given".to_owned(),
        (Some(current), FieldKind::Number { unit, .. }) if unit == "score" => current.clone(),
        (Some(current), FieldKind::Number { unit, .. }) => format!("{current} {unit}"),
        (Some(current), FieldKind::Choice { levels }) => levels
            .iter()
            .find(|(value, _)| value == current)
            .map_or_else(|| current.clone(), |(_, label)| label.clone()),
    }
}
