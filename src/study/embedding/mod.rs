//! Studies to embeddings: one row per study, cached by content, resumable.

mod readers;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::readers::{Reader, pretrained_reader, readers};
use self::table::{earlier, read_studies, to_frame};
use super::assessment::ViewWeight;
use super::{Error, Models, Progress, sha256_hex};
use crate::imaging::{Prepared, Raster, Study, StudyView, load_study, overlay_png, prepared_png};
use crate::tables::write_table;
use crate::terms::Modality;

/// Studies between two saves of the partial result.
const CHUNK: usize = 64;

/// Changes whenever the same pixels would be prepared otherwise, so that no cached embedding outlives its preparation.
const PREPARATION_VERSION: &str = "2";

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

/// What to embed, with what, and where to.
#[derive(Debug)]
pub struct EmbedRequest<'a> {
    /// Studies table of `ingest`.
    pub studies: &'a Path,
    /// Embeddings table to write.
    pub out: &'a Path,
    /// The registry.
    pub models: &'a Models,
    /// One encoder by name; every promoted one otherwise.
    pub encoder: Option<&'a str>,
    /// Weights from outside the registry in place of its encoders.
    pub pretrained: Option<PretrainedWeights<'a>>,
    /// Folder for what the networks see, as PNG files named by study and view.
    pub preview: Option<&'a Path>,
}

/// Published weights of a known architecture, for one modality.
#[derive(Debug, Clone, Copy)]
pub struct PretrainedWeights<'a> {
    /// A safetensors file under the names of torchvision or timm.
    pub file: &'a Path,
    /// The architecture's name.
    pub architecture: &'a str,
    /// What its images are.
    pub modality: Modality,
}

/// What one study gave.
#[derive(Debug, Clone)]
struct Embedded {
    vector: Vec<f32>,
    quality: Vec<String>,
    /// JSON of the view weights.
    views: String,
    /// JSON of the measures.
    measures: String,
    /// Data URI of the view that counted most, with its saliency.
    picture: String,
}

/// One row of the embeddings table.
#[derive(Debug, Clone)]
struct Row {
    study: Study,
    encoder: String,
    weights_sha256: String,
    content_sha256: String,
    embedded: Option<Embedded>,
    /// Why there is no embedding.
    failure: Option<String>,
}

impl Row {
    /// Findings of the scan, of the images, and the failure.
    fn quality(&self) -> Vec<String> {
        let of_images = self.embedded.iter().flat_map(|embedded| &embedded.quality);
        let mut all: Vec<String> = Vec::new();
        for finding in self.study.quality.iter().chain(of_images).chain(&self.failure) {
            if !all.contains(finding) {
                all.push(finding.clone());
            }
        }
        all
    }
}

type Cache = HashMap<(String, String), Embedded>;

/// Embeds every study of a studies table and writes one row per study.
///
/// A study whose pixels, encoder, localiser and preparation stand in an earlier `out` is not embedded again. Every 64
/// studies the rows so far are saved beside `out` as `….partial.arrow`, so that a stopped run goes on where it was.
/// Studies run in parallel: while one is decoded another is in its network. The bytes written do not depend on threads.
///
/// # Errors
/// [`Error::Column`] when the input is not a studies table, [`Error::NoModel`] and [`Error::Hash`] for encoders. A study
/// that cannot be read gets a null embedding and its reason.
pub fn embed_studies(request: &EmbedRequest<'_>, progress: &dyn Progress) -> Result<EmbedReport, Error> {
    let (root, all) = read_studies(request.studies)?;
    let readers = match &request.pretrained {
        Some(weights) => pretrained_reader(weights)?,
        None => readers(request.models, request.encoder)?,
    };
    let dim = readers.values().next().map_or(0, |reader| reader.encoder.dim());
    let partial = request.out.with_extension("partial.arrow");
    let mut cache = Cache::new();
    for file in [request.out, partial.as_path()] {
        cache.extend(earlier(file));
    }
    if let Some(folder) = request.preview {
        // A preview shows every study, so nothing is taken from the cache.
        cache.clear();
        std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    }
    let mut report = EmbedReport { n_studies: all.len(), ..EmbedReport::default() };
    let (wanted, skipped): (Vec<Study>, Vec<Study>) =
        all.into_iter().partition(|study| readers.contains_key(&study.modality));
    report.skipped = skipped.len();
    let total = wanted.len();
    let mut rows: Vec<Row> = Vec::with_capacity(total);
    for chunk in wanted.chunks(CHUNK) {
        if progress.interrupted() {
            return Err(Error::Interrupted);
        }
        let results: Vec<(Row, Outcome)> = chunk
            .par_iter()
            .filter_map(|study| Some(embed_one(&root, study, readers.get(&study.modality)?, &cache, request.preview)))
            .collect();
        for (row, outcome) in results {
            match outcome {
                Outcome::Computed => report.computed += 1,
                Outcome::Reused => report.reused += 1,
                Outcome::Failed => report.failed.extend(row.failure.clone()),
            }
            rows.push(row);
        }
        progress.step("studies", rows.len(), total);
        if rows.len() < total {
            write_table(&partial, &mut to_frame(&rows, dim)?, &HashMap::new())?;
        }
    }
    write_table(request.out, &mut to_frame(&rows, dim)?, &HashMap::new())?;
    // The partial file has served; a failure to remove it costs nothing but its space.
    let _ = std::fs::remove_file(&partial);
    Ok(report)
}

enum Outcome {
    Computed,
    Reused,
    Failed,
}

fn embed_one(root: &Path, study: &Study, reader: &Reader, cache: &Cache, preview: Option<&Path>) -> (Row, Outcome) {
    let encoder = &reader.encoder;
    let mut row = Row {
        study: study.clone(),
        encoder: encoder.model().to_owned(),
        weights_sha256: encoder.weights_sha256().to_owned(),
        content_sha256: String::new(),
        embedded: None,
        failure: None,
    };
    match content_sha256(root, study, reader) {
        Ok(hash) => row.content_sha256 = hash,
        Err(error) => {
            row.failure = Some(format!("{}: {error}", study.modality));
            return (row, Outcome::Failed);
        }
    }
    let key = (row.content_sha256.clone(), row.weights_sha256.clone());
    if let Some(known) = cache.get(&key) {
        row.embedded = Some(known.clone());
        return (row, Outcome::Reused);
    }
    match embedded(root, study, reader, preview) {
        Ok(embedded) => {
            row.embedded = Some(embedded);
            (row, Outcome::Computed)
        }
        Err(error) => {
            row.failure = Some(error.to_string());
            (row, Outcome::Failed)
        }
    }
}

/// Reads, prepares, embeds and pools the images of one study.
fn embedded(root: &Path, study: &Study, reader: &Reader, preview: Option<&Path>) -> Result<Embedded, Error> {
    let encoder = &reader.encoder;
    let find = |image: &Raster| reader.localiser.as_ref().and_then(|localiser| localiser.locate(image).ok()?.lesion);
    let locate = reader.localiser.as_ref().map(|_| &find as &crate::imaging::Locate<'_>);
    let loaded = load_study(root, study, encoder.preparation(), locate)?;
    let views = loaded.views;
    if let Some(folder) = preview {
        write_preview(folder, study, &views)?;
    }
    let prepared: Vec<Prepared> = views.iter().map(|view| view.prepared.clone()).collect();
    let pooled = encoder.pool(&encoder.embed(&prepared)?)?;
    let mut quality: Vec<String> = loaded.findings;
    for view in &views {
        quality.extend(view.findings.iter().map(|finding| format!("{}: {finding}", view.name)));
    }
    quality.extend(encoder.unusual(&pooled.embedding));
    let mut order: Vec<usize> = (0..views.len()).collect();
    order.sort_by(|a, b| pooled.weights[*b].total_cmp(&pooled.weights[*a]).then(a.cmp(b)));
    let weights: Vec<ViewWeight> =
        order.iter().map(|&at| ViewWeight { view: views[at].name.clone(), weight: pooled.weights[at] }).collect();
    let picture = match order.first().and_then(|&at| views.get(at)) {
        Some(view) => picture(encoder, view)?,
        None => String::new(),
    };
    let views = serde_json::to_string(&weights).map_err(|e| Error::Unsupported(e.to_string()))?;
    let measures = serde_json::to_string(&loaded.measures).map_err(|e| Error::Unsupported(e.to_string()))?;
    Ok(Embedded { vector: pooled.embedding, quality, views, measures, picture })
}

/// The view's picture with its saliency, as a data URI; empty where nothing raised the score.
fn picture(encoder: &crate::embed::Encoder, view: &StudyView) -> Result<String, Error> {
    let map = encoder.saliency(&view.prepared)?;
    if map.pixels.iter().all(|heat| *heat <= 0.0) {
        return Ok(String::new());
    }
    let heat = view.placement.lay(&map, view.picture.rows, view.picture.columns);
    let png = overlay_png(&view.picture, &heat)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// What the network sees, one file per view; names hold the study's key, which is a hash.
fn write_preview(folder: &Path, study: &Study, views: &[StudyView]) -> Result<(), Error> {
    for (at, view) in views.iter().enumerate() {
        let word: String = view.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path: PathBuf = folder.join(format!("{}-{}-{at}-{word}.png", study.modality, study.study_key));
        std::fs::write(&path, prepared_png(&view.prepared)?).map_err(|source| Error::Write { path, source })?;
    }
    Ok(())
}

/// What an embedding depends on beside the encoder: pixels, their geometry, preparation and localiser.
fn content_sha256(root: &Path, study: &Study, reader: &Reader) -> Result<String, Error> {
    let mut hasher = Sha256::new();
    hasher.update(format!("{PREPARATION_VERSION} {:?} {}", reader.encoder.preparation(), reader.localiser_sha256()));
    for image in &study.images {
        // Pixels hashed at ingest; a table from before that holds no hash, then the file itself is.
        let pixels = match &image.pixel_sha256 {
            Some(hash) => hash.clone(),
            None => {
                let path = root.join(&image.path);
                sha256_hex(&std::fs::read(&path).map_err(|source| Error::Read { path, source })?)
            }
        };
        hasher.update(format!(
            "{pixels} {:?} {:?} {:?} {:?} {:?} {:?};",
            image.laterality, image.view, image.phase, image.position_mm, image.time_s, image.pixel_spacing_mm
        ));
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
