use std::path::PathBuf;

use crate::schema::Violation;
use crate::{fusion, report, store, study, tables, web};

/// Why a command failed, as the person at the terminal needs it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A stage failed.
    #[error(transparent)]
    Study(#[from] study::Error),
    /// Fusion failed.
    #[error(transparent)]
    Fusion(#[from] fusion::Error),
    /// A report could not be rendered.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The server failed.
    #[error("{}", chain(.0))]
    Web(#[from] web::Error),
    /// The database failed.
    #[error("{}", chain(.0))]
    Store(#[from] store::Error),
    /// The audit log was tampered with, which has been printed.
    #[error("the audit log is damaged in {0} places")]
    Tampered(usize),
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// Violations were found and have been printed.
    #[error("{0} violations")]
    Violations(usize),
    /// No file of a folder is an image that can be read.
    #[error("expected at least one DICOM or PNG file, found {0} files, all refused: nothing is written")]
    AllRefused(usize),
    /// A registry check failed and has been printed.
    #[error("{0} of the registry's versions are damaged")]
    Damaged(usize),
    /// A result could not be written.
    #[error("{path}: cannot write: {source}")]
    Write {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Something that should not happen.
    #[error("internal: {0}")]
    Internal(String),
}

impl CliError {
    /// 1 input against the rules, 2 usage, 3 valid input that cannot support the request, 70 internal.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Internal(_) => 70,
            Self::Damaged(_) | Self::Tampered(_) => 3,
            Self::Study(
                study::Error::NoModel { .. }
                | study::Error::Hash { .. }
                | study::Error::Model { .. }
                | study::Error::Unsupported(_)
                | study::Error::Learn(_)
                | study::Error::Stats(_)
                | study::Error::Decide(_),
            ) => 3,
            _ => 1,
        }
    }

    /// Prints the error, all violations and a hint to standard error.
    pub fn say(&self) {
        eprintln!("error: {self}");
        for violation in self.violations() {
            eprintln!("  {violation}");
        }
        if let Some(hint) = self.hint() {
            eprintln!("hint: {hint}");
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Fusion(fusion::Error::Table(tables::Error::Violations(found)))
            | Self::Study(
                study::Error::Fusion(fusion::Error::Table(tables::Error::Violations(found)))
                | study::Error::Table(tables::Error::Violations(found)),
            ) => found,
            _ => &[],
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Study(study::Error::NoModel { .. }) => Some("`regimen models list` shows what there is"),
            Self::Web(web::Error::NoPeople) => {
                Some("make the first administrator with `regimen people add LOGIN --role administrator`")
            }
            Self::Store(store::Error::Key { .. }) => {
                Some("the log was written with the key of this file; restore it, mode 0600, or name it by --audit-key")
            }
            Self::Study(study::Error::Hash { .. }) => {
                Some("the file was changed after training; restore it, or train a new version")
            }
            _ if !self.violations().is_empty() => {
                Some("correct the file, or leave the rows out with --skip-invalid where the command has it")
            }
            _ => None,
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl From<tables::Error> for CliError {
    fn from(error: tables::Error) -> Self {
        Self::Study(error.into())
    }
}

impl From<crate::schema::Error> for CliError {
    fn from(error: crate::schema::Error) -> Self {
        Self::Study(error.into())
    }
}
