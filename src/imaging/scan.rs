use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::contain::contained;
use super::dicomdir::{is_named_dicomdir, references, resolve};
use super::file_entry::report_file;
use super::{DicomFile, Error, FileReport};

/// Reads every file under `root` and reports one entry each, sorted by path; symbolic links are not followed.
///
/// `root` may be a DICOMDIR: then the files that it lists are read, and paths are relative to its folder
/// ([`images_root`]). Files that a DICOMDIR anywhere in a folder lists and that are not there are entries too.
/// Files are decoded in parallel, summarised and dropped. `on_file(done, total)` is called after each, from any thread.
/// A file that cannot be read is an entry with status `refused`, never an error.
///
/// # Errors
/// [`Error::Io`] or [`Error::NotFolder`] when `root` cannot be walked, [`Error::EmptyFolder`] when it holds no file.
pub fn scan_folder(root: &Path, on_file: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<FileReport>, Error> {
    let meta = fs::metadata(root).map_err(|source| Error::Io { path: root.to_owned(), source })?;
    let mut found = Found::default();
    let folder = images_root(root);
    if meta.is_dir() {
        found.walk(root)?;
    } else {
        let listed = listed_in(root).ok_or_else(|| Error::NotFolder { path: root.to_owned() })?;
        found.files.insert(relative(&folder, root), root.to_owned());
        found.list(&folder, &folder, listed);
    }
    if found.files.is_empty() && found.reports.is_empty() {
        return Err(Error::EmptyFolder { path: root.to_owned() });
    }
    let Found { files, mut reports } = found;
    let (done, total) = (AtomicUsize::new(0), files.len());
    let large = Mutex::new(());
    let files: Vec<(String, PathBuf)> = files.into_iter().collect();
    reports.par_extend(files.into_par_iter().map(|(name, path)| {
        let report = report_file(name, &path, &large);
        on_file(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        report
    }));
    reports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(reports)
}

/// The folder that the paths of a scan are relative to: `root` itself, or the folder of a DICOMDIR.
#[must_use]
pub fn images_root(root: &Path) -> PathBuf {
    let folder = if root.is_file() { root.parent() } else { None };
    match folder {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => root.to_owned(),
    }
}

/// Files to read, by their path below the root, and what is reported without being read.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, PathBuf>,
    reports: Vec<FileReport>,
}

impl Found {
    /// Everything below `root`.
    fn walk(&mut self, root: &Path) -> Result<(), Error> {
        let mut directories = Vec::new();
        for entry in WalkDir::new(root).follow_links(false) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    if is_named_dicomdir(entry.path()) {
                        directories.push(entry.path().to_owned());
                    }
                    self.files.insert(relative(root, entry.path()), entry.into_path());
                }
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    let link = entry.file_type().is_symlink();
                    let what = if link { "a symbolic link, not followed" } else { "not a regular file" };
                    self.refuse(relative(root, entry.path()), what);
                }
                Err(error) if error.depth() == 0 => {
                    return Err(Error::Io { path: root.to_owned(), source: error.into() });
                }
                Err(error) => {
                    let path = error.path().map_or_else(String::new, |path| relative(root, path));
                    self.refuse(path, "the folder cannot be read");
                }
            }
        }
        for path in directories {
            if let (Some(listed), Some(folder)) = (listed_in(&path), path.parent()) {
                self.list(root, folder, listed);
            }
        }
        Ok(())
    }

    /// The files that a DICOMDIR in `folder` lists.
    fn list(&mut self, root: &Path, folder: &Path, listed: BTreeSet<Vec<String>>) {
        let prefix = relative(root, folder);
        for parts in listed {
            match resolve(folder, &parts) {
                Ok(path) => {
                    self.files.insert(relative(root, &path), path);
                }
                Err(reason) => {
                    let below = if prefix.is_empty() { Vec::new() } else { vec![prefix.clone()] };
                    self.refuse([below, parts].concat().join("/"), &reason);
                }
            }
        }
    }

    fn refuse(&mut self, path: String, reason: &str) {
        self.reports.push(FileReport::new(path).refused(reason.to_owned()));
    }
}

/// What a DICOMDIR lists; `None` when the file is none.
fn listed_in(path: &Path) -> Option<BTreeSet<Vec<String>>> {
    contained(|| references(&DicomFile::open(path).ok()?).ok().flatten()).flatten()
}

/// `path` below `root`, parts separated by `/`.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::synthetic::{Synthetic, nifti};
    use super::super::{DecodedPixels, DicomHeader};
    use super::*;

    fn scan(root: &Path) -> Vec<FileReport> {
        scan_folder(root, &|_, _| {}).unwrap()
    }

    #[test]
    fn every_file_is_reported_and_the_broken_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let image = Synthetic::new("MG", 2, 2, &[1, 2, 3, 258]);
        image.write(root, "sub/good.dcm");
        let bytes = image.file();
        let noise: Vec<u8> = (0..200u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8 | 1).collect();
        let files: [(&str, &[u8]); 6] = [
            ("cut.dcm", &bytes[..bytes.len() - 2]),
            ("empty.dcm", b""),
            ("noise.dcm", &noise),
            ("noise", &noise),
            ("table.csv", b"a,b\n1,2\n"),
            ("text.dcm", b"not a dicom\n"),
        ];
        files.iter().for_each(|(name, bytes)| fs::write(root.join(name), bytes).unwrap());
        let calls = AtomicUsize::new(0);
        let reports = scan_folder(root, &|_, total| {
            assert_eq!(total, 7);
            calls.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!(calls.into_inner(), 7);
        let found: Vec<(&str, Option<&str>)> =
            reports.iter().map(|report| (report.path.as_str(), report.reason.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("cut.dcm", Some("DICOM dataset: the file is truncated inside its pixel data")),
                ("empty.dcm", Some("expected a DICOM file, found an empty file")),
                ("noise", Some("not a DICOM, NIfTI, PNG or PGM file")),
                ("noise.dcm", Some("expected a DICOM file, found other bytes")),
                ("sub/good.dcm", None),
                ("table.csv", Some("not a DICOM, NIfTI, PNG or PGM file")),
                ("text.dcm", Some("expected a DICOM file, found text")),
            ]
        );
    }

    /// The hashes are those of `printf '\\001\\002\\003\\004' | sha256sum` and of the voxels 1, 2 as little-endian i16.
    #[test]
    fn nifti_and_pgm_files_are_reported_like_the_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.pgm"), b"P5 2 2 255\n\x01\x02\x03\x04").unwrap();
        fs::write(folder.path().join("b.nii"), nifti([2, 1, 1], 4, &[1, 0, 2, 0])).unwrap();
        let mut empty_pixel = nifti([2, 1, 1], 4, &[1, 0, 2, 0]);
        empty_pixel[80..84].copy_from_slice(&[0; 4]);
        fs::write(folder.path().join("c.nii"), empty_pixel).unwrap();
        let reports = scan(folder.path());
        let facts = |report: &FileReport| (report.rows, report.columns, report.frames, report.pixel_mean);
        assert_eq!(facts(&reports[0]), (Some(2), Some(2), Some(1), Some(2.5)));
        assert_eq!(facts(&reports[1]), (Some(1), Some(2), Some(1), Some(1.5)));
        let hashes: Vec<&str> = reports[..2].iter().map(|report| report.pixel_sha256.as_deref().unwrap()).collect();
        assert_eq!(hashes[0], "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a");
        assert_eq!(hashes[1], "7b11c1133330cd161071bf23a0c9b6ce5320a8f3a0f83620035a72be46df4104");
        let reason = "pixdim is malformed: expected a positive length on every axis, found `0`";
        assert_eq!(reports[2].reason.as_deref(), Some(reason));
    }

    #[test]
    fn the_report_has_the_promised_keys_and_no_patient_id() {
        let folder = tempfile::tempdir().unwrap();
        Synthetic::new("MG", 2, 2, &[1, 2, 3, 258]).write(folder.path(), "a.dcm");
        let reports = scan(folder.path());
        assert_eq!(reports[0].header.as_ref().unwrap().patient_id.as_deref(), Some("SECRET-17"));
        let json = serde_json::to_string(&reports).unwrap();
        assert!(!json.contains("SECRET"), "{json}");
        assert!(!format!("{reports:?}").contains("SECRET"));
        for key in
            ["\"status\":\"ok\"", "\"modality\":\"MG\"", "\"frames\":1", "\"pixel_mean\":66.0", "\"reason\":null"]
        {
            assert!(json.contains(key), "{key} in {json}");
        }
    }

    #[test]
    fn a_missing_or_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = |_: usize, _: usize| {};
        assert!(matches!(scan_folder(folder.path(), &quiet), Err(Error::EmptyFolder { .. })));
        assert!(matches!(scan_folder(&folder.path().join("none"), &quiet), Err(Error::Io { .. })));
        fs::write(folder.path().join("file"), "x").unwrap();
        assert!(matches!(scan_folder(&folder.path().join("file"), &quiet), Err(Error::NotFolder { .. })));
    }

    #[test]
    fn random_damage_to_a_file_never_panics() {
        let bytes = Synthetic::new("CT", 8, 8, &[77; 64]).file();
        for step in 0..2000u64 {
            let mut broken = bytes.clone();
            for turn in 0..3 {
                let mix = (step * 3 + turn).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let at = 132 + (mix >> 32) as usize % (broken.len() - 132);
                broken[at] = (mix >> 13) as u8;
            }
            if let Ok(file) = DicomFile::from_bytes(&broken) {
                let _ = DicomHeader::read(&file);
                let _ = DecodedPixels::decode(&file);
            }
        }
    }

    /// Size and range of lossy syntaxes may differ by rounding, the pixels of all others may not.
    #[test]
    fn the_conformance_set_decodes_to_its_manifest() {
        let data = std::env::var_os("REGIMEN_DATA")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
        let root = data.join("images/dicom");
        let Ok(manifest) = fs::read_to_string(root.join("MANIFEST.csv")) else {
            println!("skipped: no DICOM conformance set under {}", root.display());
            return;
        };
        let reports = scan(&root);
        let by_path: HashMap<&str, &FileReport> = reports.iter().map(|r| (r.path.as_str(), r)).collect();
        let (mut right, mut decodable, mut wrong) = (0usize, 0usize, Vec::new());
        for line in manifest.lines().skip(1) {
            let cell: Vec<&str> = line.split(',').collect();
            let report = by_path.get(cell[0]).unwrap_or_else(|| panic!("{} is not reported", cell[0]));
            if cell[2] != "ok" || cell[15].is_empty() {
                continue;
            }
            decodable += 1;
            let near = |value: Option<f64>, cell: &str| {
                value.zip(cell.parse::<f64>().ok()).is_some_and(|(a, b)| (a - b).abs() <= 3.0)
            };
            let lossy = [".50", ".51", ".81", ".91"].iter().any(|end| cell[3].ends_with(&format!(".4{end}")));
            let same = if lossy {
                report.rows.map(|n| n.to_string()).as_deref() == Some(cell[6])
                    && report.columns.map(|n| n.to_string()).as_deref() == Some(cell[7])
                    && near(report.pixel_min, cell[16])
                    && near(report.pixel_max, cell[17])
                    && report.pixel_mean.zip(cell[18].parse::<f64>().ok()).is_some_and(|(a, b)| (a - b).abs() <= 0.5)
            } else {
                report.pixel_sha256.as_deref() == Some(cell[15])
            };
            right += usize::from(same);
            if !same {
                wrong.push(cell[0].to_owned());
            }
        }
        println!("{right} of {decodable} decodable files right; wrong: {wrong:?}");
        assert!(wrong.is_empty(), "{right} of {decodable}, wrong: {wrong:?}");
    }
}
