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

#[cfg(test)]
mod tests {
    use super::super::layers::Kind;
    use super::*;

    fn layer(channels: usize, stride: usize) -> Convolution {
        let name = "depthwise".to_owned();
        Convolution { name, kind: Kind::Depthwise, inputs: channels, outputs: channels, stride, clipped: false }
    }

    fn wave(count: usize, pace: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * pace).sin()).collect()
    }

    /// The convolution written as a sum over a map padded with zeros, TensorFlow's way.
    fn brute(grid: Grid, map: &[f32], weight: &[f32], stride: usize) -> Vec<f32> {
        let padded = |length: usize| ((length.div_ceil(stride) - 1) * stride + 3).max(length);
        let (above, before) = ((padded(grid.rows) - grid.rows) / 2, (padded(grid.columns) - grid.columns) / 2);
        let at = |image: usize, y: i64, x: i64, channel: usize| {
            let inside = y >= 0 && x >= 0 && y < grid.rows as i64 && x < grid.columns as i64;
            let pixel = (image as i64 * grid.rows as i64 + y) * grid.columns as i64 + x;
            if inside { map[pixel as usize * grid.channels + channel] } else { 0.0 }
        };
        let mut out = Vec::new();
        for image in 0..grid.images {
            for row in 0..grid.rows.div_ceil(stride) {
                for column in 0..grid.columns.div_ceil(stride) {
                    for channel in 0..grid.channels {
                        let tap = |t: usize| {
                            let y = (row * stride + t / 3) as i64 - above as i64;
                            let x = (column * stride + t % 3) as i64 - before as i64;
                            weight[channel * TAPS + t] * at(image, y, x, channel)
                        };
                        out.push((0..TAPS).map(tap).sum());
                    }
                }
            }
        }
        out
    }

    #[test]
    fn same_padding_is_that_of_the_written_out_sum_and_the_gradients_are_its_adjoints() {
        for (rows, columns, channels, stride) in [(5, 4, 3, 1), (6, 8, 16, 2), (5, 7, 2, 2), (1, 2, 9, 2), (2, 1, 1, 1)]
        {
            let grid = Grid { images: 2, rows, columns, channels };
            let layer = layer(channels, stride);
            let (map, weight) = (wave(grid.pixels() * channels, 0.7), wave(channels * TAPS, 1.3));
            let out_grid = layer.output(grid);
            let mut out = vec![f32::NAN; out_grid.pixels() * channels];
            forward(&layer, grid, &map, &weight, &mut out);
            for (a, b) in out.iter().zip(brute(grid, &map, &weight, stride)) {
                assert!((a - b).abs() < 1e-5, "{rows} x {columns} stride {stride}: {a} {b}");
            }
            let slope = wave(out.len(), 0.4);
            let (mut map_slope, mut weight_slope) = (vec![f32::NAN; map.len()], vec![f32::NAN; weight.len()]);
            backward(&layer, grid, &map, &weight, &slope, &mut map_slope, &mut weight_slope);
            // The convolution is linear in the map and in the weight, so its gradients satisfy
            // ⟨slope, conv(m, w)⟩ = ⟨map_slope, m⟩ for every m, and the same for w; single-entry m and w test each entry.
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            for at in 0..map.len() {
                let mut one = vec![0.0; map.len()];
                one[at] = 1.0;
                let expected = dot(&slope, &brute(grid, &one, &weight, stride));
                assert!((f64::from(map_slope[at]) - expected).abs() < 1e-5);
            }
            for at in 0..weight.len() {
                let mut one = vec![0.0; weight.len()];
                one[at] = 1.0;
                let expected = dot(&slope, &brute(grid, &map, &one, stride));
                assert!((f64::from(weight_slope[at]) - expected).abs() < 1e-4);
            }
        }
    }
}
