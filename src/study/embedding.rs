use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars::prelude::{AnyValue, DataFrame, DataType, NamedFrom, Series};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Error, Models, Progress};
use crate::embed::{EMBEDDING_DIM, Encoder, pool_mean};
use crate::imaging::{Preparation, Prepared, Study, load_study};
use crate::tables::{read_table, write_table};
use crate::terms::{Modality, PatientId};

/// Studies between two saves of the partial result.
const CHUNK: usize = 64;

/// Finding of every ultrasound study: a DICOM study brings no lesion box, and the encoder learned from lesion crops.
const WHOLE_IMAGE: &str =
    "embedded from the whole image, without a lesion box: the encoder is weaker there (see its card)";

/// What embedding did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbedReport {
    /// Studies in the input.
    pub n_studies: usize,
    /// Studies embedded now.
    pub computed: usize,
    /// Studies whose images and weights were embedded before.
    pub reused: usize,
    /// Studies without an embedding, with the reason; no identifiers.
    pub failed: Vec<String>,
    /// Studies of a modality for which no encoder is chosen.
    pub skipped: usize,
}

/// One row of the embeddings table.
#[derive(Debug, Clone)]
struct Row {
    study: Study,
    encoder: String,
    weights_sha256: String,
    content_sha256: String,
    embedding: Option<Vec<f32>>,
}

type Cache = HashMap<(String, String), Vec<f32>>;

/// Embeds every study of a studies table and writes one row per study.
///
/// A study whose bytes and weights stand in an earlier `out` is not embedded again. Every 64 studies the rows so far
/// are saved beside `out` as `….partial.arrow`, so that a stopped run goes on where it was.
///
/// # Errors
/// [`Error::Column`] when the input is not a studies table, [`Error::NoModel`] and [`Error::Hash`] for encoders. A study
/// that cannot be read gets a null embedding and its reason.
pub fn embed_studies(
    studies: &Path,
    out: &Path,
    models: &Models,
    encoder: Option<&str>,
    progress: &dyn Progress,
) -> Result<EmbedReport, Error> {
    let (root, all) = read_studies(studies)?;
    let encoders = encoders(models, encoder)?;
    let partial = out.with_extension("partial.arrow");
    let mut cache = Cache::new();
    for file in [out, partial.as_path()] {
        cache.extend(earlier(file));
    }
    let mut report = EmbedReport { n_studies: all.len(), ..EmbedReport::default() };
    let (wanted, skipped): (Vec<Study>, Vec<Study>) =
        all.into_iter().partition(|study| encoders.contains_key(&study.modality));
    report.skipped = skipped.len();
    let total = wanted.len();
    let mut rows: Vec<Row> = Vec::with_capacity(total);
    for chunk in wanted.chunks(CHUNK) {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let results: Vec<(Row, Outcome)> = chunk
            .par_iter()
            .filter_map(|study| encoders.get(&study.modality).map(|encoder| embed_one(&root, study, encoder, &cache)))
            .collect();
        for (row, outcome) in results {
            match outcome {
                Outcome::Computed => report.computed += 1,
                Outcome::Reused => report.reused += 1,
                Outcome::Failed(reason) => report.failed.push(reason),
            }
            rows.push(row);
        }
        progress.step("studies", rows.len(), total);
        if rows.len() < total {
            write_table(&partial, &mut to_frame(&rows)?, &HashMap::new())?;
        }
    }
    write_table(out, &mut to_frame(&rows)?, &HashMap::new())?;
    // The partial file has served; a failure to remove it costs nothing but its space.
    let _ = std::fs::remove_file(&partial);
    Ok(report)
}

enum Outcome {
    Computed,
    Reused,
    Failed(String),
}

fn embed_one(root: &Path, study: &Study, encoder: &Encoder, cache: &Cache) -> (Row, Outcome) {
    let mut row = Row {
        study: study.clone(),
        encoder: encoder.model().to_owned(),
        weights_sha256: encoder.weights_sha256().to_owned(),
        content_sha256: String::new(),
        embedding: None,
    };
    if study.modality == Modality::Ultrasound {
        row.study.quality.push(WHOLE_IMAGE.to_owned());
    }
    match content_sha256(root, study) {
        Ok(hash) => row.content_sha256 = hash,
        Err(error) => return failed(row, format!("{}: {error}", study.modality)),
    }
    let key = (row.content_sha256.clone(), row.weights_sha256.clone());
    if let Some(known) = cache.get(&key) {
        row.embedding = Some(known.clone());
        return (row, Outcome::Reused);
    }
    let embedded =
        load_study(root, study, Preparation::of(study.modality), None).map_err(Error::from).and_then(|views| {
            let images: Vec<Prepared> = views.into_iter().map(|view| view.prepared).collect();
            Ok(pool_mean(&encoder.embed(&images)?)?)
        });
    match embedded {
        Ok(vector) => {
            row.embedding = Some(vector.to_vec());
            (row, Outcome::Computed)
        }
        Err(error) => failed(row, error.to_string()),
    }
}

fn failed(mut row: Row, reason: String) -> (Row, Outcome) {
    row.study.quality.push(reason.clone());
    (row, Outcome::Failed(reason))
}

fn content_sha256(root: &Path, study: &Study) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    for image in &study.images {
        hasher.update(Sha256::digest(std::fs::read(root.join(&image.path))?));
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The encoder of each modality: the one named, or every promoted one.
fn encoders(models: &Models, named: Option<&str>) -> Result<HashMap<Modality, Encoder>, Error> {
    let names: Vec<String> = match named {
        Some(name) => vec![name.to_owned()],
        None => models
            .list()
            .into_iter()
            .filter(|model| model.kind == "encoder" && model.promoted)
            .map(|model| format!("{}@{}", model.name, model.version))
            .collect(),
    };
    let mut encoders = HashMap::new();
    for name in names {
        let files = models.open(&name)?;
        let weights = files.files.get("weights.safetensors").ok_or_else(|| Error::Model {
            model: name.clone(),
            file: "weights.safetensors".into(),
            message: "expected an encoder's weights, found no such file in the manifest".into(),
        })?;
        let encoder = Encoder::load(&files.manifest, weights)?;
        encoders.insert(encoder.modality(), encoder);
    }
    if encoders.is_empty() {
        return Err(Error::NoModel { name: "encoder".into(), reason: "no encoder is promoted in the registry".into() });
    }
    Ok(encoders)
}

/// The studies of a table written by `regimen ingest`, and the folder that their paths are relative to.
fn read_studies(path: &Path) -> Result<(PathBuf, Vec<Study>), Error> {
    let (frame, metadata) = read_table(path)?;
    let wrong = |column: &str, found: String| Error::Column {
        table: path.display().to_string(),
        column: column.to_owned(),
        expected: "text, as written by `regimen ingest`",
        found,
    };
    let root =
        metadata.get(super::ingest::ROOT_KEY).ok_or_else(|| wrong("(schema metadata: image root)", "none".into()))?;
    let text = |name: &str| -> Result<Vec<String>, Error> {
        let column = frame.column(name).map_err(|_| wrong(name, "no such column".into()))?;
        let cells = column.str().map_err(|_| wrong(name, column.dtype().to_string()))?;
        Ok(cells.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
    };
    let (patients, visits, keys) = (text("patient_id")?, text("visit")?, text("study")?);
    let (modalities, images, quality) = (text("modality")?, text("images")?, text("quality")?);
    let mut studies = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        let cell = |values: &[String]| values.get(row).cloned().unwrap_or_default();
        let at = |column: &str| wrong(column, format!("another text in row {}", row + 1));
        studies.push(Study {
            patient: PatientId::parse(&cell(&patients)).map_err(|_| at("patient_id"))?,
            visit: cell(&visits),
            modality: Modality::parse(&cell(&modalities)).map_err(|_| at("modality"))?,
            study_key: cell(&keys),
            images: serde_json::from_str(&cell(&images)).map_err(|_| at("images"))?,
            quality: cell(&quality).split("; ").filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        });
    }
    Ok((root.into(), studies))
}

/// Embeddings of an earlier run by content and weights; nothing when there is no such file or it is another table.
fn earlier(file: &Path) -> Cache {
    let read = || -> Option<Cache> {
        if !file.exists() {
            return None;
        }
        let (frame, _) = read_table(file).ok()?;
        let content = frame.column("content_sha256").ok()?.str().ok()?.clone();
        let weights = frame.column("weights_sha256").ok()?.str().ok()?.clone();
        let embedding = frame.column("embedding").ok()?.clone();
        let mut cache = Cache::new();
        for row in 0..frame.height() {
            let (Some(content), Some(weights)) = (content.get(row), weights.get(row)) else { continue };
            let vector = match embedding.get(row).ok()? {
                AnyValue::Array(series, _) => series.f32().ok()?.into_no_null_iter().collect::<Vec<f32>>(),
                _ => continue,
            };
            cache.insert((content.to_owned(), weights.to_owned()), vector);
        }
        Some(cache)
    };
    read().unwrap_or_default()
}

fn to_frame(rows: &[Row]) -> Result<DataFrame, Error> {
    let text = |of: &dyn Fn(&Row) -> String| rows.iter().map(of).collect::<Vec<String>>();
    let lists: Vec<AnyValue<'_>> = rows
        .iter()
        .map(|row| match &row.embedding {
            Some(vector) => AnyValue::Array(Series::new("".into(), vector), EMBEDDING_DIM),
            None => AnyValue::Null,
        })
        .collect();
    let kind = DataType::Array(Box::new(DataType::Float32), EMBEDDING_DIM);
    let embedding = Series::from_any_values_and_dtype("embedding".into(), &lists, &kind, true)
        .map_err(crate::tables::Error::from)?;
    let counts: Vec<u32> = rows.iter().map(|row| row.study.images.len() as u32).collect();
    let columns = vec![
        Series::new("patient_id".into(), text(&|row| row.study.patient.expose().to_owned())).into(),
        Series::new("visit".into(), text(&|row| row.study.visit.clone())).into(),
        Series::new("study".into(), text(&|row| row.study.study_key.clone())).into(),
        Series::new("modality".into(), text(&|row| row.study.modality.as_str().to_owned())).into(),
        Series::new("encoder".into(), text(&|row| row.encoder.clone())).into(),
        Series::new("weights_sha256".into(), text(&|row| row.weights_sha256.clone())).into(),
        Series::new("content_sha256".into(), text(&|row| row.content_sha256.clone())).into(),
        Series::new("n_images".into(), counts).into(),
        embedding.into(),
        Series::new("quality".into(), text(&|row| row.study.quality.join("; "))).into(),
    ];
    Ok(DataFrame::new(rows.len(), columns).map_err(crate::tables::Error::from)?)
}
