use crate::imaging::Raster;

/// A class activation map over a prepared image of `side × side`: which places of the last map raised a score.
///
/// `map` is the last feature map of one image, `height × width × channels`, channels innermost; `slopes` the derivative
/// of the score by each channel's mean. For a network that averages its last map this is Grad-CAM exactly:
/// the positive part of Σ slope × map, here scaled to a maximum of 1 (all zero where nothing raised the score), grown
/// to the image by bilinear interpolation.
///
/// # Source
/// Selvaraju et al., Grad-CAM, ICCV 2017; Zhou et al., Learning deep features for discriminative localization, CVPR 2016.
pub(super) fn class_activation(map: &[f32], [height, width]: [usize; 2], slopes: &[f32], side: usize) -> Raster {
    let mut heat = Raster::filled(height.max(1), width.max(1), 1, 0.0);
    for (cell, place) in heat.pixels.iter_mut().zip(map.chunks_exact(slopes.len().max(1))) {
        *cell = place.iter().zip(slopes).map(|(value, slope)| value * slope).sum::<f32>().max(0.0);
    }
    let most = heat.pixels.iter().copied().fold(0.0f32, f32::max);
    if most > 0.0 {
        heat.pixels.iter_mut().for_each(|cell| *cell /= most);
    }
    heat.resize(side, side)
}

/// The same for a network without a score: how strongly each place answers, by the length of its vector above the weakest.
pub(super) fn activation_strength(map: &[f32], [height, width]: [usize; 2], channels: usize, side: usize) -> Raster {
    let mut heat = Raster::filled(height.max(1), width.max(1), 1, 0.0);
    for (cell, place) in heat.pixels.iter_mut().zip(map.chunks_exact(channels.max(1))) {
        *cell = place.iter().map(|value| value * value).sum::<f32>().sqrt();
    }
    if let Some((low, high)) = heat.range().filter(|(low, high)| high > low) {
        heat.pixels.iter_mut().for_each(|cell| *cell = (*cell - low) / (high - low));
    }
    heat.resize(side, side)
}

/// The derivative of a class logit by the pooled features, through `embedding = W f + b` and `logit = v · relu(embedding)`.
///
/// `weight` is `[embedding, features]` row by row.
pub(super) fn slopes(weight: &[f32], features: usize, embedding: &[f32], head: &[f32]) -> Vec<f32> {
    let mut slopes = vec![0.0; features];
    for ((row, value), v) in weight.chunks_exact(features.max(1)).zip(embedding).zip(head) {
        if *value > 0.0 {
            slopes.iter_mut().zip(row).for_each(|(slope, w)| *slope += v * w);
        }
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_hot_where_a_helpful_channel_answers() {
        // Two channels over 2 x 2 places: the first raises the score, the second lowers it.
        let map = [3.0, 0.0, 1.0, 0.0, 0.0, 5.0, 1.0, 1.0];
        let heat = class_activation(&map, [2, 2], &[1.0, -1.0], 2);
        assert_eq!(heat.pixels, [1.0, 1.0 / 3.0, 0.0, 0.0]);
        assert!(class_activation(&map, [2, 2], &[0.0, -1.0], 4).pixels.iter().all(|v| *v == 0.0));
        assert_eq!(activation_strength(&map, [2, 2], 2, 2).pixels[2], 1.0);
    }

    #[test]
    fn the_slopes_are_the_finite_differences_of_the_score() {
        let (weight, bias, head) = ([0.5f32, -1.0, 2.0, 0.25, 1.0, -0.5], [0.1f32, -0.2], [1.5f32, -2.0]);
        let embed = |f: &[f32; 3]| -> Vec<f32> {
            weight.chunks(3).zip(bias).map(|(row, b)| row.iter().zip(f).map(|(w, x)| w * x).sum::<f32>() + b).collect()
        };
        let score = |f: &[f32; 3]| embed(f).iter().zip(head).map(|(e, v)| e.max(0.0) * v).sum::<f32>();
        for start in [[1.0f32, 0.5, 2.0], [0.2, 3.0, 0.4]] {
            let found = slopes(&weight, 3, &embed(&start), &head);
            for (k, slope) in found.iter().enumerate() {
                let mut moved = start;
                moved[k] += 0.01;
                assert!((slope - (score(&moved) - score(&start)) / 0.01).abs() < 1e-3, "{k}: {slope}");
            }
        }
    }
}
