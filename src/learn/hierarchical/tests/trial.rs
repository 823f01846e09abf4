//! A simulated trial with known probabilities, allotted as I-SPY2 allotted its arms.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::learn::{DesignMatrix, HierarchicalSpec};
use crate::stats::expit;

/// Patients by arm in HR−/HER2−, HR+/HER2−, HR−/HER2+ and HR+/HER2+: the open I-SPY2 rows (Wolf et al. 2022), the cells
/// of fewer than 15 patients set to 9, their mean.
const ALLOTMENT: [(&str, [usize; 4]); 10] = [
    ("Ctr", [72, 82, 9, 15]),
    ("AMG386", [46, 55, 9, 9]),
    ("N", [31, 17, 17, 40]),
    ("Ganitumab", [40, 52, 0, 0]),
    ("Ganetespib", [42, 45, 0, 0]),
    ("MK2206", [29, 23, 18, 15]),
    ("VC", [33, 29, 0, 0]),
    ("Pembro", [26, 35, 0, 0]),
    ("TDM1/P", [0, 0, 16, 32]),
    ("Pertuzumab", [0, 0, 15, 28]),
];
const MARKERS: [&str; 6] = ["immune", "repair", "erbb2", "luminal", "prolif", "stroma"];

/// How much the truth differs between arms: standard deviations on the logit scale.
#[derive(Clone, Copy)]
pub(super) struct Heterogeneity {
    pub arm: f64,
    pub arm_by_subtype: f64,
    pub arm_by_marker: f64,
    /// Added to [`STANDOUT`] alone, which no prior of the model foresees.
    pub standout: f64,
}

/// Arm and subtype of the effect that stands alone: the one of 26 patients of HR−/HER2−.
pub(super) const STANDOUT: (usize, usize) = (7, 0);

pub(super) const NONE: Heterogeneity =
    Heterogeneity { arm: 0.0, arm_by_subtype: 0.0, arm_by_marker: 0.0, standout: 0.0 };
pub(super) const REAL: Heterogeneity =
    Heterogeneity { arm: 0.5, arm_by_subtype: 0.25, arm_by_marker: 0.15, standout: 0.0 };

pub(super) struct Trial {
    pub x: DesignMatrix,
    pub y: Vec<bool>,
    /// True logit of each row under each arm.
    pub logit: Vec<Vec<f64>>,
    pub subtype: Vec<usize>,
    pub arm: Vec<usize>,
}

pub(super) fn spec() -> HierarchicalSpec {
    let markers: Vec<String> = MARKERS.iter().map(|&name| name.to_owned()).collect();
    HierarchicalSpec { biomarkers: markers.clone(), arm_biomarkers: markers, ..HierarchicalSpec::default() }
}

pub(super) fn arms() -> Vec<&'static str> {
    ALLOTMENT.iter().map(|(name, _)| *name).collect()
}

pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// 880 patients; the coefficients are drawn anew from the heterogeneity, so that intervals are tried over the prior.
pub(super) fn trial(seed: u64, truth: Heterogeneity) -> Trial {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = |sd: f64| sd * normal(&mut rng);
    let n_arms = ALLOTMENT.len();
    let by_backbone: Vec<[f64; 2]> = (0..n_arms).map(|_| [draw(truth.arm), draw(truth.arm)]).collect();
    let by_subtype: Vec<[f64; 4]> = (0..n_arms).map(|_| std::array::from_fn(|_| draw(truth.arm_by_subtype))).collect();
    let by_marker: Vec<[f64; 6]> = (0..n_arms).map(|_| std::array::from_fn(|_| draw(truth.arm_by_marker))).collect();
    let slopes: [f64; 6] = std::array::from_fn(|_| draw(0.25));
    let mut names: Vec<String> = ["age", "hr", "her2"].map(String::from).to_vec();
    names.extend(MARKERS.map(String::from));
    names.extend(ALLOTMENT.map(|(name, _)| format!("arm={name}")));
    let mut result = Trial {
        x: DesignMatrix { names, n_rows: 0, values: Vec::new() },
        y: Vec::new(),
        logit: Vec::new(),
        subtype: Vec::new(),
        arm: Vec::new(),
    };
    for (arm, (_, counts)) in ALLOTMENT.iter().enumerate() {
        for (subtype, &n) in counts.iter().enumerate() {
            for _ in 0..n {
                let (hr, her2) = (subtype & 1, subtype >> 1);
                let shared = normal(&mut rng);
                let age = normal(&mut rng);
                let marker: [f64; 6] = std::array::from_fn(|at| {
                    let lift = [0.0, -0.3, 0.0, 0.5, -0.2, 0.0][at] * (2.0 * hr as f64 - 1.0)
                        + [0.0, 0.0, 0.8, 0.0, 0.0, 0.0][at] * (2.0 * her2 as f64 - 1.0);
                    0.5 * shared + 0.75 * normal(&mut rng) + lift
                });
                let common = [-0.5, -1.5, 0.5, -0.5][subtype] - 0.1 * age
                    + slopes.iter().zip(&marker).map(|(slope, m)| slope * m).sum::<f64>();
                let logit: Vec<f64> = (0..n_arms)
                    .map(|arm| {
                        let tilt: f64 = by_marker[arm].iter().zip(&marker).map(|(slope, m)| slope * m).sum();
                        let alone = if (arm, subtype) == STANDOUT { truth.standout } else { 0.0 };
                        common + alone + by_backbone[arm][her2] + by_subtype[arm][subtype] + tilt
                    })
                    .collect();
                result.y.push(rng.random::<f64>() < expit(logit[arm]));
                result.x.values.extend([age, hr as f64, her2 as f64].iter().chain(&marker).map(|&value| value as f32));
                result.x.values.extend((0..n_arms).map(|at| f32::from(u8::from(at == arm))));
                result.x.n_rows += 1;
                result.logit.push(logit);
                result.subtype.push(subtype);
                result.arm.push(arm);
            }
        }
    }
    result
}

/// `x` as if every row had received arm number `arm`.
pub(super) fn under(x: &DesignMatrix, arm: usize) -> DesignMatrix {
    let mut x = x.clone();
    let width = x.n_features();
    let first = width - ALLOTMENT.len();
    for (at, value) in x.values.iter_mut().enumerate().filter(|(at, _)| at % width >= first) {
        *value = f32::from(u8::from(at % width - first == arm));
    }
    x
}

/// Patients of a subtype who received an arm.
pub(super) fn allotted(arm: usize, subtype: usize) -> usize {
    ALLOTMENT[arm].1[subtype]
}
