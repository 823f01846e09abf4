//! Who is asking: sessions, sign-in, set-up, the own password, the identity provider, and protection of forms.

mod address;
mod cookie;
mod forms;
pub mod oidc;
mod own_password;
mod setup;
mod sign_in;
mod signed_in;

pub use forms::{Checked, HasCsrf};
pub use signed_in::SignedIn;

pub(super) use forms::FORM_BYTES;
pub(super) use own_password::rule_words;
pub(super) use signed_in::of;

use actix_web::web::ServiceConfig;

use super::routes;

/// Mounts the pages of sign-in and set-up.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(routes::form(routes::SIGN_IN).get(sign_in::show).head(sign_in::show).post(sign_in::enter))
        .service(routes::action(routes::SIGN_OUT).post(sign_in::leave))
        .service(routes::form(routes::SETUP).get(setup::show).head(setup::show).post(setup::enter))
        .service(
            routes::form(routes::PASSWORD).get(own_password::show).head(own_password::show).post(own_password::change),
        )
        .service(routes::action(routes::OIDC_BEGIN).post(oidc::begin))
        .service(routes::action(routes::OIDC_LINK).post(oidc::link))
        .service(routes::resource(routes::OIDC_BACK).get(oidc::back));
}

#[cfg(test)]
mod tests;
