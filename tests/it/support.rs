//! Starting the binary and finding the public data.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A finished run of the binary.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the built binary with the committed models.
pub fn regimen<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_regimen"))
        .args(args)
        .env("REGIMEN_MODELS", root().join("models"))
        .env_remove("REGIMEN_PSEUDONYM_KEY")
        .output()
        .expect("the binary starts");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The public data, or `None` with a printed line.
pub fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("REGIMEN_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if folder.join("ispy2").is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no public data at $REGIMEN_DATA or ../shared/data");
    None
}

/// A path as text, for arguments.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
