use hessboost::data::DMatrix;
use hessboost::model::{BoostedModel, ModelFormat};
use hessboost::objective::{CustomLoss, Objective};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{DesignMatrix, Error, SurvivalModel};
use super::baseline::{cumulative_hazard, slope};
use super::risk_sets::RiskSets;
use super::trees::{Bag, BoostedSurvivalParams, CrossFitted, boost, cross_fit};
use crate::stats::{StepFunction, Survival, SurvivalCurves};

/// The name under which trees are kept: that of hessboost and XGBoost.
const OBJECTIVE: &str = "survival:cox";

/// Boosted trees under proportional hazards, with survival curves from out-of-fold scores.
///
/// The trees maximise Efron's partial likelihood; missing values (NaN) take the branch learnt for them. The log-hazard
/// f is centred: its mean over the training rows is 0. Out-of-fold log-hazards give a calibration slope b (a Cox model
/// with f as its one covariate; below 1 when the trees are over-confident, taken as 0 when negative) and a baseline
/// cumulative hazard H₀ on b·f; S(t | x) = exp(−H₀(t)·exp(b·f(x))). Only the order of the times matters to the trees,
/// so time 0 is allowed. Trees compute in single precision: predictions carry a rounding of about 1e-6.
///
/// # Source
/// Ridgeway 1999 (boosting the partial likelihood); Efron 1977 (ties); van Houwelingen 2000 (calibration slope);
/// Breslow 1974 (baseline).
#[derive(Debug, Clone)]
pub struct BoostedCox {
    bag: Bag,
    slope: f64,
    baseline: StepFunction,
}

/// What [`BoostedCox::encode`] writes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    calibration_slope: f64,
    centre: f64,
    baseline: StepFunction,
    members: Vec<Box<RawValue>>,
}

impl BoostedCox {
    /// Fits the trees on `x` (n_samples × n_features) and `data`; the same seed gives the same bytes.
    ///
    /// `folds` holds a fold number per row for the out-of-fold scores (whole patients, if they have several rows);
    /// `None` deals `params.n_folds` folds stratified by event.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::Width`] for a wrong number of directions, [`Error::Stats`] without events,
    /// with fewer of them than folds, with one fold only, or when out-of-fold scores order all events,
    /// [`Error::Boosting`] when a parameter is out of range.
    pub fn fit(
        x: &DesignMatrix,
        data: &Survival,
        params: &BoostedSurvivalParams,
        folds: Option<&[usize]>,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self::cross_fit(x, data, params, folds, seed)?.0)
    }

    /// Fits as [`BoostedCox::fit`] and also returns the out-of-fold log-hazard of every row, before calibration.
    ///
    /// # Errors
    /// As [`BoostedCox::fit`].
    pub fn cross_fit(
        x: &DesignMatrix,
        data: &Survival,
        params: &BoostedSurvivalParams,
        folds: Option<&[usize]>,
        seed: u64,
    ) -> Result<(Self, Vec<f64>), Error> {
        let member = |matrix: &DMatrix, data: &Survival, seed: u64| fit_member(matrix, data, params, seed);
        let CrossFitted { bag, out_of_fold } = cross_fit(x, data, params, folds, seed, true, &member)?;
        let slope = slope(data, &out_of_fold)?;
        let log_hazard: Vec<f64> = out_of_fold.iter().map(|score| slope.max(0.0) * score).collect();
        let baseline = cumulative_hazard(data, &log_hazard);
        Ok((Self { bag, slope, baseline }, out_of_fold))
    }

    /// S(t) on the ascending grid `times` of rows with those log-hazards before calibration, such as out-of-fold ones.
    ///
    /// # Errors
    /// [`Error::Stats`] for a grid that does not ascend.
    pub fn curves_of(&self, scores: &[f64], times: &[f64]) -> Result<SurvivalCurves, Error> {
        let baseline: Vec<f64> = times.iter().map(|&time| self.baseline.at(time)).collect();
        let values = scores
            .iter()
            .flat_map(|score| {
                let hazard = (self.slope.max(0.0) * score).exp();
                baseline.iter().map(move |cum_hazard| (-cum_hazard * hazard).exp())
            })
            .collect();
        Ok(SurvivalCurves::new(times.to_vec(), scores.len(), values)?)
    }

    /// The slope of the out-of-fold log-hazards; 1 when they are neither over- nor under-confident.
    #[must_use]
    pub fn calibration_slope(&self) -> f64 {
        self.slope
    }

    /// The baseline cumulative hazard, of a patient with log-hazard 0.
    #[must_use]
    pub fn baseline(&self) -> &StepFunction {
        &self.baseline
    }

    /// SHAP values of the log-hazard: per row, one per column of `x` and the base last; positive raises the risk.
    ///
    /// Their sum is the risk score up to f32 rounding; times [`calibration_slope`](Self::calibration_slope) they are
    /// on the scale of the survival curves.
    ///
    /// # Errors
    /// [`Error::Width`].
    ///
    /// # Source
    /// Lundberg et al. 2020 (TreeSHAP, path-dependent), averaged over the refits.
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        self.bag.contributions(x)
    }

    /// The model as JSON: XGBoost's documents, slope, centre and baseline.
    ///
    /// # Errors
    /// [`Error::Boosting`] when a member cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let document = Document {
            calibration_slope: self.slope,
            centre: self.bag.centre,
            baseline: self.baseline.clone(),
            members: self.bag.encode()?,
        };
        serde_json::to_vec(&document).map_err(|error| Error::Boosting(error.to_string()))
    }

    /// Reads what [`BoostedCox::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] for another document, a baseline that does not rise or numbers that are not finite,
    /// [`Error::Boosting`] when a member is not an XGBoost model.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| Error::Weights { expected: "a boosted Cox model", found: error.to_string() })?;
        let Document { calibration_slope: slope, centre, baseline, members } = document;
        let rising = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = [slope, centre].into_iter().chain(baseline.values.iter().copied()).all(f64::is_finite);
        let sound = baseline.before == 0.0
            && baseline.times.len() == baseline.values.len()
            && baseline.values.first().is_some_and(|&first| first > 0.0)
            && rising(&baseline.times)
            && rising(&baseline.values);
        if !(finite && sound) {
            return Err(Error::Weights { expected: "a rising baseline of finite numbers", found: "another".into() });
        }
        Ok(Self { bag: Bag::decode(&members, centre, OBJECTIVE)?, slope, baseline })
    }
}

impl SurvivalModel for BoostedCox {
    /// Log-hazard of every row, before calibration; its mean over the training rows is 0.
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.bag.scores(x)
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        self.curves_of(&self.bag.scores(x)?, times)
    }
}

/// Boosts Efron's partial likelihood.
fn fit_member(
    matrix: &DMatrix,
    data: &Survival,
    params: &BoostedSurvivalParams,
    seed: u64,
) -> Result<BoostedModel, Error> {
    let sets = RiskSets::new(data);
    let loss = CustomLoss::new("regimen:cox", 1, move |margins, _, _, out| sets.gradient(margins, out));
    let labels: Vec<f32> = data.event().iter().map(|&event| f32::from(u8::from(event))).collect();
    let matrix = matrix.clone().with_labels(&labels)?;
    let settings = params.settings(Objective::custom(loss), None, false, seed)?;
    as_cox(&boost(&settings, &matrix, params.rounds)?)
}

/// The same trees under the name of XGBoost's own Cox objective, whose margins mean the same, so that they can be kept
/// as XGBoost JSON.
fn as_cox(model: &BoostedModel) -> Result<BoostedModel, Error> {
    let refused = |error: serde_json::Error| Error::Boosting(error.to_string());
    let mut document: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&model.encode(ModelFormat::Json)?).map_err(refused)?;
    document.insert("objective".into(), OBJECTIVE.into());
    document.remove("objective_params");
    Ok(BoostedModel::decode(serde_json::to_vec(&document).map_err(refused)?, ModelFormat::Json)?)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::super::boosted::Direction;
    use super::*;

    /// Hazard exp(1.5·a) among four columns, a missing in some rows; times 0 to 39, so ties.
    fn sample(n: usize) -> (DesignMatrix, Survival) {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut values: Vec<f32> = (0..n * 4).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        let time = values
            .chunks(4)
            .map(|row| (-10.0 * rng.random::<f64>().ln() * (-1.5 * f64::from(row[0])).exp()).floor().min(39.0))
            .collect();
        let event = (0..n).map(|_| rng.random_bool(0.7)).collect();
        values.iter_mut().step_by(28).for_each(|value| *value = f32::NAN);
        let names = ["a", "b", "c", "d"].map(String::from).to_vec();
        (DesignMatrix { names, n_rows: n, values }, Survival::new(time, event).unwrap())
    }

    fn params() -> BoostedSurvivalParams {
        BoostedSurvivalParams { rounds: 60, ..BoostedSurvivalParams::default() }
    }

    #[test]
    fn it_learns_with_ties_time_0_and_missing_values_and_its_curves_are_curves() {
        let (x, data) = sample(300);
        let (model, out_of_fold) = BoostedCox::cross_fit(&x, &data, &params(), None, 1).unwrap();
        let scores = model.risk_scores(&x).unwrap();
        assert!(scores.iter().sum::<f64>().abs() < 1e-9 && scores.iter().all(|score| score.is_finite()));
        let along =
            |scores: &[f64]| -> f64 { (0..300).map(|row| scores[row] * f64::from(x.row(row)[0].max(-1.0))).sum() };
        assert!(along(&scores) > 0.0 && along(&out_of_fold) > 0.0);
        let times: Vec<f64> = (0..=40).map(f64::from).collect();
        let curves = model.survival_curves(&x, &times).unwrap();
        for row in 0..300 {
            assert!(curves.row(row).windows(2).all(|pair| pair[0] >= pair[1]));
        }
        let by_score = |a: &usize, b: &usize| scores[*a].total_cmp(&scores[*b]);
        let (low, high) = ((0..300).min_by(by_score).unwrap(), (0..300).max_by(by_score).unwrap());
        assert!(curves.row(low)[10] > curves.row(high)[10]);
        assert!((0.5..1.6).contains(&model.calibration_slope()), "{}", model.calibration_slope());
    }

    #[test]
    fn the_mean_curve_is_near_kaplan_meier_where_the_trees_overfit() {
        let (x, data) = sample(240);
        let deep = BoostedSurvivalParams { max_depth: 6, eta: 0.3, min_child_weight: 0.1, rounds: 100, ..params() };
        let model = BoostedCox::fit(&x, &data, &deep, None, 1).unwrap();
        assert!(model.calibration_slope() < 0.6, "{}", model.calibration_slope());
        let curves = model.survival_curves(&x, &[5.0]).unwrap();
        let mean = curves.at(5.0).iter().sum::<f64>() / 240.0;
        let mut observed = 1.0;
        for time in 0..=5 {
            let dying = |&i: &usize| data.event_time()[i] == f64::from(time) && data.event()[i];
            let at_risk = data.event_time().iter().filter(|&&t| t >= f64::from(time)).count();
            observed *= 1.0 - (0..240).filter(dying).count() as f64 / at_risk as f64;
        }
        assert!((mean - observed).abs() < 0.05, "{mean} {observed}");
    }

    #[test]
    fn seeds_repeat_on_any_number_of_threads_and_documents_to_the_bit() {
        let (x, data) = sample(120);
        let bagged = BoostedSurvivalParams { n_refits: NonZeroUsize::new(3).unwrap(), rounds: 20, ..params() };
        let model = BoostedCox::fit(&x, &data, &bagged, None, 5).unwrap();
        let bytes = model.encode().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| BoostedCox::fit(&x, &data, &bagged, None, 5)).unwrap().encode().unwrap(), bytes);
        let read = BoostedCox::decode(&bytes).unwrap();
        assert_eq!(read.encode().unwrap(), bytes);
        assert_eq!(read.risk_scores(&x).unwrap(), model.risk_scores(&x).unwrap());
        assert_eq!(read.survival_curves(&x, &[3.0, 9.0]).unwrap(), model.survival_curves(&x, &[3.0, 9.0]).unwrap());
        assert_ne!(BoostedCox::fit(&x, &data, &bagged, None, 6).unwrap().encode().unwrap(), bytes);
        let sums = model.contributions(&x).unwrap();
        for (row, score) in sums.iter().zip(model.risk_scores(&x).unwrap()) {
            assert!(row.len() == 5 && (row.iter().sum::<f64>() - score).abs() < 1e-6);
        }
    }

    #[test]
    fn the_risk_follows_its_directions() {
        let (mut x, data) = sample(200);
        x.values.iter_mut().for_each(|value| *value = if value.is_nan() { 0.0 } else { *value });
        for (direction, sign) in [(Direction::Rising, 1.0), (Direction::Falling, -1.0)] {
            let monotone = vec![direction, direction, Direction::Free, Direction::Free];
            let model = BoostedCox::fit(&x, &data, &BoostedSurvivalParams { monotone, ..params() }, None, 1).unwrap();
            for column in 0..2 {
                let mut before: Option<Vec<f64>> = None;
                for step in 0..9 {
                    let mut moved = x.clone();
                    moved.values.iter_mut().skip(column).step_by(4).for_each(|v| *v = step as f32 / 4.0 - 1.0);
                    let scores = model.risk_scores(&moved).unwrap();
                    if let Some(before) = before {
                        assert!(scores.iter().zip(&before).all(|(a, b)| sign * (a - b) >= -1e-6));
                    }
                    before = Some(scores);
                }
            }
        }
    }

    #[test]
    fn rows_in_another_order_give_the_same_predictions_without_sampling() {
        let (x, data) = sample(150);
        let plain = BoostedSurvivalParams { subsample: 1.0, colsample_bynode: 1.0, rounds: 30, ..params() };
        let folds: Vec<usize> = (0..150).map(|row| row % 5).collect();
        let model = BoostedCox::fit(&x, &data, &plain, Some(&folds), 1).unwrap();
        let order: Vec<usize> = (0..150).map(|row| (row * 7) % 150).collect();
        let turned: Vec<usize> = order.iter().map(|&row| folds[row]).collect();
        let other =
            BoostedCox::fit(&x.select(&order), &data.select(&order).unwrap(), &plain, Some(&turned), 2).unwrap();
        for (a, b) in model.risk_scores(&x).unwrap().iter().zip(other.risk_scores(&x).unwrap()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert!((model.calibration_slope() - other.calibration_slope()).abs() < 1e-4);
    }

    #[test]
    fn bad_input_and_broken_documents_are_refused() {
        let (x, data) = sample(60);
        let fit = |data: &Survival, params: BoostedSurvivalParams, folds: Option<&[usize]>| {
            BoostedCox::fit(&x, data, &params, folds, 1)
        };
        let short = data.select(&[0, 1, 2]).unwrap();
        assert!(matches!(fit(&short, params(), None), Err(Error::LengthMismatch { .. })));
        let none = Survival::new(vec![1.0; 60], vec![false; 60]).unwrap();
        assert!(matches!(fit(&none, params(), None), Err(Error::Stats(crate::stats::Error::NoEvents { .. }))));
        assert!(matches!(fit(&data, params(), Some(&[0; 60])), Err(Error::Stats(_))));
        assert!(matches!(fit(&data, params(), Some(&[0; 6])), Err(Error::LengthMismatch { .. })));
        let directions = BoostedSurvivalParams { monotone: vec![Direction::Rising], ..params() };
        assert!(matches!(fit(&data, directions, None), Err(Error::Width { .. })));
        assert!(matches!(fit(&data, BoostedSurvivalParams { eta: -1.0, ..params() }, None), Err(Error::Boosting(_))));
        let all = Survival::new((1..=60).map(f64::from).collect(), vec![true; 60]).unwrap();
        let model = fit(&all, BoostedSurvivalParams { rounds: 5, ..params() }, None).unwrap();
        let narrow = DesignMatrix { names: vec!["a".into()], n_rows: 1, values: vec![0.0] };
        assert!(matches!(model.risk_scores(&narrow), Err(Error::Width { expected: 4, found: 1 })));
        let text = String::from_utf8(model.encode().unwrap()).unwrap();
        for broken in [
            text.replace("survival:cox", "survival:aft"),
            text.replace("\"before\":0.0", "\"before\":0.5"),
            text.replace("\"centre\"", "\"center\""),
            r#"{"calibration_slope":1.0,"centre":0.0,"baseline":{"before":0.0,"times":[1.0],"values":[0.1]},"members":[]}"#
                .to_owned(),
        ] {
            assert!(BoostedCox::decode(broken.as_bytes()).is_err());
        }
        assert!(serde_json::from_str::<BoostedSurvivalParams>(r#"{"depth":3}"#).is_err());
        let read: BoostedSurvivalParams = serde_json::from_str(r#"{"monotone":[1,0,-1]}"#).unwrap();
        assert_eq!(read.monotone, [Direction::Rising, Direction::Free, Direction::Falling]);
    }
}
