use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::DesignMatrix;
use super::columns::TimeOrdered;
use super::risk::NodeRisk;
use super::split::{LeafLimits, SplitSearch, midway};
use crate::stats::Survival;

const LIMITS: LeafLimits = LeafLimits { n_samples: 3, n_events: 1 };

/// A row of a node.
struct Row {
    time: f64,
    event: bool,
    weight: u32,
    left: bool,
}

/// The log-rank statistic of a group from the definition: at every event time, count.
fn by_definition(rows: &[Row]) -> f64 {
    let mut times: Vec<f64> = rows.iter().filter(|row| row.event).map(|row| row.time).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let (mut u, mut v) = (0.0, 0.0);
    for t in times {
        let count = |keep: &dyn Fn(&Row) -> bool| -> f64 {
            rows.iter().filter(|row| keep(row)).map(|row| f64::from(row.weight)).sum()
        };
        let (y, y_left) = (count(&|row| row.time >= t), count(&|row| row.time >= t && row.left));
        let dies = |row: &Row| row.time == t && row.event;
        let (d, d_left) = (count(&dies), count(&|row| dies(row) && row.left));
        u += d_left - d * y_left / y;
        if y > 1.0 {
            v += d * (y - d) / (y - 1.0) * (y_left / y) * (1.0 - y_left / y);
        }
    }
    if v > 0.0 { u * u / v } else { 0.0 }
}

/// The best statistic over all cuts, both sides of the missing, and missing against present.
fn best_by_definition(x: &[f32], time: &[f64], event: &[bool], weight: &[u32]) -> f64 {
    let mut cuts: Vec<f32> = x.iter().copied().filter(|v| !v.is_nan()).collect();
    cuts.sort_by(f32::total_cmp);
    let mut best = 0.0_f64;
    for &cut in &cuts {
        for missing_left in [false, true] {
            let left = |v: f32| if v.is_nan() { missing_left } else { v <= cut };
            let rows: Vec<Row> = (0..x.len())
                .filter(|&i| weight[i] > 0)
                .map(|i| Row { time: time[i], event: event[i], weight: weight[i], left: left(x[i]) })
                .collect();
            let total = |side: bool, events: bool| -> u32 {
                rows.iter().filter(|row| row.left == side && (row.event || !events)).map(|row| row.weight).sum()
            };
            if [true, false]
                .into_iter()
                .all(|side| total(side, false) >= LIMITS.n_samples && total(side, true) >= LIMITS.n_events)
            {
                best = best.max(by_definition(&rows));
            }
        }
    }
    best
}

#[test]
fn the_fast_statistic_is_that_of_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut risk, mut search) = (NodeRisk::default(), SplitSearch::default());
    let mut n_found = 0;
    for trial in 0..300 {
        let n: usize = rng.random_range(8..70);
        let n_values = if trial % 3 == 0 { 3.0 } else { 40.0 };
        let missing = if trial % 2 == 0 { 0.0 } else { 0.2 };
        let x: Vec<f32> = (0..n)
            .map(|_| {
                let value = (rng.random::<f32>() * n_values).floor();
                if rng.random::<f32>() < missing { f32::NAN } else { value }
            })
            .collect();
        let time: Vec<f64> = (0..n).map(|_| f64::from(rng.random_range(0..30_u32))).collect();
        let event: Vec<bool> = (0..n).map(|_| rng.random::<f32>() < 0.6).collect();
        let weight: Vec<u32> = (0..n).map(|_| rng.random_range(0..4)).collect();
        let matrix = DesignMatrix { names: vec!["x".into()], n_rows: n, values: x.clone() };
        let data = TimeOrdered::new(&matrix, &Survival::new(time.clone(), event.clone()).unwrap());
        let weight_in_order: Vec<u32> = data.order.iter().map(|&row| weight[row]).collect();
        let rows: Vec<u32> = (0..n as u32).filter(|&row| weight_in_order[row as usize] > 0).collect();
        risk.read(&data, &rows, &weight_in_order);
        let expected = best_by_definition(&x, &time, &event, &weight);
        let n_present = search.sort(&rows, &data.columns[0]);
        for few in [true, false] {
            let scans = [false, true]
                .map(|missing_left| search.scan(&risk, &data.columns[0], LIMITS, n_present, missing_left, few));
            let found = scans.iter().flatten().map(|cut| cut.statistic).fold(0.0, f64::max);
            assert!((found - expected).abs() <= 1e-9 * expected.max(1.0), "{trial} {few}: {found} {expected}");
        }
        let best = search.best(&risk, &rows, &data.columns[0], LIMITS).map_or(0.0, |cut| cut.statistic);
        assert!((best - expected).abs() <= 1e-9 * expected.max(1.0), "{trial}: {best} {expected}");
        let random = search.best_random(&risk, &rows, &data.columns[0], LIMITS, 5, || rng.random::<f32>());
        assert!(random.is_none_or(|cut| cut.statistic <= expected * (1.0 + 1e-9)), "{trial}");
        n_found += usize::from(expected > 0.0);
    }
    assert!(n_found > 200);
}

#[test]
fn a_threshold_between_neighbouring_floats_parts_them() {
    let low = 1.0_f32;
    let high = low.next_up();
    let middle = midway(low, high);
    assert!(low <= middle && middle < high);
    assert_eq!(midway(f32::MIN, f32::MAX), 0.0);
}
