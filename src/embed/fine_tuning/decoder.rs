use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, Device, Layout as Strides, Result, Shape, Tensor, Var};

use super::super::convolution::{Grid, TAPS, patches, values};
use super::backbone::{Backbone, Workspace};
use super::linear::linear;
use super::parameters::Layout;

/// Blocks whose maps the decoder reads, coarse to fine (strides 32, 16, 8 and 4), and their channels.
pub(super) const SKIPS: [(usize, usize); 4] = [(17, 320), (13, 96), (6, 32), (3, 24)];

/// Channels of the decoder.
const WIDTH: usize = 32;

/// From the maps of the backbone to one logit per 4 × 4 pixels: each map is reduced to 32 channels, added to the doubled
/// coarser one, and mixed by a 3 × 3 convolution.
///
/// # Source
/// Lin et al., Feature pyramid networks for object detection, CVPR 2017 (top-down pathway with lateral connections).
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    slots: Range<usize>,
}

/// A map as a matrix of pixels, and its shape.
type Map = (Tensor, Grid);

impl Decoder {
    /// The decoder, its parameters added to `layout`.
    pub fn new(layout: &mut Layout) -> Self {
        let first = layout.slots.len();
        for (block, channels) in SKIPS {
            layout.add(&format!("decoder.lateral{block}"), &[WIDTH, channels], false);
            if block != SKIPS[0].0 {
                layout.add(&format!("decoder.mix{block}"), &[WIDTH, TAPS * WIDTH], false);
            }
        }
        layout.add("decoder.mask", &[1, WIDTH], false);
        Self { slots: first..layout.slots.len() }
    }

    /// The decoder's parameters as variables, by name.
    pub fn variables(&self, layout: &Layout, parameters: &[f32]) -> Result<BTreeMap<String, Var>> {
        let own = layout.slots.iter().skip(self.slots.start).take(self.slots.len());
        own.map(|slot| {
            let values = parameters.get(slot.range.clone()).unwrap_or(&[]);
            Ok((slot.name.clone(), Var::from_slice(values, slot.shape.as_slice(), &Device::Cpu)?))
        })
        .collect()
    }

    /// Copies the gradients of the parameters to their places.
    pub fn collect(
        &self,
        layout: &Layout,
        variables: &BTreeMap<String, Var>,
        slopes: &GradStore,
        gradient: &mut [f32],
    ) -> Result<()> {
        for slot in layout.slots.iter().skip(self.slots.start).take(self.slots.len()) {
            let slope = variables.get(&slot.name).and_then(|var| slopes.get(var.as_tensor()));
            if let (Some(slope), Some(cells)) = (slope, gradient.get_mut(slot.range.clone())) {
                cells.copy_from_slice(&slope.flatten_all()?.to_vec1::<f32>()?);
            }
        }
        Ok(())
    }

    /// The maps that the decoder reads from the last forward pass, as variables.
    pub fn skips(backbone: &Backbone, space: &Workspace) -> Result<Vec<(Var, Grid)>> {
        SKIPS
            .iter()
            .map(|(block, _)| {
                let (map, grid) = backbone.after(*block, space);
                Ok((Var::from_slice(map, (grid.pixels(), grid.channels), &Device::Cpu)?, grid))
            })
            .collect()
    }

    /// The logits `[pixels]` of the finest map and its shape.
    pub fn logits(variables: &BTreeMap<String, Var>, skips: &[(Var, Grid)]) -> Result<Map> {
        let apply = |name: String, rows: &Tensor| {
            let find = |part: &str| {
                let var = variables.get(&format!("{name}.{part}"));
                var.map(Var::as_tensor).ok_or_else(|| candle_core::Error::Msg(format!("no tensor {name}.{part}")))
            };
            linear(rows, find("weight")?, find("bias")?)
        };
        let mut last: Option<Map> = None;
        for ((block, _), (skip, grid)) in SKIPS.iter().zip(skips) {
            let lateral = apply(format!("decoder.lateral{block}"), skip.as_tensor())?;
            let grid = Grid { channels: WIDTH, ..*grid };
            let map = match last {
                None => lateral.relu()?,
                Some((coarse, coarse_grid)) => {
                    let sum = (lateral + doubled(&coarse, coarse_grid)?)?;
                    apply(format!("decoder.mix{block}"), &patches(&sum, grid, 1)?)?.relu()?
                }
            };
            last = Some((map, grid));
        }
        let (map, grid) = last.ok_or_else(|| candle_core::Error::Msg("no map to decode".to_owned()))?;
        Ok((apply("decoder.mask".to_owned(), &map)?.squeeze(1)?, Grid { channels: 1, ..grid }))
    }
}

/// A map of twice the height and width, every pixel four times.
fn doubled(map: &Tensor, grid: Grid) -> Result<Tensor> {
    map.contiguous()?.apply_op1(Doubled { grid })
}

struct Doubled {
    grid: Grid,
}

impl Doubled {
    /// Calls `visit(pixel of the doubled map, pixel of the map)`, as positions of their first channels.
    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let Grid { images, rows, columns, channels } = self.grid;
        for row in 0..images * rows * 2 {
            for column in 0..columns * 2 {
                visit((row * columns * 2 + column) * channels, (row / 2 * columns + column / 2) * channels);
            }
        }
    }
}

impl CustomOp1 for Doubled {
    fn name(&self) -> &'static str {
        "doubled"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Strides) -> Result<(CpuStorage, Shape)> {
        let channels = self.grid.channels;
        let map = values(storage, layout, self.grid.pixels() * channels)?;
        let mut out = vec![0.0; 4 * map.len()];
        self.for_each(|to, from| out[to..to + channels].copy_from_slice(&map[from..from + channels]));
        Ok((CpuStorage::F32(out), Shape::from((4 * self.grid.pixels(), channels))))
    }

    fn bwd(&self, _map: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let channels = self.grid.channels;
        let slope = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut out = vec![0.0; self.grid.pixels() * channels];
        self.for_each(|to, from| {
            out[from..from + channels].iter_mut().zip(&slope[to..to + channels]).for_each(|(sum, s)| *sum += s);
        });
        Ok(Some(Tensor::from_vec(out, (self.grid.pixels(), channels), &Device::Cpu)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short enough that no rectifier changes its side.
    const STEP: f64 = 2e-4;

    #[test]
    fn the_gradient_of_the_decoder_agrees_with_finite_differences() {
        let mut layout = Layout::default();
        let decoder = Decoder::new(&mut layout);
        let wave = |count: usize, pace: f32| (0..count).map(|i| (i as f32 * pace).sin()).collect::<Vec<f32>>();
        let parameters: Vec<f32> = wave(layout.len(), 0.83).into_iter().map(|x| 0.2 * x).collect();
        let skips: Vec<(Var, Grid)> = SKIPS
            .iter()
            .zip([1, 2, 4, 8])
            .map(|((_, channels), side)| {
                let grid = Grid { images: 2, rows: side, columns: side, channels: *channels };
                let map = wave(grid.pixels() * channels, 0.29);
                (Var::from_vec(map, (grid.pixels(), *channels), &Device::Cpu).unwrap(), grid)
            })
            .collect();
        let loss = |parameters: &[f32]| {
            let variables = decoder.variables(&layout, parameters).unwrap();
            let (logits, grid) = Decoder::logits(&variables, &skips).unwrap();
            assert_eq!((grid.rows, grid.columns, grid.channels), (8, 8, 1));
            let slopes = logits.sqr().unwrap().mean_all().unwrap().backward().unwrap();
            let mut gradient = vec![f32::NAN; layout.len()];
            decoder.collect(&layout, &variables, &slopes, &mut gradient).unwrap();
            let logits = logits.to_vec1::<f32>().unwrap();
            let value = logits.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / logits.len() as f64;
            (value, gradient, slopes)
        };
        let (_, gradient, slopes) = loss(&parameters);
        for slot in &layout.slots {
            let own = &gradient[slot.range.clone()];
            let length = own.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>().sqrt();
            let along = |sign: f64| {
                let mut moved = parameters.clone();
                for (cell, slope) in moved[slot.range.clone()].iter_mut().zip(own) {
                    *cell += (sign * STEP * f64::from(*slope) / length) as f32;
                }
                loss(&moved).0
            };
            // Along the gradient itself the slope of the loss is the gradient's length.
            let found = (along(1.0) - along(-1.0)) / (2.0 * STEP);
            assert!((found / length - 1.0).abs() < 0.03, "{}: {found} {length}", slot.name);
        }
        for (skip, _) in &skips {
            let slope = slopes.get(skip.as_tensor()).unwrap();
            let length = f64::from(slope.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt();
            let start = skip.as_tensor().copy().unwrap();
            let along = |sign: f64| {
                skip.set(&(&start + (slope * (sign * STEP / length)).unwrap()).unwrap()).unwrap();
                loss(&parameters).0
            };
            let found = (along(1.0) - along(-1.0)) / (2.0 * STEP);
            skip.set(&start).unwrap();
            assert!((found / length - 1.0).abs() < 0.03, "skip: {found} {length}");
        }
    }
}
