//! The experiments: each stage of the patient's path as a plain function.
//!
//! Lives here: check, ingest, embed, fuse, train, evaluate, predict and assess, the registry of `models/`, the
//! synthetic cohort and the demo that runs all of them. May import F0 to F4 and `decide`. Deliberately absent:
//! wording and layout (`report`), argument parsing and printing (`cli`).

mod applies;
mod assess;
mod assessment;
mod check;
pub mod classical;
mod compare;
mod cross_validate;
pub mod decision;
mod digest;
mod embedding;
mod encoder;
mod encoder_cv;
mod error;
mod estimator;
mod evaluation;
mod fit;
mod fused_table;
mod ingest;
mod model;
mod model_explanation;
pub mod policy;
mod predict;
mod predict_breast;
mod progress;
mod recipe;
mod record;
mod registry;
pub mod simulate;
mod spec;
mod survival_baseline;
mod train;

pub use crate::decide::Verdict;
pub(crate) use applies::sentence;
pub use assess::{AssessRequest, AssessedCohort, assess_cohort};
pub use assessment::{
    Applicability, Assessment, Contribution, ImagingInput, Input, InputState, ModelIdentity, ObservedRate,
    OptionEstimate, Performance, ViewWeight,
};
pub use check::{CheckReport, Explanation, check, explain};
pub use compare::{
    BinaryComparison, BinaryDifference, BinaryModelResult, Comparison, ComparisonSpec, External, FoldResult,
    LabelSetCoverage, PatientRisk, PredictionFile, SurvivalCalibrationSummary, SurvivalComparison, SurvivalDifference,
    SurvivalModelResult, compare,
};
pub use cross_validate::{CrossValidation, cross_validate, paired_difference};
pub use digest::{PseudonymKey, RowHashes, sha256_hex, sha256_of_file};
pub use embedding::{EmbedReport, EmbedRequest, PretrainedWeights, embed_studies};
pub use encoder::{EncoderRefit, train_encoder_from};
pub use encoder_cv::cross_validate_encoder;
pub use error::Error;
pub use estimator::Estimator;
pub use evaluation::{BinaryEvaluation, Calibration, CellCalibration, LadderStep, PatientResult, Subgroup};
pub use fit::{FittedResponse, ResponseRows};
pub use fused_table::FusedTable;
pub use ingest::{IngestReport, ingest};
pub use model::{EncoderUse, ResponseManifest, ResponseModel};
pub use model_explanation::{MeanContribution, ModelExplanation, SurrogateRules, explain_model};
pub use predict::{Prediction, PredictionTable, evaluate_model, predict};
pub use predict_breast::{PredictVersion, predict_breast};
pub use progress::{Progress, Silent};
pub use recipe::{fit_signature_scaling, read_signature_scaling, recipe, write_design};
pub use record::clinical_records;
pub use registry::{Finding, ListedModel, ModelFiles, Models};
pub use spec::{BootstrapSpec, EvaluationSpec, Family, MissingSpec, ResponseSpec, SearchSpec, SplitSpec};
pub use survival_baseline::{
    ModelFigures, OpenedSurvival, SurvivalEvaluation, SurvivalManifest, SurvivalRows, SurvivalSpec, evaluate_survival,
    expression_features, open_survival, train_survival,
};
pub use train::{Trained, train};
