use std::collections::BTreeMap;

use super::fine_tuning::layers::{Convolution, Kind, mobilenet_v2};

/// Codes of the operators that the backbone is made of (`BuiltinOperator` of the TensorFlow Lite schema).
const ADD: i64 = 0;
const CONV_2D: i64 = 3;
const DEPTHWISE_CONV_2D: i64 = 4;
const QUANTIZE: i64 = 114;

/// `Padding.SAME` and `ActivationFunctionType.RELU6`.
const SAME: i64 = 0;
const RELU6: i64 = 3;

/// A named tensor: its shape and its values in row-major order.
pub(super) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The convolutions of a quantised TensorFlow Lite MobileNetV2 as real numbers, `scale (q − zero point)`, under
/// torchvision's names and in its layout `[outputs, inputs, height, width]`. The classifier is left out.
///
/// Batch normalisation is folded in already. Inputs are `pixel / 127.5 − 1`, padding is TensorFlow's SAME.
///
/// # Errors
/// What is wrong with the file: cut short, another graph, another order of layers, another shape.
///
/// # Source
/// TensorFlow Lite schema version 3 (`schema.fbs`); FlatBuffers binary format.
pub(super) fn mobilenet_v2_tensors(bytes: &[u8]) -> Result<Tensors, String> {
    if bytes.get(4..8) != Some(b"TFL3") {
        return Err("expected a TensorFlow Lite model (TFL3)".to_owned());
    }
    let graph = Graph::read(bytes).ok_or("the file is cut short or points outside itself")?;
    let layers: Vec<Convolution> = mobilenet_v2(3).into_iter().flat_map(|block| block.layers).collect();
    let mut expected = layers.iter();
    let mut found = Tensors::new();
    let mut last = None;
    for (step, operator) in graph.operators.iter().enumerate() {
        let place = |what: &str| format!("operator {step}: {what}");
        let reads_last = last.is_none_or(|last| operator.inputs.contains(&last));
        match operator.code {
            CONV_2D | DEPTHWISE_CONV_2D => {
                let Some(layer) = expected.next() else { break };
                if !reads_last || operator.inputs.first().is_none_or(|input| last.is_some_and(|last| last != *input)) {
                    return Err(place("it does not read the map before it"));
                }
                let (weight, bias) = graph.convolution(operator, layer).map_err(|reason| place(&reason))?;
                found.insert(format!("{}.weight", layer.name), (layer.weight_shape().to_vec(), weight));
                found.insert(format!("{}.bias", layer.name), (vec![layer.outputs], bias));
            }
            ADD | QUANTIZE if reads_last => {}
            // Pooling and classifier follow the last convolution.
            _ if expected.as_slice().is_empty() => break,
            code => return Err(place(&format!("expected a convolution or a sum, found code {code}"))),
        }
        last = operator.outputs.first().copied();
    }
    match expected.next() {
        None => Ok(found),
        Some(layer) => Err(format!("expected a layer {}, found the end of the graph", layer.name)),
    }
}

struct Operator<'a> {
    code: i64,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    options: Option<Table<'a>>,
}

struct Graph<'a> {
    tensors: Vec<Table<'a>>,
    buffers: Vec<Table<'a>>,
    operators: Vec<Operator<'a>>,
}

impl<'a> Graph<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let root = Table { bytes, at: usize::try_from(number::<4>(bytes, 0)?).ok()? };
        let codes: Vec<i64> = root
            .tables(1)?
            .iter()
            .map(|code| code.scalar::<4>(3).unwrap_or(0).max(code.scalar::<1>(0).unwrap_or(0)))
            .collect();
        let graph = root.tables(2)?.into_iter().next()?;
        let indices = |table: &Table<'a>, field| -> Option<Vec<usize>> {
            // −1 marks an optional input that is absent.
            let numbers = table.numbers::<4>(field)?;
            Some(numbers.into_iter().map(|index| usize::try_from(index).unwrap_or(usize::MAX)).collect())
        };
        let operators = graph.tables(3)?.into_iter().map(|operator| {
            let code = usize::try_from(operator.scalar::<4>(0).unwrap_or(0)).ok()?;
            Some(Operator {
                code: *codes.get(code)?,
                inputs: indices(&operator, 1)?,
                outputs: indices(&operator, 2)?,
                options: operator.table(4),
            })
        });
        Some(Self {
            tensors: graph.tables(0)?,
            buffers: root.tables(4)?,
            operators: operators.collect::<Option<Vec<_>>>()?,
        })
    }

    /// Weight in torchvision's layout and bias of an operator, checked against the layer it should be.
    fn convolution(&self, operator: &Operator<'_>, layer: &Convolution) -> Result<(Vec<f32>, Vec<f32>), String> {
        let depthwise = layer.kind == Kind::Depthwise;
        let option = |field| operator.options.as_ref().and_then(|o| o.scalar::<1>(field)).unwrap_or(0);
        let stride = |field| operator.options.as_ref().and_then(|o| o.scalar::<4>(field)).unwrap_or(0);
        let activation = option(if depthwise { 4 } else { 3 });
        let facts = (operator.code == DEPTHWISE_CONV_2D, option(0), stride(1), stride(2), activation);
        let stride = i64::try_from(layer.stride).unwrap_or(0);
        let wanted = (depthwise, SAME, stride, stride, if layer.clipped { RELU6 } else { 0 });
        if facts != wanted {
            return Err(format!(
                "{}: expected (depthwise, padding, strides, activation) {wanted:?}, found {facts:?}",
                layer.name
            ));
        }
        let [outputs, inputs, rows, columns] = layer.weight_shape();
        let stored = if depthwise { [1, rows, columns, outputs] } else { [outputs, rows, columns, inputs] };
        let tensor = |slot: usize, shape: &[usize]| {
            let values = operator.inputs.get(slot).and_then(|&index| self.values(index, shape));
            values.ok_or_else(|| format!("{}: expected a quantised tensor {shape:?} as input {slot}", layer.name))
        };
        let weight = tensor(1, &stored)?;
        let bias = tensor(2, &[outputs])?;
        let taps = rows * columns;
        let at = |output: usize, input: usize, tap: usize| {
            if depthwise { tap * outputs + output } else { (output * taps + tap) * inputs + input }
        };
        let order = (0..outputs)
            .flat_map(|output| (0..inputs).flat_map(move |input| (0..taps).map(move |tap| (output, input, tap))));
        let weight = order.filter_map(|(output, input, tap)| weight.get(at(output, input, tap)).copied()).collect();
        Ok((weight, bias))
    }

    /// The real values of a tensor of this shape; `None` when it is another or its bytes are not there.
    fn values(&self, index: usize, shape: &[usize]) -> Option<Vec<f32>> {
        let tensor = self.tensors.get(index)?;
        let found: Vec<i64> = tensor.numbers::<4>(0)?;
        if found.len() != shape.len() || !found.iter().zip(shape).all(|(f, s)| usize::try_from(*f) == Ok(*s)) {
            return None;
        }
        let buffer = usize::try_from(tensor.scalar::<4>(2)?).ok()?;
        let data = self.buffers.get(buffer)?.data(0, 1)?;
        let quantised: Vec<i64> = match tensor.scalar::<1>(1)? {
            // TensorType: INT32, UINT8, INT8.
            2 => data.chunks_exact(4).filter_map(|four| number::<4>(four, 0)).collect(),
            3 => data.iter().map(|&byte| i64::from(byte)).collect(),
            9 => data.iter().map(|&byte| i64::from(i8::from_le_bytes([byte]))).collect(),
            _ => return None,
        };
        let quantisation = tensor.table(4)?;
        let scales: Vec<f32> = quantisation
            .data(2, 4)?
            .chunks_exact(4)
            .filter_map(|four| four.try_into().ok().map(f32::from_le_bytes))
            .collect();
        let zeros = quantisation.numbers::<8>(3)?;
        let axis = usize::try_from(quantisation.scalar::<4>(6).unwrap_or(0)).ok()?;
        let (count, channels) = (shape.iter().product::<usize>(), scales.len());
        if quantised.len() != count || zeros.len() != channels || (channels != 1 && shape.get(axis) != Some(&channels))
        {
            return None;
        }
        // Values that share a scale follow each other in runs of the sizes after the axis.
        let run: usize = shape.iter().skip(axis + 1).product::<usize>().max(1);
        let real = quantised.iter().enumerate().map(|(i, &q)| {
            let channel = (i / run) % channels.max(1);
            Some((*scales.get(channel)? as f64 * (q - zeros.get(channel)?) as f64) as f32)
        });
        real.collect::<Option<Vec<f32>>>().filter(|values| values.iter().all(|value| value.is_finite()))
    }
}

/// A FlatBuffers table: its field offsets lie in a vtable that it points back to.
struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    /// Where a field is stored; `None` when it is absent (and has its default) or outside the file.
    fn field(&self, index: usize) -> Option<usize> {
        let back = number::<4>(self.bytes, self.at)?;
        let vtable = usize::try_from(i64::try_from(self.at).ok()?.checked_sub(back)?).ok()?;
        let size = usize::try_from(number::<2>(self.bytes, vtable)? & 0xffff).ok()?;
        let entry = 4 + 2 * index;
        if entry + 2 > size {
            return None;
        }
        let offset = usize::try_from(number::<2>(self.bytes, vtable.checked_add(entry)?)? & 0xffff).ok()?;
        if offset == 0 { None } else { self.at.checked_add(offset) }
    }

    /// A whole number of `N` bytes.
    fn scalar<const N: usize>(&self, index: usize) -> Option<i64> {
        number::<N>(self.bytes, self.field(index)?)
    }

    fn follow(&self, at: usize) -> Option<usize> {
        at.checked_add(usize::try_from(number::<4>(self.bytes, at)? & 0xffff_ffff).ok()?)
    }

    fn table(&self, index: usize) -> Option<Self> {
        Some(Self { bytes: self.bytes, at: self.follow(self.field(index)?)? })
    }

    /// The bytes of a vector whose elements have `width` bytes, and where they start.
    fn vector(&self, index: usize, width: usize) -> Option<(usize, &'a [u8])> {
        let start = self.follow(self.field(index)?)?;
        let count = usize::try_from(number::<4>(self.bytes, start)? & 0xffff_ffff).ok()?;
        let first = start.checked_add(4)?;
        Some((first, self.bytes.get(first..first.checked_add(count.checked_mul(width)?)?)?))
    }

    fn data(&self, index: usize, width: usize) -> Option<&'a [u8]> {
        Some(self.vector(index, width)?.1)
    }

    fn numbers<const N: usize>(&self, index: usize) -> Option<Vec<i64>> {
        self.data(index, N)?.chunks_exact(N).map(|chunk| number::<N>(chunk, 0)).collect()
    }

    fn tables(&self, index: usize) -> Option<Vec<Self>> {
        let (first, bytes) = self.vector(index, 4)?;
        let starts = (first..first + bytes.len()).step_by(4);
        starts.map(|at| Some(Self { bytes: self.bytes, at: self.follow(at)? })).collect()
    }
}

/// A little-endian whole number of `N` ≤ 8 bytes, sign kept.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<i64> {
    let found = bytes.get(at..at.checked_add(N)?)?;
    let negative = found.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut eight = [if negative { 0xff } else { 0 }; 8];
    eight.get_mut(..N)?.copy_from_slice(found);
    Some(i64::from_le_bytes(eight))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::{Path, PathBuf};

    use serde::Deserialize;

    use super::*;

    /// The name of the shared per-channel file.
    pub(in crate::embed) const SHARED: &str = "images/weights_mobilenet/tf2_mobilenet_v2_1.0_224_ptq.tflite";

    /// The data folder, when it holds the shared ImageNet weights; else a line says that a test is skipped.
    pub(in crate::embed) fn shared_data() -> Option<PathBuf> {
        let data = std::env::var_os("REGIMEN_DATA")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
        let found = data.join(SHARED).is_file();
        if !found {
            println!("skipped: {SHARED} is not under {}", data.display());
        }
        found.then_some(data)
    }

    #[derive(Deserialize)]
    struct Reference {
        files: BTreeMap<String, BTreeMap<String, [f64; 3]>>,
    }

    #[test]
    fn every_tensor_is_that_of_the_tflite_package() {
        let Some(data) = shared_data() else { return };
        let reference: Reference =
            serde_json::from_str(include_str!("../../tests/reference/mobilenet_v2_tflite.json")).unwrap();
        for (file, tensors) in reference.files {
            let bytes = std::fs::read(data.join("images/weights_mobilenet").join(&file)).unwrap();
            let found = mobilenet_v2_tensors(&bytes).unwrap();
            assert_eq!(found.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>());
            for (name, [sum, squares, weighted]) in tensors {
                let values = &found[&name].1;
                let total = |f: &dyn Fn(usize, f64) -> f64| -> f64 {
                    values.iter().enumerate().map(|(i, &v)| f(i, f64::from(v))).sum()
                };
                // The position weighs in by a sine, so that two values swapped do not pass. f32 rounding of each value
                // moves a sum by at most 1e-7 of the sum of sizes.
                let size = total(&|_, v| v.abs());
                for (ours, theirs) in [(total(&|_, v| v), sum), (total(&|i, v| v * (i as f64).sin()), weighted)] {
                    assert!((ours - theirs).abs() <= 1e-6 * size, "{file} {name}: {ours} {theirs}");
                }
                assert!((total(&|_, v| v * v) / squares - 1.0).abs() < 1e-6, "{file} {name}");
            }
        }
    }

    #[test]
    fn a_broken_file_is_refused_and_never_panics() {
        assert!(mobilenet_v2_tensors(b"").is_err() && mobilenet_v2_tensors(b"....TFL3").is_err());
        let Some(data) = shared_data() else { return };
        let bytes = std::fs::read(data.join(SHARED)).unwrap();
        // The last kilobytes belong to the classifier and to names, which are not read.
        for length in (0..bytes.len() - 10_000).step_by(bytes.len() / 60) {
            assert!(mobilenet_v2_tensors(&bytes[..length]).is_err(), "{length}");
        }
        // Offsets and tables lie at both ends of the file; a flipped byte there may or may not be noticed.
        let mut flipped = bytes.clone();
        for at in (0..200).chain((bytes.len() - 40_000..bytes.len()).step_by(997)) {
            flipped[at] ^= 0xff;
            let _ = mobilenet_v2_tensors(&flipped);
            flipped[at] ^= 0xff;
        }
    }
}
