//! One version of a model as a page for people who inspect models: figures with intervals, plots, its card.
//!
//! Lives here: [`ModelView`] from the files of a version, the plots of calibration and net benefit, the drift of a cohort's
//! inputs, and the rendering of a card's Markdown to safe HTML. Deliberately absent: routes, and numbers that no file of
//! the version holds.

mod card;
mod drift;
mod encoder;
mod plots;
mod response;
mod survival;
mod table;

pub use card::card_html;
pub use drift::{DriftRow, DriftView};
pub use plots::Chart;
pub use table::FigureTable;

use serde_json::Value;

use crate::study::{BinaryEvaluation, ListedModel, ModelFiles, SurvivalEvaluation};

/// One version of a model, ready to print.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelView {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Kind in words.
    pub kind: &'static str,
    /// True for the version in use.
    pub promoted: bool,
    /// Label and text, in display order.
    pub facts: Vec<(&'static str, String)>,
    /// Figures with their intervals.
    pub tables: Vec<FigureTable>,
    /// Plots.
    pub charts: Vec<Chart>,
    /// What is not shown, and why.
    pub remarks: Vec<String>,
    /// The card as HTML that holds no markup but ours; empty without a card.
    pub card: String,
}

impl ModelView {
    /// The page of one version, from its verified files.
    ///
    /// `held_out` is the evaluation of the same specification with its patients, as `regimen evaluate --cv --json` writes it:
    /// curves of calibration and net benefit need it, because stored figures hold no patient.
    #[must_use]
    pub fn new(listed: &ListedModel, files: &ModelFiles, held_out: Option<&BinaryEvaluation>) -> Self {
        let manifest: Value = serde_json::from_slice(&files.manifest).unwrap_or_default();
        let text = |file: &str| files.files.get(file).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut view = Self {
            name: listed.name.clone(),
            version: listed.version.clone(),
            kind: kind_in_words(&listed.kind),
            promoted: listed.promoted,
            facts: facts(listed, &manifest),
            tables: Vec::new(),
            charts: Vec::new(),
            remarks: Vec::new(),
            card: text("card.md").map(card_html).unwrap_or_default(),
        };
        let metrics = text("metrics.json");
        match listed.kind.as_str() {
            "response" => match metrics.map(serde_json::from_str::<BinaryEvaluation>) {
                Some(Ok(found)) => response::fill(&mut view, &found, held_out),
                _ => view.remarks.push(NO_METRICS.to_owned()),
            },
            "survival-baseline" => match metrics.map(serde_json::from_str::<SurvivalEvaluation>) {
                Some(Ok(found)) => survival::fill(&mut view, &found),
                _ => view.remarks.push(NO_METRICS.to_owned()),
            },
            _ => encoder::fill(&mut view, &manifest),
        }
        view
    }
}

const NO_METRICS: &str = "This version keeps no figures that this page can read.";

/// What a kind of model is, in words.
#[must_use]
pub fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "response" => "response to treatment",
        "survival-baseline" => "survival after surgery alone",
        "encoder" => "encoder of images",
        "localiser" => "localiser of lesions",
        _ => "unknown kind",
    }
}

fn facts(listed: &ListedModel, manifest: &Value) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let at = |pointer: &str| match manifest.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Array(items)) if items.iter().all(Value::is_number) => {
            Some(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
        }
        _ => None,
    };
    for (label, pointers) in [
        ("Predicts", &["/spec/target_definition", "/spec/task"][..]),
        ("Population", &["/spec/population"]),
        ("Estimator", &["/spec/family", "/architecture"]),
        ("Training patients", &["/n_training", "/data/n_patients"]),
        ("With the outcome", &["/n_events"]),
        ("Trained from", &["/origin/label", "/data/source"]),
        ("Intervals", &["/interval_method"]),
        ("Seed", &["/spec/seed", "/seed"]),
        ("Trained by regimen", &["/crate_version"]),
    ] {
        if let Some(text) = pointers.iter().find_map(|pointer| at(pointer)) {
            facts.push((label, text));
        }
    }
    facts.push(("SHA-256 of the manifest", listed.manifest_sha256.clone()));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Models;

    fn view(name: &str) -> ModelView {
        let listed = Models::Embedded.list().into_iter().find(|model| model.name == name && model.promoted).unwrap();
        let files = Models::Embedded.open(&format!("{}@{}", listed.name, listed.version)).unwrap();
        ModelView::new(&listed, &files, None)
    }

    #[test]
    fn a_response_model_shows_figures_subgroups_and_calibration_and_says_what_it_cannot_show() {
        let view = view("pcr-ispy2");
        let captions: Vec<&str> = view.tables.iter().map(|table| table.caption.as_str()).collect();
        assert!(captions[0].starts_with("Performance"), "{captions:?}");
        let auc = &view.tables[0].rows[0];
        assert_eq!((auc[0].as_str(), auc[1].as_str()), ("AUC", "0.789 (0.756 to 0.817)"));
        assert_eq!(view.tables[1].rows.len(), 4);
        assert_eq!(view.charts.len(), 1);
        assert!(view.charts[0].svg.starts_with("<svg") && !view.charts[0].svg.contains("style="));
        assert!(view.remarks.iter().any(|remark| remark.contains("net benefit")), "{:?}", view.remarks);
        assert!(view.card.contains("<h3") && view.card.contains("<table"));
    }

    #[test]
    fn every_promoted_model_has_a_page_with_figures() {
        for listed in Models::Embedded.list().into_iter().filter(|model| model.promoted) {
            let view = view(&listed.name);
            assert!(!view.tables.is_empty(), "{}: {:?}", listed.name, view.remarks);
            assert_ne!(view.kind, "unknown kind", "{}", listed.name);
            assert!(view.tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.head.len())));
        }
    }

    #[test]
    fn held_out_patients_draw_the_curves_of_calibration_and_net_benefit() {
        let listed = Models::Embedded.list().into_iter().find(|m| m.name == "pcr-ispy2" && m.promoted).unwrap();
        let files = Models::Embedded.open("pcr-ispy2").unwrap();
        let mut held_out: BinaryEvaluation = serde_json::from_slice(&files.files["metrics.json"]).unwrap();
        held_out.per_patient = (0..200_u32)
            .map(|at| crate::study::PatientResult {
                patient_id: format!("demo:{at}"),
                y: u8::from(at % 3 == 0),
                p: f64::from(at % 97) / 120.0 + 0.05 + if at % 3 == 0 { 0.1 } else { 0.0 },
            })
            .collect();
        let view = ModelView::new(&listed, &files, Some(&held_out));
        assert_eq!(view.charts.len(), 3, "{:?}", view.remarks);
        assert!(view.charts.iter().any(|chart| chart.title.contains("Net benefit")));
        let ids: Vec<&str> = view.charts.iter().flat_map(|c| c.svg.split("id=\"").skip(1)).collect();
        assert_eq!(ids.len(), 6);
        assert!(!view.charts.iter().any(|chart| chart.svg.contains("demo:")));
        held_out.spec_sha256 = "another".to_owned();
        assert_eq!(ModelView::new(&listed, &files, Some(&held_out)).charts.len(), 1);
    }
}
