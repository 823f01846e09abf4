use std::path::PathBuf;

use thiserror::Error;

/// A broken rule met while turning bytes into images and studies. No variant holds a patient identifier.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A path that is not a folder.
    #[error("{}: not a folder", path.display())]
    NotFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// A folder without a single file in it.
    #[error("{}: the folder holds no files", path.display())]
    EmptyFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// Something wrong inside one named file.
    #[error("{path}: {source}")]
    File {
        /// The path, relative to the folder that was walked.
        path: String,
        /// The rule broken.
        source: Box<Error>,
    },
    /// Bytes in none of the formats that are read.
    #[error("not a DICOM, NIfTI, PNG or PGM file")]
    NotImage,
    /// Bytes that were to be DICOM and are not.
    #[error("expected a DICOM file, found {found}")]
    NotDicom {
        /// What the bytes look like.
        found: &'static str,
    },
    /// A PNG file that breaks its own format.
    #[error("PNG: {reason}")]
    Png {
        /// The decoder's words.
        reason: String,
    },
    /// A PGM file that breaks its own format.
    #[error("PGM: {reason}")]
    Pgm {
        /// The rule.
        reason: String,
    },
    /// A NIfTI file that breaks its own format.
    #[error("NIfTI: {reason}")]
    Nifti {
        /// The rule.
        reason: String,
    },
    /// Voxels that are not finite numbers.
    #[error("{count} values are NaN or infinite")]
    NotFinite {
        /// How many.
        count: usize,
    },
    /// A DICOM dataset that cannot be parsed.
    #[error("DICOM dataset: {reason}")]
    Dataset {
        /// The parser's words.
        reason: String,
    },
    /// A required DICOM attribute that is not there, or is there without a value.
    #[error("{attribute} is absent")]
    Absent {
        /// The DICOM name of the attribute.
        attribute: &'static str,
    },
    /// A DICOM attribute whose value breaks its own rules.
    #[error("{attribute} is malformed: expected {expected}, found `{found}`")]
    Malformed {
        /// The DICOM name of the attribute.
        attribute: &'static str,
        /// The rule.
        expected: &'static str,
        /// The value, shortened.
        found: String,
    },
    /// Two grids in space that do not fit each other.
    #[error("geometry: {reason}")]
    Geometry {
        /// What does not fit.
        reason: String,
    },
    /// A DICOM object without pixel data.
    #[error("no pixel data")]
    NoPixels,
    /// Pixel data that ends early.
    #[error("pixel data is truncated: expected {expected} bytes, found {found}")]
    Truncated {
        /// Bytes that the attributes ask for.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// An encoding that regimen does not read.
    #[error("unsupported: {what}")]
    Unsupported {
        /// The encoding.
        what: String,
    },
    /// A compressed frame that cannot be decoded.
    #[error("frame {frame}: {reason}")]
    Codec {
        /// Zero-based frame number.
        frame: usize,
        /// The decoder's words.
        reason: String,
    },
    /// A frame number past the end.
    #[error("frame {frame} asked for, the image has {frames}")]
    FrameRange {
        /// Zero-based frame number.
        frame: usize,
        /// Frames in the image.
        frames: usize,
    },
    /// Pixels whose count does not follow from their shape.
    #[error("image shape: expected {expected}, found {found}")]
    Shape {
        /// The rule.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A study that lacks what its modality needs.
    #[error("{modality} study: {reason}")]
    Study {
        /// The modality.
        modality: &'static str,
        /// What is missing.
        reason: String,
    },
    /// A key that cannot make pseudonyms.
    #[error("de-identification key: {reason}")]
    Key {
        /// The rule broken, without the key.
        reason: String,
    },
    /// An output folder inside the folder that is read, or around it.
    #[error("the source folder and the output folder lie inside each other")]
    NestedOutput,
    /// Voxels without a positive distance.
    #[error("voxel spacing: expected three positive millimetres, found {found:?}")]
    Spacing {
        /// Millimetres along \[z, y, x\].
        found: [f64; 3],
    },
    /// A region of interest too small for what is measured.
    #[error("region of interest: expected {expected}, found {found}")]
    Region {
        /// The rule.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A voxel inside a region whose intensity is not a number.
    #[error("voxel {place:?}: expected a finite intensity, found {found}")]
    Intensity {
        /// The voxel, \[z, y, x\].
        place: [usize; 3],
        /// Its intensity.
        found: f32,
    },
    /// Phases of a dynamic series that do not follow one another.
    #[error("times of the phases: expected three ascending seconds, found {found:?}")]
    PhaseTimes {
        /// Seconds of before, early and late.
        found: [f64; 3],
    },
    /// A bin width that leaves too many grey levels, or none.
    #[error("bin width {bin_width}: expected a positive width and at most {limit} grey levels, found {found}")]
    GreyLevels {
        /// The width, in the unit of the intensities.
        bin_width: f64,
        /// Levels that it would make.
        found: usize,
        /// The most that are counted.
        limit: usize,
    },
}

impl Error {
    /// The same error, with the file it happened in.
    #[must_use]
    pub fn in_file(self, path: &str) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}
