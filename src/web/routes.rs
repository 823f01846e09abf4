//! Every URL of the application, in one table.

use actix_web::Resource;
use actix_web::web::{self, ServiceConfig};

use super::{pages, what_if};

/// The list of patients.
pub const INDEX: &str = "/";
/// One report as HTML.
pub const REPORT: &str = "/patients/{pseudonym:[^/.]+}";
/// The same report as JSON.
pub const REPORT_JSON: &str = "/patients/{pseudonym:[^/.]+}.json";
/// The inputs of a patient that may be changed, and the result of changed ones.
pub const WHAT_IF: &str = "/patients/{pseudonym:[^/.]+}/what-if";
/// The whole hypothetical report.
pub const WHAT_IF_REPORT: &str = "/patients/{pseudonym:[^/.]+}/what-if/report";
/// The hypothetical report as JSON.
pub const WHAT_IF_JSON: &str = "/patients/{pseudonym:[^/.]+}/what-if.json";
/// Whether the server is alive.
pub const HEALTH: &str = "/healthz";

/// Mounts every route; all answer GET and HEAD, those with a form POST too, and everything else is a page of its own.
///
/// Hypothetical values are clinical data: they travel in the body of a POST, never in an address.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(resource(INDEX).get(pages::index).head(pages::index))
        .service(resource(REPORT_JSON).get(pages::report_json).head(pages::report_json))
        .service(resource(REPORT).get(pages::report).head(pages::report))
        .service(form(WHAT_IF).get(what_if::ask).head(what_if::ask).post(what_if::answer))
        .service(form(WHAT_IF_REPORT).get(what_if::back).head(what_if::back).post(what_if::report))
        .service(form(WHAT_IF_JSON).get(what_if::back).head(what_if::back).post(what_if::json))
        .service(resource(HEALTH).get(pages::health).head(pages::health))
        .default_service(web::to(pages::not_found));
}

/// The path of a report.
#[must_use]
pub fn report_path(pseudonym: &str) -> String {
    format!("/patients/{pseudonym}")
}

/// The path of a report as JSON.
#[must_use]
pub fn report_json_path(pseudonym: &str) -> String {
    format!("/patients/{pseudonym}.json")
}

/// The path of the page on which a patient's inputs may be changed.
#[must_use]
pub fn what_if_path(pseudonym: &str) -> String {
    format!("/patients/{pseudonym}/what-if")
}

/// True for text in the shape of a pseudonym: `P-` and 12 upper-case hex digits.
#[must_use]
pub fn is_pseudonym(text: &str) -> bool {
    text.strip_prefix("P-").is_some_and(|hex| {
        hex.len() == 12 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
    })
}

/// [`resource`] for a page with a form.
fn form(path: &str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(pages::form_method_not_allowed))
}

/// A resource whose other methods are answered by a page.
fn resource(path: &str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(pages::method_not_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pseudonyms_have_the_shape_of_one() {
        assert!(is_pseudonym("P-0123456789AB"));
        for bad in ["", "P-", "P-0123456789A", "P-0123456789ABC", "P-0123456789ab", "ispy2:1", "P-../../../etc"] {
            assert!(!is_pseudonym(bad), "{bad}");
        }
    }
}
