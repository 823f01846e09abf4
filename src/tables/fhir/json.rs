use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value. Not `serde_json::Value`: that keeps the last of two equal keys without a word, and with the
/// `raw_value` feature reads one reserved key as JSON inside JSON, past its own limit of depth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text under a key.
    pub(super) fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements under a key: those of a list, the value itself when it is none, nothing when it is absent.
    pub(super) fn each(&self, key: &str) -> &[Json] {
        self.get(key).map_or(&[], Json::elements)
    }

    pub(super) fn elements(&self) -> &[Json] {
        match self {
            Self::List(items) => items,
            Self::Null => &[],
            other => std::slice::from_ref(other),
        }
    }

    /// Names of the fields of an object.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let fields = match self {
            Self::Object(fields) => fields.as_slice(),
            _ => &[],
        };
        fields.iter().map(|(name, _)| name.as_str())
    }

    /// What kind of value this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, Json>()? {
            // Objects of FHIR have a dozen fields; a hostile one is cut off before the search turns quadratic.
            if fields.len() >= 1000 || fields.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("a key twice in one object, or more than 1000 keys"));
            }
            fields.push((key, value));
        }
        Ok(Json::Object(fields))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Extension(String),
}

/// A path in a resource: fields joined by dots; `@name` is the extension of that name in the map. Lists are walked
/// through, so a path may lead to several values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// As written in the map, for messages.
    pub(super) text: String,
    steps: Vec<Step>,
}

impl Path {
    /// Reads a path; `extension` gives the URL of an extension's name.
    pub(super) fn read(text: &str, extension: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let step = |part: &str| match part.strip_prefix('@') {
            Some(name) => extension(name).map(Step::Extension).ok_or(format!("path `{text}`: no extension `{name}`")),
            None if part.is_empty() => Err(format!("path `{text}` has an empty step")),
            None => Ok(Step::Field(part.to_owned())),
        };
        Ok(Self { text: text.to_owned(), steps: text.split('.').map(step).collect::<Result<_, _>>()? })
    }

    /// Every value that the path leads to.
    pub(super) fn of<'a>(&self, from: &'a Json) -> Vec<&'a Json> {
        let mut found = vec![from];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| match step {
                    Step::Field(name) => value.each(name).iter().collect::<Vec<_>>(),
                    Step::Extension(url) => {
                        value.each("extension").iter().filter(|item| item.text_at("url") == Some(url)).collect()
                    }
                })
                .collect();
        }
        found
    }
}
