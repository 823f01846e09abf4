//! Bytes to checked images and studies: DICOM, NIfTI, PNG and PGM in, rasters, decoded pixels and grouped studies out.
//!
//! Lives here: reading and sniffing files, decoding pixel data, display values, walking a folder, grouping into
//! studies, and preparing what an encoder sees. May import [`crate::terms`] only; the dicom, flate2 and png crates enter
//! nowhere else. Deliberately absent: neural networks, tables, and anything that writes files, but for [`deidentify`].

mod attributes;
mod codestream_size;
mod colour;
mod contain;
mod dce;
pub mod deidentify;
mod diameter;
mod dicom;
mod dicomdir;
mod display;
mod dynamic;
mod encapsulated;
mod enhancement;
mod entropy;
mod error;
mod file_bytes;
mod file_entry;
mod file_report;
mod frame_places;
mod geometry;
mod header;
mod intensity;
mod jpeg;
mod jpeg_dct;
mod lengths;
mod load;
mod lookup;
mod mammogram_view;
mod mammography;
mod measure;
mod mr_series;
mod mri;
mod native;
mod nifti;
mod nifti_header;
mod overlay;
mod overlay_marks;
mod pectoral;
mod pgm;
mod picture;
#[cfg(test)]
mod pixel_kinds;
mod pixels;
mod prepare;
pub mod quality;
mod radiomics;
mod raster;
#[cfg(test)]
mod refusals;
mod rle;
mod scan;
mod segmentation;
mod sniff;
mod study;
#[cfg(test)]
mod synthetic;
mod ultrasound;
mod ultrasound_regions;
mod voxel_grid;
mod whole;
mod window;

pub use attributes::Code;
pub use dicom::DicomFile;
pub use display::{display_raster, modality_raster};
pub use enhancement::{
    BackgroundEnhancement, BackgroundOptions, BackgroundSide, DcePhases, FtvOptions, FunctionalTumour, LesionSegment,
    SegmentOptions, background_enhancement, components, functional_tumour, longest_diameter_mm, segment_lesion,
};
pub use error::Error;
pub use file_report::{FileReport, FileStatus};
pub use frame_places::FramePlace;
pub use geometry::SliceGeometry;
pub use header::DicomHeader;
pub use load::{LoadedStudy, Locate, StudyView, load_study};
pub use mammogram_view::{PresentationIntent, ViewModifier};
pub use measure::Measure;
pub use nifti::{NiftiImage, decode_nifti, read_nifti};
pub use overlay::{Overlay, colour_fraction, detect_overlay};
pub use pectoral::{PectoralMuscle, pectoral_muscle};
pub use pgm::{decode_pgm, read_pgm};
pub use picture::{overlay_png, prepared_png};
pub use pixels::DecodedPixels;
pub use prepare::{
    LesionBox, Placement, Preparation, Prepared, mask_box, prepare_mammogram, prepare_mri_colour, prepare_mri_slice,
    prepare_ultrasound,
};
pub use radiomics::{DEFAULT_BIN_WIDTH, RadiomicFeature, radiomics};
pub use raster::{Raster, decode_png, read_png};
pub use scan::{images_root, scan_folder};
pub use segmentation::{Segment, SegmentFrame, Segmentation};
pub use study::{Study, StudyImage, group_studies};
pub use ultrasound_regions::{RegionContent, UltrasoundRegion, tissue_spacing_mm, ultrasound_regions};
pub use voxel_grid::VoxelGrid;
pub use whole::{WholeFrame, largest_lesion, prepare_whole};
