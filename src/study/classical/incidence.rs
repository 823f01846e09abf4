use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::follow_up::{FollowUpCells, FollowUpColumns, groups, round_times};
use super::table::{Cells, Complete, Level, Levels, Presence, RowCount, Table};
use crate::stats::{AalenJohansen, CompetingRisks, ConfType, CurveOptions, Survival, numbers_at_risk, paired::pick};
use crate::study::Error;

/// What to estimate by Aalen and Johansen.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidenceRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up; `event` holds the kind of event.
    pub follow_up: FollowUpColumns,
    /// Level of the event column that means censored; `None`: 0, false or `censored`, and an empty cell of a text
    /// column that has none of them.
    pub censored: Option<String>,
    /// Column of groups.
    pub by: Option<String>,
    /// Scale of the intervals.
    pub conf_type: ConfType,
}

/// Cumulative incidences of competing events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidenceResult {
    /// Kinds of event, in sorted order.
    pub causes: Vec<String>,
    /// The level that means censored, empty for an empty cell.
    pub censored: String,
    /// Scale of the intervals.
    pub conf_type: ConfType,
    /// One set of curves for each group; `all` without groups.
    pub groups: Vec<IncidenceGroup>,
    /// Round times of `n_at_risk_at`.
    pub axis_times: Vec<f64>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// One group's curves at every distinct time, censoring times included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidenceGroup {
    /// Level of the group.
    pub name: String,
    /// Rows of the group.
    pub n: usize,
    /// Distinct times, ascending.
    pub time: Vec<f64>,
    /// Weight at risk just before each time.
    pub n_at_risk: Vec<f64>,
    /// Weight of the censorings at each time.
    pub n_censored: Vec<f64>,
    /// Weight of the events at each time, by cause.
    pub n_events: BTreeMap<String, Vec<f64>>,
    /// Probability of an event of the cause by each time.
    pub cumulative_incidence: BTreeMap<String, Vec<f64>>,
    /// Its infinitesimal-jackknife standard error.
    pub std_err: BTreeMap<String, Vec<f64>>,
    /// Lower end of its interval; `None` where the scale has no value.
    pub lower95: BTreeMap<String, Vec<Option<f64>>>,
    /// Upper end of its interval.
    pub upper95: BTreeMap<String, Vec<Option<f64>>>,
    /// Probability of being free of every event.
    pub event_free: Vec<f64>,
    /// Weight at risk at the result's `axis_times`.
    pub n_at_risk_at: Vec<f64>,
}

/// Returns the cumulative incidence of each kind of event in each group of a table.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Unsupported`] when a censored level was named that
/// the column does not hold, and [`Error::Stats`] without any event.
///
/// # Source
/// [`AalenJohansen::fit`]; R `survival::survfit` of a factor.
pub fn cumulative_incidence(request: &IncidenceRequest) -> Result<IncidenceResult, Error> {
    let table = Table::read(&request.data)?;
    let follow_up = FollowUpCells::read(&table, &request.follow_up)?;
    let by = request.by.as_deref().map(|name| table.levels(name)).transpose()?;
    let mut kinds = table.levels(&request.follow_up.event)?;
    let censored = censored_level(&mut kinds, request.censored.as_deref())?;
    let mut used = follow_up.columns();
    used.push(&kinds);
    used.extend(by.iter().map(|cells| cells as &dyn Presence));
    let complete = Complete::of(&table, &used)?;
    let times = follow_up.times(&table, &complete)?;
    let picked = complete.pick(&kinds);
    let is_event = |level: &Level| level.label() != censored;
    let events: Vec<Level> = picked.iter().filter(|level| is_event(level)).cloned().collect();
    let causes = Levels::of(&events);
    if causes.names.is_empty() {
        return Err(crate::stats::Error::NoEvents { n_samples: picked.len() }.into());
    }
    let mut cause_of_event = causes.small_codes().into_iter();
    let cause: Vec<u32> = picked
        .iter()
        .map(|level| if is_event(level) { cause_of_event.next().map_or(0, |at| at + 1) } else { 0 })
        .collect();
    let n_causes = u32::try_from(causes.names.len()).unwrap_or(u32::MAX);
    let axis_times = round_times(times.time.iter().copied().fold(0.0, f64::max));
    let levels = groups(&complete, by.as_ref());
    let mut found = Vec::with_capacity(levels.names.len());
    for (level, name) in levels.names.iter().enumerate() {
        let members = levels.rows(level);
        let own = times.select(&members);
        let options = CurveOptions { conf_type: request.conf_type, ..own.options() };
        let risks = CompetingRisks::new(own.time.clone(), pick(&cause, &members), n_causes)?;
        let curves = AalenJohansen::fit(&risks, &options)?;
        let at_risk = numbers_at_risk(&Survival::clone(&risks.any_event()?), &options, &axis_times)?;
        found.push(IncidenceGroup::new(name, members.len(), &causes.names, curves, at_risk));
    }
    Ok(IncidenceResult {
        causes: causes.names,
        censored,
        conf_type: request.conf_type,
        groups: found,
        axis_times,
        rows: complete.count,
    })
}

impl IncidenceGroup {
    fn new(name: &str, n: usize, causes: &[String], curves: AalenJohansen, n_at_risk_at: Vec<f64>) -> Self {
        let mut group = Self {
            name: name.to_owned(),
            n,
            time: curves.times,
            n_at_risk: curves.n_at_risk,
            n_censored: curves.n_censored,
            n_events: causes.iter().cloned().zip(curves.n_events).collect(),
            cumulative_incidence: BTreeMap::new(),
            std_err: BTreeMap::new(),
            lower95: BTreeMap::new(),
            upper95: BTreeMap::new(),
            event_free: curves.event_free.probability,
            n_at_risk_at,
        };
        for (cause, curve) in causes.iter().zip(curves.incidence) {
            group.cumulative_incidence.insert(cause.clone(), curve.probability);
            group.std_err.insert(cause.clone(), curve.std_err);
            group.lower95.insert(cause.clone(), curve.lower);
            group.upper95.insert(cause.clone(), curve.upper);
        }
        group
    }
}

/// The label that means censored; an empty cell becomes that level where it is the empty text.
fn censored_level(kinds: &mut Cells<Level>, asked: Option<&str>) -> Result<String, Error> {
    let has = |kinds: &Cells<Level>, label: &str| kinds.cells.iter().flatten().any(|level| level.label() == label);
    let text = kinds.cells.iter().flatten().any(|level| matches!(level, Level::Text(_)));
    if let Some(label) = asked.filter(|label| !label.is_empty()) {
        if has(kinds, label) {
            return Ok(label.to_owned());
        }
        let levels = Levels::of(&kinds.cells.iter().flatten().cloned().collect::<Vec<_>>());
        let names: Vec<String> = levels.names.iter().map(|name| format!("`{name}`")).collect();
        let said = format!("`{}` has no level `{label}`: its levels are {}", kinds.name, names.join(", "));
        return Err(Error::Unsupported(said));
    }
    if asked.is_none() {
        if !text {
            let flags = kinds.cells.iter().flatten().any(|level| matches!(level, Level::Flag(_)));
            return Ok(if flags { "false" } else { "0" }.to_owned());
        }
        if let Some(known) = ["censored", "Censored", "0"].into_iter().find(|label| has(kinds, label)) {
            return Ok(known.to_owned());
        }
    }
    for cell in &mut kinds.cells {
        cell.get_or_insert_with(|| Level::Text(String::new()));
    }
    Ok(String::new())
}
