use super::fit::SurvivalBaseline;
use super::inputs::{ExpressionFeatures, Input, input_row};
use crate::decide::{ClinicalRecord, Error, Gate, Reference};
use crate::learn::DesignMatrix;

/// Inputs by group; the cubic terms of age are functions of it and would count it three times.
const GROUPS: [(&str, &[Input]); 2] = [
    ("clinical", &[Input::LnNodes, Input::SizeSaturation, Input::Age, Input::Grade, Input::Pr, Input::Her2]),
    (
        "expression",
        &[Input::Erbb2, Input::LuminalB, Input::Her2Enriched, Input::Basal, Input::ClaudinLow, Input::NormalLike],
    ),
];
/// Column of ER, which follows the inputs in a row.
const ER: &str = "er";

/// Describes the women fitted on by their rows of inputs ([`input_row`]).
///
/// # Errors
/// As [`Reference::fit`].
pub(super) fn reference(inputs: &[Vec<f64>], seed: u64) -> Result<Reference, Error> {
    let place = |input: &Input| *input as usize;
    let mut groups: Vec<(String, Vec<usize>)> =
        GROUPS.iter().map(|(name, inputs)| ((*name).to_owned(), inputs.iter().map(place).collect())).collect();
    if let Some((_, clinical)) = groups.first_mut() {
        clinical.push(Input::ALL.len());
    }
    Reference::fit(&matrix(inputs), &groups, seed)
}

fn matrix(inputs: &[Vec<f64>]) -> DesignMatrix {
    DesignMatrix {
        names: Input::ALL.iter().map(|input| input.column().to_owned()).chain([ER.to_owned()]).collect(),
        n_rows: inputs.len(),
        values: inputs.iter().flatten().map(|&value| value as f32).collect(),
    }
}

impl SurvivalBaseline {
    /// How unusual a woman is among those fitted on; `None` for an artifact without their description.
    ///
    /// # Errors
    /// [`Error::Unrecorded`] without an age or a clear ER state; [`Error::Stats`] for a broken description.
    pub fn gate(&self, record: &ClinicalRecord, expression: &ExpressionFeatures) -> Result<Option<Gate>, Error> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let row = matrix(&[input_row(record, expression, &self.age_knots)?]);
        Ok(Some(reference.gate(&row.names, row.row(0))?))
    }
}
