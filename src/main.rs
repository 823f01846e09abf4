//! The `regimen` binary: parse, start tracing, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use regimen::cli;

fn main() -> ExitCode {
    let command = match cli::Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    cli::start_tracing(&command);
    cli::run(command)
}
