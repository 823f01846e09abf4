use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::Error;
use crate::fusion::{self, check_genomic_files};
use crate::schema::{CohortDefinition, Dictionary, Known, Violation, declarable};
use crate::tables::{self, read_mapped};

/// The result of checking a cohort's tables against the schemas.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CheckReport {
    /// Cohort name.
    pub cohort: String,
    /// Per file read: path and accepted rows.
    pub files: Vec<(String, usize)>,
    /// Optional files that are absent.
    pub absent_files: Vec<String>,
    /// Per file and column: cells that cannot be read and count as missing, where the definition says so.
    pub unreadable: BTreeMap<String, BTreeMap<String, usize>>,
    /// Every violation of every file.
    pub violations: Vec<Violation>,
}

/// One column of the dictionary, as `regimen check --explain` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Column of the fused frame.
    pub column: String,
    /// Table of the schema, with its version.
    pub table: String,
    /// Label for people.
    pub label: String,
    /// What is accepted.
    pub accepts: String,
    /// Units that a mapping may declare; empty where nothing is converted.
    pub units: Vec<&'static str>,
    /// When it is known, against the treatment decision.
    pub known: Known,
    /// Other names.
    pub synonyms: Vec<String>,
    /// Where it comes from in the clinic.
    pub source: String,
    /// What its values mean.
    pub note: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.column, self.label)?;
        writeln!(f, "  table     {}", self.table)?;
        writeln!(f, "  accepts   {}, or missing", self.accepts)?;
        if !self.units.is_empty() {
            writeln!(f, "  units     {} (declared by the cohort definition)", self.units.join(", "))?;
        }
        let known = match self.known {
            Known::Before => "before the treatment decision: may be an input",
            Known::Decision => "the decision itself: an option that a model compares",
            Known::After => "after the decision: an outcome, never an input",
            Known::Administrative => "order, date or site: for splits and propensities, never an input",
        };
        writeln!(f, "  known     {known}")?;
        if !self.synonyms.is_empty() {
            writeln!(f, "  synonyms  {}", self.synonyms.join(", "))?;
        }
        if !self.note.is_empty() {
            writeln!(f, "  meaning   {}", self.note)?;
        }
        write!(f, "  source    {}", self.source)
    }
}

/// The dictionary's entries that `word` names: a column, one of its synonyms, or `all`.
#[must_use]
pub fn explain(word: &str) -> Vec<Explanation> {
    let dictionary = Dictionary::compiled();
    let found = if word == "all" { dictionary.columns().collect() } else { dictionary.meant_by(word) };
    found
        .into_iter()
        .map(|(table, column)| Explanation {
            column: column.name.clone(),
            table: format!("{} v{}", table.name, table.version),
            label: column.label.clone(),
            accepts: column.rule(),
            units: Some(declarable(column.unit())).filter(|units| units.len() > 1).unwrap_or_default(),
            known: dictionary.known(&column.name),
            synonyms: column.synonyms.clone(),
            source: column.source.clone(),
            note: column.note.clone(),
        })
        .collect()
}

/// Checks every file of a cohort and lists all violations.
///
/// # Errors
/// [`Error::Table`] when a required file cannot be read at all.
pub fn check(cohort: &CohortDefinition, data: &Path) -> Result<CheckReport, Error> {
    let mut report = CheckReport { cohort: cohort.name.clone(), ..CheckReport::default() };
    for file in &cohort.files {
        match read_mapped(file, &cohort.namespace, data, cohort.decision_key(file)) {
            Ok(Some(table)) => {
                report.files.push((file.path.clone(), table.frame.height()));
                if !table.unreadable.is_empty() {
                    report.unreadable.insert(file.path.clone(), table.unreadable);
                }
                report.violations.extend(table.violations);
            }
            Ok(None) => report.absent_files.push(file.path.clone()),
            Err(tables::Error::Violations(found)) => {
                report.files.push((file.path.clone(), 0));
                report.violations.extend(found);
            }
            Err(error) => return Err(error.into()),
        }
    }
    for (path, samples) in check_genomic_files(cohort, data) {
        match samples {
            Ok(n) => report.files.push((path, n)),
            Err(fusion::Error::Table(tables::Error::Violations(found))) => {
                report.files.push((path, 0));
                report.violations.extend(found);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(report)
}
