use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::attributes::Attributes;
use super::{DicomFile, Error};

/// The name that every file-set directory has.
const NAME: &str = "DICOMDIR";

/// True when the file is named like a file-set directory, in any case.
pub(super) fn is_named_dicomdir(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// The files that a DICOMDIR refers to, each as the parts of its path, sorted; `None` when the file is no DICOMDIR.
///
/// # Errors
/// [`Error::Malformed`] when a ReferencedFileID is no text.
///
/// # Source
/// PS3.3 F.3.2.2 (DirectoryRecordSequence, ReferencedFileID); PS3.10 section 8.6.
pub(super) fn references(file: &DicomFile) -> Result<Option<BTreeSet<Vec<String>>>, Error> {
    if file.dataset.element_by_name("DirectoryRecordSequence").is_err() {
        return Ok(None);
    }
    let mut found = BTreeSet::new();
    for record in file.attributes().items("DirectoryRecordSequence") {
        if let Some(id) = record.text("ReferencedFileID")? {
            found.insert(id.split('\\').map(|part| part.trim_matches([' ', '\0']).to_owned()).collect());
        }
    }
    Ok(Some(found))
}

/// The file below `folder` that a ReferencedFileID names.
///
/// Names are compared without regard to case where the exact one is not there: media are upper case, copies often not.
///
/// # Errors
/// A sentence when the path leaves `folder`, by its own parts or through a symbolic link, or there is no such file.
pub(super) fn resolve(folder: &Path, parts: &[String]) -> Result<PathBuf, String> {
    const OUTSIDE: &str = "listed in DICOMDIR by a path that leaves its folder";
    const MISSING: &str = "listed in DICOMDIR and not there";
    let plain = |part: &String| !part.is_empty() && part != "." && part != ".." && !part.contains(['/', '\0']);
    if parts.is_empty() || !parts.iter().all(plain) {
        return Err(OUTSIDE.to_owned());
    }
    let mut path = folder.to_owned();
    for part in parts {
        let exact = path.join(part);
        path = if fs::symlink_metadata(&exact).is_ok() {
            exact
        } else {
            let entries = fs::read_dir(&path).map_err(|_| MISSING.to_owned())?;
            let mut alike: Vec<PathBuf> = entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|entry| entry.file_name().is_some_and(|name| name.eq_ignore_ascii_case(part)))
                .collect();
            alike.sort();
            alike.into_iter().next().ok_or_else(|| MISSING.to_owned())?
        };
    }
    let (Ok(root), Ok(real)) = (folder.canonicalize(), path.canonicalize()) else { return Err(MISSING.to_owned()) };
    if !real.starts_with(root) {
        return Err(OUTSIDE.to_owned());
    }
    if real.is_file() { Ok(path) } else { Err(MISSING.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::synthetic::{dicomdir, mammogram};
    use crate::imaging::{FileStatus, scan_folder};

    fn outcome(root: &Path) -> Vec<(String, FileStatus, Option<String>)> {
        let reports = scan_folder(root, &|_, _| {}).unwrap();
        reports.into_iter().map(|report| (report.path, report.status, report.reason)).collect()
    }

    #[test]
    fn a_directory_file_reads_what_it_lists_and_nothing_else() {
        let outside = tempfile::tempdir().unwrap();
        let secret = mammogram("L", "CC").write(outside.path(), "SECRET");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        mammogram("L", "CC").write(root, "pt000000/IM1");
        mammogram("L", "MLO").write(root, "UNLISTED");
        #[cfg(unix)]
        std::os::unix::fs::symlink(secret.parent().unwrap(), root.join("LINK")).unwrap();
        let listed = ["PT000000\\IM1", "PT000000\\IM2", "..\\..\\etc\\passwd", "LINK\\SECRET", "/etc/passwd"];
        let path = root.join("DICOMDIR");
        fs::write(&path, dicomdir(&listed).file()).unwrap();
        let missing = Some("listed in DICOMDIR and not there".to_owned());
        let leaves = Some("listed in DICOMDIR by a path that leaves its folder".to_owned());
        let expected = [
            ("../../etc/passwd", FileStatus::Refused, leaves.clone()),
            ("/etc/passwd", FileStatus::Refused, leaves.clone()),
            ("DICOMDIR", FileStatus::NoPixels, None),
            ("LINK/SECRET", FileStatus::Refused, leaves),
            ("PT000000/IM2", FileStatus::Refused, missing),
            ("pt000000/IM1", FileStatus::Ok, None),
        ]
        .map(|(path, status, reason)| (path.to_owned(), status, reason));
        assert_eq!(outcome(&path), expected);
        let whole = outcome(root);
        assert_eq!(whole.len(), 8, "a folder is walked as a whole: {whole:?}");
        assert!(whole.iter().any(|entry| entry.0 == "UNLISTED" && entry.1 == FileStatus::Ok));
        assert!(expected.iter().all(|entry| whole.contains(entry)));
    }

    #[test]
    fn the_directory_of_the_conformance_set_lists_its_images() {
        let data = std::env::var_os("REGIMEN_DATA")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
        let folder = data.join("images/dicom/pydicom-src/test_files/dicomdirtests");
        if !folder.exists() {
            println!("skipped: no DICOM conformance set under {}", data.display());
            return;
        }
        // DICOMDIR-nooffset lacks the last four bytes that its sequence promises.
        for name in ["DICOMDIR-bigEnd", "DICOMDIR-nopatient"] {
            // pydicom 3.0.2 counts 31 distinct ReferencedFileID in each.
            let file = DicomFile::open(&folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let listed = references(&file).unwrap().unwrap();
            assert_eq!(listed.len(), 31, "{name}");
            assert!(listed.contains(&["77654033", "CT2", "17136"].map(str::to_owned)[..]));
        }
        assert!(references(&DicomFile::open(&folder.join("77654033/CR2/6247")).unwrap()).unwrap().is_none());
    }
}
