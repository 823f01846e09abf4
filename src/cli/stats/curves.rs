use std::path::PathBuf;

use super::grid::{Grid, maybe, share, short};
use super::{EventArgs, RiskSetArgs, SvgArgs, ascending, follow_up, not_negative, positive, remark};
use crate::cli::CliError;
use crate::cli::output::{JsonOutput, figure};
use crate::report::classical::{CurveLabels, incidence_svg, kaplan_meier_svg, p_phrase};
use crate::study::classical::{
    ConfType, IncidenceRequest, IncidenceResult, KaplanMeierRequest, KaplanMeierResult, LogrankRequest,
    cumulative_incidence, kaplan_meier, logrank,
};

/// Scale of the intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Conf {
    Log,
    LogLog,
    Plain,
}

impl From<Conf> for ConfType {
    fn from(conf: Conf) -> Self {
        match conf {
            Conf::Log => Self::Log,
            Conf::LogLog => Self::LogLog,
            Conf::Plain => Self::Plain,
        }
    }
}

/// Names of a plot's axes.
#[derive(Debug, Clone, clap::Args)]
struct AxisArgs {
    /// Name of the time axis [default: the time column]
    #[arg(long, value_name = "TEXT", requires = "svg")]
    x_label: Option<String>,
    /// Name of the vertical axis
    #[arg(long, value_name = "TEXT", requires = "svg")]
    y_label: Option<String>,
}

fn labels(svg: &SvgArgs, axes: &AxisArgs, time: &str, by: Option<&str>) -> CurveLabels {
    CurveLabels {
        title: svg.title.clone(),
        time_axis: axes.x_label.clone().unwrap_or_else(|| time.to_owned()),
        value_axis: axes.y_label.clone(),
        group_column: by.map(str::to_owned),
    }
}

/// Kaplan-Meier curves by group, with medians, restricted means and a plot.
#[derive(Debug, clap::Args)]
pub(crate) struct Km {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    event: EventArgs,
    #[command(flatten)]
    risk_set: RiskSetArgs,
    /// Column of groups
    #[arg(long, value_name = "COL")]
    by: Option<String>,
    /// Scale of the 95 % intervals
    #[arg(long, value_enum, default_value = "log")]
    conf: Conf,
    /// Times at which to read the curves [default: round times]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = not_negative)]
    times: Vec<f64>,
    /// Horizon of the restricted mean survival time
    #[arg(long, value_name = "TAU", alias = "tau", value_parser = positive)]
    rmst: Option<f64>,
    #[command(flatten)]
    svg: SvgArgs,
    #[command(flatten)]
    axes: AxisArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Km {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let result = kaplan_meier(&KaplanMeierRequest {
            data: self.data.clone(),
            follow_up: follow_up(&self.event, Some(&self.risk_set)),
            by: self.by.clone(),
            conf_type: self.conf.into(),
            times: ascending(&self.times),
            rmst: self.rmst,
        })?;
        remark(&result.rows);
        self.svg.write(|| {
            kaplan_meier_svg(&result, &labels(&self.svg, &self.axes, &self.event.time, self.by.as_deref()))
        })?;
        self.json.say(&print_curves(&result));
        self.json.write(&result)
    }
}

fn print_curves(result: &KaplanMeierResult) -> String {
    let mut summary = Grid::new(&["group", "n", "events", "median", "lower95", "upper95"]);
    for group in &result.groups {
        summary.row(vec![
            group.name.clone(),
            group.n.to_string(),
            group.total_events.to_string(),
            maybe(group.median),
            maybe(group.median_lower95),
            maybe(group.median_upper95),
        ]);
    }
    let mut text = vec![summary.text("")];
    for group in &result.groups {
        let mut grid = Grid::new(&["time", "at risk", "events", "survival", "std err", "lower95", "upper95"]);
        for at in &group.at {
            grid.row(vec![
                short(at.time),
                short(at.n_at_risk),
                short(at.n_events),
                share(Some(at.survival)),
                share(at.std_err),
                share(at.lower95),
                share(at.upper95),
            ]);
        }
        text.push(format!("\n{} (events up to each time)\n{}", group.name, grid.text("  ")));
    }
    for (group, mean) in result.groups.iter().filter_map(|group| Some((group, group.rmst.as_ref()?))) {
        text.push(format!("restricted mean to {}, {}: {}", short(mean.tau), group.name, figure(&mean.mean)));
    }
    if let Some(difference) = &result.rmst_difference {
        text.push(format!(
            "difference, first minus second: {}, {}",
            figure(&difference.difference),
            p_phrase(difference.p)
        ));
    }
    if let Some(test) = &result.logrank {
        text.push(format!("\nlog-rank chi-squared {} on {} df, {}", short(test.chi2), test.df, p_phrase(test.p)));
    }
    text.join("\n")
}

/// Log-rank test of groups, stratified or with G-rho weights.
#[derive(Debug, clap::Args)]
pub(crate) struct LogrankTest {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    event: EventArgs,
    /// Column of groups
    #[arg(long, value_name = "COL")]
    by: String,
    /// Column of strata
    #[arg(long, value_name = "COL")]
    strata: Option<String>,
    /// Exponent of the weights S(t-)^rho: 0 log-rank, 1 Peto-Peto
    #[arg(long, value_name = "X", default_value = "0", value_parser = not_negative)]
    rho: f64,
    #[command(flatten)]
    json: JsonOutput,
}

impl LogrankTest {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let result = logrank(&LogrankRequest {
            data: self.data.clone(),
            follow_up: follow_up(&self.event, None),
            by: self.by.clone(),
            strata: self.strata.clone(),
            rho: self.rho,
        })?;
        remark(&result.rows);
        let mut grid = Grid::new(&["group", "n", "observed", "expected", "obs/exp"]);
        for group in &result.groups {
            let ratio = (group.expected > 0.0).then(|| group.observed / group.expected);
            grid.row(vec![
                group.name.clone(),
                group.n.to_string(),
                short(group.observed),
                short(group.expected),
                maybe(ratio),
            ]);
        }
        let strata = if self.strata.is_some() { format!(", {} strata", result.n_strata) } else { String::new() };
        self.json.say(&format!(
            "{}\n\nchi-squared {} on {} df, {} (rho {}{strata})",
            grid.text(""),
            short(result.chi2),
            result.df,
            p_phrase(result.p),
            short(result.rho),
        ));
        self.json.write(&result)
    }
}

/// Cumulative incidence of competing events (Aalen-Johansen).
#[derive(Debug, clap::Args)]
pub(crate) struct Aj {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Column of the time to the first event or to censoring
    #[arg(long, value_name = "COL")]
    time: String,
    /// Column of the kind of event: numbers with 0 for censored, or text
    #[arg(long, value_name = "COL", alias = "cause")]
    event: String,
    /// Level of the event column that means censored [default: 0, false, `censored` or an empty cell]
    #[arg(long, value_name = "LEVEL")]
    censored: Option<String>,
    #[command(flatten)]
    risk_set: RiskSetArgs,
    /// Column of groups
    #[arg(long, value_name = "COL")]
    by: Option<String>,
    /// Scale of the 95 % intervals
    #[arg(long, value_enum, default_value = "log")]
    conf: Conf,
    #[command(flatten)]
    svg: SvgArgs,
    #[command(flatten)]
    axes: AxisArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Aj {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let event = EventArgs { time: self.time.clone(), event: self.event.clone() };
        let result = cumulative_incidence(&IncidenceRequest {
            data: self.data.clone(),
            follow_up: follow_up(&event, Some(&self.risk_set)),
            censored: self.censored.clone(),
            by: self.by.clone(),
            conf_type: self.conf.into(),
        })?;
        remark(&result.rows);
        self.svg.write(|| incidence_svg(&result, &labels(&self.svg, &self.axes, &self.time, self.by.as_deref())))?;
        self.json.say(&print_incidence(&result));
        self.json.write(&result)
    }
}

fn print_incidence(result: &IncidenceResult) -> String {
    let censored = if result.censored.is_empty() { "an empty cell" } else { &result.censored };
    let mut text = vec![format!("censored: {censored}; events: {}", result.causes.join(", "))];
    for group in &result.groups {
        let mut header = vec!["time", "at risk"];
        header.extend(result.causes.iter().flat_map(|cause| [cause.as_str(), "lower95", "upper95"]));
        let mut grid = Grid::new(&header);
        let last = group.time.last().copied().unwrap_or(0.0);
        let times = result.axis_times.iter().zip(&group.n_at_risk_at).filter(|(time, _)| **time <= last);
        for (&time, &n_at_risk) in times {
            let mut cells = vec![short(time), short(n_at_risk)];
            let at = group.time.partition_point(|&t| t <= time).checked_sub(1);
            for cause in &result.causes {
                let read = |curve: Option<&Vec<Option<f64>>>| at.and_then(|at| curve?.get(at).copied().flatten());
                let value = at.and_then(|at| group.cumulative_incidence.get(cause)?.get(at).copied());
                cells.push(share(Some(value.unwrap_or(0.0))));
                cells.push(share(read(group.lower95.get(cause))));
                cells.push(share(read(group.upper95.get(cause))));
            }
            grid.row(cells);
        }
        text.push(format!("\n{}: {} rows\n{}", group.name, group.n, grid.text("  ")));
    }
    text.join("\n")
}
