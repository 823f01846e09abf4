//! A view with everything that the decision engine can add, written by hand for tests. No number here was ever measured.

use super::figure::IntervalFigure;
use super::view::{
    AdjuvantRow, BenefitAt, BranchView, ChainBranch, ChainView, DecisionView, ListedRow, NeoadjuvantRow, PredictGain,
    ReportView, Sex, TestRow,
};
use super::{fixtures, words};
use crate::terms::Estimate;

fn points(estimate: f64, lower95: f64, upper95: f64) -> Option<IntervalFigure> {
    IntervalFigure::points(&Estimate { estimate, lower95, upper95 })
}

fn probability(estimate: f64, lower95: f64, upper95: f64) -> Option<IntervalFigure> {
    IntervalFigure::probability(&Estimate { estimate, lower95, upper95 })
}

fn listed(id: &str, label: &str) -> ListedRow {
    ListedRow {
        id: id.to_owned(),
        label: label.to_owned(),
        standing: "Approved agent".to_owned(),
        note: "Given after surgery for years, where it is tolerated.".to_owned(),
        eligibility: "May be open: needs menopausal status (not recorded).".to_owned(),
        open: "May be open",
        needs: "Needs menopausal status (not recorded).".to_owned(),
        trial: vec!["death in 12.1 % against 14.2 % at 10 years, an invented meta-analysis 2015".to_owned()],
        effects: vec![
            "Death of breast cancer, ratio 0.85 (0.75 to 0.96), from randomisation; against none.".to_owned(),
        ],
        harms: vec!["fracture, grade 3: 8.2 % against 5.5 % (an invented meta-analysis 2015)".to_owned()],
    }
}

fn row(id: &str, label: &str) -> AdjuvantRow {
    let at = |years: f64, gain: f64| BenefitAt {
        years,
        gain: points(gain, gain - 0.012, gain + 0.029),
        number_needed: Some("number needed to treat 36 (18 to 62)".to_owned()),
        withheld: String::new(),
    };
    let withheld = BenefitAt {
        years: 15.0,
        gain: None,
        number_needed: None,
        withheld: "Beyond the follow-up of the trials (10 years) by more than 2 years.".to_owned(),
    };
    AdjuvantRow {
        listed: listed(id, label),
        repeated: false,
        beside: "Endocrine therapy, 5 years".to_owned(),
        benefits: vec![at(5.0, 0.011), at(10.0, 0.028), withheld],
        benefit_absent: String::new(),
        predict: vec![
            PredictGain { version: "3.1".to_owned(), gain: "+1.0".to_owned(), range: None },
            PredictGain { version: "3.2".to_owned(), gain: "+1.7".to_owned(), range: Some("0.9 to 2.4".to_owned()) },
        ],
        predict_other_years: "PREDICT 3.2 at 5 and 15 years: +0.6, +2.4".to_owned(),
        predict_absent: String::new(),
        caveats: vec!["The ratio was measured against no treatment.".to_owned()],
        conflicts: vec!["regimen and PREDICT 3.1 differ by more than their intervals allow.".to_owned()],
    }
}

fn without_numbers(id: &str, label: &str) -> AdjuvantRow {
    AdjuvantRow {
        benefits: Vec::new(),
        benefit_absent: "The trial measured recurrence, not death: its ratio is not applied to death.".to_owned(),
        predict: Vec::new(),
        predict_other_years: String::new(),
        predict_absent: "PREDICT does not know this option.".to_owned(),
        conflicts: Vec::new(),
        ..row(id, label)
    }
}

/// The normal patient, a woman, with options before and after surgery, the chain and missing tests.
pub fn decided() -> ReportView {
    let branch = |heading: &str, rows: Vec<AdjuvantRow>| BranchView {
        heading: Some(heading.to_owned()),
        outlook: vec![
            "After surgery alone 84 of 100 patients like this one are alive at 10 years (95 % interval 75 to 88)."
                .to_owned(),
        ],
        survival: None,
        has_numbers: true,
        n_repeated: 0,
        closed_by: vec![("For HER2-positive cancer; here: negative".to_owned(), "Trastuzumab".to_owned())],
        cautions: vec!["The survival model filled 2 inputs that are not recorded; the interval holds that.".to_owned()],
        rows,
        closed: vec!["Trastuzumab: for HER2-positive cancer; here: negative.".to_owned(); 3],
    };
    let decision = DecisionView {
        findings: vec![("To be checked", "grade, ki67_pct: expected grade 3, found grade 1.".to_owned())],
        withheld_answer: None,
        introduction: "Absolute gain in survival from published effects on a modelled baseline.",
        assumptions: "Effects end with the follow-up of their trials.".to_owned(),
        predict_note: "PREDICT 3.1 is the version with published validation.",
        neoadjuvant: vec![
            NeoadjuvantRow {
                listed: listed("chemo-pembrolizumab", "Chemotherapy + pembrolizumab"),
                regimen: probability(0.584, 0.42, 0.73),
                regimen_note: "of arm Pembro of I-SPY2: an invented difference".to_owned(),
                conflicts: vec!["regimen and the trial disagree by 12.0 points on complete response.".to_owned()],
            },
            NeoadjuvantRow {
                listed: listed("tch", "TCH"),
                regimen: None,
                regimen_note: "No arm of its trial comes near.".to_owned(),
                conflicts: Vec::new(),
            },
        ],
        survival_gate: None,
        has_numbers: true,
        validation: Vec::new(),
        branches: vec![
            branch(
                "If residual disease is found",
                vec![row("capecitabine", "Capecitabine"), without_numbers("olaparib", "Olaparib")],
            ),
            branch("If the response is complete", vec![row("pembrolizumab", "Pembrolizumab")]),
        ],
        chain: Some(ChainView {
            introduction: "What trials published for both branches; never a product of the two.",
            branches: vec![
                ChainBranch {
                    label: "Complete response",
                    prob: probability(0.584, 0.42, 0.73),
                    outlook: vec!["92 % event-free at 5 years from surgery with another regimen (invented)".to_owned()],
                },
                ChainBranch { label: "Residual disease", prob: probability(0.416, 0.27, 0.58), outlook: Vec::new() },
            ],
            ratios: vec!["Events with response against residual disease: hazard ratio 0.18 (0.10 to 0.31).".to_owned()],
            warnings: vec!["A gain in response is no gain in survival.".to_owned()],
        }),
        tests: vec![TestRow {
            test: "Expression".to_owned(),
            n_inputs: 27,
            change: "14 points".to_owned(),
            width: "62 to 41 points".to_owned(),
            top_changes: Some("31 %".to_owned()),
        }],
        tests_sentence: "How far each estimate would move on average if the test were done.",
    };
    let mut view = ReportView::new(&fixtures::normal());
    view.sex = Sex::Female;
    view.answer.cautions.push(words::HER2_CONTROL.to_owned());
    view.decision = Some(decision);
    view
}
