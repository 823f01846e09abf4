use std::ops::Range;

use pulp::Simd;

use super::panels::{BLOCK, PANEL};

/// Rows that are computed together at most: with 32 columns they fill 28 of the 32 AVX-512 registers.
pub(super) const MOST_ROWS: usize = 14;

/// Where the sums of a tile start, and how they end.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    /// The bias of the tile's columns; none to go on from the output so far.
    pub bias: Option<&'a [f32]>,
    /// Added at the start, strided like the output.
    pub residual: Option<&'a [f32]>,
    /// The least and the largest value stored.
    pub clip: [f32; 2],
    /// Values from one row of the output to the next.
    pub stride: usize,
}

/// Rows cut into groups of nearly equal size, at most what the registers of `S` hold.
#[inline(always)]
pub(super) fn row_groups<S: Simd>(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let most = match S::F32_LANES {
        16 => MOST_ROWS,
        8 => 3,
        _ => 2,
    };
    let groups = rows.div_ceil(most);
    (0..groups).map(move |group| rows * group / groups..rows * (group + 1) / groups)
}

/// out = clip(packed rows × panel + …), for every number of rows and both widths.
#[inline(always)]
pub(super) fn accumulate<S: Simd>(
    simd: S,
    rows: usize,
    width: usize,
    packed: &[f32],
    panel: &[f32],
    sums: Sums<'_>,
    out: &mut [f32],
) {
    macro_rules! by_rows {
        ($wide:literal, $narrow:literal, $($rows:literal)*) => {
            match (rows, width) {
                $(
                    ($rows, PANEL) => accumulate_rows::<S, $rows, $wide>(simd, packed, panel, sums, out),
                    ($rows, _) => accumulate_rows::<S, $rows, $narrow>(simd, packed, panel, sums, out),
                )*
                _ => {}
            }
        };
    }
    match S::F32_LANES {
        16 => by_rows!(2, 1, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        8 => by_rows!(4, 2, 1 2 3),
        4 => by_rows!(8, 4, 1 2),
        _ => by_rows!(32, 16, 1 2),
    }
}

/// The inner loop: `ROWS` × `VECTORS` sums stay in registers while the inner dimension runs.
#[inline(always)]
fn accumulate_rows<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    packed: &[f32],
    panel: &[f32],
    start: Sums<'_>,
    out: &mut [f32],
) {
    let width = VECTORS * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (row, sums) in sums.iter_mut().enumerate() {
        let stored = match start.bias {
            Some(bias) => &bias[..width],
            None => &out[row * start.stride..][..width],
        };
        for (sum, &stored) in sums.iter_mut().zip(S::as_simd_f32s(stored).0) {
            *sum = stored;
        }
        if let Some(residual) = start.residual {
            let (residual, _) = S::as_simd_f32s(&residual[row * start.stride..][..width]);
            for (sum, &term) in sums.iter_mut().zip(residual) {
                *sum = simd.add_f32s(*sum, term);
            }
        }
    }
    let sums = multiply::<S, ROWS, VECTORS>(simd, packed, panel, sums);
    let [least, most] = start.clip.map(|value| simd.splat_f32s(value));
    for (row, sums) in sums.iter().enumerate() {
        let (out, _) = S::as_mut_simd_f32s(&mut out[row * start.stride..][..width]);
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = simd.min_f32s(simd.max_f32s(sum, least), most);
        }
    }
}

/// The sums by value in and out, so that the compiler keeps them in registers in between.
#[inline(always)]
fn multiply<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    packed: &[f32],
    panel: &[f32],
    start: [[S::f32s; VECTORS]; ROWS],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = start;
    let (panel, _) = S::as_simd_f32s(panel);
    for (rows, weights) in packed.chunks_exact(ROWS * BLOCK).zip(panel.chunks_exact(BLOCK * VECTORS)) {
        for (k, weights) in weights.chunks_exact(VECTORS).enumerate().take(BLOCK) {
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = simd.splat_f32s(rows[row * BLOCK + k]);
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, weight, *sum);
                }
            }
        }
    }
    sums
}
