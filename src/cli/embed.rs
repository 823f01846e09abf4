use std::path::PathBuf;

use super::progress::Bar;
use super::{CliError, Common};
use crate::study::{Models, embed_studies};

/// Turn studies into embeddings, one row per study; what was embedded before is reused.
#[derive(Debug, clap::Args)]
pub(crate) struct Embed {
    /// Studies table of `regimen ingest`
    studies: PathBuf,
    /// Embeddings table to write (.arrow)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Encoder; every promoted encoder, each for its modality, by default
    #[arg(long, value_name = "NAME")]
    encoder: Option<String>,
}

impl Embed {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let models = Models::locate(common.models.as_deref());
        let report = embed_studies(&self.studies, &self.out, &models, self.encoder.as_deref(), &Bar::new())?;
        for reason in &report.failed {
            eprintln!("not embedded: {reason}");
        }
        println!(
            "{} studies: {} embedded, {} reused, {} not embedded, {} without an encoder",
            report.n_studies,
            report.computed,
            report.reused,
            report.failed.len(),
            report.skipped
        );
        Ok(())
    }
}
