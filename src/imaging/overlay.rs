use super::Raster;
use super::intensity::percentile;
use super::overlay_marks::{calipers, outside_sector, text_lines};

/// Differences between channels above this, of 255 grey levels, are a colour.
const COLOUR: f32 = 40.0;

/// What was drawn over a sonogram, pixel by pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
    /// True where a pixel is drawn and not an echo, row by row.
    pub mask: Vec<bool>,
}

impl Overlay {
    /// The part of the image that is drawn over, in [0, 1].
    #[must_use]
    pub fn fraction(&self) -> f64 {
        self.mask.iter().filter(|drawn| **drawn).count() as f64 / self.mask.len().max(1) as f64
    }
}

/// Finds burned-in text, calipers and colour in a B-mode sonogram.
///
/// Drawn are: (1) pixels whose colour departs from the tint of the image by more than 40 of 255 levels; (2) lines of
/// text: at least three neighbouring bright thin strokes of like height on one line; (3) calipers: crosses of one
/// brightness on darker ground, upright or diagonal, by correlation; (4) small bright objects on the dark ground outside
/// the sector. A detector of marks, not a reader of them: it flags images and is no proof that one is free of them, and
/// a bright fascia broken into dashes may pass for text.
#[must_use]
pub fn detect_overlay(image: &Raster) -> Overlay {
    let grey = image.to_grey();
    let (rows, columns) = (grey.rows, grey.columns);
    let mut mask = coloured(image);
    let low = percentile(&grey.pixels, 0.01).unwrap_or(0.0);
    let high = grey.range().map_or(0.0, |(_, high)| high);
    if high > low && rows.min(columns) >= 32 {
        let level: Vec<f32> = grey.pixels.iter().map(|value| (value - low) / (high - low)).collect();
        for finder in [text_lines, calipers, outside_sector] {
            for at in finder(&level, columns) {
                if let Some(drawn) = mask.get_mut(at) {
                    *drawn = true;
                }
            }
        }
    }
    Overlay { rows, columns, mask }
}

/// The part of the lit pixels that is coloured, in [0, 1]: Doppler and elastography, not the tint of a grey map.
#[must_use]
pub fn colour_fraction(image: &Raster) -> f64 {
    let grey = image.to_grey();
    let lit = grey.pixels.iter().filter(|value| **value > COLOUR / 2.0).count();
    coloured(image).iter().filter(|colour| **colour).count() as f64 / lit.max(1) as f64
}

/// True for each pixel whose colour departs from the tint of the image.
///
/// A tinted map colours every pixel in proportion to its brightness: the median of that proportion is the tint.
fn coloured(image: &Raster) -> Vec<bool> {
    if image.channels < 3 {
        return vec![false; image.rows * image.columns];
    }
    let differences: Vec<[f32; 3]> = image
        .pixels
        .chunks_exact(image.channels)
        .map(|pixel| match pixel {
            [r, g, b, ..] => [0.299 * r + 0.587 * g + 0.114 * b, r - g, b - g],
            _ => [0.0; 3],
        })
        .collect();
    let tint = |part: usize| {
        let lit = differences.iter().filter(|pixel| pixel[0] > COLOUR / 2.0);
        let shares: Vec<f32> = lit.map(|pixel| pixel[part] / pixel[0]).collect();
        percentile(&shares, 0.5).unwrap_or(0.0)
    };
    let (red, blue) = (tint(1), tint(2));
    differences
        .iter()
        .map(|[light, r, b]| {
            let (r, b) = (r - red * light, b - blue * light);
            r.abs().max(b.abs()).max((r - b).abs()) > COLOUR
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fan of blurred speckle on black, 240 × 320: the echoes of a phantom.
    fn sonogram(seed: u64) -> Raster {
        let (rows, columns) = (240usize, 320usize);
        let noise = |at: u64| {
            let mixed = (at + seed * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u64 << 24) as f32
        };
        let mut raw = vec![0.0f32; rows * columns];
        for (at, value) in raw.iter_mut().enumerate() {
            // Rayleigh: the envelope of speckle.
            *value = (-2.0 * (1.0 - noise(at as u64)).max(1e-6).ln()).sqrt() * 40.0;
        }
        let mut image = Raster::filled(rows, columns, 1, 0.0);
        for row in 10..220 {
            for column in 3..columns - 3 {
                let half = 60.0 + row as f32 * 0.35;
                if (column as f32 - 160.0).abs() < half {
                    let window = (row - 1..row + 2).flat_map(|r| (column - 3..column + 4).map(move |c| (r, c)));
                    let mean = window.map(|(r, c)| raw[r * columns + c]).sum::<f32>() / 21.0;
                    image.pixels[row * columns + column] = mean + 10.0;
                }
            }
        }
        image
    }

    /// Draws capital letters of 5 × 7 strokes; the pixels drawn.
    fn write(image: &mut Raster, text: &str, top: usize, left: usize, value: f32) -> Vec<usize> {
        let glyph = |letter: char| match letter {
            'L' => [16, 16, 16, 16, 16, 16, 31],
            'T' => [31, 4, 4, 4, 4, 4, 4],
            'R' => [30, 17, 17, 30, 20, 18, 17],
            'E' => [31, 16, 16, 30, 16, 16, 31],
            _ => [31, 17, 17, 17, 17, 17, 31],
        };
        let mut drawn = Vec::new();
        for (number, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).iter().enumerate() {
                for column in (0..5usize).filter(|column| bits >> (4 - column) & 1 == 1) {
                    let at = (top + row) * image.columns + left + 7 * number + column;
                    image.pixels[at] = value;
                    drawn.push(at);
                }
            }
        }
        drawn
    }

    fn cross(image: &mut Raster, row: usize, column: usize, value: f32) -> Vec<usize> {
        let arms = (0..7).flat_map(|i| [(row, column + i - 3), (row + i - 3, column)]);
        let drawn: Vec<usize> = arms.map(|(r, c)| r * image.columns + c).collect();
        drawn.iter().for_each(|at| image.pixels[*at] = value);
        drawn
    }

    #[test]
    fn text_and_calipers_are_found_inside_and_outside_the_sector() {
        for seed in 0..5 {
            let clean = sonogram(seed);
            assert!(
                detect_overlay(&clean).fraction() < 0.001,
                "speckle is no mark: {}",
                detect_overlay(&clean).fraction()
            );
            let mut marked = clean;
            let mut drawn = write(&mut marked, "LTRE", 150, 120, 230.0);
            drawn.extend(write(&mut marked, "RO", 226, 20, 200.0));
            drawn.extend(cross(&mut marked, 80, 140, 250.0));
            drawn.extend(cross(&mut marked, 100, 180, 250.0));
            let overlay = detect_overlay(&marked);
            let hit = drawn.iter().filter(|at| overlay.mask[**at]).count();
            assert!(hit * 100 >= drawn.len() * 95, "seed {seed}: {hit} of {}", drawn.len());
            assert!(overlay.fraction() < 0.02, "{}", overlay.fraction());
        }
    }

    #[test]
    fn colour_is_told_from_a_tinted_map() {
        let grey = sonogram(1);
        let paint = |tint: [f32; 3]| {
            let pixels = grey.pixels.iter().flat_map(|value| tint.map(|part| part * value)).collect();
            Raster::new(grey.rows, grey.columns, 3, pixels).unwrap()
        };
        assert_eq!(colour_fraction(&paint([1.0; 3])), 0.0);
        let sepia = paint([1.6, 1.2, 0.7]);
        assert!(colour_fraction(&sepia) < 0.001, "{}", colour_fraction(&sepia));
        let mut doppler = paint([1.0; 3]);
        for row in 60..110 {
            for column in 130..190 {
                let at = (row * grey.columns + column) * 3;
                let jet = if column < 160 { [200.0, 40.0, 0.0] } else { [0.0, 60.0, 220.0] };
                doppler.pixels[at..at + 3].copy_from_slice(&jet);
            }
        }
        let fraction = colour_fraction(&doppler);
        assert!((0.05..0.15).contains(&fraction), "{fraction}");
        assert!(detect_overlay(&doppler).mask[80 * grey.columns + 150]);
    }

    /// Not a truth but a figure: how many of the public sonograms carry marks, and how much of them is drawn over.
    #[test]
    fn marks_on_the_public_sonograms_are_counted() {
        let data = std::env::var_os("REGIMEN_DATA").map_or_else(
            || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
            std::path::PathBuf::from,
        );
        let Ok(entries) = std::fs::read_dir(data.join("images/busbra/images")) else {
            println!("skipped: no sonograms under {}", data.display());
            return;
        };
        let mut paths: Vec<std::path::PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let (mut marked, mut sum, mut count) = (0usize, 0.0f64, 0usize);
        for path in paths.iter().step_by(20) {
            let fraction = detect_overlay(&super::super::read_png(path).unwrap()).fraction();
            (marked, sum, count) = (marked + usize::from(fraction > 0.0), sum + fraction, count + 1);
        }
        println!("marks in {marked} of {count} sonograms, {:.2} % of the pixels", 100.0 * sum / count as f64);
        assert!(count == 0 || sum / (count as f64) < 0.05, "marks cover a small part of an image");
    }
}
