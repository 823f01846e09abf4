use std::sync::OnceLock;

/// Runs `work` compiled for the widest vector instructions of this processor.
#[inline(always)]
pub(in crate::embed) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    ARCH.get_or_init(pulp::Arch::new).dispatch(work)
}

/// `sums += x y`, element by element.
#[inline(always)]
pub(super) fn add_product(sums: &mut [f32], x: &[f32], y: &[f32]) {
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum = x.mul_add(*y, *sum);
    }
}

/// `sums += slope factor` for two pairs of sums and factors at once.
#[inline(always)]
pub(super) fn add_products(slope: &[f32], first: (&mut [f32], &[f32]), second: (&mut [f32], &[f32])) {
    let ((a, x), (b, y)) = (first, second);
    for ((((s, a), x), b), y) in slope.iter().zip(a).zip(x).zip(b).zip(y) {
        *a = s.mul_add(*x, *a);
        *b = s.mul_add(*y, *b);
    }
}

/// Adds a bias to every row and clips to [0, 6] where asked.
pub(super) fn add_bias(map: &mut [f32], bias: &[f32], clipped: bool) {
    vectorised(
        #[inline(always)]
        || {
            for row in map.chunks_exact_mut(bias.len()) {
                if clipped {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x = (*x + b).clamp(0.0, 6.0));
                } else {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
                }
            }
        },
    );
}

/// Clears a gradient where the output was clipped.
pub(super) fn clip(slope: &mut [f32], output: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (s, y) in slope.iter_mut().zip(output) {
                *s = if *y > 0.0 && *y < 6.0 { *s } else { 0.0 };
            }
        },
    );
}

/// Writes the sums of the columns: the gradient of a bias.
pub(super) fn sum_rows(slope: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    vectorised(
        #[inline(always)]
        || {
            for row in slope.chunks_exact(sums.len()) {
                row.iter().zip(sums.iter_mut()).for_each(|(s, sum)| *sum += s);
            }
        },
    );
}

/// `sums += values`.
pub(in crate::embed) fn add(sums: &mut [f32], values: &[f32]) {
    vectorised(
        #[inline(always)]
        || sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
    );
}
