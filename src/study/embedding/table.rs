use std::path::{Path, PathBuf};

use polars::prelude::{AnyValue, DataFrame, DataType, NamedFrom, Series};

use super::super::Error;
use super::super::ingest::ROOT_KEY;
use super::{Cache, Embedded, Row};
use crate::imaging::Study;
use crate::tables::read_table;
use crate::terms::{Modality, PatientId};

/// The studies of a table written by `regimen ingest`, and the folder that their paths are relative to.
pub(super) fn read_studies(path: &Path) -> Result<(PathBuf, Vec<Study>), Error> {
    let (frame, metadata) = read_table(path)?;
    let wrong = |column: &str, found: String| Error::Column {
        table: path.display().to_string(),
        column: column.to_owned(),
        expected: "text, as written by `regimen ingest`",
        found,
    };
    let root = metadata.get(ROOT_KEY).ok_or_else(|| wrong("(schema metadata: image root)", "none".into()))?;
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
            quality: split(&cell(&quality)),
        });
    }
    Ok((root.into(), studies))
}

/// Embeddings of an earlier run by content and weights; nothing when there is no such file or it is another table.
pub(super) fn earlier(file: &Path) -> Cache {
    let read = || -> Option<Cache> {
        if !file.exists() {
            return None;
        }
        let (frame, _) = read_table(file).ok()?;
        let text = |name: &str| Some(frame.column(name).ok()?.str().ok()?.clone());
        let (content, weights) = (text("content_sha256")?, text("weights_sha256")?);
        let (quality, views, picture) = (text("quality")?, text("views")?, text("picture")?);
        let measures = text("measures")?;
        let embedding = frame.column("embedding").ok()?.clone();
        let mut cache = Cache::new();
        for row in 0..frame.height() {
            let (Some(content), Some(weights)) = (content.get(row), weights.get(row)) else { continue };
            let vector = match embedding.get(row).ok()? {
                AnyValue::Array(series, _) => series.f32().ok()?.into_no_null_iter().collect::<Vec<f32>>(),
                _ => continue,
            };
            let found = Embedded {
                vector,
                quality: split(quality.get(row).unwrap_or("")),
                views: views.get(row).unwrap_or("").to_owned(),
                measures: measures.get(row).unwrap_or("").to_owned(),
                picture: picture.get(row).unwrap_or("").to_owned(),
            };
            cache.insert((content.to_owned(), weights.to_owned()), found);
        }
        Some(cache)
    };
    read().unwrap_or_default()
}

/// The findings of a cell.
fn split(cell: &str) -> Vec<String> {
    cell.split("; ").filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// One row per study; embeddings of `dim` values.
pub(super) fn to_frame(rows: &[Row], dim: usize) -> Result<DataFrame, Error> {
    let text = |of: &dyn Fn(&Row) -> String| rows.iter().map(of).collect::<Vec<String>>();
    let lists: Vec<AnyValue<'_>> = rows
        .iter()
        .map(|row| match &row.embedded {
            Some(embedded) => AnyValue::Array(Series::new("".into(), &embedded.vector), dim),
            None => AnyValue::Null,
        })
        .collect();
    let kind = DataType::Array(Box::new(DataType::Float32), dim);
    let embedding = Series::from_any_values_and_dtype("embedding".into(), &lists, &kind, true)
        .map_err(crate::tables::Error::from)?;
    let counts: Vec<u32> = rows.iter().map(|row| row.study.images.len() as u32).collect();
    let of = |row: &Row, part: fn(&Embedded) -> &String| row.embedded.as_ref().map(part).cloned().unwrap_or_default();
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
        Series::new("quality".into(), text(&|row| row.quality().join("; "))).into(),
        Series::new("views".into(), text(&|row| of(row, |embedded| &embedded.views))).into(),
        Series::new("measures".into(), text(&|row| of(row, |embedded| &embedded.measures))).into(),
        Series::new("picture".into(), text(&|row| of(row, |embedded| &embedded.picture))).into(),
    ];
    Ok(DataFrame::new(rows.len(), columns).map_err(crate::tables::Error::from)?)
}
