use thiserror::Error;

/// Why a page could not be written.
#[derive(Debug, Error)]
pub enum Error {
    /// A template failed while it was filled.
    #[error("could not fill the template {template}")]
    Template {
        /// Path of the template below `templates/`.
        template: &'static str,
        /// What askama said.
        #[source]
        source: askama::Error,
    },
    /// The PDF library refused the document.
    #[error("could not write the report as PDF: {message}")]
    Pdf {
        /// What the library said.
        message: String,
    },
}
