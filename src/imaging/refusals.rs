//! Hostile and broken input: each refused with its cause, fast, without a panic and without the memory it asks for.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;

use super::contain::contained;
use super::nifti::decode_nifti;
use super::pixel_kinds::{codestreams, twelve_bit_jpeg};
use super::synthetic::{Synthetic, dicomdir, nifti};
use super::{DecodedPixels, DicomFile, DicomHeader, FileStatus, Segmentation, decode_pgm, display_raster, scan_folder};

const J2K: &str = "1.2.840.10008.1.2.4.90";
const JPEG: &str = "1.2.840.10008.1.2.4.50";
const RLE: &str = "1.2.840.10008.1.2.5";

/// A J2K codestream of a size, cut off behind its SIZ marker.
fn j2k(rows: u32, columns: u32) -> Vec<u8> {
    let mut stream = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
    for value in [columns, rows, 0, 0, columns, rows, 0, 0] {
        stream.extend(value.to_be_bytes());
    }
    stream.extend([0, 1, 7, 1, 1, 0xff, 0xd9]);
    stream
}

fn eight_bits(rows: u16, columns: u16) -> Synthetic {
    let mut image = Synthetic::new("MG", 1, 1, &[]);
    image.number(tags::ROWS, rows).number(tags::COLUMNS, columns);
    image.number(tags::BITS_ALLOCATED, 8).number(tags::BITS_STORED, 8);
    image
}

/// A PNG file that promises a square, with a few bytes of its data.
fn png_header(side: u32) -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        let mut sum = flate2::Crc::new();
        [name, data].iter().for_each(|part| sum.update(part));
        [&(data.len() as u32).to_be_bytes()[..], name, data, &sum.sum().to_be_bytes()].concat()
    };
    let size = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &size), chunk(b"IDAT", b"\x78\x01\x63\0\0"), chunk(b"IEND", b"")]
        .concat()
}

/// Bytes that must be refused, and words of the reason.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let grey = |values: &[u16]| Synthetic::new("MR", 2, 2, values);
    let with = |mut image: Synthetic, change: &dyn Fn(&mut Synthetic)| {
        change(&mut image);
        image.file()
    };
    let sized = |image: Synthetic, side: u16| {
        with(image, &|image| {
            image.number(tags::ROWS, side).number(tags::COLUMNS, side);
        })
    };
    let photometric = |word: &'static str| {
        with(grey(&[1, 2, 3, 4]), &|image| {
            image.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, word);
        })
    };
    let frames = |count: &'static str| {
        with(Synthetic::new("US", 64, 64, &[7; 4096]), &|image| {
            image.text(tags::NUMBER_OF_FRAMES, VR::IS, count);
        })
    };
    let mut float = grey(&[]);
    float.0.remove_element(tags::PIXEL_DATA);
    let values = PrimitiveValue::F32([1.0, f32::NAN, f32::INFINITY, 2.0].into_iter().collect());
    float.0.put(DataElement::new(tags::FLOAT_PIXEL_DATA, VR::OF, values));
    let whole = grey(&[1, 2, 3, 4]).file();
    let nested = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff".repeat(100_000);
    let mut nan = nifti([2, 1, 1], 16, &[0; 8]);
    nan[352..356].copy_from_slice(&f32::NAN.to_le_bytes());
    let mut flat = nifti([2, 1, 1], 4, &[0; 4]);
    flat[80..84].copy_from_slice(&0f32.to_le_bytes());
    let mut many: Synthetic = eight_bits(2, 2);
    many.text(tags::NUMBER_OF_FRAMES, VR::IS, "1000000");
    vec![
        ("65535 x 65535 of 16 bits", sized(grey(&[1]), 65_535), "more than 4 GiB"),
        (
            "30000 x 30000 of four values",
            sized(grey(&[1, 2, 3, 4]), 30_000),
            "pixel data is truncated: expected 1800000000 bytes, found 8",
        ),
        ("a million frames", frames("1000000"), "more than 4 GiB"),
        ("a hundred thousand frames in one", frames("100000"), "pixel data is truncated"),
        ("no frames", frames("0"), "NumberOfFrames is malformed"),
        (
            "a million compressed frames in one",
            many.compressed(RLE, &[vec![0; 70]]),
            "as many compressed frames as NumberOfFrames",
        ),
        (
            "65535 x 65535 in 70 bytes of RLE",
            eight_bits(65_535, 65_535).compressed(RLE, &[vec![0; 70]]),
            "70 bytes cannot hold 4294836225 values",
        ),
        (
            "65535 x 65535 in a J2K header",
            eight_bits(65_535, 65_535).compressed(J2K, &[j2k(65_535, 65_535)]),
            "cannot hold 4294836225 values",
        ),
        (
            "a J2K codestream larger than its image",
            eight_bits(2, 2).compressed(J2K, &[j2k(60_000, 60_000)]),
            "the codestream holds (60000, 60000, 1)",
        ),
        (
            "a JPEG codestream larger than its image",
            eight_bits(2, 2).compressed(JPEG, &[twelve_bit_jpeg()]),
            "the codestream holds (8, 8, 1)",
        ),
        (
            "a codestream without a header",
            eight_bits(2, 2).compressed(JPEG, &[vec![0; 64]]),
            "the codestream has no frame header",
        ),
        (
            "an unknown transfer syntax",
            eight_bits(2, 2).compressed("1.2.840.10008.1.2.4.100", &[vec![0; 64]]),
            "pixel data in transfer syntax 1.2.840.10008.1.2.4.100",
        ),
        ("RGB of one sample", photometric("RGB"), "as many samples as SamplesPerPixel"),
        ("an unknown colour space", photometric("MONOCHROME3"), "PhotometricInterpretation is malformed"),
        ("cut pixel data", whole[..whole.len() - 3].to_vec(), "truncated inside its pixel data"),
        ("cut in its attributes", whole[..300].to_vec(), "truncated"),
        ("DICOM values that are no numbers", float.file(), "2 values are NaN or infinite"),
        ("endless nesting", [&whole[..], &nested].concat(), "more than 64 deep"),
        ("NIfTI values that are no numbers", nan, "1 values are NaN or infinite"),
        ("a NIfTI voxel without size", flat, "pixdim is malformed"),
        ("a NIfTI image of 32767 cubed", nifti([32_767; 3], 4, &[0; 4]), "more than 268435456 values"),
        (
            "a NIfTI image that is not there",
            nifti([500; 3], 4, &[0; 4]),
            "pixel data is truncated: expected 250000000 bytes, found 4",
        ),
        ("a PNG of 100000 x 100000", png_header(100_000), "too large an image"),
        ("a PNG that is not there", png_header(8000), "PNG:"),
        ("a PGM of 100000 x 100000", b"P5 100000 100000 255 ".to_vec(), "too large an image"),
        ("a PGM that is not there", b"P5 8000 8000 255 abc".to_vec(), "pixel data is truncated"),
        ("nothing", Vec::new(), "not a DICOM, NIfTI, PNG or PGM file"),
    ]
}

fn resident_peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn hostile_files_are_refused_with_their_cause_in_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    for (number, (_, bytes, _)) in cases.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:02}")), bytes).unwrap();
    }
    let before = resident_peak_kib();
    let start = Instant::now();
    let reports = scan_folder(folder.path(), &|_, _| {}).unwrap();
    let took = start.elapsed();
    for ((name, _, words), report) in cases.iter().zip(&reports) {
        let reason = report.reason.as_deref().unwrap_or("no reason");
        assert!(report.status == FileStatus::Refused && reason.contains(words), "{name}: {reason}");
    }
    let grown = resident_peak_kib().zip(before).map(|(after, before)| (after - before) / 1024);
    println!("{} hostile files refused in {took:?}, peak memory grown by {grown:?} MiB", cases.len());
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[cfg(unix)]
#[test]
fn links_pipes_and_unreadable_files_are_reported_and_never_waited_for() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("loop")).unwrap();
    symlink(root, root.join("loop/again")).unwrap();
    symlink(root.join("self"), root.join("self")).unwrap();
    symlink("/dev/zero", root.join("device")).unwrap();
    let made =
        std::process::Command::new("mkfifo").arg(root.join("pipe")).status().is_ok_and(|status| status.success());
    let closed = root.join("closed");
    fs::write(&closed, "x").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let reports = scan_folder(root, &|_, _| {}).unwrap();
    let reason = |path: &str| {
        let report = reports.iter().find(|report| report.path == path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(report.status, FileStatus::Refused);
        report.reason.clone().unwrap()
    };
    for link in ["loop/again", "self", "device"] {
        assert_eq!(reason(link), "a symbolic link, not followed");
    }
    if made {
        assert_eq!(reason("pipe"), "not a regular file");
        assert!(DicomFile::open(&root.join("pipe")).is_err(), "opening it would wait for a writer");
    }
    // Root reads everything: then the file is only no image.
    let reason = reason("closed");
    assert!(reason.starts_with("cannot be read") || reason.starts_with("not a DICOM"), "{reason}");
    assert!(DicomFile::open(Path::new("/dev/zero")).is_err());
}

/// Seeded damage: the `turn`-th byte changed or the tail cut off.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut broken = bytes.to_vec();
    let mix = |turn: u64| (seed * 7 + turn).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    for turn in 0..1 + seed % 4 {
        let at = (mix(turn) >> 24) as usize % broken.len();
        broken[at] = match seed % 3 {
            0 => 0xff,
            1 => broken[at] ^ (1 << (mix(turn) & 7)),
            _ => (mix(turn) >> 13) as u8,
        };
    }
    if seed.is_multiple_of(11) {
        broken.truncate((mix(9) >> 24) as usize % bytes.len());
    }
    broken
}

#[test]
fn damage_to_any_format_is_an_error_and_never_a_panic() {
    let mut grey = Vec::new();
    let mut encoder = png::Encoder::new(&mut grey, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[90; 48]).unwrap();
    let rle = eight_bits(2, 2).compressed(RLE, &[[&[1, 0, 0, 0, 64], &[0; 59][..], &[3, 1, 2, 3, 4]].concat()]);
    let twelve = {
        let mut image = Synthetic::new("MG", 8, 8, &[]);
        image.number(tags::BITS_STORED, 12);
        image.compressed("1.2.840.10008.1.2.4.51", &[twelve_bit_jpeg()])
    };
    let mut dicom = vec![dicomdir(&["A\\B", "C"]).file(), rle, twelve];
    dicom.extend(codestreams().into_iter().map(|(_, file, _)| file));
    let (mut read, mut contained_panics, mut total) = (0usize, 0usize, 0usize);
    let start = Instant::now();
    for bytes in &dicom {
        for seed in 0..200 {
            // The codecs are others' code; what they panic on is contained where files are read.
            let outcome = contained(|| {
                let Ok(file) = DicomFile::from_bytes(&damaged(bytes, seed)) else { return false };
                let _ = DicomHeader::read(&file);
                let _ = Segmentation::read(&file);
                DecodedPixels::decode(&file).is_ok_and(|(pixels, _)| display_raster(&file, &pixels, 0).is_ok())
            });
            total += 1;
            read += usize::from(outcome == Some(true));
            contained_panics += usize::from(outcome.is_none());
        }
    }
    println!(
        "{total} damaged DICOM files: {read} still read, {contained_panics} contained panics of codecs, {:?}",
        start.elapsed()
    );
    let nifti = nifti([4, 3, 2], 4, &[1; 48]);
    for seed in 0..2000 {
        let _ = decode_nifti(&damaged(&nifti, seed));
        let _ = decode_pgm(&damaged(b"P5 # c\n4 4\n255\n0123456789abcdef", seed));
        let _ = decode_pgm(&damaged(b"P2 2 2 15 1 2 # c\n3 4", seed));
        let _ = super::raster::decode_png(damaged(&grey, seed).as_slice());
    }
}
