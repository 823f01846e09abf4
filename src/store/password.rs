use std::sync::{Condvar, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::Error;
use super::random::random_bytes;

/// Fewest characters of a password.
pub const MIN_PASSWORD: usize = 12;

/// Most bytes of a password; hashing time must not be the sender's to choose.
const MAX_PASSWORD: usize = 256;

/// Memory in KiB, passes and lanes.
///
/// # Source
/// OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Checks a new password against the rules: at least 12 characters, at most 256 bytes, not the login, not one character.
///
/// # Errors
/// [`Error::Password`] with the broken rule.
pub fn check_password(password: &str, login: &str) -> Result<(), Error> {
    let mut letters = password.chars();
    let first = letters.next();
    let rule = if password.chars().count() < MIN_PASSWORD {
        "expected at least 12 characters"
    } else if password.len() > MAX_PASSWORD {
        "expected at most 256 bytes"
    } else if password.trim().to_lowercase() == login.to_lowercase() {
        "expected another text than the login"
    } else if letters.all(|letter| Some(letter) == first) {
        "expected more than one character repeated"
    } else {
        return Ok(());
    };
    Err(Error::Password { rule })
}

/// How many passwords are hashed at once: each takes 19 MiB.
const AT_ONCE: usize = 4;

static HASHING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// A place among those that hash; given back when dropped.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let (count, freed) = &HASHING;
        let running = count.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running =
            freed.wait_while(running, |running| *running >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (count, freed) = &HASHING;
        *count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        freed.notify_one();
    }
}

fn hasher() -> Result<Argon2<'static>, Error> {
    // Tests hash hundreds of passwords; one pass over the least memory keeps them quick.
    let (memory, passes, lanes) = if cfg!(test) { (Params::MIN_M_COST, 1, 1) } else { COST };
    let params = Params::new(memory, passes, lanes, None).map_err(|_| Error::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password that keeps the rules, hashed. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct HashedPassword(pub(super) String);

impl std::fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}

impl HashedPassword {
    /// Checks and hashes a password with a random salt (argon2id). Takes some 30 ms: call it on a blocking thread.
    ///
    /// # Errors
    /// [`Error::Password`] with the broken rule, [`Error::Hashing`] when it cannot be hashed.
    pub fn new(password: &str, login: &str) -> Result<Self, Error> {
        check_password(password, login)?;
        let _turn = Turn::wait();
        let hashed: PasswordHash = hasher()?.hash_password(password.as_bytes()).map_err(|_| Error::Hashing)?;
        Ok(Self(hashed.to_string()))
    }

    /// A random password of 100 bits in letters that are hard to mistake, and its hash; it is shown once.
    ///
    /// # Errors
    /// [`Error::Io`] without random bytes, [`Error::Hashing`] when it cannot be hashed.
    pub fn initial() -> Result<(String, Self), Error> {
        let bytes = random_bytes::<20>()?;
        let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
        let text = letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-");
        let hashed = Self::new(&text, "")?;
        Ok((text, hashed))
    }
}

/// Crockford's base 32: without i, l, o and u.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// True when `password` belongs to `stored`. Without a stored hash it spends the same time and answers false.
pub(super) fn verify(password: &str, stored: Option<&str>) -> bool {
    let Ok(hasher) = hasher() else { return false };
    let _turn = Turn::wait();
    let known = stored.and_then(|text| PasswordHash::new(text).ok());
    if password.len() <= MAX_PASSWORD
        && let Some(known) = known
    {
        return hasher.verify_password(password.as_bytes(), &known).is_ok();
    }
    let spent: Result<PasswordHash, _> = hasher.hash_password(b"nobody has this password");
    drop(spent);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let HashedPassword(stored) = HashedPassword::new("correct horse battery", "anna").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$"));
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterY", Some(&stored)));
        let HashedPassword(again) = HashedPassword::new("correct horse battery", "anna").unwrap();
        assert_ne!(stored, again, "salts differ");
        assert!(!verify("correct horse battery", None));
        assert!(!verify("correct horse battery", Some("not a hash")));
        assert!(!verify(&"x".repeat(300), Some(&stored)));
    }

    #[test]
    fn initial_passwords_are_long_and_never_the_same() {
        let (text, hashed) = HashedPassword::initial().unwrap();
        assert_eq!(text.len(), 23);
        assert!(verify(&text, Some(&hashed.0)));
        assert_ne!(text, HashedPassword::initial().unwrap().0);
        assert_eq!(format!("{hashed:?}"), "HashedPassword(…)");
    }

    #[test]
    fn weak_passwords_are_refused_with_the_rule() {
        for (weak, login) in [
            ("", "anna"),
            ("eleven char", "anna"),
            ("Anna.Example-Clinic", "anna.example-clinic"),
            ("aaaaaaaaaaaaaaaa", "anna"),
            (&*"x1".repeat(129), "anna"),
        ] {
            assert!(check_password(weak, login).is_err(), "{weak}");
        }
        assert!(check_password("zwölf Zeichen", "anna").is_ok());
    }
}
