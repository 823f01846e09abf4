use std::path::PathBuf;

use serde::Serialize;

use super::follow_up::{FollowUp, FollowUpColumns, groups, in_group, round_times};
use super::table::{Presence, RowCount, Table};
use crate::stats::{
    ConfType, CurveOptions, KaplanMeier, LogrankOptions, Rmst, RmstDifference, logrank, numbers_at_risk, rmst,
    rmst_difference,
};
use crate::study::Error;

/// What to estimate by Kaplan and Meier.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeierRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up.
    pub follow_up: FollowUpColumns,
    /// Column of groups; each gets its own curve.
    pub by: Option<String>,
    /// Scale of the intervals.
    pub conf_type: ConfType,
    /// Times at which to read the curves.
    pub times: Vec<f64>,
    /// Horizon of the restricted mean survival time.
    pub rmst: Option<f64>,
}

/// Kaplan–Meier curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KaplanMeierResult {
    /// One curve for each group, in sorted order; `all` without groups.
    pub groups: Vec<KaplanMeierGroup>,
    /// Scale of the intervals.
    pub conf_type: ConfType,
    /// Level of the intervals.
    pub level: f64,
    /// Round times of `n_at_risk_at`, in the unit of the data.
    pub axis_times: Vec<f64>,
    /// Log-rank test of the groups, where there are two or more and neither weights nor delayed entry.
    pub logrank: Option<TestSummary>,
    /// Restricted mean of the first group minus the second's, for two groups.
    pub rmst_difference: Option<RmstDifference>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// A chi-squared test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestSummary {
    /// Test statistic.
    pub chi2: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// Upper-tail probability.
    pub p: f64,
}

/// One group's Kaplan–Meier curve at every distinct time, censoring times included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KaplanMeierGroup {
    /// Level of the group.
    pub name: String,
    /// Rows of the group.
    pub n: usize,
    /// Rows of the group with an event.
    pub total_events: usize,
    /// Distinct times, ascending.
    pub time: Vec<f64>,
    /// Weight at risk just before each time.
    pub n_at_risk: Vec<f64>,
    /// Weight of the events at each time.
    pub n_events: Vec<f64>,
    /// Weight of the censorings at each time.
    pub n_censored: Vec<f64>,
    /// S(t).
    pub survival: Vec<f64>,
    /// Standard error of S(t), on its scale; `None` where S is 0.
    pub std_err: Vec<Option<f64>>,
    /// Lower end of the pointwise interval.
    pub lower95: Vec<Option<f64>>,
    /// Upper end of the pointwise interval.
    pub upper95: Vec<Option<f64>>,
    /// Median event time, `None` when the curve does not fall to one half.
    pub median: Option<f64>,
    /// Lower end of the median's interval.
    pub median_lower95: Option<f64>,
    /// Upper end of the median's interval.
    pub median_upper95: Option<f64>,
    /// Weight at risk at the result's `axis_times`.
    pub n_at_risk_at: Vec<f64>,
    /// The curve at the times asked for, or else at the `axis_times` that the group's follow-up reaches.
    pub at: Vec<SurvivalAt>,
    /// Restricted mean survival time, when asked for.
    pub rmst: Option<Rmst>,
}

/// A survival curve read at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SurvivalAt {
    /// Time.
    pub time: f64,
    /// Weight at risk just before it.
    pub n_at_risk: f64,
    /// Weight of the events up to and at it.
    pub n_events: f64,
    /// S(t).
    pub survival: f64,
    /// Its standard error.
    pub std_err: Option<f64>,
    /// Lower end of its interval.
    pub lower95: Option<f64>,
    /// Upper end of its interval.
    pub upper95: Option<f64>,
}

/// Returns the Kaplan–Meier curve of each group of a table, with medians, values at chosen times and restricted means.
///
/// # Errors
/// [`Error::Table`] for an unreadable table or an unknown column, [`Error::Column`] and [`Error::Cell`] for values
/// against the rules, [`Error::Unsupported`] without a complete row and for a time or horizon past a group's
/// follow-up.
///
/// # Source
/// [`KaplanMeier::fit`], [`rmst()`]; R `survival::survfit`.
pub fn kaplan_meier(request: &KaplanMeierRequest) -> Result<KaplanMeierResult, Error> {
    let table = Table::read(&request.data)?;
    let by = request.by.as_deref().map(|name| table.levels(name)).transpose()?;
    let others: Vec<&dyn Presence> = by.iter().map(|cells| cells as &dyn Presence).collect();
    let rows = FollowUp::read(&table, &request.follow_up, &others)?;
    let levels = groups(&rows.complete, by.as_ref());
    let last = rows.times.time.iter().copied().fold(0.0, f64::max);
    let axis_times = round_times(last);
    let mut found = Vec::with_capacity(levels.names.len());
    for (level, name) in levels.names.iter().enumerate() {
        found.push(one_group(request, &rows, &levels.rows(level), name, by.is_some(), &axis_times)?);
    }
    let plain = rows.times.entry.is_none() && rows.times.weights.is_none();
    let logrank = (found.len() > 1 && plain)
        .then(|| logrank(&rows.survival, &levels.small_codes(), &LogrankOptions::default()).ok())
        .flatten()
        .map(|test| TestSummary { chi2: test.chi_squared, df: test.df, p: test.p });
    let rmst_difference = match found.as_slice() {
        [KaplanMeierGroup { rmst: Some(first), .. }, KaplanMeierGroup { rmst: Some(second), .. }] => {
            Some(rmst_difference(first, second)?)
        }
        _ => None,
    };
    Ok(KaplanMeierResult {
        groups: found,
        conf_type: request.conf_type,
        level: CurveOptions::default().level,
        axis_times,
        logrank,
        rmst_difference,
        rows: rows.complete.count,
    })
}

fn one_group(
    request: &KaplanMeierRequest,
    rows: &FollowUp,
    members: &[usize],
    name: &str,
    grouped: bool,
    axis_times: &[f64],
) -> Result<KaplanMeierGroup, Error> {
    let refused = in_group(name, grouped);
    let (times, survival) = (rows.times.select(members), rows.survival.select(members)?);
    let options = CurveOptions { conf_type: request.conf_type, ..times.options() };
    let curve = KaplanMeier::fit(&survival, &options)?;
    let (last, reached) = (curve.times.last().copied().unwrap_or(0.0), curve.survival.last().copied().unwrap_or(1.0));
    let asked: Vec<f64> = if request.times.is_empty() {
        axis_times.iter().copied().filter(|&time| time <= last || reached == 0.0).collect()
    } else {
        request.times.clone()
    };
    let at_risk = numbers_at_risk(&survival, &options, &asked)?;
    let mut at = Vec::with_capacity(asked.len());
    for (&time, n_at_risk) in asked.iter().zip(at_risk) {
        let point = curve.at(time).map_err(&refused)?;
        let n_past = curve.times.partition_point(|&t| t <= time);
        at.push(SurvivalAt {
            time,
            n_at_risk,
            // An empty `sum` would be -0.
            n_events: curve.n_events[..n_past].iter().fold(0.0, |sum, n| sum + n),
            survival: point.survival,
            std_err: point.std_err,
            lower95: point.lower,
            upper95: point.upper,
        });
    }
    let median = curve.median();
    let mean = request.rmst.map(|tau| rmst(&survival, &options, tau).map_err(&refused)).transpose()?;
    Ok(KaplanMeierGroup {
        name: name.to_owned(),
        n: survival.n_samples(),
        total_events: survival.n_events(),
        n_at_risk_at: numbers_at_risk(&survival, &options, axis_times)?,
        median: median.estimate,
        median_lower95: median.lower,
        median_upper95: median.upper,
        time: curve.times,
        n_at_risk: curve.n_at_risk,
        n_events: curve.n_events,
        n_censored: curve.n_censored,
        survival: curve.survival,
        std_err: curve.std_err,
        lower95: curve.lower,
        upper95: curve.upper,
        at,
        rmst: mean,
    })
}
