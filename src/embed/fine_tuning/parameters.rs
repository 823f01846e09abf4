use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::tflite::Tensors;
use super::super::trainable::normal;

/// One named tensor of a [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embed) struct Slot {
    pub name: String,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
    /// Pulled towards zero by weight decay: kernels, not biases.
    pub decayed: bool,
    /// Part of the pretrained backbone, which learns more slowly.
    pub pretrained: bool,
}

/// Where every tensor of a network lies in one flat vector of parameters; gradients, moments and averages share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::embed) struct Layout {
    pub slots: Vec<Slot>,
}

impl Layout {
    /// Adds a weight of this shape and a bias per output; returns where they lie.
    pub fn add(&mut self, name: &str, shape: &[usize], pretrained: bool) -> [Range<usize>; 2] {
        let outputs = shape.first().copied().unwrap_or(0);
        let weight = self.push(format!("{name}.weight"), shape.to_vec(), true, pretrained);
        let bias = self.push(format!("{name}.bias"), vec![outputs], false, pretrained);
        [weight, bias]
    }

    /// Adds numbers that are stored with the parameters and never trained.
    pub fn add_constants(&mut self, name: &str, count: usize) -> Range<usize> {
        self.push(name.to_owned(), vec![count], false, false)
    }

    fn push(&mut self, name: String, shape: Vec<usize>, decayed: bool, pretrained: bool) -> Range<usize> {
        let start = self.len();
        let range = start..start + shape.iter().product::<usize>();
        self.slots.push(Slot { name, shape, range: range.clone(), decayed, pretrained });
        range
    }

    /// Parameters in all.
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.range.end)
    }

    /// Starting values: kernels from N(0, 2 / inputs), new linear maps (two axes) from N(0, 1 / inputs), biases zero.
    ///
    /// # Source
    /// He et al., Delving deep into rectifiers, ICCV 2015.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut values = vec![0.0; self.len()];
        for slot in self.slots.iter().filter(|slot| slot.decayed) {
            let inputs: usize = slot.shape.iter().skip(1).product();
            let gain = if slot.shape.len() == 4 { 2.0 } else { 1.0 };
            let spread = (gain / inputs.max(1) as f64).sqrt();
            // Each tensor draws from its own stream, so that one added later does not change the others.
            let mut own: ChaCha8Rng = rand::SeedableRng::seed_from_u64(rng.random());
            if let Some(cells) = values.get_mut(slot.range.clone()) {
                cells.iter_mut().for_each(|cell| *cell = (spread * normal(&mut own)) as f32);
            }
        }
        values
    }

    /// Copies pretrained tensors over the drawn ones. A kernel for three colours becomes one for grey by summing it over
    /// them: the same answer as a grey image shown three times.
    ///
    /// # Errors
    /// The name of a backbone tensor that is absent or has another shape.
    pub fn load(&self, values: &mut [f32], tensors: &Tensors) -> Result<(), String> {
        for slot in self.slots.iter().filter(|slot| slot.pretrained) {
            let (shape, source) = tensors.get(&slot.name).ok_or_else(|| format!("{}: absent", slot.name))?;
            let wrong = || format!("{}: expected shape {:?}, found {shape:?}", slot.name, slot.shape);
            let cells = values.get_mut(slot.range.clone()).ok_or_else(wrong)?;
            match (slot.shape.as_slice(), shape.as_slice()) {
                (own, theirs) if own == theirs && source.len() == cells.len() => cells.copy_from_slice(source),
                (&[outputs, 1, rows, columns], &[same, 3, r, c]) if (outputs, rows, columns) == (same, r, c) => {
                    let taps = rows * columns;
                    for (kernel, colours) in cells.chunks_exact_mut(taps).zip(source.chunks_exact(3 * taps)) {
                        for (tap, cell) in kernel.iter_mut().enumerate() {
                            *cell = colours.iter().skip(tap).step_by(taps).sum();
                        }
                    }
                }
                _ => return Err(wrong()),
            }
        }
        Ok(())
    }
}
