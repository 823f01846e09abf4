use std::sync::LazyLock;

use serde::Deserialize;

use super::{Column, DATA_SCHEMAS, Error, Known};

/// One table schema: a file of `data-schemas/tables`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// Table name (`clinical`), also the feature group of its columns.
    pub name: String,
    /// Schema version, raised with every change of meaning.
    pub version: u32,
    /// Place of the table's columns in the fused frame.
    pub order: u32,
    /// When the table's columns are known, unless a column says otherwise.
    #[serde(default)]
    pub known: Known,
    /// Columns in the order in which they are listed and fused.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
}

/// All table schemas, compiled in.
#[derive(Debug, Clone)]
pub struct Dictionary {
    tables: Vec<TableSchema>,
}

impl Dictionary {
    /// The dictionary of this build.
    ///
    /// ```
    /// let dictionary = regimen::schema::Dictionary::compiled();
    /// assert_eq!(dictionary.column("age_years").unwrap().unit(), "years");
    /// ```
    ///
    /// # Panics
    /// When a file under data-schemas/tables is not a table schema; a test reads them all.
    #[must_use]
    pub fn compiled() -> &'static Self {
        static COMPILED: LazyLock<Dictionary> =
            LazyLock::new(|| Dictionary::read().expect("data-schemas/tables is checked by a test"));
        &COMPILED
    }

    fn read() -> Result<Self, Error> {
        let mut tables: Vec<TableSchema> = Vec::new();
        for file in DATA_SCHEMAS.get_dir("tables").into_iter().flat_map(include_dir::Dir::files) {
            let path = file.path().display().to_string();
            let text =
                file.contents_utf8().ok_or_else(|| Error::Parse { path: path.clone(), message: "not UTF-8".into() })?;
            tables.push(toml::from_str(text).map_err(|error| Error::Parse { path, message: error.to_string() })?);
        }
        tables.sort_by_key(|table| table.order);
        Ok(Self { tables })
    }

    /// The table schemas, in the order of the fused frame's columns.
    #[must_use]
    pub fn tables(&self) -> &[TableSchema] {
        &self.tables
    }

    /// The column of that canonical name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns().find(|(_, column)| column.name == name).map(|(_, column)| column)
    }

    /// The table that holds the column of that canonical name.
    #[must_use]
    pub fn table_of(&self, name: &str) -> Option<&TableSchema> {
        self.columns().find(|(_, column)| column.name == name).map(|(table, _)| table)
    }

    /// When the column of that name is known; unknown names count as known before the decision.
    #[must_use]
    pub fn known(&self, name: &str) -> Known {
        let found = self.columns().find(|(_, column)| column.name == name);
        found.map_or(Known::Before, |(table, column)| column.known.unwrap_or(table.known))
    }

    /// The column that people mean by `word`: its name, a synonym or its label, whatever the case.
    #[must_use]
    pub fn meant_by(&self, word: &str) -> Vec<(&TableSchema, &Column)> {
        let same = |other: &str| other.eq_ignore_ascii_case(word.trim());
        self.columns()
            .filter(|(_, column)| {
                same(&column.name) || same(&column.label) || column.synonyms.iter().any(|synonym| same(synonym))
            })
            .collect()
    }

    /// All columns with their tables, in order.
    pub fn columns(&self) -> impl Iterator<Item = (&TableSchema, &Column)> {
        self.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_dictionary_reads_and_names_each_column_once() {
        let dictionary = Dictionary::read().unwrap();
        let mut names: Vec<&str> = dictionary.columns().map(|(_, column)| column.name.as_str()).collect();
        assert!(names.len() > 30);
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
