use std::f64::consts::PI;

use super::eigenvalues::Tridiagonal;
use super::marching_cubes::area_and_volume;
use super::region::Region;
use super::{RadiomicFeature, named};
use crate::imaging::diameter::{LatticePoint, longest_distance, longest_in_plane, surface_vertices};

const NAMES: [&str; 14] = [
    "original_shape_Elongation",
    "original_shape_Flatness",
    "original_shape_LeastAxisLength",
    "original_shape_MajorAxisLength",
    "original_shape_Maximum2DDiameterColumn",
    "original_shape_Maximum2DDiameterRow",
    "original_shape_Maximum2DDiameterSlice",
    "original_shape_Maximum3DDiameter",
    "original_shape_MeshVolume",
    "original_shape_MinorAxisLength",
    "original_shape_Sphericity",
    "original_shape_SurfaceArea",
    "original_shape_SurfaceVolumeRatio",
    "original_shape_VoxelVolume",
];

/// The shape of the region: lengths from its voxels' principal axes, areas, volumes and diameters from its surface.
///
/// An axis is 4 √λ long, λ an eigenvalue of the covariance (over n) of the voxel centres in mm; a diameter joins two
/// vertices of the surface, in a slice (one z), a column (one y) or a row (one x) where it says so.
pub(super) fn features(region: &Region) -> impl Iterator<Item = RadiomicFeature> + use<> {
    let [least, minor, major] = principal_variances(region);
    let (area, volume) = area_and_volume(region);
    let (vertices, half_mm) = surface(region);
    let voxel_mm3: f64 = region.spacing_mm.iter().product();
    let values = [
        (minor / major).sqrt(),
        (least / major).sqrt(),
        4.0 * least.sqrt(),
        4.0 * major.sqrt(),
        longest_in_plane(&vertices, half_mm, 1),
        longest_in_plane(&vertices, half_mm, 2),
        longest_in_plane(&vertices, half_mm, 0),
        longest_distance(&vertices, half_mm),
        volume,
        4.0 * minor.sqrt(),
        (36.0 * PI * volume * volume).cbrt() / area,
        area,
        area / volume,
        voxel_mm3 * region.voxels.len() as f64,
    ];
    named(NAMES, values)
}

/// Variances of the voxel centres along their principal axes, mm², ascending; rounding below zero counts as zero.
fn principal_variances(region: &Region) -> [f64; 3] {
    let [_, rows, columns] = region.shape;
    let place = |voxel: &usize| {
        let at = [voxel / (rows * columns), voxel / columns % rows, voxel % columns];
        [0, 1, 2].map(|axis| at[axis] as f64 * region.spacing_mm[axis])
    };
    let count = region.voxels.len() as f64;
    let mut mean = [0.0; 3];
    for at in region.voxels.iter().map(place) {
        (0..3).for_each(|axis| mean[axis] += at[axis] / count);
    }
    let mut covariance = vec![0.0; 9];
    for at in region.voxels.iter().map(place) {
        let from = [0, 1, 2].map(|axis| at[axis] - mean[axis]);
        for (k, entry) in covariance.iter_mut().enumerate() {
            *entry += from[k / 3] * from[k % 3] / count;
        }
    }
    let axes = Tridiagonal::of(covariance, 3);
    // A flat region has no third axis: its variance is rounding of the first.
    let floor = 1e-14 * axes.eigenvalue(2);
    [0, 1, 2].map(|k| axes.eigenvalue(k)).map(|variance| if variance > floor { variance } else { 0.0 })
}

/// The vertices of the region's surface in half voxels, and the millimetres of half a voxel.
fn surface(region: &Region) -> (Vec<LatticePoint>, [f64; 3]) {
    let [_, rows, columns] = region.shape;
    let place = |voxel: &usize| [voxel / (rows * columns), voxel / columns % rows, voxel % columns].map(|at| at as i64);
    let inside = |[z, y, x]: LatticePoint| region.ranks[(z as usize * rows + y as usize) * columns + x as usize] > 0;
    let vertices = surface_vertices(region.voxels.iter().map(place), inside);
    (vertices, region.spacing_mm.map(|spacing| spacing / 2.0))
}
