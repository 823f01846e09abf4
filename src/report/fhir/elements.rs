//! Elements that several resources share: tags, narratives, codes, percentages and their intervals.

use super::resources::{CodeableConcept, Coding, Extension, ExtensionValue, Meta, Narrative, Quantity, Range};
use crate::report::figure::IntervalFigure;
use crate::report::view::ReportView;

const UCUM: &str = "http://unitsofmeasure.org";
const USE: &str = "urn:x-regimen:use";
const CODES: &str = "urn:x-regimen:code";
const OPTION: &str = "urn:x-regimen:option";
const INTERVAL: &str = "urn:x-regimen:interval-95";

/// A concept without a code.
pub(super) fn words_only(text: impl Into<String>) -> CodeableConcept {
    CodeableConcept { coding: Vec::new(), text: text.into() }
}

/// The category of a diagnostic report that is none of the usual services.
pub(super) fn other_category() -> CodeableConcept {
    let coding = Coding {
        system: "http://terminology.hl7.org/CodeSystem/v2-0074",
        code: "OTH".to_owned(),
        display: Some("Other".to_owned()),
    };
    CodeableConcept { coding: vec![coding], text: "Research".to_owned() }
}

pub(super) fn meta(view: &ReportView) -> Meta {
    let test = Coding {
        system: "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        code: "HTEST".to_owned(),
        display: Some("test health data".to_owned()),
    };
    let standing = Coding {
        system: USE,
        code: "research-only".to_owned(),
        display: Some("Research use only, not a medical device".to_owned()),
    };
    Meta { security: if view.synthetic { vec![test] } else { Vec::new() }, tag: vec![standing] }
}

pub(super) fn narrative(view: &ReportView, sentence: &str) -> Narrative {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let paragraphs = [view.synthetic_banner, Some(view.research_use), Some(sentence)];
    let paragraphs: String = paragraphs.into_iter().flatten().map(|text| format!("<p>{}</p>", escaped(text))).collect();
    Narrative { status: "generated", div: format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{paragraphs}</div>") }
}

pub(super) fn coded(code: &str, text: &str) -> CodeableConcept {
    CodeableConcept {
        coding: vec![Coding { system: CODES, code: code.to_owned(), display: None }],
        text: text.to_owned(),
    }
}

pub(super) fn option(id: &str, label: &str) -> Extension {
    let coding = Coding { system: OPTION, code: id.to_owned(), display: Some(label.to_owned()) };
    Extension {
        url: OPTION,
        value: ExtensionValue::Concept(CodeableConcept { coding: vec![coding], text: label.to_owned() }),
    }
}

/// Why there is no number.
pub(super) fn absent(sentence: &str) -> CodeableConcept {
    CodeableConcept {
        coding: vec![Coding {
            system: "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            code: "not-applicable".to_owned(),
            display: Some("Not Applicable".to_owned()),
        }],
        text: sentence.to_owned(),
    }
}

/// A share as a percentage, without the noise of binary fractions.
pub(super) fn percent(share: f64) -> Quantity {
    Quantity { value: (share * 1e6).round() / 1e4, unit: "%", system: UCUM, code: "%" }
}

pub(super) fn points(share: f64) -> Quantity {
    Quantity { unit: "percentage points", ..percent(share) }
}

pub(super) fn percent_interval(figure: &IntervalFigure) -> Extension {
    let range = Range { low: percent(figure.lower95), high: percent(figure.upper95) };
    Extension { url: INTERVAL, value: ExtensionValue::Range(range) }
}

pub(super) fn points_interval(figure: &IntervalFigure) -> Extension {
    let range = Range { low: points(figure.lower95), high: points(figure.upper95) };
    Extension { url: INTERVAL, value: ExtensionValue::Range(range) }
}
