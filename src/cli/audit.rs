use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::CliError;
use super::database::Database;
use crate::store::{Action, AuditPlace, Store};

/// Entries read at once.
const BATCH: i64 = 1000;

/// The append-only log of who saw and did what.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AuditVerb {
    /// Read the whole log and find any change, deletion, insertion, reordering or cut; exit 3 when there is one
    Verify(Verify),
    /// Write the log as JSON, one entry a line
    Export(Export),
}

/// A verification.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    database: Database,
    /// An anchor that was printed earlier and kept elsewhere; may be given several times
    #[arg(long, value_name = "NUMBER:HASH")]
    anchor: Vec<AuditPlace>,
}

/// An export.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    database: Database,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl AuditVerb {
    pub(crate) fn run(&self) -> Result<(), CliError> {
        match self {
            Self::Verify(args) => args.database.with_existing(async |store| {
                let found = store.verify_audit(&args.anchor).await?;
                for damage in &found.damages {
                    eprintln!("damage: {damage}");
                }
                println!("{} entries, {} damages", found.entries, found.damages.len());
                println!("anchor: {}", found.last);
                if found.damages.is_empty() { Ok(()) } else { Err(CliError::Tampered(found.damages.len())) }
            }),
            Self::Export(args) => args.database.with_existing(async |store| {
                let n = export(store, &args.out).await?;
                println!("{n} entries written to {}", args.out.display());
                Ok(())
            }),
        }
    }
}

/// Records the export and writes every entry up to that one.
async fn export(store: &Store, out: &std::path::Path) -> Result<i64, CliError> {
    let failed = |source| CliError::Write { path: out.to_owned(), source };
    let last = store.audit(None, Action::ExportedAudit, None, &json!({ "by": "command line" })).await?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut after = 0;
    while after < last.seq {
        let lines = store.audit_after(after, BATCH.min(last.seq - after)).await?;
        let Some(end) = lines.last() else { break };
        after = end.seq;
        for line in &lines {
            let text = serde_json::to_string(line).map_err(|error| CliError::Internal(error.to_string()))?;
            writeln!(file, "{text}").map_err(failed)?;
        }
    }
    file.persist(out).map_err(|error| failed(error.error))?;
    Ok(after)
}
