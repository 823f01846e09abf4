//! Prepared images to embeddings, in candle on the CPU.
//!
//! Lives here: the residual encoder and its weights (hash checked before use), a MobileNetV2 fine-tuned from ImageNet
//! weights (classes, auxiliary tasks, attention over a patient's images), the lesion localiser, pooling over views and
//! slices, the training of each from a specification, and the model folder it writes. May import [`crate::terms`] and
//! [`crate::imaging`]; candle enters nowhere else. Deliberately absent: intervals and tests (`stats`), joins of
//! embeddings with other tables (`fusion`), choosing which version is promoted (`study`).

pub mod architectures;
pub mod kernels;
mod pretrained;
pub use pretrained::{Pretrained, load_pretrained};

mod artifact;
mod augment;
mod batch_norm;
mod convolution;
mod dataset_spec;
mod early_stopping;
mod encoder;
mod error;
mod evaluate;
mod evaluate_patients;
mod fine_tuning;
mod fine_tuning_spec;
mod localiser;
mod loss;
mod manifest;
mod network;
mod rows;
mod saliency;
mod samples;
mod spec;
mod table;
mod tflite;
mod train;
mod trainable;
mod typicality;

pub use artifact::write_encoder;
pub use dataset_spec::{
    DatasetSpec, FoldSpec, JoinSpec, LabelSpec, LateralitySpec, LevelsSpec, PatientRule, PatientSpec,
};
pub use encoder::{EMBEDDING_DIM, Encoder, Pooled, pool_mean};
pub use error::Error;
pub use evaluate::{Evaluation, HeldOut, evaluate, held_out_per_patient};
pub use evaluate_patients::{AuxiliaryFigure, AuxiliaryHeldOut, PatientHeldOut, auxiliary_figures, evaluate_patients};
pub use fine_tuning::TrainingFiles;
pub use fine_tuning_spec::{
    Architecture, AuxiliaryKind, AuxiliarySpec, FineTuningSpec, InputSpec, Pooling, Task, Transform,
};
pub use localiser::{
    Localiser, Located, LocatedHeldOut, TrainedLocaliser, evaluate_localiser, train_localiser, write_localiser,
};
pub use manifest::{EncoderManifest, InputShape, ManifestData, ManifestTraining, TrainingRowHash};
pub use samples::{InputFile, LesionMask, Sample, label_tables, load_samples};
pub use spec::{AugmentSpec, EncoderSpec, TrainingSpec};
pub use train::{EpochReport, TrainedEncoder, train_encoder, train_encoder_with};
pub use typicality::Typicality;
