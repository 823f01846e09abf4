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

/// A randomly changed copy as network inputs, channels last.
pub(super) fn augmented(image: &Prepared, spec: &AugmentSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut pixels = changed(image, spec, rng);
    pixels.iter_mut().for_each(|value| *value = (*value - CENTRE) / SPREAD);
    pixels
}

/// A randomly mirrored, shifted, zoomed, turned and re-lit copy, then noisy, blurred or partly blanked where asked; in
/// [0, 1], channels last; edges are repeated.
pub(super) fn changed(image: &Prepared, spec: &AugmentSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let change = Change::draw(spec, (image.height, image.width), rng);
    change.appearance(image, spec, rng)
}

/// One random change of an image: where each pixel comes from, and the light.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Shift in pixels, down and to the right.
    shift: (f64, f64),
    zoom: f64,
    angle: f64,
    /// −1 where an axis is mirrored: down, across.
    mirror: (f64, f64),
    contrast: f32,
    brightness: f32,
}

impl Change {
    /// A random change of an image of this height and width.
    pub fn draw(spec: &AugmentSpec, (height, width): (usize, usize), rng: &mut ChaCha8Rng) -> Self {
        // Every draw is made whatever the options, so that changing one does not reshuffle the others.
        let mut symmetric = |most: f64| (2.0 * rng.random::<f64>() - 1.0) * most;
        let shift = (symmetric(spec.shift) * height as f64, symmetric(spec.shift) * width as f64);
        let zoom = 1.0 + symmetric(spec.zoom);
        let angle = symmetric(spec.rotate_degrees).to_radians();
        let contrast = (1.0 + symmetric(spec.contrast)) as f32;
        let brightness = symmetric(spec.brightness) as f32;
        let sign = |flip: bool, draw: bool| if flip && draw { -1.0 } else { 1.0 };
        let across = sign(spec.flip_horizontal, rng.random::<bool>());
        let down = sign(spec.flip_vertical, rng.random::<bool>());
        Self { shift, zoom, angle, mirror: (down, across), contrast, brightness }
    }

    /// The image moved and re-lit, then degraded; channels last.
    pub fn appearance(&self, image: &Prepared, spec: &AugmentSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut out = self.moved(image);
        for value in &mut out {
            *value = ((*value - CENTRE) * self.contrast + CENTRE + self.brightness).clamp(0.0, 1.0);
        }
        degraded(&mut out, image, spec, rng);
        out
    }

    /// The image moved, its light unchanged; channels last.
    pub fn moved(&self, image: &Prepared) -> Vec<f32> {
        let (sine, cosine) = self.angle.sin_cos();
        let ((dy, dx), (mirror_y, mirror_x), zoom) = (self.shift, self.mirror, self.zoom);
        let (middle_y, middle_x) = ((image.height as f64 - 1.0) / 2.0, (image.width as f64 - 1.0) / 2.0);
        let mut out = Vec::with_capacity(image.pixels.len());
        for row in 0..image.height {
            for column in 0..image.width {
                let (y, x) = ((row as f64 - middle_y) * zoom * mirror_y, (column as f64 - middle_x) * zoom * mirror_x);
                let source_y = (cosine * y - sine * x + middle_y + dy) as f32;
                let source_x = (sine * y + cosine * x + middle_x + dx) as f32;
                out.extend((0..image.channels).map(|channel| bilinear(image, channel, source_y, source_x)));
            }
        }
        out
    }
}

/// Gamma, blur, noise and a blank rectangle; draws nothing for an option that is off.
fn degraded(pixels: &mut [f32], image: &Prepared, spec: &AugmentSpec, rng: &mut ChaCha8Rng) {
    let size = (image.height, image.width, image.channels);
    if spec.gamma > 0.0 {
        let exponent = ((2.0 * rng.random::<f64>() - 1.0) * spec.gamma).exp() as f32;
        pixels.iter_mut().for_each(|value| *value = value.powf(exponent));
    }
    if spec.blur > 0.0 {
        blur(pixels, size, (rng.random::<f64>() * spec.blur) as f32);
    }
    if spec.noise > 0.0 {
        let spread = rng.random::<f64>() * spec.noise;
        // A sum of four uniform draws is close to normal and far cheaper than its logarithms.
        let mut draw = || (0..4).map(|_| rng.random::<f32>() - 0.5).sum::<f32>() * 1.732_050_8;
        pixels.iter_mut().for_each(|value| *value = (*value + spread as f32 * draw()).clamp(0.0, 1.0));
    }
    if spec.erase > 0.0 && rng.random::<bool>() {
        erase(pixels, size, spec.erase, rng);
    }
}

/// Gaussian blur along both axes, edges repeated.
fn blur(pixels: &mut [f32], (height, width, channels): (usize, usize, usize), sigma: f32) {
    let radius = (3.0 * sigma).ceil() as usize;
    if radius == 0 {
        return;
    }
    let weights: Vec<f32> =
        (0..=2 * radius).map(|i| (-0.5 * ((i as f32 - radius as f32) / sigma.max(1e-3)).powi(2)).exp()).collect();
    let total: f32 = weights.iter().sum();
    for (length, step) in [(width, channels), (height, width * channels)] {
        let source = pixels.to_vec();
        for (at, value) in pixels.iter_mut().enumerate() {
            let place = at / step % length;
            let start = at - place * step;
            let tap = |i: usize| source.get(start + (place + i).saturating_sub(radius).min(length - 1) * step);
            let sum: f32 = weights.iter().enumerate().map(|(i, w)| w * tap(i).copied().unwrap_or(0.0)).sum();
            *value = sum / total;
        }
    }
}

/// Fills a random rectangle with the mean of the image.
fn erase(pixels: &mut [f32], (height, width, channels): (usize, usize, usize), most: f64, rng: &mut ChaCha8Rng) {
    let mean = pixels.iter().sum::<f32>() / pixels.len().max(1) as f32;
    let mut span = |length: usize| {
        let size = ((rng.random::<f64>() * most * length as f64) as usize).min(length);
        let start = (rng.random::<f64>() * (length - size + 1) as f64) as usize;
        start..start + size
    };
    let (rows, columns) = (span(height), span(width));
    for row in rows {
        let start = (row * width + columns.start) * channels;
        if let Some(cells) = pixels.get_mut(start..start + columns.len() * channels) {
            cells.fill(mean);
        }
    }
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
