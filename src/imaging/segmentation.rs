use super::attributes::{Attributes, Code};
use super::{DecodedPixels, DicomFile, Error, Raster, SliceGeometry};

/// SOP class of a DICOM segmentation.
const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";

/// One structure that a segmentation marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// SegmentNumber, by which frames refer to it.
    pub number: usize,
    /// SegmentLabel.
    pub label: String,
    /// SegmentedPropertyCategoryCodeSequence (`Tissue`, `Morphologically Altered Structure`).
    pub category: Option<Code>,
    /// SegmentedPropertyTypeCodeSequence (`Mass`, `Neoplasm`).
    pub property: Option<Code>,
}

/// One plane of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentFrame {
    /// Number of its segment.
    pub segment: usize,
    /// Where it lies; `None` in an object without patient coordinates (of a mammogram).
    pub geometry: Option<SliceGeometry>,
    /// SOPInstanceUID of the image it was drawn on, where told.
    pub source_sop: Option<String>,
    /// ReferencedFrameNumber of a multi-frame source, from 1, where told.
    pub source_frame: Option<usize>,
    /// Stored values, row by row: 0 outside, [`Segmentation::full`] wholly inside.
    pub values: Vec<u8>,
}

/// The masks of a DICOM SEG object.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// Height of every frame.
    pub rows: usize,
    /// Width of every frame.
    pub columns: usize,
    /// The stored value of a pixel wholly inside: 1 of a binary object, MaximumFractionalValue of a fractional one.
    pub full: u8,
    /// SeriesInstanceUID of the images that were segmented.
    pub source_series: Option<String>,
    /// FrameOfReferenceUID.
    pub frame_of_reference: Option<String>,
    /// What is marked, by number.
    pub segments: Vec<Segment>,
    /// The planes, in the order of the file.
    pub frames: Vec<SegmentFrame>,
}

impl Segmentation {
    /// Reads the masks of a binary or fractional SEG object.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the file is no such object, [`Error::Absent`] or [`Error::Malformed`] for what
    /// describes its frames, and as [`DecodedPixels::decode`].
    ///
    /// # Source
    /// PS3.3 A.51 and C.8.20.2.
    pub fn read(file: &DicomFile) -> Result<Self, Error> {
        if file.text("SOPClassUID")?.as_deref() != Some(SEGMENTATION) {
            return Err(Error::Unsupported { what: "a DICOM object that is no segmentation".to_owned() });
        }
        let full = match file.text("SegmentationType")?.as_deref() {
            Some("BINARY") => 1,
            Some("FRACTIONAL") => file.required("MaximumFractionalValue", 1, 255)? as u8,
            Some(other) => {
                return Err(Error::Unsupported {
                    what: format!("a segmentation of type {}", other.chars().take(40).collect::<String>()),
                });
            }
            None => return Err(Error::Absent { attribute: "SegmentationType" }),
        };
        let segments = read_segments(file)?;
        let (pixels, _) = DecodedPixels::decode(file)?;
        if pixels.samples != 1 || pixels.bits_allocated != 8 {
            return Err(wrong("BitsAllocated", "1, or 8 for fractions", pixels.bits_allocated));
        }
        let length = pixels.rows * pixels.columns;
        let mut frames = Vec::new();
        for (number, values) in pixels.bytes.chunks_exact(length).enumerate() {
            let frame = read_frame(file, number, values)?;
            if !segments.iter().any(|segment| segment.number == frame.segment) {
                return Err(wrong("ReferencedSegmentNumber", "a segment of SegmentSequence", frame.segment));
            }
            if let Some(above) = values.iter().find(|value| **value > full) {
                return Err(wrong("PixelData", "fractions up to their maximum", above));
            }
            frames.push(frame);
        }
        let series = file.attributes().items("ReferencedSeriesSequence").first().copied();
        Ok(Self {
            rows: pixels.rows,
            columns: pixels.columns,
            full,
            source_series: series.map(|item| item.text("SeriesInstanceUID")).transpose()?.flatten(),
            frame_of_reference: file.text("FrameOfReferenceUID")?,
            segments,
            frames,
        })
    }

    /// The masks of one segment on the slices of a study, one per slice: fractions in [0, 1], zero where nothing is drawn.
    ///
    /// A plane belongs to the slice in whose plane and on whose grid it lies, to 0.01 mm; it may cover a part of it.
    ///
    /// # Errors
    /// [`Error::Geometry`] when the segment has no plane, a plane fits no slice or two planes fit one slice: masks are
    /// never moved or interpolated.
    pub fn masks_on(&self, segment: usize, slices: &[SliceGeometry]) -> Result<Vec<Raster>, Error> {
        let misfit = |reason: String| Error::Geometry { reason };
        let mut masks: Vec<Raster> =
            slices.iter().map(|slice| Raster::filled(slice.rows, slice.columns, 1, 0.0)).collect();
        let mut drawn = vec![false; slices.len()];
        let mut found = 0usize;
        for frame in self.frames.iter().filter(|frame| frame.segment == segment) {
            let geometry = frame.geometry.ok_or_else(|| misfit("a plane of the segment has no position".to_owned()))?;
            let places = slices.iter().zip(&mut masks).zip(&mut drawn);
            let fit =
                places.filter_map(|((slice, mask), drawn)| Some((slice.offset_of(&geometry)?, mask, drawn))).next();
            let ((down, across), mask, drawn) =
                fit.ok_or_else(|| misfit("a plane of the segment lies on no slice to 0.01 mm".to_owned()))?;
            if std::mem::replace(drawn, true) {
                return Err(misfit("two planes of the segment lie on one slice".to_owned()));
            }
            self.draw(frame, down, across, mask);
            found += 1;
        }
        if found == 0 { Err(misfit(format!("segment {segment} has no plane"))) } else { Ok(masks) }
    }

    /// The mask of one segment drawn on the image with that SOPInstanceUID, fractions in [0, 1]; `None` when there is none.
    ///
    /// For images without patient coordinates. A multi-frame image has one mask per frame: `frame` counts from zero.
    #[must_use]
    pub fn mask_of_instance(&self, segment: usize, sop_uid: &str, frame: usize) -> Option<Raster> {
        let mut planes = self.frames.iter().filter(|plane| {
            let same = plane.segment == segment && plane.source_sop.as_deref() == Some(sop_uid);
            same && plane.source_frame.is_none_or(|number| number == frame + 1)
        });
        let plane = planes.next()?;
        let mut mask = Raster::filled(self.rows, self.columns, 1, 0.0);
        self.draw(plane, 0, 0, &mut mask);
        Some(mask)
    }

    /// Copies a plane into a mask, its first pixel at `down`, `across`; what lies outside the mask is left out.
    fn draw(&self, frame: &SegmentFrame, down: i64, across: i64, mask: &mut Raster) {
        for (at, value) in frame.values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let row = usize::try_from((at / self.columns) as i64 + down).ok().filter(|row| *row < mask.rows);
            let column =
                usize::try_from((at % self.columns) as i64 + across).ok().filter(|column| *column < mask.columns);
            let pixel = row.zip(column).and_then(|(row, column)| mask.pixels.get_mut(row * mask.columns + column));
            if let Some(pixel) = pixel {
                *pixel = f32::from(*value) / f32::from(self.full);
            }
        }
    }
}

fn wrong(attribute: &'static str, expected: &'static str, found: impl ToString) -> Error {
    Error::Malformed { attribute, expected, found: found.to_string() }
}

fn read_segments(file: &DicomFile) -> Result<Vec<Segment>, Error> {
    let items = file.attributes().items("SegmentSequence");
    if items.is_empty() {
        return Err(Error::Absent { attribute: "SegmentSequence" });
    }
    let mut segments: Vec<Segment> = Vec::new();
    for item in items {
        let number = item.required("SegmentNumber", 1, 65_535)?;
        if segments.iter().any(|segment| segment.number == number) {
            return Err(wrong("SegmentNumber", "each number once", number));
        }
        segments.push(Segment {
            number,
            label: item.text("SegmentLabel")?.unwrap_or_default(),
            category: item.code("SegmentedPropertyCategoryCodeSequence")?,
            property: item.code("SegmentedPropertyTypeCodeSequence")?,
        });
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

fn read_frame(file: &DicomFile, number: usize, values: &[u8]) -> Result<SegmentFrame, Error> {
    let attributes = file.frame(number);
    let source = attributes.items("DerivationImageSequence").first().map(|item| item.items("SourceImageSequence"));
    let source = source.and_then(|items| items.first().copied());
    let source_frame = source.map(|item| item.integer("ReferencedFrameNumber")).transpose()?.flatten();
    Ok(SegmentFrame {
        segment: attributes.required("ReferencedSegmentNumber", 1, 65_535)?,
        geometry: SliceGeometry::of_frame(file, number)?,
        source_sop: source.map(|item| item.text("ReferencedSOPInstanceUID")).transpose()?.flatten(),
        source_frame: source_frame.and_then(|frame| usize::try_from(frame).ok()),
        values: values.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Slice {
        sop: String,
        position: [f64; 3],
        orientation: [f64; 6],
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        file: String,
        slices: Vec<Slice>,
        labels: Vec<String>,
        masks: Vec<Vec<Vec<f64>>>,
    }

    #[derive(Deserialize)]
    struct Reference {
        pixel_spacing_mm: [f64; 2],
        rows: usize,
        columns: usize,
        cases: Vec<Case>,
    }

    /// tests/reference/segmentation.py: objects that highdicom wrote.
    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../tests/reference/segmentation.json")).unwrap()
    }

    fn bytes(case: &Case) -> Vec<u8> {
        let gzip: Vec<u8> = (0..case.file.len() / 2)
            .map(|at| u8::from_str_radix(&case.file[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let mut bytes = Vec::new();
        GzDecoder::new(gzip.as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn slices(reference: &Reference, case: &Case) -> Vec<SliceGeometry> {
        let (rows, columns, pixel_spacing_mm) = (reference.rows, reference.columns, reference.pixel_spacing_mm);
        let place = |slice: &Slice| SliceGeometry {
            position: slice.position,
            orientation: slice.orientation,
            pixel_spacing_mm,
            rows,
            columns,
        };
        case.slices.iter().map(place).collect()
    }

    #[test]
    fn binary_and_fractional_masks_lie_on_the_slices_they_were_drawn_on() {
        let reference = reference();
        for case in &reference.cases {
            let object = Segmentation::read(&DicomFile::from_bytes(&bytes(case)).unwrap()).unwrap();
            assert_eq!(object.source_series.as_deref(), Some("2.25.3"), "{}", case.name);
            assert_eq!(object.frame_of_reference.as_deref(), Some("2.25.4"));
            assert_eq!(object.segments[0].property.as_ref().unwrap().meaning, "Mass");
            let slices = slices(&reference, case);
            for (segment, expected) in object.segments.iter().zip(&case.masks) {
                assert_eq!(segment.label, case.labels[segment.number - 1]);
                let masks = object.masks_on(segment.number, &slices).unwrap();
                for ((mask, expected), slice) in masks.iter().zip(expected).zip(&case.slices) {
                    let same = mask.pixels.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6);
                    assert!(same && mask.pixels.len() == 30, "{} {}: {:?}", case.name, segment.label, mask.pixels);
                    let instance = object.mask_of_instance(segment.number, &slice.sop, 0);
                    assert_eq!(instance.is_some(), expected.iter().any(|value| *value > 0.0));
                    assert!(instance.is_none_or(|instance| instance == *mask));
                }
            }
        }
    }

    #[test]
    fn a_mask_is_never_moved_to_a_slice_it_does_not_lie_on() {
        let reference = reference();
        let case = &reference.cases[0];
        let object = Segmentation::read(&DicomFile::from_bytes(&bytes(case)).unwrap()).unwrap();
        let mut slices = slices(&reference, case);
        slices[1].position[2] += 0.02;
        let error = object.masks_on(1, &slices).unwrap_err();
        assert_eq!(error.to_string(), "geometry: a plane of the segment lies on no slice to 0.01 mm");
        assert!(object.masks_on(2, &slices[..1]).is_err() && object.masks_on(7, &slices).is_err());
        // A larger slice that starts one row (0.5 mm along the column direction) above and two columns before.
        slices[1].position[2] -= 0.02;
        for slice in &mut slices {
            let [a, b, c, d, e, f] = slice.orientation;
            let back = |axis: usize, row: f64, column: f64| slice.position[axis] - 2.0 * 0.75 * row - 0.5 * column;
            slice.position = [back(0, a, d), back(1, b, e), back(2, c, f)];
            (slice.rows, slice.columns) = (20, 30);
        }
        let mask = &object.masks_on(1, &slices).unwrap()[0];
        let lit: Vec<usize> = (0..600).filter(|at| mask.pixels[*at] > 0.0).collect();
        let expected: Vec<usize> =
            (0..30).filter(|at| case.masks[0][0][*at] > 0.0).map(|at| (at / 5 + 1) * 30 + at % 5 + 2).collect();
        assert_eq!(lit, expected);
    }

    #[test]
    fn an_object_that_is_no_segmentation_is_refused() {
        let file = super::super::synthetic::Synthetic::new("MR", 1, 2, &[1, 2]).file();
        assert!(matches!(Segmentation::read(&DicomFile::from_bytes(&file).unwrap()), Err(Error::Unsupported { .. })));
    }
}
