use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Dictionary, Error, embedded};

/// After how many days an input counts as old: the file data-schemas/staleness.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staleness {
    /// Version of the limits.
    pub version: u32,
    /// Days before the treatment decision, by table of the dictionary and by imaging modality.
    days: BTreeMap<String, f64>,
}

impl Staleness {
    /// The limits of this build.
    ///
    /// # Panics
    /// When data-schemas/staleness.toml cannot be read; a test reads it.
    #[must_use]
    pub fn compiled() -> &'static Self {
        static COMPILED: LazyLock<Staleness> =
            LazyLock::new(|| Staleness::read().expect("data-schemas/staleness.toml is checked by a test"));
        &COMPILED
    }

    fn read() -> Result<Self, Error> {
        let path = "staleness.toml";
        let text = embedded(path).unwrap_or_default();
        toml::from_str(text).map_err(|error| Error::Parse { path: path.to_owned(), message: error.to_string() })
    }

    /// The limit, in days, of a modality (`mri`) or of the table that holds a column; `None` where there is none.
    #[must_use]
    pub fn limit(&self, input: &str) -> Option<f64> {
        let table = || Dictionary::compiled().table_of(input).and_then(|table| self.days.get(&table.name));
        self.days.get(input).or_else(table).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Modality;

    #[test]
    fn every_limit_belongs_to_a_table_or_a_modality_and_is_a_number_of_days() {
        let limits = Staleness::read().unwrap();
        for (name, days) in &limits.days {
            let table = Dictionary::compiled().tables().iter().any(|table| table.name == *name);
            assert!(table || Modality::parse(name).is_ok(), "{name}");
            assert!(days.is_finite() && *days > 0.0, "{name}");
        }
        assert_eq!(limits.limit("mri"), Some(90.0));
        assert_eq!(limits.limit("tumour_volume_mm3"), limits.limit("mri"));
        assert_eq!(limits.limit("age_years"), None);
    }
}
