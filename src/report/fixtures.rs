//! Hand-written synthetic assessments for tests and for looking at pages. No number here was ever measured.

mod after_surgery;

pub use after_surgery::{before_surgery, man, surgery_first, unclear_receptor};

use crate::study::{
    Applicability, Assessment, Contribution, ImagingInput, Input, InputState, ModelIdentity, ObservedRate,
    OptionEstimate, Performance, Verdict, ViewWeight,
};
use crate::terms::{Estimate, Modality, Pseudonym, Subtype};

fn interval(estimate: f64, lower95: f64, upper95: f64) -> Estimate {
    Estimate { estimate, lower95, upper95 }
}

fn model(name: &str, uses_imaging: bool) -> ModelIdentity {
    ModelIdentity {
        name: name.to_owned(),
        version: "0001".to_owned(),
        sha256: "9f2c1ab0".repeat(8),
        target: "pathological complete response, ypT0/is ypN0".to_owned(),
        trained_on: "I-SPY2, open clinical and MRI tables".to_owned(),
        n_training: 880,
        interval_method: "bootstrap of patients, 50 refits".to_owned(),
        uses_imaging,
    }
}

fn option(id: &str, label: &str, agent: &str, standing: &str, n: usize) -> OptionEstimate {
    OptionEstimate {
        id: id.to_owned(),
        label: label.to_owned(),
        agent: agent.to_owned(),
        backbone: "weekly paclitaxel, then doxorubicin + cyclophosphamide".to_owned(),
        standing: standing.to_owned(),
        note: String::new(),
        estimate: None,
        other_models: Vec::new(),
        observed: None,
        n_comparable: n,
        supported: n >= 15,
        reason: String::new(),
    }
}

fn with(
    mut from: OptionEstimate,
    estimate: Estimate,
    other: Estimate,
    events: usize,
    rate: Estimate,
) -> OptionEstimate {
    from.observed = Some(ObservedRate { rate, n: from.n_comparable, n_events: events });
    from.estimate = Some(estimate);
    from.other_models = vec![("pcr-ispy2-images".to_owned(), other)];
    from
}

fn input(label: &str, group: &str, value: Option<&str>, unit: &str, state: InputState, note: Option<&str>) -> Input {
    Input {
        column: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        group: group.to_owned(),
        value: value.map(str::to_owned),
        unit: unit.to_owned(),
        state,
        note: note.map(str::to_owned),
        source: if value.is_some() { format!("patients/{group}.csv") } else { String::new() },
    }
}

fn contribution(label: &str, group: &str, value: &str, logit: f64) -> Contribution {
    Contribution {
        column: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        group: group.to_owned(),
        value: value.to_owned(),
        logit,
    }
}

fn performance(model: &str, population: &str, n: usize, n_events: usize, auc: f64) -> Performance {
    Performance {
        model: model.to_owned(),
        population: population.to_owned(),
        n,
        n_events,
        method: "5 \u{d7} 5-fold cross-validation, split by patient".to_owned(),
        auc: Some(interval(auc, auc - 0.05, auc + 0.05)),
        brier: Some(interval(0.19, 0.17, 0.21)),
        calibration_slope: Some(interval(0.94, 0.74, 1.14)),
    }
}

/// A triple-negative patient inside the training data, with an answer.
#[must_use]
pub fn normal() -> Assessment {
    let pembro = {
        let mut pembro = with(
            option("Pembro", "Pembrolizumab + paclitaxel, then AC", "pembrolizumab added", "approved", 28),
            interval(0.584, 0.42, 0.73),
            interval(0.55, 0.36, 0.74),
            17,
            interval(0.607, 0.42, 0.77),
        );
        pembro.note = "Approved with chemotherapy for high-risk early triple-negative cancer since 2021, on a different backbone.".to_owned();
        pembro
    };
    Assessment {
        synthetic: true,
        pseudonym: Pseudonym::from_digest(&[0x1f; 32]),
        cohort: "demo".to_owned(),
        visit: "baseline".to_owned(),
        regimen_version: "0.1.0".to_owned(),
        models: vec![model("pcr-ispy2", false), model("pcr-ispy2-images", true)],
        subtype: Some(Subtype::TripleNegative),
        inputs: vec![
            input("Age at diagnosis", "clinical", Some("47"), "years", InputState::Used, None),
            input("Menopausal status", "clinical", Some("pre-menopausal"), "", InputState::Used, None),
            input("Hormone-receptor status", "clinical", Some("negative"), "", InputState::Used, None),
            input("HER2 status", "clinical", Some("negative"), "", InputState::Used, None),
            input("MammaPrint high risk", "genomic", Some("High 2"), "", InputState::Used, None),
            input("Immune signature", "genomic", None, "", InputState::Missing, None),
            input(
                "Functional tumour volume",
                "mri_measurement",
                Some("184 200"),
                "mm\u{b3}",
                InputState::OutOfRange,
                Some("above the 99th percentile of the training data (152 000 mm\u{b3})"),
            ),
            input(
                "Longest diameter",
                "mri_measurement",
                Some("-4"),
                "mm",
                InputState::Refused,
                Some("expected 0 to 300 mm, found -4"),
            ),
        ],
        imaging: vec![
            ImagingInput {
                modality: Modality::Mammography,
                n_images: 4,
                encoder: Some("mammo-resnet18 0001".to_owned()),
                quality: Vec::new(),
                available: true,
                note: "Not used by the leading model.".to_owned(),
                views: vec![
                    ViewWeight { view: "left MLO".to_owned(), weight: 0.64 },
                    ViewWeight { view: "left CC".to_owned(), weight: 0.36 },
                ],
                picture: Some("data:image/png;base64,AAAA".to_owned()),
            },
            ImagingInput {
                modality: Modality::Mri,
                n_images: 1,
                encoder: None,
                quality: vec!["slice spacing above 5 mm".to_owned()],
                available: false,
                note: "The study did not pass the quality gate.".to_owned(),
                views: Vec::new(),
                picture: None,
            },
        ],
        applicability: Applicability {
            verdict: Verdict::Applies,
            reasons: Vec::new(),
            notes: Vec::new(),
            distance_percentile: Some(0.62),
            n_subtype: Some(322),
            completeness: 0.75,
        },
        options: vec![
            option(
                "TDM1/P",
                "T-DM1 + pertuzumab, then AC",
                "T-DM1 and pertuzumab in place of paclitaxel",
                "investigational",
                0,
            ),
            pembro,
            with(
                option(
                    "ABT888",
                    "Veliparib + carboplatin + paclitaxel, then AC",
                    "veliparib and carboplatin added",
                    "investigational",
                    39,
                ),
                interval(0.51, 0.37, 0.66),
                interval(0.47, 0.3, 0.65),
                20,
                interval(0.513, 0.36, 0.66),
            ),
            with(
                option("Ctr", "Paclitaxel, then AC", "none", "control", 85),
                interval(0.242, 0.16, 0.34),
                interval(0.26, 0.17, 0.38),
                17,
                interval(0.2, 0.13, 0.29),
            ),
            option(
                "AMG479",
                "Ganitumab + metformin + paclitaxel, then AC",
                "ganitumab and metformin added",
                "investigational",
                9,
            ),
        ],
        followed_by: "doxorubicin and cyclophosphamide, then surgery".to_owned(),
        received: Some("Pembro".to_owned()),
        explained_option: Some("Pembro".to_owned()),
        contributions: vec![
            contribution("Treatment arm", "treatment", "Pembrolizumab + paclitaxel, then AC", 0.71),
            contribution("MammaPrint high risk", "genomic", "High 2", 0.44),
            contribution("Hormone-receptor status", "clinical", "negative", 0.38),
            contribution("Functional tumour volume", "mri_measurement", "184 200 mm\u{b3}", -0.31),
            contribution("Age at diagnosis", "clinical", "47 years", 0.05),
            contribution("Menopausal status", "clinical", "pre-menopausal", -0.02),
            contribution("Immune signature", "genomic", "not given", -0.01),
        ],
        contribution_base: Some(-0.87),
        performance: vec![
            performance("pcr-ispy2", "all 880 open I-SPY2 patients", 880, 290, 0.78),
            performance("pcr-ispy2", "HR-/HER2-", 322, 130, 0.69),
            performance("pcr-ispy2-images", "all 880 open I-SPY2 patients", 880, 290, 0.79),
        ],
        decision: None,
        neighbours: None,
        ages: Vec::new(),
        hypothetical: None,
        sources: vec![
            "I-SPY2 clinical and MRI tables, The Cancer Imaging Archive, CC BY 4.0.".to_owned(),
            "Wolf DM et al. Redefining breast cancer subtypes to guide treatment prioritization. Cancer Cell 2022."
                .to_owned(),
        ],
    }
}

/// The same patient with HER2 unknown: no subtype, hence no estimate.
#[must_use]
pub fn unknown_her2() -> Assessment {
    let mut from = normal();
    from.pseudonym = Pseudonym::from_digest(&[0x2a; 32]);
    from.subtype = None;
    from.received = None;
    from.explained_option = None;
    from.contributions.clear();
    from.contribution_base = None;
    from.applicability = Applicability {
        verdict: Verdict::DoesNotApply,
        reasons: vec!["HER2 status is missing; it is required.".to_owned()],
        notes: Vec::new(),
        distance_percentile: None,
        n_subtype: None,
        completeness: 0.625,
    };
    if let Some(her2) = from.inputs.iter_mut().find(|input| input.label == "HER2 status") {
        her2.value = None;
        her2.state = InputState::Missing;
        her2.source = String::new();
    }
    for option in &mut from.options {
        option.estimate = None;
        option.other_models.clear();
        option.observed = None;
        option.n_comparable = 0;
        option.supported = false;
        option.reason = "the subtype is unknown".to_owned();
    }
    from
}

/// A patient far outside the training data, whose numbers are present and must not be shown.
#[must_use]
pub fn out_of_distribution() -> Assessment {
    let mut from = normal();
    from.pseudonym = Pseudonym::from_digest(&[0x3b; 32]);
    from.applicability = Applicability {
        verdict: Verdict::DoesNotApply,
        reasons: vec![
            "The patient lies farther from the centre of the training data than 99.7 % of the training patients."
                .to_owned(),
            "Functional tumour volume is above the range of the training data.".to_owned(),
        ],
        notes: Vec::new(),
        distance_percentile: Some(0.9972),
        n_subtype: Some(322),
        completeness: 0.75,
    };
    from
}

/// A HER2-positive patient, real cohort, no treatment on record, no images, long names, a cautious gate.
#[must_use]
pub fn missing_modalities() -> Assessment {
    let mut from = normal();
    from.synthetic = false;
    from.pseudonym = Pseudonym::from_digest(&[0x4c; 32]);
    from.cohort = "ispy2".to_owned();
    from.subtype = Some(Subtype::HrPosHer2Pos);
    from.received = None;
    from.explained_option = Some("Ctr".to_owned());
    from.imaging.clear();
    from.applicability = Applicability {
        verdict: Verdict::Caution,
        reasons: vec!["Only 31 % of the inputs are given.".to_owned()],
        notes: Vec::new(),
        distance_percentile: Some(0.91),
        n_subtype: Some(156),
        completeness: 0.3125,
    };
    from.options = vec![
        with(
            option(
                "Ctr",
                "Paclitaxel + trastuzumab, then doxorubicin + cyclophosphamide",
                "trastuzumab",
                "control",
                22,
            ),
            interval(0.231, 0.1, 0.42),
            interval(0.27, 0.11, 0.5),
            5,
            interval(0.227, 0.09, 0.43),
        ),
        with(
            option(
                "Pertuzumab",
                "Paclitaxel + trastuzumab + pertuzumab, then doxorubicin + cyclophosphamide with growth-factor support",
                "pertuzumab added to trastuzumab",
                "approved",
                30,
            ),
            interval(0.5, 0.33, 0.67),
            interval(0.46, 0.27, 0.66),
            16,
            interval(0.533, 0.36, 0.7),
        ),
        option(
            "Neratinib",
            "Neratinib (a pan-HER tyrosine-kinase inhibitor) in place of trastuzumab + paclitaxel, then doxorubicin + cyclophosphamide",
            "neratinib in place of trastuzumab",
            "approved",
            12,
        ),
    ];
    for input in &mut from.inputs {
        input.label = format!("{} as recorded at the first visit by the enrolling hospital", input.label);
        input.source =
            format!("a-very-long-folder-name/with/many/levels/{}_with_a_long_suffix_and_date.csv", input.group);
    }
    from.contributions = (0..14)
        .map(|index| {
            contribution(
                &format!("Embedding component {index} of the pooled dynamic contrast-enhanced series"),
                "imaging",
                "not given",
                0.4 / f64::from(index + 1) * if index % 2 == 0 { 1.0 } else { -1.0 },
            )
        })
        .chain([contribution(
            "HER2 status by immunohistochemistry with in-situ hybridisation where equivocal",
            "clinical",
            "positive",
            -0.6,
        )])
        .collect();
    from
}

/// Every fixture with the name of its page.
#[must_use]
pub fn all() -> Vec<(&'static str, Assessment)> {
    vec![
        ("normal", normal()),
        ("unknown-her2", unknown_her2()),
        ("out-of-distribution", out_of_distribution()),
        ("missing-modalities", missing_modalities()),
        ("surgery-first", surgery_first()),
        ("unclear-receptor", unclear_receptor()),
        ("man", man()),
        ("before-surgery", before_surgery()),
    ]
}
