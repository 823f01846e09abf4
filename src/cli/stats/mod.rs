//! `regimen stats`: classical estimates on any table. One file per family of commands; the estimates are those of
//! `study::classical`, the plots those of `report::classical`.

mod cox;
mod curves;
mod grid;
mod predictions;

use std::path::{Path, PathBuf};

use super::CliError;
use super::output::write_file;
use crate::study::classical::{FollowUpColumns, RowCount};

/// Classical estimates on any table (Arrow, Parquet, CSV, TSV; - reads an Arrow stream)
#[derive(Debug, clap::Subcommand)]
pub(crate) enum StatsVerb {
    Km(curves::Km),
    Logrank(curves::LogrankTest),
    Aj(curves::Aj),
    Cox(cox::Cox),
    Concordance(predictions::Concordance),
    Brier(predictions::Brier),
    Auc(predictions::Auc),
    Calibration(predictions::Calibration),
    NetBenefit(predictions::NetBenefit),
}

impl StatsVerb {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        match self {
            Self::Km(args) => args.run(),
            Self::Logrank(args) => args.run(),
            Self::Aj(args) => args.run(),
            Self::Cox(args) => args.run(),
            Self::Concordance(args) => args.run(),
            Self::Brier(args) => args.run(),
            Self::Auc(args) => args.run(),
            Self::Calibration(args) => args.run(),
            Self::NetBenefit(args) => args.run(),
        }
    }
}

/// Columns of the follow-up.
#[derive(Debug, Clone, clap::Args)]
struct EventArgs {
    /// Column of the time to the event or to censoring
    #[arg(long, value_name = "COL")]
    time: String,
    /// Column of the event: true or false, or 1 and 0
    #[arg(long, value_name = "COL", alias = "cause")]
    event: String,
}

/// Columns that change who is at risk and how much a row counts.
#[derive(Debug, Clone, clap::Args)]
struct RiskSetArgs {
    /// Column of the time from which each row was under observation
    #[arg(long, value_name = "COL")]
    entry: Option<String>,
    /// Column of case weights
    #[arg(long, value_name = "COL")]
    weights: Option<String>,
}

/// Where a plot goes.
#[derive(Debug, Clone, clap::Args)]
struct SvgArgs {
    /// Write a plot to this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Title of the plot
    #[arg(long, value_name = "TEXT", requires = "svg")]
    title: Option<String>,
}

impl SvgArgs {
    fn write(&self, draw: impl FnOnce() -> String) -> Result<(), CliError> {
        match self.svg.as_deref() {
            None => Ok(()),
            Some(path) if path == Path::new("-") => Err(CliError::Usage("--svg expects a file, found `-`".to_owned())),
            Some(path) => write_file(path, draw().as_bytes()),
        }
    }
}

/// Resamples behind intervals.
#[derive(Debug, Clone, Copy, clap::Args)]
struct ResamplingArgs {
    /// Resamples of rows behind intervals that have no formula
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..))]
    resamples: u32,
    /// Seed of the resamples
    #[arg(long, value_name = "N", default_value_t = 20_261_124)]
    seed: u64,
}

impl From<ResamplingArgs> for crate::study::classical::Resampling {
    fn from(args: ResamplingArgs) -> Self {
        Self { n_resamples: args.resamples as usize, seed: args.seed }
    }
}

fn follow_up(event: &EventArgs, risk_set: Option<&RiskSetArgs>) -> FollowUpColumns {
    FollowUpColumns {
        time: event.time.clone(),
        event: event.event.clone(),
        entry: risk_set.and_then(|args| args.entry.clone()),
        weights: risk_set.and_then(|args| args.weights.clone()),
    }
}

/// Says which rows were left out, to standard error.
fn remark(rows: &RowCount) {
    if rows.left_out > 0 {
        let columns: Vec<String> = rows.missing.iter().map(|(column, n)| format!("`{column}` {n}")).collect();
        let (left_out, read) = (rows.left_out, rows.read);
        eprintln!("warning: {left_out} of {read} rows left out: no value in {}", columns.join(", "));
    }
}

/// A finite number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// A finite number of at least 0.
fn not_negative(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number of at least 0".to_owned()),
    }
}

/// A number in (0, 1).
fn inside_unit(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}

/// Ascending times, each once.
fn ascending(times: &[f64]) -> Vec<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}
