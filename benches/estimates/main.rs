//! Times of our estimates on the tables that `peers.py gen DIR` writes: `estimates DIR [NAME…]` prints one JSON object,
//! the median seconds of five runs by name. `run.sh` alternates it with the peers in one run.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use hessboost::config::TrainingParams;
use hessboost::data::DMatrix;
use hessboost::model::Iterations;
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::train as train_trees;
use polars::prelude::{DataFrame, DataType};
use regimen::learn::elastic_net::cox_path;
use regimen::learn::{
    BoostedBag, BoostedCox, BoostedParams, BoostedSurvivalParams, CoxTies, DesignMatrix, ElasticNetParams, LambdaGrid,
    MissingGroups,
};
use regimen::stats::concordance::{c_index, c_index_value};
use regimen::stats::cox::{CoxData, CoxOptions, Ties, cox_fit};
use regimen::stats::{Survival, expit, log_loss};

const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some((folder, names)) = args.split_first() else {
        println!("usage: estimates DIR [concordance cox coxnet boosted shap]");
        return Ok(());
    };
    let folder = Path::new(folder);
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| given == name);
    let mut found = serde_json::Map::new();
    let mut put = |name: &str, value: f64| {
        found.insert(name.to_owned(), serde_json::json!(value));
    };
    if wanted("concordance") {
        let frame = read(&folder.join("cindex.csv"))?;
        let (data, risk) = (survival(&frame)?, numbers(&frame, "x")?);
        put("concordance", median(|| c_index_value(&data, &risk).map(|_| ()))?);
        put("concordance_with_std_err", median(|| c_index(&data, &risk).map(|_| ()))?);
    }
    if wanted("cox") {
        let frame = read(&folder.join("surv_1e5.csv"))?;
        let data = survival(&frame)?;
        let columns = (0..10).map(|j| numbers(&frame, &format!("x{j}"))).collect::<Result<Vec<_>, _>>()?;
        let features: Vec<f64> = (0..data.n_samples()).flat_map(|row| columns.iter().map(move |c| c[row])).collect();
        for ties in [Ties::Efron, Ties::Breslow] {
            let options = CoxOptions { ties, ..CoxOptions::default() };
            let name = if ties == Ties::Efron { "cox_efron" } else { "cox_breslow" };
            put(name, median(|| cox_fit(&CoxData::new(&features, 10, &data), &options).map(|_| ()))?);
        }
    }
    if wanted("coxnet") {
        for name in ["gbsg2", "metabric", "gse7390"] {
            let frame = read(&folder.join(format!("{name}.csv")))?;
            let (x, data) = (matrix(&frame, &["id", "time", "event", "is_test"])?, survival(&frame)?);
            let lambda = LambdaGrid::Automatic { n_lambda: 50, ratio: Some(0.01) };
            let params = ElasticNetParams { lambda, ..ElasticNetParams::default() };
            put(
                &format!("coxnet_{name}"),
                median(|| cox_path(&x, &data, None, CoxTies::Breslow, &params).map(|_| ()))?,
            );
        }
    }
    if wanted("boosted") || wanted("shap") {
        let (train, test) = (read(&folder.join("synth_100000.parquet"))?, read(&folder.join("synth_test.parquet"))?);
        let aside = ["y", "time", "event"];
        let (x, x_test) = (matrix(&train, &aside)?, matrix(&test, &aside)?);
        // The library that trains our boosted models, on all rows and two threads, as XGBoost beside it.
        let y_of = |frame: &DataFrame| -> Result<Vec<bool>, Box<dyn Error>> {
            Ok(numbers(frame, "y")?.iter().map(|&y| y > 0.5).collect())
        };
        let (y, y_test) = (y_of(&train)?, y_of(&test)?);
        let labels: Vec<f32> = y.iter().map(|&y| f32::from(u8::from(y))).collect();
        let start = Instant::now();
        let matrix = DMatrix::from_dense(&x.values, x.n_rows, x.n_features())?.with_labels(&labels)?;
        let settings = TrainingParams::builder()
            .objective(Objective::BinaryLogistic(RegLoss::default()))
            .nthread(2)
            .seed(1)
            .eta(0.1)
            .max_depth(6)
            .build()?;
        let model = train_trees(&settings, &matrix, 100)?;
        put("boosted_logistic", start.elapsed().as_secs_f64());
        let matrix = DMatrix::from_dense(&x_test.values, x_test.n_rows, x_test.n_features())?;
        let margins = model.predict_margin(&matrix, Iterations::Best)?.into_vec();
        let p: Vec<f64> = margins.iter().map(|&margin| expit(f64::from(margin))).collect();
        put("boosted_logistic_test_log_loss", log_loss(&y_test, &p)?);
        // One bootstrap refit of our bag, on one thread.
        let params = BoostedParams {
            max_depth: 6,
            eta: 0.1,
            rounds: 100,
            subsample: 1.0,
            colsample_bynode: 1.0,
            min_child_weight: 1.0,
            lambda: 1.0,
        };
        let start = Instant::now();
        let bag = BoostedBag::fit(&x, &y, &params, &MissingGroups::default(), NonZeroUsize::MIN, 1)?;
        put("boosted_logistic_one_refit_one_thread", start.elapsed().as_secs_f64());
        let few = x_test.select(&(0..10_000).collect::<Vec<_>>());
        let start = Instant::now();
        bag.contributions(&few)?;
        put("shap_10000", start.elapsed().as_secs_f64());
        let data = survival(&train)?;
        let settings = BoostedSurvivalParams {
            max_depth: 6,
            eta: 0.1,
            rounds: 100,
            subsample: 1.0,
            colsample_bynode: 1.0,
            min_child_weight: 1.0,
            lambda: 1.0,
            n_folds: 2,
            ..BoostedSurvivalParams::default()
        };
        let start = Instant::now();
        let model = BoostedCox::fit(&x, &data, &settings, None, 1)?;
        // Three fits: one of all rows, two of half of them for the out-of-fold baseline.
        put("boosted_cox_with_two_fold_baseline", start.elapsed().as_secs_f64());
        let risk = regimen::learn::SurvivalModel::risk_scores(&model, &x_test)?;
        put("boosted_cox_test_c_index", c_index_value(&survival(&test)?, &risk)?);
    }
    println!("{}", serde_json::Value::Object(found));
    Ok(())
}

/// Median seconds of some runs after a first one that is not counted.
fn median<E: Error + 'static>(run: impl Fn() -> Result<(), E>) -> Result<f64, Box<dyn Error>> {
    run()?;
    let mut seconds = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[REPEATS / 2])
}

fn read(path: &Path) -> Result<DataFrame, Box<dyn Error>> {
    Ok(regimen::tables::read_table(path)?.0)
}

fn numbers(frame: &DataFrame, name: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let column = frame.column(name)?.cast(&DataType::Float64)?;
    Ok(column.f64()?.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

fn survival(frame: &DataFrame) -> Result<Survival, Box<dyn Error>> {
    let event = numbers(frame, "event")?.iter().map(|&event| event > 0.5).collect();
    Ok(Survival::new(numbers(frame, "time")?, event)?)
}

fn matrix(frame: &DataFrame, aside: &[&str]) -> Result<DesignMatrix, Box<dyn Error>> {
    let names: Vec<String> = frame
        .get_column_names()
        .iter()
        .map(ToString::to_string)
        .filter(|name| !aside.contains(&name.as_str()))
        .collect();
    let columns = names.iter().map(|name| numbers(frame, name)).collect::<Result<Vec<_>, _>>()?;
    let values = (0..frame.height()).flat_map(|row| columns.iter().map(move |column| column[row] as f32)).collect();
    Ok(DesignMatrix { names, n_rows: frame.height(), values })
}
