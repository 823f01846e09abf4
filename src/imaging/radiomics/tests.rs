use std::collections::BTreeMap;

use serde::Deserialize;

use super::synthetic::volume;
use super::*;

/// Both sides compute in f64 in different orders; pyradiomics adds 2⁻⁵² inside its logarithms and divisions.
const RELATIVE: f64 = 1e-6;
/// Where a feature is zero in exact arithmetic both sides hold rounding.
const FLOOR: f64 = 1e-9;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    shape: [usize; 3],
    spacing_mm: [f64; 3],
    bin_width: f64,
    voxels: usize,
    intensity_sum: f64,
    features: BTreeMap<String, f64>,
}

fn reference() -> Vec<Case> {
    let text = include_str!("../../../tests/reference/radiomic_features.json");
    serde_json::from_str::<Reference>(text).unwrap().cases
}

#[test]
fn every_feature_agrees_with_pyradiomics() {
    for case in reference() {
        let synthetic = volume(&case.name, case.shape, case.spacing_mm);
        assert_eq!(synthetic.mask.iter().filter(|inside| **inside).count(), case.voxels, "{}", case.name);
        assert_eq!(synthetic.image.iter().map(|v| f64::from(*v)).sum::<f64>(), case.intensity_sum, "{}", case.name);
        let found = radiomics(&synthetic.image, &synthetic.mask, synthetic.grid, case.bin_width).unwrap();
        assert_eq!(found.len(), 107);
        let mut worst = (0.0f64, "");
        for feature in &found {
            let expected = case.features[feature.name];
            let error = (feature.value - expected).abs();
            let allowed = RELATIVE * expected.abs() + FLOOR;
            assert!(error <= allowed, "{} {}: {} {expected}", case.name, feature.name, feature.value);
            if expected.abs() > 1e-3 && error / expected.abs() > worst.0 {
                worst = (error / expected.abs(), feature.name);
            }
        }
        println!("{}: largest relative difference {:.1e} {}", case.name, worst.0, worst.1);
        let names: std::collections::BTreeSet<_> = found.iter().map(|feature| feature.name).collect();
        assert_eq!(names.len(), 107);
    }
}

/// The digital phantom of IBSI: 5 × 4 × 4 voxels of 2 mm, 74 of them marked (0: outside the region).
const PHANTOM: [u8; 80] = [
    1, 4, 4, 1, 1, 1, 4, 6, 1, 1, 4, 1, 6, 4, 1, 4, 4, 6, 4, 1, //
    1, 4, 4, 1, 1, 1, 1, 6, 1, 1, 0, 1, 3, 1, 1, 4, 4, 6, 1, 1, //
    1, 4, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 6, 1, 1, //
    1, 4, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 1, 1,
];

/// Reference values of IBSI for the digital phantom (Zwanenburg et al. 2016, arXiv:1612.07003), to three digits.
///
/// Texture is averaged over 3-D directions. Kurtosis there is in excess of 3, and axis lengths come from the covariance
/// over n − 1 where pyradiomics divides by n: √(74 / 73) longer.
const PUBLISHED: [(&str, f64); 88] = [
    ("original_shape_MeshVolume", 556.0),
    ("original_shape_VoxelVolume", 592.0),
    ("original_shape_SurfaceArea", 388.0),
    ("original_shape_SurfaceVolumeRatio", 0.698),
    ("original_shape_Sphericity", 0.843),
    ("original_shape_Maximum3DDiameter", 13.1),
    ("original_shape_MajorAxisLength", 11.4),
    ("original_shape_MinorAxisLength", 9.31),
    ("original_shape_LeastAxisLength", 8.54),
    ("original_shape_Elongation", 0.816),
    ("original_shape_Flatness", 0.749),
    ("original_firstorder_Mean", 2.15),
    ("original_firstorder_Variance", 3.05),
    ("original_firstorder_Skewness", 1.08),
    ("original_firstorder_Kurtosis", 3.0 - 0.355),
    ("original_firstorder_Median", 1.0),
    ("original_firstorder_Minimum", 1.0),
    ("original_firstorder_10Percentile", 1.0),
    ("original_firstorder_90Percentile", 4.0),
    ("original_firstorder_Maximum", 6.0),
    ("original_firstorder_InterquartileRange", 3.0),
    ("original_firstorder_Range", 5.0),
    ("original_firstorder_MeanAbsoluteDeviation", 1.55),
    ("original_firstorder_RobustMeanAbsoluteDeviation", 1.11),
    ("original_firstorder_Energy", 567.0),
    ("original_firstorder_RootMeanSquared", 2.77),
    ("original_firstorder_Entropy", 1.27),
    ("original_firstorder_Uniformity", 0.512),
    ("original_glcm_MaximumProbability", 0.503),
    ("original_glcm_JointAverage", 2.14),
    ("original_glcm_SumSquares", 3.1),
    ("original_glcm_JointEntropy", 2.4),
    ("original_glcm_DifferenceAverage", 1.43),
    ("original_glcm_DifferenceVariance", 3.06),
    ("original_glcm_DifferenceEntropy", 1.56),
    ("original_glcm_SumAverage", 4.29),
    ("original_glcm_ClusterTendency", 7.07),
    ("original_glcm_SumEntropy", 1.92),
    ("original_glcm_JointEnergy", 0.303),
    ("original_glcm_Contrast", 5.32),
    ("original_glcm_Id", 0.677),
    ("original_glcm_Idn", 0.851),
    ("original_glcm_Idm", 0.618),
    ("original_glcm_Idmn", 0.898),
    ("original_glcm_InverseVariance", 0.0604),
    ("original_glcm_Correlation", 0.157),
    ("original_glcm_Autocorrelation", 5.06),
    ("original_glcm_ClusterShade", 16.6),
    ("original_glcm_ClusterProminence", 145.0),
    ("original_glcm_Imc1", -0.157),
    ("original_glcm_Imc2", 0.52),
    ("original_glrlm_ShortRunEmphasis", 0.705),
    ("original_glrlm_LongRunEmphasis", 3.06),
    ("original_glrlm_LowGrayLevelRunEmphasis", 0.603),
    ("original_glrlm_HighGrayLevelRunEmphasis", 9.7),
    ("original_glrlm_ShortRunLowGrayLevelEmphasis", 0.352),
    ("original_glrlm_LongRunLowGrayLevelEmphasis", 2.39),
    ("original_glrlm_LongRunHighGrayLevelEmphasis", 17.6),
    ("original_glrlm_GrayLevelNonUniformity", 21.8),
    ("original_glrlm_GrayLevelNonUniformityNormalized", 0.43),
    ("original_glrlm_RunLengthNonUniformity", 26.9),
    ("original_glrlm_RunLengthNonUniformityNormalized", 0.513),
    ("original_glrlm_RunPercentage", 0.68),
    ("original_glrlm_GrayLevelVariance", 3.46),
    ("original_glrlm_RunVariance", 0.574),
    ("original_glrlm_RunEntropy", 2.43),
    ("original_glszm_SmallAreaEmphasis", 0.255),
    ("original_glszm_LargeAreaEmphasis", 550.0),
    ("original_glszm_LowGrayLevelZoneEmphasis", 0.253),
    ("original_glszm_HighGrayLevelZoneEmphasis", 15.6),
    ("original_glszm_GrayLevelNonUniformity", 1.4),
    ("original_glszm_SizeZoneNonUniformity", 1.0),
    ("original_glszm_ZonePercentage", 0.0676),
    ("original_glszm_GrayLevelVariance", 2.64),
    ("original_glszm_ZoneVariance", 331.0),
    ("original_glszm_ZoneEntropy", 2.32),
    ("original_ngtdm_Coarseness", 0.0296),
    ("original_ngtdm_Contrast", 0.584),
    ("original_ngtdm_Busyness", 6.54),
    ("original_ngtdm_Complexity", 13.5),
    ("original_ngtdm_Strength", 0.763),
    ("original_gldm_SmallDependenceEmphasis", 0.045),
    ("original_gldm_LargeDependenceEmphasis", 109.0),
    ("original_gldm_LowGrayLevelEmphasis", 0.693),
    ("original_gldm_HighGrayLevelEmphasis", 7.66),
    ("original_gldm_DependenceNonUniformity", 4.86),
    ("original_gldm_DependenceVariance", 22.1),
    ("original_gldm_DependenceEntropy", 4.4),
];

#[test]
fn the_digital_phantom_has_the_values_that_ibsi_published() {
    let grid = VoxelGrid::new([4, 4, 5], [2.0; 3]).unwrap();
    let found = radiomics(&PHANTOM.map(f32::from), &PHANTOM.map(|level| level > 0), grid, 1.0).unwrap();
    let mut wrong = Vec::new();
    for (name, published) in PUBLISHED {
        let mut value = found.iter().find(|feature| feature.name == name).unwrap().value;
        if name.ends_with("AxisLength") {
            value *= (74.0f64 / 73.0).sqrt();
        }
        // Half a unit in the third digit printed.
        let digit = 10f64.powf(published.abs().log10().floor() - 2.0);
        if (value - published).abs() > 0.5001 * digit {
            wrong.push(format!("{name}: {value} {published}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn regions_without_extent_or_with_nan_are_refused() {
    let grid = VoxelGrid::new([2, 3, 4], [1.0; 3]).unwrap();
    let image = vec![1.0f32; 24];
    let marked = |voxels: &[usize]| (0..24).map(|voxel| voxels.contains(&voxel)).collect::<Vec<_>>();
    for voxels in [&[][..], &[7], &[4, 5, 6]] {
        assert!(matches!(radiomics(&image, &marked(voxels), grid, 25.0), Err(Error::Region { .. })), "{voxels:?}");
    }
    // Two voxels of one plane that do not touch.
    assert!(matches!(radiomics(&image, &marked(&[0, 11]), grid, 25.0), Err(Error::Region { .. })));
    let mut noisy = image.clone();
    noisy[5] = f32::NAN;
    assert!(matches!(radiomics(&noisy, &marked(&[4, 5, 9]), grid, 25.0), Err(Error::Intensity { .. })));
    assert!(radiomics(&noisy, &marked(&[4, 8, 9]), grid, 25.0).is_ok(), "NaN outside the region is not read");
    assert!(matches!(radiomics(&image[1..], &marked(&[4, 8, 9]), grid, 25.0), Err(Error::Shape { .. })));
    assert!(matches!(radiomics(&image, &[true; 3], grid, 25.0), Err(Error::Shape { .. })));
    assert!(matches!(radiomics(&image, &marked(&[4, 8, 9]), grid, 0.0), Err(Error::GreyLevels { .. })));
}

#[test]
fn features_do_not_depend_on_where_the_region_lies() {
    let synthetic = volume("lesion", [20, 44, 40], [2.0, 0.7, 0.7]);
    let before = radiomics(&synthetic.image, &synthetic.mask, synthetic.grid, 25.0).unwrap();
    // One empty plane before and two rows after.
    let grid = VoxelGrid::new([21, 46, 40], [2.0, 0.7, 0.7]).unwrap();
    let (mut image, mut mask) = (vec![f32::NAN; grid.voxels()], vec![false; grid.voxels()]);
    for voxel in 0..synthetic.image.len() {
        let [z, y, x] = synthetic.grid.place(voxel);
        let at = ((z + 1) * 46 + y) * 40 + x;
        (image[at], mask[at]) = (synthetic.image[voxel], synthetic.mask[voxel]);
    }
    assert_eq!(radiomics(&image, &mask, grid, 25.0).unwrap(), before);
}
