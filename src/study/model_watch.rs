use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{Error, Finding, Models, sha256_of_file};

/// Watches the files of the models in use: whether they are still those that were opened.
///
/// A look at a file whose size and time of change are as before costs one system call; only otherwise is it hashed. Models
/// compiled into the binary cannot change.
#[derive(Debug, Clone)]
pub struct ModelWatch {
    files: Vec<Watched>,
}

/// When a file was last found to be right.
type Stamp = (u64, Option<SystemTime>);

#[derive(Debug, Clone)]
struct Watched {
    model: String,
    name: String,
    path: PathBuf,
    sha256: String,
    right_at: Option<Stamp>,
}

impl ModelWatch {
    /// A watch over the versions named (`NAME` or `NAME@VERSION`), opened and hashed once.
    ///
    /// # Errors
    /// As [`Models::open`].
    pub fn new(models: &Models, wanted: &[String]) -> Result<Self, Error> {
        let Models::Folder(root) = models else { return Ok(Self { files: Vec::new() }) };
        let mut files = Vec::new();
        for name in wanted {
            let opened = models.open(name)?;
            let folder = root.join(&opened.name).join(&opened.version);
            let folder = if folder.is_dir() { folder } else { PathBuf::from(name) };
            let mut hashes: BTreeMap<&str, String> =
                opened.files.iter().map(|(file, bytes)| (file.as_str(), super::sha256_hex(bytes))).collect();
            hashes.insert("manifest.json", opened.manifest_sha256.clone());
            files.extend(hashes.into_iter().map(|(file, sha256)| {
                let path = folder.join(file);
                Watched {
                    model: format!("{}@{}", opened.name, opened.version),
                    name: file.to_owned(),
                    right_at: stamp(&path),
                    path,
                    sha256,
                }
            }));
        }
        Ok(Self { files })
    }

    /// Number of files watched.
    #[must_use]
    pub fn n_files(&self) -> usize {
        self.files.len()
    }

    /// What is missing or changed now; empty when everything is as it was opened.
    pub fn look(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for file in &mut self.files {
            let now = stamp(&file.path);
            if now.is_some() && now == file.right_at {
                continue;
            }
            let problem = match (now, sha256_of_file(&file.path)) {
                (Some(_), Ok(found)) if found == file.sha256 => {
                    file.right_at = now;
                    continue;
                }
                (Some(_), Ok(_)) => format!("{} has changed", file.name),
                (Some(_), Err(_)) => format!("{} cannot be read", file.name),
                (None, _) => format!("{} is missing", file.name),
            };
            file.right_at = None;
            findings.push(Finding { model: file.model.clone(), problem });
        }
        findings
    }
}

fn stamp(path: &std::path::Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((found.len(), found.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_missing_file_is_found_and_a_restored_one_is_fine_again() {
        let root = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([("weights.json".to_owned(), b"{}".to_vec())]);
        Models::write(root.path(), "small", &files, |_, hashes| {
            Ok(serde_json::to_vec(&serde_json::json!({"kind": "response", "files": hashes})).unwrap())
        })
        .unwrap();
        let models = Models::Folder(root.path().to_owned());
        let mut watch = ModelWatch::new(&models, &["small@0001".to_owned()]).unwrap();
        assert_eq!((watch.n_files(), watch.look()), (2, Vec::new()));
        let weights = root.path().join("small/0001/weights.json");
        std::fs::write(&weights, b"{ }").unwrap();
        assert_eq!(watch.look()[0].problem, "weights.json has changed");
        std::fs::remove_file(&weights).unwrap();
        assert_eq!(watch.look()[0].problem, "weights.json is missing");
        std::fs::write(&weights, b"{}").unwrap();
        assert_eq!(watch.look(), Vec::new());
    }

    #[test]
    fn compiled_in_models_need_no_watch() {
        assert_eq!(ModelWatch::new(&Models::Embedded, &["pcr-ispy2".to_owned()]).unwrap().n_files(), 0);
    }
}
