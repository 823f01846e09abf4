use std::path::PathBuf;

use super::progress::Bar;
use super::{CliError, Common, output::JsonOutput};
use crate::study::train_encoder_from;

/// Imaging encoders.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Encoder {
    /// Train an encoder from a specification; writes a new candidate version
    Train {
        /// Specification
        spec: PathBuf,
        /// Data folder
        #[arg(long, env = "REGIMEN_DATA", default_value = "../shared/data", value_name = "DIR")]
        data: PathBuf,
        /// Registry to write into
        #[arg(long, default_value = "models", value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        json: JsonOutput,
    },
}

impl Encoder {
    pub(crate) fn run(&self, _common: &Common) -> Result<(), CliError> {
        let Self::Train { spec, data, out, json } = self;
        let (folder, figures) = train_encoder_from(spec, data, out, &Bar::new())?;
        json.say(&format!("wrote {}, a candidate until it is promoted", folder.display()));
        json.say(&serde_json::to_string_pretty(&figures).unwrap_or_default());
        json.write(&figures)
    }
}
