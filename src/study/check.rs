use std::path::Path;

use serde::Serialize;

use super::Error;
use crate::schema::{CohortDefinition, Violation};
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
    /// Every violation of every file.
    pub violations: Vec<Violation>,
}

/// Checks every file of a cohort and lists all violations.
///
/// # Errors
/// [`Error::Table`] when a required file cannot be read at all.
pub fn check(cohort: &CohortDefinition, data: &Path) -> Result<CheckReport, Error> {
    let mut report = CheckReport { cohort: cohort.name.clone(), ..CheckReport::default() };
    for file in &cohort.files {
        match read_mapped(file, &cohort.namespace, data) {
            Ok(Some(table)) => {
                report.files.push((file.path.clone(), table.frame.height()));
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
    Ok(report)
}
