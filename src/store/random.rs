use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Error;

/// Random bytes of the operating system.
///
/// # Errors
/// [`Error::Io`] where the system has no `/dev/urandom`.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0_u8; N];
    File::open(path)
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fresh id: 128 random bits as 32 hexadecimal digits.
///
/// # Panics
/// Where the system has no `/dev/urandom`; opening a store has already refused such a system.
pub(in crate::store) fn new_id() -> String {
    hex(&random_bytes::<16>().expect("opening the store read random bytes from the same source"))
}

/// A fresh secret of 256 random bits as 64 hexadecimal digits.
///
/// # Errors
/// [`Error::Io`] where the system has no `/dev/urandom`.
pub fn new_secret() -> Result<String, Error> {
    Ok(hex(&random_bytes::<32>()?))
}
