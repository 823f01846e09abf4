use hessboost::data::DMatrix;
use hessboost::model::BoostedModel;
use hessboost::objective::{Aft, Objective};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{DesignMatrix, Error, SurvivalModel};
use super::location_scale::{LocationScale, TimeDistribution};
use super::trees::{Bag, BoostedSurvivalParams, CrossFitted, boost, cross_fit};
use crate::stats::{Survival, SurvivalCurves};

const OBJECTIVE: &str = "survival:aft";

/// Settings of a boosted accelerated-failure-time model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostedAftParams {
    /// The trees; directions are those of the risk.
    pub trees: BoostedSurvivalParams,
    /// Distribution of Z in ln T = μ(x) + σ·Z.
    pub distribution: TimeDistribution,
    /// σ during boosting.
    pub scale: f64,
    /// Whether the curves take intercept, slope and σ from out-of-fold predictions instead of (0, 1, `scale`).
    pub recalibrate: bool,
}

impl Default for BoostedAftParams {
    fn default() -> Self {
        let trees = BoostedSurvivalParams { min_child_weight: 1.0, ..BoostedSurvivalParams::default() };
        Self { trees, distribution: TimeDistribution::default(), scale: 1.0, recalibrate: true }
    }
}

/// Boosted trees of the log time, ln T = μ(x) + σ·Z, with smooth parametric survival curves.
///
/// S(t | x) = S_Z((ln t − a − b·f(x))/s), f being the trees' sum. Out-of-fold predictions give a, b and s by maximum
/// likelihood (b taken as 0 when negative), so that over-confident trees are pulled together; without recalibration
/// they are 0, 1 and the scale used in boosting. Boosting starts from the best constant. A missing value (NaN) takes
/// the branch learnt for it; a patient censored at time 0 says nothing and moves nothing.
///
/// # Source
/// Barnwal, Cho & Hocking 2022 (`survival:aft`); Kalbfleisch & Prentice 2002, section 3.6 (recalibration).
#[derive(Debug, Clone)]
pub struct BoostedAft {
    bag: Bag,
    distribution: TimeDistribution,
    calibration: LocationScale,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    distribution: TimeDistribution,
    calibration: LocationScale,
    members: Vec<Box<RawValue>>,
}

impl BoostedAft {
    /// Fits the trees on `x` (n_samples × n_features) and `data`; the same seed gives the same bytes.
    ///
    /// `folds` as in [`BoostedCox::fit`](super::BoostedCox::fit).
    ///
    /// # Errors
    /// [`Error::Parameter`] for an event at time 0 (its log is infinite) or a scale not above 0, otherwise as
    /// [`BoostedCox::fit`](super::BoostedCox::fit).
    pub fn fit(
        x: &DesignMatrix,
        data: &Survival,
        params: &BoostedAftParams,
        folds: Option<&[usize]>,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self::cross_fit(x, data, params, folds, seed)?.0)
    }

    /// Fits as [`BoostedAft::fit`] and also returns the out-of-fold location of ln T of every row, before recalibration.
    ///
    /// # Errors
    /// As [`BoostedAft::fit`].
    pub fn cross_fit(
        x: &DesignMatrix,
        data: &Survival,
        params: &BoostedAftParams,
        folds: Option<&[usize]>,
        seed: u64,
    ) -> Result<(Self, Vec<f64>), Error> {
        if data.event_time().iter().zip(data.event()).any(|(&time, &event)| event && time <= 0.0) {
            return Err(Error::Parameter { what: "time of an event", expected: "a number above 0", found: 0.0 });
        }
        if !(params.scale > 0.0 && params.scale.is_finite()) {
            return Err(Error::Parameter { what: "scale", expected: "a number above 0", found: params.scale });
        }
        let fixed = LocationScale { intercept: 0.0, slope: 1.0, scale: params.scale };
        let member = |matrix: &DMatrix, data: &Survival, seed: u64| fit_member(matrix, data, params, seed);
        let CrossFitted { bag, out_of_fold } = cross_fit(x, data, &params.trees, folds, seed, false, &member)?;
        let calibration = if params.recalibrate {
            let fitted = fixed.maximise(params.distribution, data, &out_of_fold, [true, varies(&out_of_fold), true])?;
            if fitted.slope >= 0.0 {
                fitted
            } else {
                let flat = LocationScale { intercept: mean_log_time(data), slope: 0.0, ..fixed };
                flat.maximise(params.distribution, data, &out_of_fold, [true, false, true])?
            }
        } else {
            fixed
        };
        Ok((Self { bag, distribution: params.distribution, calibration }, out_of_fold))
    }

    /// S(t) on the ascending grid `times` of rows with those locations before recalibration, such as out-of-fold ones.
    ///
    /// # Errors
    /// [`Error::Stats`] for a grid that does not ascend.
    pub fn curves_of(&self, locations: &[f64], times: &[f64]) -> Result<SurvivalCurves, Error> {
        let LocationScale { intercept, slope, scale } = self.calibration;
        let survival = |location: f64, time: f64| {
            if time > 0.0 { self.distribution.survival((time.ln() - location) / scale) } else { 1.0 }
        };
        let values = locations
            .iter()
            .flat_map(|score| times.iter().map(move |&time| (intercept + slope * score, time)))
            .map(|(location, time)| survival(location, time))
            .collect();
        Ok(SurvivalCurves::new(times.to_vec(), locations.len(), values)?)
    }

    /// Intercept, slope and scale between the trees' sum and the log time.
    #[must_use]
    pub fn calibration(&self) -> (f64, f64, f64) {
        (self.calibration.intercept, self.calibration.slope, self.calibration.scale)
    }

    /// The trees' sum of every row: the location of ln T before recalibration.
    ///
    /// # Errors
    /// [`Error::Width`].
    pub fn log_times(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.bag.scores(x)
    }

    /// The model as JSON: XGBoost's documents, distribution and calibration.
    ///
    /// # Errors
    /// [`Error::Boosting`] when a member cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let document =
            Document { distribution: self.distribution, calibration: self.calibration, members: self.bag.encode()? };
        serde_json::to_vec(&document).map_err(|error| Error::Boosting(error.to_string()))
    }

    /// Reads what [`BoostedAft::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] for another document or a scale not above 0, [`Error::Boosting`] when a member is not an
    /// XGBoost model.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let Document { distribution, calibration, members } = serde_json::from_slice(bytes)
            .map_err(|error| Error::Weights { expected: "a boosted log-time model", found: error.to_string() })?;
        let LocationScale { intercept, slope, scale } = calibration;
        if !(scale > 0.0 && slope >= 0.0 && [intercept, slope, scale].into_iter().all(f64::is_finite)) {
            return Err(Error::Weights {
                expected: "a scale above 0 and a slope from 0",
                found: format!("{scale}, {slope}"),
            });
        }
        Ok(Self { bag: Bag::decode(&members, 0.0, OBJECTIVE)?, distribution, calibration })
    }
}

impl SurvivalModel for BoostedAft {
    /// Minus the location of ln T, before recalibration.
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        Ok(self.bag.scores(x)?.into_iter().map(|location| -location).collect())
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        self.curves_of(&self.bag.scores(x)?, times)
    }
}

/// Boosts the likelihood of the censored log times from the best constant on.
fn fit_member(matrix: &DMatrix, data: &Survival, params: &BoostedAftParams, seed: u64) -> Result<BoostedModel, Error> {
    let start = LocationScale { intercept: mean_log_time(data), slope: 0.0, scale: params.scale };
    let zeros = vec![0.0; data.n_samples()];
    let start = start.maximise(params.distribution, data, &zeros, [true, false, false])?;
    // A lower bound of 0 would mean left censoring; the smallest number above says the same as time 0: nothing.
    let lower: Vec<f32> = data.event_time().iter().map(|&time| (time as f32).max(f32::MIN_POSITIVE)).collect();
    let upper: Vec<f32> =
        lower.iter().zip(data.event()).map(|(&time, &event)| if event { time } else { f32::INFINITY }).collect();
    let matrix = matrix.clone().with_label_bounds(&lower, &upper)?;
    let objective = Objective::Aft(Aft::new(params.distribution.loss(), params.scale)?);
    let settings = params.trees.settings(objective, Some(start.intercept.exp()), true, seed)?;
    boost(&settings, &matrix, params.trees.rounds)
}

fn mean_log_time(data: &Survival) -> f64 {
    let logs: Vec<f64> = data.event_time().iter().filter(|&&time| time > 0.0).map(|time| time.ln()).collect();
    logs.iter().sum::<f64>() / logs.len().max(1) as f64
}

fn varies(values: &[f64]) -> bool {
    values.windows(2).any(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::super::boosted::Direction;
    use super::*;

    /// Weibull times in days, shorter with a; a censored patient at time 0.
    fn sample(n: usize) -> (DesignMatrix, Survival) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let values: Vec<f32> = (0..n * 3).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        let mut time: Vec<f64> = values
            .chunks(3)
            .map(|row| 1500.0 * (-rng.random::<f64>().ln()).sqrt() * (-0.8 * f64::from(row[0])).exp())
            .collect();
        let mut event: Vec<bool> = (0..n).map(|_| rng.random_bool(0.7)).collect();
        (time[0], event[0]) = (0.0, false);
        let names = ["a", "b", "c"].map(String::from).to_vec();
        (DesignMatrix { names, n_rows: n, values }, Survival::new(time, event).unwrap())
    }

    fn params(distribution: TimeDistribution) -> BoostedAftParams {
        let trees = BoostedSurvivalParams { rounds: 60, min_child_weight: 1.0, ..BoostedSurvivalParams::default() };
        BoostedAftParams { trees, distribution, scale: 0.6, ..BoostedAftParams::default() }
    }

    #[test]
    fn every_distribution_learns_and_its_curves_are_curves() {
        let (x, data) = sample(300);
        for distribution in [TimeDistribution::Normal, TimeDistribution::Logistic, TimeDistribution::Extreme] {
            let model = BoostedAft::fit(&x, &data, &params(distribution), None, 1).unwrap();
            let scores = model.risk_scores(&x).unwrap();
            let along: f64 = (0..300).map(|row| (scores[row] + 7.0) * f64::from(x.row(row)[0])).sum();
            assert!(along > 0.0);
            let (_, slope, scale) = model.calibration();
            assert!((0.5..1.6).contains(&slope) && (0.2..0.9).contains(&scale), "{distribution:?} {slope} {scale}");
            let curves = model.survival_curves(&x, &[0.0, 100.0, 1000.0, 3000.0]).unwrap();
            for row in 0..300 {
                assert!(curves.row(row)[0] == 1.0 && curves.row(row).windows(2).all(|pair| pair[0] >= pair[1]));
            }
            let read = BoostedAft::decode(&model.encode().unwrap()).unwrap();
            assert_eq!(read.survival_curves(&x, &[700.0]).unwrap(), model.survival_curves(&x, &[700.0]).unwrap());
        }
    }

    #[test]
    fn without_recalibration_the_fixed_scale_is_used_and_directions_are_those_of_the_risk() {
        let (x, data) = sample(150);
        let mut params = BoostedAftParams { recalibrate: false, ..params(TimeDistribution::Normal) };
        params.trees.monotone = vec![Direction::Rising, Direction::Free, Direction::Free];
        let model = BoostedAft::fit(&x, &data, &params, None, 1).unwrap();
        assert_eq!(model.calibration(), (0.0, 1.0, 0.6));
        let mut moved = x.clone();
        moved.values.iter_mut().step_by(3).for_each(|value| *value += 0.5);
        let (before, after) = (model.risk_scores(&x).unwrap(), model.risk_scores(&moved).unwrap());
        assert!(after.iter().zip(&before).all(|(after, before)| after >= before));
    }

    #[test]
    fn an_event_at_time_0_a_scale_of_0_and_broken_documents_are_refused() {
        let (x, data) = sample(60);
        let mut event = data.event().to_vec();
        event[0] = true;
        let zero = Survival::new(data.event_time().to_vec(), event).unwrap();
        let good = params(TimeDistribution::Normal);
        assert!(matches!(BoostedAft::fit(&x, &zero, &good, None, 1), Err(Error::Parameter { .. })));
        let flat = BoostedAftParams { scale: 0.0, ..good.clone() };
        assert!(matches!(BoostedAft::fit(&x, &data, &flat, None, 1), Err(Error::Parameter { what: "scale", .. })));
        let text = String::from_utf8(BoostedAft::fit(&x, &data, &good, None, 1).unwrap().encode().unwrap()).unwrap();
        assert!(BoostedAft::decode(text.replace("\"scale\":", "\"scale\":-").as_bytes()).is_err());
        assert!(BoostedAft::decode(b"[]").is_err());
    }
}
