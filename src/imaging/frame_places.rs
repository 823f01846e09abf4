use super::attributes::{Attributes, FrameAttributes};
use super::header::{keep, seconds_since_midnight};
use super::{DicomFile, DicomHeader};

/// Where and when one frame of an enhanced multi-frame object was taken.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FramePlace {
    /// ImagePositionPatient, millimetres.
    pub position: Option<[f64; 3]>,
    /// ImageOrientationPatient.
    pub orientation: Option<[f64; 6]>,
    /// Between rows, between columns, millimetres.
    pub pixel_spacing_mm: Option<[f64; 2]>,
    /// TemporalPositionIndex, else TemporalPositionIdentifier.
    pub temporal_position: Option<i64>,
    /// FrameAcquisitionNumber.
    pub acquisition_number: Option<i64>,
    /// Time of day of FrameAcquisitionDateTime, else of FrameReferenceDateTime, in seconds since midnight.
    pub acquisition_time_s: Option<f64>,
    /// TemporalPositionTimeOffset (seconds) or NominalCardiacTriggerDelayTime (milliseconds), in milliseconds.
    pub trigger_time_ms: Option<f64>,
}

impl FramePlace {
    /// The frames of an object with functional groups per frame, in their order; none for any other object.
    ///
    /// # Source
    /// PS3.3 C.7.6.16.2.2 (frame content), C.7.6.16.2.3 (plane position), C.7.6.16.2.4 (plane orientation).
    pub(super) fn all(file: &DicomFile, warnings: &mut Vec<String>) -> Vec<Self> {
        let frames = file.attributes().items("PerFrameFunctionalGroupsSequence").len();
        let mut places = Vec::new();
        let mut notes = Vec::new();
        for frame in 0..frames {
            places.push(Self::read(&file.frame(frame), &mut notes));
        }
        notes.sort();
        notes.dedup();
        warnings.extend(notes);
        places
    }

    fn read(frame: &FrameAttributes, warnings: &mut Vec<String>) -> Self {
        let time = keep(frame.text("FrameAcquisitionDateTime"), warnings)
            .or_else(|| keep(frame.text("FrameReferenceDateTime"), warnings));
        let seconds = time.as_deref().and_then(time_of_day);
        if time.is_some() && seconds.is_none() {
            warnings.push("FrameAcquisitionDateTime is malformed: expected YYYYMMDDHHMMSS.FFFFFF".to_owned());
        }
        let offset = keep(frame.number("TemporalPositionTimeOffset"), warnings).map(|seconds| 1000.0 * seconds);
        let spacing: Option<[f64; 2]> = keep(frame.vector("PixelSpacing"), warnings);
        Self {
            position: keep(frame.vector("ImagePositionPatient"), warnings),
            orientation: keep(frame.vector("ImageOrientationPatient"), warnings),
            pixel_spacing_mm: spacing.filter(|spacing| spacing.iter().all(|side| *side > 0.0)),
            temporal_position: keep(frame.integer("TemporalPositionIndex"), warnings)
                .or_else(|| keep(frame.integer("TemporalPositionIdentifier"), warnings)),
            acquisition_number: keep(frame.integer("FrameAcquisitionNumber"), warnings),
            acquisition_time_s: seconds,
            trigger_time_ms: offset.or_else(|| keep(frame.number("NominalCardiacTriggerDelayTime"), warnings)),
        }
    }

    /// The header of the object with the place and time of this frame in it.
    pub(super) fn header_of(&self, object: &DicomHeader) -> DicomHeader {
        DicomHeader {
            position: self.position,
            orientation: self.orientation,
            pixel_spacing_mm: self.pixel_spacing_mm,
            temporal_position: self.temporal_position,
            acquisition_number: self.acquisition_number.or(object.acquisition_number),
            acquisition_time_s: self.acquisition_time_s.or(object.acquisition_time_s),
            trigger_time_ms: self.trigger_time_ms,
            frames: Vec::new(),
            ..object.clone()
        }
    }
}

/// The time of day of a DICOM date and time, in seconds; the offset from UTC is the same within one object.
fn time_of_day(text: &str) -> Option<f64> {
    let local = text.split(['+', '-']).next().unwrap_or_default();
    seconds_since_midnight(local.get(8..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_cut_out_of_a_date_and_time() {
        assert_eq!(time_of_day("20261125010203.5+0100"), Some(3723.5));
        assert_eq!(time_of_day("202611250102"), Some(3720.0));
        assert_eq!(time_of_day("20261125"), None);
    }
}
