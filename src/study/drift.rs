use super::{AssessRequest, Error, FusedTable, ResponseModel};
use crate::decide::ColumnShift;
use crate::fusion::{FuseOptions, fuse};

/// How the inputs of a cohort differ from those that a response model was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Model, as `name@version`.
    pub model: String,
    /// Label of the cohort.
    pub cohort: String,
    /// Rows of the cohort.
    pub n_rows: usize,
    /// Training patients.
    pub n_training: usize,
    /// Rows of the cohort that the model was trained on: they pull every difference towards none.
    pub n_seen: usize,
    /// One entry per design column that the model's reference describes.
    pub columns: Vec<ColumnShift>,
}

/// Compares the inputs of a fused cohort with the training population of `model`.
///
/// Outcomes are not looked at: this is a change of inputs, not of performance.
///
/// # Errors
/// [`Error::Fusion`] when an input has the wrong type; [`Error::Column`] for a patient id that is none.
pub fn drift(model: &ResponseModel, table: &FusedTable) -> Result<Drift, Error> {
    let x = model.design.apply(&table.frame)?;
    Ok(Drift {
        model: model.label(),
        cohort: table.origin.label.clone(),
        n_rows: x.n_rows,
        n_training: model.manifest.n_training,
        n_seen: table.patients()?.iter().filter(|patient| model.has_seen(patient)).count(),
        columns: model.reference.shifts(&x),
    })
}

/// [`drift`] of the cohort of a request under each of its models.
///
/// # Errors
/// What fusion refuses; otherwise as [`drift`].
pub fn drift_of(request: &AssessRequest) -> Result<Vec<Drift>, Error> {
    let options = FuseOptions {
        embeddings: request.embeddings.clone(),
        skip_invalid: request.skip_invalid,
        ..FuseOptions::default()
    };
    let fused = fuse(&request.cohort, &request.data, &options)?;
    let table = FusedTable::new(&request.cohort, &request.data, fused)?;
    request.models.iter().map(|model| drift(model, &table)).collect()
}
