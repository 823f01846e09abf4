use std::path::PathBuf;

use super::grid::{Grid, maybe, short};
use super::{EventArgs, ResamplingArgs, SvgArgs, ascending, follow_up, inside_unit, not_negative, positive, remark};
use crate::cli::CliError;
use crate::cli::output::{JsonOutput, figure};
use crate::report::classical::{calibration_svg, net_benefit_svg, p_phrase};
use crate::study::classical::{
    self, AucOutcome, AucRequest, BrierRequest, CalibrationOutcome, CalibrationRequest, ConcordanceRequest,
    FollowUpColumns, NetBenefitOutcome, NetBenefitRequest, ScoreDifference, SurvivalColumn,
};

/// Harrell's concordance of risk scores, and Uno's with --tau.
#[derive(Debug, clap::Args)]
pub(crate) struct Concordance {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    event: EventArgs,
    /// Columns of risk scores, higher = earlier event; several are compared with the first
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    risk: Vec<String>,
    /// Horizon of Uno's index
    #[arg(long, value_name = "X", value_parser = positive)]
    tau: Option<f64>,
    #[command(flatten)]
    resampling: ResamplingArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Concordance {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let result = classical::concordance(&ConcordanceRequest {
            data: self.data.clone(),
            follow_up: follow_up(&self.event, None),
            risks: self.risk.clone(),
            tau: self.tau,
            resampling: self.resampling.into(),
        })?;
        remark(&result.rows);
        let mut grid = Grid::new(&[
            "risk",
            "c index",
            "std err",
            "lower95",
            "upper95",
            "concordant",
            "discordant",
            "tied risk",
            "tied time",
        ]);
        let scores = if result.risks.is_empty() { std::slice::from_ref(&result.first) } else { &result.risks };
        let mut uno = Vec::new();
        for score in scores {
            let pairs = score.harrell;
            grid.row(vec![
                score.risk.clone(),
                short(pairs.c_index),
                short(pairs.std_err),
                short(score.lower95),
                short(score.upper95),
                pairs.concordant.to_string(),
                pairs.discordant.to_string(),
                pairs.tied_risk.to_string(),
                pairs.tied_time.to_string(),
            ]);
            if let Some(found) = &score.uno {
                uno.push(format!(
                    "Uno's index to {}, {}: {:.4} (se {:.4}, {:.4} to {:.4})",
                    short(found.index.tau),
                    score.risk,
                    found.index.c_index_ipcw,
                    found.index.std_err,
                    found.lower95,
                    found.upper95
                ));
            }
        }
        let mut text = vec![format!("{} rows, {} events", result.n, result.n_events), grid.text("")];
        text.extend(uno);
        text.extend(result.differences.iter().map(difference));
        self.json.say(&text.join("\n"));
        self.json.write(&result)
    }
}

fn difference(found: &ScoreDifference) -> String {
    format!(
        "{} minus {}: {}, {} ({})",
        found.first,
        found.second,
        figure(&found.difference),
        p_phrase(found.p),
        found.method
    )
}

/// Brier score of predicted survival at one or more times, and its average over them.
#[derive(Debug, clap::Args)]
pub(crate) struct Brier {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    event: EventArgs,
    /// Columns of predicted survival with their times, or columns alone with --times
    #[arg(long, value_name = "COL@TIME,...", value_delimiter = ',', required = true)]
    survival: Vec<String>,
    /// Times of the columns, in the same order
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = positive)]
    times: Vec<f64>,
    #[command(flatten)]
    json: JsonOutput,
}

impl Brier {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let result = classical::brier(&BrierRequest {
            data: self.data.clone(),
            follow_up: follow_up(&self.event, None),
            survival: survival_columns(&self.survival, &self.times)?,
        })?;
        remark(&result.rows);
        let mut grid = Grid::new(&["time", "Brier", "null model", "scaled"]);
        for (at, (&time, &score)) in result.times.iter().zip(&result.brier).enumerate() {
            let (null, scaled) = (result.null_brier.get(at).copied(), result.scaled.get(at).copied().flatten());
            grid.row(vec![short(time), short(score), maybe(null), maybe(scaled)]);
        }
        if result.ibs.is_some() {
            grid.row(vec!["average".into(), maybe(result.ibs), maybe(result.null_ibs), maybe(result.scaled_ibs)]);
        }
        let (n, n_events) = (result.n, result.n_events);
        self.json.say(&format!("{n} rows, {n_events} events; {}\n{}", result.method, grid.text("")));
        self.json.write(&result)
    }
}

/// Columns with times, by ascending time.
fn survival_columns(columns: &[String], times: &[f64]) -> Result<Vec<SurvivalColumn>, CliError> {
    let usage = |said: String| Err(CliError::Usage(said));
    let mut found: Vec<SurvivalColumn> = if times.is_empty() {
        columns.iter().map(|text| survival_column(text)).collect::<Result<_, _>>()?
    } else if times.len() == columns.len() {
        let pair = |(column, &time): (&String, &f64)| SurvivalColumn { column: column.clone(), time };
        columns.iter().zip(times).map(pair).collect()
    } else {
        return usage(format!("expected one of --times for each of {} columns, found {}", columns.len(), times.len()));
    };
    found.sort_by(|a, b| a.time.total_cmp(&b.time));
    match found.windows(2).find(|pair| pair[0].time == pair[1].time) {
        Some(pair) => usage(format!("expected one column for each time, found two for {}", pair[0].time)),
        None => Ok(found),
    }
}

fn survival_column(text: &str) -> Result<SurvivalColumn, CliError> {
    let parts = text.rsplit_once('@').and_then(|(column, time)| Some((column, positive(time).ok()?)));
    match parts {
        Some((column, time)) if !column.is_empty() => Ok(SurvivalColumn { column: column.to_owned(), time }),
        _ => Err(CliError::Usage(format!("--survival: expected COL@TIME with a time above 0, found `{text}`"))),
    }
}

/// Outcome columns: a label, or time and event.
#[derive(Debug, Clone, clap::Args)]
struct OutcomeArgs {
    /// Column of the label: true or false, or 1 and 0
    #[arg(long, value_name = "COL", conflicts_with_all = ["time", "event"])]
    label: Option<String>,
    /// Column of the time to the event or to censoring
    #[arg(long, value_name = "COL", requires = "event")]
    time: Option<String>,
    /// Column of the event: true or false, or 1 and 0
    #[arg(long, value_name = "COL", requires = "time")]
    event: Option<String>,
}

/// Which outcome the arguments name.
enum Outcome<'a> {
    Label(&'a str),
    FollowUp(FollowUpColumns),
}

impl OutcomeArgs {
    fn named(&self) -> Result<Outcome<'_>, CliError> {
        match (&self.label, &self.time, &self.event) {
            (Some(label), ..) => Ok(Outcome::Label(label)),
            (None, Some(time), Some(event)) => Ok(Outcome::FollowUp(FollowUpColumns::new(time, event))),
            _ => Err(CliError::Usage("expected --label, or --time with --event, found neither".to_owned())),
        }
    }
}

/// Area under the ROC curve: of a label (DeLong), or by a time of follow-up (cumulative/dynamic).
#[derive(Debug, clap::Args)]
pub(crate) struct Auc {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    outcome: OutcomeArgs,
    /// Columns of scores, higher = event; several are compared with the first
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    risk: Vec<String>,
    /// Time by which the event counts
    #[arg(long, value_name = "X", value_parser = positive, conflicts_with = "label")]
    tau: Option<f64>,
    /// Several times, whose areas are also averaged
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = positive, conflicts_with = "label")]
    times: Vec<f64>,
    #[command(flatten)]
    resampling: ResamplingArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Auc {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let outcome = match self.outcome.named()? {
            Outcome::Label(label) => AucOutcome::Label(label.to_owned()),
            Outcome::FollowUp(columns) => {
                let times: Vec<f64> = self.times.iter().chain(&self.tau).copied().collect();
                if times.is_empty() {
                    return Err(CliError::Usage("--time: expected --tau or --times with it, found neither".to_owned()));
                }
                AucOutcome::FollowUp(columns, ascending(&times))
            }
        };
        let result = classical::auc(&AucRequest {
            data: self.data.clone(),
            outcome,
            risks: self.risk.clone(),
            resampling: self.resampling.into(),
        })?;
        remark(&result.rows);
        let mut grid = Grid::new(&["risk", "time", "AUC", "lower95", "upper95"]);
        let scores = if result.risks.is_empty() { std::slice::from_ref(&result.first) } else { &result.risks };
        for score in scores {
            let mut row = |time: String, auc: &crate::terms::Estimate| {
                let [estimate, lower, upper] = [auc.estimate, auc.lower95, auc.upper95].map(short);
                grid.row(vec![score.risk.clone(), time, estimate, lower, upper]);
            };
            for (&time, auc) in score.times.iter().zip(&score.auc_t) {
                row(short(time), auc);
            }
            if score.times.len() != 1 {
                row(if score.times.is_empty() { "-".to_owned() } else { "mean".to_owned() }, &score.auc);
            }
        }
        let mut text = vec![format!("{} rows, {} events; {}", result.n, result.n_events, result.method), grid.text("")];
        text.extend(result.differences.iter().map(difference));
        self.json.say(&text.join("\n"));
        self.json.write(&result)
    }
}

/// Calibration of predicted probabilities: level, slope, index and groups.
#[derive(Debug, clap::Args)]
pub(crate) struct Calibration {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    outcome: OutcomeArgs,
    /// Column of the predicted probability of the label
    #[arg(long, value_name = "COL", requires = "label")]
    risk: Option<String>,
    /// Column of predicted survival with its time
    #[arg(long, value_name = "COL@TIME", requires = "time")]
    survival: Option<String>,
    /// Groups of ascending predicted risk
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=100))]
    groups: u16,
    #[command(flatten)]
    resampling: ResamplingArgs,
    #[command(flatten)]
    svg: SvgArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl Calibration {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let missing = |flag: &str| CliError::Usage(format!("expected {flag}, found none"));
        let outcome = match self.outcome.named()? {
            Outcome::Label(label) => CalibrationOutcome::Label {
                label: label.to_owned(),
                risk: self.risk.clone().ok_or_else(|| missing("--risk COL with --label"))?,
            },
            Outcome::FollowUp(follow_up) => {
                let survival = self.survival.as_deref().ok_or_else(|| missing("--survival COL@TIME with --time"))?;
                CalibrationOutcome::Survival { follow_up, survival: survival_column(survival)? }
            }
        };
        let result = classical::calibration(&CalibrationRequest {
            data: self.data.clone(),
            outcome,
            n_groups: usize::from(self.groups),
            resampling: self.resampling.into(),
        })?;
        remark(&result.rows);
        self.svg.write(|| calibration_svg(&result, self.svg.title.as_deref()))?;
        let figures = &result.calibration;
        let mut text = vec![format!("{} rows, {} events; {}", result.n, result.n_events, result.method)];
        let named = [
            ("calibration in the large (0)", figures.intercept),
            ("observed / expected (1)", figures.observed_expected),
            ("slope (1)", Some(figures.slope)),
            ("calibration index (0)", Some(figures.ici)),
        ];
        text.extend(named.iter().filter_map(|(name, value)| Some(format!("  {name:<29} {}", figure(value.as_ref()?)))));
        let mut grid = Grid::new(&["group", "n", "predicted", "observed", "lower95", "upper95"]);
        for (at, group) in result.groups.iter().enumerate() {
            let observed = group.observed;
            let [predicted, estimate, lower, upper] =
                [group.predicted, observed.estimate, observed.lower95, observed.upper95]
                    .map(|value| format!("{value:.3}"));
            grid.row(vec![(at + 1).to_string(), group.n_samples.to_string(), predicted, estimate, lower, upper]);
        }
        text.push(grid.text("  "));
        self.json.say(&text.join("\n"));
        self.json.write(&result)
    }
}

/// Net benefit of treating above a threshold of predicted risk (decision curve).
#[derive(Debug, clap::Args)]
pub(crate) struct NetBenefit {
    /// Table
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    outcome: OutcomeArgs,
    /// Columns of the predicted probability of the event
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    risk: Vec<String>,
    /// Time by which the event counts
    #[arg(long, value_name = "X", value_parser = not_negative, conflicts_with = "label")]
    tau: Option<f64>,
    /// Thresholds of predicted risk [default: every 1 % from 1 % to 50 %]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = inside_unit)]
    thresholds: Vec<f64>,
    #[command(flatten)]
    svg: SvgArgs,
    #[command(flatten)]
    json: JsonOutput,
}

impl NetBenefit {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let outcome = match (self.outcome.named()?, self.tau) {
            (Outcome::Label(label), _) => NetBenefitOutcome::Label(label.to_owned()),
            (Outcome::FollowUp(columns), Some(tau)) => NetBenefitOutcome::FollowUp(columns, tau),
            (Outcome::FollowUp(_), None) => {
                return Err(CliError::Usage("--time: expected --tau with it, found none".to_owned()));
            }
        };
        let thresholds = if self.thresholds.is_empty() {
            (1..=50).map(|percent| f64::from(percent) / 100.0).collect()
        } else {
            ascending(&self.thresholds)
        };
        let result = classical::net_benefit(&NetBenefitRequest {
            data: self.data.clone(),
            outcome,
            risks: self.risk.clone(),
            thresholds,
        })?;
        remark(&result.rows);
        self.svg.write(|| net_benefit_svg(&result, self.svg.title.as_deref()))?;
        let mut text = vec![format!("{} rows, {} events", result.n, result.n_events)];
        for curve in &result.curves {
            let mut grid = Grid::new(&["threshold", "treated", "net benefit", "treat all", "avoided"]);
            // The whole curve is in the JSON; every fifth of many points is enough to read.
            let every = if curve.points.len() > 20 { 5 } else { 1 };
            for point in curve.points.iter().skip(every - 1).step_by(every) {
                let cells = [point.threshold, point.share_treated, point.model, point.treat_all, point.avoided];
                grid.row(cells.iter().map(|value| format!("{value:.4}")).collect());
            }
            text.push(format!("\n{}\n{}", curve.risk, grid.text("  ")));
        }
        self.json.say(&text.join("\n"));
        self.json.write(&result)
    }
}
