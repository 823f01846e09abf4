use super::*;
use crate::decide::ClinicalRecord;

/// Case A of the specification's worked vectors (section 9).
fn case_a() -> PredictInputs {
    PredictInputs {
        age_years: 50.0,
        detection: Detection::Symptoms,
        tumour_size_mm: 20.0,
        grade: Some(2),
        nodes_positive: 2.0,
        er_positive: true,
        her2_positive: Some(false),
        ki67_positive: Some(true),
        pr_positive: Some(true),
        current_smoker: false,
        heart_dose_gy: 1.0,
    }
}

fn sum(parts: &[InputPart]) -> f64 {
    parts.iter().map(|part| part.log_hazard).sum()
}

const ALL: Treatments = Treatments {
    radiotherapy: true,
    heart_exposed: true,
    endocrine: Some(Endocrine::FiveYears),
    chemotherapy: Some(Generation::Third),
    trastuzumab: false,
    bisphosphonate: false,
};

#[test]
fn the_parts_sum_to_the_published_linear_predictor() {
    // Worked vectors, section 9: six decimals are printed.
    let a = case_a();
    assert!((sum(&a.other_parts(Version::V32)) - 0.370874).abs() < 5e-7);
    assert!((sum(&a.breast_parts(Version::V32, 1)) - 4.082482).abs() < 5e-7);
    assert!((sum(&a.breast_parts(Version::V32, 10)) - 4.135482).abs() < 5e-7);
}

#[test]
fn survival_equals_the_worked_vectors() {
    // Percentages with six decimals: surgery only, and radiotherapy, endocrine therapy and chemotherapy.
    let a = case_a();
    let percent = |version, treatments: &Treatments, year| 100.0 * survival(&a, version, treatments).alive_at(year);
    for (year, expected) in [(5.0, 93.623497), (10.0, 83.532665), (15.0, 73.706746)] {
        assert!((percent(Version::V32, &Treatments::default(), year) - expected).abs() < 5e-7);
    }
    for (year, expected) in [(5.0, 97.188936), (10.0, 92.271146), (15.0, 86.530466)] {
        assert!((percent(Version::V32, &ALL, year) - expected).abs() < 5e-7);
    }
    assert!((percent(Version::V31, &ALL, 10.0) - 94.523477).abs() < 5e-7);
    let ten_years = Treatments { endocrine: Some(Endocrine::TenYears), ..ALL };
    assert!((percent(Version::V32Landmark, &ten_years, 10.0) - 89.884646).abs() < 5e-7);
}

#[test]
fn gains_sum_to_the_whole_and_chemotherapy_can_harm_at_82() {
    let a = case_a();
    let gained = gains(&a, Version::V32, &ALL, 10.0);
    let shown: Vec<f64> = gained.iter().map(|gain| (1000.0 * gain.gain).round() / 10.0).collect();
    assert_eq!(shown, [2.4, 3.7, 2.6]);
    let whole = survival(&a, Version::V32, &ALL).alive_at(10.0);
    let none = survival(&a, Version::V32, &Treatments::default()).alive_at(10.0);
    assert!((gained.iter().map(|gain| gain.gain).sum::<f64>() - (whole - none)).abs() < 1e-12);
    let range = gained[1].range.unwrap();
    assert!(range.lower95 < range.estimate && range.estimate < range.upper95);

    // Case H, section 9: third treatment -4.6 points.
    let h = PredictInputs {
        age_years: 82.0,
        tumour_size_mm: 22.0,
        grade: None,
        nodes_positive: 1.0,
        her2_positive: Some(false),
        ki67_positive: Some(false),
        current_smoker: true,
        ..a
    };
    let second = Treatments { chemotherapy: Some(Generation::Second), bisphosphonate: true, ..ALL };
    let shown: Vec<f64> =
        gains(&h, Version::V32, &second, 10.0).iter().map(|gain| (1000.0 * gain.gain).round() / 10.0).collect();
    assert_eq!(shown, [1.1, 2.5, -4.6, 0.7]);
}

#[test]
fn a_record_without_er_or_of_a_man_is_outside() {
    let record = ClinicalRecord {
        male: Some(true),
        age_years: Some(50.0),
        tumour_size_mm: Some(20.0),
        nodes_positive: Some(0.0),
        ..ClinicalRecord::default()
    };
    let from = PredictInputs::of_record(&record);
    assert!(from.inputs.is_none());
    assert_eq!(from.outside, ["PREDICT was made for women", "oestrogen receptor is unknown or unclear"]);
    assert_eq!(from.assumed.len(), 7);
}

#[test]
fn every_vector_is_met() {
    let folder = std::env::var("REGIMEN_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let path = std::path::Path::new(&folder).join("predict/predict_v3_vectors.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let mut worst: f64 = 0.0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<f64>().unwrap();
        let known = |at: usize| Some(cells[at] == "1").filter(|_| cells[at] != "9");
        let inputs = PredictInputs {
            age_years: number(0),
            detection: [Detection::Symptoms, Detection::Screening, Detection::Unknown][number(1) as usize],
            tumour_size_mm: number(2),
            grade: Some(number(3) as u8).filter(|&grade| grade != 9),
            nodes_positive: number(4),
            er_positive: cells[5] == "1",
            her2_positive: known(6),
            ki67_positive: known(7),
            pr_positive: known(8),
            heart_dose_gy: number(14),
            current_smoker: cells[15] == "1",
        };
        let chosen = Chosen {
            generation: [None, None, Some(Generation::Second), Some(Generation::Third)][number(9) as usize],
            endocrine: cells[10] == "1",
            trastuzumab: cells[11] == "1",
            bisphosphonate: cells[12] == "1",
            radiotherapy: cells[13] == "1",
        };
        let version = Version::ALL.into_iter().find(|version| version.code().to_string() == cells[16]).unwrap();
        let option = OPTION_COLUMNS.into_iter().find(|option| *option == cells[17]).unwrap();
        let fates = survival(&inputs, version, &chosen.under(option));
        let found = [
            fates.alive_at(5.0),
            fates.alive_at(10.0),
            fates.alive_at(15.0),
            fates.at(&fates.breast_death, 0.0, 10.0),
            fates.at(&fates.other_death, 0.0, 10.0),
            fates.at(&fates.breast_death, 0.0, 15.0),
        ];
        for (found, expected) in found.iter().zip(&cells[18..24]).filter(|(_, expected)| **expected != "NA") {
            worst = worst.max((found - expected.parse::<f64>().unwrap()).abs());
        }
    }
    assert!(worst <= 1e-9, "{worst:e}");
}
