use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::distance::{Percentiles, score};
use super::*;
use crate::decide::{ClinicalRecord, Error, Her2, Receptor};
use crate::learn::DesignMatrix;
use crate::stats::chi_squared::upper_tail;
use crate::stats::normal::quantile;
use crate::terms::{Estimate, Modality};

const NAN: f32 = f32::NAN;

/// Two groups: `clinical` (a skewed positive column, a binary one, a normal one) and `genes` (6 columns with a common
/// factor, of which the last is missing in a third of the rows).
fn population(n: usize, seed: u64) -> DesignMatrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    for _ in 0..n {
        let mut z = || quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
        let common = z();
        let volume = (9.0 + 1.1 * z()).exp();
        let binary = if z() + common > 0.6 { 1.0 } else { 0.0 };
        values.extend([volume, binary, 50.0 + 11.0 * z()]);
        let genes: Vec<f64> = (0..6).map(|at| (0.2 + 0.1 * f64::from(at)) * common + 0.7 * z()).collect();
        let missing = z() > 0.43;
        values.extend(genes.into_iter().enumerate().map(|(at, gene)| if at == 5 && missing { f64::NAN } else { gene }));
    }
    let names = ["volume", "binary", "age", "g0", "g1", "g2", "g3", "g4", "g5"].map(str::to_owned).to_vec();
    DesignMatrix { names, n_rows: n, values: values.into_iter().map(|value| value as f32).collect() }
}

fn groups() -> Vec<(String, Vec<usize>)> {
    vec![("clinical".to_owned(), vec![0, 1, 2]), ("genes".to_owned(), (3..9).collect())]
}

fn reference() -> Reference {
    Reference::fit(&population(600, 1), &groups(), 7).unwrap()
}

fn accepted(reference: &Reference, x: &DesignMatrix) -> f64 {
    let gates = reference.gates(x).unwrap();
    gates.iter().filter(|gate| gate.accepted()).count() as f64 / gates.len() as f64
}

fn blank(mut x: DesignMatrix, columns: std::ops::Range<usize>) -> DesignMatrix {
    let width = x.n_features();
    for row in x.values.chunks_mut(width) {
        row[columns.clone()].fill(NAN);
    }
    x
}

#[test]
fn about_95_of_100_new_patients_of_the_population_are_accepted_whatever_group_is_absent() {
    let reference = reference();
    let fresh = population(4000, 2);
    // The 95th percentile of 600 left-out patients has a standard error of 0.9 points.
    for x in [fresh.clone(), blank(fresh.clone(), 0..3), blank(fresh, 3..9)] {
        let share = accepted(&reference, &x);
        assert!((share - 0.95).abs() < 0.03, "{share}");
    }
}

#[test]
fn the_moments_calibrate_on_patients_whom_they_did_not_see() {
    // 60 patients, 9 columns: by their own moments the rows would all look near, and too many new ones far.
    let reference = Reference::fit(&population(60, 3), &groups(), 7).unwrap();
    let share = accepted(&reference, &population(4000, 4));
    assert!(share > 0.88, "{share}");
}

#[test]
fn a_shift_in_one_group_is_found_and_named() {
    let reference = reference();
    let mut shifted = population(300, 5);
    for row in shifted.values.chunks_mut(9) {
        row[3..9].iter_mut().enumerate().for_each(|(at, gene)| *gene += if at % 2 == 0 { 2.0 } else { -2.0 });
    }
    assert!(accepted(&reference, &shifted) < 0.2);
    let gate = &reference.gates(&shifted).unwrap()[0];
    let share = |name: &str| gate.groups.iter().find(|group| group.name == name).unwrap().percentile.unwrap();
    assert!(share("genes") > 0.95 && share("clinical") < 0.99, "{gate:?}");
}

#[test]
fn a_group_of_few_columns_is_not_drowned_by_one_of_many() {
    let reference = reference();
    let mut x = population(200, 6);
    for row in x.values.chunks_mut(9) {
        row[0] *= 200.0;
    }
    assert!(accepted(&reference, &x) < 0.05);
}

#[test]
fn a_binary_input_entered_wrongly_is_found_where_the_others_foretell_it() {
    // `flag` is 1 where six noisy copies of its cause are high.
    let rows = |n: usize, seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut z = || quantile(rng.random_range(1e-12..1.0 - 1e-12)).unwrap();
        let values = (0..n).flat_map(|_| {
            let cause = if z() > 0.5 { 4.0 } else { 0.0 };
            let mut row = vec![if cause > 2.0 { 1.0 } else { 0.0 }];
            row.extend((0..6).map(|_| (cause + z()) as f32));
            row
        });
        DesignMatrix { names: (0..7).map(|at| format!("c{at}")).collect(), n_rows: n, values: values.collect() }
    };
    let groups = [("clinical".to_owned(), vec![0]), ("genes".to_owned(), (1..7).collect())];
    let reference = Reference::fit(&rows(500, 1), &groups, 1).unwrap();
    let right = rows(1000, 2);
    assert!((accepted(&reference, &right) - 0.95).abs() < 0.03);
    let mut wrong = right;
    wrong.values.iter_mut().step_by(7).for_each(|flag| *flag = 1.0 - *flag);
    assert!(accepted(&reference, &wrong) < 0.05);
    let gate = reference.gate(&wrong.names, wrong.row(0)).unwrap();
    assert_eq!(gate.contradiction.as_ref().unwrap().column, "c0");
    let (record, rules) = (enrolled(), PopulationRules::load("ispy2").unwrap());
    let facts = Facts {
        gate: Some(&gate),
        record: &record,
        subgroup: None,
        rules: &rules,
        findings: &[],
        training_patient: false,
    };
    let reasons = facts.applicability().reasons;
    assert!(gate.far_outside || reasons.iter().any(|reason| matches!(reason, Reason::Contradiction { .. })));
}

#[test]
fn the_centre_is_usual_and_an_impossible_row_is_far_outside() {
    let reference = reference();
    let names = population(1, 1).names;
    let centre = [8103.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let gate = reference.gate(&names, &centre).unwrap();
    assert!(gate.percentile < 0.5 && gate.accepted() && gate.out_of_range.is_empty() && gate.n_known == 9);
    let mut far = centre;
    far[4] = 40.0;
    let gate = reference.gate(&names, &far).unwrap();
    assert!(gate.far_outside && !gate.accepted() && gate.percentile > 0.99);
    assert_eq!(gate.out_of_range, ["g1"]);
}

#[test]
fn absent_groups_and_single_absent_inputs_are_told_apart() {
    let reference = reference();
    let x = population(1, 1);
    let gate = reference.gate(&x.names, &[9000.0, NAN, 50.0, NAN, NAN, NAN, NAN, NAN, NAN]).unwrap();
    assert_eq!(gate.unseen_missing_alone, ["binary"]);
    assert_eq!(gate.unseen_missing, ["binary", "g0", "g1", "g2", "g3", "g4"]);
    assert!(gate.groups[1].n_known == 0 && gate.groups[1].percentile.is_none() && gate.groups[1].seldom_absent);
    // A row that knows nothing is not far: its absence is the reason.
    let nothing = reference.gate(&x.names, &[NAN; 9]).unwrap();
    assert!(nothing.distance == 0.0 && !nothing.far_outside && nothing.n_known == 0);
    // Columns are found by name, whatever stands beside them.
    let names: Vec<String> = std::iter::once("other".to_owned()).chain(x.names.clone()).collect();
    let row: Vec<f32> = std::iter::once(1e9).chain(x.row(0).iter().copied()).collect();
    assert_eq!(reference.gate(&names, &row).unwrap(), reference.gate(&x.names, x.row(0)).unwrap());
}

#[test]
fn one_normal_column_gives_the_absolute_z_score() {
    let x = population(300, 8);
    let reference = Reference::fit(&x, &[("age".to_owned(), vec![2])], 1).unwrap();
    let ages: Vec<f64> = x.values.iter().skip(2).step_by(9).map(|age| f64::from(*age)).collect();
    let mean = ages.iter().sum::<f64>() / 300.0;
    let sd = (ages.iter().map(|age| (age - mean).powi(2)).sum::<f64>() / 299.0).sqrt();
    let gate = reference.gate(&["age".to_owned()], &[(mean + 1.7 * sd) as f32]).unwrap();
    // The value is rounded to single precision.
    assert!((gate.distance - 1.7).abs() < 1e-5, "{}", gate.distance);
}

#[test]
fn the_score_is_standard_normal_for_a_chi_squared_distance() {
    // Wilson and Hilferty's approximation: within 0.005 in probability from 3 degrees of freedom on.
    for df in [3, 10, 33] {
        for square in [0.3, 1.0, 1.6] {
            let square = square * f64::from(df);
            let exact = upper_tail(square, f64::from(df)).unwrap();
            let approximate = 1.0 - crate::stats::normal::cdf(score(square, df as usize));
            assert!((exact - approximate).abs() < 0.005, "{df} {square} {exact} {approximate}");
        }
    }
}

#[test]
fn percentiles_place_a_value_and_keep_no_single_largest_one() {
    let values: Vec<f64> = (0..=1000).map(f64::from).collect();
    let percentiles = Percentiles::of(&values).unwrap();
    assert!((percentiles.share_below(355.0) - 0.355).abs() < 1e-12);
    assert_eq!((percentiles.share_below(-1.0), percentiles.share_below(9000.0)), (0.0, 1.0));
    // One and two times the way from the 90th to the 99th percentile beyond the latter.
    assert!((percentiles.share_below(1080.0) - 0.999).abs() < 1e-12);
    assert!((percentiles.share_below(1170.0) - 0.9999).abs() < 1e-12);
    assert_eq!(percentiles.extreme(), 998.0);
    // Half of the values are 0: a 0 stands in the middle of them.
    let tied: Vec<f64> = (0..1000).map(|at| if at < 500 { 0.0 } else { f64::from(at) }).collect();
    assert!((Percentiles::of(&tied).unwrap().share_below(0.0) - 0.25).abs() < 0.01);
}

#[test]
fn too_few_patients_are_refused() {
    let found = Reference::fit(&population(29, 1), &groups(), 0);
    assert!(matches!(found, Err(Error::TooFew { expected: 30, found: 29 })));
}

#[test]
fn the_same_seed_gives_the_same_reference_and_it_survives_serialisation_to_the_bit() {
    let one = reference();
    assert_eq!(one, reference());
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Reference>(&text).unwrap(), one);
    let broken = text.replacen("\"p01\":[", "\"p01\":[0.0,", 1);
    assert!(serde_json::from_str::<Reference>(&broken).is_err());
}

#[test]
fn a_reference_from_before_groups_can_still_be_read() {
    let percentiles: Vec<f64> = (0..=100).map(|at| f64::from(at) / 25.0).collect();
    let old = serde_json::json!({
        "columns": ["a", "b"], "mean": [1.0, 2.0], "std_dev": [2.0, 3.0], "p01": [-3.0, -5.0], "p99": [5.0, 9.0],
        "missing_share": [0.0, 0.5], "correlation": [1.0, 0.5, 0.5, 1.0], "distance_percentiles": percentiles,
        "usual_out_of_range": 1
    });
    let reference: Reference = serde_json::from_value(old).unwrap();
    let names = ["a".to_owned(), "b".to_owned()];
    // a is 1 standard deviation, b is absent: the distance of one column.
    let gate = reference.gate(&names, &[3.0, NAN]).unwrap();
    assert!((gate.distance - 1.0).abs() < 1e-12 && gate.accepted() && gate.unseen_missing.is_empty());
    // Both known, 2 and 2 deviations: d² = (4 + 4 − 2·0.5·4) / (1 − 0.25) = 16/3; 2.309 is percentile 57.7.
    let gate = reference.gate(&names, &[5.0, 8.0]).unwrap();
    assert!((gate.distance.powi(2) - 16.0 / 3.0).abs() < 1e-12 && (gate.percentile - 0.577).abs() < 0.01);
    assert!(reference.gate(&names, &[80.0, 2.0]).unwrap().far_outside);
}

/// A record that I-SPY2 would have enrolled.
fn enrolled() -> ClinicalRecord {
    ClinicalRecord {
        male: Some(false),
        bilateral: Some(false),
        metastatic: Some(false),
        pregnant: Some(false),
        recurrent: Some(false),
        age_years: Some(48.0),
        tumour_size_mm: Some(32.0),
        er: Some(Receptor::Positive),
        her2: Some(Her2::Negative),
        mammaprint_low: Some(false),
        neoadjuvant: Some(true),
        ..ClinicalRecord::default()
    }
}

fn judged(record: &ClinicalRecord) -> Applicability {
    let rules = PopulationRules::load("ispy2").unwrap();
    Facts { gate: None, record, subgroup: None, rules: &rules, findings: &[], training_patient: false }.applicability()
}

#[test]
fn whoever_the_trial_would_not_have_enrolled_is_refused_with_every_reason() {
    assert_eq!(judged(&enrolled()), Applicability { verdict: Verdict::Applies, reasons: vec![] });
    let refused: [fn(&mut ClinicalRecord); 12] = [
        |r| r.male = Some(true),
        |r| r.bilateral = Some(true),
        |r| r.metastatic = Some(true),
        |r| r.pregnant = Some(true),
        |r| r.recurrent = Some(true),
        |r| r.age_years = Some(17.0),
        |r| r.age_years = Some(86.0),
        |r| r.tumour_size_mm = Some(24.0),
        |r| r.mammaprint_low = Some(true),
        |r| r.her2 = None,
        |r| r.er = Some(Receptor::LowPositive),
        |r| (r.tumour_size_mm, r.t_category) = (None, Some(1)),
    ];
    for change in refused {
        let mut record = enrolled();
        change(&mut record);
        let found = judged(&record);
        assert_eq!(found.verdict, Verdict::DoesNotApply, "{record:?}");
        assert!(found.reasons.iter().all(|reason| !reason.to_string().is_empty()));
    }
    let mut record = enrolled();
    (record.male, record.metastatic, record.tumour_size_mm) = (Some(true), Some(true), Some(10.0));
    let refusals = judged(&record).reasons.iter().filter(|reason| reason.severity() == Severity::Refusal).count();
    assert_eq!(refusals, 3);
}

#[test]
fn an_unknown_size_or_mammaprint_is_a_caution_and_other_silence_a_note() {
    let change = |change: fn(&mut ClinicalRecord)| {
        let mut record = enrolled();
        change(&mut record);
        judged(&record)
    };
    assert_eq!(change(|r| r.tumour_size_mm = None).verdict, Verdict::Caution);
    assert_eq!(change(|r| r.mammaprint_low = None).verdict, Verdict::Caution);
    // MammaPrint did not decide over enrolment of other subtypes; T3 is over 50 mm.
    assert_eq!(change(|r| (r.mammaprint_low, r.her2) = (None, Some(Her2::Positive))).verdict, Verdict::Applies);
    assert_eq!(change(|r| (r.tumour_size_mm, r.t_category) = (None, Some(3))).verdict, Verdict::Applies);
    assert_eq!(change(|r| (r.tumour_size_mm, r.t_category) = (None, Some(2))).verdict, Verdict::Caution);
    let silent = change(|r| (r.pregnant, r.recurrent) = (None, None));
    assert_eq!((silent.verdict, silent.reasons.len()), (Verdict::Applies, 2));
}

#[test]
fn an_impossible_record_is_refused_with_the_rule_that_it_breaks() {
    let record = ClinicalRecord { pcr: Some(true), yp_t: Some(2), yp_n: Some(1), ..enrolled() };
    let found = judged(&record);
    assert_eq!(found.verdict, Verdict::DoesNotApply);
    assert!(matches!(&found.reasons[0], Reason::ImpossibleRecord { fields, .. } if fields.iter().any(|f| f == "pcr")));
}

#[test]
fn every_population_file_reads_and_an_unknown_one_is_an_error() {
    for name in ["ispy2", "metabric-adjuvant"] {
        let rules = PopulationRules::load(name).unwrap();
        assert!(rules.name == name && !rules.rules.is_empty());
        let text = toml::to_string(&rules).unwrap();
        assert_eq!(toml::from_str::<PopulationRules>(&text).unwrap(), rules);
    }
    assert!(matches!(PopulationRules::load("nowhere"), Err(Error::UnknownPopulation { .. })));
    let rules = PopulationRules::load("metabric-adjuvant").unwrap();
    let stage = |stage| {
        let record = ClinicalRecord { stage_group: Some(stage), neoadjuvant: Some(false), ..enrolled() };
        let facts = Facts {
            gate: None,
            record: &record,
            subgroup: None,
            rules: &rules,
            findings: &[],
            training_patient: false,
        };
        facts.applicability().verdict
    };
    assert_eq!([stage(0), stage(2), stage(4)], [Verdict::DoesNotApply, Verdict::Applies, Verdict::DoesNotApply]);
}

#[test]
fn distance_absence_images_training_and_subgroup_lower_the_verdict() {
    let (reference, rules, record) = (reference(), PopulationRules::load("ispy2").unwrap(), enrolled());
    let x = population(400, 9);
    let gates = reference.gates(&x).unwrap();
    let usual = gates.iter().find(|gate| gate.accepted() && gate.out_of_range.is_empty()).unwrap();
    let facts = Facts {
        gate: Some(usual),
        record: &record,
        subgroup: None,
        rules: &rules,
        findings: &[],
        training_patient: false,
    };
    assert_eq!(facts.applicability().verdict, Verdict::Applies);
    let verdict = |facts: Facts| facts.applicability().verdict;
    let odd = gates.iter().find(|gate| !gate.accepted()).unwrap();
    assert_eq!(verdict(Facts { gate: Some(odd), ..facts }), Verdict::Caution);
    let absent = reference.gate(&x.names, blank(x.select(&[0]), 3..9).row(0)).unwrap();
    let found = Facts { gate: Some(&absent), ..facts }.applicability();
    assert!(matches!(&found.reasons[0], Reason::AbsentGroup { group, n_columns: 6, .. } if group == "genes"));
    assert_eq!(verdict(Facts { training_patient: true, ..facts }), Verdict::Caution);
    let blurred = ImageFinding { modality: Modality::Mri, code: "blurred".into(), words: "motion".into() };
    assert_eq!(verdict(Facts { findings: &[blurred], ..facts }), Verdict::Caution);
    let subgroup = |n, auc: (f64, f64), slope: (f64, f64)| Subgroup {
        name: "HR+/HER2-".into(),
        n,
        auc: Some(Estimate { estimate: 0.6, lower95: auc.0, upper95: auc.1 }),
        calibration_slope: Some(Estimate { estimate: 0.9, lower95: slope.0, upper95: slope.1 }),
        observed_expected: None,
    };
    let counted = |lower95, upper95| Subgroup {
        observed_expected: Some(Estimate { estimate: 1.1, lower95, upper95 }),
        auc: None,
        calibration_slope: None,
        ..subgroup(300, (0.55, 0.7), (0.6, 1.2))
    };
    for (subgroup, expected) in [
        (counted(0.9, 1.3), Verdict::Applies),
        (counted(1.01, 1.3), Verdict::Caution),
        (subgroup(300, (0.55, 0.7), (0.6, 1.2)), Verdict::Applies),
        (subgroup(49, (0.55, 0.7), (0.6, 1.2)), Verdict::Caution),
        (subgroup(14, (0.55, 0.7), (0.6, 1.2)), Verdict::DoesNotApply),
        (subgroup(300, (0.48, 0.7), (0.6, 1.2)), Verdict::Caution),
        (subgroup(300, (0.55, 0.7), (0.6, 0.98)), Verdict::Caution),
        (
            Subgroup { name: "men".into(), n: 99, auc: None, calibration_slope: None, observed_expected: None },
            Verdict::Caution,
        ),
    ] {
        assert_eq!(verdict(Facts { subgroup: Some(&subgroup), ..facts }), expected, "{subgroup:?}");
    }
}

#[test]
fn the_gravest_reason_comes_first_and_reasons_survive_serialisation() {
    let record = ClinicalRecord { male: Some(true), pregnant: None, mammaprint_low: None, ..enrolled() };
    let found = judged(&record);
    let severities: Vec<Severity> = found.reasons.iter().map(Reason::severity).collect();
    assert_eq!(severities, [Severity::Refusal, Severity::Caution, Severity::Note]);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Applicability>(&text).unwrap(), found);
}
