//! Expression matrices and variants become signatures.
//!
//! Lives here: the expression matrix with its declared scale ([`Expression`]), gene symbols that changed their name
//! ([`current_symbol`]), per-gene scaling fitted on training samples ([`GeneScaler`], [`SignatureScaling`]), published
//! signature tables read at run time ([`SignatureLibrary`]), the scores ([`score_all`]) and somatic variants
//! ([`Variants`]). May import `terms` and `stats`.
//!
//! A score is computed or refused, never guessed: each [`ScoreTable`] states its source, how many of its genes were
//! found and needed, and a caution. No score is the commercial test whose formula it follows, and none carries that
//! test's cut-offs. Samples are told by position in every error; genes by symbol.
//!
//! Deliberately absent: the signature tables themselves (they are not ours to ship), raw-read processing,
//! normalisation between platforms, ROR with proliferation or tumour size, risk groups, germline calls.

mod error;
mod expression;
mod grade_and_prognosis;
mod library;
mod maf;
mod matrix_file;
mod modules;
mod rank;
#[cfg(test)]
mod real_data;
mod recurrence;
mod scaler;
mod score;
mod signatures;
mod single_sample;
mod subtype;
mod symbols;
mod table_file;
#[cfg(test)]
mod tests;
mod variants;

pub use error::{Error, Rule, Violation};
pub use expression::{DuplicateGenes, Expression, ExpressionScale};
pub use grade_and_prognosis::{GENE70_COVERAGE, GGI_COVERAGE};
pub use library::{
    ENDOPREDICT_FILE, EndoPredictGene, GENE70_FILE, GGI_FILE, GeneModule, MODULES_FILE, PAM50_FILE, RS21_FILE,
    Rs21Gene, Rs21Group, SignatureLibrary, SignatureTable,
};
pub use maf::{NON_SILENT, OTHER_CLASSES};
pub use matrix_file::{Layout, MatrixFormat};
pub use modules::MODULE_COVERAGE;
pub use rank::{singscore, spearman, ssgsea};
pub use recurrence::{
    ENDOPREDICT_COVERAGE, ENDOPREDICT_OFFSET, ENDOPREDICT_SCALE, RS21_COVERAGE, RS21_HER2_FLOOR,
    RS21_PROLIFERATION_FLOOR, RS21_REFERENCE_LEVEL, RS21_SCALE, rs_from_rsu,
};
pub use scaler::{GeneScaler, GeneScaling, MIN_TRAINING_SAMPLES};
pub use score::{Refusal, ScoreTable, ScoreValues};
pub use signatures::{ScoreOptions, SignatureScaling, score_all};
pub use single_sample::{MIN_BACKGROUND_GENES, SET_COVERAGE, SSGSEA_ALPHA};
pub use subtype::{PAM50_COVERAGE, ROR_S_COEFFICIENTS, ror_s};
pub use symbols::current_symbol;
pub use variants::{HRD_GENES, HrdFlags, Variants};
