use serde::Deserialize;

use crate::web::auth::HasCsrf;

/// A form as it was sent: names and values in order, names may repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// The first value of `name`, empty without one.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every value of `name`.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// True when the form has a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The version that the form was made from; -1, which is never current, for anything but a number.
    pub(super) fn version(&self, name: &str) -> i64 {
        self.get(name).parse().unwrap_or(-1)
    }
}

impl HasCsrf for Fields {
    fn csrf(&self) -> &str {
        self.get("csrf")
    }
}
