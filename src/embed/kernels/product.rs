use std::ops::Range;

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::activation::Activation;
use super::aligned::Aligned;
use super::parallel::{MOST_ROWS_PER_TASK, for_row_groups, rows_per_task, with_scratch};

/// Inner-dimension values that are packed side by side.
pub(super) const BLOCK: usize = 16;
/// Output columns that are computed together.
const PANEL: usize = 32;
/// Rows that are computed together at most: with 32 columns they fill 28 of the 32 AVX-512 registers.
const MOST_ROWS: usize = 14;
/// Inner blocks between two visits of the output: 256 × 32 weights fit the first-level cache.
const CHUNK_BLOCKS: usize = 16;

/// A matrix of weights `[inner, outputs]`, cut into panels of 32 (the last perhaps 16) columns, each `[inner, columns]`
/// and padded with zeros to whole blocks.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    blocks: usize,
    outputs: usize,
    values: Aligned,
}

impl Panels {
    /// Packs the matrix whose entry in row `k`, column `n` is `at(k, n)`.
    pub fn pack(inner: usize, outputs: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let blocks = inner.div_ceil(BLOCK);
        let mut values = Aligned::zeros(blocks * BLOCK * outputs.next_multiple_of(BLOCK));
        let mut panels = Self { blocks, outputs, values: Aligned::default() };
        let mut rest = values.values_mut();
        for columns in panels.columns() {
            let width = columns.len().next_multiple_of(BLOCK);
            let (panel, after) = rest.split_at_mut(blocks * BLOCK * width);
            for (k, row) in panel.chunks_exact_mut(width).enumerate().take(inner) {
                row.iter_mut().zip(columns.clone()).for_each(|(cell, n)| *cell = at(k, n));
            }
            rest = after;
        }
        panels.values = values;
        panels
    }

    /// Columns of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Blocks of the inner dimension.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    fn columns(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let outputs = self.outputs;
        (0..outputs).step_by(PANEL).map(move |first| first..outputs.min(first + PANEL))
    }

    /// The weights of `blocks` in the panel that starts at column `first`, and the panel's padded width.
    fn panel(&self, columns: &Range<usize>, blocks: &Range<usize>) -> (&[f32], usize) {
        let width = columns.len().next_multiple_of(BLOCK);
        let start = self.blocks * BLOCK * columns.start;
        let range = start + blocks.start * BLOCK * width..start + blocks.end * BLOCK * width;
        (self.values.values().get(range).unwrap_or(&[]), width)
    }
}

/// Where the left matrix of a product comes from.
pub(super) trait RowSource: Sync {
    /// Writes `blocks` of the rows `first..first + rows` as `[blocks, rows, 16]`, zeros past the inner dimension.
    fn pack(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32]);
}

/// The same, written to be compiled with the vector instructions of the machine; methods are `#[inline(always)]`.
pub(super) trait PackRows: Sync {
    /// As [`RowSource::pack`], with [`PackRows::scratch_len`] values to write to first.
    fn pack_rows(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32], scratch: &mut [f32]);

    /// Scratch values for that many rows.
    fn scratch_len(&self, _rows: usize) -> usize {
        0
    }
}

/// A type, not a closure: closures cannot be told to be inlined, and compiled apart they know the oldest machine only.
struct Pack<'a, R> {
    source: &'a R,
    first: usize,
    rows: usize,
    blocks: Range<usize>,
    packed: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<R: PackRows> NullaryFnOnce for Pack<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.source.pack_rows(self.first, self.rows, self.blocks, self.packed, self.scratch);
    }
}

impl<R: PackRows> RowSource for R {
    fn pack(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32]) {
        with_scratch(self.scratch_len(rows), |scratch| {
            Arch::new().dispatch(Pack { source: self, first, rows, blocks, packed, scratch });
        });
    }
}

/// What happens to the sums of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish<'a> {
    /// Added to every row.
    pub bias: &'a [f32],
    /// Added to the output, of the output's shape.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

/// out = activation(rows × weights + bias + residual), where `out` is `[rows, outputs]`, on all threads.
pub(super) fn product(source: &dyn RowSource, weights: &Panels, finish: Finish<'_>, out: &mut [f32]) {
    let outputs = weights.outputs;
    let rows = out.len() / outputs.max(1);
    for_row_groups(out, outputs, rows_per_task(rows), |first, out| {
        let residual = finish.residual.and_then(|all| all.get(first * outputs..first * outputs + out.len()));
        product_of_rows(source, first, weights, Finish { residual, ..finish }, out);
    });
}

/// The same for the rows from `first` on, on this thread; `residual` is that of these rows.
pub(super) fn product_of_rows(
    source: &dyn RowSource,
    first: usize,
    weights: &Panels,
    finish: Finish<'_>,
    out: &mut [f32],
) {
    for (index, out) in out.chunks_mut(MOST_ROWS_PER_TASK * weights.outputs).enumerate() {
        let (first, rows) = (first + index * MOST_ROWS_PER_TASK, out.len() / weights.outputs);
        let start = index * MOST_ROWS_PER_TASK * weights.outputs;
        let residual = finish.residual.and_then(|all| all.get(start..start + out.len()));
        let finish = Finish { residual, ..finish };
        with_scratch(rows * weights.blocks.min(CHUNK_BLOCKS) * BLOCK, |packed| {
            Arch::new().dispatch(RowsTimesPanels { source, first, rows, weights, finish, out, packed });
        });
    }
}

struct RowsTimesPanels<'a> {
    source: &'a dyn RowSource,
    first: usize,
    rows: usize,
    weights: &'a Panels,
    finish: Finish<'a>,
    out: &'a mut [f32],
    packed: &'a mut [f32],
}

impl WithSimd for RowsTimesPanels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { source, first, rows, weights, finish, out, packed } = self;
        let (outputs, blocks) = (weights.outputs, weights.blocks);
        for start in (0..blocks).step_by(CHUNK_BLOCKS) {
            let chunk = start..blocks.min(start + CHUNK_BLOCKS);
            let per_row = chunk.len() * BLOCK;
            for group in row_groups::<S>(rows) {
                let packed = &mut packed[group.start * per_row..group.end * per_row];
                source.pack(first + group.start, group.len(), chunk.clone(), packed);
            }
            let visit = Visit { finish, first: start == 0, last: chunk.end == blocks };
            for columns in weights.columns() {
                let (panel, width) = weights.panel(&columns, &chunk);
                for group in row_groups::<S>(rows) {
                    let packed = &packed[group.start * per_row..group.end * per_row];
                    visit.tile(simd, [packed, panel], [group.len(), width], outputs, group.start, columns.clone(), out);
                }
            }
        }
        match finish.activation {
            Activation::None | Activation::Relu | Activation::Relu6 => {}
            curved => curved.apply(out),
        }
    }
}

/// Multiplies packed rows `[blocks, rows, 16]` (in the groups of [`row_groups`]) with the weights and adds the bias.
#[inline(always)]
pub(super) fn multiply_packed<S: Simd>(
    simd: S,
    packed: &[f32],
    rows: usize,
    weights: &Panels,
    bias: &[f32],
    out: &mut [f32],
) {
    let per_row = weights.blocks * BLOCK;
    let finish = Finish { bias, residual: None, activation: Activation::None };
    let visit = Visit { finish, first: true, last: true };
    for columns in weights.columns() {
        let (panel, width) = weights.panel(&columns, &(0..weights.blocks));
        for group in row_groups::<S>(rows) {
            let packed = &packed[group.start * per_row..group.end * per_row];
            visit.tile(simd, [packed, panel], [group.len(), width], weights.outputs, group.start, columns.clone(), out);
        }
    }
}

/// One pass over the output for one chunk of the inner dimension.
#[derive(Clone, Copy)]
struct Visit<'a> {
    finish: Finish<'a>,
    /// Whether the sums start from bias and residual instead of the output so far.
    first: bool,
    /// Whether the sums are complete, and clipped.
    last: bool,
}

impl Visit<'_> {
    /// Adds packed rows × panel to the rows from `row` and the columns of `out`.
    #[inline(always)]
    fn tile<S: Simd>(
        self,
        simd: S,
        [packed, panel]: [&[f32]; 2],
        [rows, width]: [usize; 2],
        outputs: usize,
        row: usize,
        columns: Range<usize>,
        out: &mut [f32],
    ) {
        let start = row * outputs + columns.start;
        let Finish { bias, residual, activation } = self.finish;
        let clip = match activation {
            _ if !self.last => [f32::NEG_INFINITY, f32::INFINITY],
            Activation::Relu => [0.0, f32::INFINITY],
            Activation::Relu6 => [0.0, 6.0],
            _ => [f32::NEG_INFINITY, f32::INFINITY],
        };
        let residual = if self.first { residual.map(|all| &all[start..]) } else { None };
        if columns.len() == width {
            let bias = if self.first { Some(&bias[columns]) } else { None };
            let sums = Sums { bias, residual, clip, stride: outputs };
            accumulate(simd, rows, width, packed, panel, sums, &mut out[start..]);
            return;
        }
        // The last columns, fewer than a panel's: computed in a padded tile beside the output.
        let mut tile = [0f32; MOST_ROWS * PANEL];
        for (row, sums) in tile.chunks_exact_mut(width).enumerate().take(rows) {
            let cells = row * outputs..row * outputs + columns.len();
            let (sums, so_far) = (&mut sums[..columns.len()], &out[start..][cells.clone()]);
            sums.copy_from_slice(if self.first { &bias[columns.clone()] } else { so_far });
            if let Some(residual) = residual {
                sums.iter_mut().zip(&residual[cells]).for_each(|(sum, term)| *sum += term);
            }
        }
        let sums = Sums { bias: None, residual: None, clip, stride: width };
        accumulate(simd, rows, width, packed, panel, sums, &mut tile);
        for (row, sums) in tile.chunks_exact(width).enumerate().take(rows) {
            out[start + row * outputs..][..columns.len()].copy_from_slice(&sums[..columns.len()]);
        }
    }
}

/// Where the sums of a tile start, and how they end.
#[derive(Clone, Copy)]
struct Sums<'a> {
    /// The bias of the tile's columns; none to go on from the output so far.
    bias: Option<&'a [f32]>,
    /// Added at the start, strided like the output.
    residual: Option<&'a [f32]>,
    /// The least and the largest value stored.
    clip: [f32; 2],
    /// Values from one row of the output to the next.
    stride: usize,
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
fn accumulate<S: Simd>(
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
