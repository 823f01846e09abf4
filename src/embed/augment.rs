use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::imaging::Prepared;

use super::spec::AugmentSpec;

/// Centre and spread that turn pixels in [0, 1] into network inputs: `(x − 0.5) / 0.25`.
const CENTRE: f32 = 0.5;
const SPREAD: f32 = 0.25;

/// The pixels as network inputs, channels last.
pub(super) fn channel_last(image: &Prepared) -> Vec<f32> {
    let plane = image.height * image.width;
    (0..plane)
        .flat_map(|pixel| (0..image.channels).map(move |channel| channel * plane + pixel))
        .map(|i| (image.pixels.get(i).copied().unwrap_or(0.0) - CENTRE) / SPREAD)
        .collect()
}

/// A randomly mirrored, shifted, zoomed, turned and re-lit copy, channels last; edges are repeated.
pub(super) fn augmented(image: &Prepared, spec: &AugmentSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    // Every draw is made whatever the options, so that changing one does not reshuffle the others.
    let mut symmetric = |most: f64| (2.0 * rng.random::<f64>() - 1.0) * most;
    let (dy, dx) = (symmetric(spec.shift) * image.height as f64, symmetric(spec.shift) * image.width as f64);
    let zoom = 1.0 + symmetric(spec.zoom);
    let angle = symmetric(spec.rotate_degrees).to_radians();
    let contrast = (1.0 + symmetric(spec.contrast)) as f32;
    let brightness = symmetric(spec.brightness) as f32;
    let sign = |flip: bool, draw: bool| if flip && draw { -1.0 } else { 1.0 };
    let mirror_x = sign(spec.flip_horizontal, rng.random::<bool>());
    let mirror_y = sign(spec.flip_vertical, rng.random::<bool>());
    let (sine, cosine) = angle.sin_cos();
    let (middle_y, middle_x) = ((image.height as f64 - 1.0) / 2.0, (image.width as f64 - 1.0) / 2.0);
    let mut out = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            let (y, x) = ((row as f64 - middle_y) * zoom * mirror_y, (column as f64 - middle_x) * zoom * mirror_x);
            let source_y = (cosine * y - sine * x + middle_y + dy) as f32;
            let source_x = (sine * y + cosine * x + middle_x + dx) as f32;
            for channel in 0..image.channels {
                let value = bilinear(image, channel, source_y, source_x);
                let lit = ((value - CENTRE) * contrast + CENTRE + brightness).clamp(0.0, 1.0);
                out.push((lit - CENTRE) / SPREAD);
            }
        }
    }
    out
}

/// The value between pixels, coordinates clamped to the image.
fn bilinear(image: &Prepared, channel: usize, y: f32, x: f32) -> f32 {
    let y = y.clamp(0.0, image.height as f32 - 1.0);
    let x = x.clamp(0.0, image.width as f32 - 1.0);
    let (top, left) = (y.floor() as usize, x.floor() as usize);
    let (below, right) = ((top + 1).min(image.height - 1), (left + 1).min(image.width - 1));
    let (part_y, part_x) = (y - top as f32, x - left as f32);
    let at = |row: usize, column: usize| {
        image.pixels.get((channel * image.height + row) * image.width + column).copied().unwrap_or(0.0)
    };
    let upper = at(top, left) * (1.0 - part_x) + at(top, right) * part_x;
    let lower = at(below, left) * (1.0 - part_x) + at(below, right) * part_x;
    upper * (1.0 - part_y) + lower * part_y
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn without_options_a_copy_is_the_image_itself() {
        let pixels: Vec<f32> = (0..32).map(|i| i as f32 / 31.0).collect();
        let image = Prepared { channels: 2, height: 4, width: 4, pixels };
        let copy = augmented(&image, &AugmentSpec::default(), &mut ChaCha8Rng::seed_from_u64(1));
        for (a, b) in copy.iter().zip(channel_last(&image)) {
            assert!((a - b).abs() < 1e-5);
        }
        assert_eq!(channel_last(&image)[1], (16.0 / 31.0 - 0.5) / 0.25);
    }
}
