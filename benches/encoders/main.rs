//! Seconds per 224 × 224 image of this crate's encoders, on generated weights.
//!
//! usage: encoders BACKEND(ours|candle) MODEL BATCH THREADS REPEAT OUT.json, the arguments of the Python scripts that
//! `run.sh` alternates with; or `encoders layers THREADS` for the time of single convolutions.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{Device, Tensor};
use regimen::embed::architectures::Backbone;
use regimen::embed::kernels::{Activation, Convolution, ConvolutionShape, FeatureMap, Padding, Workspace};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    architecture: String,
    tensors: BTreeMap<String, Vec<usize>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts[..] {
        ["layers", threads] => on_threads(threads.parse().expect("a number of threads"), || time_layers(None)),
        ["layers", threads, only] => on_threads(threads.parse().expect("a number"), || time_layers(only.parse().ok())),
        [backend, model, batch, threads, repeat, out] => {
            let number = |text: &str| text.parse::<usize>().expect("a number");
            let (batch, threads) = (number(batch), number(threads));
            let times = on_threads(threads, || time_model(backend, model, batch, number(repeat)));
            let result = json!({
                "backend": backend, "model": model, "batch": batch, "threads": threads,
                "time": { "min_s": times.least, "median_s": times.median, "cpu_s": times.cpu },
                "peak_rss_mb": peak_rss_mb(),
            });
            std::fs::write(out, result.to_string()).expect("a writable file");
            println!("{result}");
        }
        _ => println!("usage: encoders BACKEND(ours|candle) MODEL BATCH THREADS REPEAT OUT.json"),
    }
}

fn on_threads<R: Send>(threads: usize, task: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool").install(task)
}

struct Times {
    least: f64,
    median: f64,
    /// Seconds of this thread on a core, the mean: hardly touched by other programs when there is one thread.
    cpu: f64,
}

fn time_model(backend: &str, model: &str, batch: usize, repeat: usize) -> Times {
    let reference: Reference =
        serde_json::from_str(include_str!("../../tests/reference/encoders.json")).expect("the reference file");
    let case = reference.cases.iter().find(|case| case.case == model).expect("a model of the reference file");
    let bytes = weights(&case.tensors);
    let architecture = case.architecture.parse().expect("an architecture");
    let backbone = match backend {
        "candle" => Backbone::load_in_candle(architecture, &bytes, &Device::Cpu),
        _ => Backbone::load(architecture, &bytes, &Device::Cpu),
    };
    let backbone = backbone.expect("weights of that architecture");
    drop(bytes);
    let channels = backbone.channels();
    let values = (0..batch * 224 * 224 * channels).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0).collect();
    let images = FeatureMap::new([batch, 224, 224, channels], values).expect("a map");
    time(repeat, || drop(backbone.embed(&images)))
}

fn time(repeat: usize, mut task: impl FnMut()) -> Times {
    task();
    task();
    let (mut walls, cpu) = (Vec::new(), thread_seconds());
    for _ in 0..repeat.max(1) {
        let start = Instant::now();
        task();
        walls.push(start.elapsed().as_secs_f64());
    }
    let cpu = (thread_seconds() - cpu) / walls.len() as f64;
    walls.sort_by(f64::total_cmp);
    Times { least: walls[0], median: walls[walls.len() / 2], cpu }
}

/// Seconds that this thread spent on a core.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) * 1e-9
}

fn peak_rss_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

fn weights(tensors: &BTreeMap<String, Vec<usize>>) -> Vec<u8> {
    let stored: BTreeMap<&str, Tensor> = tensors
        .iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let scale = if shape.len() > 1 { (6.0 / (count / shape[0]) as f32).sqrt() } else { 0.5 };
            let positive = shape.len() == 1;
            let value = |i: usize| (i * 104_729 % 4001) as f32 / 2000.0 - 1.0;
            let values = (0..count).map(|i| scale * if positive { value(i).abs() + 0.1 } else { value(i) }).collect();
            (name.as_str(), Tensor::from_vec::<_, f32>(values, &shape[..], &Device::Cpu).expect("a tensor"))
        })
        .collect();
    safetensors::serialize(stored, None).expect("a weights file")
}

/// Inputs, outputs, side of the map, kernel, stride, depthwise.
const LAYERS: [(usize, usize, usize, usize, usize, bool); 24] = [
    (3, 64, 224, 7, 2, false),
    (64, 64, 56, 3, 1, false),
    (64, 128, 56, 3, 2, false),
    (128, 128, 28, 3, 1, false),
    (128, 256, 28, 3, 2, false),
    (256, 256, 14, 3, 1, false),
    (256, 512, 14, 3, 2, false),
    (512, 512, 7, 3, 1, false),
    (64, 256, 56, 1, 1, false),
    (256, 64, 56, 1, 1, false),
    (512, 128, 28, 1, 1, false),
    (128, 512, 28, 1, 1, false),
    (1024, 256, 14, 1, 1, false),
    (256, 1024, 14, 1, 1, false),
    (512, 2048, 7, 1, 1, false),
    (2048, 512, 7, 1, 1, false),
    (3, 32, 224, 3, 2, false),
    (16, 96, 112, 1, 1, false),
    (96, 96, 112, 3, 2, true),
    (96, 24, 56, 1, 1, false),
    (144, 144, 56, 3, 1, true),
    (24, 144, 56, 1, 1, false),
    (384, 64, 14, 1, 1, false),
    (384, 384, 14, 3, 1, true),
];

fn time_layers(only: Option<usize>) {
    let workspace = Workspace::new();
    for (index, (inputs, outputs, side, kernel, stride, depthwise)) in LAYERS.into_iter().enumerate() {
        if only.is_some_and(|only| only != index) {
            continue;
        }
        let padding = Padding::Even(kernel / 2);
        let shape = ConvolutionShape { inputs, outputs, kernel: [kernel; 2], stride, padding, depthwise };
        let count: usize = shape.weight_shape().iter().product();
        let weight = (0..count).map(|i| (i * 104_729 % 4001) as f32 / 2000.0 - 1.0).collect();
        let layer = Convolution::new(shape, weight, vec![0.1; outputs], Activation::Relu);
        let values = (0..side * side * inputs).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0).collect();
        let map = FeatureMap::new([1, side, side, inputs], values).expect("a map");
        let times =
            time(if only.is_some() { 5000 } else { 30 }, || workspace.recycle(layer.apply(&map, None, &workspace)));
        let out = side.div_ceil(stride);
        let products = count * out * out;
        println!(
            "{inputs:5} -> {outputs:5}  {side:3} x {side:3}  {kernel} x {kernel} / {stride}{}  {:8.1} us (cpu {:8.1})  {:6.1} G products/s",
            if depthwise { " depthwise" } else { "" },
            times.least * 1e6,
            times.cpu * 1e6,
            products as f64 / times.least * 1e-9
        );
    }
}
