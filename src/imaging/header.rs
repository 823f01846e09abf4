use std::fmt;

use super::mammogram_view::MammogramView;
use super::{
    DicomFile, Error, FramePlace, PresentationIntent, UltrasoundRegion, ViewModifier, tissue_spacing_mm,
    ultrasound_regions,
};
use crate::terms::Laterality;

/// The attributes of one DICOM file that group it into a study: identity, place, time and side.
///
/// `Debug` leaves out the patient id; nothing serialises it.
#[derive(Clone, Default, PartialEq)]
pub struct DicomHeader {
    /// PatientID as written, trimmed. Identifying: for grouping only.
    pub patient_id: Option<String>,
    /// StudyInstanceUID.
    pub study_uid: Option<String>,
    /// SeriesInstanceUID.
    pub series_uid: Option<String>,
    /// SOPInstanceUID.
    pub sop_uid: Option<String>,
    /// Modality code (`MG`, `US`, `MR`, …).
    pub modality: Option<String>,
    /// SeriesDescription.
    pub series_description: Option<String>,
    /// SeriesNumber.
    pub series_number: Option<i64>,
    /// InstanceNumber.
    pub instance_number: Option<i64>,
    /// ClinicalTrialTimePointID, the visit of a trial protocol.
    pub time_point: Option<String>,
    /// BodyPartExamined.
    pub body_part: Option<String>,
    /// Side of the body, from ImageLaterality, FrameLaterality or Laterality.
    pub laterality: Option<Laterality>,
    /// View, upper case (`CC`, `MLO`, …): of a mammogram from ViewCodeSequence, else from ViewPosition.
    pub view: Option<String>,
    /// What a mammogram was processed for.
    pub intent: Option<PresentationIntent>,
    /// How a mammogram departs from the standard view of its name, sorted.
    pub modifiers: Vec<ViewModifier>,
    /// BreastImplantPresent.
    pub implant: Option<bool>,
    /// Place and time of each frame of an enhanced multi-frame MR object; none for any other.
    pub frames: Vec<FramePlace>,
    /// Calibrated regions of a sonogram.
    pub regions: Vec<UltrasoundRegion>,
    /// BurnedInAnnotation.
    pub burned_in: Option<bool>,
    /// FrameOfReferenceUID: positions compare only inside one.
    pub frame_of_reference: Option<String>,
    /// ImagePositionPatient, millimetres.
    pub position: Option<[f64; 3]>,
    /// ImageOrientationPatient: direction cosines of a row, then of a column.
    pub orientation: Option<[f64; 6]>,
    /// PixelSpacing (else ImagerPixelSpacing): between rows, between columns, millimetres.
    pub pixel_spacing_mm: Option<[f64; 2]>,
    /// True when a pixel spacing is there and is no pair of positive lengths.
    pub broken_spacing: bool,
    /// TemporalPositionIdentifier.
    pub temporal_position: Option<i64>,
    /// AcquisitionNumber.
    pub acquisition_number: Option<i64>,
    /// AcquisitionTime (else ContentTime) in seconds since midnight.
    pub acquisition_time_s: Option<f64>,
    /// TriggerTime in milliseconds.
    pub trigger_time_ms: Option<f64>,
    /// EchoTime in milliseconds.
    pub echo_time_ms: Option<f64>,
    /// RepetitionTime in milliseconds.
    pub repetition_time_ms: Option<f64>,
}

impl fmt::Debug for DicomHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DicomHeader")
            .field("modality", &self.modality)
            .field("laterality", &self.laterality)
            .field("view", &self.view)
            .field("position", &self.position)
            .field("temporal_position", &self.temporal_position)
            .field("acquisition_number", &self.acquisition_number)
            .field("acquisition_time_s", &self.acquisition_time_s)
            .finish_non_exhaustive()
    }
}

impl DicomHeader {
    /// The grouping attributes of `file`, and one warning for each that is there and malformed (it is then left out).
    #[must_use]
    pub fn read(file: &DicomFile) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let mut text = |name| keep(file.text(name), &mut warnings);
        let mut header = Self {
            patient_id: text("PatientID"),
            study_uid: text("StudyInstanceUID"),
            series_uid: text("SeriesInstanceUID"),
            sop_uid: text("SOPInstanceUID"),
            modality: text("Modality"),
            series_description: text("SeriesDescription"),
            time_point: text("ClinicalTrialTimePointID"),
            body_part: text("BodyPartExamined"),
            frame_of_reference: text("FrameOfReferenceUID"),
            ..Self::default()
        };
        let side = text("ImageLaterality").or_else(|| text("FrameLaterality")).or_else(|| text("Laterality"));
        let time = text("AcquisitionTime").or_else(|| text("ContentTime"));
        header.laterality = match side.as_deref() {
            Some("L") => Some(Laterality::Left),
            Some("R") => Some(Laterality::Right),
            Some("B" | "U") | None => None,
            Some(_) => {
                warnings.push("ImageLaterality is malformed: expected L, R, B or U".to_owned());
                None
            }
        };
        if header.modality.as_deref() == Some("MG") {
            let shown = MammogramView::read(&file.attributes(), &mut warnings);
            (header.view, header.intent) = (shown.view, shown.intent);
            (header.modifiers, header.implant) = (shown.modifiers, shown.implant);
        } else {
            header.view = keep(file.text("ViewPosition"), &mut warnings).map(|view| view.to_ascii_uppercase());
        }
        header.acquisition_time_s = time.and_then(|time| {
            let seconds = seconds_since_midnight(&time);
            if seconds.is_none() {
                warnings.push("AcquisitionTime is malformed: expected HHMMSS.FFFFFF".to_owned());
            }
            seconds
        });
        header.series_number = keep(file.integer("SeriesNumber"), &mut warnings);
        header.instance_number = keep(file.integer("InstanceNumber"), &mut warnings);
        header.temporal_position = keep(file.integer("TemporalPositionIdentifier"), &mut warnings);
        header.acquisition_number = keep(file.integer("AcquisitionNumber"), &mut warnings);
        header.trigger_time_ms = keep(file.number("TriggerTime"), &mut warnings);
        header.echo_time_ms = keep(file.number("EchoTime"), &mut warnings);
        header.repetition_time_ms = keep(file.number("RepetitionTime"), &mut warnings);
        header.position = keep(file.vector("ImagePositionPatient"), &mut warnings);
        header.orientation = keep(file.vector("ImageOrientationPatient"), &mut warnings);
        header.pixel_spacing_mm = keep(file.vector("PixelSpacing"), &mut warnings)
            .or_else(|| keep(file.vector("ImagerPixelSpacing"), &mut warnings));
        if header.modality.as_deref() == Some("US") {
            header.read_regions(file, &mut warnings);
        }
        if header.modality.as_deref() == Some("MR") {
            header.frames = FramePlace::all(file, &mut warnings);
        }
        header.burned_in = match keep(file.text("BurnedInAnnotation"), &mut warnings).as_deref() {
            Some("YES") => Some(true),
            Some("NO") => Some(false),
            Some(_) => {
                warnings.push("BurnedInAnnotation is malformed: expected YES or NO".to_owned());
                None
            }
            None => None,
        };
        if header.pixel_spacing_mm.is_some_and(|spacing| spacing.iter().any(|side| *side <= 0.0)) {
            warnings.push("PixelSpacing is malformed: expected two positive lengths".to_owned());
            header.pixel_spacing_mm = None;
            header.broken_spacing = true;
        }
        (header, warnings)
    }

    /// The calibrated regions of a sonogram; their scale is the pixel spacing.
    fn read_regions(&mut self, file: &DicomFile, warnings: &mut Vec<String>) {
        match ultrasound_regions(file) {
            Ok((regions, notes)) => {
                warnings.extend(notes);
                self.pixel_spacing_mm = tissue_spacing_mm(&regions).or(self.pixel_spacing_mm);
                self.regions = regions;
            }
            Err(error) => warnings.push(told(error)),
        }
    }

    /// Position of the slice along the normal of the image plane, millimetres; the third coordinate without orientation.
    ///
    /// # Source
    /// PS3.3 C.7.6.2.1.1: the normal is the cross product of the row and the column direction.
    #[must_use]
    pub fn position_mm(&self) -> Option<f64> {
        let [x, y, z] = self.position?;
        Some(match self.orientation {
            Some([a, b, c, d, e, f]) => x * (b * f - c * e) + y * (c * d - a * f) + z * (a * e - b * d),
            None => z,
        })
    }
}

/// The value of an attribute, or a warning in its place.
pub(super) fn keep<T>(value: Result<Option<T>, Error>, warnings: &mut Vec<String>) -> Option<T> {
    value.unwrap_or_else(|error| {
        warnings.push(told(error));
        None
    })
}

/// An error as a warning, without the value: an identifier may be what is malformed.
pub(super) fn told(error: Error) -> String {
    match error {
        Error::Malformed { attribute, expected, .. } => format!("{attribute} is malformed: expected {expected}"),
        other => other.to_string(),
    }
}

/// A DICOM time (`HHMMSS.FFFFFF`, later parts optional) in seconds.
pub(super) fn seconds_since_midnight(time: &str) -> Option<f64> {
    let time: String = time.chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = time.split_once('.').map_or((time.as_str(), "0"), |(whole, fraction)| (whole, fraction));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) || !matches!(whole.len(), 2 | 4 | 6) {
        return None;
    }
    let part = |start: usize| whole.get(start..start + 2).map_or(Some(0.0), |digits| digits.parse::<f64>().ok());
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    Some(part(0)? * 3600.0 + part(2)? * 60.0 + part(4)? + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dicom_times_are_seconds_since_midnight() {
        assert_eq!(seconds_since_midnight("010203.5"), Some(3723.5));
        assert_eq!(seconds_since_midnight("0102"), Some(3720.0));
        assert_eq!(seconds_since_midnight("noon"), None);
    }

    #[test]
    fn the_slice_position_follows_the_normal() {
        let header = DicomHeader {
            position: Some([7.0, 0.0, 3.0]),
            orientation: Some([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]),
            ..DicomHeader::default()
        };
        assert_eq!(header.position_mm(), Some(-7.0), "sagittal slices are ordered along x");
        assert!(!format!("{header:?}").contains("patient_id"));
    }
}
