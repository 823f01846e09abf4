use std::fmt;

use dicom_core::Tag;
use dicom_core::value::Value;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use serde::{Deserialize, Serialize};

/// Why the pixels of a file need an eye: attributes were cleaned, pixels are as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelRisk {
    /// BurnedInAnnotation is YES.
    BurnedInDeclared,
    /// An ultrasound image: scanners write name, date and place into its border, whatever the attributes say.
    Ultrasound,
    /// A secondary capture, screen save or report image.
    SecondaryCapture,
    /// A digitised film, which shows its labels.
    DigitisedFilm,
    /// A modality whose images often show text, without a word in BurnedInAnnotation.
    BurnedInUnknown,
    /// A colour image of a modality that takes grey ones: most likely a screen save.
    ColourOfGreyModality,
    /// Overlay planes in the unused bits of the pixels.
    EmbeddedOverlay,
    /// More bytes than the image has pixels.
    ExcessBytes,
    /// A video stream, whose own data were not read.
    VideoStream,
    /// RecognizableVisualFeatures is YES: a face could be rebuilt.
    RecognisableFeatures,
    /// Comments inside the compressed pixels were blanked; the decoded pixels are the same.
    CommentsBlanked,
}

impl PixelRisk {
    /// True when the pixels may show text or a face; false for what was mended.
    #[must_use]
    pub fn may_show_text(self) -> bool {
        self != Self::CommentsBlanked
    }
}

impl fmt::Display for PixelRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BurnedInDeclared => "the file says that text is burned into its pixels",
            Self::Ultrasound => "an ultrasound image may show text in its border",
            Self::SecondaryCapture => "a screen capture may show text",
            Self::DigitisedFilm => "a digitised film may show its labels",
            Self::BurnedInUnknown => "the file does not say whether text is burned in, and its modality often has some",
            Self::ColourOfGreyModality => "a colour image of a grey modality may be a screen capture",
            Self::EmbeddedOverlay => "unused bits of the pixels hold overlay planes",
            Self::ExcessBytes => "the pixel data is longer than the image",
            Self::VideoStream => "a video stream may hold text in its pixels and in its own data",
            Self::RecognisableFeatures => "the file says that its pixels show recognisable features",
            Self::CommentsBlanked => "comments inside the compressed pixels were blanked",
        })
    }
}

/// Modalities whose images often show text: beside ultrasound and captures, what a camera or a workstation makes.
const OFTEN_TEXT: [&str; 14] =
    ["IVUS", "BDUS", "ES", "XC", "GM", "OT", "OP", "DMS", "XA", "RF", "DG", "ECG", "SM", "BMD"];

/// Modalities whose images are grey.
const GREY: [&str; 6] = ["MG", "MR", "CT", "CR", "DX", "PT"];

/// The risks that the attributes of an image tell, in the order of [`PixelRisk`].
///
/// # Source
/// PS3.15 E.3.1 (Clean Pixel Data Option) for what may be burned in; PS3.3 C.8.6.1 for ConversionType.
pub(super) fn risks(dataset: &InMemDicomObject, transfer_syntax: &str) -> Vec<PixelRisk> {
    let text =
        |tag: Tag| dataset.get(tag).and_then(|e| e.to_str().ok()).map(|t| t.trim().to_owned()).unwrap_or_default();
    let (modality, class, burned) = (text(tags::MODALITY), text(tags::SOP_CLASS_UID), text(tags::BURNED_IN_ANNOTATION));
    let conversion = text(tags::CONVERSION_TYPE);
    let kind = text(tags::IMAGE_TYPE);
    let ultrasound = ["US", "IVUS", "BDUS"].contains(&modality.as_str())
        || class.starts_with(uids::ULTRASOUND_IMAGE_STORAGE)
        || class.starts_with(uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE);
    let capture = class.starts_with(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
        || ["SCREEN", "CAPTURE", "DOSE_INFO", "REPORT"].iter().any(|word| kind.contains(word))
        || !matches!(conversion.as_str(), "" | "DF");
    let film = conversion == "DF" || text(tags::DETECTOR_TYPE) == "FILM";
    let colour = !text(tags::PHOTOMETRIC_INTERPRETATION).starts_with("MONOCHROME")
        && !text(tags::PHOTOMETRIC_INTERPRETATION).is_empty();
    let unknown = burned.is_empty() && OFTEN_TEXT.contains(&modality.as_str());
    let found = [
        (burned == "YES", PixelRisk::BurnedInDeclared),
        (ultrasound, PixelRisk::Ultrasound),
        (capture, PixelRisk::SecondaryCapture),
        (film, PixelRisk::DigitisedFilm),
        (unknown && !ultrasound && !capture, PixelRisk::BurnedInUnknown),
        (colour && GREY.contains(&modality.as_str()), PixelRisk::ColourOfGreyModality),
        (has_embedded_overlay(dataset), PixelRisk::EmbeddedOverlay),
        (has_excess(dataset), PixelRisk::ExcessBytes),
        (transfer_syntax.starts_with("1.2.840.10008.1.2.4.10"), PixelRisk::VideoStream),
        (text(tags::RECOGNIZABLE_VISUAL_FEATURES) == "YES", PixelRisk::RecognisableFeatures),
    ];
    found.into_iter().filter_map(|(there, risk)| there.then_some(risk)).collect()
}

/// True for an overlay group without data of its own: its bits lie in the pixels (PS3.5 section 8.1.2, retired).
fn has_embedded_overlay(dataset: &InMemDicomObject) -> bool {
    (0x6000..=0x60fe).step_by(2).any(|group| {
        dataset.get(Tag(group, 0x0010)).is_some() && dataset.get(Tag(group, 0x3000)).is_none()
            || dataset.get(Tag(group, 0x0102)).and_then(|e| e.to_int::<u16>().ok()).is_some_and(|bit| bit > 0)
    })
}

/// True when native pixel data has more bytes than rows × columns × samples × frames ask for, and one to be even.
fn has_excess(dataset: &InMemDicomObject) -> bool {
    let Some(Value::Primitive(pixels)) = dataset.get(tags::PIXEL_DATA).map(|element| element.value()) else {
        return false;
    };
    let number = |tag: Tag| dataset.get(tag).and_then(|element| element.to_int::<u64>().ok());
    let all = [tags::ROWS, tags::COLUMNS, tags::SAMPLES_PER_PIXEL, tags::BITS_ALLOCATED].map(number);
    let frames = number(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    let bits = all.iter().copied().chain([Some(frames)]).try_fold(1u64, |product, n| product.checked_mul(n?));
    bits.is_some_and(|bits| pixels.calculate_byte_len() as u64 > bits.div_ceil(8) + 1)
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;

    use super::super::super::synthetic::Synthetic;
    use super::*;

    fn of(build: impl Fn(&mut Synthetic) -> &mut Synthetic) -> Vec<PixelRisk> {
        let mut image = Synthetic::new("MG", 1, 2, &[1, 2]);
        image.text(tags::SOP_CLASS_UID, VR::UI, uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION);
        build(&mut image);
        risks(&image.0, "1.2.840.10008.1.2.1")
    }

    #[test]
    fn a_plain_mammogram_has_no_risk_and_each_sign_is_named() {
        assert_eq!(of(|image| image), []);
        let burned = of(|image| image.text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES"));
        assert_eq!(burned, [PixelRisk::BurnedInDeclared]);
        let sonogram =
            of(|image| image.text(tags::MODALITY, VR::CS, "US").text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO"));
        assert_eq!(sonogram, [PixelRisk::Ultrasound], "a NO is not trusted");
        let capture = of(|image| image.text(tags::CONVERSION_TYPE, VR::CS, "WSD"));
        assert_eq!(capture, [PixelRisk::SecondaryCapture]);
        assert_eq!(of(|image| image.text(tags::CONVERSION_TYPE, VR::CS, "DF")), [PixelRisk::DigitisedFilm]);
        assert_eq!(of(|image| image.text(tags::MODALITY, VR::CS, "XA")), [PixelRisk::BurnedInUnknown]);
        let colour = of(|image| image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"));
        assert_eq!(colour, [PixelRisk::ColourOfGreyModality]);
        assert_eq!(of(|image| image.number(Tag(0x6002, 0x0010), 1)), [PixelRisk::EmbeddedOverlay]);
        assert_eq!(of(|image| image.number(tags::COLUMNS, 1)), [PixelRisk::ExcessBytes]);
        let face = of(|image| image.text(tags::RECOGNIZABLE_VISUAL_FEATURES, VR::CS, "YES"));
        assert_eq!(face, [PixelRisk::RecognisableFeatures]);
    }
}
