use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::{Error, Progress};
use crate::embed::{
    Encoder, EncoderSpec, HeldOut, Localiser, LocatedHeldOut, Sample, TrainingFiles, evaluate, evaluate_localiser,
    held_out_per_patient, load_samples, train_encoder_with, train_localiser,
};
use crate::imaging::{LesionBox, Prepared, Raster, detect_overlay, prepare_ultrasound};
use crate::stats::{self, bootstrap};
use crate::terms::{Estimate, PatientId};

/// Resamples of patients behind the intervals of an encoder's figures.
pub(super) const N_RESAMPLES: usize = 2000;

/// Every held-out image of a cross-validation under one way of showing it to the network.
type Shown = BTreeMap<&'static str, Vec<HeldOut>>;

/// Cross-validates an encoder over the folds of its data set: each fold in turn is predicted by a network that never saw
/// its patients, neither for fitting nor for stopping. With a localiser's specification a localiser is trained in the same
/// fold, and the images are also read as a hospital sends them: the whole image, the lesion found by the localiser.
///
/// The figures pool the folds: AUC of every class against the rest, per image and per patient, with 95 % percentile
/// bootstrap intervals over patients; per fold without. For images that come with a lesion box also with burned-in text and
/// calipers painted over, by which a network that reads them would betray itself.
///
/// # Errors
/// [`Error::Embed`] for a broken specification, table or image, or a data set without folds; [`Error::Interrupted`].
pub fn cross_validate_encoder(
    spec: &Path,
    localiser: Option<&Path>,
    data: &Path,
    progress: &dyn Progress,
) -> Result<Value, Error> {
    let mut spec = EncoderSpec::read(spec)?;
    let mut finder = localiser.map(EncoderSpec::read).transpose()?;
    let samples = load_samples(&spec, data)?;
    let whole = finder.as_ref().map(|finder| load_samples(finder, data)).transpose()?;
    let folds: BTreeSet<u32> = samples.iter().filter_map(|sample| sample.fold).collect();
    let files = TrainingFiles { data: Some(data.to_owned()), checkpoint: None };
    let epochs = spec.training.epochs + finder.as_ref().map_or(0, |finder| finder.training.epochs);
    let total = folds.len() * epochs;
    let mut done = 0;
    let (mut shown, mut located, mut per_fold) = (Shown::new(), Vec::new(), Vec::new());
    for &fold in &folds {
        spec.dataset.folds.held_out = vec![fold];
        let mut report = |_: &crate::embed::EpochReport| {
            done += 1;
            progress.step("epochs", done, total);
            if progress.interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let trained = train_encoder_with(&spec, &samples, &files, &mut report)?;
        let seen = |patient: &PatientId| trained.training_patients.contains(patient);
        let own = evaluate(&trained.encoder, &spec, &samples, &seen)?.rows;
        per_fold.push(json!({ "fold": fold, "n": own.len(), "classes": point_figures(&spec, &own) }));
        shown.entry("images").or_default().extend(own);
        let unseen: Vec<&Sample> = samples.iter().filter(|sample| sample.fold == Some(fold)).collect();
        if unseen.iter().all(|sample| sample.whole.is_some()) {
            let painted = |image: &Raster, lesion| Some((without_overlay(image), Some(lesion)));
            let rows = read_again(&trained.encoder, &spec, &unseen, &painted)?;
            shown.entry("text_removed").or_default().extend(rows);
            let bare = |image: &Raster, _| Some((image.clone(), None));
            shown.entry("whole_image_no_localiser").or_default().extend(read_again(
                &trained.encoder,
                &spec,
                &unseen,
                &bare,
            )?);
        }
        if let (Some(finder), Some(whole)) = (&mut finder, &whole) {
            finder.dataset.folds.held_out = vec![fold];
            let found = train_localiser(finder, whole, &files, &mut report)?;
            let seen = |patient: &PatientId| found.training_patients.contains(patient);
            located.extend(evaluate_localiser(&found.localiser, finder, whole, &seen)?.0);
            let find = |image: &Raster, _| located_box(&found.localiser, image);
            shown.entry("whole_image").or_default().extend(read_again(&trained.encoder, &spec, &unseen, &find)?);
        }
    }
    let mut figures = Map::new();
    for (name, rows) in &shown {
        figures.insert((*name).to_owned(), interval_figures(&spec, rows));
    }
    let images = shown.get("images").map(Vec::as_slice).unwrap_or_default();
    Ok(json!({
        "method": format!(
            "out-of-fold predictions of {} folds, pooled; 95 % percentile bootstrap over patients, {N_RESAMPLES} resamples",
            folds.len()
        ),
        "n": images.len(),
        "n_patients": held_out_per_patient(images).len(),
        "figures": figures,
        "localiser": localiser_figures(&located, spec.training.seed),
        "folds": per_fold,
    }))
}

/// The image and the box that the localiser finds in it; the whole image where it finds none.
fn located_box(localiser: &Localiser, image: &Raster) -> Option<(Raster, Option<LesionBox>)> {
    Some((image.clone(), localiser.locate(image).ok()?.lesion))
}

/// The image with what [`detect_overlay`] finds in it painted over by the mean of the other pixels around.
fn without_overlay(image: &Raster) -> Raster {
    let overlay = detect_overlay(image);
    let grey = image.to_grey();
    let mut out = grey.clone();
    const REACH: usize = 6;
    for at in (0..overlay.mask.len()).filter(|at| overlay.mask[*at]) {
        let (row, column) = (at / grey.columns, at % grey.columns);
        let (mut sum, mut count) = (0.0, 0usize);
        for y in row.saturating_sub(REACH)..(row + REACH + 1).min(grey.rows) {
            for x in column.saturating_sub(REACH)..(column + REACH + 1).min(grey.columns) {
                if !overlay.mask[y * grey.columns + x] {
                    sum += grey.pixels[y * grey.columns + x];
                    count += 1;
                }
            }
        }
        out.pixels[at] = if count > 0 { sum / count as f32 } else { 0.0 };
    }
    out
}

/// How an image is shown to the network: what `change` makes of it and of the reader's box.
type Change<'a> = dyn Fn(&Raster, LesionBox) -> Option<(Raster, Option<LesionBox>)> + Sync + 'a;

/// Predictions for samples whose whole image is at hand, each image changed first.
fn read_again(
    encoder: &Encoder,
    spec: &EncoderSpec,
    samples: &[&Sample],
    change: &Change<'_>,
) -> Result<Vec<HeldOut>, Error> {
    let prepared: Vec<(&Sample, Prepared)> = samples
        .par_iter()
        .filter_map(|sample| {
            let (image, lesion) = sample.whole.as_ref()?;
            let (image, lesion) = change(image, *lesion)?;
            Some((*sample, prepare_ultrasound(&image, lesion, spec.preparation()).0))
        })
        .collect();
    let images: Vec<&Prepared> = prepared.iter().map(|(_, image)| image).collect();
    let positive = spec.positive_class();
    let probabilities = encoder.class_probabilities(&images)?;
    Ok(prepared
        .iter()
        .zip(probabilities)
        .map(|((sample, _), class_probabilities)| HeldOut {
            patient: sample.patient.clone(),
            label: sample.label == positive,
            score: f64::from(class_probabilities.get(positive).copied().unwrap_or(0.0)),
            class: sample.label,
            class_probabilities,
        })
        .collect())
}

/// One class of the rows as a two-class problem.
fn against_rest(rows: &[HeldOut], class: usize) -> Vec<HeldOut> {
    let of = |row: &HeldOut| HeldOut {
        label: row.class == class,
        score: f64::from(row.class_probabilities.get(class).copied().unwrap_or(0.0)),
        ..row.clone()
    };
    rows.iter().map(of).collect()
}

fn point_figures(spec: &EncoderSpec, rows: &[HeldOut]) -> Value {
    let point = |rows: &[HeldOut]| {
        let (y, score): (Vec<bool>, Vec<f64>) = rows.iter().map(|row| (row.label, row.score)).unzip();
        stats::roc_auc_value(&y, &score).ok()
    };
    let by_patient = held_out_per_patient(rows);
    each_class(
        spec,
        |class| json!({"auc_image": point(&against_rest(rows, class)), "auc_patient": point(&against_rest(&by_patient, class))}),
    )
}

/// The AUC of every class against the rest, per image and per patient, with intervals.
pub(super) fn interval_figures(spec: &EncoderSpec, rows: &[HeldOut]) -> Value {
    let by_patient = held_out_per_patient(rows);
    let seed = spec.training.seed;
    each_class(spec, |class| {
        json!({
            "auc_image": auc(&against_rest(rows, class), seed),
            "auc_patient": auc(&against_rest(&by_patient, class), seed),
        })
    })
}

/// The figures of every class, of the positive one alone where there are two.
fn each_class(spec: &EncoderSpec, figures: impl Fn(usize) -> Value) -> Value {
    let chosen = (0..spec.classes.len()).filter(|class| spec.classes.len() > 2 || *class == spec.positive_class());
    let named = chosen.filter_map(|class| Some((spec.classes.get(class)?.clone(), figures(class))));
    Value::Object(named.collect())
}

/// Dice and intersection over union of held-out masks, with intervals.
pub(super) fn localiser_figures(rows: &[LocatedHeldOut], seed: u64) -> Value {
    if rows.is_empty() {
        return Value::Null;
    }
    let patients: Vec<&PatientId> = rows.iter().map(|row| &row.patient).collect();
    let mean = |of: fn(&LocatedHeldOut) -> f64| {
        clustered(&patients, seed, |drawn| {
            let values: Vec<f64> = drawn.iter().filter_map(|at| rows.get(*at)).map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        })
    };
    let none = rows.iter().filter(|row| row.lesion.is_none()).count();
    json!({
        "n": rows.len(),
        "dice": mean(|row| row.dice),
        "box_iou": mean(|row| row.box_iou),
        "dice_below_half": mean(|row| f64::from(u8::from(row.dice < 0.5))),
        "nothing_found": none,
    })
}

/// The AUC of held-out rows, resampling whole patients; `None` where it is not defined.
fn auc(rows: &[HeldOut], seed: u64) -> Option<Estimate> {
    let patients: Vec<&PatientId> = rows.iter().map(|row| &row.patient).collect();
    clustered(&patients, seed, |drawn| {
        let (y, score): (Vec<bool>, Vec<f64>) =
            drawn.iter().filter_map(|&at| rows.get(at)).map(|row| (row.label, row.score)).unzip();
        stats::roc_auc_value(&y, &score).ok()
    })
}

/// A figure of rows with its interval, whole patients resampled.
fn clustered(patients: &[&PatientId], seed: u64, figure: impl Fn(&[usize]) -> Option<f64> + Sync) -> Option<Estimate> {
    let mut of_patient: BTreeMap<&PatientId, Vec<usize>> = BTreeMap::new();
    for (at, patient) in patients.iter().enumerate() {
        of_patient.entry(patient).or_default().push(at);
    }
    let clusters: Vec<Vec<usize>> = of_patient.into_values().collect();
    let drawn = |chosen: &[usize]| -> Vec<usize> {
        chosen.iter().filter_map(|&c| clusters.get(c)).flatten().copied().collect()
    };
    let (lower95, upper95) = bootstrap(clusters.len(), N_RESAMPLES, seed, |chosen| figure(&drawn(chosen)))?;
    let all: Vec<usize> = (0..patients.len()).collect();
    Some(Estimate { estimate: figure(&all)?, lower95, upper95 })
}
