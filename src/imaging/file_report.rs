use serde::{Deserialize, Serialize};

use super::DicomHeader;
use crate::terms::Laterality;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Read and decoded.
    Ok,
    /// A DICOM object without pixel data.
    NoPixels,
    /// Not read; `reason` says why.
    Refused,
}

/// What was found at one path of a scanned folder; its JSON holds no patient identifier of the DICOM header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path relative to the folder, parts separated by `/`.
    pub path: String,
    /// What became of the file.
    pub status: FileStatus,
    /// Why it was refused.
    pub reason: Option<String>,
    /// DICOM modality code.
    pub modality: Option<String>,
    /// Side of the body.
    pub laterality: Option<Laterality>,
    /// View position, upper case.
    pub view: Option<String>,
    /// Transfer syntax UID, declared or sniffed.
    pub transfer_syntax: Option<String>,
    /// Height in pixels.
    pub rows: Option<usize>,
    /// Width in pixels.
    pub columns: Option<usize>,
    /// Number of frames.
    pub frames: Option<usize>,
    /// Smallest stored value.
    pub pixel_min: Option<f64>,
    /// Largest stored value.
    pub pixel_max: Option<f64>,
    /// Mean stored value.
    pub pixel_mean: Option<f64>,
    /// SHA-256 of all decoded frames before any rescale, little-endian, colour by pixel, one-bit values as 0 and 1,
    /// full-range YCbCr as RGB.
    pub pixel_sha256: Option<String>,
    /// Part of the lit pixels of the region of tissue, else of the image, that is coloured, of the middle frame; ultrasound
    /// in colour only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour_fraction: Option<f64>,
    /// Part of the pixels that text, calipers or colour is drawn over, of the middle frame; ultrasound only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay_fraction: Option<f64>,
    /// What was tolerated, one sentence each.
    pub warnings: Vec<String>,
    /// The grouping attributes of a DICOM file. Identifying, so never serialised.
    #[serde(skip)]
    pub header: Option<DicomHeader>,
}

impl FileReport {
    /// A report of the file at `path`, with nothing found yet.
    pub(super) fn new(path: String) -> Self {
        Self {
            path,
            status: FileStatus::Ok,
            reason: None,
            modality: None,
            laterality: None,
            view: None,
            transfer_syntax: None,
            rows: None,
            columns: None,
            frames: None,
            pixel_min: None,
            pixel_max: None,
            pixel_mean: None,
            pixel_sha256: None,
            colour_fraction: None,
            overlay_fraction: None,
            warnings: Vec::new(),
            header: None,
        }
    }

    /// The same report with status refused.
    pub(super) fn refused(mut self, reason: String) -> Self {
        self.status = FileStatus::Refused;
        self.reason = Some(reason);
        self
    }
}
