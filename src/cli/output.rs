use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::CliError;

/// Where the machine-readable result goes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JsonOutput {
    /// Write the result as JSON to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl JsonOutput {
    /// Writes `value` when asked to.
    pub(crate) fn write<T: Serialize>(&self, value: &T) -> Result<(), CliError> {
        let Some(path) = &self.json else { return Ok(()) };
        let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| CliError::Internal(error.to_string()))?;
        bytes.push(b'\n');
        if path.as_os_str() == "-" {
            return std::io::stdout()
                .write_all(&bytes)
                .map_err(|source| CliError::Write { path: path.clone(), source });
        }
        write_file(path, &bytes)
    }

    /// Prints the human form: to standard output, or to standard error when that carries the JSON.
    pub(crate) fn say(&self, text: &str) {
        if self.json.as_deref() == Some(Path::new("-")) {
            eprintln!("{text}");
        } else {
            // A reader that stops early, such as `head`, is not an error.
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }
}

/// Writes a file through a temporary name.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// `0.785 (0.750 to 0.818)`.
pub(crate) fn figure(estimate: &crate::terms::Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.estimate, estimate.lower95, estimate.upper95)
}
