//! Small hostile data sets through every estimate: a typed error or finite numbers, never NaN and never a panic.

use regimen::learn::elastic_net::{cox_path, logistic_path};
use regimen::learn::{
    BinaryModel, BoostedCox, BoostedSurvivalParams, CoxRegression, CoxTies, DesignMatrix, ElasticNetParams,
    ForestParams, LambdaGrid, LogisticRegression, SurvivalForest, SurvivalModel,
};
use regimen::stats::concordance::{c_index, c_index_ipcw};
use regimen::stats::cox::{CoxData, CoxOptions, TimeTransform, cox_fit, cox_residuals, proportional_hazards_test};
use regimen::stats::dynamic_auc::dynamic_auc;
use regimen::stats::ipcw::CensorSurvival;
use regimen::stats::kaplan_meier::KaplanMeier;
use regimen::stats::survival_brier::ibs;
use regimen::stats::survival_calibration::survival_calibration;
use regimen::stats::{
    AalenJohansen, CompetingRisks, CumulativeHazard, CurveOptions, HazardTies, LogrankOptions, Survival,
    SurvivalCurves, calibration, logrank, rmst,
};

/// A tiny generator, so that the sets are the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Times with heavy ties, zeros and wide ranges.
    fn time(&mut self) -> f64 {
        match self.below(6) {
            0 => 0.0,
            1 => 1e-12,
            2 => 1e9 + self.below(2) as f64,
            _ => self.below(5) as f64,
        }
    }

    /// Values that are constant, tied, huge, tiny or equal to another column.
    fn value(&mut self, kind: u64, row: usize) -> f64 {
        match kind {
            0 => 3.0,
            1 => self.below(2) as f64,
            2 => row as f64,
            3 => 1e7 * self.below(3) as f64,
            4 => 1e-9 * self.below(4) as f64,
            _ => self.below(1000) as f64 / 100.0 - 5.0,
        }
    }
}

fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f64>) {
    for value in values {
        assert!(value.is_finite(), "{what}: {value}");
    }
}

fn estimates(data: &Survival, draw: &mut Draw) {
    let n = data.n_samples();
    let options = CurveOptions::default();
    if let Ok(km) = KaplanMeier::fit(data, &options) {
        finite("survival", &km.survival);
        finite("bounds", km.lower.iter().chain(&km.upper).chain(&km.std_err).flatten());
    }
    if let Ok(found) = CumulativeHazard::fit(data, &options, HazardTies::NelsonAalen) {
        finite("cumulative hazard", &found.as_step().values);
    }
    let groups: Vec<u32> = (0..n).map(|_| draw.below(3) as u32).collect();
    if let Ok(found) = logrank(data, &groups, &LogrankOptions::default()) {
        finite("log-rank", [&found.chi_squared, &found.p]);
    }
    let cause: Vec<u32> = data.event().iter().map(|&event| if event { 1 + draw.below(2) as u32 } else { 0 }).collect();
    if let Ok(risks) = CompetingRisks::new(data.event_time().to_vec(), cause, 2)
        && let Ok(found) = AalenJohansen::fit(&risks, &options)
    {
        for cause in 1..=2 {
            finite("cumulative incidence", &found.as_step(cause).map(|step| step.values).unwrap_or_default());
        }
    }
    if let Ok(found) = rmst(data, &options, 3.0) {
        finite("restricted mean", [&found.mean.estimate, &found.mean.lower95, &found.mean.upper95]);
    }
    let kind = draw.below(6);
    let risk: Vec<f64> = (0..n).map(|row| draw.value(kind, row)).collect();
    if let Ok(found) = c_index(data, &risk) {
        finite("c-index", [&found.c_index, &found.std_err]);
    }
    let censor = CensorSurvival::fit(data);
    if let Ok(found) = c_index_ipcw(&censor, data, &risk, 2.5) {
        finite("Uno's c-index", [&found.c_index_ipcw, &found.std_err]);
    }
    if let Ok(found) = dynamic_auc(&censor, data, &risk, &[1.0, 2.0, 3.0]) {
        finite("AUC(t)", found.auc_t.iter().chain([&found.mean_auc]));
    }
    let survival: Vec<f64> = (0..n).map(|_| draw.below(11) as f64 / 10.0).collect();
    let curves = SurvivalCurves::new(vec![1.0, 2.0], n, survival.iter().flat_map(|&s| [s, s * s]).collect())
        .expect("probabilities on an ascending grid");
    if let Ok(found) = ibs(&censor, data, &curves) {
        finite("integrated Brier score", [&found]);
    }
    if let Ok(found) = survival_calibration(data, &survival, 2.0) {
        finite("calibration", [&found.slope.estimate, &found.observed_expected.estimate, &found.ici]);
    }
    if let Ok(found) = calibration(data.event(), &survival) {
        finite("calibration", [&found.slope.estimate, &found.intercept.estimate, &found.ici]);
    }
}

fn regressions(data: &Survival, x: &[f64], n_features: usize) {
    let cox_data = CoxData::new(x, n_features, data);
    for ridge in [0.0, 1.0] {
        let Ok(fit) = cox_fit(&cox_data, &CoxOptions { ridge, ..CoxOptions::default() }) else { continue };
        finite("coefficients", fit.coef.iter().chain(&fit.covariance).chain(&fit.log_likelihood));
        if let Ok(found) = cox_residuals(&cox_data, &fit) {
            finite("residuals", found.martingale.iter().chain(&found.deviance));
        }
        if let Ok(found) = proportional_hazards_test(&cox_data, &fit, TimeTransform::KaplanMeier, None) {
            finite("proportional hazards", [&found.global.statistic, &found.global.p]);
        }
    }
}

fn learners(data: &Survival, x: &DesignMatrix, seed: u64) {
    let times = [0.5, 1.0, 2.0];
    let check = |what: &str, model: &dyn SurvivalModel| {
        if let Ok(risk) = model.risk_scores(x) {
            finite(what, &risk);
        }
        if let Ok(curves) = model.survival_curves(x, &times) {
            (0..x.n_rows).for_each(|row| finite(what, curves.row(row)));
        }
    };
    if let Ok(model) = CoxRegression::fit(x, data) {
        check("Cox regression", &model);
    }
    let params = ForestParams { n_trees: 5, min_leaf_size: 2, ..ForestParams::default() };
    if let Ok(model) = SurvivalForest::fit(x, data, &params, seed) {
        check("survival forest", &model);
    }
    let params = BoostedSurvivalParams { rounds: 5, n_folds: 2, ..BoostedSurvivalParams::default() };
    if let Ok(model) = BoostedCox::fit(x, data, &params, None, seed) {
        check("boosted Cox", &model);
    }
    let net = ElasticNetParams {
        lambda: LambdaGrid::Automatic { n_lambda: 5, ratio: Some(0.1) },
        ..ElasticNetParams::default()
    };
    if let Ok(path) = cox_path(x, data, None, CoxTies::Efron, &net) {
        path.coef.iter().for_each(|coef| finite("Cox net", coef));
        assert!(path.kkt_residual.iter().all(|&residual| residual <= 1e-7), "{:?}", path.kkt_residual);
    }
    if let Ok(path) = logistic_path(x, data.event(), None, &net) {
        path.coef.iter().for_each(|coef| finite("logistic net", coef));
    }
    if let Ok(model) = LogisticRegression::fit(x, data.event()) {
        finite("logistic regression", &model.probabilities(x).expect("the rows it was fitted on"));
    }
}

#[test]
fn hostile_sets_give_finite_numbers_or_typed_errors() {
    let mut draw = Draw(20_261_124);
    for set in 0..1500 {
        let n = 1 + draw.below(14) as usize;
        let times = (0..n).map(|_| draw.time()).collect();
        let events = match draw.below(4) {
            0 => vec![false; n],
            1 => vec![true; n],
            _ => (0..n).map(|_| draw.below(2) == 1).collect(),
        };
        let data = Survival::new(times, events).unwrap();
        estimates(&data, &mut draw);
        let n_features = 1 + draw.below(4) as usize;
        let kinds: Vec<u64> = (0..n_features).map(|_| draw.below(6)).collect();
        let x: Vec<f64> =
            (0..n).flat_map(|row| kinds.iter().map(|&kind| draw.value(kind, row)).collect::<Vec<f64>>()).collect();
        regressions(&data, &x, n_features);
        let names = (0..n_features).map(|j| format!("x{j}")).collect();
        let matrix = DesignMatrix { names, n_rows: n, values: x.iter().map(|&value| value as f32).collect() };
        learners(&data, &matrix, set);
    }
}
