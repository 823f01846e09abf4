/// The position embeddings of a transformer: one of the class token (perhaps) and a square grid.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    values: Vec<f32>,
    dim: usize,
    /// Rows and columns of the trained grid.
    side: usize,
}

impl Positions {
    /// From `[1, class token or none, grid, dim]` flattened.
    pub fn new(values: Vec<f32>, dim: usize) -> Self {
        let side = (values.len() / dim).isqrt();
        Self { values, dim, side }
    }

    /// The embedding of the class token; empty when it has none.
    pub fn class(&self) -> &[f32] {
        &self.values[..self.values.len() - self.side * self.side * self.dim]
    }

    /// The embeddings `[rows × columns, dim]` on another grid, by antialiased bicubic interpolation as timm does it.
    pub fn on_grid(&self, [rows, columns]: [usize; 2]) -> Vec<f32> {
        let grid = &self.values[self.class().len()..];
        if [rows, columns] == [self.side; 2] {
            return grid.to_vec();
        }
        // Columns first, then rows: the order of PyTorch's separable filter.
        let across = resample(grid, [self.side, self.side, self.dim], columns);
        resample(&across, [1, self.side, columns * self.dim], rows)
    }
}

/// Resamples the middle axis of `[outer, size, inner]` to `to` points.
fn resample(values: &[f32], [outer, size, inner]: [usize; 3], to: usize) -> Vec<f32> {
    let filters: Vec<(usize, Vec<f32>)> = (0..to).map(|index| filter(index, size, to)).collect();
    let mut out = vec![0f32; outer * to * inner];
    for (lines, out) in values.chunks_exact(size * inner).zip(out.chunks_exact_mut(to * inner)) {
        for ((first, weights), out) in filters.iter().zip(out.chunks_exact_mut(inner)) {
            for (line, weight) in lines.chunks_exact(inner).skip(*first).zip(weights) {
                out.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    out
}

/// The first input point and the weights of output point `index`.
///
/// # Source
/// PyTorch, `upsample_bicubic2d_aa`: Keys' cubic with a = −1/2, stretched by the scale when the grid shrinks.
fn filter(index: usize, from: usize, to: usize) -> (usize, Vec<f32>) {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let centre = scale * (index as f64 + 0.5);
    let first = (centre - 2.0 * stretch + 0.5).max(0.0) as usize;
    let past = ((centre + 2.0 * stretch + 0.5) as usize).min(from);
    let weights: Vec<f64> = (first..past).map(|point| cubic((point as f64 - centre + 0.5) / stretch)).collect();
    let sum: f64 = weights.iter().sum();
    (first, weights.into_iter().map(|weight| (weight / sum) as f32).collect())
}

/// Keys' cubic convolution kernel, a = −1/2.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}
