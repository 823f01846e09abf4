//! Fine-tuning of a MobileNetV2 whose batch normalisation is folded in: forward and backward passes, heads, training.

mod backbone;
mod depthwise;
mod heads;
pub(super) mod layers;
mod linear;
mod network;
mod optimiser;
mod parameters;
mod product;
mod targets;
mod training;
mod vectors;

pub(super) use network::FineTuned;
pub use training::TrainingFiles;
pub(super) use training::fine_tune;
