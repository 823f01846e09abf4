use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::activation::Activation;
use super::panels::{BLOCK, PANEL, Panels};
use super::parallel::{MOST_ROWS_PER_TASK, for_row_groups, rows_per_task, with_scratch};
use super::row_source::RowSource;
use super::simd::dispatch;
use super::tile::{MOST_ROWS, Sums, accumulate, row_groups};

/// Inner blocks between two visits of the output: 256 × 32 weights fit the first-level cache.
const CHUNK_BLOCKS: usize = 16;

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
            dispatch(RowsTimesPanels { source, first, rows, weights, finish, out, packed });
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
            let visit = Visit { finish, first: start == 0, last: chunk.end == blocks, outputs };
            for columns in weights.columns() {
                let (panel, width) = weights.panel(&columns, &chunk);
                for group in row_groups::<S>(rows) {
                    let packed = &packed[group.start * per_row..group.end * per_row];
                    visit.tile(simd, [packed, panel], [group.len(), width], group.start, columns.clone(), out);
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
    let visit = Visit { finish, first: true, last: true, outputs: weights.outputs };
    for columns in weights.columns() {
        let (panel, width) = weights.panel(&columns, &(0..weights.blocks));
        for group in row_groups::<S>(rows) {
            let packed = &packed[group.start * per_row..group.end * per_row];
            visit.tile(simd, [packed, panel], [group.len(), width], group.start, columns.clone(), out);
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
    /// Columns of the output.
    outputs: usize,
}

impl Visit<'_> {
    /// Adds packed rows × panel to the rows from `row` and the columns of `out`.
    #[inline(always)]
    fn tile<S: Simd>(
        self,
        simd: S,
        [packed, panel]: [&[f32]; 2],
        [rows, width]: [usize; 2],
        row: usize,
        columns: Range<usize>,
        out: &mut [f32],
    ) {
        let outputs = self.outputs;
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
