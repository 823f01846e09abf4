use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::super::convolution::values;
use super::product::{Matrix, product};
use super::vectors::{add_bias, sum_rows};

/// The linear map `x wᵀ + b` of rows `[rows, inputs]` by a weight `[outputs, inputs]`, on one thread.
///
/// candle's own product splits itself over threads as soon as it is large enough, inside a task that already has its
/// thread.
pub(super) fn linear(rows: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    rows.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((n, inputs), (outputs, same)) = (rows_layout.shape().dims2()?, weight_layout.shape().dims2()?);
        if inputs != same {
            return Err(candle_core::Error::Msg(format!("linear: {inputs} inputs for a weight of {same}")));
        }
        let x = values(rows, rows_layout, n * inputs)?;
        let w = values(weight, weight_layout, outputs * inputs)?;
        let b = values(bias, bias_layout, outputs)?;
        let mut out = vec![0.0; n * outputs];
        product(&mut out, Matrix::new(x, n, inputs), Matrix::new(w, outputs, inputs).transposed());
        add_bias(&mut out, b, false);
        Ok((CpuStorage::F32(out), Shape::from((n, outputs))))
    }

    fn bwd(
        &self,
        rows: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((n, inputs), outputs) = (rows.dims2()?, result.dim(1)?);
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (x, w, slope) = (flat(rows)?, flat(weight)?, flat(gradient)?);
        let mut bias_slope = vec![0.0; outputs];
        sum_rows(&slope, &mut bias_slope);
        let slopes = Matrix::new(&slope, n, outputs);
        let (mut row_slope, mut weight_slope) = (vec![0.0; n * inputs], vec![0.0; outputs * inputs]);
        product(&mut row_slope, slopes, Matrix::new(&w, outputs, inputs));
        product(&mut weight_slope, slopes.transposed(), Matrix::new(&x, n, inputs));
        Ok((
            Some(Tensor::from_vec(row_slope, (n, inputs), &Device::Cpu)?),
            Some(Tensor::from_vec(weight_slope, (outputs, inputs), &Device::Cpu)?),
            Some(Tensor::from_vec(bias_slope, outputs, &Device::Cpu)?),
        ))
    }
}
