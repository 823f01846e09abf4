use std::sync::{Mutex, PoisonError};

use super::FeatureMap;

/// Buffers of maps that are no longer needed, handed to the next layer.
///
/// A fresh allocation of some megabytes costs a page fault every four kilobytes, which is slower than many a layer.
#[derive(Debug, Default)]
pub struct Workspace {
    free: Mutex<Vec<Vec<f32>>>,
}

/// A free buffer serves a request down to a quarter of its length, so that small maps do not hold large buffers.
const LARGEST_EXCESS: usize = 4;

impl Workspace {
    /// A workspace without a buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A map of unspecified values, to be overwritten entirely.
    pub(super) fn map(&self, shape: [usize; 4]) -> FeatureMap {
        let len = shape.iter().product();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &Vec<f32>| buffer.len() >= len && buffer.len() / LARGEST_EXCESS <= len;
        let best = free.iter().enumerate().filter(|(_, buffer)| fits(buffer)).min_by_key(|(_, buffer)| buffer.len());
        let buffer = match best.map(|(position, _)| position) {
            Some(position) => free.swap_remove(position),
            None => vec![0.0; len],
        };
        FeatureMap::from_buffer(shape, buffer)
    }

    /// A copy of the images `first..first + count` of a map.
    #[must_use]
    pub fn copy_of(&self, map: &FeatureMap, first: usize, count: usize) -> FeatureMap {
        let [_, height, width, channels] = map.shape();
        let size = height * width * channels;
        let mut copy = self.map([count, height, width, channels]);
        if let Some(values) = map.values().get(first * size..(first + count) * size) {
            copy.values_mut().copy_from_slice(values);
        }
        copy
    }

    /// Takes back a map that no layer reads any more.
    pub fn recycle(&self, map: FeatureMap) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(map.into_buffer());
    }
}
