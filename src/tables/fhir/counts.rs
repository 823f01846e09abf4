use std::collections::BTreeMap;

use serde::Serialize;

/// What was read and what was left out, for the report: nothing is dropped in silence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FhirCounts {
    /// Resources in the file.
    pub resources: usize,
    /// Entries without a resource.
    pub empty_entries: usize,
    /// True when a search said that there are further pages: patients may be missing or incomplete.
    pub more_pages: bool,
    /// Patients that are not records, because the map asks for a diagnosis and they have none.
    pub patients_without_diagnosis: usize,
    /// Resources of types that the map does not read, by type.
    pub other_types: BTreeMap<String, usize>,
    /// Resources about a patient who is not in the file, by type.
    pub unknown_patients: BTreeMap<String, usize>,
    /// Resources left out for their status, by path and status (`Observation.status preliminary`).
    pub left_out_by_status: BTreeMap<String, usize>,
    /// Resources none of whose codes is in the map, by type.
    pub unmapped_codes: BTreeMap<String, usize>,
    /// Matching resources or components without a usable value, by column: absent, or "not recorded".
    pub without_value: BTreeMap<String, usize>,
    /// Values left out by a declared rule, by column and rule.
    pub left_out_values: BTreeMap<String, usize>,
    /// Values not shown to lie on the column's side of its limiting date (baseline: before treatment), by column.
    pub outside_time: BTreeMap<String, usize>,
    /// Patients whose values disagree where the map asks for agreement, by column: their cell is empty.
    pub disagreeing: BTreeMap<String, usize>,
}

impl FhirCounts {
    /// What was left out, as words with counts; empty when everything was used.
    #[must_use]
    pub fn left_out(&self) -> BTreeMap<String, usize> {
        let single = [
            ("entries without a resource", self.empty_entries),
            ("further pages of the search that are not here", usize::from(self.more_pages)),
            ("patients without the diagnosis that the map asks for", self.patients_without_diagnosis),
        ];
        let grouped = [
            ("resources of another type", &self.other_types),
            ("resources of a patient who is not in the file", &self.unknown_patients),
            ("left out for their status", &self.left_out_by_status),
            ("resources with no code of the map", &self.unmapped_codes),
            ("without a usable value", &self.without_value),
            ("values left out by a rule of the map", &self.left_out_values),
            ("values not shown to lie before treatment", &self.outside_time),
            ("patients whose values disagree", &self.disagreeing),
        ];
        let single = single.into_iter().map(|(what, n)| (what.to_owned(), n));
        let grouped = grouped
            .into_iter()
            .flat_map(|(what, counts)| counts.iter().map(move |(key, n)| (format!("{what}: {key}"), *n)));
        single.chain(grouped).filter(|(_, n)| *n > 0).collect()
    }
}

/// Adds one under a key.
pub(super) fn count(counts: &mut BTreeMap<String, usize>, key: &str) {
    *counts.entry(key.to_owned()).or_default() += 1;
}
