use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Error;

/// The largest file that is read: 4 GiB.
const MAX_FILE: u64 = 4 << 30;

/// All bytes of a regular file of at most [`MAX_FILE`] bytes.
///
/// A pipe or device is refused before it is opened: opening one may wait for ever.
pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(io)?;
    if !meta.is_file() {
        return Err(Error::Unsupported { what: "what is not a regular file".to_owned() });
    }
    if meta.len() > MAX_FILE {
        return Err(Error::Unsupported { what: "a file of more than 4 GiB".to_owned() });
    }
    let mut bytes = Vec::new();
    // A file may grow while it is read.
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(io)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_and_a_folder_are_refused_without_being_opened() {
        for path in ["/dev/zero", "/"] {
            assert!(matches!(read_bounded(Path::new(path)), Err(Error::Unsupported { .. })));
        }
        assert!(matches!(read_bounded(Path::new("/none")), Err(Error::Io { .. })));
    }
}
