use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::ORIGIN;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::signed_in;
use crate::web::{Error, guard};

/// A form that carries the token of its session in a field `csrf`.
pub trait HasCsrf {
    /// The field `csrf`.
    fn csrf(&self) -> &str;
}

/// A form whose origin and token were verified; a handler with this argument takes no forged request.
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
        let form = web::Form::<T>::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            same_origin(&request)?;
            let who = signed_in::of(&request).await?.ok_or(Error::Forged)?;
            let form = form.await.map_err(|error| Error::of_form(&error))?.into_inner();
            who.check_csrf(form.csrf())?;
            Ok(Self(form))
        })
    }
}

/// Passes when the browser says that the request comes from our own pages.
///
/// # Errors
/// [`Error::Forged`] when `Sec-Fetch-Site` or `Origin` name another site, or when a browser sends neither and no token
/// could have been read.
pub(in crate::web) fn same_origin(request: &HttpRequest) -> Result<(), Error> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Error::Forged);
    }
    match request.headers().get(ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let origin = origin.to_str().map_err(|_| Error::Forged)?;
            if guard::is_own_origin(request, origin) { Ok(()) } else { Err(Error::Forged) }
        }
    }
}

/// Compares two secrets in a time that does not tell where they differ.
pub(super) fn equal(left: &str, right: &str) -> bool {
    let differing = left.bytes().zip(right.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
    !left.is_empty() && left.len() == right.len() && differing == 0
}
