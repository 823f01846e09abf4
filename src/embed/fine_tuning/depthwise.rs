use super::super::convolution::{Grid, TAPS};
use super::layers::{Convolution, padding_before};
use super::vectors::{add_product, add_products, vectorised};

/// Calls `visit(output pixel, tap, input pixel)` for every tap of a 3 × 3 kernel that falls inside the map, output pixel by
/// output pixel; SAME padding.
#[inline(always)]
pub(super) fn for_each_tap(map: Grid, out: Grid, stride: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let (above, before) = (padding_before(map.rows, stride), padding_before(map.columns, stride));
    for image in 0..map.images {
        for row in 0..out.rows {
            for column in 0..out.columns {
                let pixel = (image * out.rows + row) * out.columns + column;
                for tap in 0..TAPS {
                    let (y, x) = (row * stride + tap / 3, column * stride + tap % 3);
                    if y >= above && y - above < map.rows && x >= before && x - before < map.columns {
                        visit(pixel, tap, (image * map.rows + y - above) * map.columns + x - before);
                    }
                }
            }
        }
    }
}

/// A kernel `[channels, 9]` as `[9, channels]`, so that a tap's channels lie side by side as in a map.
fn by_tap(weight: &[f32], channels: usize) -> Vec<f32> {
    (0..TAPS).flat_map(|tap| weight.iter().skip(tap).step_by(TAPS).take(channels).copied()).collect()
}

/// Writes the depthwise convolution of a map, without bias.
pub(super) fn forward(layer: &Convolution, grid: Grid, map: &[f32], weight: &[f32], out: &mut [f32]) {
    let (channels, taps) = (grid.channels, by_tap(weight, grid.channels));
    out.fill(0.0);
    vectorised(
        #[inline(always)]
        || {
            for_each_tap(
                grid,
                layer.output(grid),
                layer.stride,
                #[inline(always)]
                |pixel, tap, source| {
                    add_product(
                        &mut out[pixel * channels..(pixel + 1) * channels],
                        &map[source * channels..(source + 1) * channels],
                        &taps[tap * channels..(tap + 1) * channels],
                    );
                },
            );
        },
    );
}

/// Writes the gradients of the map and of the weight from that of the output.
pub(super) fn backward(
    layer: &Convolution,
    grid: Grid,
    map: &[f32],
    weight: &[f32],
    slope: &[f32],
    map_slope: &mut [f32],
    weight_slope: &mut [f32],
) {
    let (channels, taps) = (grid.channels, by_tap(weight, grid.channels));
    let mut tap_slopes = vec![0.0; TAPS * channels];
    map_slope.fill(0.0);
    vectorised(
        #[inline(always)]
        || {
            for_each_tap(
                grid,
                layer.output(grid),
                layer.stride,
                #[inline(always)]
                |pixel, tap, source| {
                    let (at, from) = (tap * channels..(tap + 1) * channels, source * channels..(source + 1) * channels);
                    add_products(
                        &slope[pixel * channels..(pixel + 1) * channels],
                        (&mut map_slope[from.clone()], &taps[at.clone()]),
                        (&mut tap_slopes[at], &map[from]),
                    );
                },
            );
        },
    );
    for (channel, cells) in weight_slope.chunks_exact_mut(TAPS).enumerate() {
        cells.iter_mut().zip(tap_slopes.iter().skip(channel).step_by(channels)).for_each(|(cell, sum)| *cell = *sum);
    }
}
