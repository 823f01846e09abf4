use super::Raster;

/// The value below which `fraction` of the finite values lie, by linear interpolation; `None` when none is finite.
pub(super) fn percentile(values: &[f32], fraction: f64) -> Option<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let place = fraction.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let low = *sorted.get(place.floor() as usize)?;
    let high = *sorted.get(place.ceil() as usize)?;
    Some(low + (high - low) * (place - place.floor()) as f32)
}

/// Maps `low..=high` onto [0, 1], clamped; values that are not finite become 0.
pub(super) fn scale(values: &mut [f32], low: f32, high: f32) {
    let width = if high > low { high - low } else { f32::INFINITY };
    for value in values {
        let part = (*value - low) / width;
        *value = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
    }
}

/// The threshold that best separates the values into dark and bright; `None` for a constant image.
///
/// # Source
/// Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62-66, on 256 bins between the extremes.
pub(super) fn otsu(image: &Raster) -> Option<f32> {
    let (low, high) = image.range().filter(|(low, high)| high > low)?;
    let mut bins = [0u64; 256];
    for value in image.pixels.iter().filter(|value| value.is_finite()) {
        let bin = ((value - low) / (high - low) * 255.0) as usize;
        bins[bin.min(255)] += 1;
    }
    let total: u64 = bins.iter().sum();
    let sum: f64 = bins.iter().enumerate().map(|(bin, n)| bin as f64 * *n as f64).sum();
    let (mut below, mut below_sum, mut best) = (0u64, 0.0f64, (0.0f64, 0usize));
    for (bin, n) in bins.iter().enumerate() {
        below += n;
        below_sum += bin as f64 * *n as f64;
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let difference = below_sum / below as f64 - (sum - below_sum) / above as f64;
        let between = below as f64 * above as f64 * difference * difference;
        if between > best.0 {
            best = (between, bin);
        }
    }
    Some(low + (best.1 as f32 + 1.0) / 255.0 * (high - low))
}

/// The largest 4-connected region of true values in a mask of `columns` columns; of equal ones the first from the top.
pub(super) fn largest_region(mask: &[bool], columns: usize) -> Vec<usize> {
    let mut seen = vec![false; mask.len()];
    let mut best = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || seen[start] {
            continue;
        }
        let mut region = vec![start];
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = region.get(next) {
            next += 1;
            let column = at % columns;
            let sides = [
                (column > 0).then(|| at - 1),
                (column + 1 < columns).then_some(at + 1),
                at.checked_sub(columns),
                Some(at + columns),
            ];
            for side in sides.into_iter().flatten() {
                if mask.get(side) == Some(&true) && !seen[side] {
                    seen[side] = true;
                    region.push(side);
                }
            }
        }
        if region.len() > best.len() {
            best = region;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[3.0, 1.0, f32::NAN, 2.0], 0.25), Some(1.5));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn otsu_falls_between_two_modes() {
        let pixels = (0..100).map(|i| if i < 60 { 10.0 + (i % 3) as f32 } else { 200.0 + (i % 5) as f32 }).collect();
        let threshold = otsu(&Raster { rows: 10, columns: 10, channels: 1, pixels }).unwrap();
        assert!((12.0..200.0).contains(&threshold), "{threshold}");
        assert_eq!(otsu(&Raster::filled(4, 4, 1, 7.0)), None);
    }

    #[test]
    fn the_largest_region_does_not_wrap_around_rows() {
        let mask = [true, false, true, true, false, true, false, false, true];
        assert_eq!(largest_region(&mask, 3), [2, 5, 8]);
    }
}
