use std::path::PathBuf;

use thiserror::Error;

/// A broken rule met while training, loading or using an encoder. No variant holds a patient identifier.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Classes asked of weights that have none.
    #[error("model {model}: expected a trained encoder with classes, found published weights")]
    NoClasses {
        /// The weights.
        model: String,
    },
    /// A specification that is not TOML, misses a key or has an unknown one.
    #[error("{}: {reason}", path.display())]
    Spec {
        /// The specification.
        path: PathBuf,
        /// What the parser said, with the line.
        reason: String,
    },
    /// A key of a specification outside its range.
    #[error("encoder specification {name}: {key}: expected {expected}, found {found}")]
    SpecValue {
        /// The name of the specification.
        name: String,
        /// The key.
        key: &'static str,
        /// The allowed values.
        expected: String,
        /// The value read.
        found: String,
    },
    /// Every broken rule of a label table, none left out.
    #[error("{} broken rules in the label tables:\n{}", violations.len(), violations.join("\n"))]
    Table {
        /// One line per rule: file, row, column, expected, found.
        violations: Vec<String>,
    },
    /// Weights whose SHA-256 is not the one that the manifest promises.
    #[error("model {model}: weights hash: expected {expected}, found {found}")]
    WeightsHash {
        /// The model, name@version.
        model: String,
        /// The hash in the manifest, hex.
        expected: String,
        /// The hash of the bytes, hex.
        found: String,
    },
    /// A manifest that does not describe an encoder of this crate.
    #[error("model {model}: manifest: {key}: expected {expected}, found {found}")]
    Manifest {
        /// The model, name@version, or the file before the name is known.
        model: String,
        /// The key.
        key: &'static str,
        /// What this crate reads.
        expected: String,
        /// What the manifest says.
        found: String,
    },
    /// A tensor that is absent or has another shape.
    #[error("model {model}: tensor {tensor}: expected {expected}, found {found}")]
    Tensor {
        /// The model, name@version.
        model: String,
        /// The tensor's name in the weights file.
        tensor: String,
        /// The expected shape.
        expected: String,
        /// The stored shape, or `absent`.
        found: String,
    },
    /// Starting weights that are not those of the network.
    #[error("{}: starting weights: {reason}", path.display())]
    InitialWeights {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// A checkpoint of another training.
    #[error("checkpoint {}: {key}: expected {expected}, found {found}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What differs.
        key: &'static str,
        /// This training's.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// A prepared image of another shape than the encoder was trained on.
    #[error("image {index}: expected {expected} (channels x height x width), found {found}")]
    Input {
        /// Position in the slice of images.
        index: usize,
        /// The encoder's input shape.
        expected: String,
        /// The image's shape.
        found: String,
    },
    /// A map whose number of values is not the product of its dimensions, or zero.
    #[error("map {shape:?} (images, height, width, channels): found {found} values")]
    MapLength {
        /// The declared shape.
        shape: [usize; 4],
        /// Values given.
        found: usize,
    },
    /// Every tensor of a weights file that an architecture cannot use or lacks, none left out.
    #[error("{} broken rules in the weights file:\n{}", faults.len(), faults.join("\n"))]
    Weights {
        /// One line per tensor: name, expected, found.
        faults: Vec<String>,
    },
    /// A name that is no architecture's.
    #[error("architecture: expected one of {expected}, found {found}")]
    UnknownArchitecture {
        /// The names.
        expected: String,
        /// The name read.
        found: String,
    },
    /// Images or a stage that an architecture does not take.
    #[error("{architecture}: expected {expected}, found {found}")]
    BackboneInput {
        /// The name of the architecture.
        architecture: &'static str,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An average over no views.
    #[error("a study without a single embedded image")]
    NoViews,
    /// Too few patients of a class to train or to stop early on.
    #[error("class {class}: expected at least {expected} training patients, found {found}")]
    TooFewPatients {
        /// The class.
        class: String,
        /// The least number that can be split.
        expected: usize,
        /// Patients found.
        found: usize,
    },
    /// No sample lies in a held-out fold.
    #[error("no unseen sample in the held-out folds {folds:?}")]
    NothingHeldOut {
        /// The held-out folds of the specification.
        folds: Vec<u32>,
    },
    /// A loss that is not a finite number.
    #[error("training diverged in epoch {epoch}: loss {loss}")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
    },
    /// The progress callback asked to stop.
    #[error("interrupted after epoch {epoch}")]
    Interrupted {
        /// Epochs done.
        epoch: usize,
    },
    /// An image that cannot be read or prepared.
    #[error(transparent)]
    Imaging(#[from] crate::imaging::Error),
    /// A word or id outside its rules.
    #[error(transparent)]
    Terms(#[from] crate::terms::Error),
    /// The thread that trains cannot be started.
    #[error("training thread: {0}")]
    Threads(String),
    /// The tensor library refused.
    #[error("tensors: {0}")]
    Candle(#[from] candle_core::Error),
    /// The weights file is not safetensors.
    #[error("weights file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// A manifest that is not JSON of the expected form.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
}
