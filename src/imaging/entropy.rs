/// A Huffman table: for each code length the first code, how many there are, and where their symbols start.
#[derive(Clone, Default)]
pub(super) struct Huffman {
    pub lengths: [(i32, i32, usize); 17],
    pub symbols: Vec<u8>,
}

/// The bits of entropy-coded data, most significant first, stuffing removed.
pub(super) struct Bits<'a> {
    pub data: &'a [u8],
    pub at: usize,
    pub held: u32,
    pub count: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<i32, String> {
        if self.count == 0 {
            let byte = *self.data.get(self.at).ok_or("the JPEG data is truncated")?;
            if byte == 0xff && self.data.get(self.at + 1) != Some(&0) {
                return Err("the JPEG data ends before its blocks do".to_owned());
            }
            self.at += if byte == 0xff { 2 } else { 1 };
            (self.held, self.count) = (u32::from(byte), 8);
        }
        self.count -= 1;
        Ok(((self.held >> self.count) & 1) as i32)
    }

    pub fn symbol(&mut self, table: &Huffman) -> Result<u8, String> {
        let mut code = 0;
        for &(first, count, start) in table.lengths.iter().skip(1) {
            code = (code << 1) | self.bit()?;
            if code - first < count && code >= first {
                let symbol = table.symbols.get(start + (code - first) as usize);
                return symbol.copied().ok_or_else(|| "a Huffman table is broken".to_owned());
            }
        }
        Err("a Huffman code is not in its table".to_owned())
    }

    /// A value of `size` bits, negative when its first bit is zero (F.2.2.1).
    pub fn signed(&mut self, size: u32) -> Result<i32, String> {
        let mut value = 0;
        for _ in 0..size {
            value = (value << 1) | self.bit()?;
        }
        Ok(if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    /// Moves behind the next restart marker.
    pub fn restart(&mut self) {
        self.count = 0;
        while let Some(pair) = self.data.get(self.at..self.at + 2) {
            if pair[0] == 0xff && matches!(pair[1], 0xd0..=0xd7) {
                self.at += 2;
                return;
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signed_values_are_read_bit_by_bit() {
        // Two symbols: code 0 is 5, code 10 is 9.
        let mut lengths = [(0, 0, 0); 17];
        (lengths[1], lengths[2]) = ((0, 1, 0), (2, 1, 1));
        let table = Huffman { lengths, symbols: vec![5, 9] };
        let mut bits = Bits { data: &[0b0100_1101, 0xff, 0x00], at: 0, held: 0, count: 0 };
        assert_eq!((bits.symbol(&table), bits.symbol(&table)), (Ok(5), Ok(9)));
        assert_eq!((bits.signed(2), bits.signed(3)), (Ok(-2), Ok(5)));
        assert_eq!(bits.signed(8), Ok(255), "a stuffed zero byte is dropped");
        assert!(bits.signed(1).is_err());
    }
}
