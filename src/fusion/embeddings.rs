use std::collections::HashSet;
use std::path::{Path, PathBuf};

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, IntoLazy, IntoSeries, JoinArgs, JoinType, NamedFrom, Series,
    SortMultipleOptions, UniqueKeepStrategy, col, cols, lit,
};

use super::join::key_pairs;
use super::{Error, FusionReport};
use crate::schema::CohortDefinition;
use crate::tables::{read_embedding_map, read_table};
use crate::terms::Modality;

/// The embedding tables of the command line and of the definition, each with the file that it came from.
pub(super) fn read_embeddings(
    cohort: &CohortDefinition,
    data: &Path,
    files: &[PathBuf],
    report: &mut FusionReport,
) -> Result<Vec<(String, DataFrame)>, Error> {
    let mut tables = Vec::new();
    for file in files {
        let (table, _) = read_table(file)?;
        let wrong = |found: String| Error::Embeddings { file: file.display().to_string(), found };
        let needed = ["patient_id", "visit", "study", "modality", "encoder", "weights_sha256", "embedding"];
        if needed.iter().any(|column| table.column(column).is_err()) {
            let names: Vec<&str> = table.get_column_names().iter().map(|name| name.as_str()).collect();
            return Err(wrong(names.join(", ")));
        }
        if !matches!(table.column("embedding")?.dtype(), DataType::Array(..)) {
            return Err(wrong(format!("embedding of type {}", table.column("embedding")?.dtype())));
        }
        let quality = table.column("quality").is_ok_and(|column| column.dtype() == &DataType::String);
        let kept = needed.into_iter().chain(quality.then_some("quality"));
        tables.push((file.display().to_string(), table.select(kept)?));
    }
    for map in &cohort.embeddings {
        match read_embedding_map(map, &cohort.namespace, data)? {
            Some(table) => tables.push((map.path.clone(), table)),
            None => report.absent_files.push(map.path.clone()),
        }
    }
    Ok(tables)
}

/// Adds `has_<modality>`, `<modality>_quality` where an embedding table has quality findings (of a study without an
/// embedding too: they say why), and, where an embedding exists, `<modality>_emb`.
pub(super) fn embed_columns(
    frame: DataFrame,
    modality: Modality,
    tables: &[(String, DataFrame)],
    report: &mut FusionReport,
) -> Result<DataFrame, Error> {
    let word = modality.as_str();
    let (has, name) = (format!("has_{word}"), format!("{word}_emb"));
    let frame = quality_column(frame, word, tables)?;
    let mut parts: Vec<DataFrame> = Vec::new();
    for (_, table) in tables {
        let here = col("modality").eq(lit(word)).and(col("embedding").is_not_null());
        let part = table.drop_many(["quality"]).lazy().filter(here).collect()?;
        if part.height() > 0 {
            parts.push(part);
        }
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
            file: tables.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>().join(", "),
            found: format!("{word} embeddings of {} different encoders", encoders.len()),
        });
    }
    if let Some(encoder) = encoders.pop() {
        report.encoders.insert(word.to_owned(), encoder);
    }
    let known: HashSet<(String, String)> = key_pairs(&frame)?.into_iter().collect();
    report.embeddings_without_row += key_pairs(&rows)?.into_iter().filter(|key| !known.contains(key)).count();
    let right = rows.lazy().select([col("patient_id"), col("visit"), col("embedding").alias(name.as_str())]);
    let keys = [col("patient_id"), col("visit")];
    let joined = frame.lazy().join(right, keys.clone(), keys, JoinArgs::new(JoinType::Left)).collect()?;
    let present = joined.column(&name)?.is_not_null();
    report.embedded.insert(word.to_owned(), present.iter().filter(|flag| *flag == Some(true)).count());
    with_flag(joined, &has, Some(present))
}

/// The quality findings of the study whose embedding is joined, else of the first study without one.
fn quality_column(frame: DataFrame, word: &str, tables: &[(String, DataFrame)]) -> Result<DataFrame, Error> {
    let mut all: Option<DataFrame> = None;
    for (_, table) in tables.iter().filter(|(_, table)| table.column("quality").is_ok()) {
        let part = table
            .clone()
            .lazy()
            .filter(col("modality").eq(lit(word)))
            .select([
                col("patient_id"),
                col("visit"),
                col("study"),
                col("embedding").is_null().alias("failed"),
                col("quality"),
            ])
            .collect()?;
        match &mut all {
            Some(all) => {
                all.vstack_mut(&part)?;
            }
            None => all = Some(part),
        }
    }
    let Some(rows) = all.filter(|rows| rows.height() > 0) else { return Ok(frame) };
    let name = format!("{word}_quality");
    let right = rows
        .lazy()
        .sort(["patient_id", "visit", "failed", "study"], SortMultipleOptions::default())
        .unique_stable(Some(cols(["patient_id", "visit"])), UniqueKeepStrategy::First)
        .select([col("patient_id"), col("visit"), col("quality").alias(name.as_str())]);
    let keys = [col("patient_id"), col("visit")];
    Ok(frame.lazy().join(right, keys.clone(), keys, JoinArgs::new(JoinType::Left)).collect()?)
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
