use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::ORIGIN;
use actix_web::{FromRequest, HttpRequest, rt, web};
use serde::de::DeserializeOwned;

use super::cookie::{self, Kind};
use super::signed_in;
use crate::web::{App, Error, guard};

/// Longest body of a form, bytes.
pub(in crate::web) const FORM_BYTES: usize = 64 * 1024;

/// How long the body of a form may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(10);

/// A form that carries the token of its session in a field `csrf`.
pub trait HasCsrf {
    /// The field `csrf`.
    fn csrf(&self) -> &str;
}

/// A form of a signed-in person whose origin and token were verified; a handler with this argument takes no forged
/// request.
#[derive(Debug, Clone)]
pub struct Checked<T>(pub T);

impl<T> Deref for Checked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: HasCsrf + DeserializeOwned + 'static> FromRequest for Checked<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (form, request) = (web::Form::<T>::from_request(request, payload), request.clone());
        Box::pin(async move {
            same_origin(&request)?;
            let who = signed_in::of(&request).await?.ok_or_else(|| signed_in::absent(&request))?;
            let form = read(form).await?;
            who.check_csrf(form.csrf())?;
            Ok(Self(form))
        })
    }
}

/// A form from before sign-in, whose origin was verified and whose token is the one of the browser's form cookie.
#[derive(Debug, Clone)]
pub(super) struct Anonymous<T>(pub(super) T);

impl<T: HasCsrf + DeserializeOwned + 'static> FromRequest for Anonymous<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (form, request) = (web::Form::<T>::from_request(request, payload), request.clone());
        Box::pin(async move {
            same_origin(&request)?;
            let app = request.app_data::<web::Data<App>>().ok_or(Error::Cut)?;
            let expected = cookie::read(&request, Kind::Form, app.security()).ok_or(Error::Forged)?;
            let form = read(form).await?;
            if equal(form.csrf(), &expected) { Ok(Self(form)) } else { Err(Error::Forged) }
        })
    }
}

async fn read<T: DeserializeOwned + 'static>(form: <web::Form<T> as FromRequest>::Future) -> Result<T, Error> {
    match rt::time::timeout(FORM_TIME, form).await {
        Err(_) => Err(Error::Slow),
        Ok(Err(error)) => Err(Error::of_form(&error)),
        Ok(Ok(form)) => Ok(form.into_inner()),
    }
}

/// Passes when the browser does not say that the request comes from elsewhere.
///
/// # Errors
/// [`Error::Forged`] when `Sec-Fetch-Site` or `Origin` name another site. Programs that send neither still need the token.
pub(in crate::web) fn same_origin(request: &HttpRequest) -> Result<(), Error> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let site = header("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Error::Forged);
    }
    match header(ORIGIN.as_str()) {
        None => Ok(()),
        // Browsers hide the origin under a strict referrer policy, but no page can set the other header.
        Some("null") if site == Some("same-origin") => Ok(()),
        Some(origin) if guard::is_own_origin(request, origin) => Ok(()),
        Some(_) => Err(Error::Forged),
    }
}

/// Compares two secrets in a time that does not tell where they differ.
pub(super) fn equal(left: &str, right: &str) -> bool {
    let differing = left.bytes().zip(right.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
    !left.is_empty() && left.len() == right.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_secrets_are_equal_and_an_empty_one_never_is() {
        assert!(equal("abc", "abc"));
        for (left, right) in [("", ""), ("abc", "abd"), ("abc", "ab"), ("ab", "abc"), ("", "abc")] {
            assert!(!equal(left, right), "{left} {right}");
        }
    }
}
