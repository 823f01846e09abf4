use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::database::Database;
use super::people::role;
use super::source::{CohortReports, ReportInputs};
use super::{CliError, Common};
use crate::schema::CohortDefinition;
use crate::store::Role;
use crate::study::{AssessRequest, Models, assess_cohort};
use crate::web::auth::oidc::Settings;
use crate::web::{Security, Start, serve};

/// Serve the reports of a cohort to the people of a database.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    inputs: ReportInputs,
    #[command(flatten)]
    database: Database,
    /// Address; other than loopback only with --tls-proxy and once there are people
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    bind: SocketAddr,
    /// Address of a proxy in front that ends TLS and sets X-Forwarded-For and X-Forwarded-Proto; may be given several times
    #[arg(long, value_name = "IP")]
    tls_proxy: Vec<IpAddr>,
    /// Name, beside the loopback ones, by which browsers reach the server; may be given several times
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
    #[command(flatten)]
    provider: ProviderArgs,
}

/// The OpenID Connect provider.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ProviderArgs {
    /// OpenID Connect provider that people may sign in by
    #[arg(long, value_name = "URL", requires = "oidc_client_id")]
    oidc_issuer: Option<String>,
    /// Our name at the provider
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// File with our secret at the provider; REGIMEN_OIDC_SECRET may hold the secret itself
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_secret_file: Option<PathBuf>,
    /// Our address as browsers see it [default: http:// and the address of --bind]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Claim of the ID token that names roles; the provider then gives and takes them
    #[arg(long, value_name = "NAME", requires = "oidc_issuer")]
    oidc_role_claim: Option<String>,
    /// What a value of that claim means, such as tumour-board=coordinator; may be given several times
    #[arg(long, value_name = "VALUE=ROLE", value_parser = meaning, requires = "oidc_role_claim")]
    oidc_role: Vec<(String, Role)>,
    /// Role of new people whom the claim names none for; without it they are refused
    #[arg(long, value_name = "ROLE", value_parser = role, requires = "oidc_issuer")]
    oidc_default_role: Option<Role>,
}

/// Reads `VALUE=ROLE`.
fn meaning(text: &str) -> Result<(String, Role), String> {
    let (value, word) = text.rsplit_once('=').ok_or("expected VALUE=ROLE")?;
    Ok((value.to_owned(), role(word)?))
}

impl ProviderArgs {
    fn settings(&self, bind: SocketAddr) -> Result<Option<Settings>, CliError> {
        let (Some(issuer), Some(client_id)) = (&self.oidc_issuer, &self.oidc_client_id) else { return Ok(None) };
        let from_file = self
            .oidc_secret_file
            .as_ref()
            .map(|path| {
                std::fs::read_to_string(path)
                    .map_err(|source| CliError::Study(crate::study::Error::Read { path: path.clone(), source }))
            })
            .transpose()?;
        let secret = from_file.or_else(|| std::env::var("REGIMEN_OIDC_SECRET").ok());
        Ok(Some(Settings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: secret.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            public_url: self.public_url.clone().unwrap_or_else(|| format!("http://{bind}")),
            role_claim: self.oidc_role_claim.clone(),
            roles: self.oidc_role.iter().cloned().collect::<BTreeMap<_, _>>(),
            default_role: self.oidc_default_role,
        }))
    }
}

impl Serve {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        self.refuse_open()?;
        let (audit_key, provider) = (self.database.key()?, self.provider.settings(self.bind)?);
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
        let start = Start {
            source: Arc::new(CohortReports::new(&assessed, None, &request.models)),
            database: self.database.url().to_owned(),
            audit_key,
            security: Security {
                tls: !self.tls_proxy.is_empty(),
                allowed_hosts: self.allowed_host.clone(),
                proxies: self.tls_proxy.iter().map(IpAddr::to_canonical).collect(),
                demonstration: None,
            },
            provider,
            demonstration: false,
        };
        run_server(start, self.bind)
    }

    /// Refuses an address that other machines can reach in the clear, before any work is done.
    fn refuse_open(&self) -> Result<(), CliError> {
        if self.bind.ip().is_loopback() || !self.tls_proxy.is_empty() {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "--bind: expected a loopback address, or --tls-proxy with the address of a proxy that ends TLS, found {}",
            self.bind.ip()
        )))
    }
}

/// Serves until interrupted, saying where, and how the first administrator is made.
pub(crate) fn run_server(start: Start, bind: SocketAddr) -> Result<(), CliError> {
    let said = |address: SocketAddr, code: Option<String>| {
        println!("open http://{address}/ in a browser; Ctrl-C stops");
        if let Some(code) = code {
            println!("the database has no people: make the first administrator at http://{address}/setup");
            println!("one-time set-up code, good for a day: {code}");
        }
    };
    Ok(serve(start, bind, said)?)
}
