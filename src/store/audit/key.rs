use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::store::Error;
use crate::store::random::random_bytes;

/// The secret under which the audit log is hashed; it lies outside the database. `Debug` shows none of it.
#[derive(Clone)]
pub struct AuditKey(Arc<[u8; 32]>);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl AuditKey {
    /// A key for one run, kept nowhere: for databases in memory.
    ///
    /// # Errors
    /// [`Error::Io`] where the system has no random bytes.
    pub fn fresh() -> Result<Self, Error> {
        Ok(Self(Arc::new(random_bytes::<32>()?)))
    }

    /// The key in `path`: 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Key`] when it is no key or others than its owner may read it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let wrong = |rule: &str| Error::Key { path: path.to_owned(), rule: rule.to_owned() };
        #[cfg(unix)]
        {
            let mode = fs::metadata(path)
                .map(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()))
                .map_err(|source| Error::Io { path: path.to_owned(), source })?;
            if mode & 0o077 != 0 {
                return Err(wrong(&format!("expected mode 0600, found {:04o}", mode & 0o777)));
            }
        }
        let digits = text.trim();
        let mut bytes = [0_u8; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(wrong("expected 64 hexadecimal digits"));
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = digits
                .get(at..at + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(|| wrong("expected 64 hexadecimal digits"))?;
        }
        Ok(Self(Arc::new(bytes)))
    }

    /// The key in `path`, made there with mode 0600 when there is none.
    ///
    /// # Errors
    /// As [`AuditKey::read`], and [`Error::Io`] when it cannot be written.
    pub fn read_or_create(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            return Self::read(path);
        }
        let io = |source| Error::Io { path: path.to_owned(), source };
        let digits = crate::store::new_secret()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        file.write_all(format!("{digits}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        Self::read(path)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
