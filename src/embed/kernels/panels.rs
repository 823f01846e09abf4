use std::ops::Range;

use super::aligned::Aligned;

/// Inner-dimension values that are packed side by side.
pub(super) const BLOCK: usize = 16;
/// Output columns that are computed together.
pub(super) const PANEL: usize = 32;

/// A matrix of weights `[inner, outputs]`, cut into panels of 32 (the last perhaps 16) columns, each `[inner, columns]`
/// and padded with zeros to whole blocks.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    /// Blocks of the inner dimension.
    pub blocks: usize,
    /// Columns of the matrix.
    pub outputs: usize,
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

    /// The columns of every panel.
    pub fn columns(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let outputs = self.outputs;
        (0..outputs).step_by(PANEL).map(move |first| first..outputs.min(first + PANEL))
    }

    /// The weights of `blocks` in the panel that starts at column `first`, and the panel's padded width.
    pub fn panel(&self, columns: &Range<usize>, blocks: &Range<usize>) -> (&[f32], usize) {
        let width = columns.len().next_multiple_of(BLOCK);
        let start = self.blocks * BLOCK * columns.start;
        let range = start + blocks.start * BLOCK * width..start + blocks.end * BLOCK * width;
        (self.values.values().get(range).unwrap_or(&[]), width)
    }
}
