use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::terms::PatientId;

use super::Error;
use super::fine_tuning_spec::{Architecture, Task};
use super::manifest::{
    EncoderManifest, InputShape, ManifestData, ManifestTraining, TrainingRowHash, WEIGHTS_FILE, kind_of,
};
use super::samples::{InputFile, hex};
use super::spec::EncoderSpec;
use super::train::{EpochReport, TrainedEncoder};
use super::typicality::Typicality;

/// The name of the training curves in a model folder.
const CURVES_FILE: &str = "curves.json";

/// Writes `<out_root>/<name>/<next version>/{manifest.json, weights.safetensors, curves.json, card.md}` and returns the
/// folder.
///
/// `held_out` is the caller's metrics object, stored as it is; objects with `estimate`, `lower95` and `upper95` in it
/// become lines of the card. The files are written to a temporary folder beside the versions and renamed, so a version
/// is whole or absent and is never overwritten.
///
/// # Errors
/// [`Error::Io`] when a file or folder cannot be written, [`Error::Json`] when the metrics cannot be encoded.
pub fn write_encoder(out_root: &Path, trained: &TrainedEncoder, held_out: &Value) -> Result<PathBuf, Error> {
    let record = Record {
        spec: &trained.spec,
        weights: trained.encoder.weights()?,
        training_patients: &trained.training_patients,
        n_images: trained.n_images,
        best: trained.best,
        curves: &trained.curves,
        inputs: &trained.inputs,
        typicality: trained.encoder.typicality().cloned(),
    };
    write_version(out_root, &record, held_out)
}

/// What a model folder says of a trained network.
pub(super) struct Record<'a> {
    pub spec: &'a EncoderSpec,
    pub weights: Vec<u8>,
    pub training_patients: &'a BTreeSet<PatientId>,
    pub n_images: usize,
    pub best: EpochReport,
    pub curves: &'a [EpochReport],
    pub inputs: &'a [InputFile],
    pub typicality: Option<Typicality>,
}

/// Writes the next version of a model.
pub(super) fn write_version(out_root: &Path, trained: &Record<'_>, held_out: &Value) -> Result<PathBuf, Error> {
    let parent = out_root.join(&trained.spec.name);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    std::fs::create_dir_all(&parent).map_err(io(&parent))?;
    let version = format!("{:04}", last_version(&parent)? + 1);
    let mut curves = serde_json::to_string_pretty(trained.curves)
        .map_err(|source| Error::Json { path: parent.join(CURVES_FILE), source })?;
    curves.push('\n');
    let files = [(WEIGHTS_FILE, trained.weights.as_slice()), (CURVES_FILE, curves.as_bytes())];
    let manifest = manifest_of(trained, &version, &files, held_out);
    let mut text = serde_json::to_string_pretty(&manifest)
        .map_err(|source| Error::Json { path: parent.join("manifest.json"), source })?;
    text.push('\n');
    let draft = parent.join(format!(".draft-{version}-{}", std::process::id()));
    std::fs::create_dir_all(&draft).map_err(io(&draft))?;
    let card = card_of(&manifest);
    for (name, bytes) in [("manifest.json", text.as_bytes()), ("card.md", card.as_bytes())].into_iter().chain(files) {
        let path = draft.join(name);
        std::fs::write(&path, bytes).map_err(io(&path))?;
    }
    let folder = parent.join(&version);
    // A rename onto a folder that is not empty fails, so a version written meanwhile is not overwritten.
    if let Err(source) = std::fs::rename(&draft, &folder) {
        std::fs::remove_dir_all(&draft).map_err(io(&draft))?;
        return Err(Error::Io { path: folder, source });
    }
    Ok(folder)
}

/// The highest version in a model's folder, 0 when there is none.
fn last_version(parent: &Path) -> Result<u32, Error> {
    let io = |source| Error::Io { path: parent.to_owned(), source };
    let mut last = 0;
    for entry in std::fs::read_dir(parent).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        last = name.to_str().and_then(|name| name.parse::<u32>().ok()).map_or(last, |version| last.max(version));
    }
    Ok(last)
}

fn manifest_of(trained: &Record<'_>, version: &str, files: &[(&str, &[u8])], held_out: &Value) -> EncoderManifest {
    let spec = trained.spec;
    let [channels, height, width] = spec.input_shape();
    let seed = spec.training.seed;
    EncoderManifest {
        name: spec.name.clone(),
        version: version.to_owned(),
        kind: kind_of(spec.kind).to_owned(),
        modality: spec.modality,
        architecture: spec.architecture.as_str().to_owned(),
        embedding_dim: spec.embedding_dim(),
        input: InputShape { channels, height, width },
        seed,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        spec: spec.clone(),
        data: ManifestData {
            files: trained.inputs.to_vec(),
            n_images: trained.n_images,
            n_patients: trained.training_patients.len(),
            licence: spec.dataset.licence.clone(),
            source: spec.dataset.source.clone(),
        },
        training: ManifestTraining {
            epochs_run: trained.curves.len(),
            best_epoch: trained.best.epoch,
            validation_auc: trained.best.smoothed.filter(|_| spec.kind == Task::Classification),
            validation_dice: trained.best.smoothed.filter(|_| spec.kind == Task::Segmentation),
        },
        training_row_hash: TrainingRowHash::new(&spec.name, version, seed, trained.training_patients),
        typicality: trained.typicality.clone(),
        files: files.iter().map(|(name, bytes)| ((*name).to_owned(), hex(&Sha256::digest(bytes)))).collect(),
        held_out: held_out.clone(),
    }
}

/// The model card in Markdown.
fn card_of(manifest: &EncoderManifest) -> String {
    let spec = &manifest.spec;
    let input = manifest.input;
    let mut card = format!("# {} version {}\n\n", manifest.name, manifest.version);
    let mut line = |text: String| {
        card.push_str(&text);
        card.push('\n');
    };
    line("Research use only. Not a medical device.\n".to_owned());
    line("## What it is\n".to_owned());
    let (network, course) = match (spec.architecture, &spec.fine_tuning.initial_weights) {
        (Architecture::Residual64, _) => ("residual network", "trained from scratch"),
        (Architecture::MobileNetV2, None) => ("convolutional network", "trained from scratch"),
        (Architecture::MobileNetV2, Some(_)) => ("convolutional network", "fine-tuned from ImageNet weights"),
    };
    let shape = format!("{} x {} x {}", input.channels, input.height, input.width);
    let what =
        format!("A {network} ({}), {course}. Input: one {} image, {shape}.", manifest.architecture, manifest.modality);
    line(match spec.kind {
        Task::Classification => format!(
            "{what} Output: an embedding of {} numbers. Task: {}. Classes: {}.\n",
            manifest.embedding_dim,
            spec.task,
            spec.classes.join(", ")
        ),
        Task::Segmentation => {
            format!("{what} Output: which pixels are lesion, and the box around them. Task: {}.\n", spec.task)
        }
    });
    line("## Data and licence\n".to_owned());
    line(format!("- Source: {}", manifest.data.source));
    line(format!("- Terms: {}", manifest.data.licence));
    for task in &spec.auxiliary {
        line(format!("- Learned beside it: {} (column {}, weight {})", task.name, task.column, task.weight));
    }
    if let Some(path) = &spec.fine_tuning.initial_weights {
        let licence = spec.fine_tuning.initial_licence.as_deref().unwrap_or("licence not stated");
        line(format!("- Starting weights: {path} ({licence})"));
    }
    line(format!(
        "- Fitted and stopped early on {} images of {} patients; held-out folds {:?} were never used.\n",
        manifest.data.n_images, manifest.data.n_patients, spec.dataset.folds.held_out
    ));
    line("## Figures on patients it never saw\n".to_owned());
    figures("", &manifest.held_out).into_iter().for_each(&mut line);
    let (best, run) = (manifest.training.best_epoch, manifest.training.epochs_run);
    let training = &manifest.training;
    let figure = training.validation_auc.map(|auc| (auc, "an area"));
    line(match figure.or(training.validation_dice.map(|dice| (dice, "a Dice coefficient"))) {
        Some((value, name)) => format!(
            "\nThe weights are those of epoch {best} of {run}, chosen by {name} of {value:.3} on training patients kept \
             aside; that figure chose the epoch and flatters.\n"
        ),
        None => format!("\nThe weights are those after {run} epochs, a number fixed beforehand.\n"),
    });
    line("## Limits\n".to_owned());
    spec.limits.iter().for_each(|limit| line(format!("- {limit}")));
    line(
        "- The manifest lists its training patients as salted hashes. The salt is published and the ids of a public cohort \
         can be enumerated, so the hashes recognise a patient; they do not hide one."
            .to_owned(),
    );
    card
}

/// One line per number, text or estimate in a metrics object, nested names joined by a slash.
fn figures(prefix: &str, value: &Value) -> Vec<String> {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64);
    if let (Some(estimate), Some(lower), Some(upper)) =
        (number(value, "estimate"), number(value, "lower95"), number(value, "upper95"))
    {
        return vec![format!("- {prefix}: {estimate:.3} (95 % interval {lower:.3} to {upper:.3})")];
    }
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| {
                figures(&if prefix.is_empty() { key.clone() } else { format!("{prefix}/{key}") }, inner)
            })
            .collect(),
        Value::Null | Value::Array(_) => Vec::new(),
        Value::String(text) => vec![format!("- {prefix}: {text}")],
        Value::Number(number) if number.is_f64() => {
            vec![format!("- {prefix}: {:.3}", number.as_f64().unwrap_or(f64::NAN))]
        }
        other => vec![format!("- {prefix}: {other}")],
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::network::ARCHITECTURE;
    use super::super::spec::tests::blobs;
    use super::super::train::tests::disc_samples;
    use super::super::{Encoder, train_encoder};
    use super::*;

    fn small() -> TrainedEncoder {
        let mut spec = blobs();
        spec.training.epochs = 1;
        train_encoder(&spec, &disc_samples(16, 1), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn a_written_encoder_reloads_and_embeds_the_same_numbers() {
        let (trained, root) = (small(), tempfile::tempdir().unwrap());
        let area = serde_json::json!({"n": 4, "auc_image": {"estimate": 0.9, "lower95": 0.8, "upper95": 1.0}});
        let first = write_encoder(root.path(), &trained, &area).unwrap();
        let second = write_encoder(root.path(), &trained, &area).unwrap();
        assert!(first.ends_with("blobs/0001") && second.ends_with("blobs/0002"));
        let read = |name: &str| std::fs::read(first.join(name)).unwrap();
        let encoder = Encoder::load(&read("manifest.json"), &read(WEIGHTS_FILE)).unwrap();
        let images: Vec<_> = disc_samples(4, 1).into_iter().map(|sample| sample.prepared).collect();
        assert_eq!(encoder.embed(&images).unwrap(), trained.encoder.embed(&images).unwrap());
        let card = String::from_utf8(read("card.md")).unwrap();
        assert!(card.contains("auc_image: 0.900 (95 % interval 0.800 to 1.000)"), "{card}");
        assert_eq!(std::fs::read_dir(root.path().join("blobs")).unwrap().count(), 2);
    }

    #[test]
    fn weights_with_a_wrong_hash_are_refused_by_model_expected_and_found() {
        let (trained, root) = (small(), tempfile::tempdir().unwrap());
        let folder = write_encoder(root.path(), &trained, &Value::Null).unwrap();
        let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
        let mut weights = std::fs::read(folder.join(WEIGHTS_FILE)).unwrap();
        let last = weights.len() - 1;
        weights[last] ^= 1;
        let error = Encoder::load(&manifest, &weights).unwrap_err();
        let (found, expected) = (hex(&Sha256::digest(&weights)), trained.encoder.weights_sha256().to_owned());
        assert_eq!(error.to_string(), format!("model blobs@0001: weights hash: expected {expected}, found {found}"));
    }

    #[test]
    fn a_manifest_of_another_architecture_is_refused() {
        let (trained, root) = (small(), tempfile::tempdir().unwrap());
        let folder = write_encoder(root.path(), &trained, &Value::Null).unwrap();
        let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
        let manifest = manifest.replacen(ARCHITECTURE, "resnet50", 1);
        let weights = std::fs::read(folder.join(WEIGHTS_FILE)).unwrap();
        let error = Encoder::load(manifest.as_bytes(), &weights).unwrap_err().to_string();
        assert!(error.contains("architecture: expected residual-64, found resnet50"), "{error}");
    }
}
