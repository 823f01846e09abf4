//! Fine-tuning of a MobileNetV2 whose batch normalisation is folded in: forward and backward passes, heads, training.

mod backbone;
mod checkpoint;
mod classification;
mod decoder;
mod depthwise;
mod heads;
pub(super) mod layers;
mod linear;
mod network;
mod optimiser;
mod parameters;
mod product;
mod segmentation;
mod targets;
mod tensors;
mod training;
mod vectors;

pub(super) use classification::Classification;
pub(super) use network::FineTuned;
pub(super) use segmentation::{Segmentation, SegmentationNetwork};
pub use training::TrainingFiles;
pub(super) use training::fine_tune;
