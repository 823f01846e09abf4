use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The network of an encoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// A small residual network trained from scratch, 32 numbers.
    #[default]
    #[serde(rename = "residual-64")]
    Residual64,
    /// MobileNetV2 1.0, fine-tuned.
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2,
}

impl Architecture {
    /// The name in specifications and manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Residual64 => super::network::ARCHITECTURE,
            Self::MobileNetV2 => "mobilenet-v2",
        }
    }
}

/// What a network learns from an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Its class.
    #[default]
    Classification,
    /// Which pixels are lesion; needs `dataset.mask`.
    Segmentation,
}

/// Size of a prepared image and what of it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputSpec {
    /// Side of the square in pixels, a multiple of 32; absent: 64, and 96 for mammograms.
    pub side: Option<usize>,
    /// Margin on each side of a lesion box, as a fraction of its size.
    pub margin: f64,
    /// Show the whole image though there is a mask.
    pub whole: bool,
}

impl Default for InputSpec {
    fn default() -> Self {
        Self { side: None, margin: 0.2, whole: false }
    }
}

/// How the images of one patient become one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean of their embeddings.
    #[default]
    Mean,
    /// Gated attention, trained jointly: the loss is that of the images plus that of the patients.
    Attention,
}

/// How a pretrained network is trained further.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuningSpec {
    /// A quantised TensorFlow Lite MobileNetV2 with the starting weights, relative to the data folder; absent: random ones.
    pub initial_weights: Option<String>,
    /// Licence and origin of the starting weights, for the card.
    pub initial_licence: Option<String>,
    /// Length of an embedding.
    pub embedding_dim: usize,
    /// Learning rate of the pretrained layers as a fraction of that of the new ones.
    pub backbone_rate: f64,
    /// Epochs over which the learning rate rises to its peak.
    pub warm_up_epochs: f64,
    /// Longest gradient; a longer one is shortened to it. 0: never.
    pub clip_norm: f64,
    /// Decay of the moving average of the weights per step; the average is what is evaluated and saved. 0: the weights as
    /// they stand.
    pub ema: f64,
    /// Images whose gradient is computed together, on one thread; part of what fixes the bytes of the result.
    pub chunk: usize,
    /// From the images of a patient to one answer.
    pub pooling: Pooling,
    /// Average over each image and its mirror image when embedding.
    pub mirror: bool,
}

impl Default for FineTuningSpec {
    fn default() -> Self {
        Self {
            initial_weights: None,
            initial_licence: None,
            embedding_dim: 64,
            backbone_rate: 0.1,
            warm_up_epochs: 2.0,
            clip_norm: 0.0,
            ema: 0.0,
            chunk: 4,
            pooling: Pooling::Mean,
            mirror: false,
        }
    }
}

/// What an auxiliary task predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuxiliaryKind {
    /// One of its levels.
    Class,
    /// A number, standardised on the training images.
    Number,
}

/// What is done to a number before it is standardised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Nothing.
    #[default]
    None,
    /// log(1 + x), for amounts.
    Log1p,
}

/// A task learned beside the classes; a row whose value is missing does not count in its loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuxiliarySpec {
    /// Its name in weights, figures and the card.
    pub name: String,
    /// The column of the label tables.
    pub column: String,
    /// Class or number.
    pub kind: AuxiliaryKind,
    /// Value of the column to class; for a class.
    #[serde(default)]
    pub levels: BTreeMap<String, String>,
    /// Values that mean unknown.
    #[serde(default)]
    pub missing: Vec<String>,
    /// For a number.
    #[serde(default)]
    pub transform: Transform,
    /// Weight of its loss against that of the classes.
    pub weight: f64,
}

impl AuxiliarySpec {
    /// The classes in the order of their logits: by name.
    #[must_use]
    pub fn classes(&self) -> Vec<&str> {
        let classes: std::collections::BTreeSet<&str> = self.levels.values().map(String::as_str).collect();
        classes.into_iter().collect()
    }

    /// Outputs of its head.
    pub(super) fn outputs(&self) -> usize {
        if self.kind == AuxiliaryKind::Class { self.classes().len() } else { 1 }
    }

    /// The class number or the transformed number of a field; `Ok(None)` when it is missing, `Err` says what was expected.
    pub(super) fn value(&self, field: &str) -> Result<Option<f64>, String> {
        if self.missing.iter().any(|missing| missing == field) {
            return Ok(None);
        }
        let expected = |what: &str| format!("column {}: expected {what}, found `{field}`", self.column);
        match self.kind {
            AuxiliaryKind::Class => {
                let class = self.levels.get(field);
                let position = class.and_then(|class| self.classes().iter().position(|known| known == class));
                let known = self.levels.keys().cloned().collect::<Vec<_>>().join(", ");
                position.map(|k| Some(k as f64)).ok_or_else(|| expected(&format!("one of {known}")))
            }
            AuxiliaryKind::Number => {
                let number = field.parse::<f64>().ok().filter(|x| x.is_finite());
                let number = number.map(|x| if self.transform == Transform::Log1p { x.ln_1p() } else { x });
                number.filter(|x| x.is_finite()).map(Some).ok_or_else(|| expected("a number"))
            }
        }
    }

    /// What breaks a rule of the task, if anything does.
    pub(super) fn broken_rule(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named = !self.name.is_empty() && self.name.chars().all(plain);
        let levels = match self.kind {
            AuxiliaryKind::Class => self.classes().len() >= 2 && self.transform == Transform::None,
            AuxiliaryKind::Number => self.levels.is_empty(),
        };
        let weighted = self.weight > 0.0 && self.weight.is_finite();
        (!(named && levels && weighted)).then(|| format!("{self:?}"))
    }
}
