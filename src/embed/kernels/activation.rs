use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

/// The function applied to every value of a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x.
    #[default]
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x / (1 + exp(−x)), also called swish.
    Silu,
    /// x Φ(x) with the normal distribution function Φ (the exact form, by erf).
    Gelu,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
}

impl Activation {
    /// Applies the function to every value in place.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Relu => {
                for x in values {
                    *x = x.max(0.0);
                }
            }
            Self::Relu6 => {
                for x in values {
                    *x = x.clamp(0.0, 6.0);
                }
            }
            Self::Silu => {
                for x in values {
                    *x /= 1.0 + exponential(-*x);
                }
            }
            Self::Gelu => {
                for x in values {
                    *x *= 0.5 + 0.5 * error_function(*x * FRAC_1_SQRT_2);
                }
            }
            Self::Sigmoid => {
                for x in values {
                    *x = 1.0 / (1.0 + exponential(-*x));
                }
            }
        }
    }
}

/// exp(x) within 2 units in the last place for x in [−87, 88], clamped outside; branch-free, so that it vectorises.
///
/// # Source
/// Cephes `expf` (Moshier): argument reduction by ln 2 in two parts and a polynomial of degree 5 on [−ln 2 / 2, ln 2 / 2].
#[inline(always)]
pub(super) fn exponential(x: f32) -> f32 {
    /// 1.5 × 2²³: adding it rounds to the nearest whole number and leaves that number in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let p = r.mul_add(1.987_569_1e-4, 1.398_199_9e-3);
    let p = r.mul_add(p, 8.333_452e-3);
    let p = r.mul_add(p, 4.166_579_6e-2);
    let p = r.mul_add(p, 0.166_666_66);
    let p = r.mul_add(p, 0.5);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (r * r).mul_add(p, r + 1.0) * power
}

/// erf(x) within 4e-7, a ratio of polynomials on [−4, 4].
///
/// # Source
/// The minimax coefficients of Eigen (`generic_fast_erf_float`).
#[inline(always)]
fn error_function(x: f32) -> f32 {
    const ALPHA: [f32; 6] =
        [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2];
    const BETA: [f32; 4] = [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_474e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let above = horner(-2.726_142_3e-10, ALPHA, square);
    let below = horner(-1.456_607_2e-5, BETA, square);
    x * above / below
}

/// (((first x + c₀) x + c₁) x + …).
#[inline(always)]
fn horner<const N: usize>(first: f32, coefficients: [f32; N], x: f32) -> f32 {
    let mut sum = first;
    for coefficient in coefficients {
        sum = sum.mul_add(x, coefficient);
    }
    sum
}
