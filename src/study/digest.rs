use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::terms::{PatientId, Pseudonym};

/// The SHA-256 of `bytes`, in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file's bytes, in lower-case hex, read in blocks.
///
/// # Errors
/// Of the file system.
pub fn sha256_of_file(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read;

    let mut digest = Sha256::new();
    let mut file = std::fs::File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(block.get(..n).unwrap_or_default());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The patients that something was trained on, as salted hashes of their canonical ids.
///
/// A hash says whether a known id was used; whoever can list the candidate ids can reverse it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowHashes {
    /// Salt, hex.
    pub salt: String,
    /// SHA-256 of the salt's bytes followed by the id's, hex, sorted.
    pub hashes: BTreeSet<String>,
}

impl RowHashes {
    /// Hashes `patients` with a salt derived from `context` (seed and data hash), so that the same run gives the
    /// same bytes.
    pub fn new<'a>(context: &str, patients: impl IntoIterator<Item = &'a PatientId>) -> Self {
        let salt = Sha256::digest(format!("regimen row salt {context}"));
        let salt = salt.get(..16).unwrap_or(&salt).to_vec();
        let hashes = patients.into_iter().map(|patient| salted(&salt, patient)).collect();
        Self { salt: hex(&salt), hashes }
    }

    /// True when the patient was trained on.
    #[must_use]
    pub fn contains(&self, patient: &PatientId) -> bool {
        let salt: Option<Vec<u8>> = (0..self.salt.len() / 2)
            .map(|at| self.salt.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        salt.is_some_and(|salt| self.hashes.contains(&salted(&salt, patient)))
    }
}

fn salted(salt: &[u8], patient: &PatientId) -> String {
    hex(&Sha256::new().chain_update(salt).chain_update(patient.expose()).finalize())
}

/// The secret under which patients' pseudonyms are made.
///
/// `Debug` redacts it.
#[derive(Clone)]
pub struct PseudonymKey(Vec<u8>);

impl PseudonymKey {
    /// A key of the given bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The key compiled into regimen: the same everywhere, so its pseudonyms hide ids from view but not from
    /// someone who can list the candidate ids.
    #[must_use]
    pub fn public() -> Self {
        Self::new(b"regimen public pseudonym key")
    }

    /// The pseudonym of a patient: HMAC-SHA-256 of the canonical id, cut to 48 bits.
    ///
    /// # Source
    /// RFC 2104.
    #[must_use]
    pub fn pseudonym(&self, patient: &PatientId) -> Pseudonym {
        let mut block = [0u8; 64];
        let key = if self.0.len() > 64 { Sha256::digest(&self.0).to_vec() } else { self.0.clone() };
        for (slot, byte) in block.iter_mut().zip(key) {
            *slot = byte;
        }
        let pad = |with: u8| block.map(|byte| byte ^ with);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(patient.expose()).finalize();
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        Pseudonym::from_digest(&outer.into())
    }
}

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PseudonymKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_patients_are_recognised() {
        let id = |text: &str| PatientId::new("demo", text).unwrap();
        let hashes = RowHashes::new("1 abc", [&id("1"), &id("2")]);
        assert!(hashes.contains(&id("2")) && !hashes.contains(&id("3")));
        assert_ne!(hashes.salt, RowHashes::new("2 abc", [&id("1")]).salt);
    }

    /// python3 -c 'import hmac; print(hmac.new(b"Jefe", b"ispy2:100899", "sha256").hexdigest()[:12].upper())'
    #[test]
    fn the_pseudonym_is_an_hmac() {
        let id = PatientId::new("ispy2", "100899").unwrap();
        assert_eq!(PseudonymKey::new(b"Jefe").pseudonym(&id).as_str(), "P-EB7D5910707D");
    }
}
