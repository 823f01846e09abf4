use serde_json::{Map, Value};

/// A moment in the work with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// A record was opened.
    PatientView,
    /// Orders were selected.
    OrderSelect,
}

impl Hook {
    /// Its name in the specification.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PatientView => "patient-view",
            Self::OrderSelect => "order-select",
        }
    }
}

/// What a valid question comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The patient's id in the clinical system.
    pub(super) patient_id: String,
    /// True when a practitioner asks, false for the patient or a relative.
    pub(super) by_staff: bool,
    /// The practitioner.
    pub(super) staff_id: Option<String>,
}

/// Reads a question to `hook`.
///
/// # Errors
/// Every broken rule, in words that repeat nothing of the question.
pub(super) fn read(body: &[u8], hook: Hook) -> Result<Asked, Vec<String>> {
    let value: Value = serde_json::from_slice(body).map_err(|_| vec!["expected JSON".to_owned()])?;
    let Value::Object(fields) = value else { return Err(vec!["expected a JSON object".to_owned()]) };
    let mut broken = Vec::new();
    let mut rule = |fine: bool, text: &str| {
        if !fine {
            broken.push(text.to_owned());
        }
    };
    let text = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let optional =
        |name: &str, fits: fn(&Value) -> bool| fields.get(name).is_none_or(|value| value.is_null() || fits(value));
    rule(text(&fields, "hook").as_deref() == Some(hook.name()), &format!("hook: expected {}", hook.name()));
    rule(text(&fields, "hookInstance").is_some_and(|id| is_uuid(&id)), "hookInstance: expected a UUID");
    rule(
        optional("fhirServer", |value| value.as_str().is_some_and(is_web_address)),
        "fhirServer: expected an http or https address",
    );
    rule(optional("fhirAuthorization", Value::is_object), "fhirAuthorization: expected an object");
    let authorised = fields.get("fhirAuthorization").is_some_and(Value::is_object);
    rule(!authorised || fields.contains_key("fhirServer"), "fhirServer: required beside fhirAuthorization");
    rule(optional("prefetch", Value::is_object), "prefetch: expected an object");
    let empty = Map::new();
    let context = fields.get("context").and_then(Value::as_object);
    rule(context.is_some(), "context: expected an object");
    let inside = context.unwrap_or(&empty);
    let user = text(inside, "userId");
    let kind = user.as_deref().and_then(reference);
    rule(
        kind.is_some_and(|kind| ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"].contains(&kind)),
        "context.userId: expected Practitioner/ID, PractitionerRole/ID, Patient/ID or RelatedPerson/ID",
    );
    let patient = text(inside, "patientId").filter(|id| is_fhir_id(id));
    rule(patient.is_some(), "context.patientId: expected a FHIR id");
    let encounter =
        inside.get("encounterId").is_none_or(|value| value.is_null() || value.as_str().is_some_and(is_fhir_id));
    rule(encounter, "context.encounterId: expected a FHIR id");
    if hook == Hook::OrderSelect {
        let selections = inside.get("selections").and_then(Value::as_array);
        rule(
            selections
                .is_some_and(|all| all.iter().all(|each| each.as_str().is_some_and(|each| reference(each).is_some()))),
            "context.selections: expected a list of references",
        );
        let drafts = inside.get("draftOrders").and_then(Value::as_object);
        rule(
            drafts.is_some_and(|drafts| drafts.get("resourceType").and_then(Value::as_str) == Some("Bundle")),
            "context.draftOrders: expected a Bundle",
        );
    }
    let by_staff = kind.is_some_and(|kind| kind.starts_with("Practitioner"));
    match patient {
        Some(patient_id) if broken.is_empty() => {
            Ok(Asked { patient_id, by_staff, staff_id: user.filter(|_| by_staff) })
        }
        _ => Err(broken),
    }
}

/// The resource type of a reference such as `Practitioner/abc`.
fn reference(text: &str) -> Option<&str> {
    let (kind, id) = text.split_once('/')?;
    let fine = (1..=64).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_fhir_id(id);
    fine.then_some(kind)
}

/// True for an id of FHIR R4: 1 to 64 letters, digits, dashes and dots.
fn is_fhir_id(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(fine)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// True for an http or https address without white space, control characters, user or fragment.
pub(super) fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        text.len() <= 2048
            && !authority.is_empty()
            && !authority.contains('@')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "fhirServer": "https://ehr.example/fhir",
            "context": {"userId": "Practitioner/example", "patientId": "1288992", "encounterId": "89284"}
        })
    }

    fn broken(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut question = good();
        change(&mut question);
        read(question.to_string().as_bytes(), Hook::PatientView).unwrap_err()
    }

    #[test]
    fn a_question_is_read() {
        let asked = read(good().to_string().as_bytes(), Hook::PatientView).unwrap();
        assert_eq!((asked.patient_id.as_str(), asked.by_staff), ("1288992", true));
        assert_eq!(asked.staff_id.as_deref(), Some("Practitioner/example"));
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let found = broken(|question| {
            question["hook"] = json!("order-sign");
            question["hookInstance"] = json!("1");
            question["fhirServer"] = json!("file:///etc/passwd");
            question["context"] = json!({"userId": "somebody", "patientId": "../1"});
        });
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(!found.join(" ").contains("passwd") && !found.join(" ").contains("../1"));
    }

    #[test]
    fn access_without_a_server_and_wrong_shapes_are_refused() {
        assert_eq!(
            broken(|question| {
                question["fhirAuthorization"] = json!({"access_token": "secret"});
                question.as_object_mut().unwrap().remove("fhirServer");
            }),
            ["fhirServer: required beside fhirAuthorization"]
        );
        assert_eq!(broken(|question| question["prefetch"] = json!([1])), ["prefetch: expected an object"]);
        assert_eq!(read(b"[]", Hook::PatientView).unwrap_err(), ["expected a JSON object"]);
        assert_eq!(read(b"{", Hook::PatientView).unwrap_err(), ["expected JSON"]);
    }

    #[test]
    fn the_selection_of_orders_brings_its_drafts() {
        let mut question = good();
        question["hook"] = json!("order-select");
        let found = read(question.to_string().as_bytes(), Hook::OrderSelect).unwrap_err();
        assert_eq!(found.len(), 2, "{found:?}");
        question["context"]["selections"] = json!(["NutritionOrder/123"]);
        question["context"]["draftOrders"] = json!({"resourceType": "Bundle", "entry": []});
        assert!(read(question.to_string().as_bytes(), Hook::OrderSelect).is_ok());
    }

    #[test]
    fn a_patient_who_asks_is_no_staff() {
        let mut question = good();
        question["context"]["userId"] = json!("Patient/1288992");
        let asked = read(question.to_string().as_bytes(), Hook::PatientView).unwrap();
        assert_eq!((asked.by_staff, asked.staff_id), (false, None));
    }

    #[test]
    fn only_plain_web_addresses_are_addresses() {
        for good in ["https://ehr.example/fhir", "http://127.0.0.1:9080", "https://a.example/x?y=1"] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https:///x",
            "ftp://a",
            "javascript:alert(1)",
            "https://user@evil",
            "https://a b",
            "https://a/<x>",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
