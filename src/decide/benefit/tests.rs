use std::collections::BTreeMap;

use super::*;
use crate::decide::options::{Class, Endpoint, OptionSet, TimeZero, Truth};
use crate::decide::{CauseHazards, ClinicalRecord, Her2, Menopause, Receptor};
use crate::stats::normal::Z95;

/// Constant rates a year on a quarterly grid to `last` years.
fn constant(breast: f64, other: f64, last: u32) -> CauseHazards {
    let years: Vec<f64> = (1..=4 * last).map(|quarter| f64::from(quarter) / 4.0).collect();
    let line = |rate: f64| years.iter().map(|year| rate * year).collect();
    CauseHazards { breast: line(breast), other: line(other), years }
}

fn adjuvant() -> OptionSet {
    OptionSet::load("adjuvant").unwrap()
}

/// ER-positive, HER2-positive, postmenopausal, two nodes, breast-conserving surgery.
fn patient() -> ClinicalRecord {
    let mut record = ClinicalRecord {
        er: Some(Receptor::Positive),
        her2: Some(Her2::Positive),
        menopause: Some(Menopause::Post),
        nodes_positive: Some(2.0),
        heart_dose_gy: Some(2.0),
        ..ClinicalRecord::default()
    };
    record.received.breast_conserving = Some(true);
    record
}

fn plan(baseline: &Baseline, assumptions: Assumptions, options: &[&str], reference: &[&str]) -> Benefit {
    let (set, record) = (adjuvant(), patient());
    Engine::new(&set, &record, baseline, assumptions).unwrap().benefit(options, reference)
}

fn gain_at(benefit: &Benefit, years: f64) -> Gain {
    benefit.horizons.iter().find(|horizon| horizon.years == years).unwrap().gain.clone().unwrap()
}

#[test]
fn constant_hazards_give_the_closed_forms() {
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let benefit = plan(&baseline, Assumptions::default(), &["chemotherapy-3rd"], &[]);
    let gain = gain_at(&benefit, 10.0);
    // Pencil, ratio 0.64: rates 0.032 + 0.02 against 0.05 + 0.02.
    let alive = |ratio: f64| (-(0.05 * ratio + 0.02) * 10.0_f64).exp();
    let dead = |ratio: f64| (1.0 - alive(ratio)) * 0.05 * ratio / (0.05 * ratio + 0.02);
    // Sums of 60 steps: rounding only.
    assert!((gain.survival_benefit.estimate - (alive(0.64) - alive(1.0))).abs() < 1e-12);
    assert!((gain.breast_death_avoided.estimate - (dead(1.0) - dead(0.64))).abs() < 1e-12);
    let lived = |rate: f64| -f64::exp_m1(-rate * 10.0) / rate;
    let rmst = benefit.rmst[0].gain.unwrap();
    assert!((rmst.estimate - (lived(0.052) - lived(0.07))).abs() < 1e-12);
    // The interval is that of the ratio, se 0.09 / 0.64 on the log scale. Between two of 200 mid-quantiles the normal is
    // 0.0024 standard errors off linear: 0.0024 · 0.14 · 0.32 · alive < 1e-4.
    let end = |sign: f64| alive(0.64 * (sign * Z95 * 0.09 / 0.64).exp()) - alive(1.0);
    assert!((gain.survival_benefit.lower95 - end(1.0)).abs() < 1e-4);
    assert!((gain.survival_benefit.upper95 - end(-1.0)).abs() < 1e-4);
    let Some(NumberNeeded::ToTreat(number)) = gain.number_needed else { panic!("a number needed to treat") };
    assert_eq!(number.estimate, 1.0 / gain.survival_benefit.estimate);
}

#[test]
fn a_ratio_of_1_gains_nothing_and_has_no_number_needed() {
    let set = OptionSet::parse("one", &one_option(1.0, "")).unwrap();
    let (record, baseline) = (patient(), Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap());
    let benefit = Engine::new(&set, &record, &baseline, Assumptions::default()).unwrap().benefit(&["a"], &[]);
    let gain = gain_at(&benefit, 10.0);
    assert_eq!((gain.survival_benefit.estimate, gain.breast_death_avoided.estimate), (0.0, 0.0));
    assert!(gain.survival_benefit.lower95 < 0.0 && gain.survival_benefit.upper95 > 0.0 && gain.number_needed.is_none());
}

/// A file with one option on breast-cancer death, follow-up 10 years, standard error of the log ratio 0.1.
fn one_option(ratio: f64, more: &str) -> String {
    format!(
        r#"
        name = "one"
        version = 1
        followed_by = ""
        source = ""
        [[option]]
        id = "a"
        label = "A"
        standing = "approved"
        class = "chemotherapy"
        note = ""
        [[option.effect]]
        id = "a-effect"
        endpoint = "breast_cancer_death"
        measure = "hazard_ratio"
        time_zero = "surgery"
        comparator = "none"
        background = "none"
        population = "all"
        follow_up_years = 10
        period = [{{ estimate = {ratio}, se_log = 0.1 }}]
        source = "pencil"
        verified = true
        {more}
        "#
    )
}

#[test]
fn the_order_in_which_options_are_named_does_not_matter_and_increments_add_up() {
    let draws = (0..50).map(|k| constant(0.03 + 0.001 * f64::from(k), 0.02, 15)).collect();
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), draws).unwrap();
    let options = ["bisphosphonate", "trastuzumab", "endocrine-5y", "chemotherapy-3rd", "radiotherapy-conserving"];
    let total = plan(&baseline, Assumptions::default(), &options, &[]);
    let mut turned = options;
    turned.reverse();
    assert_eq!(total, plan(&baseline, Assumptions::default(), &turned, &[]));
    let order = ["radiotherapy-conserving", "endocrine-5y", "chemotherapy-3rd", "trastuzumab", "bisphosphonate"];
    assert_eq!(total.options, order);
    let increments: f64 = total.increments.iter().map(|part| part.survival_benefit[1].unwrap().estimate).sum();
    assert!((increments - gain_at(&total, 10.0).survival_benefit.estimate).abs() < 1e-12);
    // Pencil: the product of the ratios, endocrine 0.71 for five years and 0.66 for five.
    let product = 0.82 * 0.64 * 0.67 * 0.82;
    let alive = f64::exp(-(0.05 * product * 5.0 * (0.71 + 0.66) + 0.2));
    assert!((gain_at(&total, 10.0).alive.estimate - alive).abs() < 1e-12);
    assert!(total.caveats.contains(&Caveat::Multiplied { order: order.map(str::to_owned).to_vec() }));
}

#[test]
fn a_reference_plan_takes_the_place_of_the_baseline() {
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let both = ["endocrine-5y", "chemotherapy-3rd"];
    let total = gain_at(&plan(&baseline, Assumptions::default(), &both, &[]), 10.0);
    let first = gain_at(&plan(&baseline, Assumptions::default(), &both[..1], &[]), 10.0);
    let added = gain_at(&plan(&baseline, Assumptions::default(), &both, &both[..1]), 10.0);
    let expected = total.survival_benefit.estimate - first.survival_benefit.estimate;
    assert!((added.survival_benefit.estimate - expected).abs() < 1e-12);
    let nothing = gain_at(&plan(&baseline, Assumptions::default(), &both, &both), 10.0).survival_benefit;
    assert_eq!((nothing.estimate, nothing.lower95, nothing.upper95), (0.0, 0.0, 0.0));
}

#[test]
fn nothing_is_shown_past_the_follow_up_unless_waning_is_chosen_and_benefit_falls_with_it() {
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let with = |waning| plan(&baseline, Assumptions { waning, ..Assumptions::default() }, &["chemotherapy-3rd"], &[]);
    let expected = Withheld::BeyondFollowUp { option: "chemotherapy-3rd".to_owned(), limit_years: 12.0 };
    let unchosen = with(Waning::NotChosen);
    assert_eq!((&unchosen.horizons[2].gain, &unchosen.horizons[2].withheld), (&None, &Some(expected)));
    assert!(unchosen.horizons[1].gain.is_some() && unchosen.increments[0].survival_benefit[2].is_none());
    let at_15 = |waning| gain_at(&with(waning), 15.0).survival_benefit.estimate;
    let linear = |over_years| at_15(Waning::Linear { over_years });
    let falling = [at_15(Waning::None), linear(10.0), linear(2.0), at_15(Waning::UntilFollowUp)];
    assert!(falling.windows(2).all(|pair| pair[0] > pair[1]), "{falling:?}");
    // Pencil: ratio 0.64 for ten years, then 1 for five.
    let alive = |ratio: f64| f64::exp(-(0.5 * ratio + 0.25 + 0.3));
    assert!((falling[3] - (alive(0.64) - alive(1.0))).abs() < 1e-12);
    assert!(with(Waning::None).caveats.iter().any(|caveat| matches!(caveat, Caveat::PastFollowUp { .. })));
}

#[test]
fn horizons_beyond_the_baseline_are_withheld() {
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 8), vec![]).unwrap();
    let benefit = plan(&baseline, Assumptions::default(), &["chemotherapy-3rd"], &[]);
    assert!(benefit.horizons[0].gain.is_some());
    assert_eq!(benefit.horizons[1].withheld, Some(Withheld::BeyondBaseline { limit_years: 8.0 }));
}

#[test]
fn an_effect_on_another_endpoint_clock_or_population_is_refused_with_its_reason() {
    let (set, baseline) = (adjuvant(), Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap());
    let reason = |record: &ClinicalRecord, options: &[&str]| {
        let engine = Engine::new(&set, record, &baseline, Assumptions::default()).unwrap();
        engine.refusals(options).pop().map(|refusal| refusal.reason)
    };
    let negative = ClinicalRecord { her2: Some(Her2::Zero), stage_group: Some(2), ..patient() };
    let idfs = RefusalReason::OtherEndpoint { expected: Endpoint::BreastCancerDeath, found: vec![Endpoint::Idfs] };
    assert_eq!(reason(&negative, &["ribociclib"]), Some(idfs));
    let clock =
        RefusalReason::OtherTimeZero { expected: TimeZero::Diagnosis, found: TimeZero::AfterFiveYearsEndocrine };
    assert_eq!(reason(&patient(), &["endocrine-5y", "endocrine-10y"]), Some(clock));
    let comparator = |class| Some(RefusalReason::ComparatorAbsent { class });
    assert_eq!(reason(&patient(), &["trastuzumab"]), comparator(Class::Chemotherapy));
    assert_eq!(reason(&patient(), &["aromatase-inhibitor"]), comparator(Class::Endocrine));
    let other = "chemotherapy-2nd".to_owned();
    let twice = ["chemotherapy-3rd", "chemotherapy-2nd"];
    assert_eq!(reason(&patient(), &twice), Some(RefusalReason::SameClass { other }));
    assert_eq!(reason(&patient(), &["magnets"]), Some(RefusalReason::UnknownOption));
    let unclear = ClinicalRecord { her2: Some(Her2::Equivocal), ..patient() };
    let eligibility = reason(&unclear, &["chemotherapy-3rd", "trastuzumab"]);
    assert!(matches!(eligibility, Some(RefusalReason::Eligibility { truth: Truth::Unknown, .. })));
    let premenopausal = ClinicalRecord { menopause: Some(Menopause::Pre), ..patient() };
    let suppressed = reason(&premenopausal, &["ovarian-suppression"]);
    assert_eq!(suppressed, Some(RefusalReason::NoPublishedEffect));
    let mut many = ClinicalRecord { nodes_positive: Some(6.0), ..patient() };
    many.received.breast_conserving = Some(false);
    let population = reason(&many, &["radiotherapy-mastectomy"]);
    assert!(matches!(population, Some(RefusalReason::Population { truth: Truth::NotMet, .. })), "{population:?}");
}

#[test]
fn a_plan_with_a_refused_option_is_marked_partial_and_one_of_refused_options_shows_nothing() {
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let partial = plan(&baseline, Assumptions::default(), &["endocrine-5y", "olaparib"], &[]);
    assert_eq!((partial.options, partial.left_out.len()), (vec!["endocrine-5y".to_owned()], 1));
    assert!(partial.caveats.contains(&Caveat::Partial));
    let nothing = plan(&baseline, Assumptions::default(), &["olaparib"], &[]);
    assert!(nothing.horizons.iter().all(|horizon| horizon.withheld == Some(Withheld::NothingApplied)));
}

#[test]
fn a_treatment_in_the_baseline_is_not_counted_twice() {
    let hazards = constant(0.05, 0.02, 15);
    let baseline = Baseline::new(TimeZero::Diagnosis, vec![Class::Chemotherapy], hazards, vec![]).unwrap();
    let benefit = plan(&baseline, Assumptions::default(), &["chemotherapy-3rd", "trastuzumab"], &[]);
    assert_eq!(benefit.left_out[0].reason, RefusalReason::InBaseline { class: Class::Chemotherapy });
    assert_eq!(benefit.options, ["trastuzumab"]);
}

#[test]
fn model_uncertainty_widens_the_interval_and_a_missing_one_is_said() {
    let draws = (0..200).map(|k| constant(0.02 + 0.0003 * f64::from(k), 0.02, 15)).collect();
    let with = Baseline::surgery_only(constant(0.05, 0.02, 15), draws).unwrap();
    let without = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let width = |baseline| {
        let benefit = plan(baseline, Assumptions::default(), &["endocrine-5y"], &[]);
        let interval = gain_at(&benefit, 10.0).survival_benefit;
        (interval.upper95 - interval.lower95, benefit.caveats.contains(&Caveat::NoModelUncertainty))
    };
    let ((wide, said), (narrow, missing)) = (width(&with), width(&without));
    assert!(wide > narrow && !said && missing);
}

#[test]
fn the_landmark_and_the_clock_from_diagnosis_agree() {
    let set = adjuvant();
    let record = patient();
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let later = baseline.after_five_years_endocrine().unwrap();
    let assumptions = Assumptions { completes_five_years: true, waning: Waning::None, ..Assumptions::default() };
    let options = ["endocrine-5y", "endocrine-10y"];
    let from_diagnosis = Engine::new(&set, &record, &baseline, assumptions).unwrap().benefit(&options, &[]);
    let from_landmark = Engine::new(&set, &record, &later, assumptions).unwrap().benefit(&options, &[]);
    let at = |benefit: &Benefit, years| gain_at(benefit, years).alive.estimate;
    let conditional = at(&from_diagnosis, 15.0) / at(&from_diagnosis, 5.0);
    assert!((at(&from_landmark, 10.0) - conditional).abs() < 1e-12);
    // Pencil: from year 5, five years at 0.66 and five at 0.68 · 0.7401.
    let alive = f64::exp(-(0.05 * 5.0 * (0.66 + 0.68 * 0.7401) + 0.2));
    assert!((at(&from_landmark, 10.0) - alive).abs() < 1e-12);
}

#[test]
fn harms_on_other_causes_count_only_when_chosen() {
    let baseline = Baseline::surgery_only(constant(0.01, 0.05, 15), vec![]).unwrap();
    let options = ["radiotherapy-conserving", "chemotherapy-3rd"];
    let harmed = Assumptions { other_cause_harm: true, ..Assumptions::default() };
    let alive = |assumptions| gain_at(&plan(&baseline, assumptions, &options, &[]), 10.0).alive.estimate;
    // Pencil: 2 Gy at 1.02 a Gy, chemotherapy 1.2.
    let expected = |other: f64| f64::exp(-(0.1 * 0.82 * 0.64 + 0.5 * other));
    assert!((alive(Assumptions::default()) - expected(1.0)).abs() < 1e-12);
    assert!((alive(harmed) - expected(1.2 * 1.02 * 1.02)).abs() < 1e-12);
}

#[test]
fn the_row_of_an_option_is_counted_from_what_it_is_given_with() {
    let (set, record) = (adjuvant(), patient());
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let engine = Engine::new(&set, &record, &baseline, Assumptions::default()).unwrap();
    let row = engine.row("trastuzumab");
    assert_eq!((row.reference.clone(), row.options.len()), (vec!["chemotherapy-3rd".to_owned()], 2));
    // Pencil: 0.64 against 0.64 · 0.67.
    let alive = |ratio: f64| f64::exp(-(0.5 * ratio + 0.2));
    let benefit = gain_at(&row, 10.0).survival_benefit.estimate;
    assert!((benefit - (alive(0.64 * 0.67) - alive(0.64))).abs() < 1e-12);
    assert_eq!(engine.row("bisphosphonate"), engine.benefit(&["bisphosphonate"], &[]));
}

#[test]
fn too_few_draws_are_an_error() {
    let (set, record) = (adjuvant(), patient());
    let baseline = Baseline::surgery_only(constant(0.05, 0.02, 15), vec![]).unwrap();
    let assumptions = Assumptions { n_draws: 3, ..Assumptions::default() };
    assert!(Engine::new(&set, &record, &baseline, assumptions).is_err());
}

/// PREDICT 3.2 of case A (age 50, 20 mm, grade 2, 2 nodes, ER+, HER2-, Ki-67+, PR+, not screened, never smoked), by the
/// formulae of predict_v3_spec.md sections 3 and 4, on its yearly grid.
fn predict_case_a() -> CauseHazards {
    const HER2_NEGATIVE: [f64; 15] =
        [-0.053, -0.046, -0.040, -0.033, -0.027, -0.020, -0.014, -0.007, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let a: f64 = (50.0 - 24.0) / 100.0;
    let index = 0.195_898_620_358_812_9 * a.powf(-0.5)
        + 2.929_125_051_895_787 * a * a
        + 2.274_174_206_734_98 * -(-1.0_f64).exp_m1()
        + 0.672_482_820_906_120_7 * 3.0_f64.ln()
        + 0.705_033_962_973_938_2 * 2.0
        - 0.048_251_370_712_776_756 * 17.0
        + 0.149_04
        - 0.0619
        + 0.70;
    let mortality = 4.211_443_507_724_736 * a.powi(3)
        - 31.412_028_153_652_77 * a.powi(3) * a.ln()
        - 0.021_186_462_111_818_898 * 17.0
        - 0.062
        - 1.025_f64.ln();
    let breast = |u: f64| {
        (-2.319_351_003_928_163_7
            - 3.622_538_332_641_392 * u.powf(-0.5)
            - 0.542_240_944_493_945 * u.powf(-0.5) * u.ln())
        .exp()
    };
    let other = |u: f64| (-4.845_654_758_283_992 + 1.341_348_310_005_262 * u.ln() + 0.495_393_943_530_460_57 * u).exp();
    let (mut of_breast, mut of_other) = (0.0, 0.0);
    let mut hazards = CauseHazards { years: vec![], breast: vec![], other: vec![] };
    for (year, her2) in (1..=15).zip(HER2_NEGATIVE) {
        let (u, before) = (f64::from(year) / 10.0, f64::from(year - 1) / 10.0);
        let step = |of: &dyn Fn(f64) -> f64| of(u) - if year == 1 { 0.0 } else { of(before) };
        of_breast += step(&breast) * (index + her2).exp();
        of_other += step(&other) * mortality.exp();
        hazards.years.push(f64::from(year));
        hazards.breast.push(of_breast);
        hazards.other.push(of_other);
    }
    hazards
}

#[test]
fn with_the_hazards_and_ratios_of_predict_survival_is_that_of_predict() {
    let options = [
        ("r", "radiotherapy", "surgery", "", 0.82_f64.ln(), Some("1.02\nper_heart_gy = true")),
        ("h", "endocrine", "surgery", "", -0.3857, None),
        ("h10", "extended_endocrine", "after_5_years_endocrine", "from_year = 5, ", -0.301, None),
        ("c", "chemotherapy", "surgery", "", -0.446, Some("1.2")),
    ];
    let mut text = "name = \"predict\"\nversion = 1\nfollowed_by = \"\"\nsource = \"\"\n".to_owned();
    let effect = |id: &str, endpoint: &str, clock: &str, more: &str| {
        format!(
            "[[option.effect]]\nid = \"{id}\"\nendpoint = \"{endpoint}\"\nmeasure = \"rate_ratio\"\n\
            time_zero = \"{clock}\"\ncomparator = \"\"\nbackground = \"\"\npopulation = \"\"\nfollow_up_years = 15\n\
            combines_with = [\"radiotherapy\", \"endocrine\", \"extended_endocrine\"]\nsource = \"PREDICT\"\n\
            verified = true\n{more}\n"
        )
    };
    for (id, class, clock, from, coef, harm) in options {
        text += &format!(
            "[[option]]\nid = \"{id}\"\nlabel = \"\"\nstanding = \"approved\"\nnote = \"\"\nclass = \"{class}\"\n"
        );
        let ratio = format!("period = [{{ {from}estimate = {}, se_log = 0.1 }}]", f64::exp(coef));
        text += &effect(id, "breast_cancer_death", clock, &ratio);
        if let Some(harm) = harm {
            let (ratio, more) = harm.split_once('\n').unwrap_or((harm, ""));
            let harm = format!("period = [{{ estimate = {ratio} }}]\n{more}");
            text += &effect(&format!("{id}-harm"), "other_cause_death", clock, &harm);
        }
    }
    let set = OptionSet::parse("predict", &text).unwrap();
    let record = ClinicalRecord { heart_dose_gy: Some(1.0), ..ClinicalRecord::default() };
    let baseline = Baseline::surgery_only(predict_case_a(), vec![]).unwrap();
    let assumptions = Assumptions { other_cause_harm: true, completes_five_years: true, ..Assumptions::default() };
    let engine = Engine::new(&set, &record, &baseline, assumptions).unwrap();
    // predict_v3_spec.md section 9, case A, overall survival at 5, 10 and 15 years, %; printed to 6 decimals.
    let cases: [(&[&str], [f64; 3]); 5] = [
        (&["r"], [94.631_404, 85.960_352, 77.227_502]),
        (&["h"], [95.442_519, 87.956_042, 80.199_845]),
        (&["r", "h"], [96.136_444, 89.675_508, 82.763_404]),
        (&["r", "h", "c"], [97.188_936, 92.271_146, 86.530_466]),
        (&["r", "h", "h10", "c"], [97.188_936, 92.271_146, 87.357_930]),
    ];
    for (plan, expected) in cases {
        let benefit = engine.benefit(plan, &[]);
        assert!(benefit.left_out.is_empty(), "{:?}", benefit.left_out);
        for ((years, alive), untreated) in HORIZONS.iter().zip(expected).zip([93.623_497, 83.532_665, 73.706_746]) {
            let gain = gain_at(&benefit, *years);
            // Half a unit of the sixth printed decimal of a percentage, and twice that for a difference.
            assert!((gain.alive.estimate - alive / 100.0).abs() < 5.1e-9, "{plan:?} {years} {gain:?}");
            assert!((gain.survival_benefit.estimate - (alive - untreated) / 100.0).abs() < 1.02e-8);
        }
    }
}

#[test]
fn a_ratio_taken_out_of_the_hazards_is_given_back_draw_by_draw() {
    // Each draw's hazard of breast-cancer death was freed of a ratio z standard errors off its estimate, exp(-0.08 z) times
    // the estimate's; giving the same ratio back leaves no spread in who is treated.
    let scores: Vec<f64> = (0..40).map(|k| f64::from(k) / 10.0 - 2.0).collect();
    let line = |factor: f64| CauseHazards {
        years: vec![5.0, 10.0, 15.0],
        breast: [0.1, 0.2, 0.3].map(|h: f64| h * factor).to_vec(),
        other: vec![0.05, 0.1, 0.15],
    };
    let draws: Vec<CauseHazards> = scores.iter().map(|z| line((-0.08 * z).exp())).collect();
    let baseline = Baseline::surgery_only(line(1.0), draws).unwrap();
    let joint = BTreeMap::from([("tamoxifen-bc-death".to_owned(), scores)]);
    let freed = baseline.clone().with_effect_draws(joint).unwrap();
    let set = OptionSet::load("adjuvant").unwrap();
    let (record, assumptions) = (patient(), Assumptions { n_draws: 40, ..Assumptions::default() });
    let treated = |baseline: &Baseline| {
        let engine = Engine::new(&set, &record, baseline, assumptions).unwrap();
        let benefit = engine.benefit(&["endocrine-5y"], &[]);
        let alive = benefit.horizons[1].gain.as_ref().unwrap().alive;
        alive.upper95 - alive.lower95
    };
    assert!(treated(&freed) < 1e-12, "{}", treated(&freed));
    assert!(treated(&baseline) > 0.01);
    let short = BTreeMap::from([("tamoxifen-bc-death".to_owned(), vec![0.0])]);
    assert!(baseline.with_effect_draws(short).is_err());
}
