use std::path::PathBuf;

use super::progress::Bar;
use super::{CliError, Common, output::JsonOutput};
use crate::study::{cross_validate_encoder, train_encoder_from};

/// Imaging encoders.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Encoder {
    /// Train an encoder or a localiser from a specification; writes a new candidate version, resumes a stopped training
    Train {
        /// Specification
        spec: PathBuf,
        /// Data folder
        #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
        data: PathBuf,
        /// Registry to write into
        #[arg(long, default_value = "models", value_name = "DIR")]
        out: PathBuf,
        /// Figures for the card: the JSON of `encoder evaluate --cv`, in place of the held-out folds'
        #[arg(long, value_name = "FILE")]
        evaluation: Option<PathBuf>,
        #[command(flatten)]
        json: JsonOutput,
    },
    /// Cross-validate an encoder over the folds of its data set
    Evaluate {
        /// Specification
        spec: PathBuf,
        /// Cross-validation, the only evaluation without a trained version
        #[arg(long, required = true)]
        cv: bool,
        /// Specification of a localiser, trained in the same folds, to read whole images with
        #[arg(long, value_name = "SPEC")]
        localiser: Option<PathBuf>,
        /// Data folder
        #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
        data: PathBuf,
        #[command(flatten)]
        json: JsonOutput,
    },
}

impl Encoder {
    pub(crate) fn run(&self, _common: &Common) -> Result<(), CliError> {
        match self {
            Self::Train { spec, data, out, evaluation, json } => {
                let (folder, figures) = train_encoder_from(spec, data, out, evaluation.as_deref(), &Bar::new())?;
                json.say(&format!("wrote {}, a candidate until it is promoted", folder.display()));
                json.say(&serde_json::to_string_pretty(&figures).unwrap_or_default());
                json.write(&figures)
            }
            Self::Evaluate { spec, cv: _, localiser, data, json } => {
                let figures = cross_validate_encoder(spec, localiser.as_deref(), data, &Bar::new())?;
                json.say(&serde_json::to_string_pretty(&figures).unwrap_or_default());
                json.write(&figures)
            }
        }
    }
}
