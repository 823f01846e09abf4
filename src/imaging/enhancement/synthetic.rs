//! Phantoms of known volume, extent and kinetics.

use crate::imaging::VoxelGrid;

/// The voxels whose centre lies in an ellipsoid about `centre_mm` with semi-axes along \[z, y, x\], turned about z by `turn`
/// radians.
pub(super) fn ellipsoid(grid: VoxelGrid, centre_mm: [f64; 3], semi_mm: [f64; 3], turn: f64) -> Vec<bool> {
    let (sin, cos) = turn.sin_cos();
    let inside = |voxel: usize| {
        let place = grid.place(voxel);
        let [z, y, x] = [0, 1, 2].map(|axis| place[axis] as f64 * grid.spacing_mm()[axis] - centre_mm[axis]);
        let turned = [z, y * cos - x * sin, y * sin + x * cos];
        (0..3).map(|axis| (turned[axis] / semi_mm[axis]).powi(2)).sum::<f64>() <= 1.0
    };
    (0..grid.voxels()).map(inside).collect()
}

/// Three phases: `base` before, and in each masked part its signal early and late; later parts overwrite earlier ones.
pub(super) fn phases(base: &[f32], parts: &[(&[bool], f32, f32)]) -> [Vec<f32>; 3] {
    let (mut early, mut late) = (base.to_vec(), base.to_vec());
    for (mask, early_signal, late_signal) in parts {
        for voxel in (0..base.len()).filter(|voxel| mask[*voxel]) {
            (early[voxel], late[voxel]) = (*early_signal, *late_signal);
        }
    }
    [base.to_vec(), early, late]
}

/// Volume of an ellipsoid, mm³.
pub(super) fn ellipsoid_mm3(semi_mm: [f64; 3]) -> f64 {
    4.0 / 3.0 * std::f64::consts::PI * semi_mm.iter().product::<f64>()
}
