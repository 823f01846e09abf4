use pulp::Arch;

use super::activation::Activation;
use super::convolution::Padding;
use super::parallel::for_row_groups;
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
        Arch::new().dispatch(|| {
            out.fill(f32::NEG_INFINITY);
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                for y in top.saturating_sub(padding)..height.min(top + kernel - padding) {
                    for x in (x * stride).saturating_sub(padding)..width.min(x * stride + kernel - padding) {
                        let values = &map.values()[((image * height + y) * width + x) * channels..][..channels];
                        out.iter_mut().zip(values).for_each(|(most, &value)| *most = most.max(value));
                    }
                }
            }
        });
    });
    out
}

/// The mean of every channel over the map, `[images, 1, 1, channels]`.
#[must_use]
pub fn channel_means(map: &FeatureMap, workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let mut out = workspace.map([images, 1, 1, channels]);
    let positions = height * width;
    for_row_groups(out.values_mut(), channels, 1, |image, out| {
        let values = &map.values()[image * positions * channels..][..positions * channels];
        Arch::new().dispatch(|| {
            out.fill(0.0);
            for position in values.chunks_exact(channels) {
                out.iter_mut().zip(position).for_each(|(sum, &value)| *sum += value);
            }
            out.iter_mut().for_each(|sum| *sum /= positions as f32);
        });
    });
    out
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
        Arch::new().dispatch(|| {
            for position in out.chunks_exact_mut(channels) {
                position.iter_mut().zip(gates).for_each(|(value, gate)| *value *= gate);
            }
        });
    });
}

impl FeatureMap {
    /// Applies a function to every value in place.
    pub(crate) fn activate(&mut self, activation: Activation) {
        activation.apply(self.values_mut());
    }
}
