//! The applicability gate on I-SPY2: patients left out of its fit are accepted as promised, pre-named shifts are not.

use std::collections::BTreeMap;

use regimen::decide::Reference;
use regimen::fusion::{FuseOptions, fuse};
use regimen::learn::DesignMatrix;
use regimen::schema::CohortDefinition;
use regimen::stats::split::patient_folds;
use regimen::study::{FusedTable, Models, ResponseModel};

use crate::support::{data, root};

/// Share of the rows that a reference accepts, and that it refuses.
fn shares(reference: &Reference, x: &DesignMatrix) -> (f64, f64) {
    let gates = reference.gates(x).expect("the reference measures its own columns");
    let share = |n: usize| n as f64 / gates.len() as f64;
    (
        share(gates.iter().filter(|gate| gate.accepted()).count()),
        share(gates.iter().filter(|gate| gate.far_outside).count()),
    )
}

/// `x` with the columns of a group changed.
fn changed(x: &DesignMatrix, columns: &[usize], change: impl Fn(f32) -> f32) -> DesignMatrix {
    let mut x = x.clone();
    let width = x.n_features();
    for row in 0..x.n_rows {
        for column in columns {
            x.values[row * width + column] = change(x.values[row * width + column]);
        }
    }
    x
}

#[test]
fn the_gate_accepts_95_of_100_left_out_patients_and_notices_shifts() {
    let Some(data) = data("the_gate_accepts_95_of_100_left_out_patients_and_notices_shifts") else { return };
    let cohort = CohortDefinition::load("ispy2").unwrap();
    let fused = fuse(&cohort, &data, &FuseOptions::default()).unwrap();
    let table = FusedTable::new(&cohort, &data, fused).unwrap();
    let model = ResponseModel::open(&Models::locate(Some(&root().join("models"))), "pcr-ispy2").unwrap();
    let x = model.design.apply(&table.frame).unwrap();
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, column) in model.design.columns.iter().enumerate().filter(|(_, column)| column.source != "arm") {
        groups.entry(column.group.clone()).or_default().push(at);
    }
    let listed: Vec<(String, Vec<usize>)> = groups.clone().into_iter().collect();
    let y: Vec<bool> = table.booleans("pcr").unwrap().unwrap().into_iter().map(|pcr| pcr.unwrap()).collect();
    let subtypes = table.subtypes().unwrap();
    let (mut kept, mut blind, mut volume, mut n) = (0.0, 0.0, 0.0, 0.0);
    for split in patient_folds(&table.patients().unwrap(), &y, 5, 20261125).unwrap() {
        let reference = Reference::fit(&x.select(&split.train), &listed, 7).unwrap();
        let test = x.select(&split.test);
        let rows = test.n_rows as f64;
        n += rows;
        kept += rows * shares(&reference, &test).0;
        blind += rows * shares(&reference, &changed(&test, &groups["expression"], |_| f32::NAN)).0;
        volume += rows * shares(&reference, &changed(&test, &groups["mri_measurement"], |mm3| mm3 / 1000.0)).0;
    }
    // 880 patients at 95 %: a binomial standard error of 0.7 points; three of them are 2.2. Without expression the inputs
    // are nearly all discrete and patients tied at the limit are let in (docs/studies-decision.md: 96.2 %).
    assert!((kept / n - 0.95).abs() < 0.022, "{}", kept / n);
    assert!((0.93..0.985).contains(&(blind / n)), "{}", blind / n);
    assert!(volume / n < 0.01, "a tumour volume in cm³ is noticed: {}", volume / n);
    // A whole subtype that the fit never saw: refused or at least not accepted.
    let seen: Vec<usize> =
        (0..x.n_rows).filter(|&row| subtypes[row].is_some_and(|s| s.as_str() != "HR-/HER2-")).collect();
    let unseen: Vec<usize> = (0..x.n_rows).filter(|row| !seen.contains(row)).collect();
    let reference = Reference::fit(&x.select(&seen), &listed, 7).unwrap();
    assert!(shares(&reference, &x.select(&unseen)).0 < 0.05);
}
