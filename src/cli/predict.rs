use std::collections::HashMap;
use std::path::PathBuf;

use super::{CliError, Common};
use crate::study::{FusedTable, Models, ResponseModel, predict};
use crate::tables::write_table;

/// Score a table: one row per input row and option.
#[derive(Debug, clap::Args)]
pub(crate) struct Predict {
    /// Model (NAME, NAME@VERSION or a path)
    model: String,
    /// Fused table (.arrow, .parquet, .csv; - for an Arrow stream on standard input)
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Predictions to write (.arrow, .parquet, .csv; - for an Arrow stream on standard output)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// One row per input row, under the option received
    #[arg(long)]
    received: bool,
}

impl Predict {
    pub(crate) fn run(&self, common: &Common) -> Result<(), CliError> {
        let model = ResponseModel::open(&Models::locate(common.models.as_deref()), &self.model)?;
        let table = FusedTable::read(&self.data)?;
        let predictions = predict(&model, &table, self.received)?;
        write_table(&self.out, &mut predictions.to_frame()?, &HashMap::new())?;
        let supported = predictions.predictions.iter().filter(|p| p.estimate.is_some()).count();
        let text =
            format!("{} predictions by {}, {supported} with a number", predictions.predictions.len(), model.label());
        if self.out.as_os_str() == "-" {
            eprintln!("{text}")
        } else {
            println!("{text}")
        }
        Ok(())
    }
}
