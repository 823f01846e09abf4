use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::{DataFrame, DataType, IdxCa};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::design::Finish;
use super::encode::raw;
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
    let present = |map: &&EmbeddingMap| map.required || data.join(&map.path).exists();
    let streamed = streamed(cohort, options, recipe).filter(present);
    let mut tables_only = cohort.clone();
    if streamed.is_some() {
        tables_only.embeddings.clear();
    }
    let fitting = matches!(recipe, Recipe::Fit(_));
    // The embedding table's moments are gathered while the other tables are read, as if every row joined.
    let (fused, everyone) = std::thread::scope(|scope| {
        let namespace = &cohort.namespace;
        let everyone =
            streamed.filter(|_| fitting).map(|map| scope.spawn(move || Everyone::read(map, namespace, data)));
        let fused = fuse(&tables_only, data, options);
        // What is wrong with the embedding table is said when it is read again.
        let everyone = everyone.and_then(|reading| reading.join().ok()).and_then(Result::ok);
        fused.map(|fused| (fused, everyone))
    })?;
    let stream = match streamed {
        Some(map) => Some(Stream::new(map, &cohort.namespace, data, &fused.frame)?),
        None => None,
    };
    let mut report = fused.report;
    let (design, missing_embeddings) = match (recipe, &stream) {
        (Recipe::Replay(design), stream) => {
            let width = stream.as_ref().map(|stream| (stream.column.clone(), stream.width));
            refuse_differences(design, &fused.frame, width)?;
            (design.clone(), None)
        }
        (Recipe::Fit(spec), None) => (Design::fit_with(&fused.frame, &groups(spec, None), &spec.recipe)?, None),
        (Recipe::Fit(spec), Some(stream)) => {
            let tables = groups(spec, Some(&stream.column));
            let mut fitted = Design::fit_with(&fused.frame, &tables, &spec.recipe)?;
            let (of_stream, missing) = stream.fit(&spec.recipe, everyone)?;
            let mut design = Design { columns: Vec::new(), reductions: std::mem::take(&mut fitted.reductions) };
            for (group, source) in spec.features.iter().flat_map(|(group, list)| list.iter().map(move |s| (group, s))) {
                let from = if *source == stream.column { &of_stream } else { &fitted.columns };
                let own = from.iter().filter(|column| column.source == *source).cloned();
                design.columns.extend(own.map(|column| DesignColumn { group: group.clone(), ..column }));
            }
            (design, Some(missing))
        }
    };
    let names: Vec<String> = design.columns.iter().map(|column| column.name.clone()).collect();
    let mut writer = MatrixWriter::create(out, &names)?;
    let mut imputed = design.imputed(&fused.frame);
    match &stream {
        Some(stream) => {
            let written = stream.write(&design, &fused.frame, &mut writer)?;
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
            write_rows(&rows, &design, &fused.frame, &mut writer)?;
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
    if !wrong.is_empty() {
        return Err(Error::Schema(wrong));
    }
    // Levels that nobody knows are told by their row of the whole table, before anything is written.
    for source in design.sources() {
        if frame.column(source).is_ok_and(|column| column.dtype() == &DataType::String) {
            raw(frame, source, &design.levels(source), None)?;
        }
    }
    Ok(())
}

/// Writes the matrix of some rows of the frame; an embedding that is not in the frame is missing.
fn write_rows(rows: &[usize], design: &Design, frame: &DataFrame, writer: &mut MatrixWriter) -> Result<(), Error> {
    for rows in rows.chunks(ROWS) {
        let part = take(frame, rows)?;
        let columns = design.apply_columns(&part)?;
        let keys = |name: &str| -> Result<Vec<String>, Error> {
            Ok(part.column(name)?.str()?.iter().map(|key| key.unwrap_or("").to_owned()).collect())
        };
        let (patients, visits) = (keys("patient_id")?, keys("visit")?);
        let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
        let visits: Vec<&str> = visits.iter().map(String::as_str).collect();
        writer.write(&patients, &visits, columns)?;
    }
    Ok(())
}

fn take(frame: &DataFrame, rows: &[usize]) -> Result<DataFrame, Error> {
    Ok(frame.take(&IdxCa::from_vec("row".into(), rows.iter().map(|&row| row as u32).collect()))?)
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
    rows: HashMap<&'a str, usize>,
    n_rows: usize,
}

/// An embedding table's moments over all of its rows, and whose they are.
struct Everyone {
    moments: Vec<ExactMoments>,
    patients: Vec<String>,
}

impl Everyone {
    fn read(map: &EmbeddingMap, namespace: &str, data: &Path) -> Result<Self, Error> {
        let mut everyone = Self { moments: Vec::new(), patients: Vec::new() };
        let Some(mut reader) = EmbeddingReader::open(map, namespace, data)? else { return Ok(everyone) };
        while let Some(mut batch) = reader.next_batch()? {
            everyone.moments.resize(reader.width(), ExactMoments::default());
            gather_moments(&mut everyone.moments, &batch, None);
            everyone.patients.append(&mut batch.patients);
        }
        Ok(everyone)
    }
}

/// Adds the components of a batch; of the rows that join, where `rows` says which do.
fn gather_moments(moments: &mut [ExactMoments], batch: &EmbeddingBatch, rows: Option<&[Option<usize>]>) {
    let strangers = rows.filter(|rows| rows.iter().any(Option::is_none));
    moments.par_iter_mut().enumerate().for_each_init(Vec::new, |buffer, (at, moments)| {
        match batch.component_slice(at).filter(|_| strangers.is_none()) {
            Some(values) => moments.push(values),
            None => {
                batch.component(at, buffer);
                for (value, _) in buffer.iter_mut().zip(strangers.unwrap_or_default()).filter(|(_, row)| row.is_none())
                {
                    *value = f32::NAN;
                }
                moments.push(buffer);
            }
        }
    });
}

struct Written {
    found: usize,
    strangers: usize,
}

impl<'a> Stream<'a> {
    fn new(map: &'a EmbeddingMap, namespace: &'a str, data: &'a Path, frame: &'a DataFrame) -> Result<Self, Error> {
        let patients = frame.column("patient_id")?.str()?.iter();
        let visits = frame.column("visit")?.str()?.iter();
        let rows = patients
            .zip(visits)
            .enumerate()
            .filter(|(_, (_, visit))| *visit == Some("baseline"))
            .filter_map(|(row, (patient, _))| Some((patient?, row)))
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

    /// Row of the fused frame of every patient.
    fn matches(&self, patients: &[String], seen: &mut [bool]) -> Result<Vec<Option<usize>>, Error> {
        let mut repeated = 0;
        let found = patients
            .iter()
            .map(|patient| {
                let row = *self.rows.get(patient.as_str())?;
                match seen.get_mut(row) {
                    Some(flag) if !*flag => *flag = true,
                    _ => repeated += 1,
                }
                Some(row)
            })
            .collect();
        if repeated > 0 { Err(Error::Repeated { file: self.map.path.clone(), n: repeated }) } else { Ok(found) }
    }

    /// The moments of every component over the rows that join.
    fn moments(&self) -> Result<Vec<ExactMoments>, Error> {
        let mut moments = vec![ExactMoments::default(); self.width];
        let mut seen = vec![false; self.n_rows];
        let mut reader = self.open()?;
        while let Some(batch) = reader.next_batch()? {
            let rows = self.matches(&batch.patients, &mut seen)?;
            gather_moments(&mut moments, &batch, Some(&rows));
        }
        Ok(moments)
    }

    /// The embedding's columns, fitted on the rows that join, and the number of rows without an embedding.
    ///
    /// `everyone` spares a pass over the table when every row of it joins.
    fn fit(
        &self,
        preprocessing: &Preprocessing,
        everyone: Option<Everyone>,
    ) -> Result<(Vec<DesignColumn>, usize), Error> {
        let mut columns = Vec::with_capacity(self.width + 1);
        let moments = match everyone {
            Some(everyone)
                if self.matches(&everyone.patients, &mut vec![false; self.n_rows])?.iter().all(Option::is_some) =>
            {
                everyone.moments
            }
            _ => self.moments()?,
        };
        let n_missing = self.n_rows - moments.first().map_or(0, |first| first.n() as usize);
        for (at, mut moments) in moments.into_iter().enumerate() {
            let too_large = moments.n_too_large();
            if too_large > 0 {
                let found = format!("{too_large} components above 2^14 or infinite");
                return Err(Error::Embeddings { file: self.map.path.clone(), found });
            }
            let mut column = DesignColumn {
                name: format!("{}[{at}]", self.column),
                source: self.column.clone(),
                group: String::new(),
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
            columns.push(column);
        }
        if preprocessing.impute == Impute::Median && n_missing > 0 {
            columns.push(DesignColumn {
                name: format!("{}?", self.column),
                source: self.column.clone(),
                group: String::new(),
                encoding: Encoding::Missing,
                fill: None,
                scale: None,
            });
        }
        Ok((columns, n_missing))
    }

    /// The finished columns of the rows of a batch that join; `tables` is the design without the embedding.
    fn finished(
        &self,
        design: &Design,
        tables: &Design,
        frame: &DataFrame,
        batch: &EmbeddingBatch,
        found: &[Option<usize>],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let rows: Vec<usize> = found.iter().flatten().copied().collect();
        let here: Vec<usize> = (0..found.len()).filter(|&at| found.get(at).is_some_and(Option::is_some)).collect();
        let all = here.len() == found.len();
        let component = |at: usize| {
            let mut values = Vec::new();
            batch.component(at, &mut values);
            if all { values } else { gather(&values, &here) }
        };
        let own = |column: &DesignColumn| match column.encoding {
            Encoding::Component(at) => {
                let finish = Finish::of(column);
                match batch.component_slice(at).filter(|_| all) {
                    Some(values) => values.iter().map(|value| finish.value(*value)).collect(),
                    None => component(at).into_iter().map(|value| finish.value(value)).collect(),
                }
            }
            _ => component(0).into_iter().map(|value| if value.is_nan() { 1.0 } else { 0.0 }).collect(),
        };
        let embedded: Vec<&DesignColumn> =
            design.columns.iter().filter(|column| column.source == self.column).collect();
        let (tables, embedded) =
            rayon::join(|| tables.apply_columns(&take(frame, &rows)?), || embedded.into_par_iter().map(own).collect());
        let (mut tables, mut embedded) = (tables?.into_iter(), Vec::<Vec<f32>>::into_iter(embedded));
        let next = |column: &DesignColumn| if column.source == self.column { embedded.next() } else { tables.next() };
        Ok(design.columns.iter().filter_map(next).collect())
    }

    /// Writes every row: the embedding table's in its order, then those without an embedding.
    fn write(&self, design: &Design, frame: &DataFrame, writer: &mut MatrixWriter) -> Result<Written, Error> {
        let tables = design.without(&self.column);
        let mut seen = vec![false; self.n_rows];
        let mut strangers = 0;
        let mut reader = self.open()?;
        // One thread writes a batch while the others read and finish the next.
        std::thread::scope(|scope| -> Result<(), Error> {
            let (send, receive) = std::sync::mpsc::sync_channel::<(Vec<String>, Vec<Vec<f32>>)>(1);
            let writer = &mut *writer;
            let written = scope.spawn(move || {
                receive.into_iter().try_for_each(|(patients, columns)| {
                    let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
                    writer.write(&patients, &vec!["baseline"; patients.len()], columns)
                })
            });
            while let Some(mut batch) = reader.next_batch()? {
                let found = self.matches(&batch.patients, &mut seen)?;
                strangers += found.iter().filter(|row| row.is_none()).count();
                let columns = self.finished(design, &tables, frame, &batch, &found)?;
                let here = std::mem::take(&mut batch.patients).into_iter().zip(&found).filter(|(_, row)| row.is_some());
                if send.send((here.map(|(patient, _)| patient).collect(), columns)).is_err() {
                    break;
                }
            }
            drop(send);
            match written.join() {
                Ok(result) => Ok(result?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        let rest: Vec<usize> = (0..self.n_rows).filter(|&row| seen.get(row) == Some(&false)).collect();
        write_rows(&rest, design, frame, writer)?;
        Ok(Written { found: self.n_rows - rest.len(), strangers })
    }
}
