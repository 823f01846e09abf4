use std::net::SocketAddr;
use std::sync::Arc;

use super::source::{CohortReports, ReportInputs};
use super::{CliError, Common};
use crate::schema::CohortDefinition;
use crate::study::{AssessRequest, Models, OpenCohort};
use crate::web::{App, serve_with};

/// Serve the reports of a cohort on this machine's loopback interface.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    inputs: ReportInputs,
    /// Address; only loopback addresses until sign-in exists
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    bind: SocketAddr,
}

impl Serve {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        refuse_public(self.bind)?;
        let models = Models::locate(common.models.as_deref());
        let request = AssessRequest {
            cohort: CohortDefinition::load(&self.inputs.cohort)?,
            data: self.inputs.data.clone(),
            embeddings: self.inputs.embeddings.clone(),
            models: self.inputs.open_models(&models)?,
            key: self.inputs.key()?,
            skip_invalid: self.inputs.skip_invalid,
            only: None,
            engine: Some(self.inputs.engine(&models)?),
        };
        run_server(CohortReports::assess(OpenCohort::read(request)?, None)?, self.bind)
    }
}

/// Refuses an address that other machines can reach, before any work is done.
pub(crate) fn refuse_public(bind: SocketAddr) -> Result<(), CliError> {
    if bind.ip().is_loopback() {
        return Ok(());
    }
    Err(CliError::Usage(format!("--bind: expected a loopback address until sign-in exists, found {}", bind.ip())))
}

/// Serves until interrupted, saying where.
pub(crate) fn run_server(reports: CohortReports, bind: SocketAddr) -> Result<(), CliError> {
    let said = |address: SocketAddr| println!("open http://{address}/ in a browser; Ctrl-C stops");
    Ok(serve_with(App::new(Arc::new(reports)), bind, said)?)
}
