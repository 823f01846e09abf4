use serde::{Deserialize, Serialize};

use super::effects::Treatment;
use super::fit::SurvivalBaseline;
use super::inputs::{Input, input_row};
use super::rows::{BaselineRows, YEAR_DAYS};
use crate::decide::Error;
use crate::stats::Survival;
use crate::stats::cox::{CoxData, CoxOptions, cox_fit};
use crate::terms::Estimate;

/// What a regression on these non-randomised women says of a treatment: confounded by indication, never an effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ObservationalCoefficient {
    /// Treatment.
    pub treatment: Treatment,
    /// Hazard ratio of death from breast cancer without adjustment, stratified by ER.
    pub unadjusted: Estimate,
    /// The same adjusted for nodes, size, grade, PR, HER2, age and the other two treatments.
    pub adjusted: Estimate,
}

/// Returns what the naive treatment coefficients would have been, for a page that shows why they are not used.
///
/// Cox regression of death from breast cancer within 15 years, other deaths censored, on the inputs of `model` after its
/// imputation; endocrine therapy among ER-positive women alone.
///
/// # Errors
/// [`Error::Unrecorded`] for a row that is not eligible, [`Error::Stats`] where a treatment does not vary.
pub fn observational_coefficients(
    rows: &BaselineRows,
    model: &SurvivalBaseline,
) -> Result<Vec<ObservationalCoefficient>, Error> {
    [Treatment::Chemotherapy, Treatment::Endocrine, Treatment::Radiotherapy]
        .into_iter()
        .map(|treatment| {
            let er_only = treatment == Treatment::Endocrine;
            let members: Vec<usize> = (0..rows.n_samples())
                .filter(|&row| !er_only || rows.records.get(row).is_some_and(|r| r.er_positive() == Some(true)))
                .collect();
            let rows = rows.select(&members)?;
            Ok(ObservationalCoefficient {
                treatment,
                unadjusted: hazard_ratio(&rows, model, treatment, false)?,
                adjusted: hazard_ratio(&rows, model, treatment, true)?,
            })
        })
        .collect()
}

fn hazard_ratio(
    rows: &BaselineRows,
    model: &SurvivalBaseline,
    treatment: Treatment,
    adjusted: bool,
) -> Result<Estimate, Error> {
    const INPUTS: [Input; 5] = [Input::LnNodes, Input::SizeSaturation, Input::Grade, Input::Pr, Input::Her2];
    let (mut features, mut strata) = (Vec::new(), Vec::new());
    for (record, expression) in rows.records.iter().zip(&rows.expression) {
        let flag = |received: Option<bool>| f64::from(u8::from(received == Some(true)));
        let flags = [record.received.chemotherapy, record.received.endocrine, record.received.radiotherapy].map(flag);
        let own = treatment as usize;
        features.push(flags[own]);
        if adjusted {
            features.extend(flags.iter().enumerate().filter(|&(at, _)| at != own).map(|(_, flag)| flag));
            let z = model.imputer.fill(&input_row(record, expression, &model.age_knots)?)?.z;
            features.extend(INPUTS.iter().chain(&Input::AGE).filter_map(|&input| z.get(input as usize)));
        }
        strata.push(usize::from(record.er_positive() == Some(true)));
    }
    let survival = rows.outcome.cause_specific(1)?;
    let last = 15.0 * YEAR_DAYS;
    let within = Survival::new(
        survival.event_time().iter().map(|&time| time.min(last)).collect(),
        survival.event().iter().zip(survival.event_time()).map(|(&event, &time)| event && time <= last).collect(),
    )?;
    let n_features = features.len() / rows.n_samples().max(1);
    let data = CoxData { strata: Some(&strata), ..CoxData::new(&features, n_features, &within) };
    let fit = cox_fit(&data, &CoxOptions::default())?;
    let first = fit.terms()?.first().map(|term| term.hazard_ratio);
    first.ok_or(Error::Width { what: "coefficients", expected: n_features, found: 0 })
}
