use actix_web::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse};

use crate::web::app::Security;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The session.
    Session,
    /// Ties a form to the browser that asked for it, before there is a session.
    Form,
    /// Ties the answer of the identity provider to the browser that was sent there.
    Flow,
}

/// The cookie's name: browsers take `__Host-` only with `Secure`, `Path=/` and without `Domain`, and not on plain http.
pub(super) fn name(kind: Kind, security: &Security) -> &'static str {
    match (kind, security.tls) {
        (Kind::Session, true) => "__Host-regimen",
        (Kind::Session, false) => "regimen",
        (Kind::Form, true) => "__Host-regimen-form",
        (Kind::Form, false) => "regimen-form",
        (Kind::Flow, true) => "__Host-regimen-flow",
        (Kind::Flow, false) => "regimen-flow",
    }
}

/// The secret that the request carries: 64 lower-case hexadecimal digits, once, or none.
pub(super) fn read(request: &HttpRequest, kind: Kind, security: &Security) -> Option<String> {
    let name = name(kind, security);
    let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(each, _)| *each == name).map(|(_, value)| value);
    // A second one of the same name was planted by somebody: neither counts.
    let value = values.next().filter(|_| values.next().is_none())?;
    let fine = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (value.len() == 64 && value.bytes().all(fine)).then(|| value.to_owned())
}

/// Gives the browser a cookie with `secret` that ends with it.
///
/// `Lax`, not `Strict`: a link in the hospital's record opens the report without another sign-in, and forms carry tokens.
pub(super) fn set(response: &mut HttpResponse, kind: Kind, secret: &str, security: &Security) {
    append(response, &format!("{}={secret}; {}", name(kind, security), attributes(security)));
}

/// Takes the cookie of this kind from the browser.
pub(super) fn remove(response: &mut HttpResponse, kind: Kind, security: &Security) {
    append(response, &format!("{}=; Max-Age=0; {}", name(kind, security), attributes(security)));
}

fn attributes(security: &Security) -> &'static str {
    if security.tls { "HttpOnly; SameSite=Lax; Path=/; Secure" } else { "HttpOnly; SameSite=Lax; Path=/" }
}

fn append(response: &mut HttpResponse, text: &str) {
    let value = HeaderValue::from_str(text).expect("names, attributes and hexadecimal digits are ASCII");
    response.headers_mut().append(SET_COOKIE, value);
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn given(security: &Security) -> String {
        let mut response = HttpResponse::Ok().finish();
        set(&mut response, Kind::Session, "ab", security);
        response.headers().get(SET_COOKIE).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn behind_tls_cookies_are_bound_to_the_host() {
        let tls = Security { tls: true, ..Security::default() };
        assert_eq!(given(&tls), "__Host-regimen=ab; HttpOnly; SameSite=Lax; Path=/; Secure");
        assert_eq!(given(&Security::default()), "regimen=ab; HttpOnly; SameSite=Lax; Path=/");
    }

    #[test]
    fn only_a_single_well_formed_secret_is_read() {
        let secret = "0123456789abcdef".repeat(4);
        let seen = |text: String| {
            let request = TestRequest::default().insert_header(("cookie", text)).to_http_request();
            read(&request, Kind::Session, &Security::default())
        };
        assert_eq!(seen(format!("other=1; regimen={secret}")), Some(secret.clone()));
        for bad in [
            String::new(),
            "regimen=".to_owned(),
            format!("regimen={}", &secret[1..]),
            format!("regimen={}", secret.to_uppercase()),
            format!("regimen={secret}; regimen={secret}"),
            format!("__Host-regimen={secret}"),
            format!("Regimen={secret}"),
            format!("regimen={secret}\""),
        ] {
            assert_eq!(seen(bad.clone()), None, "{bad}");
        }
    }
}
