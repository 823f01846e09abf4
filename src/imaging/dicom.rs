use std::io::Read;
use std::path::Path;

use dicom_encoding::transfer_syntax::{Codec, TransferSyntax};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::Error;
use super::attributes::{Attributes, FrameAttributes, Item};
use super::file_bytes::read_bounded;
use super::lengths::{Encoding, Fault, fault};
use super::sniff::{self, DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE};

/// One parsed DICOM file: its dataset, how it was written, and what had to be tolerated to read it.
#[derive(Debug)]
pub struct DicomFile {
    pub(super) dataset: InMemDicomObject,
    transfer_syntax: String,
    warnings: Vec<String>,
}

impl DicomFile {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Unsupported`] for a pipe, a device or more than 4 GiB, or as [`DicomFile::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&read_bounded(path)?)
    }

    /// Parses the bytes of a DICOM file. A missing preamble, meta header or transfer syntax is sniffed and warned about.
    ///
    /// # Errors
    /// [`Error::NotDicom`] when the bytes are something else, [`Error::Dataset`] when the dataset breaks off or breaks
    /// its own encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let layout = sniff::layout(bytes).ok_or_else(|| Error::NotDicom { found: sniff::describe(bytes) })?;
        let body = bytes.get(layout.dataset..).unwrap_or_default();
        let name = layout.encoding.unwrap_or(&layout.transfer_syntax);
        let dataset =
            if name == DEFLATED { read_dataset(&inflate(body)?, EXPLICIT_LITTLE)? } else { read_dataset(body, name)? };
        Ok(Self { dataset, transfer_syntax: layout.transfer_syntax, warnings: layout.warnings })
    }

    /// The transfer syntax UID, declared in the file or sniffed.
    #[must_use]
    pub fn transfer_syntax(&self) -> &str {
        &self.transfer_syntax
    }

    /// What was tolerated while reading, one sentence each; empty for a file within the standard.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The dataset, for reading by name; with it the functional groups shared by all frames of an enhanced object.
    pub(super) fn attributes(&self) -> FileAttributes<'_> {
        FileAttributes(Item(&self.dataset))
    }

    /// What holds of one frame, zero-based.
    pub(super) fn frame(&self, frame: usize) -> FrameAttributes<'_> {
        FrameAttributes::new(&self.dataset, frame)
    }

    /// True when the attribute is there with a value.
    #[must_use]
    pub fn has(&self, name: &'static str) -> bool {
        self.attributes().element(name).is_some()
    }

    /// The text of an attribute by its DICOM name (`StudyInstanceUID`), trimmed; `None` when absent or empty.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the attribute is there and holds no text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        self.attributes().text(name)
    }

    /// All whole numbers of an attribute; `None` when absent or empty.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a value is not a whole number.
    pub fn integers(&self, name: &'static str) -> Result<Option<Vec<i64>>, Error> {
        self.attributes().integers(name)
    }

    /// The first whole number of an attribute; `None` when absent or empty.
    ///
    /// # Errors
    /// As [`DicomFile::integers`].
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, Error> {
        self.attributes().integer(name)
    }

    /// All numbers of an attribute, finite; `None` when absent or empty.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a value is not a finite number.
    pub fn numbers(&self, name: &'static str) -> Result<Option<Vec<f64>>, Error> {
        self.attributes().numbers(name)
    }

    /// The first number of an attribute; `None` when absent or empty.
    ///
    /// # Errors
    /// As [`DicomFile::numbers`].
    pub fn number(&self, name: &'static str) -> Result<Option<f64>, Error> {
        self.attributes().number(name)
    }

    /// Exactly `N` numbers of an attribute; `None` when absent or empty.
    ///
    /// # Errors
    /// As [`DicomFile::numbers`], and [`Error::Malformed`] when there are more or fewer.
    pub fn vector<const N: usize>(&self, name: &'static str) -> Result<Option<[f64; N]>, Error> {
        self.attributes().vector(name)
    }

    /// A whole number that must be there and lie in `low..=high`.
    pub(super) fn required(&self, name: &'static str, low: i64, high: i64) -> Result<usize, Error> {
        self.attributes().required(name, low, high)
    }
}

/// The attributes at the top level of a file or, for the enhanced multi-frame objects, in the functional groups shared
/// by all frames (PS3.3 C.7.6.16).
#[derive(Debug, Clone, Copy)]
pub(super) struct FileAttributes<'a>(Item<'a>);

impl<'a> Attributes<'a> for FileAttributes<'a> {
    fn element(&self, name: &'static str) -> Option<&'a InMemElement> {
        // No frame has this number: only what is shared answers.
        self.0.element(name).or_else(|| FrameAttributes::new(self.0.0, usize::MAX).element(name))
    }
}

/// The largest deflated dataset that is read, inflated: 1 GiB.
const MAX_INFLATED: u64 = 1 << 30;

/// The dataset in explicit little endian out of a deflated one (PS3.5 A.5).
fn inflate(body: &[u8]) -> Result<Vec<u8>, Error> {
    let broken = |reason: String| Error::Dataset { reason };
    let codec = TransferSyntaxIndex::get(&TransferSyntaxRegistry, DEFLATED).map(TransferSyntax::codec);
    let Some(Codec::Dataset(Some(adapter))) = codec else {
        return Err(Error::Unsupported { what: "deflated datasets".to_owned() });
    };
    let mut inflated = Vec::new();
    let source = adapter.adapt_reader(Box::new(body));
    let read = source.take(MAX_INFLATED).read_to_end(&mut inflated).map_err(|e| broken(e.to_string()))?;
    if read as u64 == MAX_INFLATED {
        return Err(broken("the dataset inflates to more than 1 GiB".to_owned()));
    }
    Ok(inflated)
}

/// Parses a dataset in the encoding that a transfer syntax implies.
///
/// An unknown syntax is an encapsulated one, and those write their dataset in explicit little endian (PS3.5 A.4).
fn read_dataset(body: &[u8], transfer_syntax: &str) -> Result<InMemDicomObject, Error> {
    let encoding = Encoding { explicit: transfer_syntax != IMPLICIT_LITTLE, big: transfer_syntax == EXPLICIT_BIG };
    match fault(body, encoding) {
        Some(Fault::Overrun(tag)) => return Err(Error::Dataset { reason: truncated_inside(tag) }),
        Some(Fault::Uneven((group, element))) => {
            let reason = format!("the length of element ({group:04X},{element:04X}) cuts its last value");
            return Err(Error::Dataset { reason });
        }
        Some(Fault::TooDeep) => {
            return Err(Error::Dataset { reason: "sequences lie in each other more than 64 deep".to_owned() });
        }
        None => {}
    }
    let registry = TransferSyntaxRegistry;
    let syntax = TransferSyntaxIndex::get(&registry, transfer_syntax)
        .or_else(|| TransferSyntaxIndex::get(&registry, EXPLICIT_LITTLE))
        .ok_or_else(|| Error::Unsupported { what: format!("transfer syntax {transfer_syntax}") })?;
    InMemDicomObject::read_dataset_with_ts(body, syntax).map_err(|e| Error::Dataset { reason: broken_off(reasons(&e)) })
}

/// Where a file broke off.
fn truncated_inside(tag: (u16, u16)) -> String {
    match tag {
        (0x7fe0, 0x0008..=0x0010) => "the file is truncated inside its pixel data".to_owned(),
        (0xfffe, _) => "the file is truncated inside a sequence item".to_owned(),
        (group, element) => format!("the file is truncated inside element ({group:04X},{element:04X})"),
    }
}

/// The words of a parser that met the end of the file, in ours.
fn broken_off(reason: String) -> String {
    if reason.contains("failed to fill whole buffer") { "the file is truncated".to_owned() } else { reason }
}

/// An error and its sources in one line.
pub(super) fn reasons(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;
    use dicom_dictionary_std::tags;

    use super::super::synthetic::Synthetic;
    use super::*;

    #[test]
    fn absent_and_malformed_attributes_are_told_apart() {
        let mut image = Synthetic::new("CT", 1, 2, &[1, 2]);
        let file = DicomFile::from_bytes(&image.file()).unwrap();
        assert_eq!(file.number("RescaleSlope").unwrap(), None);
        image.text(tags::RESCALE_SLOPE, VR::DS, "steep").text(tags::RESCALE_INTERCEPT, VR::DS, "");
        let file = DicomFile::from_bytes(&image.file()).unwrap();
        let error = file.number("RescaleSlope").unwrap_err();
        assert_eq!(error.to_string(), "RescaleSlope is malformed: expected a number, found `steep`");
        assert_eq!(file.number("RescaleIntercept").unwrap(), None, "an empty value is absent");
        assert!(matches!(file.required("Rows", 1, 65_535), Ok(1)));
        assert!(matches!(file.required("NumberOfFrames", 1, 9), Err(Error::Absent { .. })));
    }

    #[test]
    fn a_file_without_preamble_or_meta_is_read_with_a_warning() {
        let bytes = Synthetic::new("CT", 1, 2, &[1, 2]).file();
        for start in [128, 132] {
            let file = DicomFile::from_bytes(&bytes[start..]).unwrap();
            assert_eq!(file.transfer_syntax(), EXPLICIT_LITTLE);
            assert_eq!(file.warnings(), ["no preamble"]);
        }
        let dataset = bytes.windows(6).position(|w| w == b"\x08\x00\x16\x00UI").unwrap();
        let file = DicomFile::from_bytes(&bytes[dataset..]).unwrap();
        assert_eq!(file.text("Modality").unwrap().as_deref(), Some("CT"));
        assert_eq!(file.warnings().len(), 1);
    }

    #[test]
    fn a_file_that_breaks_off_says_where() {
        let bytes = Synthetic::new("CT", 4, 4, &[7; 16]).file();
        let error = DicomFile::from_bytes(&bytes[..bytes.len() - 6]).unwrap_err();
        assert_eq!(error.to_string(), "DICOM dataset: the file is truncated inside its pixel data");
    }
}
