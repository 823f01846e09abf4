use super::{FeatureMap, Workspace};

/// The tokens of every image: `prefix` `[tokens before, channels]`, then the positions of the map plus `positions`
/// `[height × width, channels]`. The result is `[images, tokens, 1, channels]`.
///
/// # Panics
/// When the positions are not those of the map.
#[must_use]
pub fn tokens(map: &FeatureMap, prefix: &[f32], positions: &[f32], workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let size = height * width * channels;
    assert_eq!(positions.len(), size, "positions of the map");
    let mut out = workspace.map([images, prefix.len() / channels + height * width, 1, channels]);
    for (image, out) in out.values_mut().chunks_exact_mut(prefix.len() + size).enumerate() {
        let (before, patches) = out.split_at_mut(prefix.len());
        before.copy_from_slice(prefix);
        let values = &map.values()[image * size..(image + 1) * size];
        for (out, (value, position)) in patches.iter_mut().zip(values.iter().zip(positions)) {
            *out = value + position;
        }
    }
    out
}

/// The first token of every image, `[images, 1, 1, channels]`.
#[must_use]
pub fn first_token(map: &FeatureMap, workspace: &Workspace) -> FeatureMap {
    let [images, height, width, channels] = map.shape();
    let mut out = workspace.map([images, 1, 1, channels]);
    let firsts = map.values().chunks_exact(height * width * channels);
    for (out, tokens) in out.values_mut().chunks_exact_mut(channels).zip(firsts) {
        out.copy_from_slice(&tokens[..channels]);
    }
    out
}
