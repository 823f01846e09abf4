use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, IntoLazy, IntoSeries, JoinArgs, JoinType, NamedFrom, Series,
    SortMultipleOptions, UniqueKeepStrategy, coalesce, col, cols, lit,
};
use serde::Serialize;

use super::Error;
use crate::schema::{CohortDefinition, Dictionary, Violation};
use crate::tables::{self, MappedTable, read_mapped, read_table};
use crate::terms::Modality;

/// What fusion does beyond the cohort definition.
#[derive(Debug, Clone, Default)]
pub struct FuseOptions {
    /// Embedding files of `regimen embed`.
    pub embeddings: Vec<PathBuf>,
    /// True: rows that break a rule are left out and listed; false: they refuse the whole cohort.
    pub skip_invalid: bool,
}

/// Two files that disagree on a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Canonical column.
    pub column: String,
    /// File whose value is used.
    pub used: String,
    /// File whose value is set aside.
    pub set_aside: String,
    /// Lines of the used file where they differ.
    pub rows: Vec<usize>,
}

/// What happened on the way to the fused frame. Holds counts and row numbers, no identifiers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FusionReport {
    /// Rows of the fused frame.
    pub n_rows: usize,
    /// Optional files that were absent: their columns are null.
    pub absent_files: Vec<String>,
    /// Rows left out, with their reasons.
    pub violations: Vec<Violation>,
    /// Disagreements between files.
    pub conflicts: Vec<Conflict>,
    /// Per further file: rows that match no row of the first file.
    pub unmatched_rows: BTreeMap<String, usize>,
    /// Per modality: rows with an embedding.
    pub embedded: BTreeMap<String, usize>,
    /// Per modality: studies left out because the patient has more than one at the visit.
    pub further_studies: BTreeMap<String, usize>,
    /// Per file: columns that the definition does not map.
    pub ignored_columns: BTreeMap<String, Vec<String>>,
    /// Embeddings whose patient is in no table.
    pub embeddings_without_row: usize,
    /// Encoders by modality, as `name@version sha256`.
    pub encoders: BTreeMap<String, String>,
}

/// The fused frame and its report.
#[derive(Debug, Clone)]
pub struct Fused {
    /// `patient_id`, `visit`, the dictionary's columns that the cohort maps, `has_…`, `…_emb`.
    pub frame: DataFrame,
    /// What happened.
    pub report: FusionReport,
}

/// Reads, checks and joins a cohort: one row per patient and visit of its first file.
///
/// # Errors
/// [`Error::Table`] with all violations of all files when a row breaks a rule and `skip_invalid` is false, or when
/// a required file is absent or misshapen; [`Error::Embeddings`] for a file that is not an embeddings table.
pub fn fuse(cohort: &CohortDefinition, data: &Path, options: &FuseOptions) -> Result<Fused, Error> {
    let mut report = FusionReport::default();
    let mut tables = Vec::new();
    let mut broken = Vec::new();
    for file in &cohort.files {
        match read_mapped(file, &cohort.namespace, data) {
            Ok(Some(table)) => tables.push(table),
            Ok(None) => report.absent_files.push(file.path.clone()),
            Err(tables::Error::Violations(found)) => broken.extend(found),
            Err(error) => return Err(error.into()),
        }
    }
    report.violations = tables.iter().flat_map(|table| table.violations.iter().cloned()).collect();
    if !broken.is_empty() || (!report.violations.is_empty() && !options.skip_invalid) {
        broken.extend(report.violations);
        return Err(tables::Error::Violations(broken).into());
    }
    report.ignored_columns =
        tables.iter().filter(|t| !t.unmapped.is_empty()).map(|t| (t.path.clone(), t.unmapped.clone())).collect();
    let mut tables = tables.into_iter();
    let first = tables.next().ok_or_else(|| Error::NoFiles { cohort: cohort.name.clone() })?;
    let mut origin: BTreeMap<String, String> = BTreeMap::new();
    let mut frame = keyed(&first, &mut origin)?;
    for table in tables {
        frame = attach(frame, &first.path, &table, &mut origin, &mut report)?;
    }
    frame = frame.drop("__line")?;
    for modality in Modality::ALL {
        frame = embed_columns(frame, modality, &options.embeddings, &mut report)?;
    }
    frame = ordered(frame)?;
    report.n_rows = frame.height();
    Ok(Fused { frame, report })
}

fn keyed(table: &MappedTable, origin: &mut BTreeMap<String, String>) -> Result<DataFrame, Error> {
    let mut frame = table.frame.clone();
    for name in frame.get_column_names() {
        origin.insert(name.to_string(), table.path.clone());
    }
    let lines: Vec<u64> = table.lines.iter().map(|&line| line as u64).collect();
    frame.with_column(Series::new("__line".into(), lines).into())?;
    Ok(frame)
}

/// Left-joins a further file; on columns that both hold, the earlier file wins and differences are listed.
fn attach(
    frame: DataFrame,
    first: &str,
    table: &MappedTable,
    origin: &mut BTreeMap<String, String>,
    report: &mut FusionReport,
) -> Result<DataFrame, Error> {
    let keys = [col("patient_id"), col("visit")];
    let names: Vec<String> = table.frame.get_column_names().iter().map(|name| name.to_string()).skip(2).collect();
    let renamed: Vec<String> = names.iter().map(|name| format!("__new_{name}")).collect();
    let mut right = table.frame.clone();
    let all: Vec<&str> = ["patient_id", "visit"].into_iter().chain(renamed.iter().map(String::as_str)).collect();
    right.set_column_names(&all)?;
    let known: std::collections::HashSet<(String, String)> = key_pairs(&frame)?.into_iter().collect();
    let strangers = key_pairs(&table.frame)?.into_iter().filter(|key| !known.contains(key)).count();
    report.unmatched_rows.insert(table.path.clone(), strangers);
    let mut joined = frame.lazy().join(right.lazy(), keys.clone(), keys, JoinArgs::new(JoinType::Left)).collect()?;
    for (name, new) in names.iter().zip(&renamed) {
        if let Some(used) = origin.get(name).cloned() {
            let differing = joined
                .clone()
                .lazy()
                .filter(col(name.as_str()).neq(col(new.as_str())))
                .select([col("__line")])
                .collect()?;
            let rows: Vec<usize> =
                differing.column("__line")?.u64()?.iter().flatten().map(|line| line as usize).collect();
            if !rows.is_empty() {
                let used = if used == first { used } else { format!("{used} (rows of {first})") };
                report.conflicts.push(Conflict { column: name.clone(), used, set_aside: table.path.clone(), rows });
            }
            joined = joined
                .lazy()
                .with_column(coalesce(&[col(name.as_str()), col(new.as_str())]).alias(name.as_str()))
                .collect()?
                .drop(new)?;
        } else {
            joined.rename(new, name.as_str().into())?;
            origin.insert(name.clone(), table.path.clone());
        }
    }
    Ok(joined)
}

fn key_pairs(frame: &DataFrame) -> Result<Vec<(String, String)>, Error> {
    let text = |name: &str| -> Result<Vec<String>, Error> {
        Ok(frame.column(name)?.str()?.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
    };
    Ok(text("patient_id")?.into_iter().zip(text("visit")?).collect())
}

/// Adds `has_<modality>` and, where an embedding exists, `<modality>_emb`.
fn embed_columns(
    frame: DataFrame,
    modality: Modality,
    files: &[PathBuf],
    report: &mut FusionReport,
) -> Result<DataFrame, Error> {
    let word = modality.as_str();
    let (has, name) = (format!("has_{word}"), format!("{word}_emb"));
    let mut parts: Vec<DataFrame> = Vec::new();
    for file in files {
        let (table, _) = read_table(file)?;
        let wrong = |found: String| Error::Embeddings { file: file.display().to_string(), found };
        let needed = ["patient_id", "visit", "study", "modality", "encoder", "weights_sha256", "embedding"];
        if needed.iter().any(|column| table.column(column).is_err()) {
            return Err(wrong(
                table.get_column_names().iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            ));
        }
        if !matches!(table.column("embedding")?.dtype(), DataType::Array(..)) {
            return Err(wrong(format!("embedding of type {}", table.column("embedding")?.dtype())));
        }
        parts.push(table.lazy().filter(col("modality").eq(lit(word)).and(col("embedding").is_not_null())).collect()?);
    }
    let mut rows = match parts.split_first() {
        None => return with_flag(frame, &has, None),
        Some((head, tail)) => {
            let mut all = head.clone();
            for part in tail {
                all.vstack_mut(part)?;
            }
            all
        }
    };
    let n_studies = rows.height();
    rows = rows
        .lazy()
        .sort(["patient_id", "visit", "study"], SortMultipleOptions::default())
        .unique_stable(Some(cols(["patient_id", "visit"])), UniqueKeepStrategy::First)
        .collect()?;
    report.further_studies.insert(word.to_owned(), n_studies - rows.height());
    let mut encoders: Vec<String> = rows
        .column("encoder")?
        .str()?
        .iter()
        .zip(rows.column("weights_sha256")?.str()?.iter())
        .map(|(name, hash)| format!("{} {}", name.unwrap_or("?"), hash.unwrap_or("?")))
        .collect();
    encoders.sort();
    encoders.dedup();
    if encoders.len() > 1 {
        return Err(Error::Embeddings {
            file: files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            found: format!("{word} embeddings of {} different encoders", encoders.len()),
        });
    }
    if let Some(encoder) = encoders.pop() {
        report.encoders.insert(word.to_owned(), encoder);
    }
    let known: std::collections::HashSet<(String, String)> = key_pairs(&frame)?.into_iter().collect();
    report.embeddings_without_row += key_pairs(&rows)?.into_iter().filter(|key| !known.contains(key)).count();
    let right = rows.lazy().select([col("patient_id"), col("visit"), col("embedding").alias(name.as_str())]);
    let keys = [col("patient_id"), col("visit")];
    let joined = frame.lazy().join(right, keys.clone(), keys, JoinArgs::new(JoinType::Left)).collect()?;
    let present = joined.column(&name)?.is_not_null();
    report.embedded.insert(word.to_owned(), present.iter().filter(|flag| *flag == Some(true)).count());
    with_flag(joined, &has, Some(present))
}

fn with_flag(mut frame: DataFrame, name: &str, flag: Option<BooleanChunked>) -> Result<DataFrame, Error> {
    let mut series = match flag {
        Some(flag) => flag.into_series(),
        None => Series::new(name.into(), vec![false; frame.height()]),
    };
    series.rename(name.into());
    frame.with_column(Column::from(series))?;
    Ok(frame)
}

/// Key columns, then the dictionary's order, then masks and embeddings.
fn ordered(frame: DataFrame) -> Result<DataFrame, Error> {
    let genomic: Vec<String> = Dictionary::compiled()
        .columns()
        .filter(|(table, column)| table.name == "expression_score" && frame.column(&column.name).is_ok())
        .map(|(_, column)| column.name.clone())
        .collect();
    let mut present = vec![false; frame.height()];
    for name in &genomic {
        for (flag, known) in present.iter_mut().zip(frame.column(name)?.is_not_null().iter()) {
            *flag |= known == Some(true);
        }
    }
    let mut frame = frame;
    frame.with_column(Series::new("has_genomics".into(), present).into())?;
    let known: Vec<&str> = Dictionary::compiled().columns().map(|(_, column)| column.name.as_str()).collect();
    let masks = ["has_genomics", "has_mammography", "has_ultrasound", "has_mri"];
    let embeddings = ["mammography_emb", "ultrasound_emb", "mri_emb"];
    let order: Vec<&str> = ["patient_id", "visit"]
        .into_iter()
        .chain(known)
        .chain(masks)
        .chain(embeddings)
        .filter(|name| frame.column(name).is_ok())
        .collect();
    Ok(frame.select(order)?)
}
