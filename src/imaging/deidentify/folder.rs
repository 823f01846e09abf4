use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use super::super::contain::contained;
use super::super::{DicomFile, Error};
use super::write::{self, Cleaned};
use super::{DeidentifiedFile, DeidentifyKey, DeidentifyOptions, DeidentifyReport, Outcome, Refusal};

/// Files from this size on are cleaned one at a time, so that memory holds one large image and not one per thread.
const LARGE_FILE: u64 = 64 << 20;

/// Files cleaned in parallel before their outputs are named, in order.
const CHUNK: usize = 64;

/// The files below `root` in the order in which [`deidentify_folder`] numbers them; symbolic links are not followed.
///
/// Their names may be names of patients: for the eyes of those who may see the source.
///
/// # Errors
/// [`Error::Io`] or [`Error::NotFolder`] when `root` cannot be walked, [`Error::EmptyFolder`] when it holds no file.
pub fn source_files(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let meta = fs::metadata(root).map_err(|source| Error::Io { path: root.to_owned(), source })?;
    if !meta.is_dir() {
        return Err(Error::NotFolder { path: root.to_owned() });
    }
    let mut files: Vec<PathBuf> = WalkDir::new(root)
        .follow_links(false)
        .into_iter()
        .filter_map(|entry| match entry {
            Ok(entry) => entry.file_type().is_file().then(|| entry.into_path()),
            // A folder that cannot be listed is an entry that cannot be read.
            Err(error) => error.path().map(Path::to_owned),
        })
        .collect();
    files.sort();
    if files.is_empty() { Err(Error::EmptyFolder { path: root.to_owned() }) } else { Ok(files) }
}

/// Writes a de-identified copy of every DICOM image below `root` to `out`, as
/// `<pseudonym>/<new series UID>/<new instance UID>.dcm`.
///
/// Profile and options are those of PS3.15 Annex E, see [`DeidentifyOptions`]. Pixels, compressed or not, are the same
/// bytes, except that comments inside compressed frames are blanked. A file that cannot be cleaned is an entry of the
/// report and nothing is written for it; nothing is ever overwritten. Outputs appear whole or not at all, readable by
/// their owner only. `progress(done, total)` is called after each file, from any thread. The same files and key give the
/// same bytes on any number of threads.
///
/// # Errors
/// As [`source_files`], [`Error::Io`] when `out` cannot be made, [`Error::NestedOutput`] when one folder lies in the other.
///
/// # Source
/// PS3.15 Annex E, Table E.1-1 (2026c).
pub fn deidentify_folder(
    root: &Path,
    out: &Path,
    key: &DeidentifyKey,
    options: &DeidentifyOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<DeidentifyReport, Error> {
    let sources = source_files(root)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    fs::create_dir_all(out).map_err(io(out))?;
    let (inside, outside) = (fs::canonicalize(root).map_err(io(root))?, fs::canonicalize(out).map_err(io(out))?);
    if inside.starts_with(&outside) || outside.starts_with(&inside) {
        return Err(Error::NestedOutput);
    }
    let (done, total) = (AtomicUsize::new(0), sources.len());
    let large = Mutex::new(());
    let mut files = Vec::with_capacity(total);
    let mut patients = BTreeSet::new();
    for chunk in sources.chunks(CHUNK) {
        let cleaned: Vec<Result<Draft, Refusal>> = chunk
            .par_iter()
            .map(|source| {
                let size = fs::metadata(source).map_or(0, |meta| meta.len());
                let turn = (size >= LARGE_FILE).then(|| large.lock().unwrap_or_else(PoisonError::into_inner));
                let draft = contained(|| Draft::of(source, out, key, options)).unwrap_or(Err(Refusal::Damaged));
                drop(turn);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                draft
            })
            .collect();
        // Names are given in order, so that of two files with the same UIDs the first is written on any run.
        for draft in cleaned {
            let number = files.len() + 1;
            let mut file = DeidentifiedFile {
                number,
                outcome: Outcome::Refused { reason: Refusal::Damaged },
                risks: Vec::new(),
                changed: 0,
                echoes: 0,
            };
            let named = draft.and_then(|draft| {
                (file.risks, file.changed, file.echoes) = (draft.risks.clone(), draft.changed, draft.echoes);
                let pseudonym = draft.pseudonym.clone();
                draft.name(out).map(|path| (pseudonym, path))
            });
            file.outcome = match named {
                Ok((pseudonym, path)) => {
                    patients.insert(pseudonym);
                    Outcome::Written { path }
                }
                Err(reason) => Outcome::Refused { reason },
            };
            files.push(file);
        }
    }
    Ok(DeidentifyReport { files, patients: patients.len() })
}

/// A cleaned file on disk that has no name yet; dropped, it is gone.
struct Draft {
    file: NamedTempFile,
    path: String,
    pseudonym: String,
    risks: Vec<super::PixelRisk>,
    changed: usize,
    echoes: usize,
}

impl Draft {
    fn of(source: &Path, out: &Path, key: &DeidentifyKey, options: &DeidentifyOptions) -> Result<Self, Refusal> {
        let bytes = fs::read(source).map_err(|_| Refusal::Unreadable)?;
        let file = DicomFile::from_bytes(&bytes).map_err(|error| match error {
            Error::NotDicom { .. } => Refusal::NotDicom,
            Error::Unsupported { .. } => Refusal::TransferSyntax,
            _ => Refusal::Damaged,
        })?;
        drop(bytes);
        let cleaned: Cleaned = write::clean(file, key, options)?;
        let path = cleaned.path();
        let (pseudonym, risks) = (cleaned.pseudonym.clone(), cleaned.risks.clone());
        let (changed, echoes) = (cleaned.changed, cleaned.echoes);
        if out.join(&path).exists() {
            return Err(Refusal::Exists);
        }
        let file = NamedTempFile::new_in(out).map_err(|_| Refusal::NotWritten)?;
        let mut writer = BufWriter::new(&file);
        cleaned.write(&mut writer)?;
        writer.flush().map_err(|_| Refusal::NotWritten)?;
        drop(writer);
        Ok(Self { file, path, pseudonym, risks, changed, echoes })
    }

    /// Gives the file its name below `out`, which it returns.
    fn name(self, out: &Path) -> Result<String, Refusal> {
        let target = out.join(&self.path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|_| Refusal::NotWritten)?;
        }
        self.file.persist_noclobber(&target).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => Refusal::Exists,
            _ => Refusal::NotWritten,
        })?;
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests;
