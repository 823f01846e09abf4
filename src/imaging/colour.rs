use super::pixels::Layout;

/// The colour space that decoded pixels leave the decoders in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColourSpace {
    /// Luminance and two full-range colour differences: to be turned into RGB.
    FullYbr,
    /// Red, green and blue, whatever the attribute says.
    Rgb,
    /// As PhotometricInterpretation says.
    AsDeclared,
}

/// Full-range YCbCr to RGB in place, rounded half up and clamped to the stored bits.
///
/// `R = Y + 1.402 C_R`, `B = Y + 1.772 C_B`, `G = Y − (0.114 · 1.772 C_B + 0.299 · 1.402 C_R) / 0.587`. In f32 and in
/// this order, so that the values are those of pydicom bit for bit.
///
/// # Source
/// PS3.3 C.7.6.3.1.2; ISO/IEC 10918-5 section 7.
pub(super) fn full_ybr_to_rgb(bytes: &mut [u8], layout: &Layout) {
    const GREEN_BLUE: f32 = (-0.114 * 1.772 / 0.587) as f32;
    const GREEN_RED: f32 = (-0.299 * 1.402 / 0.587) as f32;
    let bits = layout.bits_stored.clamp(1, 16);
    let (middle, top) = ((1u32 << (bits - 1)) as f32, ((1u32 << bits) - 1) as f32);
    let convert = |[y, cb, cr]: [f32; 3]| -> [f32; 3] {
        let (cb, cr) = (cb - middle, cr - middle);
        let rgb = [y + 1.402 * cr, y + GREEN_BLUE * cb + GREEN_RED * cr, y + 1.772 * cb];
        rgb.map(|value| (value + 0.5).floor().clamp(0.0, top))
    };
    match layout.bits_allocated {
        8 => bytes.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| {
            *pixel = convert(pixel.map(f32::from)).map(|value| value as u8);
        }),
        16 => bytes.as_chunks_mut::<6>().0.iter_mut().for_each(|pixel| {
            let [a, b, c, d, e, f] = *pixel;
            let stored = [[a, b], [c, d], [e, f]].map(|pair| f32::from(u16::from_le_bytes(pair)));
            let [[a, b], [c, d], [e, f]] = convert(stored).map(|value| (value as u16).to_le_bytes());
            *pixel = [a, b, c, d, e, f];
        }),
        _ => {}
    }
}

/// Limited-range YCbCr to RGB in place, 8 bits, values as floats.
///
/// # Source
/// PS3.3 C.7.6.3.1.2, YBR_PARTIAL_422; ITU-R BT.601: black at 16, white at 235, colour differences over 224 steps.
pub(super) fn partial_ybr_to_rgb(pixel: &mut [f32]) {
    if let [y, cb, cr] = pixel {
        let (light, blue, red) = (1.164_4 * (*y - 16.0), *cb - 128.0, *cr - 128.0);
        let rgb = [light + 1.596 * red, light - 0.391_8 * blue - 0.813 * red, light + 2.017_2 * blue];
        (*y, *cb, *cr) = (rgb[0].clamp(0.0, 255.0), rgb[1].clamp(0.0, 255.0), rgb[2].clamp(0.0, 255.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bits: usize) -> Layout {
        Layout {
            frames: 1,
            rows: 1,
            columns: 1,
            samples: 3,
            bits_allocated: bits.next_multiple_of(8),
            bits_stored: bits,
            signed: false,
            float: false,
            planar: false,
            photometric: "YBR_FULL".to_owned(),
        }
    }

    /// pydicom 3.0.2, `convert_color_space(array, "YBR_FULL", "RGB")`, on these four pixels.
    #[test]
    fn ybr_is_turned_into_rgb_as_pydicom_does() {
        let mut bytes = [76, 85, 255, 255, 128, 128, 100, 90, 30, 17, 200, 140];
        full_ybr_to_rgb(&mut bytes, &layout(8));
        assert_eq!(bytes, [254, 0, 0, 255, 255, 255, 0, 183, 33, 34, 0, 145]);
    }

    #[test]
    fn grey_stays_grey_in_twelve_bits_and_limited_range() {
        let mut bytes = [0x34, 0x02, 0x00, 0x08, 0x00, 0x08];
        full_ybr_to_rgb(&mut bytes, &Layout { bits_allocated: 16, ..layout(12) });
        assert_eq!(bytes, [0x34, 0x02, 0x34, 0x02, 0x34, 0x02]);
        let mut white = [235.0, 128.0, 128.0];
        partial_ybr_to_rgb(&mut white);
        assert!(white.iter().all(|value| (value - 255.0).abs() < 0.1), "{white:?}");
    }
}
