use std::sync::Arc;

use crate::report::{IndexEntry, IndexMeta, ReportView};

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
}

/// The application: one source of reports, shared by all workers.
#[derive(Clone)]
pub struct App {
    source: Arc<dyn ReportSource + Send + Sync>,
}

impl App {
    /// An application over `source`.
    #[must_use]
    pub fn new(source: Arc<dyn ReportSource + Send + Sync>) -> Self {
        Self { source }
    }

    /// The source, to be moved onto a blocking thread.
    pub(super) fn source(&self) -> Arc<dyn ReportSource + Send + Sync> {
        Arc::clone(&self.source)
    }
}
