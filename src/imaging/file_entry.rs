use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::contain::contained;
use super::file_bytes::read_bounded;
use super::nifti::{StoredVoxels, is_nifti};
use super::pgm::{decode_pgm, is_pgm};
use super::pixels::hex;
use super::raster::decode_png;
use super::sniff::{self, DEFLATED, PNG_SIGNATURE};
use super::ultrasound::tissue_box;
use super::{DecodedPixels, DicomFile, DicomHeader, Error, FileReport, FileStatus, Raster};
use super::{colour_fraction, detect_overlay, display_raster};

/// Images from this size on are decoded one at a time, so that memory holds one large image and not one per thread.
const LARGE: usize = 64 << 20;

thread_local! {
    /// True while this thread holds the turn of large images; a decoder may run another file on the thread that waits.
    static HOLDS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// The turn of large images: taken when a file turns out to be one, given back with the file.
pub(super) struct Turn<'a> {
    large: &'a Mutex<()>,
    held: RefCell<Option<MutexGuard<'a, ()>>>,
}

impl<'a> Turn<'a> {
    pub fn new(large: &'a Mutex<()>) -> Self {
        Self { large, held: RefCell::new(None) }
    }

    /// Waits for the turn when `bytes` make a large image.
    fn expect(&self, bytes: usize) {
        if bytes >= LARGE && !HOLDS_TURN.get() {
            *self.held.borrow_mut() = Some(self.large.lock().unwrap_or_else(PoisonError::into_inner));
            HOLDS_TURN.set(true);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.held.get_mut().take().is_some() {
            HOLDS_TURN.set(false);
        }
    }
}

/// The report of one file, whatever its bytes do to the decoders.
pub(super) fn report_file(name: String, path: &Path, large: &Mutex<()>) -> FileReport {
    let report = FileReport::new(name);
    let fallback = report.clone();
    contained(|| {
        let turn = Turn::new(large);
        read_file(report, path, &turn)
    })
    .unwrap_or_else(|| fallback.refused("the file breaks its decoder".to_owned()))
}

fn read_file(report: FileReport, path: &Path, turn: &Turn) -> FileReport {
    turn.expect(std::fs::metadata(path).map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(usize::MAX)));
    let bytes = match read_bounded(path) {
        Ok(bytes) => bytes,
        Err(Error::Io { source, .. }) => return report.refused(format!("cannot be read: {source}")),
        Err(error) => return report.refused(error.to_string()),
    };
    if !sniff::named_dicom(path) {
        let read = if bytes.starts_with(PNG_SIGNATURE) {
            Some(decode_png(bytes.as_slice()).map(|(raster, bits)| of_raster(report.clone(), &raster, bits)))
        } else if is_pgm(&bytes) {
            Some(decode_pgm(&bytes).map(|(raster, bits)| of_raster(report.clone(), &raster, bits)))
        } else if is_nifti(&bytes) {
            Some(of_nifti(report.clone(), &bytes, turn))
        } else {
            None
        };
        if let Some(read) = read {
            return read.unwrap_or_else(|error| report.refused(error.to_string()));
        }
    }
    if sniff::layout(&bytes).is_some_and(|layout| layout.transfer_syntax == DEFLATED) {
        turn.expect(LARGE);
    }
    match DicomFile::from_bytes(&bytes) {
        Ok(file) => {
            drop(bytes);
            of_dicom(report, &file, turn)
        }
        Err(Error::NotDicom { .. }) if !sniff::named_dicom(path) => report.refused(Error::NotImage.to_string()),
        Err(error) => report.refused(error.to_string()),
    }
}

/// The report of a grey or colour image of whole numbers of 8 or 16 bits.
fn of_raster(mut report: FileReport, raster: &Raster, bits: usize) -> FileReport {
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

/// The report of a NIfTI image: its slices are the frames.
fn of_nifti(mut report: FileReport, bytes: &[u8], turn: &Turn) -> Result<FileReport, Error> {
    let stored = StoredVoxels::read(bytes, &|expected| turn.expect(expected))?;
    let [columns, rows, slices, volumes] = stored.header.dims;
    (report.rows, report.columns, report.frames) = (Some(rows), Some(columns), Some(slices * volumes));
    report.warnings.clone_from(&stored.header.warnings);
    stored.finite()?;
    let (low, high, mean) = stored.summary();
    (report.pixel_min, report.pixel_max, report.pixel_mean) = (Some(low), Some(high), Some(mean));
    report.pixel_sha256 = Some(stored.sha256());
    Ok(report)
}

/// The report of a DICOM file.
fn of_dicom(mut report: FileReport, file: &DicomFile, turn: &Turn) -> FileReport {
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
    turn.expect(DecodedPixels::expected_bytes(file));
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
    if report.modality.as_deref() == Some("US")
        && let Ok(shown) = display_raster(file, &pixels, pixels.frames / 2)
    {
        // The screen around the echoes (banners, logos) may be tinted as it likes.
        let tissue = report.header.as_ref().and_then(tissue_box);
        let echoes = tissue.map(|area| shown.crop(area.top, area.left, area.rows, area.columns));
        report.colour_fraction = (shown.channels == 3).then(|| colour_fraction(echoes.as_ref().unwrap_or(&shown)));
        report.overlay_fraction = Some(detect_overlay(&shown).fraction());
    }
    report
}
