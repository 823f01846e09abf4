use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::DataFrame;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::design::Finish;
use super::{Design, DesignColumn, Encoding, Error, FuseOptions, FusionReport, Impute, Preprocessing, Scale, fuse};
use crate::schema::{CohortDefinition, EmbeddingMap};
use crate::stats::ExactMoments;
use crate::tables::{EmbeddingBatch, EmbeddingReader, MatrixWriter};

/// What `regimen fuse --recipe` reads: columns by group, and what is done to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeSpec {
    /// Feature groups: name to columns of the fused frame.
    pub features: BTreeMap<String, Vec<String>>,
    /// Imputation, scaling and reduction.
    #[serde(default)]
    pub recipe: Preprocessing,
}

/// Where the recipe of a matrix comes from.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// Fitted on the rows that it is applied to.
    Fit(RecipeSpec),
    /// Fitted before, replayed.
    Replay(Design),
}

/// A matrix that was written.
#[derive(Debug, Clone)]
pub struct WrittenMatrix {
    /// The recipe, fitted or replayed.
    pub design: Design,
    /// What was joined and dropped.
    pub report: FusionReport,
    /// Cells filled, by source column.
    pub imputed: BTreeMap<String, usize>,
    /// Rows written.
    pub n_rows: usize,
}

/// Rows written at once where nothing is streamed.
const ROWS: usize = 32_768;

/// Fuses a cohort and writes the matrix that a recipe makes of it, never holding the cohort's own embeddings in memory.
///
/// Rows stand in the order of the embedding table, those without an embedding after them in the order of the first
/// file; without an embedding table, in the order of the first file. `metadata` is asked for the file's metadata once
/// the counts are known.
///
/// # Errors
/// As [`fuse`] and [`Design::fit_with`]; [`Error::Schema`] when a replayed recipe was fitted on other columns;
/// [`Error::Repeated`] for a patient with two embeddings.
pub fn write_matrix(
    cohort: &CohortDefinition,
    data: &Path,
    options: &FuseOptions,
    recipe: &Recipe,
    out: &Path,
    metadata: impl FnOnce(&WrittenMatrix) -> Vec<(String, String)>,
) -> Result<WrittenMatrix, Error> {
    let streamed = streamed(cohort, options, recipe);
    let mut tables_only = cohort.clone();
    if streamed.is_some() {
        tables_only.embeddings.clear();
    }
    let fused = fuse(&tables_only, data, options)?;
    let mut stream = match streamed {
        Some(map) if data.join(&map.path).exists() || map.required => {
            Some(Stream::new(map, &cohort.namespace, data, &fused.frame)?)
        }
        _ => None,
    };
    let mut report = fused.report;
    let (design, missing_embeddings) = match (recipe, &mut stream) {
        (Recipe::Replay(design), stream) => {
            let width = stream.as_ref().map(|stream| (stream.column.clone(), stream.width));
            refuse_differences(design, &fused.frame, width)?;
            (design.clone(), None)
        }
        (Recipe::Fit(spec), None) => (Design::fit_with(&fused.frame, &groups(spec, None), &spec.recipe)?, None),
        (Recipe::Fit(spec), Some(stream)) => {
            let mut design = Design::default();
            let mut missing = 0;
            for (group, sources) in &spec.features {
                for source in sources {
                    if *source == stream.column {
                        missing = stream.fit(&mut design, group, &spec.recipe)?;
                    } else {
                        let one = vec![(group.clone(), vec![source.clone()])];
                        let fitted = Design::fit_with(&fused.frame, &one, &spec.recipe)?;
                        design.columns.extend(fitted.columns);
                        design.reductions.extend(fitted.reductions);
                    }
                }
            }
            (design, Some(missing))
        }
    };
    let names: Vec<String> = design.columns.iter().map(|column| column.name.clone()).collect();
    let mut writer = MatrixWriter::create(out, &names)?;
    let table = design.without(stream.as_ref().map(|stream| stream.column.as_str())).apply_columns(&fused.frame)?;
    let mut imputed = design.imputed(&fused.frame);
    match &mut stream {
        Some(stream) => {
            let written = stream.write(&design, &table, &fused.frame, &mut writer)?;
            report.embeddings_without_row = written.strangers;
            report.embedded.insert(stream.map.modality.as_str().to_owned(), written.found);
            report.known.insert(format!("has_{}", stream.map.modality), written.found);
            report.encoders.insert(stream.map.modality.as_str().to_owned(), stream.map.encoder.clone());
            let n = missing_embeddings.unwrap_or(fused.frame.height() - written.found);
            imputed.remove(&stream.column);
            if n > 0 && design.columns.iter().any(|column| column.source == stream.column && column.fill.is_some()) {
                imputed.insert(stream.column.clone(), n);
            }
        }
        None => {
            let rows: Vec<usize> = (0..fused.frame.height()).collect();
            write_rows(&rows, &table, &fused.frame, &mut writer)?;
        }
    }
    let written = WrittenMatrix { n_rows: fused.frame.height(), design, report, imputed };
    writer.finish(&metadata(&written))?;
    Ok(written)
}

/// The embedding table that is streamed: the only one, when no other embeddings are given and it is not reduced.
fn streamed<'a>(cohort: &'a CohortDefinition, options: &FuseOptions, recipe: &Recipe) -> Option<&'a EmbeddingMap> {
    let [map] = cohort.embeddings.as_slice() else { return None };
    let column = format!("{}_emb", map.modality);
    let (used, reduced) = match recipe {
        Recipe::Fit(spec) => {
            (spec.features.values().flatten().any(|name| *name == column), spec.recipe.reduce.contains_key(&column))
        }
        Recipe::Replay(design) => {
            (design.columns.iter().any(|known| known.source == column), design.reductions.contains_key(&column))
        }
    };
    (options.embeddings.is_empty() && used && !reduced).then_some(map)
}

fn groups(spec: &RecipeSpec, without: Option<&str>) -> Vec<(String, Vec<String>)> {
    let kept = |sources: &Vec<String>| sources.iter().filter(|name| Some(name.as_str()) != without).cloned().collect();
    spec.features.iter().map(|(group, sources)| (group.clone(), kept(sources))).collect()
}

/// Refuses rows that differ from what the recipe was fitted on, absent columns included.
fn refuse_differences(design: &Design, frame: &DataFrame, stream: Option<(String, usize)>) -> Result<(), Error> {
    let mut wrong = design.differences(frame);
    if let Some((column, width)) = stream {
        let found = format!("an embedding of {width} components");
        wrong.retain(|difference| difference.column != column || difference.expected != found);
        wrong
            .iter_mut()
            .filter(|difference| difference.column == column)
            .for_each(|difference| difference.found.clone_from(&found));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Schema(wrong)) }
}

/// Writes rows of the table's matrix; embeddings are not among its columns, or were joined before.
fn write_rows(rows: &[usize], table: &[Vec<f32>], frame: &DataFrame, writer: &mut MatrixWriter) -> Result<(), Error> {
    let (patients, visits) = (frame.column("patient_id")?.str()?, frame.column("visit")?.str()?);
    for rows in rows.chunks(ROWS) {
        let columns = table.par_iter().map(|column| gather(column, rows)).collect();
        let text = |keys: &'_ polars::prelude::StringChunked| -> Vec<String> {
            rows.iter().map(|&row| keys.get(row).unwrap_or("").to_owned()).collect()
        };
        let (patients, visits) = (text(patients), text(visits));
        let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
        let visits: Vec<&str> = visits.iter().map(String::as_str).collect();
        writer.write(&patients, &visits, columns)?;
    }
    Ok(())
}

fn gather(column: &[f32], rows: &[usize]) -> Vec<f32> {
    rows.iter().map(|&row| column.get(row).copied().unwrap_or(f32::NAN)).collect()
}

/// One embedding table beside the fused rows.
struct Stream<'a> {
    map: &'a EmbeddingMap,
    namespace: &'a str,
    data: &'a Path,
    /// Column of the fused frame that it stands for.
    column: String,
    width: usize,
    /// Row of the fused frame by patient, at the baseline visit.
    rows: HashMap<String, usize>,
    n_rows: usize,
}

struct Written {
    found: usize,
    strangers: usize,
}

impl<'a> Stream<'a> {
    fn new(map: &'a EmbeddingMap, namespace: &'a str, data: &'a Path, frame: &DataFrame) -> Result<Self, Error> {
        let patients = frame.column("patient_id")?.str()?.iter();
        let visits = frame.column("visit")?.str()?.iter();
        let rows = patients
            .zip(visits)
            .enumerate()
            .filter(|(_, (_, visit))| *visit == Some("baseline"))
            .filter_map(|(row, (patient, _))| Some((patient?.to_owned(), row)))
            .collect();
        let mut stream = Self {
            map,
            namespace,
            data,
            column: format!("{}_emb", map.modality),
            width: 0,
            rows,
            n_rows: frame.height(),
        };
        let mut reader = stream.open()?;
        if reader.width() == 0 {
            reader.next_batch()?;
        }
        stream.width = reader.width();
        Ok(stream)
    }

    fn open(&self) -> Result<EmbeddingReader, Error> {
        EmbeddingReader::open(self.map, self.namespace, self.data)?
            .ok_or_else(|| Error::Embeddings { file: self.map.path.clone(), found: "no file".to_owned() })
    }

    /// Row of the fused frame of every row of a batch.
    fn matches(&self, batch: &EmbeddingBatch, seen: &mut [bool]) -> Result<Vec<Option<usize>>, Error> {
        let mut repeated = 0;
        let found = batch
            .patients
            .iter()
            .map(|patient| {
                let row = *self.rows.get(patient)?;
                match seen.get_mut(row) {
                    Some(flag) if !*flag => *flag = true,
                    _ => repeated += 1,
                }
                Some(row)
            })
            .collect();
        if repeated > 0 { Err(Error::Repeated { file: self.map.path.clone(), n: repeated }) } else { Ok(found) }
    }

    /// Fits the embedding's columns on the rows that join; returns the number of rows without an embedding.
    fn fit(&mut self, design: &mut Design, group: &str, preprocessing: &Preprocessing) -> Result<usize, Error> {
        let mut moments = vec![ExactMoments::default(); self.width];
        let mut seen = vec![false; self.n_rows];
        let mut reader = self.open()?;
        while let Some(batch) = reader.next_batch()? {
            let rows = self.matches(&batch, &mut seen)?;
            let all = rows.iter().all(Option::is_some);
            moments.par_iter_mut().enumerate().for_each_init(Vec::new, |buffer, (at, moments)| {
                match batch.component_slice(at).filter(|_| all) {
                    Some(values) => moments.push(values),
                    None => {
                        batch.component(at, buffer);
                        buffer
                            .iter_mut()
                            .zip(&rows)
                            .filter(|(_, row)| row.is_none())
                            .for_each(|(value, _)| *value = f32::NAN);
                        moments.push(buffer);
                    }
                }
            });
        }
        let n_missing = self.n_rows - moments.first().map_or(0, |first| first.n() as usize);
        for (at, mut moments) in moments.into_iter().enumerate() {
            let too_large = moments.n_too_large();
            if too_large > 0 {
                let found = format!("{too_large} components above 2^20 or infinite");
                return Err(Error::Embeddings { file: self.map.path.clone(), found });
            }
            let mut column = DesignColumn {
                name: format!("{}[{at}]", self.column),
                source: self.column.clone(),
                group: group.to_owned(),
                encoding: Encoding::Component(at),
                fill: None,
                scale: None,
            };
            if preprocessing.impute == Impute::Median {
                let mean = moments.mean() as f32;
                let fill = if mean.is_nan() { 0.0 } else { mean };
                let missing = self.n_rows as u64 - moments.n();
                moments.push_repeated(fill, missing);
                column.fill = Some(fill);
            }
            let (mean, sd) = (moments.mean(), moments.population_sd());
            if preprocessing.scale == Scale::Standard && mean.is_finite() && sd > 0.0 {
                column.scale = Some((mean, sd));
            }
            design.columns.push(column);
        }
        if preprocessing.impute == Impute::Median && n_missing > 0 {
            design.columns.push(DesignColumn {
                name: format!("{}?", self.column),
                source: self.column.clone(),
                group: group.to_owned(),
                encoding: Encoding::Missing,
                fill: None,
                scale: None,
            });
        }
        Ok(n_missing)
    }

    /// Writes every row: the embedding table's in its order, then those without an embedding.
    fn write(
        &mut self,
        design: &Design,
        table: &[Vec<f32>],
        frame: &DataFrame,
        writer: &mut MatrixWriter,
    ) -> Result<Written, Error> {
        let mut seen = vec![false; self.n_rows];
        let mut strangers = 0;
        let mut reader = self.open()?;
        // The table's matrix holds the other columns in the design's order.
        let mut others = table.iter();
        let plan: Vec<Option<&Vec<f32>>> = design
            .columns
            .iter()
            .map(|column| if column.source == self.column { None } else { others.next() })
            .collect();
        while let Some(batch) = reader.next_batch()? {
            let found = self.matches(&batch, &mut seen)?;
            let here: Vec<usize> = (0..found.len()).filter(|&at| found.get(at).is_some_and(Option::is_some)).collect();
            let rows: Vec<usize> = found.iter().flatten().copied().collect();
            strangers += found.len() - rows.len();
            let all = here.len() == found.len();
            let columns = design
                .columns
                .par_iter()
                .zip(&plan)
                .map(|(column, other)| match (other, &column.encoding) {
                    (Some(values), _) => gather(values, &rows),
                    (None, Encoding::Component(at)) => {
                        let finish = Finish::of(column);
                        match batch.component_slice(*at).filter(|_| all) {
                            Some(values) => values.iter().map(|value| finish.value(*value)).collect(),
                            None => {
                                let mut values = Vec::new();
                                batch.component(*at, &mut values);
                                gather(&values, &here).into_iter().map(|value| finish.value(value)).collect()
                            }
                        }
                    }
                    (None, _) => {
                        let mut first = Vec::new();
                        batch.component(0, &mut first);
                        gather(&first, &here).into_iter().map(|value| if value.is_nan() { 1.0 } else { 0.0 }).collect()
                    }
                })
                .collect();
            let patients: Vec<&str> =
                here.iter().filter_map(|&at| batch.patients.get(at)).map(String::as_str).collect();
            let visits = vec!["baseline"; patients.len()];
            writer.write(&patients, &visits, columns)?;
        }
        let rest: Vec<usize> = (0..self.n_rows).filter(|&row| seen.get(row) == Some(&false)).collect();
        let columns: Vec<Vec<f32>> = design
            .columns
            .iter()
            .zip(&plan)
            .map(|(column, other)| match (other, &column.encoding) {
                (Some(values), _) => gather(values, &rest),
                (None, Encoding::Missing) => vec![1.0; rest.len()],
                (None, _) => vec![Finish::of(column).value(f32::NAN); rest.len()],
            })
            .collect();
        if !rest.is_empty() {
            let text = |name: &str| -> Result<Vec<String>, Error> {
                let keys = frame.column(name)?.str()?;
                Ok(rest.iter().map(|&row| keys.get(row).unwrap_or("").to_owned()).collect())
            };
            let (patients, visits) = (text("patient_id")?, text("visit")?);
            let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
            let visits: Vec<&str> = visits.iter().map(String::as_str).collect();
            writer.write(&patients, &visits, columns)?;
        }
        Ok(Written { found: self.n_rows - rest.len(), strangers })
    }
}
