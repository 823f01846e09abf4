use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// A canonical, namespaced patient id (`ispy2:100899`).
///
/// `Debug` and `Display` redact it, so that it cannot reach a log, an error, a URL or a file name
/// by accident; [`PatientId::expose`] is the one way to the text.
///
/// ```
/// use regimen::terms::PatientId;
/// let id = PatientId::new("ispy2", "100899").unwrap();
/// assert_eq!(id.expose(), "ispy2:100899");
/// assert_eq!(format!("{id} {id:?}"), "ispy2:*** ispy2:***");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PatientId(String);

impl PatientId {
    /// Joins a cohort namespace and the cohort's own id.
    ///
    /// # Errors
    /// [`Error::PatientId`] when either part is empty or the namespace holds a colon.
    pub fn new(namespace: &str, id: &str) -> Result<Self, Error> {
        Self::parse(&format!("{namespace}:{id}"))
    }

    /// Reads `namespace:id`.
    ///
    /// # Errors
    /// [`Error::PatientId`] when the colon or either part is missing.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some((namespace, id)) if !namespace.is_empty() && !id.trim().is_empty() => Ok(Self(text.to_owned())),
            _ => Err(Error::PatientId),
        }
    }

    /// The full text, for tables and joins only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The cohort namespace, which is not identifying.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }
}

impl fmt::Display for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.namespace())
    }
}

impl fmt::Debug for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for PatientId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<PatientId> for String {
    fn from(id: PatientId) -> Self {
        id.0
    }
}

/// The name under which a patient appears on a page, in a URL and in a file name: `P-` and 12 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// The pseudonym made of the first six bytes of a keyed digest of the patient id.
    #[must_use]
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let hex: String = digest[..6].iter().map(|byte| format!("{byte:02X}")).collect();
        Self(format!("P-{hex}"))
    }

    /// The text, safe to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_id_needs_a_namespace_and_an_id() {
        for bad in ["", ":", "ispy2:", ":1", "100899", "ispy2: "] {
            assert_eq!(PatientId::parse(bad), Err(Error::PatientId), "{bad}");
        }
    }
}
