use std::path::PathBuf;

/// What can go wrong while a synthetic cohort is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The number of patients is outside the range that a code of the form `DEMO-001` can count.
    #[error("number of synthetic patients is {found}, expected 1 to {most}")]
    PatientCount {
        /// The number asked for.
        found: usize,
        /// The largest number accepted.
        most: usize,
    },
    /// The output path exists and is not an empty folder.
    #[error("output folder {} exists and is not an empty folder", path.display())]
    OutputInUse {
        /// The output path.
        path: PathBuf,
    },
    /// A file or folder could not be written, read or renamed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A DICOM object could not be encoded.
    #[error("cannot encode synthetic dicom file {}", path.display())]
    Dicom {
        /// The file that was to be written, relative to the output folder.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// An [`Error::Io`] maker for `map_err`.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
