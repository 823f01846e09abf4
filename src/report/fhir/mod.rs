//! The report as a FHIR R4 bundle, for systems that read resources and not pages.
//!
//! Lives here: the mapping of a [`ReportView`] to resources. A bundle of type `collection` (a `document` would need a date
//! and an author) holds the patient by pseudonym, a device per model version and one for the program, an observation per
//! input with a value, an observation for the answer and for each gain in survival, one risk assessment per arm with a
//! number, and a diagnostic report whose conclusion is the one-line answer. No clock: no resource has a date. Every resource
//! says that it is for research only (tag and text); those of a simulated patient carry the security label HTEST.
//! Deliberately absent: numbers that the page does not show, profiles and terminology servers.
//!
//! Own names, all under `urn:x-regimen:`: the extension `interval-95` (a Range, the 95 % interval of the number beside it),
//! `option` (the treatment option that a number is about) and `risk-assessment` (R4's DiagnosticReport can only point to
//! observations). Everything is `preliminary`: no clinician has verified it.

mod elements;
mod ids;
mod resources;

#[cfg(test)]
mod tests;

use elements::{
    absent, coded, meta, narrative, option, other_category, percent, percent_interval, points, points_interval,
    words_only,
};
use ids::{urn, uuid};
use resources::{
    Annotation, Bundle, Common, Device, DeviceName, DeviceVersion, DiagnosticReport, Entry, Extension, ExtensionValue,
    Identifier, Observation, ObservationValue, Patient, Prediction, Reference, Resource, RiskAssessment,
};

use super::view::{InputRow, OptionRow, ReportView, Sex};
use crate::study::{InputState, ModelIdentity};

const PSEUDONYM: &str = "urn:x-regimen:pseudonym";
const PROGRAM: &str = "urn:x-regimen:program";
const SHA256: &str = "urn:x-regimen:sha256";
const ASSESSMENT: &str = "urn:x-regimen:risk-assessment";

/// The report as a FHIR R4 Bundle in pretty JSON: the numbers and sentences of the page, percentages as 0 to 100.
///
/// Ids are UUIDs from the pseudonym and the content, so that the same view gives the same text.
#[must_use]
pub fn fhir(view: &ReportView) -> String {
    let bundle = Writer::new(view).bundle();
    let mut text = serde_json::to_string_pretty(&bundle).expect("a bundle is made of strings, lists and numbers");
    text.push('\n');
    text
}

struct Writer<'a> {
    view: &'a ReportView,
    /// Hash of the whole view, so that an id names this very content.
    content: String,
    subject: Reference,
    entries: Vec<Entry>,
}

impl<'a> Writer<'a> {
    fn new(view: &'a ReportView) -> Self {
        let subject = Reference { reference: urn(&uuid(&["Patient", &view.pseudonym])) };
        Self { view, content: uuid(&[&super::json(view)]), subject, entries: Vec::new() }
    }

    fn bundle(mut self) -> Bundle {
        let view = self.view;
        self.patient();
        let program = self.program();
        let devices: Vec<Reference> = view.models.iter().map(|model| self.model(model)).collect();
        let lead = devices.first().cloned().unwrap_or(program);
        let inputs: Vec<Reference> = view
            .inputs
            .groups
            .iter()
            .flat_map(|group| &group.rows)
            .filter(|row| matches!(row.state_code, InputState::Used | InputState::OutOfRange))
            .map(|row| self.input(row))
            .collect();
        let mut results = vec![self.answer(&lead, &inputs)];
        results.extend(self.gains());
        let risks: Vec<Reference> = view.options.iter().filter_map(|row| self.risk(row, &lead, &inputs)).collect();
        self.report(results, risks);
        let id = self.id("Bundle", "");
        Bundle {
            resource_type: "Bundle",
            meta: meta(view),
            identifier: Identifier { system: "urn:ietf:rfc:3986", value: urn(&id) },
            id,
            kind: "collection",
            entry: self.entries,
        }
    }

    fn id(&self, kind: &str, name: &str) -> String {
        let place = self.entries.len().to_string();
        uuid(&[kind, &self.view.pseudonym, &self.content, name, &place])
    }

    /// Keeps the devices of test patients, which carry a label, apart from the others.
    fn world(&self) -> &'static str {
        if self.view.synthetic { "synthetic" } else { "" }
    }

    fn common(&self, id: String, sentence: &str, extension: Vec<Extension>) -> Common {
        Common { id, meta: meta(self.view), text: narrative(self.view, sentence), extension }
    }

    fn add(&mut self, id: &str, resource: Resource) -> Reference {
        let full_url = urn(id);
        if self.entries.iter().all(|entry| entry.full_url != full_url) {
            self.entries.push(Entry { full_url, resource });
        }
        Reference { reference: urn(id) }
    }

    fn patient(&mut self) {
        let id = uuid(&["Patient", &self.view.pseudonym]);
        let sentence = format!("Patient {}, known by this pseudonym only.", self.view.pseudonym);
        let patient = Patient {
            common: self.common(id.clone(), &sentence, Vec::new()),
            identifier: vec![Identifier { system: PSEUDONYM, value: self.view.pseudonym.clone() }],
            gender: match self.view.sex {
                Sex::Female => "female",
                Sex::Male => "male",
                Sex::NotRecorded => "unknown",
            },
        };
        self.add(&id, Resource::Patient(patient));
    }

    fn program(&mut self) -> Reference {
        let version = self.view.regimen_version.clone();
        let id = uuid(&["Device", self.world(), "regimen", &version]);
        let device = Device {
            common: self.common(id.clone(), &format!("The program regimen {version}."), Vec::new()),
            identifier: vec![Identifier { system: PROGRAM, value: format!("regimen {version}") }],
            status: "active",
            device_name: vec![DeviceName { name: "regimen".to_owned(), kind: "user-friendly-name" }],
            kind: words_only("Software, research use only"),
            version: vec![DeviceVersion { value: version }],
            note: Vec::new(),
        };
        self.add(&id, Resource::Device(device))
    }

    fn model(&mut self, model: &ModelIdentity) -> Reference {
        let id = uuid(&["Device", self.world(), &model.name, &model.version, &model.sha256]);
        let sentence = format!(
            "Model {} {}: predicts {}; trained on {} ({} patients).",
            model.name, model.version, model.target, model.trained_on, model.n_training
        );
        let device = Device {
            common: self.common(id.clone(), &sentence, Vec::new()),
            identifier: vec![Identifier { system: SHA256, value: model.sha256.clone() }],
            status: "active",
            device_name: vec![DeviceName { name: model.name.clone(), kind: "model-name" }],
            kind: words_only("Statistical model, research use only"),
            version: vec![DeviceVersion { value: model.version.clone() }],
            note: vec![Annotation { text: format!("Intervals: {}.", model.interval_method) }],
        };
        self.add(&id, Resource::Device(device))
    }

    fn input(&mut self, row: &InputRow) -> Reference {
        let id = self.id("Observation", &format!("input {}", row.label));
        let notes = [
            (!row.note.is_empty()).then(|| format!("{}: {}.", row.state, row.note.trim_end_matches('.'))),
            (!row.source.is_empty()).then(|| format!("Source: {}", row.source)),
        ];
        let observation = Observation {
            common: self.common(id.clone(), &format!("{}: {}.", row.label, row.value), Vec::new()),
            status: "unknown",
            code: words_only(row.label.clone()),
            subject: self.subject.clone(),
            value: Some(ObservationValue::Text(row.value.clone())),
            data_absent_reason: None,
            note: notes.into_iter().flatten().map(|text| Annotation { text }).collect(),
            device: None,
            derived_from: Vec::new(),
        };
        self.add(&id, Resource::Observation(Box::new(observation)))
    }

    /// The one-line answer as an observation, with a reason where there is no number.
    fn answer(&mut self, lead: &Reference, inputs: &[Reference]) -> Reference {
        let answer = &self.view.answer;
        let id = self.id("Observation", "answer");
        let mut extension: Vec<Extension> = answer.estimate.as_ref().map(percent_interval).into_iter().collect();
        if let (Some(code), Some(label)) = (&answer.arm_id, &answer.arm) {
            extension.push(option(code, label));
        }
        let more = [&answer.arm_sentence, &answer.reference_class, &answer.observed];
        let frequency = answer.frequency.as_ref().map(|frequency| &frequency.sentence);
        let notes = more.into_iter().flatten().chain(frequency).chain(&answer.cautions);
        let observation = Observation {
            common: self.common(id.clone(), &answer.sentence, extension),
            status: "preliminary",
            code: coded("pcr-probability", "Estimated probability of pathological complete response"),
            subject: self.subject.clone(),
            value: answer.estimate.as_ref().map(|estimate| ObservationValue::Quantity(percent(estimate.estimate))),
            data_absent_reason: answer.estimate.is_none().then(|| absent(&answer.sentence)),
            note: notes.map(|text| Annotation { text: text.clone() }).collect(),
            device: Some(lead.clone()),
            derived_from: inputs.to_vec(),
        };
        self.add(&id, Resource::Observation(Box::new(observation)))
    }

    /// The points of survival gained after surgery, one observation per option and horizon with a number.
    fn gains(&mut self) -> Vec<Reference> {
        let Some(decision) = &self.view.decision else { return Vec::new() };
        let mut found = Vec::new();
        for (index, branch) in decision.branches.iter().enumerate() {
            for row in &branch.rows {
                for at in &row.benefits {
                    let Some(gain) = &at.gain else { continue };
                    let label = &row.listed.label;
                    let id = self.id("Observation", &format!("gain {index} {} {}", row.listed.id, at.years));
                    let assumed = branch.heading.iter().map(|heading| format!("Assumed: {heading}."));
                    let beside = (!row.beside.is_empty()).then(|| format!("On top of: {}.", row.beside));
                    let notes = assumed.chain(beside).chain(at.number_needed.clone()).chain(row.caveats.clone());
                    let sentence = format!(
                        "{label}: {} points of survival gained at {} years, 95 % interval {}.",
                        gain.text, at.years, gain.interval_text
                    );
                    let title = format!("Points of survival gained at {} years", at.years);
                    let observation = Observation {
                        common: self.common(
                            id.clone(),
                            &sentence,
                            vec![points_interval(gain), option(&row.listed.id, label)],
                        ),
                        status: "preliminary",
                        code: coded("survival-gain", &title),
                        subject: self.subject.clone(),
                        value: Some(ObservationValue::Quantity(points(gain.estimate))),
                        data_absent_reason: None,
                        note: notes.map(|text| Annotation { text }).collect(),
                        device: None,
                        derived_from: Vec::new(),
                    };
                    found.push(self.add(&id, Resource::Observation(Box::new(observation))));
                }
            }
        }
        found
    }

    fn risk(&mut self, row: &OptionRow, lead: &Reference, inputs: &[Reference]) -> Option<Reference> {
        let estimate = row.estimate.as_ref()?;
        let id = self.id("RiskAssessment", &row.id);
        let sentence = format!(
            "Under {}: {} probability of pathological complete response, 95 % interval {}.",
            row.label, estimate.text, estimate.interval_text
        );
        let others = row.other_models.iter().filter_map(|other| {
            let figure = other.estimate.as_ref()?;
            Some(format!("{}: {}, 95 % interval {}.", other.model, figure.text, figure.interval_text))
        });
        let said = [row.reason.as_str(), row.note.as_str(), row.observed_sentence.as_deref().unwrap_or("")];
        let notes = said.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).chain(others);
        let method = self.view.models.first().map_or_else(String::new, |model| {
            format!("{} {}; intervals: {}", model.name, model.version, model.interval_method)
        });
        let compared = row
            .n_comparable
            .map_or_else(String::new, |n| format!(" {n} training patients of the same subtype received this option."));
        let risk = RiskAssessment {
            common: self.common(id.clone(), &sentence, vec![option(&row.id, &row.label)]),
            status: "preliminary",
            method: words_only(method),
            code: coded("pcr-under-option", &format!("Response to treatment under {}", row.label)),
            subject: self.subject.clone(),
            performer: lead.clone(),
            basis: inputs.to_vec(),
            prediction: vec![Prediction {
                extension: vec![percent_interval(estimate)],
                outcome: words_only(self.view.outcome.to_owned()),
                probability_decimal: percent(estimate.estimate).value,
                rationale: format!("{sentence}{compared} {}", self.view.order),
            }],
            note: notes.map(|text| Annotation { text }).collect(),
        };
        Some(self.add(&id, Resource::RiskAssessment(Box::new(risk))))
    }

    fn report(&mut self, result: Vec<Reference>, risks: Vec<Reference>) {
        let view = self.view;
        let id = self.id("DiagnosticReport", "");
        let arm = view.answer.arm_sentence.as_ref().map_or_else(String::new, |text| format!(" {text}"));
        let conclusion = format!("{}{arm} {}", view.answer.sentence, view.research_use);
        let extension = risks
            .into_iter()
            .map(|risk| Extension { url: ASSESSMENT, value: ExtensionValue::Reference(risk) })
            .collect();
        let report = DiagnosticReport {
            common: self.common(id.clone(), &format!("{}{arm}", view.answer.sentence), extension),
            status: "preliminary",
            category: vec![other_category()],
            code: coded("treatment-response-report", "Treatment-response report, research use only"),
            subject: self.subject.clone(),
            result,
            conclusion,
        };
        self.add(&id, Resource::DiagnosticReport(report));
    }
}
