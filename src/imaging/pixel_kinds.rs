//! Every kind of pixel data, decoded from a tiny file whose values are known.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use serde::Deserialize;

use super::synthetic::Synthetic;
use super::{DecodedPixels, DicomFile};

const RLE: &str = "1.2.840.10008.1.2.5";

fn decoded(bytes: &[u8]) -> DecodedPixels {
    DecodedPixels::decode(&DicomFile::from_bytes(bytes).unwrap()).unwrap().0
}

/// An image of a width in bits, without its pixel data.
fn image(rows: usize, columns: usize, allocated: usize, stored: usize) -> Synthetic {
    let mut image = Synthetic::new("OT", rows, columns, &[]);
    image.number(tags::BITS_ALLOCATED, allocated as u16).number(tags::BITS_STORED, stored as u16);
    image
}

/// One RLE frame whose segments are literal runs.
fn rle(segments: &[Vec<u8>]) -> Vec<u8> {
    let mut header = vec![segments.len() as u32];
    let mut body = Vec::new();
    for segment in segments {
        header.push(64 + body.len() as u32);
        body.push(segment.len() as u8 - 1);
        body.extend(segment);
    }
    header.resize(16, 0);
    [header.iter().flat_map(|word| word.to_le_bytes()).collect(), body].concat()
}

#[derive(Deserialize)]
struct Case {
    name: String,
    syntax: String,
    stream: String,
    rows: usize,
    columns: usize,
    samples: u16,
    allocated: usize,
    stored: usize,
    signed: bool,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

/// tests/reference/codestreams.py: frames that OpenJPEG and CharLS wrote without loss.
pub(super) fn codestreams() -> Vec<(String, Vec<u8>, Vec<f64>)> {
    let reference: Reference = serde_json::from_str(include_str!("../../tests/reference/codestreams.json")).unwrap();
    let file = |case: Case| {
        let stream: Vec<u8> = (0..case.stream.len() / 2)
            .map(|at| u8::from_str_radix(&case.stream[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let mut image = image(case.rows, case.columns, case.allocated, case.stored);
        image.number(tags::SAMPLES_PER_PIXEL, case.samples).number(tags::PIXEL_REPRESENTATION, case.signed.into());
        if case.samples == 3 {
            image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB").number(tags::PLANAR_CONFIGURATION, 0);
        }
        (case.name, image.compressed(&case.syntax, &[stream]), case.values)
    };
    reference.cases.into_iter().map(file).collect()
}

/// A 12-bit JPEG of one block: quantiser 16, DC 100, so all 64 values are 2048 + 100 · 16 / 8. Pencil.
pub(super) fn twelve_bit_jpeg() -> Vec<u8> {
    let mut stream = b"\xff\xd8\xff\xdb\x00\x43\x00".to_vec();
    stream.extend([16; 64]);
    stream.extend(b"\xff\xc1\x00\x0b\x0c\x00\x08\x00\x08\x01\x01\x11\x00");
    for (class, symbol) in [(0x00, 7), (0x10, 0)] {
        // One code of one bit: the size of DC differences 64 to 127; the end of a block.
        stream.extend([0xff, 0xc4, 0, 20, class, 1]);
        stream.extend([0; 15]);
        stream.push(symbol);
    }
    // 0 1100100 0 and padding of ones.
    stream.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x64\x7f\xff\xd9");
    stream
}

#[test]
fn lossless_codestreams_give_back_what_went_in() {
    for (name, file, values) in codestreams() {
        let pixels = decoded(&file);
        assert_eq!(pixels.values(0).unwrap().collect::<Vec<f64>>(), values, "{name}");
    }
}

#[test]
fn a_twelve_bit_dct_block_decodes_to_its_mean() {
    let file = image(8, 8, 16, 12).compressed("1.2.840.10008.1.2.4.51", &[twelve_bit_jpeg()]);
    assert_eq!(decoded(&file).summary(), Some((2248.0, 2248.0, 2248.0)));
}

#[test]
fn one_bit_frames_follow_each_other_without_padding() {
    let mut mask = image(1, 5, 1, 1);
    mask.text(tags::NUMBER_OF_FRAMES, VR::IS, "3");
    // 15 bits, least significant first: 10110 01001 11100.
    mask.bytes(&[0b0100_1101, 0b0001_1110]);
    let pixels = decoded(&mask.file());
    assert_eq!((pixels.frames, pixels.bits_allocated), (3, 8));
    assert_eq!(pixels.bytes, [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0]);
}

#[test]
fn run_lengths_of_every_width_are_put_together() {
    let one_bit = image(2, 8, 1, 1).compressed(RLE, &[rle(&[vec![0b101, 0b1000_0000]])]);
    assert_eq!(decoded(&one_bit).bytes, [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    // Byte planes from the most significant on.
    let wide = image(1, 2, 32, 32).compressed(RLE, &[rle(&[vec![1, 0], vec![2, 0], vec![3, 0], vec![4, 9]])]);
    assert_eq!(decoded(&wide).values(0).unwrap().collect::<Vec<f64>>(), [16_909_060.0, 9.0]);
    let planes = [vec![0, 0], vec![0, 0], vec![0, 0], vec![0, 0], vec![0, 0], vec![0, 0], vec![1, 0], vec![0, 7]];
    let longest = image(1, 2, 64, 64).compressed(RLE, &[rle(&planes)]);
    assert_eq!(decoded(&longest).values(0).unwrap().collect::<Vec<f64>>(), [256.0, 7.0]);
    let mut colour = image(1, 2, 8, 8);
    colour.number(tags::SAMPLES_PER_PIXEL, 3).text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    let colour = colour.compressed(RLE, &[rle(&[vec![1, 4], vec![2, 5], vec![3, 6]])]);
    assert_eq!(decoded(&colour).bytes, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn wide_integers_and_floats_are_read_as_they_are() {
    let mut wide = image(1, 2, 32, 32);
    wide.number(tags::PIXEL_REPRESENTATION, 1);
    wide.bytes(&[[0xfe, 0xff, 0xff, 0xff], [0, 0, 1, 0]].concat());
    assert_eq!(decoded(&wide.file()).values(0).unwrap().collect::<Vec<f64>>(), [-2.0, 65_536.0]);
    let mut single = image(1, 2, 32, 32);
    single.0.remove_element(tags::PIXEL_DATA);
    let values = PrimitiveValue::F32([1.5f32, -0.25].into_iter().collect());
    single.0.put(DataElement::new(tags::FLOAT_PIXEL_DATA, VR::OF, values));
    assert_eq!(decoded(&single.file()).values(0).unwrap().collect::<Vec<f64>>(), [1.5, -0.25]);
    let mut double = image(1, 2, 64, 64);
    double.0.remove_element(tags::PIXEL_DATA);
    let values = PrimitiveValue::F64([1e300, -0.1].into_iter().collect());
    double.0.put(DataElement::new(tags::DOUBLE_FLOAT_PIXEL_DATA, VR::OD, values));
    assert_eq!(decoded(&double.file()).values(0).unwrap().collect::<Vec<f64>>(), [1e300, -0.1]);
}
