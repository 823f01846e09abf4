use super::Error;

/// Bytes of a NIfTI-1 header.
pub(super) const HEADER_BYTES: usize = 348;

/// The most voxels a file may promise: one gibibyte of `f32`.
const MAX_VOXELS: usize = 1 << 28;

/// How one stored number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Unsigned(usize),
    Signed(usize),
    /// IEEE 754 of 4, 8 or 16 bytes.
    Float(usize),
}

impl Number {
    pub fn bytes(self) -> usize {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Float(bytes) => bytes,
        }
    }
}

/// The fields of a NIfTI-1 header that shape and place its voxels, checked.
#[derive(Debug, Clone)]
pub(super) struct NiftiHeader {
    pub big: bool,
    /// Sizes along x, y, z and the product of all further axes.
    pub dims: [usize; 4],
    pub number: Number,
    /// Numbers per voxel: 2 complex, 3 RGB, 4 RGBA, else 1.
    pub channels: usize,
    /// Where the voxels start.
    pub offset: usize,
    pub slope: f64,
    pub intercept: f64,
    /// Voxel sizes along x, y and z, millimetres.
    pub spacing_mm: [f64; 3],
    /// From voxel indices x, y, z to millimetres right, anterior, superior.
    pub affine: Option<[[f64; 4]; 3]>,
    pub warnings: Vec<String>,
}

impl NiftiHeader {
    /// True when the bytes open like a NIfTI-1 file, in either byte order.
    pub fn opens(bytes: &[u8]) -> bool {
        let size = matches!(bytes.get(..4), Some([92, 1, 0, 0] | [0, 0, 1, 92]));
        size && matches!(bytes.get(344..348), Some(b"n+1\0" | b"ni1\0"))
    }

    /// Reads and checks the first [`HEADER_BYTES`] bytes.
    ///
    /// # Source
    /// <https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h>.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if !Self::opens(bytes) {
            return Err(Error::Nifti { reason: "not a NIfTI-1 header".to_owned() });
        }
        if bytes.get(344..348) == Some(b"ni1\0") {
            return Err(Error::Unsupported { what: "a NIfTI header whose voxels lie in another file".to_owned() });
        }
        let fields = Fields { bytes, big: bytes.first() == Some(&0) };
        let mut warnings = Vec::new();
        let dims = read_dims(&fields)?;
        let (number, channels) = read_type(fields.short(70))?;
        let voxels = dims.iter().try_fold(channels, |all, side| all.checked_mul(*side));
        if voxels.is_none_or(|voxels| voxels > MAX_VOXELS) {
            return Err(Error::Unsupported { what: format!("a NIfTI image of more than {MAX_VOXELS} values") });
        }
        let (slope, intercept) = read_scaling(&fields, channels > 2)?;
        let unit = match fields.byte(123) & 7 {
            1 => 1000.0,
            2 => 1.0,
            3 => 0.001,
            _ => {
                warnings.push("the unit of length is absent, read as millimetres".to_owned());
                1.0
            }
        };
        let grid = read_grid(&fields, dims, &mut warnings)?.map(|side| side * unit);
        let affine = read_affine(&fields, grid, unit)?;
        let spacing_mm = affine.map_or(grid, |affine| column_lengths(&affine));
        if spacing_mm.iter().zip(grid).any(|(a, b)| (a / b - 1.0).abs() > 0.01) {
            warnings.push("pixdim and sform disagree on the voxel size; sform is taken".to_owned());
        }
        let offset = f64::from(fields.float(108));
        if !(offset >= HEADER_BYTES as f64 && offset <= 1e9 && offset.fract() == 0.0) {
            return Err(malformed("vox_offset", "a whole number of at least 348", offset));
        }
        let offset = offset as usize;
        Ok(Self { big: fields.big, dims, number, channels, offset, slope, intercept, spacing_mm, affine, warnings })
    }

    /// Bytes of all voxels.
    pub fn voxel_bytes(&self) -> usize {
        self.dims.iter().product::<usize>() * self.channels * self.number.bytes()
    }
}

fn malformed(attribute: &'static str, expected: &'static str, found: impl ToString) -> Error {
    Error::Malformed { attribute, expected, found: found.to_string() }
}

/// The header as numbers; a field past the end reads as zero, which the checks refuse.
struct Fields<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..at + N).and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
    }
    fn byte(&self, at: usize) -> u8 {
        self.array::<1>(at)[0]
    }
    fn short(&self, at: usize) -> i16 {
        let bytes = self.array(at);
        if self.big { i16::from_be_bytes(bytes) } else { i16::from_le_bytes(bytes) }
    }
    fn float(&self, at: usize) -> f32 {
        let bytes = self.array(at);
        if self.big { f32::from_be_bytes(bytes) } else { f32::from_le_bytes(bytes) }
    }
    fn floats<const N: usize>(&self, at: usize) -> [f64; N] {
        std::array::from_fn(|index| f64::from(self.float(at + 4 * index)))
    }
}

/// Sizes along x, y, z, and of everything after.
fn read_dims(fields: &Fields) -> Result<[usize; 4], Error> {
    let axes = fields.short(40);
    if !(1..=7).contains(&axes) {
        return Err(malformed("dim[0]", "1 to 7 axes", axes));
    }
    let mut dims = [1usize; 4];
    for axis in 1..=axes as usize {
        let size = fields.short(40 + 2 * axis);
        if size < 1 {
            return Err(malformed("dim", "a size of at least 1 on every axis", size));
        }
        let place = &mut dims[(axis - 1).min(3)];
        // Seven sizes below 2^15 fit into 64 bits only by checking.
        *place =
            place.checked_mul(size as usize).ok_or_else(|| malformed("dim", "a size that memory can hold", size))?;
    }
    Ok(dims)
}

fn read_type(code: i16) -> Result<(Number, usize), Error> {
    Ok(match code {
        2 => (Number::Unsigned(1), 1),
        4 => (Number::Signed(2), 1),
        8 => (Number::Signed(4), 1),
        16 => (Number::Float(4), 1),
        32 => (Number::Float(4), 2),
        64 => (Number::Float(8), 1),
        128 => (Number::Unsigned(1), 3),
        256 => (Number::Signed(1), 1),
        512 => (Number::Unsigned(2), 1),
        768 => (Number::Unsigned(4), 1),
        1024 => (Number::Signed(8), 1),
        1280 => (Number::Unsigned(8), 1),
        1536 => (Number::Float(16), 1),
        1792 => (Number::Float(8), 2),
        2048 => (Number::Float(16), 2),
        2304 => (Number::Unsigned(1), 4),
        1 => {
            return Err(Error::Unsupported {
                what: "NIfTI voxels of one bit, whose order no standard defines".to_owned(),
            });
        }
        _ => return Err(malformed("datatype", "a NIfTI-1 data type", code)),
    })
}

/// Slope and intercept; a slope of zero or NaN means that none is set. Colours are never scaled.
fn read_scaling(fields: &Fields, colour: bool) -> Result<(f64, f64), Error> {
    let [slope, intercept] = fields.floats(112);
    if colour || slope == 0.0 || slope.is_nan() {
        return Ok((1.0, 0.0));
    }
    if !slope.is_finite() {
        return Err(malformed("scl_slope", "a finite number", slope));
    }
    if !intercept.is_finite() {
        return Err(malformed("scl_inter", "a finite number", intercept));
    }
    Ok((slope, intercept))
}

/// Voxel sizes along x, y and z as `pixdim` has them; an axis of one voxel may leave its size out.
fn read_grid(fields: &Fields, dims: [usize; 4], warnings: &mut Vec<String>) -> Result<[f64; 3], Error> {
    let mut sides: [f64; 3] = fields.floats(80);
    for (side, size) in sides.iter_mut().zip(dims) {
        if size == 1 && *side == 0.0 {
            *side = 1.0;
            warnings.push("pixdim of an axis of one voxel is absent, read as 1".to_owned());
        }
        if !(*side > 0.0 && side.is_finite()) {
            return Err(malformed("pixdim", "a positive length on every axis", *side));
        }
    }
    Ok(sides)
}

/// The transform of sform, else of qform; `None` when neither is set.
fn read_affine(fields: &Fields, grid: [f64; 3], unit: f64) -> Result<Option<[[f64; 4]; 3]>, Error> {
    let affine = if fields.short(254) > 0 {
        [280, 296, 312].map(|at| fields.floats::<4>(at).map(|value| value * unit))
    } else if fields.short(252) > 0 {
        let turn = rotation(fields.floats(256))?;
        // pixdim[0] is the handedness of the grid: -1 turns z around, anything else leaves it.
        let flip = if fields.float(76) < 0.0 { -1.0 } else { 1.0 };
        let shift: [f64; 3] = fields.floats(268);
        std::array::from_fn(|row| {
            let [x, y, z] = turn[row];
            [x * grid[0], y * grid[1], z * grid[2] * flip, shift[row] * unit]
        })
    } else {
        return Ok(None);
    };
    let lengths = column_lengths(&affine);
    let finite = affine.iter().flatten().all(|value| value.is_finite());
    if !finite
        || lengths.iter().any(|length| *length <= 0.0)
        || determinant(&affine).abs() < 1e-9 * lengths.iter().product::<f64>()
    {
        return Err(malformed("sform", "an invertible transform", "one that is not"));
    }
    Ok(Some(affine))
}

/// The rotation of a unit quaternion whose first part follows from the other three.
fn rotation([b, c, d]: [f64; 3]) -> Result<[[f64; 3]; 3], Error> {
    let rest = 1.0 - (b * b + c * c + d * d);
    // The three parts are stored as f32: a square may pass one by rounding.
    if rest.is_nan() || rest < -3e-6 {
        return Err(malformed("quatern", "three parts of a unit quaternion", "longer ones"));
    }
    let a = rest.max(0.0).sqrt();
    Ok([
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])
}

fn column_lengths(affine: &[[f64; 4]; 3]) -> [f64; 3] {
    std::array::from_fn(|column| affine.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt())
}

fn determinant([a, b, c]: &[[f64; 4]; 3]) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::nifti;
    use super::*;

    fn header(change: impl Fn(&mut Vec<u8>)) -> Result<NiftiHeader, Error> {
        let mut bytes = nifti([4, 3, 2], 4, &[0; 48]);
        change(&mut bytes);
        NiftiHeader::read(&bytes)
    }

    /// A damage done to a header.
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

    fn put(bytes: &mut [u8], at: usize, value: f32) {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    #[test]
    fn sizes_that_no_image_has_are_refused_with_their_field() {
        let refused = |change: &dyn Fn(&mut Vec<u8>)| header(change).unwrap_err().to_string();
        let cases: [(&str, Change); 9] = [
            ("dim[0] is malformed: expected 1 to 7 axes, found `9`", &|b| b[40] = 9),
            ("dim is malformed: expected a size of at least 1 on every axis, found `0`", &|b| b[42] = 0),
            ("pixdim is malformed: expected a positive length on every axis, found `0`", &|b| put(b, 80, 0.0)),
            ("pixdim is malformed: expected a positive length on every axis, found `NaN`", &|b| put(b, 84, f32::NAN)),
            ("scl_inter is malformed: expected a finite number, found `inf`", &|b| {
                put(b, 112, 1.0);
                put(b, 116, f32::INFINITY);
            }),
            ("vox_offset is malformed: expected a whole number of at least 348, found `12`", &|b| put(b, 108, 12.0)),
            ("datatype is malformed: expected a NIfTI-1 data type, found `7`", &|b| b[70] = 7),
            ("unsupported: a NIfTI header whose voxels lie in another file", &|b| b[345] = b'i'),
            ("unsupported: a NIfTI image of more than 268435456 values", &|b| {
                (42..48).for_each(|at| b[at] = if at % 2 == 1 { 0x7f } else { 0xff });
            }),
        ];
        for (message, change) in cases {
            assert_eq!(refused(change), message);
        }
    }

    #[test]
    fn without_sform_and_qform_there_is_no_orientation() {
        let plain = header(|b| (252..256).for_each(|at| b[at] = 0)).unwrap();
        assert_eq!((plain.affine, plain.spacing_mm), (None, [0.5, 0.75, 2.0]));
    }
}
