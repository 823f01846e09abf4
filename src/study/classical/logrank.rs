use std::path::PathBuf;

use serde::Serialize;

use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{Levels, Presence, RowCount, Table};
use crate::stats::{self, LogrankOptions};
use crate::study::Error;

/// Which groups to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct LogrankRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up; entry times and weights are not used by the test.
    pub follow_up: FollowUpColumns,
    /// Column of groups.
    pub by: String,
    /// Column of strata, within which groups are compared.
    pub strata: Option<String>,
    /// Exponent ρ of the weights S(t−)^ρ; 0 is the log-rank test.
    pub rho: f64,
}

/// A log-rank test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogrankResult {
    /// Test statistic.
    pub chi2: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// Upper-tail probability.
    pub p: f64,
    /// Exponent of the weights.
    pub rho: f64,
    /// Number of strata, 1 without.
    pub n_strata: usize,
    /// Each group's part.
    pub groups: Vec<LogrankGroupResult>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// One group's part in a log-rank test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogrankGroupResult {
    /// Level of the group.
    pub name: String,
    /// Rows of the group.
    pub n: usize,
    /// Observed events, weighted.
    pub observed: f64,
    /// Events expected under equal hazards, weighted.
    pub expected: f64,
}

/// Returns the log-rank test of equal hazards in the groups of a table, stratified and weighted when asked to.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()), [`Error::Unsupported`] for fewer than two groups, and
/// [`Error::Stats`] when the test does not exist, as without events.
///
/// # Source
/// [`stats::logrank`](crate::stats::logrank()); R `survival::survdiff`.
pub fn logrank(request: &LogrankRequest) -> Result<LogrankResult, Error> {
    let table = Table::read(&request.data)?;
    let by = table.levels(&request.by)?;
    let strata = request.strata.as_deref().map(|name| table.levels(name)).transpose()?;
    let mut others: Vec<&dyn Presence> = vec![&by];
    others.extend(strata.iter().map(|cells| cells as &dyn Presence));
    let rows = FollowUp::read(&table, &request.follow_up, &others)?;
    let levels = Levels::of(&rows.complete.pick(&by));
    if let [only] = levels.names.as_slice() {
        let said = format!("`{}` has one level only, `{only}`: a log-rank test compares two or more", request.by);
        return Err(Error::Unsupported(said));
    }
    let strata = strata.map(|cells| Levels::of(&rows.complete.pick(&cells)));
    let codes = strata.as_ref().map(Levels::small_codes);
    let options = LogrankOptions { strata: codes.as_deref(), rho: request.rho };
    let test = stats::logrank(&rows.survival, &levels.small_codes(), &options)?;
    let groups = test.groups.iter().zip(&levels.names).map(|(group, name)| LogrankGroupResult {
        name: name.clone(),
        n: group.n_samples,
        observed: group.observed,
        expected: group.expected,
    });
    Ok(LogrankResult {
        chi2: test.chi_squared,
        df: test.df,
        p: test.p,
        rho: request.rho,
        n_strata: strata.map_or(1, |strata| strata.names.len()),
        groups: groups.collect(),
        rows: rows.complete.count,
    })
}
