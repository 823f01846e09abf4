//! Every URL of the application, in one table.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use super::{Error, api, audit_page, auth, cds, exports, models, operations, pages, people, tokens, what_if};
use crate::store::{Right, Role};

/// The list of patients.
pub const INDEX: &str = "/";
/// One report as HTML.
pub const REPORT: &str = "/patients/{pseudonym:[^/.]+}";
/// The same report as JSON.
pub const REPORT_JSON: &str = "/patients/{pseudonym:[^/.]+}.json";
/// The same report as a PDF.
pub const REPORT_PDF: &str = "/patients/{pseudonym:[^/.]+}.pdf";
/// The same report as a FHIR R4 bundle.
pub const REPORT_FHIR: &str = "/patients/{pseudonym:[^/.]+}.fhir.json";
/// The page in plain words for the patient, in a language (`en`, `de`).
pub const PATIENT_PAGE: &str = "/patients/{pseudonym:[^/.]+}/plain/{language:[a-z]+}";
/// The inputs of a patient that may be changed, and the result of changed ones.
pub const WHAT_IF: &str = "/patients/{pseudonym:[^/.]+}/what-if";
/// The whole hypothetical report.
pub const WHAT_IF_REPORT: &str = "/patients/{pseudonym:[^/.]+}/what-if/report";
/// The hypothetical report as JSON.
pub const WHAT_IF_JSON: &str = "/patients/{pseudonym:[^/.]+}/what-if.json";
/// Whether the server is alive.
pub const HEALTH: &str = "/healthz";
/// Whether the server can answer: the database does.
pub const READY: &str = "/readyz";
/// The tumour board.
pub const BOARD: &str = "/board";
/// The pages about models.
pub const MODELS: &str = "/models";
/// The sign-in page.
pub const SIGN_IN: &str = "/sign-in";
/// Ends the session.
pub const SIGN_OUT: &str = "/sign-out";
/// The first administrator.
pub const SETUP: &str = "/setup";
/// The own password.
pub const PASSWORD: &str = "/password";
/// The people.
pub const PEOPLE: &str = "/people";
/// The audit log.
pub const AUDIT: &str = "/audit";

/// Begins a sign-in by the identity provider.
pub const OIDC_BEGIN: &str = "/sign-in/provider";
/// Links the own account to the identity provider.
pub const OIDC_LINK: &str = "/password/provider";
/// Where the identity provider sends the browser back to.
pub const OIDC_BACK: &str = "/sign-in/provider/back";
/// One person.
pub const PERSON: &str = "/people/{id:[0-9a-f]+}";

/// Mounts every route; every other method and address is a page of its own.
///
/// Hypothetical values are clinical data: they travel in the body of a POST, never in an address.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .app_data(web::FormConfig::default().limit(auth::FORM_BYTES))
        .app_data(web::PayloadConfig::default().limit(auth::FORM_BYTES))
        .service(resource(INDEX).get(pages::index).head(pages::index))
        .service(resource(REPORT_JSON).get(pages::report_json).head(pages::report_json))
        .service(resource(REPORT_PDF).get(exports::pdf).head(exports::pdf))
        .service(resource(REPORT_FHIR).get(exports::fhir).head(exports::fhir))
        .service(resource(PATIENT_PAGE).get(exports::patient_page).head(exports::patient_page))
        .service(resource(REPORT).get(pages::report).head(pages::report))
        .service(form(WHAT_IF).get(what_if::ask).head(what_if::ask).post(what_if::answer))
        .service(form(WHAT_IF_REPORT).get(what_if::back).head(what_if::back).post(what_if::report))
        .service(form(WHAT_IF_JSON).get(what_if::back).head(what_if::back).post(what_if::json))
        .configure(super::board::mount)
        .configure(operations::mount)
        .configure(api::mount)
        .configure(cds::mount)
        .configure(models::mount)
        .configure(tokens::mount)
        .configure(auth::mount)
        .service(form(PEOPLE).get(people::list).head(people::list).post(people::add))
        .service(form(PERSON).get(people::show).head(people::show).post(people::change))
        .service(resource(AUDIT).get(audit_page::list).head(audit_page::list))
        .default_service(web::to(pages::not_found));
}

/// The path of a person.
#[must_use]
pub fn person_path(id: &str) -> String {
    format!("/people/{id}")
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

/// A report in its other forms: words and path.
pub(super) fn form_paths(pseudonym: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PDF", format!("/patients/{pseudonym}.pdf")),
        ("FHIR", format!("/patients/{pseudonym}.fhir.json")),
        ("For the patient", format!("/patients/{pseudonym}/plain/en")),
        ("F\u{fc}r die Patientin oder den Patienten", format!("/patients/{pseudonym}/plain/de")),
    ]
}

/// Where somebody of this role begins who may not read patients.
pub(super) fn first_page(role: Role) -> &'static str {
    if role.has(Right::ReadPatients) {
        INDEX
    } else if role.has(Right::ManagePeople) {
        PEOPLE
    } else {
        MODELS
    }
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

/// True for the path of a page of this server, in characters that need no escaping; `//host` and `/\\host` are none.
#[must_use]
pub fn is_own_path(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%?&=+,".contains(&byte);
    text.len() <= 512 && text.starts_with('/') && !text.starts_with("//") && text.bytes().all(fine)
}

/// An own path as the value of a query parameter.
pub(super) fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('=', "%3D").replace('?', "%3F")
}

/// A page that is read; other methods are answered by a page.
pub(super) fn resource(path: &str) -> Resource {
    answering(path, "GET, HEAD")
}

/// A page with a form that is sent to the same address.
pub(super) fn form(path: &str) -> Resource {
    answering(path, "GET, HEAD, POST")
}

/// An address that takes forms only.
pub(super) fn action(path: &str) -> Resource {
    answering(path, "POST")
}

fn answering(path: &str, allow: &'static str) -> Resource {
    let other = move || async move { Err::<HttpResponse, Error>(Error::Method { allow }) };
    web::resource(path.to_owned()).default_service(web::to(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_own() {
        for good in ["/", "/patients/P-0123456789AB", "/board?state=new&page=2", "/audit?action=signed-in"] {
            assert!(is_own_path(good), "{good}");
        }
        for bad in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\tevil",
            "/a\r\nSet-Cookie: x=y",
            "/é",
            "/a b",
            "/@evil.example",
            "evil.example/",
            "/a#b",
            "/<script>",
        ] {
            assert!(!is_own_path(bad), "{bad}");
        }
    }

    #[test]
    fn only_pseudonyms_have_the_shape_of_one() {
        assert!(is_pseudonym("P-0123456789AB"));
        for bad in ["", "P-", "P-0123456789A", "P-0123456789ABC", "P-0123456789ab", "ispy2:1", "P-../../../etc"] {
            assert!(!is_pseudonym(bad), "{bad}");
        }
    }
}
