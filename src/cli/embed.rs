use std::path::PathBuf;

use super::progress::Bar;
use super::{CliError, Common};
use crate::study::{EmbedRequest, Models, PretrainedWeights, embed_studies};
use crate::terms::Modality;

/// Turn studies into embeddings, one row per study; what was embedded before is reused.
#[derive(Debug, clap::Args)]
pub(crate) struct Embed {
    /// Studies table of `regimen ingest`
    studies: PathBuf,
    /// Embeddings table to write (.arrow)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Encoder; every promoted encoder, each for its modality, by default
    #[arg(long, value_name = "NAME", conflicts_with = "weights")]
    encoder: Option<String>,
    /// Write what the networks see into DIR, one PNG per image
    #[arg(long, value_name = "DIR")]
    preview: Option<PathBuf>,
    /// Published weights instead of an encoder of the registry (.safetensors, names of torchvision or timm)
    #[arg(long, value_name = "FILE", requires_all = ["architecture", "modality"])]
    weights: Option<PathBuf>,
    /// Architecture of --weights: resnet18, resnet50, convnext_tiny, vit_small, mobilenet_v2, efficientnet_b0
    #[arg(long, value_name = "NAME", requires = "weights")]
    architecture: Option<String>,
    /// Modality that --weights read: mammography, ultrasound or mri
    #[arg(long, value_name = "NAME", requires = "weights")]
    modality: Option<String>,
}

impl Embed {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let models = Models::locate(common.models.as_deref());
        let pretrained = match (&self.weights, &self.architecture, &self.modality) {
            (Some(weights), Some(architecture), Some(modality)) => Some(PretrainedWeights {
                file: weights,
                architecture,
                modality: Modality::parse(modality).map_err(|error| CliError::Usage(error.to_string()))?,
            }),
            _ => None,
        };
        let request = EmbedRequest {
            studies: &self.studies,
            out: &self.out,
            models: &models,
            encoder: self.encoder.as_deref(),
            pretrained,
            preview: self.preview.as_deref(),
        };
        let report = embed_studies(&request, &Bar::new())?;
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
