//! The arithmetic of convolutional encoders and transformers on the CPU, in single precision.
//!
//! Lives here: maps `[images, height, width, channels]`, the matrix product with packed weights, convolutions (as a
//! product of patches, by Winograd's minimal filtering, depthwise), pooling, layer normalisation and attention. SIMD
//! comes from pulp, which picks AVX-512, AVX2 or NEON when the program runs; threads come from rayon. May import
//! [`super::Error`] only. Deliberately absent: gradients (training has its own layers) and other devices (candle).
//!
//! Every output value is one chain of fused multiply-adds whose order depends on the shape of a single image, so the
//! bytes are the same on any number of threads and beside any other images.

mod activation;
mod aligned;
mod attention;
mod convolution;
mod depthwise;
mod feature_map;
mod inverted_residual;
mod layer_norm;
mod panels;
mod parallel;
mod patches;
mod pooling;
mod product;
mod row_source;
mod simd;
mod tile;
mod tokens;
mod winograd;
mod winograd_tiles;
mod workspace;

#[cfg(test)]
mod brute_force;

pub use activation::Activation;
pub use attention::attention;
pub use convolution::{Convolution, ConvolutionShape, Padding};
pub use feature_map::FeatureMap;
pub use inverted_residual::inverted_residual;
pub use layer_norm::LayerNorm;
pub use pooling::{MaxPool, channel_means, max_pool, scale_channels};
pub use tokens::{first_token, tokens};
pub use workspace::Workspace;
