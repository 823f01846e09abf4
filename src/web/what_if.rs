use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::app::App;
use super::pages::{self, HTML, JSON, blocking};
use super::{Error, WhatIf, routes};
use crate::report::{self, Links, ReportView, STYLE, WhatIfView, words};
use crate::study::{Change, FieldKind, RefusedChange, WhatIfField};

/// The pairs of a form, in its order.
type Pairs = Vec<(String, String)>;
/// A form, or why actix could not read it.
type Sent = Result<web::Form<Pairs>, actix_web::Error>;

/// Names of a form that are no inputs.
const NOT_INPUTS: [&str; 1] = ["csrf"];
/// Tables whose inputs stand open; the others unfold.
const OPEN: [&str; 2] = ["clinical", "pathology"];

/// The form with the values on record.
pub(super) async fn ask(request: HttpRequest, app: web::Data<App>, pseudonym: web::Path<String>) -> HttpResponse {
    let made = with_patient(&app, pseudonym.into_inner(), |patient| patient.page(&[], None)).await;
    pages::answer(&request, HTML, made)
}

/// The changed result beside the original one, over the form with the changed values.
pub(super) async fn answer(
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
    sent: Sent,
) -> HttpResponse {
    let made = changed(&app, pseudonym.into_inner(), sent, |patient, changes, made| {
        let status = if made.is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        Ok((status, patient.page(changes, Some(made))?))
    });
    respond(&request, made.await)
}

/// The whole hypothetical report.
pub(super) async fn report(
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
    sent: Sent,
) -> HttpResponse {
    let made = changed(&app, pseudonym.into_inner(), sent, |patient, changes, made| match made {
        Ok(view) => {
            let links = Links {
                index: Some(routes::INDEX.to_owned()),
                json: None,
                what_if: Some(routes::what_if_path(&view.pseudonym)),
            };
            Ok((StatusCode::OK, report::html_linked(&view, &links)?))
        }
        refused => Ok((StatusCode::UNPROCESSABLE_ENTITY, patient.page(changes, Some(refused))?)),
    });
    respond(&request, made.await)
}

/// The hypothetical report as JSON, or the refused changes.
pub(super) async fn json(
    request: HttpRequest,
    app: web::Data<App>,
    pseudonym: web::Path<String>,
    sent: Sent,
) -> HttpResponse {
    let made = changed(&app, pseudonym.into_inner(), sent, |_, _, made| Ok(made)).await;
    match made {
        Ok(Ok(view)) => pages::answer(&request, JSON, Ok(report::json(&view))),
        Ok(Err(refused)) => HttpResponse::UnprocessableEntity().json(serde_json::json!({ "refused": refused })),
        Err(error) => pages::answer(&request, HTML, Err(error)),
    }
}

/// A result is made anew for every request and has no address: back to the form.
pub(super) async fn back(request: HttpRequest, pseudonym: web::Path<String>) -> HttpResponse {
    if !routes::is_pseudonym(&pseudonym) {
        return pages::answer(&request, HTML, Err(Error::NotFound));
    }
    HttpResponse::SeeOther().insert_header((LOCATION, routes::what_if_path(&pseudonym))).finish()
}

fn respond(request: &HttpRequest, made: Result<(StatusCode, String), Error>) -> HttpResponse {
    match made {
        Ok((status, body)) => HttpResponse::build(status).insert_header(HTML).body(body),
        Err(error) => pages::answer(request, HTML, Err(error)),
    }
}

#[cfg(test)]
mod tests;

/// One patient with the inputs that may be changed.
struct Patient {
    original: ReportView,
    fields: Vec<WhatIfField>,
}

async fn with_patient<T: Send + 'static>(
    app: &App,
    pseudonym: String,
    work: impl FnOnce(&Patient) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if !routes::is_pseudonym(&pseudonym) {
        return Err(Error::NotFound);
    }
    let source = app.source();
    blocking(move || {
        let failed = |source| Error::Source { source };
        let original = source.report(&pseudonym).map_err(failed)?.ok_or(Error::NotFound)?;
        let fields = source.what_if_fields(&pseudonym).map_err(failed)?.ok_or(Error::NotFound)?;
        work(&Patient { original, fields })
    })
    .await
}

/// What `work` makes of the patient, the changes sent and their result.
async fn changed<T: Send + 'static>(
    app: &App,
    pseudonym: String,
    sent: Sent,
    work: impl FnOnce(&Patient, &[Change], WhatIf) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let pairs = sent.map_err(|_| Error::Form)?.into_inner();
    let changes: Vec<Change> = pairs
        .into_iter()
        .filter(|(name, _)| !NOT_INPUTS.contains(&name.as_str()))
        .map(|(column, text)| {
            let text = text.trim();
            Change { column, value: (!text.is_empty()).then(|| text.to_owned()) }
        })
        .collect();
    let source = app.source();
    with_patient(app, pseudonym, move |patient| {
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
    fn page(&self, changes: &[Change], made: Option<WhatIf>) -> Result<String, Error> {
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
