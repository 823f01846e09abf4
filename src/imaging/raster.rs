use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::Error;

/// The largest number of samples a raster may hold: a guard against headers that promise absurd sizes.
pub(super) const MAX_SAMPLES: usize = 1 << 28;

/// One image in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
    /// Values per pixel: 1 grey, 3 colour.
    pub channels: usize,
    /// `rows × columns × channels` values, row by row from the top, the channels of a pixel side by side.
    pub pixels: Vec<f32>,
}

impl Raster {
    /// A raster from its pixels.
    ///
    /// # Errors
    /// [`Error::Shape`] when a side is zero or `pixels` does not hold `rows × columns × channels` values.
    pub fn new(rows: usize, columns: usize, channels: usize, pixels: Vec<f32>) -> Result<Self, Error> {
        let count = rows.checked_mul(columns).and_then(|count| count.checked_mul(channels));
        if count != Some(pixels.len()) || pixels.is_empty() {
            return Err(Error::Shape {
                expected: format!("{rows} x {columns} x {channels} values, at least one"),
                found: format!("{} values", pixels.len()),
            });
        }
        Ok(Self { rows, columns, channels, pixels })
    }

    /// A raster with the same `value` everywhere.
    #[must_use]
    pub fn filled(rows: usize, columns: usize, channels: usize, value: f32) -> Self {
        Self { rows, columns, channels, pixels: vec![value; rows * columns * channels] }
    }

    /// The value at `row`, `column`, `channel`; coordinates past an edge are clamped to it.
    #[must_use]
    pub fn at(&self, row: usize, column: usize, channel: usize) -> f32 {
        let row = row.min(self.rows.saturating_sub(1));
        let column = column.min(self.columns.saturating_sub(1));
        let index = (row * self.columns + column) * self.channels + channel.min(self.channels.saturating_sub(1));
        self.pixels.get(index).copied().unwrap_or(0.0)
    }

    /// The rectangle that starts at `top`, `left`, clamped to the image; at least one pixel.
    #[must_use]
    pub fn crop(&self, top: usize, left: usize, rows: usize, columns: usize) -> Self {
        let top = top.min(self.rows.saturating_sub(1));
        let left = left.min(self.columns.saturating_sub(1));
        let rows = rows.clamp(1, self.rows - top);
        let columns = columns.clamp(1, self.columns - left);
        let mut pixels = Vec::with_capacity(rows * columns * self.channels);
        for row in top..top + rows {
            let start = (row * self.columns + left) * self.channels;
            pixels.extend_from_slice(&self.pixels[start..start + columns * self.channels]);
        }
        Self { rows, columns, channels: self.channels, pixels }
    }

    /// The image at another size: each axis by area averaging where it shrinks, by bilinear interpolation where it grows.
    ///
    /// A zero side is read as one.
    #[must_use]
    pub fn resize(&self, rows: usize, columns: usize) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let down = taps(self.rows, rows);
        let across = taps(self.columns, columns);
        let channels = self.channels;
        let mut narrow = vec![0.0f32; self.rows * columns * channels];
        for row in 0..self.rows {
            for (column, (first, weights)) in across.iter().enumerate() {
                for channel in 0..channels {
                    let sum: f32 = weights
                        .iter()
                        .enumerate()
                        .map(|(k, w)| w * self.pixels[(row * self.columns + first + k) * channels + channel])
                        .sum();
                    narrow[(row * columns + column) * channels + channel] = sum;
                }
            }
        }
        let stride = columns * channels;
        let mut pixels = vec![0.0f32; rows * stride];
        for ((first, weights), line) in down.iter().zip(pixels.chunks_mut(stride)) {
            for (k, w) in weights.iter().enumerate() {
                let source = &narrow[(first + k) * stride..(first + k + 1) * stride];
                line.iter_mut().zip(source).for_each(|(out, value)| *out += w * value);
            }
        }
        Self { rows, columns, channels, pixels }
    }

    /// The image in one channel: unchanged when grey, else Rec. 601 luma of the first three channels.
    #[must_use]
    pub fn to_grey(&self) -> Self {
        if self.channels <= 1 {
            return self.clone();
        }
        let pixels = self
            .pixels
            .chunks_exact(self.channels)
            .map(|p| match p {
                [r, g, b, ..] => 0.299 * r + 0.587 * g + 0.114 * b,
                [grey, ..] => *grey,
                [] => 0.0,
            })
            .collect();
        Self { rows: self.rows, columns: self.columns, channels: 1, pixels }
    }

    /// One channel as a grey image; a number past the last channel reads the last.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Self {
        let channel = channel.min(self.channels.saturating_sub(1));
        let pixels = self.pixels.iter().skip(channel).step_by(self.channels.max(1)).copied().collect();
        Self { rows: self.rows, columns: self.columns, channels: 1, pixels }
    }

    /// The image mirrored left to right.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for line in self.pixels.chunks_exact((self.columns * self.channels).max(1)) {
            line.rchunks_exact(self.channels.max(1)).for_each(|pixel| pixels.extend_from_slice(pixel));
        }
        Self { pixels, ..*self }
    }

    /// Smallest and largest finite value; `None` when no value is finite.
    #[must_use]
    pub fn range(&self) -> Option<(f32, f32)> {
        self.pixels.iter().filter(|v| v.is_finite()).fold(None, |range, &v| match range {
            None => Some((v, v)),
            Some((low, high)) => Some((v.min(low), v.max(high))),
        })
    }
}

/// For each output pixel of one axis: the first input pixel it reads and the weights from there, which sum to one.
fn taps(input: usize, output: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = input as f64 / output as f64;
    (0..output)
        .map(|i| {
            if output < input {
                let (start, end) = (i as f64 * scale, (i + 1) as f64 * scale);
                let first = (start.floor() as usize).min(input - 1);
                let last = (end.ceil() as usize).clamp(first + 1, input);
                let cover = |k: usize| (end.min((k + 1) as f64) - start.max(k as f64)).max(0.0);
                let total: f64 = (first..last).map(cover).sum();
                (first, (first..last).map(|k| (cover(k) / total) as f32).collect())
            } else {
                let centre = ((i as f64 + 0.5) * scale - 0.5).clamp(0.0, (input - 1) as f64);
                let first = centre.floor() as usize;
                let part = (centre - first as f64) as f32;
                let weights = if first + 1 < input { vec![1.0 - part, part] } else { vec![1.0] };
                (first, weights)
            }
        })
        .collect()
}

/// Reads a PNG file: grey in one channel, colour and palette in three, alpha dropped; 8-bit and smaller values on
/// 0..=255, 16-bit values on 0..=65535.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Png`] when it is not a whole PNG image.
pub fn read_png(path: &Path) -> Result<Raster, Error> {
    let file = File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Ok(decode_png(BufReader::new(file))?.0)
}

/// The raster of a PNG stream and its bits per value (8 or 16), as [`read_png`] reads a file.
///
/// # Errors
/// [`Error::Png`] when it is not a whole PNG image.
pub fn decode_png<R: Read>(source: R) -> Result<(Raster, usize), Error> {
    let mut bytes = Vec::new();
    let mut source = source;
    source.read_to_end(&mut bytes).map_err(|e| Error::Png { reason: e.to_string() })?;
    let wrong = |e: png::DecodingError| Error::Png { reason: e.to_string() };
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_SAMPLES);
    let size = size.ok_or_else(|| Error::Png { reason: "the header promises too large an image".to_owned() })?;
    let mut buffer = vec![0u8; size];
    let info = reader.next_frame(&mut buffer).map_err(wrong)?;
    buffer.truncate(info.buffer_size());
    let (stored, kept) = match info.color_type {
        png::ColorType::Grayscale | png::ColorType::Indexed => (1, 1),
        png::ColorType::GrayscaleAlpha => (2, 1),
        png::ColorType::Rgb => (3, 3),
        png::ColorType::Rgba => (4, 3),
    };
    let bits = if info.bit_depth == png::BitDepth::Sixteen { 16 } else { 8 };
    let values: Vec<f32> = if bits == 16 {
        buffer.chunks_exact(2).map(|b| f32::from(u16::from_be_bytes([b[0], b[1]]))).collect()
    } else {
        buffer.iter().map(|&b| f32::from(b)).collect()
    };
    let pixels = if stored == kept {
        values
    } else {
        values.chunks_exact(stored).flat_map(|pixel| pixel.iter().take(kept).copied()).collect()
    };
    Ok((Raster::new(info.height as usize, info.width as usize, kept, pixels)?, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages_areas_and_growing_interpolates() {
        let image = Raster::new(2, 4, 1, vec![0.0, 4.0, 8.0, 12.0, 2.0, 6.0, 10.0, 14.0]).unwrap();
        assert_eq!(image.resize(1, 2).pixels, [3.0, 11.0]);
        let line = Raster::new(1, 2, 1, vec![0.0, 4.0]).unwrap();
        assert_eq!(line.resize(1, 4).pixels, [0.0, 1.0, 3.0, 4.0]);
        let thirds = Raster::new(1, 3, 1, vec![0.0, 3.0, 6.0]).unwrap().resize(1, 2);
        assert!((thirds.pixels[0] - 1.0).abs() < 1e-5 && (thirds.pixels[1] - 5.0).abs() < 1e-5);
    }

    #[test]
    fn crops_are_clamped_to_the_image() {
        let image = Raster::new(2, 2, 1, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(image.crop(1, 1, 9, 9).pixels, [4.0]);
        assert_eq!(image.crop(7, 0, 0, 2).pixels, [3.0, 4.0]);
        assert_eq!(image.mirrored().pixels, [2.0, 1.0, 4.0, 3.0]);
        assert!(Raster::new(2, 2, 1, vec![0.0; 3]).is_err() && Raster::new(0, 2, 1, vec![]).is_err());
    }

    fn encoded(colour: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == png::ColorType::Indexed {
            encoder.set_palette(vec![9, 8, 7, 6, 5, 4]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn png_values_are_kept_raw_and_alpha_dropped() {
        let grey = encoded(png::ColorType::Grayscale, png::BitDepth::Sixteen, &[1, 0, 0, 7]);
        assert_eq!(decode_png(grey.as_slice()).unwrap().0.pixels, [256.0, 7.0]);
        let colour = encoded(png::ColorType::Rgba, png::BitDepth::Eight, &[1, 2, 3, 255, 4, 5, 6, 0]);
        let (raster, bits) = decode_png(colour.as_slice()).unwrap();
        assert_eq!((raster.channels, bits, raster.pixels), (3, 8, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let palette = encoded(png::ColorType::Indexed, png::BitDepth::Eight, &[1, 0]);
        assert_eq!(decode_png(palette.as_slice()).unwrap().0.pixels, [6.0, 5.0, 4.0, 9.0, 8.0, 7.0]);
        assert!(matches!(decode_png(&grey[..grey.len() - 20]), Err(Error::Png { .. })));
    }
}
