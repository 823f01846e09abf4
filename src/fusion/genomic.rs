use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;

use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use regex::Regex;

use super::{Error, FuseOptions, FusionReport, ScoreCounts};
use crate::genomics::{
    self, Expression, ExpressionScale, Layout, MatrixFormat, ScoreOptions, ScoreTable, ScoreValues, SignatureLibrary,
    SignatureScaling, Variants, score_all,
};
use crate::schema::{CohortDefinition, Dictionary, ExpressionMap, VariantMap, Violation};
use crate::tables::{self, MappedTable};
use crate::terms::PatientId;

/// Scores and flags of the cohort's expression matrices and variant files, as tables to join.
///
/// # Errors
/// [`Error::Genomics`] for a malformed file, [`Error::Samples`] for names that are no patient's, [`Error::Repeated`] for
/// a patient with two samples, [`Error::Table`] for an absent required file.
pub(super) fn genomic_tables(
    cohort: &CohortDefinition,
    data: &Path,
    options: &FuseOptions,
    report: &mut FusionReport,
) -> Result<Vec<MappedTable>, Error> {
    let mut tables = Vec::new();
    for map in &cohort.expression {
        let Some(file) = open(&data.join(&map.path), map.required, &map.path, report)? else { continue };
        tables.push(expression_table(cohort, data, map, file, options, report)?);
    }
    for map in &cohort.variants {
        let Some(file) = open(&data.join(&map.path), map.required, &map.path, report)? else { continue };
        tables.push(variant_table(cohort, map, file)?);
    }
    Ok(tables)
}

/// Reads every genomic file of a cohort for its own sake: path, and samples or what is wrong; absent optional files
/// are left out.
#[must_use]
pub fn check_genomic_files(cohort: &CohortDefinition, data: &Path) -> Vec<(String, Result<usize, Error>)> {
    let mut report = FusionReport::default();
    let mut checked = Vec::new();
    let mut add = |path: &str, table: Option<Result<MappedTable, Error>>| {
        checked.extend(table.map(|table| (path.to_owned(), table.map(|table| table.n_records))));
    };
    for map in &cohort.expression {
        let file = open(&data.join(&map.path), map.required, &map.path, &mut report).transpose();
        let options = FuseOptions::default();
        add(
            &map.path,
            file.map(|file| file.and_then(|file| expression_table(cohort, data, map, file, &options, &mut report))),
        );
    }
    for map in &cohort.variants {
        let file = open(&data.join(&map.path), map.required, &map.path, &mut report).transpose();
        add(&map.path, file.map(|file| file.and_then(|file| variant_table(cohort, map, file))));
    }
    checked
}

fn expression_table(
    cohort: &CohortDefinition,
    data: &Path,
    map: &ExpressionMap,
    file: File,
    options: &FuseOptions,
    report: &mut FusionReport,
) -> Result<MappedTable, Error> {
    let expression = Expression::read(file, &map.path, format_of(map)?).map_err(listed)?;
    let library = match &map.signatures {
        Some(folder) if data.join(folder).is_dir() => SignatureLibrary::read(&data.join(folder)).map_err(listed)?,
        _ => SignatureLibrary::default(),
    };
    let scaling = options.signature_scaling.as_ref();
    let scores = score_all(&expression, &library, ScoreOptions { scaling, batches: None })?;
    let samples = Samples { cohort, path: &map.path, pattern: &map.pattern, names: expression.samples() };
    samples.table("expression", score_columns(&scores, report))
}

fn variant_table(cohort: &CohortDefinition, map: &VariantMap, file: File) -> Result<MappedTable, Error> {
    let variants = Variants::read(file, &map.path).map_err(listed)?;
    let samples = Samples { cohort, path: &map.path, pattern: &map.pattern, names: variants.samples() };
    samples.table("variants", variant_columns(&variants, map)?)
}

/// A genomic file's violations in the form in which every other file's are listed.
fn listed(error: genomics::Error) -> Error {
    let genomics::Error::Violations(found) = error else { return error.into() };
    let violations = found.into_iter().map(|violation| {
        let text = violation.rule.to_string();
        let (rule, found) = match text.strip_prefix("expected ") {
            Some(rule) => rule.split_once(", found ").unwrap_or((rule, "something else")),
            None => ("a well-formed file", text.as_str()),
        };
        Violation {
            file: violation.label,
            row: violation.row.unwrap_or(0),
            column: violation.column.map(|column| column.to_string()).unwrap_or_default(),
            rule: rule.to_owned(),
            found: found.to_owned(),
        }
    });
    tables::Error::Violations(violations.collect()).into()
}

/// Fits the per-gene scalings that signatures need on every sample of the cohort's matrices.
///
/// Fit it on training samples only, and replay it on all others.
///
/// # Errors
/// What is wrong with the matrix or the signature tables, as in [`check_genomic_files`]; [`Error::Samples`] when the
/// cohort has no matrix or names no signature folder.
pub fn fit_signature_scaling(cohort: &CohortDefinition, data: &Path) -> Result<SignatureScaling, Error> {
    let none = |found: &str| Error::Samples { file: cohort.name.clone(), n: 0, expected: found.to_owned() };
    let map = cohort.expression.first().ok_or_else(|| none("a cohort with an expression matrix"))?;
    let folder = map.signatures.as_ref().ok_or_else(|| none("a matrix with a `signatures` folder"))?;
    let file = open(&data.join(&map.path), true, &map.path, &mut FusionReport::default())?;
    let file = file.ok_or_else(|| none("an expression matrix"))?;
    let expression = Expression::read(file, &map.path, format_of(map)?).map_err(listed)?;
    let library = SignatureLibrary::read(&data.join(folder)).map_err(listed)?;
    let training: Vec<usize> = (0..expression.samples().len()).collect();
    Ok(SignatureScaling::fit(&expression, &library, &training, None)?)
}

fn open(path: &Path, required: bool, label: &str, report: &mut FusionReport) -> Result<Option<File>, Error> {
    if !required && !path.exists() {
        report.absent_files.push(label.to_owned());
        return Ok(None);
    }
    let failed = |source| Error::Table(tables::Error::Read { path: path.into(), source });
    File::open(path).map(Some).map_err(failed)
}

fn format_of(map: &ExpressionMap) -> Result<MatrixFormat, Error> {
    let scale = match map.scale.as_str() {
        "log2" => ExpressionScale::Log2,
        "zscore" => ExpressionScale::ZScore,
        "centred" => ExpressionScale::Centred,
        "linear" => ExpressionScale::Linear,
        other => {
            let expected = format!("the scale log2, zscore, centred or linear, found `{other}`");
            return Err(Error::Samples { file: map.path.clone(), n: 0, expected });
        }
    };
    let layout = if map.samples_in_rows { Layout::SamplesInRows } else { Layout::GenesInRows };
    Ok(MatrixFormat::new(layout, u8::try_from(map.separator).unwrap_or(b','), scale))
}

/// Computed scores that the dictionary knows, as columns; every score is listed in the report.
fn score_columns(scores: &[ScoreTable], report: &mut FusionReport) -> Vec<Column> {
    let mut columns = Vec::new();
    for score in scores {
        let Some(known) = Dictionary::compiled().column(&score.name) else { continue };
        report.scores.push(ScoreCounts {
            column: score.name.clone(),
            genes: (score.n_genes, score.n_found, score.n_needed),
            refused: score.outcome.as_ref().err().map(ToString::to_string),
            source: score.source.clone(),
            caution: score.caution.clone(),
        });
        match &score.outcome {
            Ok(ScoreValues::Number(values)) => {
                let values: Vec<Option<f64>> =
                    values.iter().map(|value| value.filter(|value| known.accepts(*value))).collect();
                columns.push(Series::new(known.name.as_str().into(), values).into());
            }
            Ok(ScoreValues::Text(values)) => {
                columns.push(Series::new(known.name.as_str().into(), values.clone()).into())
            }
            Err(_) => {}
        }
    }
    columns
}

/// Flags of the genes in the dictionary, counts and burden; a gene that was not sequenced has no column.
fn variant_columns(variants: &Variants, map: &VariantMap) -> Result<Vec<Column>, Error> {
    let mut columns: Vec<Column> = Vec::new();
    let genes = Dictionary::compiled().tables().iter().filter(|table| table.name == "variant").flat_map(|t| &t.columns);
    for column in genes {
        let Some(gene) = column.name.strip_prefix("mut_") else { continue };
        if let Ok(flags) = variants.flags(gene) {
            columns.push(Series::new(column.name.as_str().into(), flags).into());
        }
    }
    let hrd = variants.hrd_flags();
    if !hrd.assessed.is_empty() {
        columns.push(Series::new("mut_hrd_genes".into(), hrd.flags).into());
    }
    let counts: Vec<f64> = variants.count().iter().map(|count| *count as f64).collect();
    columns.push(Series::new("n_mutations".into(), counts).into());
    if let Some(megabases) = map.megabases {
        columns.push(Series::new("tmb_per_mb".into(), variants.tmb(megabases)?).into());
    }
    Ok(columns)
}

/// The samples of one file, whose names are to become patients.
struct Samples<'a> {
    cohort: &'a CohortDefinition,
    path: &'a str,
    pattern: &'a Regex,
    names: &'a [String],
}

impl Samples<'_> {
    fn table(&self, id: &str, columns: Vec<Column>) -> Result<MappedTable, Error> {
        let patients: Vec<Option<String>> = self
            .names
            .iter()
            .map(|name| {
                let id = self.pattern.captures(name)?.get(1)?.as_str();
                Some(PatientId::new(&self.cohort.namespace, id).ok()?.expose().to_owned())
            })
            .collect();
        let strangers = patients.iter().filter(|patient| patient.is_none()).count();
        if strangers > 0 {
            let expected = format!("sample names that match {}", self.pattern);
            return Err(Error::Samples { file: self.path.to_owned(), n: strangers, expected });
        }
        let distinct: HashSet<&String> = patients.iter().flatten().collect();
        if distinct.len() < patients.len() {
            return Err(Error::Repeated { file: self.path.to_owned(), n: patients.len() - distinct.len() });
        }
        let n_rows = patients.len();
        let mut all = vec![
            Series::new("patient_id".into(), patients).into(),
            Series::new("visit".into(), vec!["baseline"; n_rows]).into(),
        ];
        all.extend(columns);
        Ok(MappedTable {
            id: id.to_owned(),
            path: self.path.to_owned(),
            frame: DataFrame::new(n_rows, all)?,
            lines: (2..n_rows + 2).collect(),
            measured: Vec::new(),
            decided: Vec::new(),
            n_records: n_rows,
            violations: Vec::new(),
            unreadable: BTreeMap::new(),
            left_out: BTreeMap::new(),
            unmapped: Vec::new(),
        })
    }
}
