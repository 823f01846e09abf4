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

#[test]
fn names_behind_the_prefixes_of_training_frameworks_are_found() {
    let all = reference();
    let case = all.cases.iter().find(|case| case.case == "resnet18").unwrap();
    let plain = load(case);
    let images = images(1, 3, 64, 64);
    let expected = plain.embed(&images).unwrap();
    let children = [("conv1", "0"), ("bn1", "1"), ("layer1", "4"), ("layer2", "5"), ("layer3", "6"), ("layer4", "7")];
    let sequential = |name: &str| {
        let (child, rest) = name.split_once('.').unwrap();
        format!("backbone.{}.{rest}", children.iter().find(|(known, _)| *known == child).unwrap().1)
    };
    let behind = |name: &str| format!("module.image_encoder.{name}");
    for rename in [&sequential as &dyn Fn(&str) -> String, &behind] {
        let tensors = case.tensors.iter().map(|(name, shape)| {
            (rename(name), Tensor::from_vec(generated(name, shape), &shape[..], &Device::Cpu).unwrap())
        });
        let bytes = safetensors::serialize(tensors.collect::<BTreeMap<_, _>>(), None).unwrap();
        let renamed = Backbone::load(plain.architecture(), &bytes, &Device::Cpu).unwrap();
        assert_eq!(renamed.embed(&images).unwrap(), expected);
    }
}

/// `tests/reference/encoders.py DIR` writes the files; `REGIMEN_ENCODER_WEIGHTS=DIR` lets this test read them.
#[test]
fn files_written_by_python_give_the_same_embeddings() {
    let Ok(folder) = std::env::var("REGIMEN_ENCODER_WEIGHTS") else {
        println!("skipped: REGIMEN_ENCODER_WEIGHTS is not set");
        return;
    };
    for case in reference().cases {
        let path = std::path::Path::new(&folder).join(format!("{}.safetensors", case.case));
        let read = regimen::embed::load_pretrained(case.architecture.parse().unwrap(), &path, &Device::Cpu).unwrap();
        let (height, width) = small_size(&case);
        let images = images(1, case.channels, height, width);
        let found = read.backbone.embed(&images).unwrap();
        assert_eq!(found, load(&case).embed(&images).unwrap(), "{}", case.case);
        println!("{}: sha256 {}, {} values", case.case, read.weights_sha256, read.backbone.dim());
    }
}

#[test]
fn maps_are_taken_at_any_stage() {
    let all = reference();
    let case = all.cases.iter().find(|case| case.case == "mobilenet_v2_tf").unwrap();
    let backbone = load(case);
    let images = images(3, 1, 96, 128);
    // Strides 4, 8, 16 and 32, and the features.
    let maps = backbone.features_at(&images, &[3, 6, 13, 17, 18]).unwrap();
    let shapes: Vec<_> = maps.iter().map(FeatureMap::shape).collect();
    assert_eq!(shapes, [[3, 24, 32, 24], [3, 12, 16, 32], [3, 6, 8, 96], [3, 3, 4, 320], [3, 3, 4, 1280]]);
    for (stage, map) in [3, 6, 13, 17, 18].iter().zip(&maps) {
        assert_eq!(backbone.stages()[*stage].channels, map.channels());
        assert_eq!(backbone.stages()[*stage].stride, 96 / map.height());
    }
    assert_eq!(backbone.features(&images).unwrap().values(), maps[4].values());
    let means = backbone.embed(&images).unwrap();
    let sum: f32 = maps[4].values().chunks(1280).take(12).map(|position| position[7]).sum();
    assert!((means[0][7] - sum / 12.0).abs() < 1e-5);
    let outside = backbone.features_at(&images, &[19]).unwrap_err().to_string();
    assert_eq!(outside, "mobilenet_v2_tf: expected a stage below 19, found stage 19");
}

#[test]
fn images_that_an_encoder_cannot_take_are_refused_with_the_reason() {
    let all = reference();
    let load_case = |name: &str| load(all.cases.iter().find(|case| case.case == name).unwrap());
    let refusal = |backbone: &Backbone, images: FeatureMap| backbone.embed(&images).unwrap_err().to_string();
    let resnet = load_case("resnet18");
    assert_eq!(
        refusal(&resnet, images(1, 1, 64, 64)),
        "resnet18: expected at least 32 x 32, 3 channels, found 64 x 64, 1 channels"
    );
    let unfinished = FeatureMap::new([1, 32, 32, 3], vec![f32::NAN; 32 * 32 * 3]).unwrap();
    assert_eq!(refusal(&resnet, unfinished), "resnet18: expected finite values, found a value that is not finite");
    assert_eq!(
        refusal(&load_case("vit_small_patch16"), images(1, 3, 40, 48)),
        "vit_small_patch16: expected sides that are multiples of 16, found 40 x 48"
    );
    assert!(FeatureMap::new([1, usize::MAX, 2, 3], vec![0.0; 6]).is_err());
}
