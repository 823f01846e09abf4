use std::f64::consts::PI;

use super::entropy::{Bits, Huffman};
use super::pixels::Layout;

/// One colour component of a frame.
struct Component {
    id: u8,
    horizontal: usize,
    vertical: usize,
    table: usize,
    /// Columns of the sample plane, padded to whole blocks.
    stride: usize,
    samples: Vec<u16>,
    previous: i32,
}

/// The state of a decoder between marker segments.
#[derive(Default)]
struct Decoder {
    quantisers: [Option<[i32; 64]>; 4],
    direct: [Huffman; 4],
    alternating: [Huffman; 4],
    restart: usize,
    components: Vec<Component>,
    rows: usize,
    columns: usize,
}

/// One frame of 12-bit sequential DCT JPEG, 16 bits per value, little-endian, in the colour space as stored.
///
/// # Errors
/// A sentence when the stream is not one, or not of the size of `layout`.
///
/// # Source
/// ITU-T T.81: extended sequential DCT with Huffman coding (process 4), annexes B, F and A.3.
pub(super) fn decode_twelve_bit(stream: &[u8], layout: &Layout) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::default();
    let mut at = 2;
    while let Some(&[marker, code]) = stream.get(at..at + 2) {
        if marker != 0xff || matches!(code, 0xff | 0x00 | 0xd0..=0xd8) {
            at += 1;
            continue;
        }
        if code == 0xd9 {
            break;
        }
        let length = stream.get(at + 2..at + 4).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let body = length.and_then(|length| stream.get(at + 4..at + 2 + length)).ok_or("a JPEG marker is truncated")?;
        at += 4 + body.len();
        match code {
            0xdb => decoder.read_quantisers(body)?,
            0xc4 => decoder.read_huffman(body)?,
            0xc0 | 0xc1 => decoder.read_frame(body, layout)?,
            0xc2..=0xcf => return Err("12-bit JPEG other than sequential Huffman is not supported".to_owned()),
            0xdd => decoder.restart = body.get(..2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]]))),
            0xda => decoder.read_scan(body, stream.get(at..).unwrap_or_default())?,
            _ => {}
        }
    }
    decoder.finish()
}

impl Decoder {
    fn read_quantisers(&mut self, mut body: &[u8]) -> Result<(), String> {
        while let Some((&head, rest)) = body.split_first() {
            let wide = head >> 4 != 0;
            let size = if wide { 128 } else { 64 };
            let values = rest.get(..size).ok_or("a quantisation table is truncated")?;
            let mut table = [0i32; 64];
            for (place, value) in table.iter_mut().enumerate() {
                *value = if wide {
                    i32::from(u16::from_be_bytes([values[2 * place], values[2 * place + 1]]))
                } else {
                    i32::from(values[place])
                };
            }
            *self.quantisers.get_mut(usize::from(head & 15)).ok_or("a quantisation table has no place")? = Some(table);
            body = &rest[size..];
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut body: &[u8]) -> Result<(), String> {
        while let Some((&head, rest)) = body.split_first() {
            let counts = rest.get(..16).ok_or("a Huffman table is truncated")?;
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let symbols = rest.get(16..16 + total).ok_or("a Huffman table is truncated")?.to_vec();
            let mut lengths = [(0, 0, 0); 17];
            let (mut code, mut first) = (0i32, 0usize);
            for (length, count) in counts.iter().enumerate() {
                lengths[length + 1] = (code, i32::from(*count), first);
                code = (code + i32::from(*count)) << 1;
                first += usize::from(*count);
            }
            let tables = if head >> 4 == 0 { &mut self.direct } else { &mut self.alternating };
            *tables.get_mut(usize::from(head & 15)).ok_or("a Huffman table has no place")? =
                Huffman { lengths, symbols };
            body = &rest[16 + total..];
        }
        Ok(())
    }

    fn read_frame(&mut self, body: &[u8], layout: &Layout) -> Result<(), String> {
        let [12, r1, r0, c1, c0, count, specs @ ..] = body else {
            return Err("the JPEG frame header is truncated".into());
        };
        self.rows = usize::from(u16::from_be_bytes([*r1, *r0]));
        self.columns = usize::from(u16::from_be_bytes([*c1, *c0]));
        let (expected, found) =
            ((layout.rows, layout.columns, layout.samples), (self.rows, self.columns, usize::from(*count)));
        if expected != found || layout.bits_allocated != 16 {
            return Err(format!("expected a JPEG frame of {expected:?} in 16 bits, found {found:?}"));
        }
        self.components = specs
            .chunks_exact(3)
            .map(|spec| Component {
                id: spec[0],
                horizontal: usize::from(spec[1] >> 4),
                vertical: usize::from(spec[1] & 15),
                table: usize::from(spec[2]),
                stride: 0,
                samples: Vec::new(),
                previous: 0,
            })
            .collect();
        if self.components.len() != layout.samples {
            return Err("the JPEG frame header is truncated".to_owned());
        }
        if self.components.iter().any(|part| !(1..=4).contains(&part.horizontal) || !(1..=4).contains(&part.vertical)) {
            return Err("a JPEG sampling factor lies outside 1 to 4".to_owned());
        }
        let (wide, high) = self.units();
        for part in &mut self.components {
            part.stride = wide * part.horizontal * 8;
            part.samples = vec![0; part.stride * high * part.vertical * 8];
        }
        Ok(())
    }

    /// Largest sampling factors over the components.
    fn sampling(&self) -> (usize, usize) {
        let most = |f: fn(&Component) -> usize| self.components.iter().map(f).max().unwrap_or(1);
        (most(|part| part.horizontal), most(|part| part.vertical))
    }

    /// Minimum coded units across and down.
    fn units(&self) -> (usize, usize) {
        let (horizontal, vertical) = self.sampling();
        (self.columns.div_ceil(8 * horizontal), self.rows.div_ceil(8 * vertical))
    }

    fn read_scan(&mut self, header: &[u8], data: &[u8]) -> Result<(), String> {
        let count = usize::from(*header.first().ok_or("a JPEG scan header is truncated")?);
        let mut parts = Vec::with_capacity(count);
        for spec in header.get(1..1 + 2 * count).ok_or("a JPEG scan header is truncated")?.chunks_exact(2) {
            let part =
                self.components.iter().position(|part| part.id == spec[0]).ok_or("a JPEG scan names no component")?;
            let (direct, alternating) = (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
            if direct > 3 || alternating > 3 {
                return Err("a JPEG scan names no Huffman table".to_owned());
            }
            parts.push((part, direct, alternating));
        }
        let (horizontal, vertical) = self.sampling();
        let (across, down) = match *parts.as_slice() {
            // A scan of one component has one block per unit and no padding to the largest sampling factor (A.2.2).
            [(part, ..)] => {
                let part = &self.components[part];
                let size = |length: usize, factor: usize, most: usize| (length * factor).div_ceil(most).div_ceil(8);
                (size(self.columns, part.horizontal, horizontal), size(self.rows, part.vertical, vertical))
            }
            _ => self.units(),
        };
        let mut bits = Bits { data, at: 0, held: 0, count: 0 };
        self.components.iter_mut().for_each(|part| part.previous = 0);
        for unit in 0..across * down {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart();
                self.components.iter_mut().for_each(|part| part.previous = 0);
            }
            for &(part, direct, alternating) in &parts {
                let component = &self.components[part];
                let (wide, high) = if parts.len() == 1 { (1, 1) } else { (component.horizontal, component.vertical) };
                for block in 0..wide * high {
                    let column = (unit % across) * wide + block % wide;
                    let row = (unit / across) * high + block / wide;
                    self.read_block(&mut bits, part, direct, alternating, row, column)?;
                }
            }
        }
        Ok(())
    }

    fn read_block(
        &mut self,
        bits: &mut Bits,
        part: usize,
        direct: usize,
        alternating: usize,
        row: usize,
        column: usize,
    ) -> Result<(), String> {
        let part = &mut self.components[part];
        let quantiser = self.quantisers.get(part.table).copied().flatten().ok_or("a quantisation table is missing")?;
        let mut block = [0f64; 64];
        let size = bits.symbol(&self.direct[direct])?;
        part.previous = part.previous.wrapping_add(bits.signed(u32::from(size & 15))?);
        block[0] = f64::from(part.previous) * f64::from(quantiser[0]);
        let mut place = 1;
        while place < 64 {
            let symbol = bits.symbol(&self.alternating[alternating])?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run < 15 {
                    break;
                }
                place += 16;
                continue;
            }
            place += run;
            let natural = *ZIGZAG.get(place).ok_or("a JPEG block runs past its end")?;
            block[natural] = f64::from(bits.signed(size)?) * f64::from(quantiser[place]);
            place += 1;
        }
        let values = inverse_dct(&block);
        for (line, values) in values.chunks_exact(8).enumerate() {
            let start = (row * 8 + line) * part.stride + column * 8;
            if let Some(target) = part.samples.get_mut(start..start + 8) {
                for (out, value) in target.iter_mut().zip(values) {
                    *out = (value + 2048.0).round().clamp(0.0, 4095.0) as u16;
                }
            }
        }
        Ok(())
    }

    /// The components side by side, each repeated to the size of the frame.
    fn finish(&self) -> Result<Vec<u8>, String> {
        let (horizontal, vertical) = self.sampling();
        let mut out = Vec::with_capacity(self.rows * self.columns * self.components.len() * 2);
        for row in 0..self.rows {
            for column in 0..self.columns {
                for part in &self.components {
                    let at = (row * part.vertical / vertical) * part.stride + column * part.horizontal / horizontal;
                    out.extend_from_slice(&part.samples.get(at).copied().unwrap_or(0).to_le_bytes());
                }
            }
        }
        if out.is_empty() { Err("the stream holds no JPEG frame".to_owned()) } else { Ok(out) }
    }
}

/// The inverse cosine transform of an 8 × 8 block (A.3.3), rows then columns.
fn inverse_dct(block: &[f64; 64]) -> [f64; 64] {
    let line = |input: [f64; 8]| -> [f64; 8] {
        std::array::from_fn(|x| {
            let wave = |u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
            let rest: f64 = (1..8).filter(|&u| input[u] != 0.0).map(|u| input[u] * wave(u)).sum();
            0.5 * (input[0] * std::f64::consts::FRAC_1_SQRT_2 + rest)
        })
    };
    let mut rows = [0f64; 64];
    for v in 0..8 {
        rows[v * 8..v * 8 + 8].copy_from_slice(&line(std::array::from_fn(|u| block[v * 8 + u])));
    }
    let mut out = [0f64; 64];
    for x in 0..8 {
        for (y, value) in line(std::array::from_fn(|v| rows[v * 8 + x])).into_iter().enumerate() {
            out[y * 8 + x] = value;
        }
    }
    out
}

/// Where the coefficients of a zigzag lie in the block (figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_block_transforms_back_to_its_mean() {
        let mut block = [0f64; 64];
        block[0] = 80.0;
        assert!(inverse_dct(&block).iter().all(|value| (value - 10.0).abs() < 1e-9));
    }

    #[test]
    fn a_zigzag_visits_every_coefficient_once() {
        let mut places = ZIGZAG.to_vec();
        places.sort_unstable();
        assert_eq!(places, (0..64).collect::<Vec<_>>());
    }
}
