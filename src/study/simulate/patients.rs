//! One synthetic patient: the truth from which tables and pictures are both made.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::cast::{self, Role};
use super::scores;
use super::texture::{between, normal};
use crate::terms::{Laterality, Subtype};

/// Tumour volume of the patient unlike the training data, cubic millimetres.
const FAR_OUT_VOLUME_MM3: f64 = 900_000.0;
/// Age in the clinical row that a check must refuse, years.
const IMPLAUSIBLE_AGE: u32 = 214;
/// Drugs a HER2-negative patient may have been given, as I-SPY2 arm names.
const HER2_NEGATIVE_ARMS: [&str; 4] = ["Ctr", "Pembro", "VC", "AMG386"];
/// Drugs a HER2-positive patient may have been given, as I-SPY2 arm names.
const HER2_POSITIVE_ARMS: [&str; 3] = ["Pertuzumab", "TDM1/P", "MK2206"];

/// What is true of a synthetic patient, whether or not a table says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimulatedPatient {
    /// The study code, `DEMO-001` onward.
    pub code: String,
    /// The place in the cohort, counted from 1.
    pub number: usize,
    /// Receptor subtype.
    pub subtype: Subtype,
    /// Age in years.
    pub age_years: u32,
    /// Side of the tumour.
    pub side: Laterality,
    /// Tumour volume, cubic millimetres; the enhancing voxels of the MRI add up to it.
    pub tumour_volume_mm3: f64,
    /// Share of fibroglandular tissue in the breast, 0 (fatty) to 1 (extremely dense).
    pub density: f32,
    /// What is special about the patient, if anything.
    pub role: Option<Role>,
    pub(super) menopause: &'static str,
    pub(super) race: &'static str,
    pub(super) mammaprint: &'static str,
    pub(super) arm: &'static str,
    pub(super) scores: Vec<Option<f64>>,
    pub(super) site: Site,
    pub(super) pathology: Pathology,
}

/// What the biopsy and the clinical examination say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Pathology {
    /// Progesterone receptor; without ER always negative.
    pub(super) pr_positive: bool,
    /// Ki-67 positive nuclei, %.
    pub(super) ki67_pct: u32,
    /// Histological grade.
    pub(super) grade: u8,
    /// Largest diameter, mm: that of the ball of the tumour's volume, with the error of an examination.
    pub(super) size_mm: u32,
    /// Clinical N category.
    pub(super) n_category: u8,
}

impl Pathology {
    fn draw(rng: &mut impl Rng, subtype: Subtype, radius_mm: f64) -> Self {
        let hr = matches!(subtype, Subtype::HrPosHer2Neg | Subtype::HrPosHer2Pos);
        let quiet = subtype == Subtype::HrPosHer2Neg;
        let ki67 = if quiet { 28.0 } else { 50.0 } + 14.0 * normal(rng);
        let grade_3 = rng.random::<f64>() < if quiet { 0.45 } else { 0.8 };
        let nodes = rng.random::<f64>();
        Self {
            pr_positive: hr && rng.random::<f64>() < 0.8,
            ki67_pct: ki67.clamp(3.0, 95.0).round() as u32,
            grade: if grade_3 { 3 } else { 2 },
            size_mm: (2.0 * radius_mm * (1.0 + 0.12 * normal(rng))).clamp(26.0, 140.0).round() as u32,
            n_category: if nodes < 0.5 {
                0
            } else if nodes < 0.88 {
                1
            } else {
                2
            },
        }
    }
}

/// Where in the breast the tumour sits and how large the breast is, as shares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Site {
    /// Size of the breast, 0 (small) to 1 (large).
    pub(super) breast: f32,
    /// From the chest wall (0) to the nipple (1).
    pub(super) forward: f32,
    /// From the medial (-1) to the lateral (1) border.
    pub(super) lateral: f32,
    /// From the lower (-1) to the upper (1) border.
    pub(super) upward: f32,
}

/// What a random stream of a patient is used for; each purpose has its own, so that pictures never
/// change the tables.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Tables = 0,
    Breast = 1,
    Mammograms = 2,
    Ultrasound = 3,
    Mri = 4,
    Pathology = 5,
}

/// The generator of one patient and purpose.
pub(super) fn stream(seed: u64, number: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number as u64 * 16 + purpose as u64);
    rng
}

/// The subtype of a patient: shares near those of a neoadjuvant trial, spread evenly over the cohort by a
/// golden-ratio sequence that starts at a place drawn from the seed.
fn subtype_of(seed: u64, number: usize) -> Subtype {
    let start: f64 = stream(seed, 0, Purpose::Tables).random();
    let at = (start + number as f64 * 0.618_033_988_749_895).fract();
    match at {
        at if at < 0.36 => Subtype::HrPosHer2Neg,
        at if at < 0.69 => Subtype::TripleNegative,
        at if at < 0.86 => Subtype::HrPosHer2Pos,
        _ => Subtype::HrNegHer2Pos,
    }
}

/// A lognormal tumour volume with a median of about 15,000 mm³, redrawn until it fits the imaged slab.
fn draw_volume_mm3(rng: &mut impl Rng) -> f64 {
    loop {
        let volume = 16_000.0 * (0.65 * normal(rng)).exp();
        if (2_500.0..36_000.0).contains(&volume) {
            return volume.round();
        }
    }
}

/// An item drawn with its weight.
fn pick<'a>(rng: &mut impl Rng, items: &[(&'a str, f64)]) -> &'a str {
    let mut left = rng.random::<f64>() * items.iter().map(|(_, weight)| weight).sum::<f64>();
    for (item, weight) in items {
        left -= weight;
        if left < 0.0 {
            return item;
        }
    }
    ""
}

impl SimulatedPatient {
    /// The patient with this number, counted from 1; the same for a seed whatever the size of the cohort.
    pub(super) fn draw(seed: u64, number: usize) -> Self {
        let mut rng = stream(seed, number, Purpose::Tables);
        let role = cast::role_of(number);
        let subtype = subtype_of(seed, number);
        let age_years = (49.0 + 10.5 * normal(&mut rng)).clamp(26.0, 77.0).round() as u32;
        let menopause = match age_years {
            0..=46 => pick(&mut rng, &[("pre", 0.9), ("", 0.1)]),
            47..=53 => pick(&mut rng, &[("pre", 0.5), ("post", 0.4), ("", 0.1)]),
            _ => pick(&mut rng, &[("post", 0.9), ("", 0.1)]),
        };
        let race = pick(&mut rng, &[("white", 0.72), ("black", 0.14), ("other", 0.09), ("", 0.05)]);
        let volume = draw_volume_mm3(&mut rng);
        let mut scores = scores::draw(&mut rng, subtype);
        let mp_index = scores::columns().zip(&scores).find(|(column, _)| *column == "mp_index").and_then(|(_, v)| *v);
        let high2 = mp_index.unwrap_or(0.0) + 0.3 * normal(&mut rng) > 0.2;
        let arms = if subtype.is_her2_positive() { &HER2_POSITIVE_ARMS[..] } else { &HER2_NEGATIVE_ARMS[..] };
        let arm = arms[rng.random_range(0..arms.len())];
        if role == Some(Role::UnlikeTraining) {
            scores::move_far_out(&mut rng, &mut scores);
        }
        let volume = if role == Some(Role::UnlikeTraining) { FAR_OUT_VOLUME_MM3 } else { volume };
        let radius_mm = (volume * 3.0 / (4.0 * std::f64::consts::PI)).cbrt();
        let mut rng = stream(seed, number, Purpose::Breast);
        Self {
            code: format!("DEMO-{number:03}"),
            number,
            subtype,
            age_years,
            side: if rng.random::<bool>() { Laterality::Left } else { Laterality::Right },
            tumour_volume_mm3: volume,
            // Breasts grow less dense with age.
            density: (0.62 - 0.008 * (age_years as f32 - 45.0) + 0.18 * normal(&mut rng) as f32).clamp(0.08, 0.95),
            role,
            menopause,
            race,
            mammaprint: if high2 { "high2" } else { "high1" },
            // A treatment is chosen already for one ordinary patient in eight.
            arm: if number % 8 == 2 { arm } else { "" },
            scores,
            pathology: Pathology::draw(&mut stream(seed, number, Purpose::Pathology), subtype, radius_mm),
            site: Site {
                breast: between(&mut rng, 0.0, 1.0),
                forward: between(&mut rng, 0.38, 0.6),
                // Most cancers grow in the upper outer quadrant.
                lateral: between(&mut rng, -0.2, 0.4),
                upward: between(&mut rng, -0.15, 0.35),
            },
        }
    }

    /// Age as the clinical table gives it, which one patient's row has wrong.
    pub(super) fn recorded_age(&self) -> u32 {
        if self.role == Some(Role::ImplausibleAge) { IMPLAUSIBLE_AGE } else { self.age_years }
    }

    /// True when hormone receptors are expressed.
    pub(super) fn hr_positive(&self) -> bool {
        matches!(self.subtype, Subtype::HrPosHer2Neg | Subtype::HrPosHer2Pos)
    }

    /// True when the patient was examined with mammography.
    pub(super) fn has_mammography(&self) -> bool {
        !matches!(self.role, Some(Role::WithoutMammography | Role::WithoutImages))
    }

    /// True when the patient was examined with ultrasound.
    pub(super) fn has_ultrasound(&self) -> bool {
        !matches!(self.role, Some(Role::WithoutUltrasound | Role::WithoutImages))
    }

    /// True when the patient was examined with MRI.
    pub(super) fn has_mri(&self) -> bool {
        !matches!(self.role, Some(Role::WithoutMri | Role::WithoutImages))
    }

    /// Radius of the ball of the tumour's volume, millimetres.
    pub(super) fn tumour_radius_mm(&self) -> f32 {
        (self.tumour_volume_mm3 * 3.0 / (4.0 * std::f64::consts::PI)).cbrt() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_does_not_depend_on_the_size_of_the_cohort() {
        assert_eq!(SimulatedPatient::draw(7, 5), SimulatedPatient::draw(7, 5));
        assert_ne!(SimulatedPatient::draw(7, 5).scores, SimulatedPatient::draw(8, 5).scores);
    }

    #[test]
    fn every_subtype_is_present_in_a_cohort_of_twenty_six() {
        for seed in 0..200 {
            for subtype in Subtype::ALL {
                let n = (1..=26).filter(|number| subtype_of(seed, *number) == subtype).count();
                assert!(n >= 2, "seed {seed}: {n} of {subtype}");
            }
        }
    }

    #[test]
    fn the_median_tumour_volume_is_about_fifteen_thousand_cubic_millimetres() {
        let mut volumes: Vec<f64> =
            (100..1100).map(|number| SimulatedPatient::draw(1, number).tumour_volume_mm3).collect();
        volumes.sort_by(f64::total_cmp);
        assert!((13_500.0..16_500.0).contains(&volumes[500]), "{}", volumes[500]);
    }
}
