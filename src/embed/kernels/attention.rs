use pulp::NullaryFnOnce;

use super::activation::{Activation, exponential};
use super::layer_norm::sum;
use super::panels::Panels;
use super::parallel::{for_row_groups, with_scratch};
use super::patches::Matrix;
use super::product::{Finish, product};
use super::simd::dispatch;
use super::{FeatureMap, Workspace};

/// Softmax attention of every image's tokens: softmax(Q Kᵀ / √d) V for every head of d channels.
///
/// The map `[images, tokens, 1, 3 × heads × d]` holds Q, K and V side by side, each cut into heads (timm's `qkv`); the
/// result is `[images, tokens, 1, heads × d]`.
///
/// # Source
/// Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.
///
/// # Panics
/// When the channels are not three times the heads.
#[must_use]
pub fn attention(qkv: &FeatureMap, heads: usize, workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = qkv.shape();
    assert!(channels.is_multiple_of(3 * heads), "{channels} channels for {heads} heads");
    let (tokens, dim) = (height * width, channels / 3);
    let depth = dim / heads;
    let mut by_head = workspace.map([images, heads, tokens, depth]);
    for_row_groups(by_head.values_mut(), tokens * depth, 1, |index, out| {
        let (image, head) = (index / heads, index % heads);
        let values = &qkv.values()[image * tokens * channels..(image + 1) * tokens * channels];
        attend(values, [head * depth, dim, depth], out);
    });
    let mut out = workspace.map([images, tokens, 1, dim]);
    let by_head_values = by_head.values();
    for_row_groups(out.values_mut(), dim, tokens, |first, out| {
        let image = first / tokens;
        for (token, out) in out.chunks_exact_mut(dim).enumerate() {
            for (head, out) in out.chunks_exact_mut(depth).enumerate() {
                out.copy_from_slice(&by_head_values[((image * heads + head) * tokens + token) * depth..][..depth]);
            }
        }
    });
    workspace.recycle(by_head);
    out
}

/// One head of one image: `out` is `[tokens, depth]`, the head's channels start at `first` in each of Q, K and V.
fn attend(values: &[f32], [first, dim, depth]: [usize; 3], out: &mut [f32]) {
    let tokens = out.len() / depth;
    let stride = 3 * dim;
    let scale = 1.0 / (depth as f32).sqrt();
    let keys = Panels::pack(depth, tokens, |k, n| values[n * stride + dim + first + k] * scale);
    let carried = Panels::pack(tokens, depth, |k, n| values[k * stride + 2 * dim + first + n]);
    let zeros = vec![0.0; tokens.max(depth)];
    let finish = |outputs: usize| Finish { bias: &zeros[..outputs], residual: None, activation: Activation::None };
    with_scratch(tokens * tokens, |scores| {
        let queries = Matrix { values: &values[first..], inner: depth, stride };
        product(&queries, &keys, finish(tokens), scores);
        dispatch(SoftmaxRows { scores, tokens });
        product(&Matrix { values: scores, inner: tokens, stride: tokens }, &carried, finish(depth), out);
    });
}

/// Replaces every row by its exponentials over their sum.
struct SoftmaxRows<'a> {
    scores: &'a mut [f32],
    tokens: usize,
}

impl NullaryFnOnce for SoftmaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.scores.chunks_exact_mut(self.tokens) {
            let (chunks, rest) = row.as_chunks::<16>();
            let mut most = [f32::NEG_INFINITY; 16];
            for chunk in chunks {
                for (most, &score) in most.iter_mut().zip(chunk) {
                    *most = most.max(score);
                }
            }
            let mut largest = f32::NEG_INFINITY;
            for &score in most.iter().chain(rest) {
                largest = largest.max(score);
            }
            for score in &mut *row {
                *score = exponential(*score - largest);
            }
            let factor = 1.0 / sum(row);
            for score in row {
                *score *= factor;
            }
        }
    }
}
