use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::Error;
use super::file_bytes::read_bounded;
use super::nifti_header::{HEADER_BYTES, NiftiHeader, Number};
use super::pixels::hex;

/// The two bytes with which every gzip stream starts.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";

/// One NIfTI-1 image in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct NiftiImage {
    /// Slices, rows and columns: z, y, x.
    pub shape: [usize; 3],
    /// Volumes: the product of all axes after the third.
    pub volumes: usize,
    /// Values per voxel: 2 real and imaginary, 3 RGB, 4 RGBA, else 1.
    pub channels: usize,
    /// Voxel sizes along z, y and x, millimetres.
    pub spacing_mm: [f64; 3],
    /// Rows of the transform from voxel indices (x, y, z, 1) to millimetres right, anterior and superior, from sform,
    /// else qform; `None` when the file sets neither.
    pub affine: Option<[[f64; 4]; 3]>,
    /// `volumes × z × y × x × channels` values, scaled by slope and intercept.
    pub voxels: Vec<f32>,
    /// What was tolerated, one sentence each.
    pub warnings: Vec<String>,
}

impl NiftiImage {
    /// Letters of the directions in which x, y and z grow (`R`, `A`, `S` or `L`, `P`, `I`); `None` without a transform.
    #[must_use]
    pub fn axis_codes(&self) -> Option<[char; 3]> {
        let affine = self.affine?;
        let mut codes = ['R'; 3];
        let mut taken = [false; 3];
        // The steepest column chooses first, so that two oblique axes never take the same letter.
        let steepness = |column: usize| {
            let length = affine.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt();
            affine.iter().map(|row| row[column].abs() / length).fold(0.0, f64::max)
        };
        let mut order = [0, 1, 2];
        order.sort_by(|a, b| steepness(*b).total_cmp(&steepness(*a)));
        for column in order {
            let free = (0..3).filter(|row| !taken[*row]);
            let row = free.max_by(|a, b| affine[*a][column].abs().total_cmp(&affine[*b][column].abs()))?;
            taken[row] = true;
            let (positive, negative) = [('R', 'L'), ('A', 'P'), ('S', 'I')][row];
            codes[column] = if affine[row][column] < 0.0 { negative } else { positive };
        }
        Some(codes)
    }

    /// The voxels of one volume, `z × y × x × channels`.
    ///
    /// # Errors
    /// [`Error::FrameRange`] when there is no such volume.
    pub fn volume(&self, volume: usize) -> Result<&[f32], Error> {
        let length = self.shape.iter().product::<usize>() * self.channels;
        let start = volume.checked_mul(length).filter(|_| volume < self.volumes);
        start
            .and_then(|start| self.voxels.get(start..start + length))
            .ok_or(Error::FrameRange { frame: volume, frames: self.volumes })
    }
}

/// Reads a NIfTI-1 file, plain or gzipped.
///
/// # Errors
/// [`Error::Io`]; [`Error::Nifti`], [`Error::Malformed`] or [`Error::Unsupported`] for its header, [`Error::Truncated`]
/// or [`Error::NotFinite`] for its voxels. A gzipped file is inflated only as far as its header promises.
///
/// # Source
/// NIfTI-1.1, <https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h>.
pub fn read_nifti(path: &Path) -> Result<NiftiImage, Error> {
    decode_nifti(&read_bounded(path)?)
}

/// The image in the bytes of a NIfTI-1 file, plain or gzipped.
///
/// # Errors
/// As [`read_nifti`].
pub fn decode_nifti(bytes: &[u8]) -> Result<NiftiImage, Error> {
    let stored = StoredVoxels::read(bytes, &|_| {})?;
    stored.finite()?;
    let header = &stored.header;
    let [x, y, z, volumes] = header.dims;
    let voxels = stored.values().map(|value| (value * header.slope + header.intercept) as f32).collect();
    let [dx, dy, dz] = header.spacing_mm;
    Ok(NiftiImage {
        shape: [z, y, x],
        volumes,
        channels: header.channels,
        spacing_mm: [dz, dy, dx],
        affine: header.affine,
        voxels,
        warnings: header.warnings.clone(),
    })
}

/// True when the bytes are a NIfTI-1 file, or a gzip stream that opens like one.
pub(super) fn is_nifti(bytes: &[u8]) -> bool {
    if !bytes.starts_with(GZIP) {
        return NiftiHeader::opens(bytes);
    }
    let mut head = [0u8; HEADER_BYTES];
    MultiGzDecoder::new(bytes).read_exact(&mut head).is_ok() && NiftiHeader::opens(&head)
}

/// The voxels as stored, before scaling, turned to little-endian.
pub(super) struct StoredVoxels {
    pub header: NiftiHeader,
    bytes: Vec<u8>,
}

impl StoredVoxels {
    /// Reads header and voxels. `expecting` is told the number of bytes before they are allocated.
    pub fn read(bytes: &[u8], expecting: &dyn Fn(usize)) -> Result<Self, Error> {
        let mut source: Box<dyn Read + '_> =
            if bytes.starts_with(GZIP) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        let mut head = [0u8; HEADER_BYTES];
        source.read_exact(&mut head).map_err(|_| Error::Nifti { reason: "the header is truncated".to_owned() })?;
        let header = NiftiHeader::read(&head)?;
        let expected = header.voxel_bytes();
        expecting(expected);
        let skipped = (header.offset - HEADER_BYTES) as u64;
        let broken = |e: std::io::Error| Error::Nifti { reason: format!("the gzip stream is broken: {e}") };
        std::io::copy(&mut source.by_ref().take(skipped), &mut std::io::sink()).map_err(broken)?;
        // Grown as bytes arrive: a header that promises more than the file holds costs nothing.
        let mut stored = Vec::new();
        match source.take(expected as u64).read_to_end(&mut stored) {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(broken(error)),
            _ if stored.len() < expected => return Err(Error::Truncated { expected, found: stored.len() }),
            _ => {}
        }
        if header.big {
            stored.chunks_exact_mut(header.number.bytes()).for_each(<[u8]>::reverse);
        }
        Ok(Self { header, bytes: stored })
    }

    /// All values in file order, before scaling.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let number = self.header.number;
        self.bytes.chunks_exact(number.bytes()).map(move |bytes| value(bytes, number))
    }

    /// Refuses voxels that are NaN or infinite.
    pub fn finite(&self) -> Result<(), Error> {
        if !matches!(self.header.number, Number::Float(_)) {
            return Ok(());
        }
        let count = self.values().filter(|value| !value.is_finite()).count();
        if count > 0 { Err(Error::NotFinite { count }) } else { Ok(()) }
    }

    /// Smallest, largest and mean stored value.
    pub fn summary(&self) -> (f64, f64, f64) {
        let (mut low, mut high, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0usize);
        for value in self.values() {
            (low, high, sum, count) = (low.min(value), high.max(value), sum + value, count + 1);
        }
        (low, high, sum / count.max(1) as f64)
    }

    /// SHA-256 of all stored values, little-endian.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }
}

/// One little-endian number.
fn value(bytes: &[u8], number: Number) -> f64 {
    let mut wide = [0u8; 8];
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    if matches!(number, Number::Signed(_)) && negative {
        wide = [0xff; 8];
    }
    if let Some(low) = wide.get_mut(..bytes.len()) {
        low.copy_from_slice(bytes);
    }
    match number {
        Number::Unsigned(_) => u64::from_le_bytes(wide) as f64,
        Number::Signed(_) => i64::from_le_bytes(wide) as f64,
        Number::Float(4) => f64::from(f32::from_bits(u64::from_le_bytes(wide) as u32)),
        Number::Float(8) => f64::from_le_bytes(wide),
        Number::Float(_) => bytes.try_into().map_or(f64::NAN, |bytes| quadruple(u128::from_le_bytes(bytes))),
    }
}

/// An IEEE 754 number of 128 bits, its significand cut to that of `f64`.
fn quadruple(bits: u128) -> f64 {
    let sign = ((bits >> 127) as u64) << 63;
    let exponent = ((bits >> 112) & 0x7fff) as i64 - 16_383 + 1023;
    let fraction = ((bits >> 60) as u64) & ((1 << 52) - 1);
    match exponent {
        1..=2046 => f64::from_bits(sign | ((exponent as u64) << 52) | fraction),
        i64::MIN..=0 => f64::from_bits(sign),
        // Infinities and NaN stay what they are, and what f64 cannot hold becomes infinite.
        _ => f64::from_bits(sign | (0x7ff << 52) | if exponent == 17_407 { fraction } else { 0 }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde::Deserialize;

    use super::super::synthetic::nifti;
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        file: String,
        channels: usize,
        shape: [usize; 3],
        spacing_mm: [f64; 3],
        affine: [[f64; 4]; 3],
        axes: String,
        voxels: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// tests/reference/nifti.py: nibabel. Voxels to 1e-6 relative (ours are f32), transforms to 1e-6 mm (nibabel forms
    /// the quaternion in f64 of f32 fields, as here).
    #[test]
    fn every_data_type_order_and_orientation_reads_as_nibabel_reads_it() {
        let text = include_str!("../../tests/reference/nifti.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        assert!(reference.cases.len() >= 28);
        for case in reference.cases {
            let bytes: Vec<u8> = (0..case.file.len() / 2)
                .map(|at| u8::from_str_radix(&case.file[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            let image = decode_nifti(&bytes).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!((image.shape, image.channels), (case.shape, case.channels), "{}", case.name);
            assert_eq!(image.axis_codes().unwrap().iter().collect::<String>(), case.axes, "{}", case.name);
            assert_eq!(image.voxels.len(), case.voxels.len(), "{}", case.name);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
            let pairs = image.voxels.iter().map(|v| f64::from(*v)).zip(&case.voxels);
            for (place, (ours, theirs)) in pairs.enumerate() {
                assert!(near(ours, *theirs), "{} voxel {place}: {ours} against {theirs}", case.name);
            }
            let placed = image.affine.unwrap().into_iter().flatten().zip(case.affine.into_iter().flatten());
            let sized = image.spacing_mm.into_iter().zip(case.spacing_mm);
            assert!(placed.chain(sized).all(|(a, b)| near(a, b)), "{}: {:?}", case.name, image.affine);
        }
    }

    #[test]
    fn voxels_that_are_not_there_or_not_numbers_are_refused() {
        let whole = nifti([4, 3, 2], 16, &[0; 96]);
        assert_eq!(decode_nifti(&whole).unwrap().voxels, [0.0; 24]);
        for file in [whole.clone(), gzipped(&whole)] {
            let image = decode_nifti(&file).unwrap();
            assert_eq!((image.shape, image.spacing_mm), ([2, 3, 4], [2.0, 0.75, 0.5]));
        }
        let cut = decode_nifti(&whole[..whole.len() - 7]).unwrap_err();
        assert_eq!(cut.to_string(), "pixel data is truncated: expected 96 bytes, found 89");
        let gzip = gzipped(&whole);
        assert!(decode_nifti(&gzip[..gzip.len() - 20]).is_err());
        let mut nan = whole.clone();
        nan[352..356].copy_from_slice(&f32::NAN.to_le_bytes());
        nan[400..404].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert_eq!(decode_nifti(&nan).unwrap_err().to_string(), "2 values are NaN or infinite");
        assert!(decode_nifti(&whole[..300]).is_err() && decode_nifti(b"").is_err());
    }

    #[test]
    fn a_gzip_bomb_is_inflated_no_further_than_its_header_promises() {
        let mut bomb = nifti([4, 3, 2], 2, &[1; 24]);
        bomb.resize(64 << 20, 0);
        let image = decode_nifti(&gzipped(&bomb)).unwrap();
        assert_eq!(image.voxels, [1.0; 24], "what follows the voxels is never inflated");
        let hungry = gzipped(&nifti([600, 600, 600], 2, &[0; 1000]));
        let error = decode_nifti(&hungry).unwrap_err();
        assert_eq!(error.to_string(), "pixel data is truncated: expected 216000000 bytes, found 1000");
    }

    #[test]
    fn quadruple_precision_is_cut_to_double() {
        // Pencil: 1.5 is sign 0, exponent 16383, first fraction bit set; −2 is sign 1, exponent 16384.
        assert_eq!(quadruple((16_383u128 << 112) | (1 << 111)), 1.5);
        assert_eq!(quadruple((1 << 127) | (16_384u128 << 112)), -2.0);
        assert_eq!(quadruple(0), 0.0);
        assert_eq!(quadruple(0x7ffe << 112), f64::INFINITY, "past the range of f64");
        assert!(quadruple((0x7fff << 112) | (1 << 111)).is_nan());
    }

    #[test]
    fn the_masks_of_the_shared_set_read_as_nibabel_reads_them() {
        let data = std::env::var_os("REGIMEN_DATA").map_or_else(
            || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
            std::path::PathBuf::from,
        );
        let path = data.join("images/nifti/breast2d_sein23_float64.nii.gz");
        if !path.exists() {
            println!("skipped: no NIfTI files under {}", data.display());
            return;
        }
        // nibabel 5.4.2: shape, axes and mean of the file.
        let image = read_nifti(&path).unwrap();
        assert_eq!((image.shape, image.axis_codes()), ([1, 440, 440], Some(['L', 'P', 'S'])));
        let mean = image.voxels.iter().map(|value| f64::from(*value)).sum::<f64>() / image.voxels.len() as f64;
        assert!((mean - 0.116_878_242_190_970_29).abs() < 1e-8, "{mean}");
        let mask = read_nifti(&data.join("images/nifti/ACRIN-6698-102212_spy2_vis1_mask.nii.gz")).unwrap();
        let mean = mask.voxels.iter().map(|value| f64::from(*value)).sum::<f64>() / mask.voxels.len() as f64;
        assert!((mask.shape, mask.axis_codes()) == ([256, 256, 80], Some(['R', 'A', 'S'])));
        assert!((mean - 0.008_091_545_104_980_469).abs() < 1e-12, "{mean}");
    }
}
