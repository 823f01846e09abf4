use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// Taps of the 3 × 3 kernel.
pub(super) const TAPS: usize = 9;

/// The shape of a feature map stored as a matrix: one row per pixel (image by image, top to bottom, left to right),
/// one column per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub images: usize,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
}

impl Grid {
    /// The grid after a 3 × 3 convolution with one pixel of zero padding.
    pub fn convolved(self, stride: usize, channels: usize) -> Self {
        let side = |n: usize| (n.max(1) - 1) / stride + 1;
        Self { images: self.images, rows: side(self.rows), columns: side(self.columns), channels }
    }

    /// Pixels over all images: the rows of the matrix.
    pub fn pixels(self) -> usize {
        self.images * self.rows * self.columns
    }

    /// Calls `visit(patch offset, pixel offset)` for every tap that falls inside the image.
    fn for_each_tap(self, stride: usize, mut visit: impl FnMut(usize, usize)) {
        let out = self.convolved(stride, self.channels);
        let channels = self.channels;
        let mut patch = 0;
        for image in 0..self.images {
            for row in 0..out.rows {
                for column in 0..out.columns {
                    for tap in 0..TAPS {
                        let (y, x) = (row * stride + tap / 3, column * stride + tap % 3);
                        if y >= 1 && y <= self.rows && x >= 1 && x <= self.columns {
                            let pixel = (image * self.rows + y - 1) * self.columns + x - 1;
                            visit(patch + tap * channels, pixel * channels);
                        }
                    }
                    patch += TAPS * channels;
                }
            }
        }
    }
}

/// The 3 × 3 neighbourhoods of a map, `[pixels, channels]` to `[output pixels, 9 × channels]`, zero outside the image.
///
/// candle's own backward pass of a convolution is slow on a CPU; a product of this matrix with the kernel is the same
/// sum, and both its gradients are plain matrix products.
pub(super) fn patches(map: &Tensor, grid: Grid, stride: usize) -> Result<Tensor> {
    map.contiguous()?.apply_op1(Patches { grid, stride })
}

struct Patches {
    grid: Grid,
    stride: usize,
}

impl CustomOp1 for Patches {
    fn name(&self) -> &'static str {
        "patches"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let map = values(storage, layout, self.grid.pixels() * self.grid.channels)?;
        let channels = self.grid.channels;
        let rows = self.grid.convolved(self.stride, channels).pixels();
        let mut out = vec![0f32; rows * TAPS * channels];
        if channels == 1 {
            self.grid.for_each_tap(self.stride, |patch, pixel| out[patch] = map[pixel]);
        } else {
            self.grid.for_each_tap(self.stride, |patch, pixel| {
                out[patch..patch + channels].copy_from_slice(&map[pixel..pixel + channels]);
            });
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, TAPS * channels))))
    }

    fn bwd(&self, _map: &Tensor, _patches: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let op = Overlaps { grid: self.grid, stride: self.stride };
        Ok(Some(gradient.contiguous()?.apply_op1_no_bwd(&op)?))
    }
}

/// The transpose of [`Patches`]: sums every patch value back onto the pixel it was read from.
struct Overlaps {
    grid: Grid,
    stride: usize,
}

impl CustomOp1 for Overlaps {
    fn name(&self) -> &'static str {
        "overlaps"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let channels = self.grid.channels;
        let rows = self.grid.convolved(self.stride, channels).pixels();
        let gradient = values(storage, layout, rows * TAPS * channels)?;
        let mut out = vec![0f32; self.grid.pixels() * channels];
        self.grid.for_each_tap(self.stride, |patch, pixel| {
            for (sum, value) in out[pixel..pixel + channels].iter_mut().zip(&gradient[patch..patch + channels]) {
                *sum += value;
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((self.grid.pixels(), channels))))
    }
}

/// The `expected` f32 values of a contiguous tensor.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout, expected: usize) -> Result<&'a [f32]> {
    let found = match layout.contiguous_offsets() {
        Some((start, end)) => storage.as_slice::<f32>()?.get(start..end),
        None => None,
    };
    found
        .filter(|values| values.len() == expected)
        .ok_or_else(|| candle_core::Error::Msg(format!("expected {expected} contiguous values, found {layout:?}")))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn a_product_of_patches_and_kernel_is_candles_own_convolution_and_its_gradient() {
        let device = Device::Cpu;
        for (rows, columns, stride) in [(5, 4, 1), (6, 6, 2), (5, 7, 2)] {
            let grid = Grid { images: 2, rows, columns, channels: 3 };
            let count = grid.pixels() * 3;
            let data: Vec<f32> = (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let kernel: Vec<f32> = (0..27 * 4).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect();
            let map = Var::from_vec(data, (2 * rows * columns, 3), &device).unwrap();
            let kernel = Tensor::from_vec(kernel, (27, 4), &device).unwrap();
            let ours = patches(&map, grid, stride).unwrap().matmul(&kernel).unwrap();
            let image = map.reshape((2, rows, columns, 3)).unwrap().permute((0, 3, 1, 2)).unwrap();
            let weight = kernel.reshape((3, 3, 3, 4)).unwrap().permute((3, 2, 0, 1)).unwrap().contiguous().unwrap();
            let theirs = image.contiguous().unwrap().conv2d(&weight, 1, stride, 1, 1).unwrap();
            let theirs = theirs.permute((0, 2, 3, 1)).unwrap().reshape(ours.shape()).unwrap();
            let gap = (&ours - &theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(gap < 1e-5, "{gap}");
            let gradient = |out: &Tensor| {
                let grads = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
                grads.get(map.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            for (a, b) in gradient(&ours).iter().zip(gradient(&theirs)) {
                assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{a} {b}");
            }
        }
    }
}
