/// Values starting at a cache line, so that no 64-byte vector straddles two lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Aligned {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

/// f32 values in a cache line.
const LINE: usize = 16;

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut aligned = Self::default();
        aligned.resize(len);
        aligned
    }

    /// Makes room for `len` values, keeping the allocation when it is large enough; what they hold is unspecified.
    pub fn resize(&mut self, len: usize) {
        if self.values.len() < len + LINE {
            self.values = vec![0.0; len + LINE];
        }
        let past_line = (self.values.as_ptr() as usize / size_of::<f32>()) % LINE;
        self.start = (LINE - past_line) % LINE;
        self.len = len;
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        self.values.get(self.start..self.start + self.len).unwrap_or(&[])
    }

    /// The values, to be written.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.values.get_mut(self.start..self.start + self.len).unwrap_or(&mut [])
    }
}
