use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, IntoLazy, JoinArgs, JoinType, NamedFrom, Series, coalesce, col};

use super::embeddings::{embed_columns, read_embeddings};
use super::genomic::genomic_tables;
use super::window::within;
use super::{Conflict, Error, FileCounts, FusionReport};
use crate::genomics::SignatureScaling;
use crate::schema::{CohortDefinition, Dictionary};
use crate::tables::{self, MappedTable, read_mapped};
use crate::terms::Modality;

/// Tables of the dictionary whose columns `has_genomics` sums up.
const GENOMIC_TABLES: [&str; 3] = ["expression_score", "genomic_signature", "variant"];

/// What fusion does beyond the cohort definition.
#[derive(Debug, Clone, Default)]
pub struct FuseOptions {
    /// Embedding files of `regimen embed`.
    pub embeddings: Vec<PathBuf>,
    /// Per-gene scalings that signatures need, fitted on training samples; without it such scores are refused.
    pub signature_scaling: Option<SignatureScaling>,
    /// True: rows that break a rule are left out and listed; false: they refuse the whole cohort.
    pub skip_invalid: bool,
}

/// The fused frame and its report.
#[derive(Debug, Clone)]
pub struct Fused {
    /// `patient_id`, `visit`, the dictionary's columns that the cohort maps, `has_…`, `…_emb`.
    pub frame: DataFrame,
    /// What happened.
    pub report: FusionReport,
    /// How old each row's values are, for the files that declare when they were measured.
    pub ages: Ages,
}

/// Days from the measurement to the treatment decision, by path of the file, then by patient id and visit; only files that
/// declare a day of measurement are here.
pub type Ages = BTreeMap<String, HashMap<(String, String), f64>>;

/// Reads, checks and joins a cohort: one row per patient and visit of its first file.
///
/// # Errors
/// [`Error::Table`] with all violations of all files when a row breaks a rule and `skip_invalid` is false, or when
/// a required file is absent or misshapen; [`Error::Embeddings`] for a file that is not an embeddings table;
/// [`Error::Genomics`] for a malformed matrix or variant file.
pub fn fuse(cohort: &CohortDefinition, data: &Path, options: &FuseOptions) -> Result<Fused, Error> {
    let mut report = FusionReport::default();
    let (tables, ages) = read_files(cohort, data, options, &mut report)?;
    let mut tables = tables.into_iter();
    let first = tables.next().ok_or_else(|| Error::NoFiles { cohort: cohort.name.clone() })?;
    let mut origin: BTreeMap<String, String> = BTreeMap::new();
    let mut frame = keyed(&first, &mut origin)?;
    report.files.push(counts(&first, first.frame.height(), 0));
    for table in tables {
        frame = attach(frame, &first.path, &table, &mut origin, &mut report)?;
    }
    for table in genomic_tables(cohort, data, options, &mut report)? {
        let has = format!("has_{}", table.id);
        frame = attach(frame, &first.path, &table, &mut origin, &mut report)?;
        frame = flag_rows(frame, &table, &has)?;
    }
    frame = frame.drop("__line")?;
    let embeddings = read_embeddings(cohort, data, &options.embeddings, &mut report)?;
    for modality in Modality::ALL {
        frame = embed_columns(frame, modality, &embeddings, &mut report)?;
    }
    frame = ordered(frame, &mut report)?;
    frame.rechunk_mut_par();
    report.n_rows = frame.height();
    Ok(Fused { frame, report, ages })
}

/// Reads and checks every file of the cohort, and applies the time windows.
fn read_files(
    cohort: &CohortDefinition,
    data: &Path,
    options: &FuseOptions,
    report: &mut FusionReport,
) -> Result<(Vec<MappedTable>, Ages), Error> {
    let mut tables = Vec::new();
    let mut ages = Ages::new();
    let mut broken = Vec::new();
    for file in &cohort.files {
        match read_mapped(file, &cohort.namespace, data, cohort.decision_key(file)) {
            Ok(Some(table)) => tables.push(table),
            Ok(None) => report.absent_files.push(file.path.clone()),
            Err(tables::Error::Violations(found)) => broken.extend(found),
            Err(error) => return Err(error.into()),
        }
    }
    report.violations = tables.iter().flat_map(|table| table.violations.iter().cloned()).collect();
    if !broken.is_empty() || (!report.violations.is_empty() && !options.skip_invalid) {
        broken.extend(std::mem::take(&mut report.violations));
        return Err(tables::Error::Violations(broken).into());
    }
    let decided = decision_days(cohort, &tables)?;
    for (table, file) in tables.iter_mut().filter_map(|table| {
        let file = cohort.files.iter().find(|file| file.id == table.id)?;
        Some((table, file))
    }) {
        if let Some(measured) = &file.measured {
            report.windows.insert(table.id.clone(), within(table, measured, decided.as_ref())?);
            ages.insert(table.path.clone(), ages_of(table, decided.as_ref())?);
        }
        if !table.unmapped.is_empty() {
            report.ignored_columns.insert(table.path.clone(), table.unmapped.clone());
        }
        if !table.left_out.is_empty() {
            report.left_out.insert(table.path.clone(), table.left_out.clone());
        }
        if !table.unreadable.is_empty() {
            report.unreadable.insert(table.path.clone(), table.unreadable.clone());
        }
    }
    Ok((tables, ages))
}

/// Days from the measurement of each kept row to the decision.
fn ages_of(
    table: &MappedTable,
    decided: Option<&HashMap<String, f64>>,
) -> Result<HashMap<(String, String), f64>, Error> {
    let age = |(key, day): ((String, String), &Option<f64>)| {
        let decision = decided.map_or(Some(0.0), |known| known.get(&key.0).copied())?;
        Some((key, decision - (*day)?))
    };
    Ok(key_pairs(&table.frame)?.into_iter().zip(&table.measured).filter_map(age).collect())
}

/// Day of the decision by patient; `None` when the cohort declares no decision.
fn decision_days(cohort: &CohortDefinition, tables: &[MappedTable]) -> Result<Option<HashMap<String, f64>>, Error> {
    let Some(decision) = &cohort.decision else { return Ok(None) };
    let mut days = HashMap::new();
    if let Some(table) = tables.iter().find(|table| table.id == decision.file) {
        let patients = table.frame.column("patient_id")?.str()?;
        for (patient, day) in patients.iter().zip(&table.decided) {
            if let (Some(patient), Some(day)) = (patient, day) {
                days.insert(patient.to_owned(), *day);
            }
        }
    }
    Ok(Some(days))
}

fn counts(table: &MappedTable, joined: usize, unmatched: usize) -> FileCounts {
    let accepted = table.frame.height();
    FileCounts { path: table.path.clone(), records: table.n_records, accepted, joined, unmatched }
}

/// True for the rows whose patient and visit are in `table`.
fn flag_rows(mut frame: DataFrame, table: &MappedTable, name: &str) -> Result<DataFrame, Error> {
    let known: HashSet<(String, String)> = key_pairs(&table.frame)?.into_iter().collect();
    let flags: Vec<bool> = key_pairs(&frame)?.iter().map(|key| known.contains(key)).collect();
    frame.with_column(Series::new(name.into(), flags).into())?;
    Ok(frame)
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
    let known: HashSet<(String, String)> = key_pairs(&frame)?.into_iter().collect();
    let strangers = key_pairs(&table.frame)?.into_iter().filter(|key| !known.contains(key)).count();
    report.files.push(counts(table, table.frame.height() - strangers, strangers));
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

pub(super) fn key_pairs(frame: &DataFrame) -> Result<Vec<(String, String)>, Error> {
    let text = |name: &str| -> Result<Vec<String>, Error> {
        Ok(frame.column(name)?.str()?.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
    };
    Ok(text("patient_id")?.into_iter().zip(text("visit")?).collect())
}

/// Key columns, then the dictionary's order, then masks and embeddings; counts what is known.
fn ordered(mut frame: DataFrame, report: &mut FusionReport) -> Result<DataFrame, Error> {
    let mut genomic = vec![false; frame.height()];
    for table in Dictionary::compiled().tables() {
        let columns: Vec<_> = table.columns.iter().filter_map(|column| frame.column(&column.name).ok()).collect();
        let complete = columns.iter().any(|column| column.null_count() == 0);
        let mut present = vec![complete; frame.height()];
        for column in columns {
            report.missing.insert(column.name().to_string(), column.null_count());
            if !complete {
                for (flag, known) in present.iter_mut().zip(column.is_not_null().iter()) {
                    *flag |= known == Some(true);
                }
            }
        }
        if GENOMIC_TABLES.contains(&table.name.as_str()) {
            genomic.iter_mut().zip(&present).for_each(|(any, here)| *any |= here);
        }
        report.known.insert(table.name.clone(), present.iter().filter(|flag| **flag).count());
    }
    frame.with_column(Series::new("has_genomics".into(), genomic).into())?;
    let masks = ["has_genomics", "has_expression", "has_variants", "has_mammography", "has_ultrasound", "has_mri"];
    for mask in masks {
        if let Ok(flags) = frame.column(mask).and_then(|column| column.bool()) {
            report.known.insert(mask.to_owned(), flags.iter().filter(|flag| *flag == Some(true)).count());
        }
    }
    let known = Dictionary::compiled().columns().map(|(_, column)| column.name.as_str());
    let embeddings =
        ["mammography_emb", "ultrasound_emb", "mri_emb", "mammography_quality", "ultrasound_quality", "mri_quality"];
    let order: Vec<&str> = ["patient_id", "visit"]
        .into_iter()
        .chain(known)
        .chain(masks)
        .chain(embeddings)
        .filter(|name| frame.column(name).is_ok())
        .collect();
    Ok(frame.select(order)?)
}
