use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};

use crate::web::app::Security;

/// Name over TLS: browsers take it only with `Secure`, `Path=/` and without `Domain`.
const SECURE_NAME: &str = "__Host-regimen";

/// Name on plain-http loopback, where browsers refuse the prefix.
const PLAIN_NAME: &str = "regimen";

/// The session's cookie name.
pub(super) fn name(security: &Security) -> &'static str {
    if security.tls { SECURE_NAME } else { PLAIN_NAME }
}

/// The token that the request carries: 64 hexadecimal digits, or none.
pub(super) fn token(request: &HttpRequest, security: &Security) -> Option<String> {
    let value = request.cookie(name(security))?.value().to_owned();
    (value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(value)
}

/// A cookie for `token` that ends with the browser.
pub(super) fn session(token: String, security: &Security) -> Cookie<'static> {
    Cookie::build(name(security), token)
        .path("/")
        .http_only(true)
        .secure(security.tls)
        .same_site(SameSite::Lax)
        .finish()
}

/// A cookie that removes the session's.
pub(super) fn removal(security: &Security) -> Cookie<'static> {
    let mut cookie = session(String::new(), security);
    cookie.make_removal();
    cookie
}
