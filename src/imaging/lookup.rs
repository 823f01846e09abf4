use super::Error;
use super::attributes::Attributes;

/// A DICOM lookup table: one entry per input value, from the first mapped one on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LookupTable {
    first: f64,
    bits: u32,
    entries: Vec<u16>,
}

impl LookupTable {
    /// Reads a table by the names of its descriptor and its data; `signed` tells whether its input values are.
    ///
    /// # Errors
    /// [`Error::Absent`] without one of the two, [`Error::Malformed`] when the data does not fit its descriptor.
    ///
    /// # Source
    /// PS3.3 C.11.1.1.1 and C.11.2.1.1 (modality and VOI LUT), C.7.6.3.1.5 (palette): number of entries with 0 for 65536,
    /// first value mapped, bits per entry.
    pub fn read<'a>(
        holder: &impl Attributes<'a>,
        descriptor: &'static str,
        data: &'static str,
        signed: bool,
    ) -> Result<Self, Error> {
        let wrong =
            |found: String| Error::Malformed { attribute: data, expected: "the entries of its descriptor", found };
        let shape = holder.integers(descriptor)?.ok_or(Error::Absent { attribute: descriptor })?;
        let &[count, first, bits] = shape.as_slice() else { return Err(wrong(format!("{} numbers", shape.len()))) };
        let bits = u32::try_from(bits).ok().filter(|bits| (1..=16).contains(bits));
        let bits = bits.ok_or_else(|| wrong("a width outside 1 to 16 bits".to_owned()))?;
        let count = if count & 0xffff == 0 { 65_536 } else { (count & 0xffff) as usize };
        // Writers store a negative first value as US too.
        let first = if signed && (32_768..65_536).contains(&first) { first - 65_536 } else { first };
        let element = holder.element(data).ok_or(Error::Absent { attribute: data })?;
        let bytes = element.to_bytes().map_err(|_| wrong("a sequence".to_owned()))?;
        let entries: Vec<u16> = if bytes.len() >= 2 * count {
            bytes.as_chunks::<2>().0.iter().take(count).map(|pair| u16::from_le_bytes(*pair)).collect()
        } else if bits <= 8 && bytes.len() >= count {
            bytes.iter().take(count).map(|value| u16::from(*value)).collect()
        } else {
            return Err(wrong(format!("{} bytes for {count} entries", bytes.len())));
        };
        Ok(Self { first: first as f64, bits, entries })
    }

    /// The entry of a value; below the first mapped one the first entry, past the end the last.
    pub fn at(&self, value: f64) -> f64 {
        let place = (value - self.first).max(0.0) as usize;
        self.entries.get(place).or(self.entries.last()).copied().map_or(0.0, f64::from)
    }

    /// The largest value that an entry can hold.
    pub fn top(&self) -> f64 {
        f64::from((1u32 << self.bits) - 1)
    }

    /// The divisor that brings the entries of a colour table onto 0..=255.
    pub fn colour_divisor(&self) -> f64 {
        // Some writers put 8-bit colours into 16-bit entries without scaling them.
        let small = self.bits <= 8 || self.entries.iter().all(|value| *value < 256);
        if small { 1.0 } else { 257.0 }
    }
}
