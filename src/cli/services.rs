use std::path::PathBuf;

use super::CliError;
use crate::report::model::DriftView;
use crate::study::{AssessRequest, FileCheck, ModelWatch, Models, drift_of};
use crate::web::Services;
use crate::web::cds::{CdsSettings, Clients};

/// Shortest secret for the metrics, characters.
const MIN_TOKEN: usize = 16;

/// Operation, programs and pages of models.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServiceOptions {
    /// Scheme and host under which clinical systems and their users reach this server, such as https://regimen.example
    #[arg(long, value_name = "URL", value_parser = web_origin)]
    base_url: Option<String>,
    /// Origin of pages that may call the CDS services, such as https://ehr.example; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = web_origin)]
    cds_origin: Vec<String>,
    /// Public keys (JSON Web Key Set) of the clinical systems that may ask; without them only this machine may
    #[arg(long, value_name = "FILE", requires = "cds_issuer")]
    cds_jwks: Option<PathBuf>,
    /// Issuer that a clinical system's token must name; may be given several times
    #[arg(long, value_name = "URL", requires = "cds_jwks")]
    cds_issuer: Vec<String>,
    /// FHIR server from which a SMART launch is accepted; may be given several times [default: any https address]
    #[arg(long, value_name = "URL")]
    launch_from: Vec<String>,
    /// File with the secret for /metrics, of 16 characters or more; without it only this machine may read them
    #[arg(long, value_name = "FILE")]
    metrics_token: Option<PathBuf>,
    /// Folder whose files the pages of models may check
    #[arg(long, value_name = "DIR")]
    check_folder: Option<PathBuf>,
    /// Folder of evaluations NAME@VERSION.json, as `evaluate --cv --json` writes them, for curves on the pages of models
    #[arg(long, value_name = "DIR")]
    evaluations: Option<PathBuf>,
}

/// Reads a scheme and host without a path.
fn web_origin(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if !host.is_empty() && host.chars().all(fine) {
        Ok(text.to_owned())
    } else {
        Err("expected http:// or https:// and a host".to_owned())
    }
}

impl ServiceOptions {
    /// Nothing but checks of the files of `folder`.
    pub(crate) fn checking(folder: PathBuf) -> Self {
        Self { check_folder: Some(folder), ..Self::default() }
    }

    /// What the options come to, for the cohort and the models of `request`.
    pub(crate) fn services(&self, models: &Models, request: &AssessRequest) -> Result<Services, CliError> {
        let used: Vec<String> = request.models.iter().map(|model| model.label()).collect();
        let clients = self.cds_jwks.as_ref().map(|path| Clients::read(path, self.cds_issuer.clone()));
        let token = self.metrics_token.as_ref().map(|path| {
            let text = std::fs::read_to_string(path)
                .map_err(|source| crate::study::Error::Read { path: path.clone(), source })?;
            let text = text.trim().to_owned();
            if text.len() < MIN_TOKEN {
                let rule = format!("{}: expected at least {MIN_TOKEN} characters", path.display());
                return Err(CliError::Usage(rule));
            }
            Ok(text)
        });
        Ok(Services {
            registry: models.clone(),
            watch: Some(ModelWatch::new(models, &used)?),
            drift: drift_of(request)?.iter().map(DriftView::new).collect(),
            check: Some(FileCheck::new(request.cohort.clone(), self.check_folder.clone())),
            evaluations: self.evaluations.clone(),
            cds: CdsSettings {
                base_url: self.base_url.clone(),
                origins: self.cds_origin.clone(),
                clients: clients.transpose().map_err(|error| CliError::Usage(error.to_string()))?,
                launch_from: self.launch_from.clone(),
            },
            metrics_token: token.transpose()?,
        })
    }
}

/// Print the OpenAPI 3.1 description of the server's programming interface.
#[derive(Debug, clap::Args)]
pub(crate) struct Openapi {}

impl Openapi {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        println!("{}", crate::web::api::description());
        Ok(())
    }
}
