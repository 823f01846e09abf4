use std::collections::{BTreeMap, HashMap};

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
            expected: format!("{:?} F32, finite", slot.shape),
            found,
        };
        let view = stored.tensor(&name).map_err(|_| wrong("absent".to_owned()))?;
        if view.shape() != slot.shape || view.dtype() != Dtype::F32 {
            return Err(wrong(format!("{:?} {:?}", view.shape(), view.dtype())));
        }
        let four = |chunk: &[u8]| chunk.try_into().map_or(f32::NAN, f32::from_le_bytes);
        values.extend(view.data().chunks_exact(4).map(four));
        if !values.iter().skip(slot.range.start).all(|value| value.is_finite()) {
            return Err(wrong("a value that is not finite".to_owned()));
        }
    }
    Ok(values)
}
