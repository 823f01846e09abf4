//! One B-mode ultrasound picture: layers of the breast under speckle, with a dark mass and its shadow.

use rand::Rng;

use super::SimulatedPatient;
use super::texture::{Outline, bell, between, blur, cloud, grain, smooth_field, step};
use crate::terms::Subtype;

/// Rows of the picture.
pub(super) const ROWS: usize = 256;
/// Columns of the picture.
pub(super) const COLUMNS: usize = 320;
/// Pixel spacing in both directions, millimetres.
pub(super) const SPACING_MM: f32 = 0.16;
/// The same in centimetres, as the region calibration states it.
pub(super) const SPACING_CM: f64 = 0.016;
/// First row and last row of the insonated field.
pub(super) const FIELD_ROWS: (usize, usize) = (8, 247);
/// Range of brightness shown, decibels.
const DYNAMIC_RANGE_DB: f32 = 58.0;

/// The mass as it appears: centre, half axes (rows, columns), outline.
struct Mass {
    row: f32,
    column: f32,
    half: (f32, f32),
    outline: Outline,
    shadow_db: f32,
}

/// Depth of each tissue border in one column, rows.
struct Borders {
    skin: f32,
    gland: f32,
    back_fat: f32,
    muscle: f32,
    chest: f32,
}

/// The stored values of one ultrasound picture, `[row, column]` of [`ROWS`] by [`COLUMNS`], 8 bits, the
/// probe at the top.
pub(super) fn ultrasound(rng: &mut impl Rng, patient: &SimulatedPatient) -> Vec<u8> {
    let echo = echo_db(rng, patient);
    // Speckle: scatterers of random phase, seen through the beam's point spread (Wagner 1983).
    let mut parts: Vec<Vec<f32>> =
        (0..2).map(|_| echo.iter().map(|level| 10f32.powf(level / 20.0) * grain(rng)).collect()).collect();
    for part in &mut parts {
        blur(part, COLUMNS, (0.75, 1.55));
    }
    // The blur divides the deviation of white noise by about 2 √(π σ₁ σ₂).
    let regain = 2.0 * (std::f32::consts::PI * 0.75 * 1.55).sqrt();
    let mut decibels: Vec<f32> = parts[0]
        .iter()
        .zip(&parts[1])
        .map(|(real, imaginary)| {
            let envelope = regain * (real * real + imaginary * imaginary).sqrt();
            20.0 * (envelope + 1e-4).log10()
        })
        .collect();
    // The display's interpolation and persistence soften the darkest gaps.
    blur(&mut decibels, COLUMNS, (0.45, 0.6));
    let middle = 0.5 * (COLUMNS - 1) as f32;
    let mut pixels = vec![0u8; ROWS * COLUMNS];
    for (row, line) in pixels.chunks_exact_mut(COLUMNS).enumerate() {
        // A linear probe with slightly steered edges: the field widens with depth.
        let half_width = 128.0 + 0.11 * row as f32;
        for (column, pixel) in line.iter_mut().enumerate() {
            let bow = 5.0 * ((column as f32 - middle) / half_width).powi(2);
            let above = FIELD_ROWS.0 as f32 + bow;
            let inside = row as f32 >= above && row <= FIELD_ROWS.1 && (column as f32 - middle).abs() <= half_width;
            if inside {
                let level = (decibels[row * COLUMNS + column] + DYNAMIC_RANGE_DB) / DYNAMIC_RANGE_DB;
                *pixel = (255.0 * level.clamp(0.0, 1.0).powf(1.25)) as u8;
            }
        }
    }
    pixels
}

/// Mean echo level of every pixel, decibels below full scale.
fn echo_db(rng: &mut impl Rng, patient: &SimulatedPatient) -> Vec<f32> {
    let mass = Mass::new(rng, patient);
    let borders = borders(rng);
    let lobules = cloud(rng, ROWS, COLUMNS, (24.0, 56.0), 4, 0.65);
    let layers = cloud(rng, ROWS, COLUMNS, (9.0, 60.0), 3, 0.6);
    let septa = cloud(rng, ROWS, COLUMNS, (34.0, 70.0), 2, 0.5);
    let inner = cloud(rng, ROWS, COLUMNS, (10.0, 14.0), 2, 0.6);
    let gain = smooth_field(rng, ROWS, COLUMNS, (400.0, 90.0));
    let mut echo = vec![0.0f32; ROWS * COLUMNS];
    for (row, line) in echo.chunks_exact_mut(COLUMNS).enumerate() {
        let y = row as f32;
        for (column, level) in line.iter_mut().enumerate() {
            let at = row * COLUMNS + column;
            let border = &borders[column];
            let line_of = |depth: f32, width: f32, height: f32| height * bell(y - depth, width);
            let thread = (1.0 - septa[at].abs() / 0.10).max(0.0);
            let mut tissue = if y < border.skin {
                -15.0
            } else if y < border.gland {
                -37.0 + 2.0 * lobules[at] + 15.0 * thread
            } else if y < border.back_fat {
                -24.5 + 6.0 * lobules[at].clamp(-2.0, 1.3) + 4.2 * layers[at] + 5.0 * thread
            } else if y < border.muscle {
                -36.0 + 2.0 * lobules[at] + 10.0 * thread
            } else if y < border.chest {
                -34.0 + 5.0 * layers[at]
            } else {
                -46.0 + 2.0 * layers[at]
            };
            tissue += line_of(border.skin, 1.3, 11.0) + line_of(border.gland, 1.4, 6.0);
            tissue += line_of(border.muscle, 1.5, 17.0) + line_of(border.chest, 1.8, 22.0);
            tissue += line_of(FIELD_ROWS.0 as f32 + 2.0, 1.6, 8.0);
            tissue = mass.over(tissue, y, column as f32, inner[at]);
            // What the time-gain compensation leaves of the attenuation.
            *level = tissue + 1.4 * gain[at] - 0.018 * (y - 90.0).max(0.0);
        }
    }
    echo
}

/// Wavy borders between the layers, column by column.
fn borders(rng: &mut impl Rng) -> Vec<Borders> {
    let mm = |depth: f32| FIELD_ROWS.0 as f32 + depth / SPACING_MM;
    let (gland, back_fat) = (between(rng, 6.5, 9.0), between(rng, 25.0, 27.0));
    let (muscle, chest) = (back_fat + between(rng, 2.0, 3.2), between(rng, 34.0, 35.5));
    let mut wave = |cell: f32| cloud(rng, 1, COLUMNS, (1.0, cell), 2, 0.4);
    let (first, second, third) = (wave(90.0), wave(110.0), wave(240.0));
    let waves = first.iter().zip(&second).zip(&third);
    waves
        .map(|((first, second), third)| Borders {
            skin: mm(1.7) + 0.6 * third,
            gland: mm(gland) + 9.0 * first,
            back_fat: mm(back_fat) + 6.0 * second,
            muscle: mm(muscle) + 2.0 * second + 2.5 * third,
            chest: mm(chest) + 3.0 * third,
        })
        .collect()
}

impl Mass {
    fn new(rng: &mut impl Rng, patient: &SimulatedPatient) -> Self {
        let radius = (0.58 * patient.tumour_radius_mm()).clamp(4.2, 9.0) / SPACING_MM;
        // Triple-negative masses tend to be round and let sound through; luminal ones shadow.
        let (roughness, shadow_db, taller) = match patient.subtype {
            Subtype::TripleNegative => (0.06, 6.0, 0.85),
            Subtype::HrNegHer2Pos => (0.10, 11.0, 0.90),
            Subtype::HrPosHer2Pos => (0.12, 14.0, 1.0),
            Subtype::HrPosHer2Neg => (0.14, 18.0, 1.12),
        };
        let half = (radius * 0.78 * taller, radius);
        Self {
            row: FIELD_ROWS.0 as f32 + between(rng, 14.5, 16.5) / SPACING_MM,
            column: COLUMNS as f32 * between(rng, 0.42, 0.58),
            half,
            outline: Outline::new(rng, 7, roughness),
            shadow_db,
        }
    }

    /// The echo level at a place once the mass and its shadow are laid over the tissue there.
    fn over(&self, tissue: f32, row: f32, column: f32, inner: f32) -> f32 {
        let (down, right) = ((row - self.row) / self.half.0, (column - self.column) / self.half.1);
        let straight = (down * down + right * right).sqrt();
        // Far away the outline no longer matters.
        let wavy = if straight < 2.5 { self.outline.factor(down.atan2(right)) } else { 1.0 };
        let distance = straight / wavy;
        let body = step(1.06, 0.94, distance);
        let halo = 6.0 * bell(distance - 1.13, 0.08) * step(1.2, -0.4, down);
        let behind = step(0.2, 1.2, down) * step(1.1, 0.4, right.abs());
        let deeper = 1.0 + 0.15 * (down - 1.0).clamp(0.0, 3.0);
        let own = -45.0 + 2.6 * inner + 3.0 * distance;
        let lit = tissue + halo - self.shadow_db * behind * deeper;
        lit + body * (own - 0.25 * self.shadow_db * step(-0.2, 1.0, down) - lit)
    }
}
