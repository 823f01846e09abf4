use super::{
    AdjuvantBranch, AdjuvantOption, DecisionEngine, GroupObserved, HORIZONS, ListedOption, OutlookAt, SurvivalOutlook,
    predict,
};
use crate::decide::baseline::{BaselinePrediction, ExpressionFeatures, groups_before_treatment};
use crate::decide::benefit::{Baseline, Engine, RefusalReason};
use crate::decide::branches::{Assumption, Branch};
use crate::decide::options::{Class, DecisionPoint, TimeZero, Truth};
use crate::decide::sources::{Column, Empty, from_benefit, three_columns};
use crate::decide::{CauseHazards, ClinicalRecord, Facts, Fates, Subgroup, Verdict};
use crate::stats::quantile;
use crate::study::Error;
use crate::terms::Estimate;

/// Year at which the validation of the model is stated.
const VALIDATED_YEAR: f64 = 10.0;

/// Years of the curve.
const CURVE: [f64; 16] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];

/// Why there is no absolute number when the record does not tell what comes first.
const ORDER_UNKNOWN: &str = "the record does not tell whether surgery or treatment comes first";

/// One record under assumed states.
pub(super) struct Context<'a> {
    pub(super) engine: &'a DecisionEngine,
    pub(super) record: ClinicalRecord,
    pub(super) expression: &'a ExpressionFeatures,
    /// Whether treatment comes before surgery; `None` when the record does not tell.
    pub(super) before_surgery: Option<bool>,
    /// The review found an impossible combination.
    pub(super) refused: bool,
}

/// Options after surgery under one set of assumed states.
pub(super) fn branch(
    context: &Context<'_>,
    receptors: Vec<Assumption>,
    response: Branch,
) -> Result<AdjuvantBranch, Error> {
    let set = &context.engine.adjuvant;
    let (survival, prediction) = survival(context)?;
    let barred = [
        (context.refused, "the record holds an impossible combination"),
        (context.before_surgery.is_none(), ORDER_UNKNOWN),
    ];
    let barred = barred.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why.to_owned());
    let (predict, inputs) = predict::outlook(&context.record, barred);
    let baseline = match &prediction {
        Some(prediction) => {
            let draws = prediction.draws.iter().map(|draw| draw.recalibrated()).collect();
            let baseline = Baseline::surgery_only(prediction.recalibrated.clone(), draws)?;
            Some(baseline.with_effect_draws(prediction.effect_draws.clone())?)
        }
        None => None,
    };
    let later = baseline.as_ref().map(Baseline::after_five_years_endocrine).transpose()?;
    let engine = |baseline| Engine::new(set, &context.record, baseline, context.engine.assumptions);
    let gains = baseline.as_ref().map(engine).transpose()?;
    let later_gains = later.as_ref().map(engine).transpose()?;
    let mut options = Vec::new();
    for listed in set.listed(&context.record, Branch::AsRecorded) {
        let option = listed.option;
        let beside = option.given_with.clone();
        let open = listed.eligibility.overall != Truth::NotMet && option.class != Class::Surgery;
        let (clock, gains) = match option.decision {
            DecisionPoint::AfterFiveYearsEndocrine => (TimeZero::AfterFiveYearsEndocrine, &later_gains),
            _ => (TimeZero::Diagnosis, &gains),
        };
        let benefit = gains.as_ref().filter(|_| open).map(|gains| gains.row(&option.id));
        let regimen = match (&benefit, &survival.absent) {
            (Some(benefit), _) if !benefit.options.contains(&option.id) => {
                let own = benefit.left_out.iter().find(|refusal| refusal.option == option.id);
                let reason = own.map_or(RefusalReason::NoPublishedEffect, |refusal| refusal.reason.clone());
                Column::Empty(Empty::Refused { reason })
            }
            (Some(benefit), _) => from_benefit(benefit, survival.model.as_deref().unwrap_or("")),
            (None, _) if option.class == Class::Surgery => {
                Column::Empty(Empty::ModelDoesNotApply { why: "the reference".to_owned() })
            }
            (None, Some(why)) => Column::Empty(Empty::ModelDoesNotApply { why: why.clone() }),
            (None, None) => Column::Empty(Empty::ModelDoesNotApply { why: "the option is closed".to_owned() }),
        };
        let of_predict = match listed.eligibility.overall {
            _ if option.class == Class::Surgery => absent_predict("the reference"),
            Truth::Met => predict::column(&predict, inputs.as_ref(), set, (&option.id, clock), &beside),
            Truth::NotMet => absent_predict("the option is closed"),
            Truth::Unknown => absent_predict("not known whether the option is open"),
        };
        let sources = three_columns(option, &context.record, regimen, of_predict);
        options.push(AdjuvantOption { listed: ListedOption::from(listed), beside, clock, benefit, sources });
    }
    Ok(AdjuvantBranch { receptors, response, survival, predict, options })
}

fn absent_predict(why: &str) -> Column {
    Column::Empty(Empty::PredictNotComputed { why: why.to_owned() })
}

/// Survival after surgery alone by the survival baseline, with the prediction behind it where it applies.
fn survival(context: &Context<'_>) -> Result<(SurvivalOutlook, Option<BaselinePrediction>), Error> {
    let mut outlook = SurvivalOutlook {
        model: None,
        applicability: None,
        absent: None,
        raw: Vec::new(),
        recalibrated: Vec::new(),
        curve: Vec::new(),
        n_training: context.engine.baseline.as_ref().map(|opened| opened.manifest.n_training),
        validation: validation(context),
        era: String::new(),
        imputed: Vec::new(),
    };
    let Some(opened) = &context.engine.baseline else {
        outlook.absent = Some("no survival baseline is promoted in this registry".to_owned());
        return Ok((outlook, None));
    };
    let baseline = &opened.model;
    let er = context.record.er_positive();
    let gate = match er.and(context.record.age_years) {
        Some(_) => baseline.gate(&context.record, context.expression)?,
        None => None,
    };
    let subgroup = er.and_then(|positive| {
        let name = if positive { "ER-positive" } else { "ER-negative" };
        let figures = opened.evaluation.at_ten_years(name)?;
        Some(Subgroup {
            name: format!("{name} patients of METABRIC"),
            n: figures.n_samples,
            auc: None,
            calibration_slope: None,
            observed_expected: Some(figures.observed_expected),
        })
    });
    let applicability = Facts {
        gate: gate.as_ref(),
        record: &context.record,
        subgroup: subgroup.as_ref(),
        rules: &context.engine.population,
        findings: &[],
        training_patient: false,
    }
    .applicability();
    outlook.model = Some(format!("{}@{}", opened.manifest.name, opened.manifest.version));
    outlook.era.clone_from(&baseline.era.source);
    let applies = applicability.verdict != Verdict::DoesNotApply;
    outlook.absent = [
        (context.refused, "the record holds an impossible combination"),
        (!applies, "the survival model was not made for this patient"),
        (context.before_surgery.is_none(), ORDER_UNKNOWN),
        (
            context.before_surgery == Some(true),
            "its patients had surgery first: size and nodes before or after treatment are not theirs, and year 0 is another",
        ),
        (context.record.age_years.is_none(), "age is not recorded"),
        (context.record.er_positive().is_none(), "the oestrogen receptor is not recorded"),
    ]
    .into_iter()
    .find_map(|(holds, why)| holds.then(|| why.to_owned()));
    outlook.applicability = Some(applicability);
    if outlook.absent.is_some() {
        return Ok((outlook, None));
    }
    let prediction = baseline.hazards(&context.record, context.expression)?;
    let raw: Vec<CauseHazards> = prediction.draws.iter().map(|draw| draw.raw.clone()).collect();
    let recalibrated: Vec<CauseHazards> = prediction.draws.iter().map(|draw| draw.recalibrated()).collect();
    outlook.raw = at_years(&prediction.raw, &raw, &HORIZONS)?;
    outlook.recalibrated = at_years(&prediction.recalibrated, &recalibrated, &HORIZONS)?;
    outlook.curve = at_years(&prediction.recalibrated, &recalibrated, &CURVE)?;
    outlook.imputed.clone_from(&prediction.imputed);
    Ok((outlook, Some(prediction)))
}

/// How the model did in the groups of the record.
fn validation(context: &Context<'_>) -> Vec<GroupObserved> {
    let names = groups_before_treatment(&context.record);
    let all = context.engine.baseline.iter().flat_map(|opened| &opened.evaluation.groups);
    let own = all.filter(|figures| names.contains(&figures.group));
    let at = HORIZONS.iter().position(|&years| years == VALIDATED_YEAR);
    own.filter_map(|figures| {
        let found = figures.death.get(at?)?.as_ref()?;
        Some(GroupObserved {
            group: figures.group.clone(),
            n: found.n_samples,
            n_events: found.n_events,
            expected: found.expected,
            observed: found.observed,
            observed_expected: found.observed_expected,
        })
    })
    .collect()
}

/// The fates without treatment at `years`, with the spread of the draws as interval.
fn at_years(point: &CauseHazards, draws: &[CauseHazards], years: &[f64]) -> Result<Vec<OutlookAt>, Error> {
    let untreated = |hazards: &CauseHazards| hazards.fates(|_| 0.0, |_| 0.0);
    let (point, draws) = (untreated(point), draws.iter().map(untreated).collect::<Vec<Fates>>());
    let estimate = |curve: &dyn Fn(&Fates) -> f64| -> Result<Estimate, Error> {
        let values: Vec<f64> = draws.iter().map(curve).collect();
        let estimate = curve(&point);
        if values.is_empty() {
            return Ok(Estimate { estimate, lower95: estimate, upper95: estimate });
        }
        Ok(Estimate { estimate, lower95: quantile(&values, 0.025)?, upper95: quantile(&values, 0.975)? })
    };
    years
        .iter()
        .map(|&years| {
            Ok(OutlookAt {
                years,
                alive: estimate(&|fates| fates.alive_at(years))?,
                breast_death: estimate(&|fates| fates.at(&fates.breast_death, 0.0, years))?,
                other_death: estimate(&|fates| fates.at(&fates.other_death, 0.0, years))?,
            })
        })
        .collect()
}
