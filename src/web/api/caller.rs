use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::Value;

use super::{Fault, Problem};
use crate::store::{Action, Person, Right};
use crate::web::auth::SignedIn;
use crate::web::{App, Error};

/// Who asks: a person with a session, or a program with a token of that person.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The person, whose role decides.
    pub(super) person: Person,
    /// Id of the token; `None` for a session.
    token: Option<String>,
}

impl Caller {
    /// Passes when the person's role has `right`; a refusal is audited.
    pub(super) async fn require(&self, request: &HttpRequest, app: &App, right: Right) -> Result<(), Problem> {
        if self.person.role.has(right) {
            return Ok(());
        }
        self.audit(request, app, Action::Refused, None, serde_json::json!({"right": right.as_str()})).await?;
        Err(Problem::new(request, Fault::Forbidden))
    }

    /// Writes what is about to be answered to the audit log; without that nothing is answered.
    pub(super) async fn audit(
        &self,
        request: &HttpRequest,
        app: &App,
        action: Action,
        subject: Option<&str>,
        mut detail: Value,
    ) -> Result<(), Problem> {
        if let Value::Object(fields) = &mut detail {
            fields.insert("by".to_owned(), Value::from("api"));
            if let Some(token) = &self.token {
                fields.insert("token".to_owned(), Value::from(token.clone()));
            }
        }
        let written = app.store().audit(Some(&self.person), action, subject, &detail).await;
        written.map(|_| ()).map_err(|error| Problem::of(request, &Error::Store(error)))
    }
}

/// The bearer token of a request: `Ok(None)` without an `Authorization` header, an error for one of another scheme.
pub(in crate::web) fn bearer(request: &HttpRequest) -> Result<Option<&str>, Fault> {
    let mut found = request.headers().get_all(AUTHORIZATION);
    let Some(value) = found.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Fault::Unauthorized)?;
    let (scheme, token) = text.split_once(' ').ok_or(Fault::Unauthorized)?;
    let fine = found.next().is_none() && scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if fine { Ok(Some(token)) } else { Err(Fault::Unauthorized) }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let problem = |fault| Problem::new(&request, fault);
            if let Some(token) = bearer(&request).map_err(problem)? {
                let app = request.app_data::<web::Data<App>>().ok_or_else(|| problem(Fault::Internal))?;
                let found = app.store().token_person(token).await;
                let found = found.map_err(|error| Problem::of(&request, &Error::Store(error)))?;
                let (id, person) = found.ok_or_else(|| problem(Fault::Unauthorized))?;
                return Ok(Self { person, token: Some(id) });
            }
            match signed_in.await {
                Ok(signed_in) => Ok(Self { person: signed_in.person, token: None }),
                Err(error) => Err(Problem::of(&request, &error)),
            }
        })
    }
}
