use std::collections::{BTreeMap, HashMap};

use super::bundle::Entry;
use super::json::Json;
use super::map::PatientRule;

/// The patients of a file, and every name under which resources refer to them.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Identifier in the output and first entry, in order of the identifiers: their order in the file plays no part.
    pub(super) list: Vec<(String, usize)>,
    names: HashMap<String, usize>,
    /// Server of each patient's full URL, where it has one.
    servers: HashMap<usize, String>,
    identifier_system: Option<String>,
}

/// A rule that a patient resource breaks: entry, path, expected, found.
pub(super) type Broken = (usize, &'static str, String, &'static str);

impl People {
    /// Finds the patients. Resources with the same identifier are the same patient.
    pub(super) fn of(entries: &[Entry], rule: &PatientRule) -> (Self, Vec<Broken>) {
        let mut broken = Vec::new();
        let mut by_identifier: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.resource.text_at("resourceType") == Some("Patient")) {
            match identifier(&entry.resource, rule.identifier_system.as_deref()) {
                Ok(identifier) => by_identifier.entry(identifier).or_default().push(entry),
                Err(found) => {
                    let (path, expected) = match &rule.identifier_system {
                        None => ("Patient.id", "an id".to_owned()),
                        Some(system) => ("Patient.identifier", format!("one identifier of the system `{system}`")),
                    };
                    broken.push((entry.number, path, expected, found));
                }
            }
        }
        let mut people = Self { identifier_system: rule.identifier_system.clone(), ..Self::default() };
        for (identifier, entries) in by_identifier {
            let patient = people.list.len();
            people.list.push((identifier, entries.iter().map(|entry| entry.number).min().unwrap_or(0)));
            for entry in entries {
                let relative = entry.resource.text_at("id").map(|id| format!("Patient/{id}"));
                let full = entry.full_url.as_deref().map(unversioned);
                let server = full
                    .filter(|full| full.starts_with("http"))
                    .and_then(|full| full.strip_suffix(relative.as_deref()?));
                let other_server = server.is_some_and(|server| {
                    people.servers.insert(patient, server.to_owned()).is_some_and(|before| before != server)
                });
                let taken = [full, relative.as_deref()]
                    .into_iter()
                    .flatten()
                    .any(|name| people.names.insert(name.to_owned(), patient).is_some_and(|before| before != patient));
                if other_server || taken {
                    let expected = "each id and full URL for one patient".to_owned();
                    broken.push((entry.number, "Patient.id", expected, "an id that another patient has"));
                }
            }
        }
        (people, broken)
    }

    /// The patient that a resource is about; `None` when it names none that is in the file.
    pub(super) fn subject(&self, resource: &Json) -> Option<usize> {
        let subject = resource.get("subject")?;
        let by_identifier = |holder: &Json| self.by_identifier(holder);
        let Some(reference) = subject.text_at("reference") else { return by_identifier(subject) };
        if let Some(local) = reference.strip_prefix('#') {
            let contained = resource.each("contained").iter().find(|inner| inner.text_at("id") == Some(local))?;
            return contained.each("identifier").iter().find_map(|item| self.by_value(item));
        }
        if let Some(query) = reference.strip_prefix("Patient?identifier=") {
            let (system, value) = query.split_once('|')?;
            return (Some(system) == self.identifier_system.as_deref()).then(|| self.by_output(value))?;
        }
        let reference = unversioned(reference);
        self.names.get(reference).copied().or_else(|| {
            // An absolute URL whose patient came without one.
            let at = reference.starts_with("http").then(|| reference.rfind("/Patient/"))??;
            let patient = *self.names.get(reference.get(at + 1..)?)?;
            (!self.servers.contains_key(&patient)).then_some(patient)
        })
    }

    /// The patient that a patient resource describes.
    pub(super) fn own(&self, patient: &Json) -> Option<usize> {
        self.by_output(&identifier(patient, self.identifier_system.as_deref()).ok()?)
    }

    fn by_identifier(&self, subject: &Json) -> Option<usize> {
        self.by_value(subject.get("identifier")?)
    }

    fn by_value(&self, identifier: &Json) -> Option<usize> {
        let fits =
            self.identifier_system.is_some() && identifier.text_at("system") == self.identifier_system.as_deref();
        fits.then(|| self.by_output(identifier.text_at("value")?))?
    }

    fn by_output(&self, identifier: &str) -> Option<usize> {
        self.list.binary_search_by(|(known, _)| known.as_str().cmp(identifier)).ok()
    }
}

/// The patient's name in the output.
fn identifier(patient: &Json, system: Option<&str>) -> Result<String, &'static str> {
    let Some(system) = system else {
        return patient.text_at("id").filter(|id| !id.is_empty()).map(str::to_owned).ok_or("none");
    };
    let current = |item: &&Json| item.text_at("system") == Some(system) && item.text_at("use") != Some("old");
    let mut values = patient.each("identifier").iter().filter(current).filter_map(|item| item.text_at("value"));
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value.to_owned()),
        (Some(first), Some(second)) if first == second && values.all(|value| value == first) => Ok(first.to_owned()),
        (Some(_), Some(_)) => Err("several"),
        _ => Err("none"),
    }
}

/// A reference without the version behind it.
fn unversioned(reference: &str) -> &str {
    reference.split_once("/_history/").map_or(reference, |(before, _)| before)
}
