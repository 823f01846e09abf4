use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::contain::contained;
use super::pixels::hex;
use super::raster::decode_png;
use super::sniff::{self, PNG_SIGNATURE};
use super::{DecodedPixels, DicomFile, DicomHeader, Error, FileReport, FileStatus};

/// Files from this size on are decoded one at a time, so that memory holds one large image and not one per thread.
const LARGE_FILE: u64 = 64 << 20;

/// Reads every file under `root` and reports one entry each, sorted by path; symbolic links are not followed.
///
/// Files are decoded in parallel, summarised and dropped. `on_file(done, total)` is called after each, from any thread.
/// A file that cannot be read is an entry with status `refused`, never an error.
///
/// # Errors
/// [`Error::Io`] or [`Error::NotFolder`] when `root` cannot be walked, [`Error::EmptyFolder`] when it holds no file.
pub fn scan_folder(root: &Path, on_file: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<FileReport>, Error> {
    let meta = fs::metadata(root).map_err(|source| Error::Io { path: root.to_owned(), source })?;
    if !meta.is_dir() {
        return Err(Error::NotFolder { path: root.to_owned() });
    }
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    let mut reports = Vec::new();
    for entry in WalkDir::new(root).follow_links(false) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                files.push((relative(root, entry.path()), entry.into_path()));
            }
            Ok(_) => {}
            Err(error) if error.depth() == 0 => {
                return Err(Error::Io { path: root.to_owned(), source: error.into() });
            }
            Err(error) => {
                let path = error.path().map_or_else(String::new, |path| relative(root, path));
                reports.push(FileReport::new(path).refused("the folder cannot be read".to_owned()));
            }
        }
    }
    if files.is_empty() && reports.is_empty() {
        return Err(Error::EmptyFolder { path: root.to_owned() });
    }
    let (done, total) = (AtomicUsize::new(0), files.len());
    let large = Mutex::new(());
    reports.par_extend(files.into_par_iter().map(|(name, path)| {
        let size = fs::metadata(&path).map_or(0, |meta| meta.len());
        let turn = (size >= LARGE_FILE).then(|| large.lock().unwrap_or_else(PoisonError::into_inner));
        let report = report_file(name, &path);
        drop(turn);
        on_file(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        report
    }));
    reports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(reports)
}

/// `path` below `root`, parts separated by `/`.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The report of one file, whatever its bytes do to the decoders.
fn report_file(name: String, path: &Path) -> FileReport {
    let report = FileReport::new(name);
    let fallback = report.clone();
    contained(|| read_file(report, path)).unwrap_or_else(|| fallback.refused("the file breaks its decoder".to_owned()))
}

fn read_file(report: FileReport, path: &Path) -> FileReport {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return report.refused(format!("cannot be read: {error}")),
    };
    if bytes.starts_with(PNG_SIGNATURE) && !sniff::named_dicom(path) {
        return read_png_file(report, &bytes);
    }
    match DicomFile::from_bytes(&bytes) {
        Ok(file) => {
            drop(bytes);
            read_dicom_file(report, &file)
        }
        Err(Error::NotDicom { .. }) if !sniff::named_dicom(path) => report.refused(Error::NotImage.to_string()),
        Err(error) => report.refused(error.to_string()),
    }
}

fn read_png_file(mut report: FileReport, bytes: &[u8]) -> FileReport {
    let (raster, bits) = match decode_png(bytes) {
        Ok(decoded) => decoded,
        Err(error) => return report.refused(error.to_string()),
    };
    let mut digest = Sha256::new();
    for value in &raster.pixels {
        let stored = (*value as u16).to_le_bytes();
        digest.update(&stored[..bits / 8]);
    }
    let sum: f64 = raster.pixels.iter().map(|value| f64::from(*value)).sum();
    report.rows = Some(raster.rows);
    report.columns = Some(raster.columns);
    report.frames = Some(1);
    report.pixel_min = raster.range().map(|(low, _)| f64::from(low));
    report.pixel_max = raster.range().map(|(_, high)| f64::from(high));
    report.pixel_mean = Some(sum / raster.pixels.len() as f64);
    report.pixel_sha256 = Some(hex(&digest.finalize()));
    report
}

fn read_dicom_file(mut report: FileReport, file: &DicomFile) -> FileReport {
    let (header, warnings) = DicomHeader::read(file);
    report.warnings.extend(file.warnings().iter().cloned().chain(warnings));
    report.transfer_syntax = Some(file.transfer_syntax().to_owned());
    report.modality.clone_from(&header.modality);
    report.laterality = header.laterality;
    report.view.clone_from(&header.view);
    report.header = Some(header);
    let size = |name| file.integer(name).ok().flatten().and_then(|value| usize::try_from(value).ok());
    (report.rows, report.columns) = (size("Rows"), size("Columns"));
    for name in ["RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"] {
        report.warnings.extend(file.number(name).err().map(|error| error.to_string()));
    }
    let (pixels, warnings) = match DecodedPixels::decode(file) {
        Ok(decoded) => decoded,
        Err(Error::NoPixels) => {
            report.status = FileStatus::NoPixels;
            return report;
        }
        Err(error) => return report.refused(error.to_string()),
    };
    report.warnings.extend(warnings);
    report.frames = Some(pixels.frames);
    if let Some((low, high, mean)) = pixels.summary() {
        (report.pixel_min, report.pixel_max, report.pixel_mean) = (Some(low), Some(high), Some(mean));
    }
    report.pixel_sha256 = Some(pixels.sha256());
    report
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::synthetic::Synthetic;
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
                ("noise", Some("not a DICOM or PNG file")),
                ("noise.dcm", Some("expected a DICOM file, found other bytes")),
                ("sub/good.dcm", None),
                ("table.csv", Some("not a DICOM or PNG file")),
                ("text.dcm", Some("expected a DICOM file, found text")),
            ]
        );
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
