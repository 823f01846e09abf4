//! Sharpness and noise against scikit-image and scipy, and the shares of real images that the limits flag.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;

use super::super::read_png;
use super::*;

#[derive(Deserialize)]
struct Reference {
    rows: usize,
    columns: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: usize,
    blur: f64,
    noise: f64,
}

/// Pixels are f32 here and f64 there: sums of thousands of them agree to a part in a million.
const SINGLE_PRECISION: f64 = 1e-6;

/// tests/reference/image_quality.py.
#[test]
fn sharpness_and_noise_agree_with_scikit_image() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/image_quality.json");
    let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in &reference.cases {
        let value = |row: usize, column: usize| {
            let base = |c: usize| ((37 * row + 17 * c + row * c) % 251) as f64;
            ((column..column + case.width).map(base).sum::<f64>() / case.width as f64) as f32
        };
        let pixels = (0..reference.rows).flat_map(|r| (0..reference.columns).map(move |c| value(r, c))).collect();
        let image = Raster::new(reference.rows, reference.columns, 1, pixels).unwrap();
        let (blur, noise) = (measures::blur(&image).unwrap(), measures::noise(&image).unwrap());
        assert!((blur - case.blur).abs() < SINGLE_PRECISION, "{blur} for {}", case.blur);
        assert!((noise - case.noise).abs() < SINGLE_PRECISION, "{noise} for {}", case.noise);
    }
}

/// The images of a folder of the data, or nothing, said aloud.
fn images(folder: &str) -> Vec<(String, Raster)> {
    let data = std::env::var_os("REGIMEN_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = data.join("images").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no images at {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), read_png(path).unwrap())).collect()
}

/// Prints the share of flagged images, and holds it to a few in a hundred.
fn share(what: &str, findings: &[Vec<QualityFinding>]) {
    let flagged = findings.iter().filter(|findings| !findings.is_empty()).count();
    let codes: std::collections::BTreeSet<&str> = findings.iter().flatten().map(QualityFinding::code).collect();
    println!("{what}: {flagged} of {} flagged {codes:?}", findings.len());
    assert!(flagged * 50 <= findings.len(), "at most 2 % of {what}");
}

#[test]
fn good_images_pass() {
    let sonograms: Vec<_> = images("busbra/images").par_iter().map(|(_, image)| sonogram_findings(image)).collect();
    share("BUS-BRA", &sonograms);
    // MIAS numbers left breasts even and right ones odd; all are hung with the chest wall on their side.
    let mammograms: Vec<_> = images("mini_mias/images256")
        .par_iter()
        .map(|(name, image)| {
            let even = name.chars().last().and_then(|c| c.to_digit(10)).unwrap() % 2 == 0;
            let laterality = Some(if even { Laterality::Left } else { Laterality::Right });
            mammogram_findings(image, MammogramFacts { laterality, row_direction: None })
        })
        .collect();
    share("mini-MIAS", &mammograms);
    let slices = images("mri_breastdcedl/images112");
    let early: Vec<_> = slices.par_iter().map(|(_, image)| mri_slice_findings(&image.channel(1))).collect();
    share("BreastDCEDL slices", &early);
    // 80 mm on 112 pixels.
    let moved: Vec<Vec<_>> = slices
        .par_iter()
        .map(|(_, image)| {
            motion_finding(&[image.channel(0)], &[image.channel(1)], [80.0 / 112.0; 2]).into_iter().collect()
        })
        .collect();
    share("BreastDCEDL motion", &moved);
}

/// The image moved down and right, its edge repeated.
fn moved(image: &Raster, rows: usize, columns: usize) -> Raster {
    let value = |row: usize, column: usize| image.at(row.saturating_sub(rows), column.saturating_sub(columns), 0);
    let pixels = (0..image.rows).flat_map(|r| (0..image.columns).map(move |c| value(r, c))).collect();
    Raster { rows: image.rows, columns: image.columns, channels: 1, pixels }
}

#[test]
fn damaged_copies_of_good_images_are_found() {
    let every = |images: Vec<(String, Raster)>, step: usize| images.into_iter().step_by(step).map(|(_, image)| image);
    let caught = |what: &str, findings: Vec<Vec<QualityFinding>>, code: &str, least: f64| {
        let hit = findings.iter().filter(|findings| findings.iter().any(|finding| finding.code() == code)).count();
        println!("{what}: {code} found in {hit} of {}", findings.len());
        assert!(hit as f64 >= least * findings.len() as f64, "{what}: {code}");
    };
    let blurred = |image: &Raster, width: usize| {
        let value =
            |r: usize, c: usize| (0..width).map(|k| image.at(r, (c + k).saturating_sub(width / 2), 0)).sum::<f32>();
        let pixels =
            (0..image.rows).flat_map(|r| (0..image.columns).map(move |c| value(r, c) / width as f32)).collect();
        Raster { pixels, ..image.clone() }
    };
    let fogged =
        |image: &Raster| Raster { pixels: image.pixels.iter().map(|v| 110.0 + 0.2 * v).collect(), ..image.clone() };
    let sonograms: Vec<Raster> = every(images("busbra/images"), 10).collect();
    let all =
        |change: &dyn Fn(&Raster) -> Raster| sonograms.iter().map(|image| sonogram_findings(&change(image))).collect();
    caught("BUS-BRA moved over 11 pixels", all(&|image| blurred(image, 11)), "blurred", 0.99);
    caught("BUS-BRA in fog", all(&fogged), "low_contrast", 0.99);
    let mammograms: Vec<Raster> = every(images("mini_mias/images256"), 3).collect();
    let all = |change: &dyn Fn(&Raster) -> Raster, laterality: Option<Laterality>| {
        let facts = MammogramFacts { laterality, row_direction: None };
        mammograms.iter().map(|image| mammogram_findings(&change(image), facts)).collect()
    };
    caught("mini-MIAS moved over 17 pixels", all(&|image| blurred(image, 17), None), "blurred", 0.95);
    let bright = |image: &Raster| Raster {
        pixels: image.pixels.iter().map(|v| (1.6 * v).min(255.0)).collect(),
        ..image.clone()
    };
    caught("mini-MIAS at 1.6 times the gain", all(&bright, None), "saturated", 0.95);
    let slices: Vec<Raster> = every(images("mri_breastdcedl/images112"), 20).collect();
    let errors: Vec<f64> = slices
        .iter()
        .filter_map(|slice| {
            let (before, after) = (slice.channel(0), slice.channel(1));
            let rest = phase_shift(&before, &after)?;
            let shift = phase_shift(&before, &moved(&after, 4, 3))?;
            Some((shift.rows - rest.rows - 4.0).hypot(shift.columns - rest.columns - 3.0))
        })
        .collect();
    let close = errors.iter().filter(|error| **error < 0.5).count();
    println!("BreastDCEDL moved by 4 rows and 3 columns: within half a pixel in {close} of {}", errors.len());
    assert!(close as f64 >= 0.95 * errors.len() as f64);
}
