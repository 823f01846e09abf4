//! The tumour board's pages: queue and agenda, case, plans side by side, decision, follow-up.
//!
//! Every handler names the right that it needs, writes the view of a patient to the audit log before it answers, and
//! asks `load` whether the reader may see the model's numbers yet. A form that was made from an older version is
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
pub(super) use load::plain as failed;

use actix_web::http::StatusCode;
use actix_web::web::{FormConfig, PayloadConfig, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use askama::Template;

use super::routes::{action, form, resource};
use super::{Error, answer};

/// Bytes that a form may have; a decision with every text at its limit fits.
const FORM_BYTES: usize = 256 * 1024;

const CASES: &str = "/board/cases";
const MEETINGS: &str = "/board/meetings";
const FOLLOW_UP: &str = "/board/follow-up";

/// Mounts the board's routes.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(resource(super::routes::BOARD).get(queue::page).head(queue::page))
        .service(long(action(CASES)).post(queue::open))
        .service(long(action(MEETINGS)).post(queue::add_meeting))
        .service(resource(FOLLOW_UP).get(follow_up::page).head(follow_up::page))
        .service(form("/board/meetings/{id}").get(meeting::page).head(meeting::page).post(meeting::reorder))
        .service(resource("/board/cases/{id}").get(case::page).head(case::page))
        .service(long(form("/board/cases/{id}/items")).get(items::page).head(items::page).post(items::save))
        .service(long(action("/board/cases/{id}/comments")).post(case_forms::comment))
        .service(long(action("/board/cases/{id}/votes")).post(case_forms::vote))
        .service(long(action("/board/cases/{id}/moves")).post(case_forms::step))
        .service(action("/board/cases/{id}/settings").post(case_forms::settings))
        .service(long(action("/board/cases/{id}/outcomes")).post(case_forms::outcome))
        .service(resource("/board/cases/{id}/compare").get(comparison::page).head(comparison::page))
        .service(long(form("/board/cases/{id}/decide")).get(decide::page).head(decide::page).post(decide::save))
        .service(resource("/board/cases/{id}/decisions/{version}").get(decision::page).head(decision::page));
}

/// An address whose forms hold several long texts.
fn long(resource: Resource) -> Resource {
    resource.app_data(FormConfig::default().limit(FORM_BYTES)).app_data(PayloadConfig::default().limit(FORM_BYTES))
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
    answer::page(status, template)
}

/// The answer to a form that was taken: the page to read next, so that reloading sends nothing twice.
fn see(path: &str) -> Result<HttpResponse, Error> {
    Ok(answer::redirect(path))
}

#[cfg(test)]
mod tests;
