use std::net::SocketAddr;
use std::sync::Arc;

use super::services::ServiceOptions;
use super::source::{CohortReports, ReportInputs};
use super::{CliError, Common};
use crate::schema::CohortDefinition;
use crate::study::{AssessRequest, Models, assess_cohort};
use crate::web::{Services, Start, serve};

/// Serve the reports of a cohort on this machine's loopback interface.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    inputs: ReportInputs,
    /// Address; only loopback addresses until sign-in exists
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    bind: SocketAddr,
    #[command(flatten)]
    options: ServiceOptions,
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
        let assessed = assess_cohort(&request)?;
        let services = self.options.services(&models, &request)?;
        let reports = CohortReports::new(&assessed, None, &request.models);
        let reports = reports.with_names(&request.cohort.namespace, request.key.clone());
        run_server(reports, self.bind, services)
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
pub(crate) fn run_server(reports: CohortReports, bind: SocketAddr, services: Services) -> Result<(), CliError> {
    let said = |address: SocketAddr, _| println!("open http://{address}/ in a browser; Ctrl-C stops");
    let start = Start { services, ..Start::demonstration(Arc::new(reports))? };
    Ok(serve(start, bind, said)?)
}
