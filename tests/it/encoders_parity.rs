//! Encoders against PyTorch (torchvision and timm) on generated weights: tests/reference/encoders.py.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use regimen::embed::architectures::Backbone;
use regimen::embed::kernels::FeatureMap;
use serde::Deserialize;

/// Largest absolute difference of an embedding from PyTorch's; the embeddings' largest values are between 0.4 and 30.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    architecture: String,
    channels: usize,
    dim: usize,
    tensors: BTreeMap<String, Vec<usize>>,
    images: Vec<Images>,
}

#[derive(Deserialize)]
struct Images {
    height: usize,
    width: usize,
    first_64: Vec<Vec<f32>>,
    norms: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/encoders.json")).unwrap()
}

/// The script's `uniform`: splitmix64 seeded by the FNV-1a hash of the name, in [−1, 1).
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let hash = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    (1..=count as u64).map(move |i| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// Whether `name` is `layer<digit>.<digits>.bn2.weight` or the same with bn3.
fn late_in_residual_block(name: &str) -> bool {
    name.starts_with("layer") && (name.ends_with(".bn2.weight") || name.ends_with(".bn3.weight"))
}

/// The script's `generated`.
fn generated(name: &str, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let (scale, offset) = if name.ends_with("running_var") {
        (0.3, 1.0)
    } else if name.ends_with("gamma") || name.ends_with("layer_scale") {
        (0.2, 0.5)
    } else if shape.len() >= 2 && !name.contains("token") && !name.ends_with("embed") {
        ((6.0 / (count / shape[0]) as f64).sqrt(), 0.0)
    } else if late_in_residual_block(name) {
        (0.06, 0.3)
    } else if shape.len() == 1 && name.ends_with("weight") {
        (0.2, 1.0)
    } else {
        (0.1, 0.0)
    };
    uniform(name, count).map(|u| (u * scale + offset) as f32).collect()
}

fn weights_file(tensors: &BTreeMap<String, Vec<usize>>) -> Vec<u8> {
    let stored: BTreeMap<&str, Tensor> = tensors
        .iter()
        .map(|(name, shape)| {
            let tensor = Tensor::from_vec(generated(name, shape), &shape[..], &Device::Cpu).unwrap();
            (name.as_str(), tensor)
        })
        .collect();
    safetensors::serialize(stored, None).unwrap()
}

/// The script's images, channels innermost.
fn images(count: usize, channels: usize, height: usize, width: usize) -> FeatureMap {
    let planes: Vec<f32> = uniform("images", count * channels * height * width).map(|u| u as f32).collect();
    let pixels = height * width;
    let mut values = Vec::with_capacity(planes.len());
    for image in planes.chunks(channels * pixels) {
        values.extend((0..pixels * channels).map(|i| image[i % channels * pixels + i / channels]));
    }
    FeatureMap::new([count, height, width, channels], values).unwrap()
}

/// A small size that the architecture takes; odd where it may be.
fn small_size(case: &Case) -> (usize, usize) {
    if case.architecture.starts_with("vit") { (112, 112) } else { (70, 83) }
}

fn load(case: &Case) -> Backbone {
    Backbone::load(case.architecture.parse().unwrap(), &weights_file(&case.tensors), &Device::Cpu).unwrap()
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn embeddings_agree_with_pytorch() {
    let mut failures = Vec::new();
    for case in reference().cases {
        let backbone = load(&case);
        assert_eq!(backbone.dim(), case.dim, "{}", case.case);
        for expected in &case.images {
            let size = (expected.height, expected.width);
            let found = backbone.embed(&images(2, case.channels, size.0, size.1)).unwrap();
            for ((found, first), norm) in found.iter().zip(&expected.first_64).zip(&expected.norms) {
                let difference = largest_difference(found, first);
                let found_norm = found.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
                let largest = first.iter().fold(0f32, |most, v| most.max(v.abs()));
                println!("{} {size:?}: largest difference {difference:.1e} of {largest:.2}", case.case);
                if difference > TOLERANCE || (found_norm / norm - 1.0).abs() > 1e-5 {
                    failures.push(format!("{} {size:?}: {difference:e}, norm {found_norm} of {norm}", case.case));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn candle_layers_agree_with_the_kernels() {
    for case in reference().cases.iter().filter(|case| !case.case.ends_with("timm")) {
        let bytes = weights_file(&case.tensors);
        let architecture = case.architecture.parse().unwrap();
        let kernels = Backbone::load(architecture, &bytes, &Device::Cpu).unwrap();
        let candle = Backbone::load_in_candle(architecture, &bytes, &Device::Cpu).unwrap();
        let (height, width) = small_size(case);
        let images = images(1, case.channels, height, width);
        let difference = largest_difference(&kernels.embed(&images).unwrap()[0], &candle.embed(&images).unwrap()[0]);
        println!("{}: largest difference {difference:.1e}", case.case);
        assert!(difference <= TOLERANCE, "{}: {difference}", case.case);
    }
}

#[test]
fn an_embedding_has_the_same_bytes_on_any_threads_and_beside_any_images() {
    for case in reference().cases.iter().filter(|case| !case.case.ends_with("timm")) {
        let backbone = load(case);
        let (height, width) = small_size(case);
        let four = images(4, case.channels, height, width);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let together = pool(3).install(|| backbone.embed(&four).unwrap());
        for threads in [1, 2, 7] {
            for (image, expected) in together.iter().enumerate() {
                let len = height * width * case.channels;
                let values = four.values()[image * len..(image + 1) * len].to_vec();
                let alone = FeatureMap::new([1, height, width, case.channels], values).unwrap();
                let found = pool(threads).install(|| backbone.embed(&alone).unwrap());
                let bits = |row: &[f32]| row.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found[0]), bits(expected), "{} image {image} on {threads} threads", case.case);
            }
        }
    }
}

#[test]
fn every_fault_of_a_weights_file_is_named_at_once() {
    let case = &reference().cases[0];
    let mut tensors = case.tensors.clone();
    tensors.remove("layer2.0.conv1.weight");
    tensors.insert("layer1.0.bn1.bias".to_owned(), vec![65]);
    tensors.insert("layer9.weight".to_owned(), vec![3]);
    tensors.insert("fc.weight".to_owned(), vec![10, 512]);
    let error = Backbone::load(case.architecture.parse().unwrap(), &weights_file(&tensors), &Device::Cpu)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            "3 broken rules in the weights file:",
            "layer1.0.bn1.bias: expected [64], found [65]",
            "layer2.0.conv1.weight: expected [128, 64, 3, 3], found absent",
            "layer9.weight: [3], not part of it",
        ]
    );
}
