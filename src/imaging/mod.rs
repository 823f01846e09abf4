//! Bytes to checked images and studies: DICOM and PNG in, rasters, decoded pixels and grouped studies out.
//!
//! Lives here: reading and sniffing files, decoding pixel data, display values, walking a folder, grouping into
//! studies, and preparing what an encoder sees. May import [`crate::terms`] only; the dicom and png crates enter
//! nowhere else. Deliberately absent: neural networks, tables, and anything that writes files.

mod contain;
mod dce;
mod dicom;
mod display;
mod encapsulated;
mod entropy;
mod error;
mod file_report;
mod header;
mod intensity;
mod jpeg;
mod jpeg_dct;
mod lengths;
mod load;
mod mri;
mod native;
mod pixels;
mod prepare;
mod raster;
mod rle;
mod scan;
mod sniff;
mod study;
#[cfg(test)]
mod synthetic;
mod whole;

pub use dicom::DicomFile;
pub use display::{display_raster, modality_raster};
pub use error::Error;
pub use file_report::{FileReport, FileStatus};
pub use header::DicomHeader;
pub use load::load_study;
pub use mri::{Volume, prepare_dce};
pub use pixels::DecodedPixels;
pub use prepare::{
    LesionBox, Prepared, mask_box, prepare_mammogram, prepare_mammogram_at, prepare_mri_colour, prepare_mri_colour_at,
    prepare_mri_slice, prepare_ultrasound, prepare_ultrasound_at,
};
pub use raster::{Raster, read_png};
pub use scan::scan_folder;
pub use study::{Study, StudyImage, group_studies};
pub use whole::{WholeFrame, largest_lesion, prepare_whole};
