//! Radiomic features of the volume that `../shared/peers/bench/bench_radiomics.py` writes: `radiomics DIR [REFERENCE.json]`
//! reads `rad_vol.npy` (int16) and `rad_mask.npy` (uint8), prints the median seconds of nine runs and, given the features of
//! pyradiomics, the largest relative difference. `run.sh` alternates both programs.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use regimen::imaging::{DEFAULT_BIN_WIDTH, VoxelGrid, radiomics};

const REPEATS: usize = 9;
const SHAPE: [usize; 3] = [48, 96, 96];
const SPACING_MM: [f64; 3] = [2.0, 0.7, 0.7];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some((folder, reference)) = args.split_first() else {
        println!("usage: radiomics DIR [REFERENCE.json]");
        return Ok(());
    };
    let grid = VoxelGrid::new(SHAPE, SPACING_MM)?;
    let read = |name: &str, bytes: usize| -> Result<Vec<u8>, Box<dyn Error>> {
        let mut file = std::fs::read(Path::new(folder).join(name))?;
        let header = file.len().checked_sub(bytes * grid.voxels()).ok_or("the array is shorter than 48 x 96 x 96")?;
        Ok(file.split_off(header))
    };
    let image: Vec<f32> =
        read("rad_vol.npy", 2)?.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]]))).collect();
    let mask: Vec<bool> = read("rad_mask.npy", 1)?.into_iter().map(|byte| byte > 0).collect();
    let mut seconds = Vec::new();
    let mut features = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        features = radiomics(&image, &mask, grid, DEFAULT_BIN_WIDTH)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let mut line =
        serde_json::json!({ "median_s": seconds[REPEATS / 2], "min_s": seconds[0], "features": features.len() });
    if let Some(path) = reference.first() {
        let known: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let (mut largest, mut at) = (0.0f64, "");
        for feature in &features {
            let expected = known["features"][feature.name].as_f64().ok_or("a feature is missing in the reference")?;
            let difference = (feature.value - expected).abs() / expected.abs();
            if difference > largest {
                (largest, at) = (difference, feature.name);
            }
        }
        line["largest_relative_difference"] = serde_json::json!(largest);
        line["at"] = serde_json::json!(at);
    }
    println!("{line}");
    Ok(())
}
