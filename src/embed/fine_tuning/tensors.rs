use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::super::Error;
use super::parameters::Layout;

/// Flat vectors as named tensors in the safetensors format; each vector's names get its prefix.
pub(super) fn tensor_bytes(
    layout: &Layout,
    vectors: &[(&str, &[f32])],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, Error> {
    let mut stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (prefix, values) in vectors {
        for slot in &layout.slots {
            let own = values.get(slot.range.clone()).unwrap_or(&[]);
            let bytes = own.iter().flat_map(|value| value.to_le_bytes()).collect();
            stored.insert(format!("{prefix}{}", slot.name), (slot.shape.clone(), bytes));
        }
    }
    let mut views = Vec::with_capacity(stored.len());
    for (name, (shape, bytes)) in &stored {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    Ok(safetensors::serialize(views, metadata)?)
}

/// Values as half precision holds them: what a weights file keeps. A network is judged with the numbers that it ships.
pub(super) fn halved(mut values: Vec<f32>) -> Vec<f32> {
    values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
    values
}

/// A weights file: every tensor in half precision, which halves its size and changes a weight by at most 0.05 %.
pub(super) fn weights_bytes(layout: &Layout, values: &[f32]) -> Result<Vec<u8>, Error> {
    let mut stored: Vec<(&str, &[usize], Vec<u8>)> = Vec::with_capacity(layout.slots.len());
    for slot in &layout.slots {
        let own = values.get(slot.range.clone()).unwrap_or(&[]);
        let bytes = own.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        stored.push((&slot.name, &slot.shape, bytes));
    }
    let mut views = Vec::with_capacity(stored.len());
    for (name, shape, bytes) in &stored {
        views.push((*name, TensorView::new(Dtype::F16, shape.to_vec(), bytes)?));
    }
    Ok(safetensors::serialize(views, None)?)
}

/// The flat vector whose tensors have this prefix; each must be there, of its shape, and finite.
pub(super) fn read_tensors(
    model: &str,
    layout: &Layout,
    prefix: &str,
    stored: &SafeTensors<'_>,
) -> Result<Vec<f32>, Error> {
    let mut values = Vec::with_capacity(layout.len());
    for slot in &layout.slots {
        let name = format!("{prefix}{}", slot.name);
        let wrong = |found: String| Error::Tensor {
            model: model.to_owned(),
            tensor: name.clone(),
            expected: format!("{:?} F16 or F32, finite", slot.shape),
            found,
        };
        let view = stored.tensor(&name).map_err(|_| wrong("absent".to_owned()))?;
        let four = |chunk: &[u8]| chunk.try_into().map_or(f32::NAN, f32::from_le_bytes);
        let two = |chunk: &[u8]| chunk.try_into().map_or(f32::NAN, |pair| f16::from_le_bytes(pair).to_f32());
        match view.dtype() {
            Dtype::F32 if view.shape() == slot.shape => values.extend(view.data().chunks_exact(4).map(four)),
            Dtype::F16 if view.shape() == slot.shape => values.extend(view.data().chunks_exact(2).map(two)),
            other => return Err(wrong(format!("{:?} {other:?}", view.shape()))),
        }
        if !values.iter().skip(slot.range.start).all(|value| value.is_finite()) {
            return Err(wrong("a value that is not finite".to_owned()));
        }
    }
    Ok(values)
}
