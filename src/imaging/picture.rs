use super::intensity::{percentile, scale};
use super::{Error, Prepared, Raster};

/// The most that the colour of a heat map covers of the image below it.
const MOST_COVER: f32 = 0.55;

/// Heat below this share of the largest is not painted, so that the image stays readable.
const LEAST_HEAT: f32 = 0.25;

/// A grey image (1st to 99.5th percentile) with a heat map over it, as the bytes of an RGB PNG.
///
/// `heat` has the size of `image` and values in [0, 1]; it is painted from transparent yellow to dark orange, so that the
/// order of its values survives a print in grey.
///
/// # Errors
/// [`Error::Shape`] when the sizes differ, [`Error::Png`] when the image cannot be encoded.
pub fn overlay_png(image: &Raster, heat: &Raster) -> Result<Vec<u8>, Error> {
    if (image.rows, image.columns) != (heat.rows, heat.columns) {
        return Err(Error::Shape {
            expected: format!("a heat map of {} x {}", image.rows, image.columns),
            found: format!("{} x {}", heat.rows, heat.columns),
        });
    }
    let mut grey = image.to_grey().pixels;
    let (low, high) = (percentile(&grey, 0.01).unwrap_or(0.0), percentile(&grey, 0.995).unwrap_or(0.0));
    scale(&mut grey, low, high);
    let heat = heat.channel(0).pixels;
    let colours: Vec<u8> = grey
        .iter()
        .zip(&heat)
        .flat_map(|(&grey, &heat)| {
            let heat = if heat.is_finite() { heat.clamp(0.0, 1.0) } else { 0.0 };
            let painted = ((heat - LEAST_HEAT) / (1.0 - LEAST_HEAT)).max(0.0);
            let cover = MOST_COVER * painted.sqrt();
            let paint = [1.0, 0.85 - 0.55 * painted, 0.15 * (1.0 - painted)];
            paint.map(|part| ((grey * (1.0 - cover) + part * cover) * 255.0).round() as u8)
        })
        .collect();
    encode(image.columns, image.rows, png::ColorType::Rgb, &colours)
}

/// What a network sees, as the bytes of a PNG: grey for one channel, the phases as red, green and blue for three.
///
/// # Errors
/// [`Error::Shape`] for other channel counts, [`Error::Png`] when the image cannot be encoded.
pub fn prepared_png(image: &Prepared) -> Result<Vec<u8>, Error> {
    let colour = match image.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        n => return Err(Error::Shape { expected: "1 or 3 channels".to_owned(), found: format!("{n} channels") }),
    };
    let plane = image.height * image.width;
    let at = |pixel: usize, channel: usize| image.pixels.get(channel * plane + pixel).copied().unwrap_or(0.0);
    let bytes: Vec<u8> = (0..plane)
        .flat_map(|pixel| (0..image.channels).map(move |channel| (pixel, channel)))
        .map(|(pixel, channel)| (at(pixel, channel).clamp(0.0, 1.0) * 255.0).round() as u8)
        .collect();
    encode(image.width, image.height, colour, &bytes)
}

fn encode(columns: usize, rows: usize, colour: png::ColorType, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let wrong = |reason: String| Error::Png { reason };
    let side = |n: usize| u32::try_from(n).map_err(|_| wrong(format!("a side of {n} pixels")));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side(columns)?, side(rows)?);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|e| wrong(e.to_string()))?;
    writer.write_image_data(bytes).map_err(|e| wrong(e.to_string()))?;
    writer.finish().map_err(|e| wrong(e.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn heat_is_painted_where_it_is_high_and_leaves_the_rest_grey() {
        let image = Raster { rows: 2, columns: 3, channels: 1, pixels: vec![0.0, 50.0, 100.0, 100.0, 50.0, 0.0] };
        let heat = Raster { rows: 2, columns: 3, channels: 1, pixels: vec![0.0, 0.1, 1.0, f32::NAN, 0.2, 1.0] };
        let (width, height, pixels) = decoded(&overlay_png(&image, &heat).unwrap());
        assert_eq!((width, height), (3, 2));
        for cold in [0, 1, 3, 4] {
            assert!(pixels[3 * cold] == pixels[3 * cold + 1] && pixels[3 * cold] == pixels[3 * cold + 2]);
        }
        for hot in [2, 5] {
            assert!(pixels[3 * hot] > pixels[3 * hot + 2], "orange: {:?}", &pixels[3 * hot..3 * hot + 3]);
        }
        assert!(overlay_png(&image, &Raster::filled(3, 2, 1, 0.0)).is_err());
    }

    #[test]
    fn a_prepared_image_is_written_pixel_by_pixel() {
        let grey = Prepared { channels: 1, height: 1, width: 2, pixels: vec![0.0, 1.0] };
        assert_eq!(decoded(&prepared_png(&grey).unwrap()), (2, 1, vec![0, 255]));
        let phases = Prepared { channels: 3, height: 1, width: 2, pixels: vec![0.0, 1.0, 0.2, 0.4, 1.0, 0.0] };
        assert_eq!(decoded(&prepared_png(&phases).unwrap()), (2, 1, vec![0, 51, 255, 255, 102, 0]));
        assert!(prepared_png(&Prepared { channels: 2, ..grey }).is_err());
    }
}
