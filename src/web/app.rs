use std::net::IpAddr;
use std::sync::Arc;

use super::auth::oidc::Provider;
use super::services::{Running, Services};
use crate::report::{IndexEntry, IndexMeta, ReportView};
use crate::store::{Person, Store};
use crate::study::{Change, RefusedChange, WhatIfField};

/// Whatever stopped a source; it goes to the log and never to a page.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The list of patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPage {
    /// Lines in display order; their `href` is replaced by the server's own route.
    pub entries: Vec<IndexEntry>,
    /// What the list says about itself.
    pub meta: IndexMeta,
}

/// A hypothetical report, or every change that was refused.
pub type WhatIf = Result<ReportView, Vec<RefusedChange>>;

/// Where reports come from; called on a blocking thread, so it may compute.
pub trait ReportSource: Send + Sync {
    /// The list of patients.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn index(&self) -> Result<IndexPage, SourceError>;

    /// The report of `pseudonym`; `None` when there is no such patient.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn report(&self, pseudonym: &str) -> Result<Option<ReportView>, SourceError>;

    /// The pseudonym of a patient whom a clinical system calls `clinical_id`; `None` where such ids mean nothing here. It
    /// may be the pseudonym of nobody: ask for the report.
    fn pseudonym(&self, clinical_id: &str) -> Option<String> {
        let _ = clinical_id;
        None
    }

    /// The inputs of `pseudonym` that may be changed; `None` when there is no such patient, or the source cannot compute.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn what_if_fields(&self, pseudonym: &str) -> Result<Option<Vec<WhatIfField>>, SourceError> {
        let _ = pseudonym;
        Ok(None)
    }

    /// The report of `pseudonym` as if the inputs were others, marked as hypothetical; `None` as in
    /// [`ReportSource::what_if_fields`]. Nothing is stored.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn what_if(&self, pseudonym: &str, changes: &[Change]) -> Result<Option<WhatIf>, SourceError> {
        let _ = (pseudonym, changes);
        Ok(None)
    }
}

/// How the server is reached, and who may pass without a password.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// A proxy that ends TLS stands in front: cookies are `Secure`, their names carry `__Host-`, and only the proxies and
    /// this machine are answered.
    pub tls: bool,
    /// Names beside the loopback ones that a `Host` header may hold.
    pub allowed_hosts: Vec<String>,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
    /// A demonstration: everybody on this machine is this person, with this token for forms.
    pub demonstration: Option<(Person, String)>,
}

/// The application: one source of reports and one store, shared by all workers.
#[derive(Clone)]
pub struct App {
    source: Arc<dyn ReportSource + Send + Sync>,
    store: Store,
    security: Arc<Security>,
    provider: Option<Arc<Provider>>,
    services: Arc<Running>,
}

impl App {
    /// An application over `source` and `store`, on loopback only.
    #[must_use]
    pub fn new(source: Arc<dyn ReportSource + Send + Sync>, store: Store) -> Self {
        let services = Arc::new(Running::new(Services::default()));
        Self { source, store, security: Arc::default(), provider: None, services }
    }

    /// The application reached as `security` says.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = Arc::new(security);
        self
    }

    /// The application whose people may sign in by an identity provider.
    #[must_use]
    pub fn with_provider(mut self, provider: Option<Provider>) -> Self {
        self.provider = provider.map(Arc::new);
        self
    }

    /// The identity provider, if there is one.
    pub(super) fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.as_ref()
    }

    /// The application with models, operation and programs as `services` says.
    #[must_use]
    pub fn with_services(mut self, services: Services) -> Self {
        self.services = Arc::new(Running::new(services));
        self
    }

    /// Models, operation and programs.
    pub(super) fn services(&self) -> &Running {
        &self.services
    }

    /// The source, to be moved onto a blocking thread.
    pub(super) fn source(&self) -> Arc<dyn ReportSource + Send + Sync> {
        Arc::clone(&self.source)
    }

    /// The database.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// How the server is reached.
    pub(super) fn security(&self) -> &Security {
        &self.security
    }
}
