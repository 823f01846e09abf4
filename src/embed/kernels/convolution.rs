use std::sync::OnceLock;

use super::activation::Activation;
use super::depthwise::Depthwise;
use super::panels::{BLOCK, Panels};
use super::parallel::with_scratch;
use super::patches::{Matrix, Patches, Runs, Window};
use super::product::{Finish, product};
use super::row_source::RowSource;
use super::winograd::{Filtering, Winograd};
use super::{FeatureMap, Workspace};

/// The margin of zeros around the input of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many zeros on every side (PyTorch).
    Even(usize),
    /// As many as make the output ⌈input / stride⌉ long, the odd one after the last row or column (TensorFlow's SAME).
    Same,
}

impl Padding {
    /// Zeros before the first row, and output rows; none when the window does not fit.
    pub(crate) fn lead_and_output(self, input: usize, kernel: usize, stride: usize) -> Option<(usize, usize)> {
        match self {
            Self::Even(margin) => {
                let room = (input + 2 * margin).checked_sub(kernel)?;
                Some((margin, room / stride + 1))
            }
            Self::Same => {
                let out = input.div_ceil(stride);
                let total = (out.checked_sub(1)? * stride + kernel).saturating_sub(input);
                Some((total / 2, out))
            }
        }
    }
}

/// The shape of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Step of the window, in both directions.
    pub stride: usize,
    /// The margin of zeros.
    pub padding: Padding,
    /// Whether every channel has a window of its own (as many outputs as inputs); otherwise all see all.
    pub depthwise: bool,
}

impl ConvolutionShape {
    /// A linear layer over the channels of every position.
    #[must_use]
    pub fn linear(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, kernel: [1, 1], stride: 1, padding: Padding::Even(0), depthwise: false }
    }

    /// The shape of PyTorch's weight tensor: `[outputs, inputs (1 if depthwise), rows, columns]`.
    #[must_use]
    pub fn weight_shape(&self) -> [usize; 4] {
        let [rows, columns] = self.kernel;
        [self.outputs, if self.depthwise { 1 } else { self.inputs }, rows, columns]
    }

    /// The window over an image of that size; none when the window does not fit.
    pub(super) fn window(&self, height: usize, width: usize) -> Option<Window> {
        let (top, rows) = self.padding.lead_and_output(height, self.kernel[0], self.stride)?;
        let (left, columns) = self.padding.lead_and_output(width, self.kernel[1], self.stride)?;
        Some(Window { kernel: self.kernel, stride: self.stride, lead: [top, left], out: [rows, columns] })
    }

    fn pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && matches!(self.padding, Padding::Even(0) | Padding::Same)
    }

    /// Three by three, step one, the output as large as the input.
    fn filterable(&self) -> bool {
        let same = matches!(self.padding, Padding::Even(1) | Padding::Same);
        let whole = self.inputs.is_multiple_of(BLOCK) && self.outputs.is_multiple_of(BLOCK);
        self.kernel == [3, 3] && self.stride == 1 && same && whole
    }
}

/// Pixels of the shorter side from which four by four outputs are filtered at a time.
const LARGE_MAP: usize = 20;
/// Pixels of the shorter side from which two by two outputs are filtered at a time; below, a product of patches.
const MIDDLE_MAP: usize = 6;

/// A convolution with its bias and activation, the weights laid out for the product.
#[derive(Debug)]
pub struct Convolution {
    shape: ConvolutionShape,
    bias: Vec<f32>,
    activation: Activation,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Depthwise(Depthwise),
    /// One matrix `[kernel rows × kernel columns × inputs, outputs]`.
    Product(Panels),
    /// 3 × 3 of step 1: the form depends on the size of the map, so each is made when first needed.
    Filtered {
        weight: Vec<f32>,
        small: OnceLock<Panels>,
        middle: OnceLock<Winograd>,
        large: OnceLock<Winograd>,
    },
}

impl Convolution {
    /// A convolution of weights in PyTorch's order ([`ConvolutionShape::weight_shape`]) and one bias per output.
    ///
    /// # Panics
    /// When the numbers of weights or biases are not those of the shape: the reader of weights has checked them.
    #[must_use]
    pub fn new(shape: ConvolutionShape, weight: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Self {
        assert_eq!(weight.len(), shape.weight_shape().iter().product::<usize>(), "weights of {shape:?}");
        assert_eq!(bias.len(), shape.outputs, "biases of {shape:?}");
        let form = if shape.depthwise {
            Form::Depthwise(Depthwise::new(&shape, &weight))
        } else if shape.filterable() {
            Form::Filtered { weight, small: OnceLock::new(), middle: OnceLock::new(), large: OnceLock::new() }
        } else {
            Form::Product(product_weights(&shape, &weight))
        };
        Self { shape, bias, activation, form }
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &ConvolutionShape {
        &self.shape
    }

    /// activation(convolution(map) + bias + residual), a map `[images, out rows, out columns, outputs]`.
    ///
    /// # Panics
    /// When the map has other channels or is smaller than the window, or the residual is not of the output's shape.
    #[must_use]
    pub fn apply(&self, map: &FeatureMap, residual: Option<&FeatureMap>, workspace: &Workspace) -> FeatureMap {
        let [images, height, width, channels] = map.shape();
        assert_eq!(channels, self.shape.inputs, "channels of the map");
        let window = self.shape.window(height, width).expect("a map at least as large as the window");
        let mut out = workspace.map([images, window.out[0], window.out[1], self.shape.outputs]);
        if let Some(residual) = residual {
            assert_eq!(residual.shape(), out.shape(), "shape of the residual");
        }
        let finish = self.finish(residual.map(FeatureMap::values));
        let out_values = out.values_mut();
        match &self.form {
            Form::Depthwise(depthwise) => depthwise.apply(map, window, finish, out_values),
            Form::Product(weights) if self.shape.pointwise() => {
                product(
                    &Matrix { values: map.values(), inner: channels, stride: channels },
                    weights,
                    finish,
                    out_values,
                );
            }
            Form::Product(weights) => product_of_patches(map, window, weights, finish, out_values),
            Form::Filtered { weight, small, middle, large } => {
                let filtered = |filtering, place: &OnceLock<Winograd>, out: &mut [f32]| {
                    let made = || Winograd::new(filtering, channels, self.shape.outputs, weight);
                    place.get_or_init(made).apply(map, finish, out);
                };
                match height.min(width) {
                    LARGE_MAP.. => filtered(Filtering::FourByFour, large, out_values),
                    MIDDLE_MAP.. => filtered(Filtering::TwoByTwo, middle, out_values),
                    _ => {
                        let weights = small.get_or_init(|| product_weights(&self.shape, weight));
                        product_of_patches(map, window, weights, finish, out_values);
                    }
                }
            }
        }
        out
    }
}

impl Convolution {
    /// The weights of one depthwise layer.
    pub(super) fn depthwise_weights(&self) -> Option<&Depthwise> {
        match &self.form {
            Form::Depthwise(depthwise) => Some(depthwise),
            _ => None,
        }
    }

    /// The matrix of a layer of 1 × 1 windows.
    pub(super) fn pointwise_weights(&self) -> Option<&Panels> {
        match &self.form {
            Form::Product(panels) if self.shape.pointwise() => Some(panels),
            _ => None,
        }
    }

    /// What happens to the sums.
    pub(super) fn finish<'a>(&'a self, residual: Option<&'a [f32]>) -> Finish<'a> {
        Finish { bias: &self.bias, residual, activation: self.activation }
    }
}

fn product_weights(shape: &ConvolutionShape, weight: &[f32]) -> Panels {
    let taps = shape.kernel[0] * shape.kernel[1];
    let at = |k: usize, n: usize| weight[(n * shape.inputs + k % shape.inputs) * taps + k / shape.inputs];
    Panels::pack(taps * shape.inputs, shape.outputs, at)
}

fn product_of_patches(map: &FeatureMap, window: Window, weights: &Panels, finish: Finish<'_>, out: &mut [f32]) {
    if map.channels().is_multiple_of(BLOCK) {
        product(&Patches { map, window }, weights, finish, out);
    } else {
        with_scratch(Runs::padded_len(map, window), |padded| {
            let runs: &dyn RowSource = &Runs::new(map, window, padded);
            product(runs, weights, finish, out);
        });
    }
}
