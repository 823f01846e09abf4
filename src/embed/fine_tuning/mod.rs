//! Further training of a MobileNetV2 that starts from ImageNet: an image's class, further tasks, or the lesion's mask.
//!
//! Lives here: the layers under torchvision's names with TensorFlow's padding, their forward and backward passes written
//! out for one thread, the heads and the decoder on candle's graph, AdamW, the training loop and its checkpoints. All
//! parameters lie in one flat vector, so that gradients, moments and averages are vectors too. Deliberately absent: batch
//! normalisation (folded into the weights before training starts) and any other backbone.
//!
//! A batch is cut into chunks of a few images; each chunk runs on one thread and the gradients are added in the order of
//! the chunks, so the result does not depend on the number of threads.

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
