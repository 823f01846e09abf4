//! The survival forest on the public cohorts of `$REGIMEN_PEERS` (default `../shared/peers`):
//!
//! `cv DATASET OUT.csv [PARAMS.json]` writes predictions on the fixed folds, the first `$REPS` repetitions (1), which
//! the peers' own `surv_cv.py DATASET external:OUT.csv …` scores; with `$FROM_HAZARD` the curves are exp(−H) instead of
//! the mean Kaplan–Meier. `time DATASET [PARAMS.json]` prints seconds of one fit and prediction.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use regimen::learn::{DesignMatrix, ForestParams, SurvivalForest};
use regimen::stats::Survival;

struct Cohort {
    x: DesignMatrix,
    survival: Survival,
    /// Per repetition, the fold in which each row is held out.
    folds: Vec<Vec<usize>>,
    id: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cv", name, out, params @ ..] => cross_validate(name, out, &settings(params)?),
        ["time", name, params @ ..] => time(name, &settings(params)?),
        _ => {
            println!("usage: cv DATASET OUT.csv [PARAMS.json] | time DATASET [PARAMS.json]");
            Ok(())
        }
    }
}

fn settings(given: &[&str]) -> Result<ForestParams, Box<dyn Error>> {
    Ok(given.first().map_or_else(|| Ok(ForestParams::default()), |json| serde_json::from_str(json))?)
}

fn read(name: &str) -> Result<Cohort, Box<dyn Error>> {
    let root = std::env::var_os("REGIMEN_PEERS").map_or_else(|| PathBuf::from("../shared/peers"), PathBuf::from);
    let mut reader = csv::Reader::from_path(root.join(format!("data/{name}.csv")))?;
    let header: Vec<String> = reader.headers()?.iter().map(String::from).collect();
    let used: Vec<usize> =
        (0..header.len()).filter(|&at| !["id", "time", "event", "is_test"].contains(&header[at].as_str())).collect();
    let at = |name: &str| header.iter().position(|h| h == name).ok_or("column missing");
    let (id_at, time_at, event_at) = (at("id")?, at("time")?, at("event")?);
    let (mut id, mut time, mut event, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record?;
        id.push(record[id_at].to_string());
        time.push(record[time_at].parse()?);
        event.push(record[event_at].parse::<f64>()? == 1.0);
        for &column in &used {
            values.push(record[column].parse::<f32>()?);
        }
    }
    let mut folds = csv::Reader::from_path(root.join(format!("folds/{name}_folds.csv")))?;
    let mut fold_of: Vec<Vec<usize>> = vec![Vec::new(); 5];
    for record in folds.deserialize() {
        let record: BTreeMap<String, usize> = record?;
        for (rep, folds) in fold_of.iter_mut().enumerate() {
            folds.push(*record.get(&format!("rep{rep}")).ok_or("no such repetition")?);
        }
    }
    let names = used.iter().map(|&at| header[at].clone()).collect();
    let x = DesignMatrix { names, n_rows: id.len(), values };
    Ok(Cohort { x, survival: Survival::new(time, event)?, folds: fold_of, id })
}

/// Linear interpolation between order statistics, as numpy's `percentile`.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

fn cross_validate(name: &str, out: &str, params: &ForestParams) -> Result<(), Box<dyn Error>> {
    let cohort = read(name)?;
    let (all_times, all_events) = (cohort.survival.event_time(), cohort.survival.event());
    let mut times: Vec<f64> = all_times.iter().zip(all_events).filter(|&(_, &e)| e).map(|(&t, _)| t).collect();
    times.sort_by(f64::total_cmp);
    let (from, to) = (percentile(&times, 0.1), percentile(&times, 0.8));
    let grid: Vec<f64> = (0..20).map(|at| from + (to - from) * f64::from(at) / 19.0).collect();
    let from_hazard = std::env::var_os("FROM_HAZARD").is_some();
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    write!(file, "rep,fold,id,risk")?;
    (0..20).try_for_each(|at| write!(file, ",s{at}"))?;
    writeln!(file)?;
    let from_env = |name: &str, default: u64| std::env::var(name).map_or(Ok(default), |value| value.parse::<u64>());
    let (seed, n_reps) = (from_env("SEED", 0)?, from_env("REPS", 1)? as usize);
    for (rep, fold_of) in cohort.folds.iter().enumerate().take(n_reps) {
        for fold in 0..5 {
            let (test, train): (Vec<usize>, Vec<usize>) = (0..cohort.x.n_rows).partition(|&row| fold_of[row] == fold);
            let seed = seed * 1000 + (rep * 100 + fold) as u64;
            let forest = SurvivalForest::fit(&cohort.x.select(&train), &cohort.survival.select(&train)?, params, seed)?;
            let x = cohort.x.select(&test);
            let risk = forest.risk_score(&x)?;
            let curves = forest.survival_curves(&x, &grid)?;
            let hazards = forest.cumulative_hazard(&x, &grid)?;
            for (at, &row) in test.iter().enumerate() {
                write!(file, "{rep},{fold},{},{}", cohort.id[row], risk[at])?;
                for (k, s) in curves.row(at).iter().enumerate() {
                    write!(file, ",{}", if from_hazard { (-hazards[at * 20 + k]).exp() } else { *s })?;
                }
                writeln!(file)?;
            }
        }
    }
    Ok(file.flush()?)
}

fn time(name: &str, params: &ForestParams) -> Result<(), Box<dyn Error>> {
    let cohort = read(name)?;
    let start = Instant::now();
    let forest = SurvivalForest::fit(&cohort.x, &cohort.survival, params, 1)?;
    let fit = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let out_of_bag = forest.out_of_bag(&cohort.x, forest.event_times())?;
    let oob = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let curves = forest.survival_curves(&cohort.x, forest.event_times())?;
    let predict = start.elapsed().as_secs_f64();
    println!(
        "regimen {name} fit_s {fit:.3} oob_s {oob:.3} predict_s {predict:.3} leaves {:.1} oob_c {:.4} curves {}",
        forest.mean_leaves(),
        out_of_bag.c_index(&cohort.survival)?,
        curves.n_samples()
    );
    if std::env::var_os("SIZE").is_some() {
        println!("json bytes {}", serde_json::to_vec(&forest)?.len());
    }
    Ok(())
}
