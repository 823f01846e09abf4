//! Any bytes become a DICOM file, its header, pixels, masks and directory, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::imaging::{DecodedPixels, DicomFile, DicomHeader, Segmentation, SliceGeometry, display_raster};

fuzz_target!(|bytes: &[u8]| {
    let file = match DicomFile::from_bytes(bytes) {
        Ok(file) => file,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let (header, _) = DicomHeader::read(&file);
    let _ = (format!("{header:?}"), header.position_mm(), SliceGeometry::of_frame(&file, 0));
    // Large images only cost time: what they may allocate is tested with the unit tests.
    let side = |name| file.integer(name).ok().flatten().unwrap_or(0);
    if side("Rows").saturating_mul(side("Columns")).saturating_mul(side("NumberOfFrames").max(1)) > 1 << 20 {
        return;
    }
    let _ = Segmentation::read(&file);
    if let Ok((pixels, _)) = DecodedPixels::decode(&file) {
        let _ = (pixels.summary(), display_raster(&file, &pixels, 0));
    }
});
