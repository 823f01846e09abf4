//! Synthetic images that trigger one finding each, and clean ones that trigger none.

use super::*;

/// Numbers in [0, 1) that look random and are the same on every machine.
fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Texture of grains of `grain` pixels, values in [0, 1].
fn texture(rows: usize, columns: usize, grain: usize, seed: u64) -> Raster {
    let mut next = random(seed);
    let (r, c) = (rows.div_ceil(grain), columns.div_ceil(grain));
    Raster::new(r, c, 1, (0..r * c).map(|_| next()).collect()).unwrap().resize(rows, columns)
}

/// A sonogram: grains between 40 and 220 on a field with a black border.
fn sonogram() -> Raster {
    let grains = texture(180, 200, 4, 1);
    let mut image = Raster::filled(200, 240, 1, 0.0);
    for row in 0..180 {
        for column in 0..200 {
            image.pixels[(row + 10) * 240 + column + 20] = 40.0 + 180.0 * grains.at(row, column, 0);
        }
    }
    image
}

/// A left mammogram: half an ellipse of parenchyma on air, chest wall on the left.
fn mammogram() -> Raster {
    let parenchyma = texture(240, 200, 8, 2);
    let mut image = Raster::filled(240, 200, 1, 2.0);
    for row in 0..240 {
        for column in 0..200 {
            let (y, x) = (row as f64 - 120.0, column as f64);
            let depth = 1.0 - y * y / 13_000.0 - x * x / 25_000.0;
            if depth > 0.0 {
                let fat = 60.0 + 40.0 * (depth.min(0.3) / 0.3) as f32;
                image.pixels[row * 200 + column] = fat + 100.0 * parenchyma.at(row, column, 0);
            }
        }
    }
    image
}

/// A slice: a body with grains on noise-free air, and a lesion that shines by `gain`.
fn slice(gain: f32) -> Raster {
    let grains = texture(128, 128, 6, 3);
    let mut image = Raster::filled(128, 128, 1, 3.0);
    for row in 14..114 {
        for column in 10..118 {
            let lesion = (row as f64 - 60.0).hypot(column as f64 - 50.0) < 9.0;
            image.pixels[row * 128 + column] =
                60.0 + 120.0 * grains.at(row, column, 0) + if lesion { gain } else { 0.0 };
        }
    }
    image
}

fn mapped(image: &Raster, change: impl Fn(f32) -> f32) -> Raster {
    Raster { pixels: image.pixels.iter().map(|value| change(*value)).collect(), ..image.clone() }
}

fn noisy(image: &Raster, amplitude: f32) -> Raster {
    let mut next = random(9);
    let pixels = image.pixels.iter().map(|v| v + amplitude * ((0..12).map(|_| next()).sum::<f32>() - 6.0)).collect();
    Raster { pixels, ..image.clone() }
}

/// Each row averaged over `width` columns, as motion along the row does.
fn smeared(image: &Raster, width: usize) -> Raster {
    let value = |r: usize, c: usize| (0..width).map(|k| image.at(r, (c + k).saturating_sub(width / 2), 0)).sum::<f32>();
    let pixels = (0..image.rows).flat_map(|r| (0..image.columns).map(move |c| value(r, c) / width as f32)).collect();
    Raster { pixels, ..image.clone() }
}

const LEFT: MammogramFacts = MammogramFacts { laterality: Some(Laterality::Left), row_direction: None };

fn codes(findings: &[QualityFinding]) -> Vec<&'static str> {
    findings.iter().map(QualityFinding::code).collect()
}

#[test]
fn clean_images_have_no_finding() {
    assert_eq!(sonogram_findings(&sonogram()), []);
    assert_eq!(mammogram_findings(&mammogram(), LEFT), []);
    assert_eq!(mri_slice_findings(&slice(0.0)), []);
    assert_eq!(motion_finding(&[slice(0.0)], &[slice(90.0)], [1.0, 1.0]), None);
}

#[test]
fn an_image_of_nothing_is_blank() {
    let mut label = Raster::filled(100, 100, 1, 7.0);
    label.pixels[3..40].fill(255.0);
    for image in [Raster::filled(100, 100, 1, 7.0), label, Raster::filled(100, 100, 3, f32::NAN)] {
        assert_eq!(sonogram_findings(&image), [QualityFinding::Blank]);
        assert_eq!(mammogram_findings(&image, LEFT), [QualityFinding::Blank]);
        assert_eq!(mri_slice_findings(&image), [QualityFinding::Blank]);
    }
}

#[test]
fn each_damage_to_a_sonogram_is_one_finding() {
    let image = sonogram();
    assert_eq!(codes(&sonogram_findings(&mapped(&image, |v| v.min(150.0)))), ["saturated"]);
    assert_eq!(codes(&sonogram_findings(&mapped(&image, |v| 150.0 + 0.2 * v))), ["low_contrast"]);
    assert_eq!(codes(&sonogram_findings(&noisy(&image, 25.0))), ["noisy"]);
    assert_eq!(codes(&sonogram_findings(&smeared(&image, 15))), ["blurred"]);
}

#[test]
fn each_damage_to_a_mammogram_is_one_finding() {
    let image = mammogram();
    let of = |image: &Raster| codes(&mammogram_findings(image, LEFT));
    assert_eq!(of(&mapped(&image, |v| v.min(165.0))), ["saturated"]);
    // Beside the black within: the noise-free blocks have edges of their own.
    let mut holes = image.clone();
    (0..60).for_each(|row| holes.pixels[(row + 90) * 200 + 40..(row + 90) * 200 + 70].fill(2.0));
    assert_eq!(of(&holes), ["blackened"]);
    assert_eq!(of(&mapped(&image, |v| if v > 10.0 { 150.0 + 0.2 * v } else { v })), ["low_contrast"]);
    assert_eq!(of(&noisy(&image, 8.0)), ["noisy"]);
    assert_eq!(of(&smeared(&image, 25)), ["blurred"]);
    assert_eq!(of(&image.mirrored()), ["wrong_side"]);
    let mut coloured = Raster { channels: 3, pixels: image.pixels.iter().flat_map(|v| [*v; 3]).collect(), ..image };
    assert_eq!(of(&coloured), Vec::<&str>::new(), "three equal channels are grey");
    coloured.pixels.iter_mut().skip(1).step_by(3).take(2000).for_each(|green| *green += 60.0);
    assert_eq!(of(&coloured), ["colour_of_grey_modality"]);
}

#[test]
fn a_mirrored_mammogram_is_right_when_its_orientation_says_so() {
    let facts = MammogramFacts { row_direction: Some("P"), ..LEFT };
    assert_eq!(mammogram_findings(&mammogram().mirrored(), facts), []);
    let wrong = mammogram_findings(&mammogram(), facts);
    assert_eq!(wrong, [QualityFinding::WrongSide { declared: ImageSide::Right, found: ImageSide::Left }]);
    assert_eq!(
        wrong[0].to_string(),
        "wrong side: the chest wall is declared on the right of the image and lies on the left"
    );
}

#[test]
fn a_wide_image_is_no_mammogram() {
    let wide = mammogram().resize(120, 200);
    assert_eq!(codes(&mammogram_findings(&wide, LEFT)), ["unlikely_shape"]);
}

#[test]
fn each_damage_to_a_slice_is_one_finding() {
    let image = slice(0.0);
    assert_eq!(codes(&mri_slice_findings(&mapped(&image, |v| v.min(140.0)))), ["saturated"]);
    assert_eq!(
        codes(&mri_slice_findings(&mapped(&image, |v| if v > 10.0 { 150.0 + 0.2 * v } else { v }))),
        ["low_contrast"]
    );
    assert_eq!(codes(&mri_slice_findings(&noisy(&image, 25.0))), ["noisy"]);
}

#[test]
fn a_moved_breast_is_found_to_a_quarter_of_a_pixel_although_its_lesion_lights_up() {
    let before = slice(0.0);
    let after = slice(90.0);
    let moved = |rows: usize, columns: usize| {
        let pixels = (0..128usize)
            .flat_map(|r| (0..128usize).map(move |c| (r, c)))
            .map(|(r, c)| after.at(r.saturating_sub(rows), c.saturating_sub(columns), 0))
            .collect();
        Raster::new(128, 128, 1, pixels).unwrap()
    };
    for (rows, columns) in [(0, 0), (3, 0), (2, 5), (7, 7)] {
        let shift = phase_shift(&before, &moved(rows, columns)).unwrap();
        let error = (shift.rows - rows as f64).hypot(shift.columns - columns as f64);
        assert!(error < 0.25, "{shift:?} for {rows} {columns}");
    }
    let phases = [moved(3, 4), moved(3, 4), moved(0, 0)];
    let finding = motion_finding(&[before.clone(), before.clone(), before.clone()], &phases, [2.0, 1.0]).unwrap();
    let QualityFinding::PhaseMotion { shift_mm } = finding else { panic!("{finding:?}") };
    // Two of three slices moved: 3 rows of 2 mm and 4 columns of 1 mm.
    assert!((shift_mm - 52f64.sqrt()).abs() < 0.6, "{shift_mm}");
    assert_eq!(phase_shift(&before, &Raster::filled(128, 127, 1, 1.0)), None);
    assert_eq!(phase_shift(&before, &Raster::filled(128, 128, 1, 1.0)), None);
}

#[test]
fn a_finding_keeps_its_code_and_reads_as_a_sentence() {
    let finding = QualityFinding::Saturated { fraction: 0.25 };
    assert_eq!(serde_json::to_string(&finding).unwrap(), r#"{"code":"saturated","fraction":0.25}"#);
    assert_eq!(finding.to_string(), "saturated: 25 % of the tissue is at the brightest value");
    let all = [
        QualityFinding::Blank,
        finding,
        QualityFinding::Blackened { fraction: 0.1 },
        QualityFinding::LowContrast { contrast: 0.1 },
        QualityFinding::Blurred { blur: 0.9 },
        QualityFinding::Noisy { noise: 0.2 },
        QualityFinding::PhaseMotion { shift_mm: 4.0 },
        QualityFinding::WrongSide { declared: ImageSide::Left, found: ImageSide::Right },
        QualityFinding::ColourOfGreyModality { fraction: 0.4 },
        QualityFinding::UnlikelyShape { aspect: 2.0 },
    ];
    for finding in all {
        let json: serde_json::Value = serde_json::to_value(finding).unwrap();
        assert_eq!(json["code"], finding.code());
    }
}
