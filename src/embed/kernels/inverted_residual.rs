use super::parallel::{for_strips, with_scratch};
use super::patches::Matrix;
use super::product::product_of_rows;
use super::{Convolution, FeatureMap, Workspace};

/// Values of an inner map above which it no longer fits the second-level cache beside its neighbours.
const LARGE: usize = 200_000;
/// Values of the inner maps of one strip, before and after the depthwise convolution.
const STRIP: usize = 160_000;

/// project(depthwise(expand(map))), plus the map where `residual`: three convolutions, the first of which may be absent.
///
/// A large inner map is never stored: strips of the output are made one after the other, each from the few rows of the
/// inner map that it needs (the rows at its borders are made twice). The bytes are those of one layer after the other.
///
/// # Source
/// Sandler et al., MobileNetV2, CVPR 2018, section 5 (memory efficient inference).
///
/// # Panics
/// When a map has other channels than its layer, or is smaller than the window.
#[must_use]
pub fn inverted_residual(
    expand: Option<&Convolution>,
    depthwise: &Convolution,
    project: &Convolution,
    map: &FeatureMap,
    residual: bool,
    workspace: &Workspace,
) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let inner = depthwise.shape().inputs;
    let parts = (depthwise.depthwise_weights(), project.pointwise_weights(), depthwise.shape().window(height, width));
    let matrix = expand.map(|expand| expand.pointwise_weights());
    let fusable = height * width * inner > LARGE && !matches!(matrix, Some(None));
    let (true, (Some(spread), Some(projection), Some(window))) = (fusable, parts) else {
        return one_after_the_other(expand, depthwise, project, map, residual, workspace);
    };
    let [rows, columns] = window.out;
    let per_row = (window.stride * width + columns) * inner;
    let fitting = STRIP.saturating_sub(window.kernel[0] * width * inner) / per_row;
    let strips = rows.div_ceil(fitting.max(1)).next_multiple_of(rayon::current_num_threads());
    let strip_rows = rows.div_ceil(strips);
    let mut out = workspace.map([images, rows, columns, project.shape().outputs]);
    let row_len = columns * project.shape().outputs;
    for_strips(out.values_mut(), rows * row_len, strip_rows * row_len, |image, start, out| {
        let (first, count) = (start / row_len, out.len() / row_len);
        let top = (first * window.stride).saturating_sub(window.lead[0]);
        let past = height.min(((first + count - 1) * window.stride + window.kernel[0]).saturating_sub(window.lead[0]));
        let source = &map.values()[(image * height + top) * width * channels..][..(past - top) * width * channels];
        // The rows before `top` are as good as outside: no window of the strip reaches them.
        let mut inside = window;
        inside.lead[0] += top;
        let size = [past - top, width, inner];
        let from = image * rows * row_len + start;
        let residual = residual.then(|| &map.values()[from..from + out.len()]);
        with_scratch(count * columns * inner, |spreaded| {
            match (expand, matrix.flatten()) {
                (Some(expand), Some(weights)) => with_scratch(size.iter().product(), |wide| {
                    let rows = Matrix { values: source, inner: channels, stride: channels };
                    product_of_rows(&rows, 0, weights, expand.finish(None), wide);
                    spread.apply_rows(wide, size, inside, first, depthwise.finish(None), spreaded);
                }),
                _ => spread.apply_rows(source, size, inside, first, depthwise.finish(None), spreaded),
            }
            let rows = Matrix { values: spreaded, inner, stride: inner };
            product_of_rows(&rows, 0, projection, project.finish(residual), out);
        });
    });
    out
}

fn one_after_the_other(
    expand: Option<&Convolution>,
    depthwise: &Convolution,
    project: &Convolution,
    map: &FeatureMap,
    residual: bool,
    workspace: &Workspace,
) -> FeatureMap {
    let spread = match expand {
        Some(expand) => {
            let wide = expand.apply(map, None, workspace);
            let spread = depthwise.apply(&wide, None, workspace);
            workspace.recycle(wide);
            spread
        }
        None => depthwise.apply(map, None, workspace),
    };
    let out = project.apply(&spread, residual.then_some(map), workspace);
    workspace.recycle(spread);
    out
}
