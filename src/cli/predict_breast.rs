use std::path::PathBuf;

use super::CliError;
use crate::study::{PredictVersion as Version, predict_breast};

/// PREDICT Breast for every row of a table, under every option column.
#[derive(Debug, clap::Args)]
pub(crate) struct PredictBreast {
    /// Table with PREDICT's 16 input columns: age, screen, size, grade, nodes, er, her2, ki67, pr, gen, horm, traz, bis, radio, gy, smoker
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// 3.1 (externally validated), 3.2 (as deployed) or 3.2-landmark (after five years of endocrine therapy)
    #[arg(long, value_name = "VERSION", value_parser = version)]
    version: Version,
    /// Table to write (.csv, .tsv, .arrow, .parquet; - for an Arrow stream on standard output)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn version(text: &str) -> Result<Version, String> {
    let names: Vec<&str> = Version::ALL.iter().map(|version| version.as_str()).collect();
    let known = Version::ALL.into_iter().find(|version| version.as_str() == text);
    known.ok_or_else(|| format!("expected {}", names.join(", ")))
}

impl PredictBreast {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        let n_rows = predict_breast(&self.data, self.version, &self.out)?;
        let text = format!("PREDICT Breast {} for {n_rows} rows", self.version);
        if self.out.as_os_str() == "-" {
            eprintln!("{text}")
        } else {
            println!("{text}")
        }
        Ok(())
    }
}
