use std::sync::Arc;

use crate::report::{IndexEntry, IndexMeta, ReportView};
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

    /// The inputs of `pseudonym` that may be changed; `None` when there is no such patient, or the source cannot compute.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn what_if_fields(&self, pseudonym: &str) -> Result<Option<Vec<WhatIfField>>, SourceError> {
        let _ = pseudonym;
        Ok(None)
    }

    /// The report of `pseudonym` as if her inputs were others, marked as hypothetical; `None` as in
    /// [`ReportSource::what_if_fields`]. Nothing is stored.
    ///
    /// # Errors
    /// Whatever stopped the source.
    fn what_if(&self, pseudonym: &str, changes: &[Change]) -> Result<Option<WhatIf>, SourceError> {
        let _ = (pseudonym, changes);
        Ok(None)
    }
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
