use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::imaging::Preparation;
use crate::terms::Modality;

use super::Error;
use super::dataset_spec::DatasetSpec;
use super::fine_tuning_spec::{Architecture, AuxiliarySpec, FineTuningSpec, InputSpec, Task};

/// How one encoder is trained, as read from `models/specs/encoder-*.toml`. An unknown key is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSpec {
    /// The model's name: the folder under `models/`.
    pub name: String,
    /// The modality, which also decides how an image is prepared.
    pub modality: Modality,
    /// What the encoder is trained to tell apart, in words.
    pub task: String,
    /// The classes, in the order of the logits; at least two.
    pub classes: Vec<String>,
    /// The class whose probability is the score of an image.
    pub positive: String,
    /// Where images and labels come from.
    pub dataset: DatasetSpec,
    /// Optimiser, schedule and stopping.
    pub training: TrainingSpec,
    /// The network: `residual-64`, trained from scratch, or `mobilenet-v2`, fine-tuned from ImageNet.
    #[serde(default)]
    pub architecture: Architecture,
    /// What the network learns: `classification` of images or `segmentation` of the lesion.
    #[serde(default)]
    pub kind: Task,
    /// Size of a prepared image and margin around a lesion; the modality decides where it is absent.
    #[serde(default)]
    pub input: InputSpec,
    /// How a pretrained network is trained further; only with `mobilenet-v2`.
    #[serde(default)]
    pub fine_tuning: FineTuningSpec,
    /// Further tasks learned beside the classes; only with `mobilenet-v2`.
    #[serde(default)]
    pub auxiliary: Vec<AuxiliarySpec>,
    /// Random changes of a training image.
    #[serde(default)]
    pub augment: AugmentSpec,
    /// Sentences of the model card that only a person can write: what the data cannot tell.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// Optimiser, schedule and stopping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// The seed of every random choice.
    pub seed: u64,
    /// The most epochs.
    pub epochs: usize,
    /// Epochs over which the inner validation AUC is averaged before it chooses the epoch; 1 takes it as it is. With a
    /// few dozen validation patients it jumps by several hundredths from one epoch to the next.
    #[serde(default = "one")]
    pub smoothed_epochs: usize,
    /// Epochs without a better inner validation AUC before stopping.
    pub patience: usize,
    /// Images per step.
    pub batch_size: usize,
    /// Peak learning rate of AdamW; it falls to a hundredth along a cosine after a short linear rise.
    pub learning_rate: f64,
    /// Decoupled weight decay of the kernels.
    pub weight_decay: f64,
    /// Fraction of the training patients kept aside, by class, for early stopping; 0 trains on all of them for exactly
    /// `epochs` epochs and keeps the last weights.
    pub validation_fraction: f64,
    /// Probability of dropping an embedding coordinate before the head.
    #[serde(default)]
    pub dropout: f64,
    /// Probability mass spread over all classes.
    #[serde(default)]
    pub label_smoothing: f64,
}

/// Random changes of a training image; each is drawn anew for every image and epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentSpec {
    /// Mirror left and right with probability one half.
    pub flip_horizontal: bool,
    /// Mirror top and bottom with probability one half.
    pub flip_vertical: bool,
    /// Largest shift, as a fraction of each side.
    pub shift: f64,
    /// Largest zoom in or out, as a fraction.
    pub zoom: f64,
    /// Largest rotation in degrees.
    pub rotate_degrees: f64,
    /// Largest relative change of contrast.
    pub contrast: f64,
    /// Largest change of brightness, on the [0, 1] scale.
    pub brightness: f64,
    /// Largest logarithm of the exponent of a power law on intensities: 0.2 draws exponents from 0.82 to 1.22.
    #[serde(skip_serializing_if = "is_zero")]
    pub gamma: f64,
    /// Largest standard deviation of white noise, on the [0, 1] scale.
    #[serde(skip_serializing_if = "is_zero")]
    pub noise: f64,
    /// Largest standard deviation of a Gaussian blur, in pixels of the prepared image.
    #[serde(skip_serializing_if = "is_zero")]
    pub blur: f64,
    /// Largest side of a rectangle that is blanked with its mean, as a fraction of the image's side; drawn for every
    /// second image.
    #[serde(skip_serializing_if = "is_zero")]
    pub erase: f64,
    /// Largest shift and change of size of the lesion box before the image is cut, as a fraction of the box; only for
    /// ultrasound with a mask.
    #[serde(skip_serializing_if = "is_zero")]
    pub crop_jitter: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn one() -> usize {
    1
}

impl EncoderSpec {
    /// Reads and checks a specification file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Spec`] for TOML that misses a key or has an unknown one, [`Error::SpecValue`] for a value
    /// outside its range.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads and checks the text of a specification; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::Spec`], [`Error::SpecValue`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let spec: Self =
            toml::from_str(text).map_err(|e| Error::Spec { path: path.to_owned(), reason: e.to_string() })?;
        spec.check()?;
        Ok(spec)
    }

    /// The position of the positive class.
    #[must_use]
    pub fn positive_class(&self) -> usize {
        self.classes.iter().position(|class| *class == self.positive).unwrap_or(0)
    }

    /// Channels, height and width of a prepared image: the modality's unless `input.side` says otherwise.
    #[must_use]
    pub fn input_shape(&self) -> [usize; 3] {
        let (channels, side) = match self.modality {
            Modality::Ultrasound => (1, 64),
            Modality::Mri => (3, 64),
            Modality::Mammography => (1, 96),
        };
        let side = self.input.side.unwrap_or(side);
        [channels, side, side]
    }

    /// Length of an embedding; 0 for a segmentation, which makes none.
    #[must_use]
    pub fn embedding_dim(&self) -> usize {
        match (self.kind, self.architecture) {
            (Task::Segmentation, _) => 0,
            (_, Architecture::Residual64) => super::encoder::EMBEDDING_DIM,
            (_, Architecture::MobileNetV2) => self.fine_tuning.embedding_dim,
        }
    }

    /// The error of a specification whose kind is not the one that is trained.
    pub(super) fn another_kind(&self, wanted: Task) -> Error {
        let word = |task: Task| if task == Task::Classification { "classification" } else { "segmentation" };
        Error::SpecValue {
            name: self.name.clone(),
            key: "kind",
            expected: word(wanted).to_owned(),
            found: word(self.kind).to_owned(),
        }
    }

    /// How an image is prepared for the network.
    #[must_use]
    pub fn preparation(&self) -> Preparation {
        let [_, side, _] = self.input_shape();
        Preparation { side, margin: self.input.margin }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |key: &'static str, expected: &str, found: String| {
            Err(Error::SpecValue { name: self.name.clone(), key, expected: expected.to_owned(), found })
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return wrong("name", "lower-case letters, digits and -", self.name.clone());
        }
        if self.classes.len() < 2 || !self.classes.contains(&self.positive) {
            return wrong("positive", "one of at least two classes", self.positive.clone());
        }
        if let Some(class) = self.dataset.label.levels.values().find(|class| !self.classes.contains(class)) {
            return wrong("dataset.label.levels", "classes of this specification", class.clone());
        }
        let patient = &self.dataset.patient;
        if patient.namespace.is_some() == patient.namespaces.is_some() {
            return wrong("dataset.patient", "namespace or namespaces", "both or neither".to_owned());
        }
        let folds = &self.dataset.folds;
        if folds.column.is_some() == folds.count.is_some() {
            return wrong("dataset.folds", "column or count", "both or neither".to_owned());
        }
        if folds.count.is_some_and(|count| folds.held_out.iter().any(|&f| f < 1 || f > count)) {
            return wrong("dataset.folds.held_out", "folds in 1..=count", format!("{:?}", folds.held_out));
        }
        let t = &self.training;
        if t.epochs == 0 || t.patience == 0 || t.smoothed_epochs == 0 || t.batch_size < 2 {
            return wrong("training", "epochs, patience, smoothed_epochs >= 1 and batch_size >= 2", format!("{t:?}"));
        }
        for (key, value, most) in [
            ("training.validation_fraction", t.validation_fraction, 0.5),
            ("training.dropout", t.dropout, 0.9),
            ("training.label_smoothing", t.label_smoothing, 0.5),
            ("training.learning_rate", t.learning_rate, 1.0),
            ("training.weight_decay", t.weight_decay, 1.0),
            ("augment.shift", self.augment.shift, 0.5),
            ("augment.zoom", self.augment.zoom, 0.5),
            ("augment.rotate_degrees", self.augment.rotate_degrees, 180.0),
            ("augment.contrast", self.augment.contrast, 0.9),
            ("augment.brightness", self.augment.brightness, 0.5),
            ("augment.gamma", self.augment.gamma, 1.0),
            ("augment.noise", self.augment.noise, 0.5),
            ("augment.blur", self.augment.blur, 4.0),
            ("augment.erase", self.augment.erase, 0.9),
            ("augment.crop_jitter", self.augment.crop_jitter, 0.5),
            ("input.margin", self.input.margin, 2.0),
            ("fine_tuning.backbone_rate", self.fine_tuning.backbone_rate, 1.0),
            ("fine_tuning.warm_up_epochs", self.fine_tuning.warm_up_epochs, 100.0),
            ("fine_tuning.clip_norm", self.fine_tuning.clip_norm, 1e6),
            ("fine_tuning.ema", self.fine_tuning.ema, 0.99999),
        ] {
            let least = if key == "training.learning_rate" { 1e-6 } else { 0.0 };
            if !(least..=most).contains(&value) {
                return wrong(key, &format!("a number in [{least}, {most}]"), value.to_string());
            }
        }
        self.check_fine_tuning()
    }

    /// The rules of the keys that go with the architecture.
    fn check_fine_tuning(&self) -> Result<(), Error> {
        let wrong = |key: &'static str, expected: &str, found: String| {
            Err(Error::SpecValue { name: self.name.clone(), key, expected: expected.to_owned(), found })
        };
        let tuning = &self.fine_tuning;
        let plain = self.architecture == Architecture::Residual64;
        if plain && (*tuning != FineTuningSpec::default() || !self.auxiliary.is_empty() || self.kind != Task::default())
        {
            return wrong(
                "architecture",
                "mobilenet-v2 for fine_tuning, auxiliary or segmentation",
                "residual-64".into(),
            );
        }
        if tuning.chunk == 0 || tuning.embedding_dim == 0 || tuning.embedding_dim > 1024 {
            return wrong("fine_tuning", "chunk >= 1 and embedding_dim in 1..=1024", format!("{tuning:?}"));
        }
        if self.input.side.is_some_and(|side| !(32..=512).contains(&side) || side % 32 != 0) {
            return wrong("input.side", "a multiple of 32 in [32, 512]", format!("{:?}", self.input.side));
        }
        let cut = self.modality == Modality::Ultrasound && self.dataset.mask.is_some() && !self.input.whole;
        if self.augment.crop_jitter > 0.0 && (plain || !cut || self.kind == Task::Segmentation) {
            return wrong(
                "augment.crop_jitter",
                "0 unless mobilenet-v2 sees lesion boxes",
                self.augment.crop_jitter.to_string(),
            );
        }
        if self.kind == Task::Segmentation && (self.dataset.mask.is_none() || !self.auxiliary.is_empty()) {
            return wrong("kind", "dataset.mask and no auxiliary task", "segmentation".into());
        }
        for task in &self.auxiliary {
            if let Some(found) = task.broken_rule() {
                return wrong(
                    "auxiliary",
                    "a name of letters, digits and -, weight > 0, and levels for a class only",
                    found,
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::embed) const TEXT: &str = r#"
name = "blobs"
modality = "ultrasound"
task = "bright against dark blobs"
classes = ["dark", "bright"]
positive = "bright"
[dataset]
root = "blobs"
table = "labels.csv"
image = "{id}.png"
licence = "synthetic"
source = "generated"
[dataset.patient]
column = "patient"
rule = "whole"
namespace = "blobs"
[dataset.label]
column = "bright"
levels = { 0 = "dark", 1 = "bright" }
[dataset.folds]
count = 4
held_out = [4]
[training]
seed = 7
epochs = 6
patience = 6
batch_size = 8
learning_rate = 0.003
weight_decay = 0.01
validation_fraction = 0.2
"#;

    /// What makes the specification one of a fine-tuned network with attention and two more tasks.
    pub(in crate::embed) const MULTITASK: &str = r#"
[input]
side = 32
[fine_tuning]
embedding_dim = 8
pooling = "attention"
chunk = 4
ema = 0.9
clip_norm = 5.0
[[auxiliary]]
name = "shade"
column = "shade"
kind = "class"
levels = { a = "light", b = "middle", c = "strong" }
missing = [""]
weight = 0.5
[[auxiliary]]
name = "radius"
column = "radius"
kind = "number"
transform = "log1p"
missing = [""]
weight = 0.25
"#;

    /// [`TEXT`] and [`MULTITASK`] together.
    pub(in crate::embed) fn multitask() -> EncoderSpec {
        let text = TEXT.replace("positive", "architecture = \"mobilenet-v2\"\npositive");
        EncoderSpec::parse(&format!("{text}{MULTITASK}"), Path::new("blobs.toml")).unwrap()
    }

    pub(in crate::embed) fn blobs() -> EncoderSpec {
        EncoderSpec::parse(TEXT, Path::new("blobs.toml")).unwrap()
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let text = TEXT.replace("epochs = 6", "epochs = 6\nepoch = 6");
        let error = EncoderSpec::parse(&text, Path::new("blobs.toml")).unwrap_err().to_string();
        assert!(error.contains("blobs.toml") && error.contains("unknown field `epoch`"), "{error}");
    }

    #[test]
    fn a_value_outside_its_range_is_an_error_that_names_key_and_range() {
        for (from, to, key) in [
            ("held_out = [4]", "held_out = [5]", "dataset.folds.held_out"),
            ("validation_fraction = 0.2", "validation_fraction = 0.9", "training.validation_fraction"),
            ("positive = \"bright\"", "positive = \"blue\"", "positive"),
            ("[dataset]\n", "[input]\nside = 100\n[dataset]\n", "input.side"),
            ("[dataset]\n", "kind = \"segmentation\"\n[dataset]\n", "architecture"),
            ("[dataset]\n", "[fine_tuning]\nema = 0.9\n[dataset]\n", "architecture"),
            ("[dataset]\n", "[augment]\ncrop_jitter = 0.1\n[dataset]\n", "augment.crop_jitter"),
        ] {
            let error = EncoderSpec::parse(&TEXT.replace(from, to), Path::new("b.toml")).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_specification_from_before_fine_tuning_means_what_it_meant() {
        let spec = blobs();
        assert_eq!((spec.architecture, spec.kind), (Architecture::Residual64, Task::Classification));
        assert_eq!((spec.input_shape(), spec.embedding_dim(), spec.input.margin), ([1, 64, 64], 32, 0.2));
        let spec = multitask();
        assert_eq!((spec.input_shape(), spec.embedding_dim()), ([1, 32, 32], 8));
        assert_eq!(spec.auxiliary[0].classes(), ["light", "middle", "strong"]);
        assert_eq!(spec.auxiliary[0].value("b"), Ok(Some(1.0)));
        assert_eq!(spec.auxiliary[1].value("0"), Ok(Some(0.0)));
        assert_eq!(spec.auxiliary[1].value(""), Ok(None));
        assert!(spec.auxiliary[0].value("d").is_err() && spec.auxiliary[1].value("-2").is_err());
    }

    #[test]
    fn the_shipped_specifications_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/specs");
        for name in ["encoder-us-busbra", "encoder-mri-ispy", "encoder-mg-mias"] {
            let path = folder.join(format!("{name}.toml"));
            if path.is_file() {
                EncoderSpec::read(&path).unwrap();
            } else {
                println!("skipped: {} is absent", path.display());
            }
        }
    }
}
