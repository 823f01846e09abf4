//! The parts of FHIR R4 that the bundle uses, with its own names and in its own order; absent elements are left out.

use serde::Serialize;

/// A bundle of resources that belong together.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    pub(super) resource_type: &'static str,
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) identifier: Identifier,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) entry: Vec<Entry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) full_url: String,
    pub(super) resource: Resource,
}

/// One resource, under the key `resourceType`.
#[derive(Debug, Serialize)]
#[serde(tag = "resourceType")]
pub(super) enum Resource {
    Patient(Patient),
    Device(Device),
    Observation(Box<Observation>),
    RiskAssessment(Box<RiskAssessment>),
    DiagnosticReport(DiagnosticReport),
}

/// What every resource of the bundle begins with.
#[derive(Debug, Serialize)]
pub(super) struct Common {
    pub(super) id: String,
    pub(super) meta: Meta,
    pub(super) text: Narrative,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) extension: Vec<Extension>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Meta {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) security: Vec<Coding>,
    pub(super) tag: Vec<Coding>,
}

#[derive(Debug, Serialize)]
pub(super) struct Narrative {
    pub(super) status: &'static str,
    pub(super) div: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Extension {
    pub(super) url: &'static str,
    #[serde(flatten)]
    pub(super) value: ExtensionValue,
}

#[derive(Debug, Serialize)]
pub(super) enum ExtensionValue {
    #[serde(rename = "valueRange")]
    Range(Range),
    #[serde(rename = "valueReference")]
    Reference(Reference),
    #[serde(rename = "valueCodeableConcept")]
    Concept(CodeableConcept),
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Coding {
    pub(super) system: &'static str,
    pub(super) code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct CodeableConcept {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) coding: Vec<Coding>,
    pub(super) text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Identifier {
    pub(super) system: &'static str,
    pub(super) value: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Reference {
    pub(super) reference: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Quantity {
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) system: &'static str,
    pub(super) code: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Range {
    pub(super) low: Quantity,
    pub(super) high: Quantity,
}

#[derive(Debug, Serialize)]
pub(super) struct Annotation {
    pub(super) text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Patient {
    #[serde(flatten)]
    pub(super) common: Common,
    pub(super) identifier: Vec<Identifier>,
    pub(super) gender: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    #[serde(flatten)]
    pub(super) common: Common,
    pub(super) identifier: Vec<Identifier>,
    pub(super) status: &'static str,
    pub(super) device_name: Vec<DeviceName>,
    #[serde(rename = "type")]
    pub(super) kind: CodeableConcept,
    pub(super) version: Vec<DeviceVersion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) note: Vec<Annotation>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeviceName {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct DeviceVersion {
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Observation {
    #[serde(flatten)]
    pub(super) common: Common,
    pub(super) status: &'static str,
    pub(super) code: CodeableConcept,
    pub(super) subject: Reference,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<ObservationValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_absent_reason: Option<CodeableConcept>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) note: Vec<Annotation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) derived_from: Vec<Reference>,
}

#[derive(Debug, Serialize)]
pub(super) enum ObservationValue {
    #[serde(rename = "valueString")]
    Text(String),
    #[serde(rename = "valueQuantity")]
    Quantity(Quantity),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RiskAssessment {
    #[serde(flatten)]
    pub(super) common: Common,
    pub(super) status: &'static str,
    pub(super) method: CodeableConcept,
    pub(super) code: CodeableConcept,
    pub(super) subject: Reference,
    pub(super) performer: Reference,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) basis: Vec<Reference>,
    pub(super) prediction: Vec<Prediction>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) note: Vec<Annotation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prediction {
    pub(super) extension: Vec<Extension>,
    pub(super) outcome: CodeableConcept,
    /// Percent, 0 to 100: rule ras-2 of R4.
    pub(super) probability_decimal: f64,
    pub(super) rationale: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiagnosticReport {
    #[serde(flatten)]
    pub(super) common: Common,
    pub(super) status: &'static str,
    pub(super) category: Vec<CodeableConcept>,
    pub(super) code: CodeableConcept,
    pub(super) subject: Reference,
    pub(super) result: Vec<Reference>,
    pub(super) conclusion: String,
}
