//! The tumour board's pages: queue and agenda, case, plans side by side, decision, follow-up.
//!
//! Every handler names the right that it needs, writes the view of a patient to the audit log before it answers, and
//! asks [`load`] whether the reader may see the model's numbers yet. A form that was made from an older version is
//! answered by the same page with what was typed and what stands there now.

mod asked;
mod case;
mod case_forms;
mod comparison;
mod decide;
mod decision;
mod decision_form;
mod fields;
mod follow_up;
mod item_fields;
mod items;
mod load;
mod meeting;
mod queue;

pub use decision::{DecisionView, decision_view};

use actix_web::HttpResponse;
use actix_web::Resource;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::web::{self, FormConfig, ServiceConfig};
use askama::Template;

use super::{Error, pages};

/// Bytes that a form may have; a decision with every text at its limit fits.
const FORM_BYTES: usize = 256 * 1024;

const CASES: &str = "/board/cases";
const MEETINGS: &str = "/board/meetings";
const FOLLOW_UP: &str = "/board/follow-up";

/// Mounts the board's routes.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(at(super::routes::BOARD).get(queue::page).head(queue::page))
        .service(at(CASES).post(queue::open))
        .service(at(MEETINGS).post(queue::add_meeting))
        .service(at(FOLLOW_UP).get(follow_up::page).head(follow_up::page))
        .service(at("/board/meetings/{id}").get(meeting::page).head(meeting::page).post(meeting::reorder))
        .service(at("/board/cases/{id}").get(case::page).head(case::page))
        .service(at("/board/cases/{id}/items").get(items::page).head(items::page).post(items::save))
        .service(at("/board/cases/{id}/comments").post(case_forms::comment))
        .service(at("/board/cases/{id}/votes").post(case_forms::vote))
        .service(at("/board/cases/{id}/moves").post(case_forms::step))
        .service(at("/board/cases/{id}/settings").post(case_forms::settings))
        .service(at("/board/cases/{id}/outcomes").post(case_forms::outcome))
        .service(at("/board/cases/{id}/compare").get(comparison::page).head(comparison::page))
        .service(at("/board/cases/{id}/decide").get(decide::page).head(decide::page).post(decide::save))
        .service(at("/board/cases/{id}/decisions/{version}").get(decision::page).head(decision::page));
}

fn at(path: &'static str) -> Resource {
    web::resource(path)
        .app_data(FormConfig::default().limit(FORM_BYTES))
        .default_service(web::to(pages::method_not_allowed))
}

/// The path of a case.
pub(super) fn case_path(id: &str) -> String {
    format!("{CASES}/{id}")
}

/// The path of a meeting.
fn meeting_path(id: &str) -> String {
    format!("{MEETINGS}/{id}")
}

/// The path of a signed version.
fn decision_path(id: &str, version: i64) -> String {
    format!("{CASES}/{id}/decisions/{version}")
}

/// An id of the shape that the store gives: 32 hex digits.
fn checked_id(text: &str) -> Result<&str, Error> {
    let fine = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if fine { Ok(text) } else { Err(Error::NotFound) }
}

/// A template as a response.
fn html(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    let source = |source| crate::report::Error::Template { template: "board", source };
    let body = template.render().map_err(source)?;
    Ok(HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body))
}

/// The answer to a form that was taken: the page to read next, so that reloading sends nothing twice.
fn see(path: String) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, path)).finish())
}

#[cfg(test)]
mod tests;
