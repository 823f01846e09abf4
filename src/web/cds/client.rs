use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyId};
use serde::Deserialize;
use thiserror::Error as ThisError;

/// Longest token read, characters.
const MAX_TOKEN: usize = 8192;

/// Longest life of a token, seconds: the specification recommends five minutes.
const MAX_LIFE_S: i64 = 300;

/// How far clocks may differ, seconds.
const LEEWAY_S: i64 = 30;

/// Most tokens remembered against a second use.
const MAX_SEEN: usize = 50_000;

/// The clinical systems that may ask, by their public keys.
///
/// # Source
/// CDS Hooks 2.0, "Trusting CDS Clients".
#[derive(Debug)]
pub struct Clients {
    keys: CoreJsonWebKeySet,
    issuers: Vec<String>,
    /// Tokens seen, by issuer and `jti`, with the second at which they end.
    seen: Mutex<HashMap<(String, String), i64>>,
}

/// A file of keys that cannot be used.
#[derive(Debug, ThisError)]
pub enum ClientsError {
    /// It cannot be read.
    #[error("{path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no key set.
    #[error("{path}: expected a JSON Web Key Set with at least one key for signatures")]
    Keys {
        /// The file.
        path: PathBuf,
    },
    /// No issuer is named.
    #[error("expected at least one issuer beside the keys of clinical systems")]
    NoIssuer,
}

/// The head of a token.
#[derive(Debug, Deserialize)]
struct Head {
    alg: CoreJwsSigningAlgorithm,
    kid: Option<JsonWebKeyId>,
}

/// What a token claims.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    jti: String,
}

/// One audience or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Clients {
    /// The keys of the file at `path`, for tokens of `issuers`.
    ///
    /// # Errors
    /// [`ClientsError`].
    pub fn read(path: &Path, issuers: Vec<String>) -> Result<Self, ClientsError> {
        let text = std::fs::read(path).map_err(|source| ClientsError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, issuers)
            .ok_or_else(|| ClientsError::Keys { path: path.to_owned() })
            .and_then(|clients| if clients.issuers.is_empty() { Err(ClientsError::NoIssuer) } else { Ok(clients) })
    }

    fn parse(text: &[u8], issuers: Vec<String>) -> Option<Self> {
        let keys: CoreJsonWebKeySet = serde_json::from_slice(text).ok()?;
        (!keys.keys().is_empty()).then(|| Self { keys, issuers, seen: Mutex::default() })
    }

    /// The issuer of a token that is signed by a known key, for `audience`, alive at second `now_s` and used for the first
    /// time.
    ///
    /// # Errors
    /// Why not, in words that say nothing of keys.
    pub(super) fn verify(&self, token: &str, audience: &str, now_s: i64) -> Result<String, &'static str> {
        const MALFORMED: &str = "the token is malformed";
        if token.len() > MAX_TOKEN {
            return Err(MALFORMED);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (head, payload) = message.split_once('.').ok_or(MALFORMED)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
        let head: Head = serde_json::from_slice(&decode(head)?).map_err(|_| MALFORMED)?;
        if !is_asymmetric(&head.alg) {
            return Err("the token must be signed with a private key");
        }
        let signature = decode(signature)?;
        let mut candidates =
            self.keys.keys().iter().filter(|key| head.kid.is_none() || key.key_id() == head.kid.as_ref());
        let signed = |key: &CoreJsonWebKey| key.verify_signature(&head.alg, message.as_bytes(), &signature).is_ok();
        if !candidates.any(signed) {
            return Err("no known key signed the token");
        }
        let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| MALFORMED)?;
        if !self.issuers.contains(&claims.iss) {
            return Err("the issuer is not known");
        }
        let meant = match &claims.aud {
            Audience::One(one) => one == audience,
            Audience::Several(all) => all.iter().any(|each| each == audience),
        };
        if !meant {
            return Err("the token is for another address");
        }
        let alive = claims.iat <= now_s.saturating_add(LEEWAY_S) && claims.exp >= now_s.saturating_sub(LEEWAY_S);
        if !alive {
            return Err("the token is not alive");
        }
        if claims.exp.saturating_sub(claims.iat) > MAX_LIFE_S {
            return Err("the token lives longer than five minutes");
        }
        self.first_use(claims, now_s)
    }

    fn first_use(&self, claims: Claims, now_s: i64) -> Result<String, &'static str> {
        if claims.jti.is_empty() || claims.jti.len() > 256 {
            return Err("the token has no usable jti");
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_SEEN {
            seen.retain(|_, ends| *ends >= now_s.saturating_sub(LEEWAY_S));
        }
        if seen.len() >= MAX_SEEN {
            return Err("too many tokens at once");
        }
        match seen.insert((claims.iss.clone(), claims.jti), claims.exp) {
            None => Ok(claims.iss),
            Some(_) => Err("the token was used before"),
        }
    }
}

/// True for signatures that need a private key; with the others, whoever knows the published keys could sign.
fn is_asymmetric(alg: &CoreJwsSigningAlgorithm) -> bool {
    use CoreJwsSigningAlgorithm as A;

    matches!(
        alg,
        A::RsaSsaPkcs1V15Sha256
            | A::RsaSsaPkcs1V15Sha384
            | A::RsaSsaPkcs1V15Sha512
            | A::RsaSsaPssSha256
            | A::RsaSsaPssSha384
            | A::RsaSsaPssSha512
            | A::EcdsaP256Sha256
            | A::EcdsaP384Sha384
            | A::EdDsa
    )
}

#[cfg(test)]
impl Clients {
    /// Keys and one issuer, for tests of other files.
    pub(super) fn for_test(keys: &str, issuer: &str) -> Self {
        Self::parse(keys.as_bytes(), vec![issuer.to_owned()]).unwrap()
    }
}
