use std::ops::Range;

use pulp::NullaryFnOnce;

use super::parallel::with_scratch;
use super::simd::dispatch;

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
            dispatch(Pack { source: self, first, rows, blocks, packed, scratch });
        });
    }
}
