use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::Error;

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

fn hasher() -> Result<Argon2<'static>, Error> {
    // Tests hash hundreds of passwords; one pass over the least memory keeps them quick.
    let (memory, passes, lanes) = if cfg!(test) { (Params::MIN_M_COST, 1, 1) } else { COST };
    let params = Params::new(memory, passes, lanes, None).map_err(|_| Error::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The argon2id hash with a random salt, as a PHC string. Takes about 30 ms: call it on a blocking thread.
///
/// # Errors
/// [`Error::Hashing`] when it cannot be made.
pub(super) fn hash(password: &str) -> Result<String, Error> {
    let hashed: PasswordHash = hasher()?.hash_password(password.as_bytes()).map_err(|_| Error::Hashing)?;
    Ok(hashed.to_string())
}

/// True when `password` belongs to `stored`. Without a stored hash it spends the same time and answers false.
///
/// # Errors
/// [`Error::Hashing`] when the dummy hash cannot be made.
pub(super) fn verify(password: &str, stored: Option<&str>) -> Result<bool, Error> {
    let short: String;
    let password = if password.len() > MAX_PASSWORD {
        short = String::new();
        &short
    } else {
        password
    };
    match stored.and_then(|text| PasswordHash::new(text).ok()) {
        Some(stored) => Ok(hasher()?.verify_password(password.as_bytes(), &stored).is_ok()),
        None => {
            let _: PasswordHash = hasher()?.hash_password(password.as_bytes()).map_err(|_| Error::Hashing)?;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let stored = hash("correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$"));
        assert!(verify("correct horse battery", Some(&stored)).unwrap());
        assert!(!verify("correct horse batterY", Some(&stored)).unwrap());
        assert_ne!(stored, hash("correct horse battery").unwrap(), "salts differ");
        assert!(!verify("correct horse battery", None).unwrap());
        assert!(!verify("correct horse battery", Some("not a hash")).unwrap());
        assert!(!verify("", Some(&hash("").unwrap().replace("argon2id", "argon2x"))).unwrap());
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
