//! Volumes and extents of real masks and slices against the tables that came with them; nothing of a patient is kept here.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::*;
use crate::imaging::{VoxelGrid, read_png};

/// The folder of shared data; `None` with a line where it is absent.
fn data(part: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("REGIMEN_DATA").map_or(shared, PathBuf::from).join(part);
    if !folder.exists() {
        println!("skipped: {part} is not in the data folder");
        return None;
    }
    Some(folder)
}

/// Rows of a comma-separated table without quotes, by column name.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| names.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect())
        .collect()
}

/// The voxels of a little-endian int32 NIfTI-1 file, and its shape with the fastest axis last.
fn nifti_mask(path: &Path) -> ([usize; 3], Vec<bool>) {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let side = |axis: usize| usize::from(u16::from_le_bytes([bytes[40 + 2 * axis], bytes[41 + 2 * axis]]));
    let mask = bytes[352..].chunks_exact(4).map(|word| word != [0; 4]).collect();
    ([side(3), side(2), side(1)], mask)
}

#[test]
fn volumes_of_tumour_masks_equal_those_published_with_them() {
    let (Some(masks), Some(table)) = (data("images/nifti"), data("breastdcedl")) else { return };
    let known = rows(&table.join("BreastDCEDL_metadata_min_crop.csv"));
    let mut compared = 0;
    for entry in std::fs::read_dir(masks).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(row) = known.iter().find(|row| name.starts_with(&row["pid"])) else { continue };
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let (shape, mask) = nifti_mask(&path);
        // The file was written from an array of slices by rows by columns with unit spacing: its first axis, which comes
        // last here, holds the slices.
        let grid = VoxelGrid::new(shape, [number("xy_spacing"), number("xy_spacing"), number("slice_thick")]).unwrap();
        let volume = mask.iter().filter(|inside| **inside).count() as f64 * grid.voxel_mm3();
        let parts = components(&mask, grid).unwrap();
        let diameter = longest_diameter_mm(&mask, grid).unwrap();
        println!(
            "mask {volume:.1} mm³, published {}, {} parts, longest diameter {diameter:.1} mm",
            row["tum_vol"],
            parts.len()
        );
        // The table holds f32 products.
        assert!((volume / number("tum_vol") - 1.0).abs() < 1e-6);
        // No body of that volume is shorter than a sphere of its largest part.
        let sphere = (6.0 * parts[0].len() as f64 * grid.voxel_mm3() / std::f64::consts::PI).cbrt();
        assert!(diameter > sphere);
        compared += 1;
    }
    println!("{compared} masks compared");
}

#[test]
fn functional_area_of_slices_follows_the_area_of_their_masks() {
    let Some(folder) = data("images/mri_breastdcedl") else { return };
    // Every fifth slice; display intensities, so the level of the thresholds is not that of the signal.
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for row in rows(&folder.join("slices.csv")).iter().step_by(5) {
        let slice = read_png(&folder.join("images112").join(&row["file"])).unwrap();
        let [pre, early, late] = [0, 1, 2].map(|phase| slice.channel(phase).pixels);
        let grid = VoxelGrid::new([1, slice.rows, slice.columns], [1.0, 80.0 / 112.0, 80.0 / 112.0]).unwrap();
        let phases = DcePhases::new(&pre, &early, &late, grid).unwrap();
        let options = FtvOptions { tissue_fraction: 0.3, ..FtvOptions::default() };
        found.push(functional_tumour(&phases, &vec![true; grid.voxels()], options).unwrap().largest_mm3);
        known.push(row["tumor_area_mm2"].parse::<f64>().unwrap());
    }
    let rank = spearman(&found, &known);
    println!("{} slices: rank correlation of functional area with mask area {rank:.2}", found.len());
    assert!(rank > 0.3, "{rank}");
}

/// The rank correlation, ties at their mean rank.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let below = |x: f64| values.iter().filter(|y| **y < x).count() as f64;
        let same = |x: f64| values.iter().filter(|y| **y == x).count() as f64;
        values.iter().map(|x| below(*x) + (same(*x) - 1.0) / 2.0).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}
