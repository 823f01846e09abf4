use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use super::super::Error;
use super::super::pixels::hex;
use super::hmac::hmac_sha256;

/// The shortest key that is taken, bytes: the length of the hash, the least that RFC 2104 section 3 recommends.
const MIN_KEY: usize = 32;

/// The longest key file that is read, bytes.
const MAX_KEY: u64 = 4096;

/// Fewer distinct byte values than this are a pattern, not a secret.
const MIN_DISTINCT: usize = 8;

/// Dates move back by at least this many days: less than a year would leave the season of the original.
const MIN_DAYS_BACK: u64 = 366;

/// Dates move back by fewer than this many days beyond the least, nine years.
const SPAN_DAYS_BACK: u64 = 3287;

/// The secret from which pseudonyms, new UIDs and date shifts are derived; `Debug` shows none of it.
///
/// The same key gives the same patient the same pseudonym in every run, and another key another one. Whoever holds it can
/// test a guessed patient id against a pseudonym, so it stays in the hospital.
pub struct DeidentifyKey {
    secret: Vec<u8>,
}

impl fmt::Debug for DeidentifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeidentifyKey(…)")
    }
}

impl DeidentifyKey {
    /// The key in the file at `path`: all of its bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Key`] when it is shorter than 32 bytes, longer than 4096, or a
    /// pattern of fewer than 8 different bytes.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mut secret = Vec::new();
        File::open(path).map_err(io)?.take(MAX_KEY + 1).read_to_end(&mut secret).map_err(io)?;
        Self::from_bytes(secret)
    }

    /// A key from bytes that are already in memory.
    ///
    /// # Errors
    /// [`Error::Key`] as [`DeidentifyKey::from_file`].
    pub fn from_bytes(secret: Vec<u8>) -> Result<Self, Error> {
        let distinct = secret.iter().collect::<BTreeSet<_>>().len();
        if secret.len() < MIN_KEY || secret.len() as u64 > MAX_KEY {
            let reason = format!("expected {MIN_KEY} to {MAX_KEY} bytes, found {}", secret.len());
            return Err(Error::Key { reason });
        }
        if distinct < MIN_DISTINCT {
            return Err(Error::Key { reason: format!("expected random bytes, found {distinct} different ones") });
        }
        Ok(Self { secret })
    }

    /// Writes 32 random bytes of the operating system to a new file that only its owner may read (mode 0600).
    ///
    /// # Errors
    /// [`Error::Io`] when `path` exists or cannot be written, or where the system has no `/dev/urandom`.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut secret = vec![0u8; MIN_KEY];
        let random = Path::new("/dev/urandom");
        File::open(random)
            .and_then(|mut source| source.read_exact(&mut secret))
            .map_err(|source| Error::Io { path: random.to_owned(), source })?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(path)
            .and_then(|mut file| file.write_all(&secret).and_then(|()| file.sync_all()))
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::from_bytes(secret)
    }

    /// True when others than its owner may read the file of a key; false where the system has no such modes.
    #[must_use]
    pub fn readable_by_others(path: &Path) -> bool {
        #[cfg(unix)]
        let open = fs::metadata(path)
            .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0);
        #[cfg(not(unix))]
        let open = false;
        open
    }

    /// A hash of `text` for one purpose; purposes never share a hash.
    fn hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        hmac_sha256(&self.secret, &[purpose.as_bytes(), &[0], text.as_bytes()])
    }

    /// The pseudonym of a PatientID (trimmed): `p` and 24 hexadecimal digits of its keyed hash.
    pub(super) fn pseudonym(&self, patient_id: &str) -> String {
        format!("p{}", hex(&self.hash("patient", patient_id)[..12]))
    }

    /// The new UID of a UID: `2.25.` and the decimal form of a UUID (version 8, RFC 9562) out of its keyed hash.
    ///
    /// # Source
    /// PS3.5 section B.2.
    pub(super) fn uid(&self, uid: &str) -> String {
        let mut uuid = [0u8; 16];
        uuid.copy_from_slice(&self.hash("uid", uid)[..16]);
        uuid[6] = uuid[6] & 0x0f | 0x80;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        format!("2.25.{}", u128::from_be_bytes(uuid))
    }

    /// By how many days the dates of a patient move back: 366 to 3652.
    pub(super) fn days_back(&self, patient_id: &str) -> i64 {
        let mut eight = [0u8; 8];
        eight.copy_from_slice(&self.hash("days", patient_id)[..8]);
        (MIN_DAYS_BACK + u64::from_be_bytes(eight) % SPAN_DAYS_BACK) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8) -> DeidentifyKey {
        DeidentifyKey::from_bytes((first..first + 32).collect()).unwrap()
    }

    #[test]
    fn a_created_key_is_private_and_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let created = DeidentifyKey::create(&path).unwrap();
        assert!(!DeidentifyKey::readable_by_others(&path));
        assert_eq!(DeidentifyKey::from_file(&path).unwrap().pseudonym("17"), created.pseudonym("17"));
        assert!(matches!(DeidentifyKey::create(&path), Err(Error::Io { .. })));
        assert_eq!(format!("{created:?}"), "DeidentifyKey(…)");
    }

    #[test]
    fn short_and_patterned_keys_are_refused_without_being_shown() {
        let error = DeidentifyKey::from_bytes(vec![7; 31]).unwrap_err().to_string();
        assert_eq!(error, "de-identification key: expected 32 to 4096 bytes, found 31");
        let error = DeidentifyKey::from_bytes(vec![7; 64]).unwrap_err().to_string();
        assert_eq!(error, "de-identification key: expected random bytes, found 1 different ones");
        assert!(DeidentifyKey::from_bytes((0..=255).cycle().take(4097).collect()).is_err());
    }

    #[test]
    fn derived_values_depend_on_key_text_and_purpose() {
        let (a, b) = (key(1), key(2));
        assert_eq!(a.pseudonym("17"), a.pseudonym("17"));
        assert_ne!(a.pseudonym("17"), b.pseudonym("17"));
        assert_ne!(a.pseudonym("17"), a.pseudonym("18"));
        assert_ne!(a.hash("uid", "1"), a.hash("days", "1"));
        for text in ["1.2.3", "", "a\u{e4}"] {
            let uid = a.uid(text);
            assert!(uid.len() <= 44 && uid.starts_with("2.25."), "{uid}");
            let uuid: u128 = uid[5..].parse().unwrap();
            assert_eq!((uuid >> 76 & 0xf, uuid >> 62 & 3), (8, 2), "version and variant of RFC 9562");
        }
        let days: Vec<i64> = (0..2000).map(|id| a.days_back(&id.to_string())).collect();
        assert!(days.iter().all(|day| (366..=3652).contains(day)));
        assert!(days.iter().min() < Some(&400) && days.iter().max() > Some(&3600));
    }
}
