use crate::embed::Error;

/// Values `[images, height, width, channels]`, channels innermost: a batch of images or what a layer makes of it.
///
/// The tokens of a transformer are a map of width 1 whose height counts the tokens.
#[derive(Debug, Clone, Default)]
pub struct FeatureMap {
    images: usize,
    height: usize,
    width: usize,
    channels: usize,
    /// At least `len()` values: a reused buffer may be longer.
    buffer: Vec<f32>,
}

impl FeatureMap {
    /// A map of values `[images, height, width, channels]` in that order.
    ///
    /// # Errors
    /// [`Error::MapLength`] when a dimension is zero or their product is not the number of values.
    pub fn new([images, height, width, channels]: [usize; 4], values: Vec<f32>) -> Result<Self, Error> {
        let shape = [images, height, width, channels];
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        if count != Some(values.len()) || values.is_empty() {
            return Err(Error::MapLength { shape, found: values.len() });
        }
        Ok(Self::from_buffer(shape, values))
    }

    /// A map over a buffer of at least the needed length.
    pub(super) fn from_buffer([images, height, width, channels]: [usize; 4], buffer: Vec<f32>) -> Self {
        debug_assert!(buffer.len() >= images * height * width * channels);
        Self { images, height, width, channels, buffer }
    }

    /// Number of images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Rows of each image.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of each image.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Values per position.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// `[images, height, width, channels]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 4] {
        [self.images, self.height, self.width, self.channels]
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images * self.height * self.width * self.channels
    }

    /// Whether the map holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, channels innermost.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        self.buffer.get(..self.len()).unwrap_or(&[])
    }

    /// The values, to be written.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        let len = self.len();
        self.buffer.get_mut(..len).unwrap_or(&mut [])
    }

    /// The values alone.
    #[must_use]
    pub fn into_values(mut self) -> Vec<f32> {
        self.buffer.truncate(self.len());
        self.buffer
    }

    /// The buffer, for reuse.
    pub(super) fn into_buffer(self) -> Vec<f32> {
        self.buffer
    }
}
