//! The four standard mammograms: a compressed breast with skin, fat, gland, muscle and a mass.

use rand::Rng;
use rand::RngExt;

use super::SimulatedPatient;
use super::texture::{Outline, bell, between, cloud, grain, smooth_field, step};
use crate::terms::{Laterality, MammogramView, Subtype};

/// Rows of a mammogram.
pub(super) const ROWS: usize = 512;
/// Columns of a mammogram.
pub(super) const COLUMNS: usize = 384;
/// Pixel spacing, millimetres.
pub(super) const SPACING_MM: f32 = 0.4;
/// Largest stored value: 12 bits.
const CEILING: f32 = 4095.0;
/// Largest radius at which a mass is drawn, millimetres; larger tumours are shown as large as this.
const LARGEST_RADIUS_MM: f32 = 24.0;

/// The shape of one breast in one view, chest wall at column 0.
struct Contour {
    /// Distance from the chest wall to the skin for every row, pixels; 0 where there is no breast.
    reach: Vec<f32>,
    /// Row of the nipple.
    nipple_row: f32,
    /// Column of the front edge of the pectoral muscle for every row, pixels.
    muscle: Vec<f32>,
}

impl Contour {
    fn new(rng: &mut impl Rng, view: MammogramView, breast: f32) -> Self {
        let rows = ROWS as f32;
        let depth = COLUMNS as f32 * (0.60 + 0.24 * breast + between(rng, -0.02, 0.02));
        let sway = smooth_field(rng, 1, ROWS, (1.0, 90.0));
        let (nipple_row, muscle, base): (f32, Vec<f32>, Vec<f32>) = match view {
            MammogramView::Cc => {
                let nipple = rows * between(rng, 0.48, 0.53);
                let half = rows * (0.37 + 0.08 * breast);
                let base = (0..ROWS)
                    .map(|row| {
                        let t = ((row as f32 - nipple) / half).abs().min(1.0);
                        depth * (1.0 - t.powf(2.1)).powf(0.66)
                    })
                    .collect();
                // A sliver of muscle shows in a well positioned view.
                let sliver = between(rng, -6.0, 9.0);
                let muscle =
                    (0..ROWS).map(|row| sliver - ((row as f32 - nipple) / (0.28 * rows)).powi(2) * 9.0).collect();
                (nipple, muscle, base)
            }
            MammogramView::Mlo => {
                let nipple = rows * between(rng, 0.57, 0.63);
                let fold = rows * between(rng, 0.89, 0.94);
                let at_top = between(rng, 0.42, 0.52);
                let base = (0..ROWS)
                    .map(|row| {
                        let row = row as f32;
                        if row <= nipple {
                            depth * (at_top + (1.0 - at_top) * (1.0 - ((nipple - row) / nipple).powf(1.9)))
                        } else {
                            let t = (row - nipple) / (fold - nipple);
                            // Below the fold the skin of the abdomen goes on.
                            let abdomen = depth * (0.06 + 0.08 * step(fold - 8.0, rows + 20.0, row));
                            (depth * (1.0 - t.min(1.0).powf(2.3)).powf(0.62)).max(abdomen)
                        }
                    })
                    .collect();
                let (wide, long) = (COLUMNS as f32 * between(rng, 0.34, 0.42), rows * between(rng, 0.56, 0.68));
                let muscle = (0..ROWS)
                    .map(|row| {
                        let t = row as f32 / long;
                        if t < 1.0 { wide * (1.0 - t).powf(0.88) } else { -60.0 * (t - 1.0) }
                    })
                    .collect();
                (nipple, muscle, base)
            }
        };
        let reach = base
            .into_iter()
            .zip(&sway)
            .enumerate()
            .map(|(row, (reach, sway)): (usize, (f32, &f32))| {
                let nipple = 9.0 * bell(row as f32 - nipple_row, 9.0) + 5.0 * bell(row as f32 - nipple_row, 24.0);
                if reach <= 0.5 { 0.0 } else { reach * (1.0 + 0.012 * sway) + nipple }
            })
            .collect();
        Self { reach, nipple_row, muscle }
    }

    /// Distance of every row's pixels to the skin as (reach, cosine of the skin's slope).
    fn slopes(&self) -> Vec<(f32, f32)> {
        let last = self.reach.len() - 1;
        (0..=last)
            .map(|row| {
                let (above, below) = (row.saturating_sub(2), (row + 2).min(last));
                let slope = (self.reach[below] - self.reach[above]) / (below - above) as f32;
                (self.reach[row], (1.0 + slope * slope).sqrt().recip())
            })
            .collect()
    }
}

/// A soft mass: what it adds to the picture at a place.
struct Mass {
    row: f32,
    column: f32,
    radius: f32,
    strength: f32,
    edge: f32,
    outline: Outline,
    spicules: Vec<(f32, f32, f32)>,
    specks: Vec<(f32, f32)>,
}

impl Mass {
    fn new(rng: &mut impl Rng, patient: &SimulatedPatient, view: MammogramView, contour: &Contour) -> Self {
        let radius = patient.tumour_radius_mm().min(LARGEST_RADIUS_MM) / SPACING_MM;
        let across = match view {
            MammogramView::Cc => patient.site.lateral,
            MammogramView::Mlo => patient.site.upward,
        };
        let row = (contour.nipple_row - across * 0.36 * ROWS as f32).clamp(0.0, (ROWS - 1) as f32);
        let here = contour.reach[row as usize];
        let column = (here * patient.site.forward + 4.0).min(here - 0.75 * radius);
        // Triple-negative masses tend to be round and smooth, luminal ones spiculated.
        let (roughness, edge, n_spicules) = match patient.subtype {
            Subtype::TripleNegative => (0.10, 0.07, 0),
            Subtype::HrNegHer2Pos => (0.18, 0.11, 6),
            Subtype::HrPosHer2Pos => (0.18, 0.12, 12),
            Subtype::HrPosHer2Neg => (0.20, 0.13, 20),
        };
        let turn = std::f32::consts::TAU;
        let spicules = (0..n_spicules)
            .map(|_| (between(rng, 0.0, turn), between(rng, 1.2, 2.0), between(rng, 0.4, 1.0)))
            .collect();
        let n_specks = if patient.subtype.is_her2_positive() { rng.random_range(10..22) } else { 0 };
        let specks =
            (0..n_specks).map(|_| (row + 0.45 * radius * grain(rng), column + 0.45 * radius * grain(rng))).collect();
        let outline = Outline::new(rng, 6, roughness);
        Self { row, column, radius, strength: between(rng, 760.0, 980.0), edge, outline, spicules, specks }
    }

    fn adds(&self, row: f32, column: f32) -> f32 {
        let (down, right) = (row - self.row, column - self.column);
        let distance = (down * down + right * right).sqrt() / self.radius;
        if distance > 2.4 {
            return 0.0;
        }
        let angle = down.atan2(right);
        let inside = distance / self.outline.factor(angle);
        let body = 1.0 / (1.0 + ((inside - 1.0) / self.edge).exp());
        // Thicker in the middle.
        let dome = 0.72 + 0.28 * (1.0 - (inside * inside).min(1.0)).sqrt();
        let mut value = self.strength * body * dome + 0.12 * self.strength * bell(inside, 1.0);
        for (direction, length, weight) in &self.spicules {
            let off = (angle - direction).sin() * distance * self.radius;
            if (angle - direction).cos() > 0.0 && distance < *length {
                value += 260.0 * weight * bell(off, 1.4) * step(*length, 0.9, distance) * step(0.6, 0.9, distance);
            }
        }
        for (speck_row, speck_column) in &self.specks {
            let (down, right) = (row - speck_row, column - speck_column);
            let squared = down * down + right * right;
            if squared < 9.0 {
                value += 1100.0 * (-squared / 0.9).exp();
            }
        }
        value
    }
}

/// The stored values of one mammogram for presentation, `[row, column]` of [`ROWS`] by [`COLUMNS`], 12 bits,
/// air dark; the chest wall lies left for a left breast and right for a right one.
pub(super) fn mammogram(
    rng: &mut impl Rng,
    patient: &SimulatedPatient,
    side: Laterality,
    view: MammogramView,
) -> Vec<u16> {
    let contour = Contour::new(rng, view, patient.site.breast);
    let mass = (side == patient.side).then(|| Mass::new(rng, patient, view, &contour));
    let islands = cloud(rng, ROWS, COLUMNS, (60.0, 60.0), 5, 0.72);
    let fat = cloud(rng, ROWS, COLUMNS, (18.0, 18.0), 3, 0.7);
    let web = cloud(rng, ROWS, COLUMNS, (46.0, 46.0), 4, 0.55);
    let fibres = smooth_field(rng, ROWS, COLUMNS, (70.0, 7.0));
    // Ducts and ligaments run towards the nipple: a field in (direction, log distance) around it.
    let rays = smooth_field(rng, 256, 64, (2.2, 9.0));
    let nipple_column = contour.reach[(contour.nipple_row as usize).min(ROWS - 1)];
    let mut pixels = vec![0u16; ROWS * COLUMNS];
    let slopes = contour.slopes();
    for (row, line) in pixels.chunks_exact_mut(COLUMNS).enumerate() {
        let (reach, cosine) = slopes[row];
        let y = row as f32;
        for (column, pixel) in line.iter_mut().enumerate() {
            let (x, at) = (column as f32, row * COLUMNS + column);
            let depth = (reach - x) * cosine;
            if depth < -3.0 {
                *pixel = (34.0 + 9.0 * grain(rng)).max(0.0) as u16;
                continue;
            }
            let thickness = 1.0 - (-(depth.max(0.0) + 5.0) / 17.0).exp();
            let mut value = 820.0 * thickness + 46.0 * fat[at] * thickness;
            let forward = x / reach.max(1.0);
            let (down, back) = (y - contour.nipple_row, nipple_column - x);
            let distance = (down * down + back * back).sqrt();
            let spread = 0.27 * ROWS as f32 * (0.7 + 0.3 * forward);
            let zone = bell(forward - 0.62, 0.27) * bell(down - 0.12 * (y - 256.0), spread);
            let bias = -1.1 + 2.6 * patient.density;
            let gland = zone * step(-0.55, 1.55, islands[at] + bias) * step(6.0, 48.0, depth) * thickness;
            value += gland * (1180.0 + 260.0 * islands[at].clamp(-2.0, 2.0) + 60.0 * fat[at]);
            let strand = (1.0 - web[at].abs() / 0.22).max(0.0);
            value += 150.0 * strand * strand * thickness * step(3.0, 20.0, depth);
            if zone > 0.03 && distance < 330.0 {
                let ray_row = ((down.atan2(back.max(0.1)) / std::f32::consts::PI + 0.5) * 255.0) as usize;
                let ray_column = ((distance + 1.0).ln() * 9.5) as usize;
                let ray = (1.0 - rays[ray_row.min(255) * 64 + ray_column.min(63)].abs() / 0.30).max(0.0);
                value += 170.0 * ray * zone * bell(distance, 150.0) * step(4.0, 20.0, depth);
            }
            let into_muscle = contour.muscle[row] - x;
            if into_muscle > -6.0 {
                let muscle = step(-3.0, 4.0, into_muscle);
                let flesh = 1560.0
                    + 2.6 * into_muscle.min(120.0)
                    + 45.0 * fibres[row * COLUMNS + (column + row * 6 / 10) % COLUMNS];
                value += muscle * (flesh - value).max(0.0) * 0.88 * thickness;
            }
            if let Some(mass) = &mass {
                value += mass.adds(y, x) * thickness;
            }
            // The skin, 1.5 mm seen edge on, and the nipple.
            if depth < 12.0 {
                value = (value + 330.0 * bell(depth - 2.2, 1.7)) * step(-3.0, 1.0, depth);
            }
            if distance < 32.0 {
                value += 420.0 * bell(distance - 2.0, 8.0) * step(-2.0, 2.0, depth);
            }
            // The shoulder of the display curve.
            value = value.min(2300.0 + 0.45 * (value - 2300.0).max(0.0));
            let noise = (14.0 + 0.4 * value.max(0.0).sqrt()) * grain(rng);
            *pixel = (value + 34.0 + noise).clamp(0.0, CEILING) as u16;
        }
        if side == Laterality::Right {
            line.reverse();
        }
    }
    pixels
}
