use std::collections::HashMap;
use std::path::PathBuf;

use crate::study::{Error, ImagingInput};
use crate::tables::read_table;
use crate::terms::{Modality, PatientId};

/// Studies by patient and visit.
pub(super) type ImagingRows = HashMap<(PatientId, String), Vec<ImagingInput>>;

/// Imaging of every patient and visit, from the embedding files.
pub(super) fn imaging_rows(files: &[PathBuf]) -> Result<ImagingRows, Error> {
    let mut rows = ImagingRows::new();
    for file in files {
        let (frame, _) = read_table(file)?;
        let text = |name: &str| -> Result<Vec<String>, Error> {
            let column = frame.column(name).map_err(crate::tables::Error::from)?;
            let cells = column.str().map_err(crate::tables::Error::from)?;
            Ok(cells.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
        };
        let (patients, visits, modalities) = (text("patient_id")?, text("visit")?, text("modality")?);
        let (encoders, quality) = (text("encoder")?, text("quality")?);
        let optional = |name: &str| if frame.column(name).is_ok() { text(name).map(Some) } else { Ok(None) };
        let (views, pictures) = (optional("views")?, optional("picture")?);
        let counts = frame.column("n_images").map_err(crate::tables::Error::from)?.clone();
        let present = frame.column("embedding").map_err(crate::tables::Error::from)?.is_not_null();
        for row in 0..frame.height() {
            let cell = |values: &[String]| values.get(row).cloned().unwrap_or_default();
            let (Ok(patient), Ok(modality)) = (PatientId::parse(&cell(&patients)), Modality::parse(&cell(&modalities)))
            else {
                continue;
            };
            let available = present.get(row) == Some(true);
            let findings = cell(&quality);
            let views =
                views.as_deref().map(cell).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let picture = pictures.as_deref().map(cell).filter(|uri| uri.starts_with("data:image/png;base64,"));
            rows.entry((patient, cell(&visits))).or_default().push(ImagingInput {
                modality,
                n_images: counts.get(row).ok().and_then(|n| n.extract::<u32>()).unwrap_or(0) as usize,
                encoder: Some(cell(&encoders)).filter(|name| available && !name.is_empty()),
                quality: findings.split("; ").filter(|text| !text.is_empty()).map(str::to_owned).collect(),
                available,
                note: if available { String::new() } else { "The study could not be embedded.".to_owned() },
                views,
                picture,
            });
        }
    }
    Ok(rows)
}
