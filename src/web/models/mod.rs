//! The pages for people who inspect models: versions with figures and cards, drift of inputs, checks of files.
//!
//! Lives here: the handlers and the reading of uploads, which lie in a temporary file for as long as the check takes.
//! Deliberately absent: figures (`report::model`) and rules of tables (`study`).

mod check;
mod multipart;
mod pages;
#[cfg(test)]
mod tests;
mod upload;

use actix_web::web::ServiceConfig;

use super::routes;

/// One version of a model.
pub const VERSION: &str = "/models/{name}/{version}";
/// One model: its version in use, else its last one.
pub const MODEL: &str = "/models/{name}";
/// The check of files; also takes the name of a file of the folder.
pub const CHECK: &str = "/models/check";
/// Takes a file to check.
pub const UPLOAD: &str = "/models/upload";
/// How the inputs of the cohort differ from those of training.
pub const DRIFT: &str = "/models/drift";

/// Mounts the pages.
pub(super) fn mount(config: &mut ServiceConfig) {
    use routes::{action, form, resource};

    config
        .service(resource(routes::MODELS).get(pages::list).head(pages::list))
        .service(form(CHECK).get(check::form).head(check::form).post(check::named))
        .service(action(UPLOAD).post(upload::upload))
        .service(resource(DRIFT).get(pages::drift).head(pages::drift))
        .service(resource(VERSION).get(pages::version).head(pages::version))
        .service(resource(MODEL).get(pages::model).head(pages::model));
}
