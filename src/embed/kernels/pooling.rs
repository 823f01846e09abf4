use pulp::NullaryFnOnce;

use super::convolution::Padding;
use super::parallel::for_row_groups;
use super::simd::dispatch;
use super::{FeatureMap, Workspace};

/// The window of a maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Rows and columns without values on every side.
    pub padding: usize,
}

/// The largest value under every window, channel by channel.
///
/// # Panics
/// When the map is smaller than the window.
#[must_use]
pub fn max_pool(map: &FeatureMap, pool: MaxPool, workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let MaxPool { kernel, stride, padding } = pool;
    let size = |input| Padding::Even(padding).lead_and_output(input, kernel, stride);
    let ((_, rows), (_, columns)) = size(height).zip(size(width)).expect("a map at least as large as the window");
    let mut out = workspace.map([images, rows, columns, channels]);
    for_row_groups(out.values_mut(), columns * channels, 1, |row, out| {
        let (image, top) = (row / rows, row % rows * stride);
        dispatch(MaxPoolRow { map, pool, image, top, out });
    });
    out
}

struct MaxPoolRow<'a> {
    map: &'a FeatureMap,
    pool: MaxPool,
    image: usize,
    /// The first row under the windows, before the margin is taken off.
    top: usize,
    out: &'a mut [f32],
}

impl NullaryFnOnce for MaxPoolRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [_, height, width, channels] = self.map.shape();
        let MaxPool { kernel, stride, padding } = self.pool;
        let rows = self.top.saturating_sub(padding)..height.min(self.top + kernel - padding);
        let values = self.map.values();
        for (x, out) in self.out.chunks_exact_mut(channels).enumerate() {
            let columns = (x * stride).saturating_sub(padding)..width.min(x * stride + kernel - padding);
            out.fill(f32::NEG_INFINITY);
            for y in rows.clone() {
                for x in columns.clone() {
                    let values = &values[((self.image * height + y) * width + x) * channels..][..channels];
                    for (most, &value) in out.iter_mut().zip(values) {
                        *most = most.max(value);
                    }
                }
            }
        }
    }
}

/// The mean of every channel over the map, `[images, 1, 1, channels]`.
#[must_use]
pub fn channel_means(map: &FeatureMap, workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let mut out = workspace.map([images, 1, 1, channels]);
    let positions = height * width;
    for_row_groups(out.values_mut(), channels, 1, |image, out| {
        let values = &map.values()[image * positions * channels..][..positions * channels];
        dispatch(Mean { values, out });
    });
    out
}

/// The mean over positions `[positions, channels]`.
struct Mean<'a> {
    values: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.out.len();
        self.out.fill(0.0);
        for position in self.values.chunks_exact(channels) {
            for (sum, &value) in self.out.iter_mut().zip(position) {
                *sum += value;
            }
        }
        let positions = (self.values.len() / channels) as f32;
        for sum in self.out {
            *sum /= positions;
        }
    }
}

/// Multiplies every channel of every image by its gate `[images, 1, 1, channels]`, in place.
///
/// # Panics
/// When the gates are not one per image and channel.
pub fn scale_channels(map: &mut FeatureMap, gates: &FeatureMap) {
    let [images, height, width, channels] = map.shape();
    assert_eq!(gates.shape(), [images, 1, 1, channels], "shape of the gates");
    for_row_groups(map.values_mut(), width * channels, 1, |row, out| {
        let gates = &gates.values()[row / height * channels..][..channels];
        dispatch(Scale { gates, out });
    });
}

/// Multiplies positions `[positions, channels]` by the gates.
struct Scale<'a> {
    gates: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for position in self.out.chunks_exact_mut(self.gates.len()) {
            for (value, gate) in position.iter_mut().zip(self.gates) {
                *value *= gate;
            }
        }
    }
}
