//! The volumes of tests/reference/radiomic_features.py, from the same whole-number formulas.

use crate::imaging::VoxelGrid;

/// An image and a mask on a grid.
pub(super) struct Synthetic {
    pub image: Vec<f32>,
    pub mask: Vec<bool>,
    pub grid: VoxelGrid,
}

/// The volume of that name.
pub(super) fn volume(name: &str, shape: [usize; 3], spacing_mm: [f64; 3]) -> Synthetic {
    let place = match name {
        "lesion" => lesion,
        "speckle" => speckle,
        "blocks" => blocks,
        "sheet" => sheet,
        "flat" => flat,
        _ => panic!("no volume is called {name}"),
    };
    let grid = VoxelGrid::new(shape, spacing_mm).unwrap();
    let voxels = (0..grid.voxels()).map(|voxel| place(grid.place(voxel).map(|side| side as i64)));
    let (image, mask) = voxels.unzip();
    Synthetic { image, mask, grid }
}

/// A 32-bit hash of a voxel's place.
fn mix([z, y, x]: [i64; 3], seed: u32) -> i64 {
    let term = |side: i64, factor: u32| (side as u32).wrapping_mul(factor);
    let mut h = term(z, 0x9E37_79B1).wrapping_add(term(y, 0x85EB_CA77)).wrapping_add(term(x, 0xC2B2_AE3D));
    h = h.wrapping_add(seed);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297A_2D39);
    i64::from(h ^ (h >> 15))
}

fn lesion([z, y, x]: [i64; 3]) -> (f32, bool) {
    let e = (z - 10).pow(2) * 238 * 238 + (y - 22).pow(2) * 98 * 98 + (x - 19).pow(2) * 119 * 119;
    let (r, h) = (1666 * 1666, mix([z, y, x], 1));
    ((200 + 360 * (r - e.min(r)) / r + (h >> 8) % 60) as f32, 16 * e < r * (16 + h % 5))
}

fn speckle(place: [i64; 3]) -> (f32, bool) {
    let h = mix(place, 2);
    (((h >> 8) % 4001 - 2000) as f32 / 4.0, h % 100 < 45)
}

fn blocks([z, y, x]: [i64; 3]) -> (f32, bool) {
    let first = (1..=4).contains(&z) && (2..=11).contains(&y) && (1..=9).contains(&x);
    let second = (7..=8).contains(&z) && (6..=13).contains(&y) && (5..=15).contains(&x);
    ((40 * (z / 2) + 30 * ((y / 3 + x / 4) % 3)) as f32, first || second)
}

fn sheet([z, y, x]: [i64; 3]) -> (f32, bool) {
    let value = 100 + 8 * ((x * y) % 17) + mix([z, y, x], 3) % 30;
    (value as f32, (y - 15).pow(2) + (x - 16).pow(2) <= 169)
}

fn flat(place: [i64; 3]) -> (f32, bool) {
    (77.0, place.iter().all(|side| (1..=4).contains(side)))
}
