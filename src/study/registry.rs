use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, sha256_hex};

/// The folder `models/`, compiled in so that the binary stands alone.
static EMBEDDED: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/models");

/// A registry of models: `NAME/VERSION/…` with `NAME/PROMOTED`.
#[derive(Debug, Clone)]
pub enum Models {
    /// A folder on disk.
    Folder(PathBuf),
    /// The models compiled into this binary.
    Embedded,
}

/// One version in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedModel {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `response` or `encoder`.
    pub kind: String,
    /// True when this is the promoted version.
    pub promoted: bool,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
}

/// What every manifest holds.
#[derive(Debug, Clone, Deserialize)]
struct ManifestHead {
    kind: String,
    files: BTreeMap<String, String>,
}

/// The verified files of one version.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `response` or `encoder`.
    pub kind: String,
    /// Bytes of `manifest.json`.
    pub manifest: Vec<u8>,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// The other files by name; every hash equals the manifest's.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// One problem found by [`Models::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Model and version.
    pub model: String,
    /// What is wrong.
    pub problem: String,
}

impl Models {
    /// The registry at `dir`, else `./models` when it exists, else the models compiled in.
    #[must_use]
    pub fn locate(dir: Option<&Path>) -> Self {
        match dir {
            Some(dir) => Self::Folder(dir.to_owned()),
            None if Path::new("models").is_dir() => Self::Folder("models".into()),
            None => Self::Embedded,
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(root) => std::fs::read(root.join(path)).ok(),
            Self::Embedded => EMBEDDED.get_file(path).map(|file| file.contents().to_vec()),
        }
    }

    fn folders(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Folder(root) => std::fs::read_dir(root.join(path))
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().is_dir())
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect(),
            Self::Embedded => {
                let dir = if path.is_empty() { Some(&EMBEDDED) } else { EMBEDDED.get_dir(path) };
                let name = |dir: &include_dir::Dir<'_>| Some(dir.path().file_name()?.to_str()?.to_owned());
                dir.into_iter().flat_map(include_dir::Dir::dirs).filter_map(name).collect()
            }
        };
        names.sort();
        names
    }

    /// Versions of a model, oldest first.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<String> {
        let numbered = |version: &String| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        self.folders(name).into_iter().filter(numbered).collect()
    }

    fn promoted(&self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.read(&format!("{name}/PROMOTED"))?).ok()?;
        Some(text.trim().to_owned())
    }

    /// Every version of every model.
    #[must_use]
    pub fn list(&self) -> Vec<ListedModel> {
        let mut listed = Vec::new();
        for name in self.folders("") {
            let promoted = self.promoted(&name);
            for version in self.versions(&name) {
                let Some(manifest) = self.read(&format!("{name}/{version}/manifest.json")) else { continue };
                let head: Result<ManifestHead, _> = serde_json::from_slice(&manifest);
                listed.push(ListedModel {
                    kind: head.map_or_else(|_| "unreadable".to_owned(), |head| head.kind),
                    promoted: promoted.as_ref() == Some(&version),
                    manifest_sha256: sha256_hex(&manifest),
                    name: name.clone(),
                    version,
                });
            }
        }
        listed
    }

    /// Opens `NAME` (its promoted version), `NAME@VERSION` or the path of a version folder, and checks the hash of
    /// every file before anything is used.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::Model`] for a broken manifest, [`Error::Hash`] for a file that differs from it.
    pub fn open(&self, wanted: &str) -> Result<ModelFiles, Error> {
        let missing = |reason: &str| Error::NoModel { name: wanted.to_owned(), reason: reason.to_owned() };
        let path = Path::new(wanted);
        if path.join("manifest.json").is_file() {
            let version = path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
            let parent = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
            let name = parent.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            let name = name.unwrap_or("model").to_owned();
            return open_version(&name, &version, |file| std::fs::read(path.join(file)).ok());
        }
        let (name, version) = match wanted.split_once('@') {
            Some((name, version)) => (name, version.to_owned()),
            None => {
                if self.versions(wanted).is_empty() {
                    return Err(missing("no such model in the registry"));
                }
                (
                    wanted,
                    self.promoted(wanted).ok_or_else(|| missing("no version is promoted; name one as NAME@VERSION"))?,
                )
            }
        };
        if !self.versions(name).contains(&version) {
            return Err(missing("no such version in the registry"));
        }
        open_version(name, &version, |file| self.read(&format!("{name}/{version}/{file}")))
    }

    /// Checks every hash of every version, or of one.
    ///
    /// # Errors
    /// [`Error::NoModel`] when the one asked for does not exist.
    pub fn verify(&self, wanted: Option<&str>) -> Result<(usize, Vec<Finding>), Error> {
        let wanted: Vec<String> = match wanted {
            Some(wanted) => vec![wanted.to_owned()],
            None => self.list().into_iter().map(|model| format!("{}@{}", model.name, model.version)).collect(),
        };
        let mut findings = Vec::new();
        for model in &wanted {
            match self.open(model) {
                Ok(_) => {}
                Err(error @ (Error::Hash { .. } | Error::Model { .. })) => {
                    findings.push(Finding { model: model.clone(), problem: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok((wanted.len(), findings))
    }

    /// Writes a new version under `root/name`: files in a temporary folder, then one rename. Never overwrites.
    ///
    /// `manifest` receives the version and the hash of every file. Returns the version.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(
        root: &Path,
        name: &str,
        files: &BTreeMap<String, Vec<u8>>,
        manifest: impl FnOnce(&str, BTreeMap<String, String>) -> Result<Vec<u8>, Error>,
    ) -> Result<String, Error> {
        let home = root.join(name);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        std::fs::create_dir_all(&home).map_err(failed(&home))?;
        let taken: BTreeSet<u32> =
            Self::Folder(root.to_owned()).versions(name).iter().filter_map(|version| version.parse().ok()).collect();
        let version = format!("{:04}", taken.last().copied().unwrap_or(0) + 1);
        let hashes = files.iter().map(|(file, bytes)| (file.clone(), sha256_hex(bytes))).collect();
        let manifest = manifest(&version, hashes)?;
        let temporary = tempfile::Builder::new().prefix(".new-").tempdir_in(&home).map_err(failed(&home))?;
        for (file, bytes) in
            files.iter().map(|(file, bytes)| (file.as_str(), bytes)).chain([("manifest.json", &manifest)])
        {
            let path = temporary.path().join(file);
            std::fs::write(&path, bytes).map_err(failed(&path))?;
        }
        let target = home.join(&version);
        let made = temporary.keep();
        std::fs::rename(&made, &target).map_err(failed(&target))?;
        Ok(version)
    }
}

fn open_version(name: &str, version: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Result<ModelFiles, Error> {
    let model = format!("{name}@{version}");
    let broken = |message: String| Error::Model { model: model.clone(), file: "manifest.json".into(), message };
    let manifest = read("manifest.json").ok_or_else(|| broken("no such file".into()))?;
    let head: ManifestHead = serde_json::from_slice(&manifest).map_err(|error| broken(error.to_string()))?;
    let mut files = BTreeMap::new();
    for (file, expected) in &head.files {
        let wrong =
            |found: String| Error::Hash { model: model.clone(), file: file.clone(), expected: expected.clone(), found };
        if file.contains(['/', '\\']) {
            return Err(broken(format!("expected plain file names, found `{file}`")));
        }
        let bytes = read(file).ok_or_else(|| wrong("no such file".into()))?;
        let found = sha256_hex(&bytes);
        if found != *expected {
            return Err(wrong(found));
        }
        files.insert(file.clone(), bytes);
    }
    Ok(ModelFiles {
        name: name.to_owned(),
        version: version.to_owned(),
        kind: head.kind,
        manifest_sha256: sha256_hex(&manifest),
        manifest,
        files,
    })
}
