use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Asked, N_NEAREST, Neighbourhood, Neighbours};
use crate::learn::DesignMatrix;
use crate::study::{FusedTable, Models, PseudonymKey, ResponseModel};
use crate::terms::PatientId;

const N: usize = 80;

fn model() -> ResponseModel {
    ResponseModel::open(&Models::Embedded, "pcr-ispy2").unwrap()
}

/// Synthetic rows: every tenth patient has a second visit, every seventh an unknown age, every fourth no outcome.
fn table(outcome: impl Fn(usize) -> Option<bool>) -> FusedTable {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let ids: Vec<String> = (0..N).map(|row| format!("demo:{}", if row % 10 == 9 { row - 1 } else { row })).collect();
    let visits: Vec<&str> = (0..N).map(|row| if row % 10 == 9 { "week 3" } else { "baseline" }).collect();
    let mut number = |from: f64, to: f64| -> f64 { rng.random_range(from..to) };
    let ages: Vec<Option<f64>> = (0..N).map(|row| (row % 7 != 0).then(|| number(30.0, 75.0))).collect();
    let volumes: Vec<f64> = (0..N).map(|_| number(2000.0, 60000.0)).collect();
    let scores: Vec<f64> = (0..N).map(|_| number(-2.0, 2.0)).collect();
    let columns: Vec<Column> = vec![
        Series::new("patient_id".into(), ids).into(),
        Series::new("visit".into(), visits).into(),
        Series::new("age_years".into(), ages).into(),
        Series::new("hr".into(), (0..N).map(|row| row % 3 == 0).collect::<Vec<_>>()).into(),
        Series::new("her2".into(), vec![false; N]).into(),
        Series::new("arm".into(), vec!["Ctr"; N]).into(),
        Series::new("pcr".into(), (0..N).map(outcome).collect::<Vec<_>>()).into(),
        Series::new("event_time".into(), vec![None::<f64>; N]).into(),
        Series::new("tumour_volume_mm3".into(), volumes).into(),
        Series::new("ics5".into(), scores).into(),
    ];
    FusedTable { frame: DataFrame::new(N, columns).unwrap(), origin: Default::default(), sha256: String::new() }
}

fn known(row: usize) -> Option<bool> {
    (!row.is_multiple_of(4)).then_some(row % 5 == 1)
}

struct Fixture {
    model: ResponseModel,
    table: FusedTable,
    x: DesignMatrix,
    near: Neighbourhood,
}

fn fixture(outcome: impl Fn(usize) -> Option<bool>) -> Fixture {
    let (model, table) = (model(), table(outcome));
    let x = model.design.apply(&table.frame).unwrap();
    let near = Neighbourhood::new(&model, &table, &x, "").unwrap();
    Fixture { model, table, x, near }
}

impl Fixture {
    fn of(&self, row: usize) -> Neighbours {
        let patients = self.table.patients().unwrap();
        let positions = self.model.reference.positions(&self.x).unwrap();
        let subtype = self.table.subtypes().unwrap()[row];
        let asked =
            Asked { patient: &patients[row], subtype, position: &positions[row], frame: &self.table.frame, row };
        self.near.of(&asked, &PseudonymKey::public()).unwrap()
    }

    /// Every pair measured input by input, every rule written out.
    fn by_force(&self, row: usize) -> Vec<(f64, PatientId)> {
        let patients = self.table.patients().unwrap();
        let subtypes = self.table.subtypes().unwrap();
        let pcr = self.table.booleans("pcr").unwrap().unwrap();
        let positions = self.model.reference.positions(&self.x).unwrap();
        let columns = &self.model.reference.columns;
        let source = |name: &str| name.split(['=', '[']).next().unwrap().to_owned();
        let mut all: Vec<(f64, PatientId)> = Vec::new();
        for other in 0..N {
            if patients[other] == patients[row] || subtypes[other] != subtypes[row] || pcr[other].is_none() {
                continue;
            }
            let (mut sum, mut inputs) = (0.0, std::collections::BTreeMap::<String, Vec<f64>>::new());
            for (at, name) in columns.iter().enumerate() {
                let (a, b) = (&positions[row], &positions[other]);
                let square = (a.expected[at] - b.expected[at]).powi(2) + a.variance[at] + b.variance[at];
                inputs.entry(source(name)).or_default().push(square);
            }
            for squares in inputs.values() {
                sum += squares.iter().sum::<f64>() / squares.len() as f64;
            }
            let distance = (sum / inputs.len() as f64).sqrt();
            match all.iter_mut().find(|(_, patient)| *patient == patients[other]) {
                Some(known) => known.0 = known.0.min(distance),
                None => all.push((distance, patients[other].clone())),
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

#[test]
fn the_nearest_are_those_of_a_search_by_force() {
    let fixture = fixture(known);
    for row in 0..N {
        let (found, expected) = (fixture.of(row), fixture.by_force(row));
        assert_eq!(found.n_candidates, expected.len(), "row {row}");
        assert_eq!(found.nearest.len(), N_NEAREST);
        for (one, (distance, patient)) in found.nearest.iter().zip(&expected) {
            assert!((one.distance - distance).abs() < 1e-9, "row {row}");
            assert_eq!(one.pseudonym, PseudonymKey::public().pseudonym(patient), "row {row}");
            assert!(one.pcr.is_some() && one.follow_up.is_none());
        }
        assert_eq!(found.n_pcr, found.nearest.iter().filter(|one| one.pcr == Some(true)).count());
        assert!(found.pcr_rate.is_some_and(|rate| rate.lower95 <= rate.estimate && rate.estimate <= rate.upper95));
    }
}

#[test]
fn outcomes_take_no_part_in_who_is_near() {
    let names =
        |found: Neighbours| found.nearest.into_iter().map(|one| (one.pseudonym, one.distance)).collect::<Vec<_>>();
    let (as_is, inverted) = (fixture(known), fixture(|row| known(row).map(|pcr| !pcr)));
    for row in [0, 7, 33] {
        assert_eq!(names(as_is.of(row)), names(inverted.of(row)));
    }
}

#[test]
fn neither_herself_nor_her_other_visit_is_her_neighbour() {
    let fixture = fixture(|_| Some(true));
    for row in [8, 9] {
        let own = PseudonymKey::public().pseudonym(&PatientId::parse("demo:8").unwrap());
        let found = fixture.of(row);
        assert!(found.nearest.iter().all(|one| one.pseudonym != own), "row {row}");
    }
    let both: Vec<String> = fixture.of(0).nearest.iter().map(|one| one.pseudonym.to_string()).collect();
    let mut once = both.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), both.len(), "each patient once");
}

#[test]
fn differences_are_named_with_both_values_and_one_sided_inputs_are_counted() {
    let fixture = fixture(known);
    let found = fixture.of(1);
    for one in &found.nearest {
        for difference in &one.differences {
            assert_ne!(difference.hers, difference.theirs);
        }
        assert!(one.received.as_deref().is_some_and(|words| words.len() > 3), "the arm in words");
    }
    // Row 7 has no age: against those who have one, age is recorded for one of the two only.
    let unknown_age = fixture.of(7);
    assert!(unknown_age.nearest.iter().any(|one| one.recorded_for_one.contains(&("clinical".to_owned(), 1))));
}

#[test]
fn without_any_outcome_there_is_nobody_to_show() {
    let found = fixture(|_| None).of(3);
    assert_eq!((found.nearest.len(), found.n_candidates, found.pcr_rate), (0, 0, None));
}
