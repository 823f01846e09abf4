//! All scores of a matrix at once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::expression::{Expression, ExpressionScale};
use super::library::SignatureLibrary;
use super::scaler::{GeneScaler, GeneScaling};
use super::score::{Refusal, ScoreTable};
use super::{grade_and_prognosis, modules, recurrence, single_sample, subtype};

/// The per-gene scalings that signatures need, fitted together on training samples.
///
/// Part of a model: serialise it with the model and hand it to [`score_all`] for every later sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignatureScaling {
    centre: GeneScaler,
    range: GeneScaler,
    affymetrix: GeneScaler,
}

impl SignatureScaling {
    /// Returns the scalings of the library's genes over the training samples (indices), per batch where given.
    ///
    /// Median centring for PAM50 and the 70 genes, a range of 0 to 15 for the 21 genes, the range of Affymetrix
    /// signals for EndoPredict.
    ///
    /// # Errors
    /// As [`GeneScaler::fit`].
    pub fn fit(
        expression: &Expression,
        library: &SignatureLibrary,
        training: &[usize],
        batches: Option<&[String]>,
    ) -> Result<Self, Error> {
        let genes = expression.select(library.scaled_genes());
        let fit = |scaling| GeneScaler::fit(&genes, training, batches, scaling);
        Ok(Self {
            centre: fit(GeneScaling::MedianCentre)?,
            range: fit(GeneScaling::Range15)?,
            affymetrix: fit(GeneScaling::Affymetrix)?,
        })
    }
}

/// What [`score_all`] may use besides the matrix.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoreOptions<'a> {
    /// Scalings fitted on training samples; without them the scores that need one are refused.
    pub scaling: Option<&'a SignatureScaling>,
    /// Batch of each sample, when the scalings were fitted with batches.
    pub batches: Option<&'a [String]>,
}

/// The matrix and its scaled versions of the signature genes.
pub(super) struct Inputs<'a> {
    pub expression: &'a Expression,
    /// Centred per gene, unless no scaling was given and the values are not centred already.
    pub centred: Result<Expression, Refusal>,
    pub ranged: Result<Expression, Refusal>,
    pub affymetrix: Result<Expression, Refusal>,
}

impl<'a> Inputs<'a> {
    fn new(expression: &'a Expression, library: &SignatureLibrary, options: ScoreOptions<'_>) -> Result<Self, Error> {
        let genes: BTreeSet<&str> = library.scaled_genes();
        let Some(scaling) = options.scaling else {
            let already = matches!(expression.scale(), ExpressionScale::Centred | ExpressionScale::ZScore);
            let centred = if already { Ok(expression.select(genes)) } else { Err(Refusal::NotFitted) };
            return Ok(Self {
                expression,
                centred,
                ranged: Err(Refusal::NotFitted),
                affymetrix: Err(Refusal::NotFitted),
            });
        };
        let selected = expression.select(genes);
        let apply = |scaler: &GeneScaler| scaler.apply(&selected, options.batches).map(Ok);
        Ok(Self {
            expression,
            centred: apply(&scaling.centre)?,
            ranged: apply(&scaling.range)?,
            affymetrix: apply(&scaling.affymetrix)?,
        })
    }
}

/// Returns every score that this crate knows, computed or refused with its reason, always in the same order.
///
/// In order: PAM50 correlations, subtype and ROR-S; the 21-gene score; EndoPredict; grade index; 70 genes; seven gene
/// modules; four receptor and proliferation genes; four single-sample scores. Deterministic: the order of genes in
/// the file plays no part, and a sample's score depends on no other sample of the matrix.
///
/// # Errors
/// As [`GeneScaler::apply`] when `options.scaling` does not fit the matrix or its batches. Everything else that
/// stands in the way of a score is its [`Refusal`].
pub fn score_all(
    expression: &Expression,
    library: &SignatureLibrary,
    options: ScoreOptions<'_>,
) -> Result<Vec<ScoreTable>, Error> {
    let inputs = Inputs::new(expression, library, options)?;
    let mut scores = subtype::scores(&inputs, library.pam50.as_ref());
    scores.extend(recurrence::rs21_scores(&inputs, library.rs21.as_ref()));
    scores.push(recurrence::endopredict_score(&inputs, library.endopredict.as_ref()));
    scores.push(grade_and_prognosis::ggi_score(&inputs, library.ggi.as_ref()));
    scores.push(grade_and_prognosis::gene70_score(&inputs, library.gene70.as_ref()));
    scores.extend(modules::module_scores(&inputs, library));
    scores.extend(modules::gene_summaries(&inputs));
    scores.extend(single_sample::scores(&inputs, library));
    Ok(scores)
}
