//! Sign-in by an OpenID Connect provider: authorization code with PKCE, state and nonce.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreProviderMetadata};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, reqwest,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cookie::{self, Kind};
use super::forms::{Anonymous, Checked, HasCsrf, equal};
use super::sign_in::{TokenForm, entered, own_next};
use super::{SignedIn, signed_in};
use crate::store::{self, Identity, Role, new_secret};
use crate::web::layout::Page;
use crate::web::{App, Error, answer, routes};

/// How long somebody may take at the provider, milliseconds.
const FLOW_MS: i64 = 10 * 60 * 1000;

/// How long the provider may take to answer.
const PROVIDER_TIME: Duration = Duration::from_secs(10);

/// The provider and what its people may do here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the provider, as its discovery document says it.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there, for a client that has one.
    pub client_secret: Option<String>,
    /// Our own address as browsers see it, without a path.
    pub public_url: String,
    /// The claim of the ID token that names roles.
    pub role_claim: Option<String>,
    /// Values of that claim and the roles they mean; the words of roles mean themselves.
    pub roles: BTreeMap<String, Role>,
    /// The role of new people whom the claim names none for.
    pub default_role: Option<Role>,
}

/// A provider that was set up; nothing is asked of it before the first sign-in.
pub struct Provider {
    settings: Settings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    label: String,
    http: reqwest::Client,
}

/// What is kept between the two halves of a sign-in.
#[derive(Serialize, Deserialize)]
struct Flow {
    nonce: String,
    verifier: String,
    next: String,
    link: Option<String>,
}

type Discovered = (CoreProviderMetadata, Option<ClientSecret>);

fn failed<E: std::error::Error + Send + Sync + 'static>(doing: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::Provider { doing, source: Box::new(source) }
}

fn missing(doing: &'static str) -> Error {
    Error::Provider { doing, source: "something required is missing".into() }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider at `settings.issuer`.
    ///
    /// # Errors
    /// [`Error::Provider`] when an address is none, or would send secrets in the clear over a network.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(failed("reading the issuer's address"))?;
        let back = format!("{}{}", settings.public_url.trim_end_matches('/'), routes::OIDC_BACK);
        let redirect = RedirectUrl::new(back).map_err(failed("reading the public address"))?;
        for url in [issuer.url(), redirect.url()] {
            let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
            if url.scheme() != "https" && !(url.scheme() == "http" && local) {
                let source = "expected https, or http on loopback".into();
                return Err(Error::Provider { doing: "reading an address", source });
            }
        }
        // A provider that redirects could send us, with our secret, to an address inside the hospital.
        let http = reqwest::ClientBuilder::new()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PROVIDER_TIME)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(failed("preparing requests"))?;
        let label = issuer.url().host_str().unwrap_or_default().to_owned();
        Ok(Self { settings, issuer, redirect, label, http })
    }

    /// What the button on the sign-in page calls the provider: its host.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The discovery document and keys of now, so that a provider may change its keys at any time.
    async fn discover(&self) -> Result<Discovered, Error> {
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(failed("reading the discovery document"))?;
        Ok((metadata, self.settings.client_secret.clone().map(ClientSecret::new)))
    }

    /// Where to send the browser, the state, and what to keep until it comes back.
    async fn begin(&self, next: &str, link: Option<String>) -> Result<(String, String, Flow), Error> {
        let (metadata, secret) = self.discover().await?;
        let client =
            CoreClient::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret)
                .set_redirect_uri(self.redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = new_secret()?;
        let kept = state.clone();
        let (url, _, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(kept.clone()),
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let flow =
            Flow { nonce: nonce.secret().clone(), verifier: verifier.into_secret(), next: next.to_owned(), link };
        Ok((url.to_string(), state, flow))
    }

    /// Trades the code for an ID token, verifies it, and says whom it vouches for.
    async fn finish(&self, code: String, flow: &Flow) -> Result<Vouched, Error> {
        let (metadata, secret) = self.discover().await?;
        let client =
            CoreClient::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret)
                .set_redirect_uri(self.redirect.clone());
        let response = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(failed("reading the token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(failed("trading the code"))?;
        let token: &CoreIdToken = response.id_token().ok_or_else(|| missing("reading the ID token"))?;
        let verifier = client.id_token_verifier();
        let claims =
            token.claims(&verifier, &Nonce::new(flow.nonce.clone())).map_err(failed("verifying the ID token"))?;
        if let Some(expected) = claims.access_token_hash() {
            let found = AccessTokenHash::from_token(
                response.access_token(),
                token.signing_alg().map_err(failed("reading the signature"))?,
                token.signing_key(&verifier).map_err(failed("reading the signature"))?,
            )
            .map_err(failed("hashing the access token"))?;
            if found != *expected {
                return Err(missing("comparing the access token"));
            }
        }
        let all = payload(&token.to_string()).ok_or_else(|| missing("reading the claims"))?;
        Ok(Vouched {
            subject: claims.subject().as_str().to_owned(),
            login: claims.preferred_username().map(|name| name.as_str().to_owned()),
            display_name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
            role: self.settings.role_claim.as_ref().map(|claim| self.role_of(all.get(claim))),
        })
    }

    /// The role that the values of the claim mean; of several the one with the most rights is not guessed: the first in
    /// the order of [`Role::ALL`] wins.
    fn role_of(&self, claim: Option<&Value>) -> Option<Role> {
        let values: Vec<&str> = match claim {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let meant = |value: &str| self.settings.roles.get(value).copied().or_else(|| Role::parse(value));
        let roles: Vec<Role> = values.into_iter().filter_map(meant).collect();
        Role::ALL.into_iter().find(|role| roles.contains(role))
    }
}

/// Whom the provider vouches for.
struct Vouched {
    subject: String,
    login: Option<String>,
    display_name: Option<String>,
    /// `None` when no claim is looked at, `Some(None)` when the claim names no role.
    role: Option<Option<Role>>,
}

/// The claims of a token whose signature was verified.
fn payload(token: &str) -> Option<serde_json::Map<String, Value>> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[derive(Template)]
#[template(path = "web/continue.html")]
struct ContinuePage {
    page: Page,
    href: String,
    label: String,
}

/// The form that begins a sign-in.
#[derive(Debug, Deserialize)]
pub(super) struct BeginForm {
    csrf: String,
    #[serde(default)]
    next: String,
}

impl HasCsrf for BeginForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// What the provider sends back.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
}

/// Sends the browser to the provider.
pub(super) async fn begin(app: web::Data<App>, Anonymous(sent): Anonymous<BeginForm>) -> Result<HttpResponse, Error> {
    go(&app, None, own_next(&sent.next), None).await
}

/// Sends somebody who is signed in to the provider, to link the account.
pub(super) async fn link(app: web::Data<App>, who: SignedIn, _form: Checked<TokenForm>) -> Result<HttpResponse, Error> {
    go(&app, Some(&who), routes::PASSWORD, Some(who.person.id.clone())).await
}

async fn go(app: &App, who: Option<&SignedIn>, next: &str, link: Option<String>) -> Result<HttpResponse, Error> {
    let provider = app.provider().ok_or(Error::NotFound)?;
    let (href, state, flow) = provider.begin(next, link).await?;
    let secrets = serde_json::to_string(&flow).map_err(failed("keeping the flow"))?;
    app.store().put_flow(&state, &secrets, FLOW_MS).await?;
    // A page with a link instead of a redirect: browsers hold redirects of a form to the policy for forms.
    let page = ContinuePage { page: Page::new("Sign in elsewhere", who, ""), href, label: provider.label().to_owned() };
    let mut response = answer::page(actix_web::http::StatusCode::OK, &page)?;
    cookie::set(&mut response, Kind::Flow, &state, app.security());
    Ok(response)
}

/// Takes the browser back from the provider.
pub(super) async fn back(
    request: HttpRequest,
    app: web::Data<App>,
    query: web::Query<Back>,
) -> Result<HttpResponse, Error> {
    let provider = app.provider().ok_or(Error::NotFound)?;
    let Back { state, code, iss } = query.into_inner();
    let state = state.ok_or(Error::NotVouched)?;
    // The flow's cookie ties the answer to the browser that asked: nobody is signed in as somebody else by a link.
    let asked = cookie::read(&request, Kind::Flow, app.security()).ok_or(Error::NotVouched)?;
    if !equal(&state, &asked) {
        return Err(Error::NotVouched);
    }
    let kept = app.store().take_flow(&state).await?.ok_or(Error::NotVouched)?;
    let flow: Flow = serde_json::from_str(&kept).map_err(failed("reading the flow"))?;
    if iss.is_some_and(|iss| iss != provider.settings.issuer) {
        return Err(Error::NotVouched);
    }
    let vouched = provider.finish(code.ok_or(Error::NotVouched)?, &flow).await?;
    if let Some(id) = &flow.link {
        let who = signed_in::of(&request).await?.filter(|who| who.person.id == *id).ok_or(Error::NotVouched)?;
        app.store().link_identity(&who.person, &provider.settings.issuer, &vouched.subject).await?;
        return Ok(answer::redirect(routes::PASSWORD));
    }
    let default_role = provider.settings.default_role;
    if vouched.role == Some(None) && default_role.is_none() {
        return Err(Error::NotVouched);
    }
    let identity = Identity {
        issuer: &provider.settings.issuer,
        subject: &vouched.subject,
        login: vouched.login.as_deref(),
        display_name: vouched.display_name.as_deref(),
        // Where a claim is looked at, the role is the provider's to give and to take.
        role: vouched.role.map(|named| named.or(default_role)).unwrap_or_default(),
        default_role,
    };
    let before = cookie::read(&request, Kind::Session, app.security());
    match app.store().sign_in_identity(identity, before.as_deref()).await {
        Ok(token) => entered(&app, token, own_next(&flow.next)),
        Err(store::Error::NoPerson) => Err(Error::NotVouched),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str, public_url: &str) -> Settings {
        Settings {
            issuer: issuer.to_owned(),
            client_id: "regimen".to_owned(),
            client_secret: None,
            public_url: public_url.to_owned(),
            role_claim: Some("groups".to_owned()),
            roles: [("tumour-board".to_owned(), Role::Coordinator)].into(),
            default_role: None,
        }
    }

    #[test]
    fn secrets_never_cross_a_network_in_the_clear() {
        assert!(Provider::new(settings("https://id.example", "https://regimen.example")).is_ok());
        assert!(Provider::new(settings("http://127.0.0.1:9", "http://localhost:8080")).is_ok());
        for (issuer, public) in [
            ("http://id.example", "https://regimen.example"),
            ("https://id.example", "http://regimen.example"),
            ("ftp://127.0.0.1", "https://regimen.example"),
            ("no address", "https://regimen.example"),
        ] {
            assert!(Provider::new(settings(issuer, public)).is_err(), "{issuer} {public}");
        }
    }

    #[test]
    fn claims_name_roles_by_the_map_or_by_their_own_words() {
        let provider = Provider::new(settings("https://id.example", "https://regimen.example")).unwrap();
        let role = |claim: Value| provider.role_of(Some(&claim));
        assert_eq!(role("clinician".into()), Some(Role::Clinician));
        assert_eq!(role(vec!["staff", "tumour-board"].into()), Some(Role::Coordinator));
        assert_eq!(role(vec!["administrator", "clinician"].into()), Some(Role::Clinician), "the least comes first");
        assert_eq!(role(vec!["Administrator"].into()), None);
        assert_eq!(role(7.into()), None);
        assert_eq!(provider.role_of(None), None);
    }
}
