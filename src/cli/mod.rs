//! The command line: one file per command, each a thin shell over one function of `study`, `report` or `web`.
//!
//! Lives here: arguments, printing, progress bars and exit codes. May import `terms`, `schema`, `fusion`, `study`,
//! `report`, `store` and `web`; clap and indicatif enter only here. Deliberately absent: any computation.

mod assess;
mod audit;
mod check;
mod database;
mod demo;
mod embed;
mod encoder;
mod error;
mod evaluate;
mod explain;
mod fuse;
mod ingest;
mod models;
mod output;
mod people;
mod policy;
mod predict;
mod predict_breast;
mod progress;
mod serve;
mod simulate;
mod source;
mod stats;
mod train;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use error::CliError;

/// Treatment-response estimates for breast cancer, from scans and tables to a patient's report.
/// Research use only: not a medical device, not for choosing treatment.
#[derive(Debug, Parser)]
#[command(name = "regimen", version, max_term_width = 100)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Registry of models [default: ./models, else the models compiled in]
    #[arg(long, global = true, env = "REGIMEN_MODELS", value_name = "DIR")]
    models: Option<std::path::PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Check(check::Check),
    Ingest(ingest::Ingest),
    Embed(embed::Embed),
    Fuse(fuse::Fuse),
    Train(train::Train),
    Evaluate(evaluate::Evaluate),
    Explain(explain::Explain),
    Policy(policy::Policy),
    Predict(predict::Predict),
    PredictBreast(predict_breast::PredictBreast),
    Assess(assess::Assess),
    Simulate(simulate::Simulate),
    Serve(serve::Serve),
    #[command(subcommand)]
    Encoder(encoder::Encoder),
    #[command(subcommand)]
    Models(models::ModelsVerb),
    #[command(subcommand)]
    People(people::PeopleVerb),
    #[command(subcommand)]
    Audit(audit::AuditVerb),
    #[command(subcommand)]
    Stats(stats::StatsVerb),
}

/// Starts logging to standard error; `REGIMEN_LOG` sets the filter, warnings and worse by default.
pub fn start_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("REGIMEN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Runs a command and says what went wrong, if anything did.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    if let Some(code) = with_threads(command.common.threads) {
        return code;
    }
    let common = &command.common;
    let result = match &command.verb {
        Verb::Demo(args) => args.run(common),
        Verb::Check(args) => args.run(),
        Verb::Ingest(args) => args.run(),
        Verb::Embed(args) => args.run(common),
        Verb::Fuse(args) => args.run(),
        Verb::Train(args) => args.run(common),
        Verb::Evaluate(args) => args.run(common),
        Verb::Explain(args) => args.run(common),
        Verb::Policy(args) => args.run(),
        Verb::Predict(args) => args.run(common),
        Verb::PredictBreast(args) => args.run(),
        Verb::Assess(args) => args.run(common),
        Verb::Simulate(args) => args.run(),
        Verb::Serve(args) => args.run(common),
        Verb::Encoder(verb) => verb.run(common),
        Verb::Models(verb) => verb.run(common),
        Verb::People(verb) => verb.run(),
        Verb::Audit(verb) => verb.run(),
        Verb::Stats(verb) => verb.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.say();
            ExitCode::from(error.code())
        }
    }
}

/// Runs the binary again under the given number of threads, because polars reads its number at start.
fn with_threads(threads: Option<std::num::NonZeroUsize>) -> Option<ExitCode> {
    let threads = threads?.to_string();
    if std::env::var("POLARS_MAX_THREADS").is_ok_and(|set| set == threads) {
        return None;
    }
    let status = std::process::Command::new(std::env::current_exe().ok()?)
        .args(std::env::args_os().skip(1))
        .env("POLARS_MAX_THREADS", &threads)
        .env("RAYON_NUM_THREADS", &threads)
        .status()
        .ok()?;
    Some(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(70)))
}
