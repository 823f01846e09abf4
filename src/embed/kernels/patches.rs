use std::ops::Range;

use super::FeatureMap;
use super::panels::BLOCK;
use super::row_source::PackRows;

/// The rows of a matrix `[rows, inner]`, `stride` values apart.
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub inner: usize,
    pub stride: usize,
}

impl PackRows for Matrix<'_> {
    #[inline(always)]
    fn pack_rows(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32], _: &mut [f32]) {
        for row in 0..rows {
            let start = (first + row) * self.stride;
            let past = self.inner.min(blocks.end * BLOCK);
            let values = &self.values[start + blocks.start * BLOCK..];
            copy_blocks(values, past - blocks.start * BLOCK, rows, row, packed);
        }
    }
}

/// Writes the first `count` values to one row's places in `[blocks, rows, 16]`, and zeros past the last.
#[inline(always)]
fn copy_blocks(values: &[f32], count: usize, rows: usize, row: usize, packed: &mut [f32]) {
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut targets = packed[row * BLOCK..].chunks_mut(rows * BLOCK);
    for (block, target) in blocks.iter().take(count / BLOCK).zip(&mut targets) {
        target[..BLOCK].copy_from_slice(block);
    }
    let left = count % BLOCK;
    if let (1.., Some(target)) = (left, targets.next()) {
        match blocks.get(count / BLOCK) {
            // A masked copy of the block that the next row starts in.
            Some(block) => {
                for (i, (target, &value)) in target.iter_mut().zip(block).enumerate() {
                    *target = if i < left { value } else { 0.0 };
                }
            }
            None => {
                target[..BLOCK].fill(0.0);
                target.iter_mut().zip(rest).take(left).for_each(|(target, &value)| *target = value);
            }
        }
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
    /// Image, row and column of the output positions from `first` on.
    #[inline(always)]
    fn positions(&self, first: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let [rows, columns] = self.out;
        let (mut image, mut y, mut x) = (first / (rows * columns), first / columns % rows, first % columns);
        std::iter::repeat_with(move || {
            let position = (image, y, x);
            x += 1;
            if x == columns {
                (x, y) = (0, y + 1);
            }
            if y == rows {
                (y, image) = (0, image + 1);
            }
            position
        })
    }
}

/// The patches under a window, one row per output position, ordered (row, column, channel) within; the channels are a
/// multiple of 16, so that a block never crosses positions.
pub(super) struct Patches<'a> {
    pub map: &'a FeatureMap,
    pub window: Window,
}

impl PackRows for Patches<'_> {
    #[inline(always)]
    fn pack_rows(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32], _: &mut [f32]) {
        let [_, height, width, channels] = self.map.shape();
        let [_, kernel_width] = self.window.kernel;
        let per_tap = channels / BLOCK;
        let values = self.map.values();
        for (row, (image, out_y, out_x)) in self.window.positions(first).take(rows).enumerate() {
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

impl PackRows for Runs<'_> {
    #[inline(always)]
    fn pack_rows(&self, first: usize, rows: usize, blocks: Range<usize>, packed: &mut [f32], patches: &mut [f32]) {
        let [kernel_height, kernel_width] = self.window.kernel;
        let run = kernel_width * self.channels;
        let inner = kernel_height * run;
        let patch_len = self.scratch_len(1);
        // All patches before the first is read back: a vector over two fresh stores waits for both.
        let positions = self.window.positions(first).zip(patches.chunks_exact_mut(patch_len));
        for ((image, out_y, out_x), patch) in positions {
            patch[inner..].fill(0.0);
            let left = out_x * self.window.stride * self.channels;
            for y in 0..kernel_height {
                let line = image * self.size[0] + out_y * self.window.stride + y;
                let source = &self.padded[line * self.size[1] + left..];
                // Whole blocks: what lies past the run, the next run overwrites, or meets weights of zero.
                let source = source[..run.next_multiple_of(BLOCK)].as_chunks::<BLOCK>().0;
                let target = patch[y * run..].as_chunks_mut::<BLOCK>().0;
                for (target, source) in target.iter_mut().zip(source) {
                    *target = *source;
                }
            }
        }
        for (row, patch) in patches.chunks_exact(patch_len).enumerate() {
            let blocks = &patch[blocks.start * BLOCK..blocks.end * BLOCK];
            copy_blocks(blocks, blocks.len(), rows, row, packed);
        }
    }

    #[inline(always)]
    fn scratch_len(&self, rows: usize) -> usize {
        let [kernel_height, kernel_width] = self.window.kernel;
        rows * ((kernel_height * kernel_width * self.channels).next_multiple_of(BLOCK) + BLOCK)
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
