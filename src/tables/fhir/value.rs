use super::concept::{Said, shown};
use super::date::FhirDate;
use super::json::{Json, Path};
use super::map::{Source, ValueKind};
use super::raw_map::Unknown;

/// What one source says in one resource.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// A value.
    Value(String),
    /// Nothing: absent, or its code means "not recorded".
    Nothing,
    /// Something that the map leaves out: a number with a comparator, a code beside the words.
    LeftOut(&'static str),
    /// A broken rule: path, expected, found.
    Broken(String, String, String),
    /// A value of another kind than this source reads; its field.
    OtherKind(String),
}

/// Reads one source from a carrier: a resource, or a component of an observation. `dates` are the date paths of the
/// resource, `resource` the one that holds the carrier.
pub(super) fn read(source: &Source, carrier: &Json, resource: &Json, dates: &[Path]) -> Reading {
    let kind = source.resource.as_str();
    match &source.value {
        ValueKind::Flag => Reading::Value("true".to_owned()),
        ValueKind::Date { path } => {
            let paths = path.as_ref().map_or(dates, std::slice::from_ref);
            match date_of(resource, paths) {
                Ok(date) => date.map_or(Reading::Nothing, |date| Reading::Value(date.text())),
                Err(path) => {
                    Reading::Broken(format!("{kind}.{path}"), "a FHIR date".to_owned(), "another text".to_owned())
                }
            }
        }
        ValueKind::Code { path, words } => match path.of(resource).first().map(|value| value.text()) {
            None => Reading::Nothing,
            Some(text) => match text.and_then(|text| words.word_of_text(text)) {
                Some(word) => Reading::Value(word.to_owned()),
                None => Reading::Broken(at(kind, &path.text), words.rule(), "another value".to_owned()),
            },
        },
        ValueKind::Concept { path: Some(path), words, unknown } => {
            let mut reading = Reading::Nothing;
            for concept in path.of(resource) {
                let next = concept_reading(words.of(concept), &at(kind, &path.text), &words.rule(), *unknown);
                reading = match (reading, next) {
                    (Reading::Nothing | Reading::LeftOut(_), next) => next,
                    (broken @ Reading::Broken(..), _) | (_, broken @ Reading::Broken(..)) => broken,
                    (Reading::Value(first), Reading::Value(second)) if first != second => {
                        Reading::Broken(at(kind, &path.text), "one value".to_owned(), "two different values".to_owned())
                    }
                    (before, _) => before,
                };
            }
            reading
        }
        valued => value_of(valued, carrier, kind),
    }
}

/// The first date of a resource by the paths; the path of one that is no date.
pub(super) fn date_of<'a>(resource: &Json, paths: &'a [Path]) -> Result<Option<FhirDate>, &'a str> {
    for path in paths {
        if let Some(value) = path.of(resource).first() {
            let date = value.text().and_then(FhirDate::read);
            return date.map(Some).ok_or(path.text.as_str());
        }
    }
    Ok(None)
}

fn value_of(kind: &ValueKind, carrier: &Json, resource: &str) -> Reading {
    let mut fields = carrier.keys().filter(|name| name.starts_with("value"));
    let Some(field) = fields.next() else { return Reading::Nothing };
    let value = carrier.get(field).unwrap_or(&Json::Null);
    let broken =
        |expected: &str, found: &str| Reading::Broken(at(resource, field), expected.to_owned(), found.to_owned());
    if fields.next().is_some() {
        return broken("one value", "several");
    }
    match (kind, field) {
        (ValueKind::Concept { words, unknown, .. }, "valueCodeableConcept") => {
            concept_reading(words.of(value), &at(resource, field), &words.rule(), *unknown)
        }
        (ValueKind::Boolean, "valueBoolean") => match value {
            Json::Bool(flag) => Reading::Value(flag.to_string()),
            other => broken("true or false", other.kind()),
        },
        (ValueKind::Integer, "valueInteger") => match value {
            Json::Number(number) if number.fract() == 0.0 && number.abs() < 2_147_483_648.0 => {
                Reading::Value(format!("{number:.0}"))
            }
            other => broken("a whole number of 32 bits", other.kind()),
        },
        (ValueKind::Text, "valueString") => match value.text() {
            Some(text) => Reading::Value(text.trim().to_owned()),
            None => broken("a text", value.kind()),
        },
        (ValueKind::Quantity { units, comparator, bands }, "valueQuantity") => {
            let rule = format!("a quantity in {} (UCUM)", units.keys().cloned().collect::<Vec<_>>().join(" or "));
            let Some(Json::Number(number)) = value.get("value") else {
                return if value.get("value").is_none() {
                    Reading::Nothing
                } else {
                    broken("a number", "another value")
                };
            };
            if value.get("comparator").is_some() {
                return match comparator {
                    Unknown::Missing => Reading::LeftOut("numbers with a comparator"),
                    Unknown::Refuse => broken("a number without a comparator", "a comparator"),
                };
            }
            let (system, code, unit) = (value.text_at("system"), value.text_at("code"), value.text_at("unit"));
            let given = match (system, code) {
                (None | Some("http://unitsofmeasure.org"), Some(code)) => code,
                (Some(_), Some(_)) => return broken(&rule, "a unit of another system"),
                (_, None) => match unit {
                    Some(unit) => unit,
                    None => return broken(&rule, "no unit"),
                },
            };
            match units.get(given) {
                Some(factor) => {
                    let number = scaled(*number, *factor);
                    match bands.iter().find(|band| band.holds(number)) {
                        Some(band) => Reading::Value(band.word.clone()),
                        None if bands.is_empty() => Reading::Value(shortest(number)),
                        None => broken("a number in one of the bands", "a number outside them"),
                    }
                }
                None => broken(&rule, &format!("the unit `{}`", shown(given))),
            }
        }
        _ => Reading::OtherKind(field.to_owned()),
    }
}

fn concept_reading(said: Said, path: &str, rule: &str, unknown: Unknown) -> Reading {
    match said {
        Said::Word(word) if word.is_empty() => Reading::Nothing,
        Said::Word(word) => Reading::Value(word),
        Said::Nothing => Reading::Nothing,
        Said::Several => Reading::Broken(
            path.to_owned(),
            "codes that say the same".to_owned(),
            "codes of different words".to_owned(),
        ),
        Said::Unknown(_) if unknown == Unknown::Missing => Reading::LeftOut("codes beside the words"),
        Said::Unknown(found) => Reading::Broken(path.to_owned(), rule.to_owned(), found),
    }
}

/// The field that a kind reads, for messages.
pub(super) fn field_of(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Concept { .. } => "valueCodeableConcept",
        ValueKind::Quantity { .. } => "valueQuantity",
        ValueKind::Integer => "valueInteger",
        ValueKind::Text => "valueString",
        ValueKind::Boolean => "valueBoolean",
        ValueKind::Date { .. } | ValueKind::Code { .. } | ValueKind::Flag => "value",
    }
}

fn at(resource: &str, path: &str) -> String {
    format!("{resource}.{path}")
}

/// A number times a factor; a product is rounded to 15 digits, so that 2.3 cm is 23 mm.
fn scaled(number: f64, factor: f64) -> f64 {
    let product = number * factor;
    if factor == 1.0 { product } else { format!("{product:.14e}").parse().unwrap_or(product) }
}

/// The shortest text that reads back to the same number.
fn shortest(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        _ if (1e-5..1e16).contains(&number.abs()) => number.to_string(),
        _ => format!("{number:e}"),
    }
}
