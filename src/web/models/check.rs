use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use super::{CHECK, UPLOAD};
use crate::store::{Action, Right};
use crate::study::{self, CheckReport, FileCheck};
use crate::web::auth::{Checked, HasCsrf, SignedIn};
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

/// Most violations on a page.
const MAX_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "models/check.html")]
struct CheckPage {
    page: Page,
    list: &'static str,
    check: &'static str,
    upload: &'static str,
    cohort: String,
    tables: Vec<String>,
    files: Vec<String>,
    result: Option<CheckResult>,
}

/// What a check found, ready to print.
pub(super) struct CheckResult {
    name: String,
    /// Why the file could not be read at all.
    problem: Option<String>,
    summary: String,
    fine: bool,
    violations: Vec<Shown>,
    left_out: Option<String>,
    unreadable: Vec<String>,
}

struct Shown {
    row: String,
    column: String,
    rule: String,
    found: String,
}

/// A file of the folder, to be checked as a table.
#[derive(Debug, Deserialize)]
pub(super) struct NamedFile {
    csrf: String,
    table: String,
    file: String,
}

impl HasCsrf for NamedFile {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

impl CheckResult {
    fn of(name: &str, made: Result<CheckReport, study::Error>) -> Self {
        let report = match made {
            Ok(report) => report,
            Err(error) => {
                return Self {
                    name: name.to_owned(),
                    problem: Some(error.to_string()),
                    summary: "The file could not be read as this table.".to_owned(),
                    fine: false,
                    violations: Vec::new(),
                    left_out: None,
                    unreadable: Vec::new(),
                };
            }
        };
        let n_rows: usize = report.files.iter().map(|(_, rows)| rows).sum();
        let n = report.violations.len();
        let unreadable = report.unreadable.values().flatten();
        Self {
            name: name.to_owned(),
            problem: None,
            summary: format!("{n_rows} rows accepted, {n} {}.", if n == 1 { "violation" } else { "violations" }),
            fine: n == 0,
            unreadable: unreadable
                .map(|(column, n)| format!("Column {column}: {n} unreadable cells count as missing, as declared."))
                .collect(),
            left_out: (n > MAX_SHOWN).then(|| format!("{} further violations are not listed here.", n - MAX_SHOWN)),
            violations: report
                .violations
                .into_iter()
                .take(MAX_SHOWN)
                .map(|violation| Shown {
                    row: if violation.row == 0 { "whole file".to_owned() } else { violation.row.to_string() },
                    column: violation.column,
                    rule: violation.rule,
                    found: violation.found,
                })
                .collect(),
        }
    }
}

/// The check's page with or without a result.
fn page(signed_in: &SignedIn, check: &FileCheck, result: Option<CheckResult>) -> Result<HttpResponse, Error> {
    let page = CheckPage {
        page: Page::new("Check a file", Some(signed_in), routes::MODELS),
        list: routes::MODELS,
        check: CHECK,
        upload: UPLOAD,
        cohort: check.cohort().to_owned(),
        tables: check.tables().into_iter().map(str::to_owned).collect(),
        files: check.files(),
        result,
    };
    answer::page(StatusCode::OK, &page)
}

/// The form.
pub(super) async fn form(signed_in: SignedIn, app: web::Data<App>) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    let check = app.services().given.check.as_ref().ok_or(Error::NotFound)?;
    page(&signed_in, check, None)
}

/// Checks a file of the folder.
pub(super) async fn named(
    signed_in: SignedIn,
    app: web::Data<App>,
    form: Checked<NamedFile>,
) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    let NamedFile { table, file, .. } = form.0;
    let wanted = file.clone();
    run(&signed_in, &app, "folder", &file, move |check| check.check_named(&table, &wanted)).await
}

/// Audits and runs a check on a blocking thread, and shows what it found.
pub(super) async fn run(
    signed_in: &SignedIn,
    app: &web::Data<App>,
    from: &str,
    name: &str,
    work: impl FnOnce(&FileCheck) -> Result<CheckReport, study::Error> + Send + 'static,
) -> Result<HttpResponse, Error> {
    let check = app.services().given.check.clone().ok_or(Error::NotFound)?;
    app.store().audit(Some(&signed_in.person), Action::CheckedFile, None, &json!({"from": from})).await?;
    let (check, made) = web::block(move || {
        let made = work(&check);
        (check, made)
    })
    .await
    .map_err(|_| Error::Cut)?;
    page(signed_in, &check, Some(CheckResult::of(name, made)))
}
