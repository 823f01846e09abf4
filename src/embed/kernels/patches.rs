use std::ops::Range;

use pulp::Arch;

use super::FeatureMap;
use super::parallel::with_scratch;
use super::product::{BLOCK, RowSource};

/// The rows of a dense matrix `[rows, inner]`.
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub inner: usize,
}

impl RowSource for Matrix<'_> {
    fn pack(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32]) {
        Arch::new().dispatch(|| {
            for row in 0..rows {
                let start = (first + row) * self.inner;
                let values = &self.values[start + blocks.start * BLOCK..start + self.inner.min(blocks.end * BLOCK)];
                copy_blocks(values, rows, row, packed);
            }
        });
    }
}

/// Writes one row's values to its places in `[blocks, rows, 16]`, and zeros past the last.
#[inline(always)]
fn copy_blocks(values: &[f32], rows: usize, row: usize, packed: &mut [f32]) {
    let (whole, rest) = values.as_chunks::<BLOCK>();
    let mut targets = packed[row * BLOCK..].chunks_mut(rows * BLOCK);
    for (block, target) in whole.iter().zip(&mut targets) {
        target[..BLOCK].copy_from_slice(block);
    }
    if let (false, Some(target)) = (rest.is_empty(), targets.next()) {
        target[..rest.len()].copy_from_slice(rest);
        target[rest.len()..BLOCK].fill(0.0);
    }
}

/// The window of a convolution: its size, step, and the margin before the first row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: usize,
    /// Zeros above and left of the image.
    pub lead: [usize; 2],
    /// Rows and columns of the output.
    pub out: [usize; 2],
}

impl Window {
    /// Image, row and column of the output position `index`.
    #[inline(always)]
    pub fn position(&self, index: usize) -> (usize, usize, usize) {
        let per_image = self.out[0] * self.out[1];
        (index / per_image, index % per_image / self.out[1], index % self.out[1])
    }
}

/// The patches under a window, one row per output position, ordered (row, column, channel) within; the channels are a
/// multiple of 16, so that a block never crosses positions.
pub(super) struct Patches<'a> {
    pub map: &'a FeatureMap,
    pub window: Window,
}

impl RowSource for Patches<'_> {
    fn pack(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32]) {
        Arch::new().dispatch(|| {
            let [_, height, width, channels] = self.map.shape();
            let [_, kernel_width] = self.window.kernel;
            let per_tap = channels / BLOCK;
            let values = self.map.values();
            for row in 0..rows {
                let (image, out_y, out_x) = self.window.position(first + row);
                let (top, left) = (out_y * self.window.stride, out_x * self.window.stride);
                let mut targets = packed[row * BLOCK..].chunks_mut(rows * BLOCK);
                let mut block = blocks.start;
                while block < blocks.end {
                    let (tap, within) = (block / per_tap, block % per_tap);
                    let count = (per_tap - within).min(blocks.end - block);
                    let y = (top + tap / kernel_width).wrapping_sub(self.window.lead[0]);
                    let x = (left + tap % kernel_width).wrapping_sub(self.window.lead[1]);
                    if y < height && x < width {
                        let start = ((image * height + y) * width + x) * channels + within * BLOCK;
                        let (source, _) = values[start..start + count * BLOCK].as_chunks::<BLOCK>();
                        for (block, target) in source.iter().zip(&mut targets) {
                            target[..BLOCK].copy_from_slice(block);
                        }
                    } else {
                        targets.by_ref().take(count).for_each(|target| target[..BLOCK].fill(0.0));
                    }
                    block += count;
                }
            }
        });
    }
}

/// The same for any number of channels: one run of `kernel width × channels` values per kernel row, out of a copy of
/// the images with their margins.
pub(super) struct Runs<'a> {
    padded: &'a [f32],
    /// Rows and values per row of a padded image.
    size: [usize; 2],
    channels: usize,
    window: Window,
}

impl RowSource for Runs<'_> {
    fn pack(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32]) {
        let [kernel_height, kernel_width] = self.window.kernel;
        let run = kernel_width * self.channels;
        let inner = kernel_height * run;
        let padded_inner = inner.next_multiple_of(BLOCK);
        with_scratch(padded_inner + BLOCK, |patch| {
            patch.fill(0.0);
            Arch::new().dispatch(|| {
                for row in 0..rows {
                    let (image, out_y, out_x) = self.window.position(first + row);
                    let left = out_x * self.window.stride * self.channels;
                    for y in 0..kernel_height {
                        let line = image * self.size[0] + out_y * self.window.stride + y;
                        let source = &self.padded[line * self.size[1] + left..];
                        // Whole blocks: what lies past the run, the next run overwrites, or meets weights of zero.
                        let source = source[..run.next_multiple_of(BLOCK)].as_chunks::<BLOCK>().0;
                        let target = patch[y * run..].as_chunks_mut::<BLOCK>().0;
                        target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
                    }
                    copy_blocks(&patch[blocks.start * BLOCK..padded_inner.min(blocks.end * BLOCK)], rows, row, packed);
                }
            });
        });
    }
}

impl<'a> Runs<'a> {
    /// Values that the padded copy of a map needs.
    pub fn padded_len(map: &FeatureMap, window: Window) -> usize {
        let [rows, row_len] = Self::padded_size(map, window);
        map.images() * rows * row_len + window.kernel[1] * map.channels() + BLOCK
    }

    /// Copies the map with its margins into `padded`.
    pub fn new(map: &FeatureMap, window: Window, padded: &'a mut [f32]) -> Self {
        let [images, height, width, channels] = map.shape();
        let size = Self::padded_size(map, window);
        padded.fill(0.0);
        let row_len = (width * channels).min(size[1] - window.lead[1] * channels);
        for image in 0..images {
            for y in 0..height.min(size[0] - window.lead[0]) {
                let source = &map.values()[(image * height + y) * width * channels..][..row_len];
                let start = (image * size[0] + y + window.lead[0]) * size[1] + window.lead[1] * channels;
                padded[start..start + row_len].copy_from_slice(source);
            }
        }
        Self { padded, size, channels, window }
    }

    /// Rows under any window, and values per row.
    fn padded_size(map: &FeatureMap, window: Window) -> [usize; 2] {
        let reach = |axis: usize| (window.out[axis] - 1) * window.stride + window.kernel[axis];
        [reach(0), reach(1) * map.channels()]
    }
}
