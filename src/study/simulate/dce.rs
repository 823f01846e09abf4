//! A dynamic contrast-enhanced MRI of the affected breast: one volume before contrast, two after.

use rand::Rng;

use super::SimulatedPatient;
use super::texture::{Outline, bell, between, blur, cloud, grain, smooth_field, step};
use crate::terms::Subtype;

/// Rows and columns of a slice.
pub(super) const SIDE: usize = 96;
/// Slices of a volume.
pub(super) const N_SLICES: usize = 8;
/// Volumes: before contrast, early, late.
pub(super) const N_PHASES: usize = 3;
/// Pixel spacing, millimetres.
pub(super) const SPACING_MM: f32 = 1.25;
/// Slice thickness and spacing, millimetres.
pub(super) const SLICE_MM: f32 = 3.0;
/// Largest stored value: 12 bits.
const CEILING: f32 = 4095.0;
/// Row of the front of the chest wall in the middle of the picture.
const CHEST_ROW: f32 = 76.0;

/// What is true of one voxel before noise.
#[derive(Clone, Copy, Default)]
struct Voxel {
    /// Signal before contrast.
    before: f32,
    /// Relative enhancement in the early and the late volume.
    enhancement: [f32; 2],
}

/// The stored values of the examination, `[phase][slice]` of `[row, column]`, 12 bits; anterior is up and the
/// patient's right is left.
pub(super) fn dce(rng: &mut impl Rng, patient: &SimulatedPatient) -> Vec<Vec<Vec<u16>>> {
    let voxels = anatomy(rng, patient);
    (0..N_PHASES)
        .map(|phase| voxels.chunks_exact(SIDE * SIDE).map(|slice| acquire(rng, slice, phase)).collect())
        .collect()
}

/// One slice of one volume as the scanner would store it.
fn acquire(rng: &mut impl Rng, slice: &[Voxel], phase: usize) -> Vec<u16> {
    let mut signal: Vec<f32> = slice
        .iter()
        .map(|voxel| {
            let gain = phase.checked_sub(1).and_then(|after| voxel.enhancement.get(after));
            voxel.before * (1.0 + gain.copied().unwrap_or(0.0))
        })
        .collect();
    // Partial volume at every border.
    blur(&mut signal, SIDE, (0.5, 0.5));
    signal
        .into_iter()
        .map(|signal| {
            // The magnitude of a complex signal with noise on both channels (Rice).
            let (real, imaginary) = (signal + 9.0 * grain(rng), 9.0 * grain(rng));
            (real * real + imaginary * imaginary).sqrt().clamp(0.0, CEILING) as u16
        })
        .collect()
}

/// Number of voxels that the tumour's volume fills.
fn voxels_of(volume_mm3: f64) -> usize {
    (volume_mm3 / f64::from(SPACING_MM * SPACING_MM * SLICE_MM)).round() as usize
}

/// Signed depth of a place in the breast, in rows from the skin (positive inside); the breast hangs to the
/// top of the picture and grows smaller away from the middle slice.
fn depth_in_breast(row: f32, column: f32, slice: f32, breast: f32, sway: f32) -> f32 {
    let shrink = 1.0 - 0.012 * (slice - 3.5).powi(2) / 3.0;
    let (half, tall) = ((36.0 + 6.0 * breast) * shrink, (58.0 + 9.0 * breast) * shrink);
    let (across, up) = ((column - 47.5) / half, (CHEST_ROW + 4.0 - row) / tall);
    let radius = (across.abs().powf(2.3) + up.max(0.0).powf(2.0)).powf(0.46);
    let nipple = 1.7 * bell(column - 47.5, 2.2) * step(0.9, 1.0, up);
    (1.0 - radius) * half.min(tall) + 0.7 * sway + nipple
}

/// The tumour's voxels, chosen so that their number times the volume of a voxel is the tumour's volume, and
/// how far inside each lies (1 in the middle, 0 at the border).
fn tumour(rng: &mut impl Rng, patient: &SimulatedPatient, in_breast: &[bool]) -> Vec<f32> {
    // A tumour larger than the slab is shown as large as fits.
    let n_room = in_breast.iter().filter(|inside| **inside).count();
    let n_voxels = voxels_of(patient.tumour_volume_mm3).min(n_room * 9 / 20);
    let volume = n_voxels as f32 * SPACING_MM * SPACING_MM * SLICE_MM;
    // The slab is 24 mm thick: the third half axis stays inside, the other two make up the volume.
    let third = (0.75 * patient.tumour_radius_mm()).min(10.5);
    let stretch = between(rng, 0.85, 1.18);
    let second = (volume * 3.0 / (4.0 * std::f32::consts::PI * third)).sqrt();
    let (half_x, half_y) = (second * stretch / SPACING_MM, second / stretch / SPACING_MM);
    // Lateral is to the right of the picture for a left breast.
    let outward = if patient.side == crate::terms::Laterality::Left { 1.0 } else { -1.0 };
    let room = (40.0 - half_x.max(half_y)).clamp(0.0, 34.0) / 34.0;
    let column = 47.5 + outward * patient.site.lateral * 34.0 * room;
    let forward = 12.0 + patient.site.forward * 40.0;
    let row = CHEST_ROW - forward.max(6.0 + 1.1 * half_y);
    let slice = 3.5 + between(rng, -0.3, 0.3);
    let outline = Outline::new(rng, 5, 0.11);
    let bumps = cloud(rng, SIDE, SIDE, (9.0, 9.0), 2, 0.6);
    let distances: Vec<f32> = in_breast
        .iter()
        .enumerate()
        .map(|(at, inside)| {
            let (z, y, x) = (at / (SIDE * SIDE), (at / SIDE) % SIDE, at % SIDE);
            let (right, down) = ((x as f32 - column) / half_x, (y as f32 - row) / half_y);
            let along = (z as f32 - slice) * SLICE_MM / third;
            let wavy = outline.factor(down.atan2(right) + 0.25 * along) + 0.05 * bumps[y * SIDE + x];
            let distance = (right * right + down * down + along * along).sqrt() / wavy.max(0.3);
            if *inside { distance } else { f32::INFINITY }
        })
        .collect();
    let mut sorted = distances.clone();
    sorted.sort_by(f32::total_cmp);
    let border = sorted.get(n_voxels).copied().unwrap_or(1.0);
    distances.into_iter().map(|distance| if distance < border { 1.0 - distance / border } else { -1.0 }).collect()
}

/// Wash-in and late-to-early ratio of the tumour: aggressive ones wash out.
fn kinetics(rng: &mut impl Rng, subtype: Subtype) -> (f32, f32) {
    let early = between(rng, 1.15, 1.55);
    match subtype {
        Subtype::TripleNegative | Subtype::HrNegHer2Pos => (early, between(rng, 0.68, 0.80)),
        Subtype::HrPosHer2Pos => (early, between(rng, 0.76, 0.88)),
        Subtype::HrPosHer2Neg => (early, between(rng, 0.80, 0.94)),
    }
}

/// Every voxel of the volume, `[slice, row, column]` flattened.
fn anatomy(rng: &mut impl Rng, patient: &SimulatedPatient) -> Vec<Voxel> {
    let breast = patient.site.breast;
    let sway = cloud(rng, SIDE, SIDE, (24.0, 24.0), 2, 0.5);
    let depths: Vec<f32> = (0..N_SLICES * SIDE * SIDE)
        .map(|at| {
            let (z, y, x) = (at / (SIDE * SIDE), (at / SIDE) % SIDE, at % SIDE);
            depth_in_breast(y as f32, x as f32, z as f32, breast, sway[y * SIDE + x])
        })
        .collect();
    let row_of = |at: usize| ((at / SIDE) % SIDE) as f32;
    let in_breast: Vec<bool> =
        depths.iter().enumerate().map(|(at, depth)| *depth > 2.5 && row_of(at) < CHEST_ROW - 3.0).collect();
    let inside = tumour(rng, patient, &in_breast);
    let (early, late_ratio) = kinetics(rng, patient.subtype);
    let background = between(rng, 0.06, 0.24) * if patient.age_years < 50 { 1.3 } else { 0.7 };
    let clouds: Vec<Vec<f32>> = (0..3).map(|_| cloud(rng, SIDE, SIDE, (15.0, 15.0), 4, 0.66)).collect();
    let coil = smooth_field(rng, SIDE, SIDE, (80.0, 80.0));
    let patchy = cloud(rng, SIDE, SIDE, (6.0, 6.0), 2, 0.6);
    let vessel = smooth_field(rng, 2, SIDE, (1.0, 26.0));
    let mut voxels = vec![Voxel::default(); depths.len()];
    for (at, voxel) in voxels.iter_mut().enumerate() {
        let (z, flat) = (at / (SIDE * SIDE), at % (SIDE * SIDE));
        let (y, x) = ((flat / SIDE) as f32, (flat % SIDE) as f32);
        let depth = depths[at];
        // Three clouds turned into one another from slice to slice.
        let turn = z as f32 * 0.30;
        let texture = clouds[0][flat] * turn.cos() + clouds[1][flat] * turn.sin();
        let fine = clouds[2][flat];
        let chest = y - CHEST_ROW - 5.0 * ((x - 47.5) / 48.0).powi(2) - 0.6 * sway[flat];
        let skin = step(-0.3, 0.7, depth);
        let mut before = 125.0 + 12.0 * fine;
        let forward = (CHEST_ROW - y) / (60.0 + 9.0 * breast);
        let zone = bell(forward - 0.52, 0.30) * bell(x - 47.5, 21.0 + 5.0 * breast) * step(3.0, 9.0, depth);
        let gland = zone * step(-0.35, 0.75, texture + 2.4 * patient.density - 1.45);
        before += gland * (310.0 + 40.0 * fine);
        let mut enhancement = [0.03, 0.05];
        enhancement[0] += background * gland;
        enhancement[1] += 1.7 * background * gland;
        before += 150.0 * bell(depth - 0.9, 0.8);
        before *= skin;
        if chest > 0.0 {
            // Muscle, a bright rib or two, then lung.
            let muscle = 330.0 + 30.0 * fine;
            let lung = step(11.0, 13.5, chest + 0.8 * texture);
            before = muscle * (1.0 - lung) + (28.0 + 8.0 * fine.abs()) * lung;
            enhancement = [0.16 * (1.0 - lung), 0.20 * (1.0 - lung)];
        } else if depth > 3.0 && forward < 0.9 {
            let track = 40.0 + 12.0 * vessel[flat % SIDE] + 3.0 * (z as f32 - 3.5);
            let tube = bell(y - track, 0.9) * step(0.5, 1.5, vessel[SIDE + flat % SIDE] + 1.2);
            enhancement[0] += 0.42 * tube;
            enhancement[1] += 0.34 * tube;
        }
        if inside[at] >= 0.0 {
            let firm = step(0.0, 0.25, inside[at]);
            before = before.max(300.0) * (1.0 - firm) + (370.0 + 18.0 * fine) * firm;
            // The rim takes up contrast faster than the middle.
            let rim = 1.0 + 0.16 * bell(inside[at] - 0.12, 0.14) - 0.14 * step(0.35, 0.9, inside[at]);
            let uptake = early * rim * (1.0 + 0.07 * patchy[flat].clamp(-2.0, 2.0));
            enhancement = [uptake, uptake * late_ratio];
        }
        let shading = 1.0 + 0.07 * coil[flat] - 0.0025 * (y - 40.0);
        *voxel = Voxel { before: before * shading, enhancement };
    }
    voxels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::simulate::patients::{Purpose, stream};

    #[test]
    fn the_enhancing_voxels_add_up_to_the_tumour_volume() {
        for number in 1..=10 {
            let patient = SimulatedPatient::draw(11, number);
            let phases = dce(&mut stream(11, number, Purpose::Mri), &patient);
            let mut n_voxels = 0usize;
            for (before, early) in phases[0].iter().zip(&phases[1]) {
                let bright = before.iter().zip(early).filter(|(before, early)| {
                    **before > 120 && (f32::from(**early) - f32::from(**before)) / f32::from(**before) > 0.7
                });
                n_voxels += bright.count();
            }
            let found = n_voxels as f64 * 4.6875;
            let error = (found - patient.tumour_volume_mm3).abs() / patient.tumour_volume_mm3;
            assert!(error < 0.05, "patient {number}: {found} mm3 for {} mm3", patient.tumour_volume_mm3);
        }
    }

    #[test]
    fn the_tumour_washes_in_and_out() {
        let patient = SimulatedPatient::draw(12, 1);
        let phases = dce(&mut stream(12, 1, Purpose::Mri), &patient);
        let sum = |phase: usize| -> f64 {
            let pairs = phases[phase].iter().flatten().zip(phases[1].iter().flatten()).zip(phases[0].iter().flatten());
            pairs
                .filter(|((_, early), before)| **before > 120 && f32::from(**early) > 1.7 * f32::from(**before))
                .map(|((value, _), _)| f64::from(*value))
                .sum()
        };
        assert!(sum(1) > 2.0 * sum(0));
        assert!(sum(2) < sum(1) && sum(2) > sum(0));
    }
}
