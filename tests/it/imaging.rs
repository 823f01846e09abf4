//! Images to embeddings through the binary: the same bytes on any number of threads, reuse, previews, de-identification,
//! and where the encoder looked in the report.

use std::fs;
use std::path::{Path, PathBuf};

use regimen::embed::Encoder;
use regimen::imaging::Prepared;
use regimen::tables::read_table;
use safetensors::SafeTensors;
use sha2::Digest;

use crate::support::{regimen, root, text};

/// A demo of synthetic patients with DICOM files.
fn demo(folder: &Path) -> PathBuf {
    let out = folder.join("demo");
    let ran = regimen(["demo", "--no-serve", "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    out
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn embedding_is_the_same_on_any_threads_reuses_and_shows_what_the_network_saw() {
    let folder = tempfile::tempdir().unwrap();
    let out = demo(folder.path());
    let studies = text(&out.join("studies.arrow"));
    let (one, two) = (folder.path().join("one.arrow"), folder.path().join("two.arrow"));
    let first = regimen(["embed", &studies, "--out", &text(&one), "--threads", "1"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let seen = folder.path().join("seen");
    let second = regimen(["embed", &studies, "--out", &text(&two), "--threads", "2", "--preview", &text(&seen)]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let bytes = fs::read(&one).unwrap();
    assert!(bytes == fs::read(&two).unwrap(), "two runs on other threads differ");
    let again = regimen(["embed", &studies, "--out", &text(&one)]);
    assert!(again.stdout.contains(": 0 embedded,"), "{}", again.stdout);
    assert!(bytes == fs::read(&one).unwrap(), "reuse changes nothing");
    let previews = files(&seen);
    assert!(previews.len() > 50 && previews.iter().all(|path| path.extension().is_some_and(|e| e == "png")));
    assert!(previews.iter().all(|path| !text(path).contains("DEMO-0")), "a preview names its patient");
    let (table, _) = read_table(&one).unwrap();
    let column = |name: &str| -> Vec<String> {
        let cells = table.column(name).unwrap().str().unwrap().clone();
        cells.iter().map(|cell| cell.unwrap_or("").to_owned()).collect()
    };
    let (modality, picture, views, measures) =
        (column("modality"), column("picture"), column("views"), column("measures"));
    assert!(picture.iter().filter(|uri| uri.starts_with("data:image/png;base64,")).count() > modality.len() / 3);
    assert!(views.iter().any(|text| text.contains("left MLO")));
    let volumes =
        modality.iter().zip(&measures).filter(|(m, text)| *m == "mri" && text.contains("functional_tumour_volume"));
    assert!(volumes.count() > 5, "every DCE study has a functional tumour volume");
    let (fused, _) = read_table(&out.join("fused.arrow")).unwrap();
    assert!(fused.column("ultrasound_quality").is_ok(), "quality is carried into the fused frame");
    let report = files(&out.join("reports")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "html"));
    let shown = report.filter(|path| fs::read_to_string(path).unwrap().contains("data:image/png;base64,")).count();
    assert!(shown > 10, "{shown} reports show where the encoder looked");
}

#[test]
fn deidentified_copies_are_ingested_and_name_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let out = demo(folder.path());
    let (clean, key) = (folder.path().join("clean"), folder.path().join("key"));
    let table = folder.path().join("clean.arrow");
    let arguments = |create: bool| {
        let mut all: Vec<String> = ["ingest", &text(&out.join("patients")), "--out", &text(&table), "--deidentify"]
            .iter()
            .map(|s| (*s).to_owned())
            .collect();
        all.extend([text(&clean), "--key".to_owned(), text(&key)]);
        all.extend(create.then(|| "--create-key".to_owned()));
        all
    };
    let without = regimen(arguments(false));
    assert!(without.code == 1 && !clean.exists(), "no key, nothing written: {}", without.stderr);
    let ran = regimen(arguments(true));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("files de-identified"), "{}", ran.stdout);
    let written = files(&clean);
    assert!(written.len() > 300, "{} files", written.len());
    for path in &written {
        assert!(!text(path).contains("DEMO-0"));
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"DEMO-0"), "{} names its patient", path.display());
    }
    let (studies, _) = read_table(&table).unwrap();
    assert!(studies.height() > 20);
}

#[test]
fn published_weights_that_are_none_and_unknown_architectures_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = demo(folder.path());
    let studies = text(&out.join("studies.arrow"));
    let weights = folder.path().join("weights.safetensors");
    fs::write(&weights, b"not a tensor").unwrap();
    let target = folder.path().join("e.arrow");
    let run = |architecture: &str| {
        regimen([
            "embed",
            &studies,
            "--out",
            &text(&target),
            "--weights",
            &text(&weights),
            "--architecture",
            architecture,
            "--modality",
            "mri",
        ])
    };
    let unknown = run("resnet19");
    assert!(unknown.code != 0 && unknown.stderr.contains("expected one of resnet18"), "{}", unknown.stderr);
    let broken = run("resnet18");
    assert!(broken.code != 0 && !broken.stderr.contains("panicked"), "{}", broken.stderr);
    assert!(!target.exists(), "nothing half-written");
}

/// A speckled field with a dark disc: what a lesion looks like to a network.
fn disc(seed: u64, side: usize) -> Prepared {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let (cy, cx) = (40.0 + 8.0 * (seed % 5) as f32, 44.0 + 6.0 * (seed % 7) as f32);
    let pixels = (0..side * side)
        .map(|at| {
            let (y, x) = ((at / side) as f32 - cy, (at % side) as f32 - cx);
            let level = if (y * y + x * x).sqrt() < 22.0 { 0.15 } else { 0.55 };
            (level + 0.3 * (noise() - 0.5)).clamp(0.0, 1.0)
        })
        .collect();
    Prepared { channels: 1, height: side, width: side, pixels }
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

/// Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018: a map that survives random weights explains nothing.
#[test]
fn random_weights_destroy_the_saliency_map() {
    let folder = root().join("models/us-busbra/0002");
    let (manifest, weights) = (
        fs::read_to_string(folder.join("manifest.json")).unwrap(),
        fs::read(folder.join("weights.safetensors")).unwrap(),
    );
    let trained = Encoder::load(manifest.as_bytes(), &weights).unwrap();
    // Every tensor keeps its values and loses their order.
    let header = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let stored = SafeTensors::deserialize(&weights).unwrap();
    let mut mixed = weights.clone();
    for (name, tensor) in stored.tensors() {
        let start = header + (tensor.data().as_ptr() as usize - weights[header..].as_ptr() as usize);
        let n = tensor.data().len() / 2;
        let mut state =
            name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)) | 1;
        for i in (1..n).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let j = (state % (i as u64 + 1)) as usize;
            for byte in 0..2 {
                mixed.swap(start + 2 * i + byte, start + 2 * j + byte);
            }
        }
    }
    let hash = |bytes: &[u8]| sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let random = Encoder::load(manifest.replace(&hash(&weights), &hash(&mixed)).as_bytes(), &mixed).unwrap();
    let side = trained.preparation().side;
    let likeness: Vec<f64> = (0..12)
        .map(|seed| {
            let image = disc(seed, side);
            let (a, b) = (trained.saliency(&image).unwrap(), random.saliency(&image).unwrap());
            assert!(a.pixels.iter().all(|heat| (0.0..=1.0).contains(heat)));
            correlation(&a.pixels, &b.pixels)
        })
        .collect();
    let mean = likeness.iter().sum::<f64>() / likeness.len() as f64;
    println!("mean correlation of trained and random maps {mean:.3}");
    assert!(mean < 0.5, "{likeness:?}");
}
