//! The architectures of published image encoders, built from weights under their torchvision or timm names.
//!
//! Lives here: ResNet-18 and -50, ConvNeXt-T, ViT-S, MobileNetV2 (also as TensorFlow pads it), EfficientNet-B0, behind
//! one [`Backbone`]; each is written once over an engine: [`super::kernels`] on the CPU, candle on any other device.
//! May import [`super::kernels`] and candle. Deliberately absent: classifier heads, and weights themselves.

mod architecture;
mod backbone;
mod convnext;
mod cpu;
mod device;
mod efficientnet;
mod engine;
mod mobilenet;
mod positions;
mod resnet;
mod vit;
mod weights;

pub use architecture::{Architecture, InputSpec};
pub use backbone::Backbone;
pub use engine::Stage;
