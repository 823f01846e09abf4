use super::{Error, VoxelGrid};

/// The most grey levels present in a region: co-occurrence needs their square in memory, 13 times.
const MAX_LEVELS_PRESENT: usize = 1024;

/// The highest grey level: far past any sensible bin width.
const MAX_LEVEL: f64 = 65_535.0;

/// A region cut out of its image with one empty voxel on every side, its intensities discretised.
pub(super) struct Region {
    /// Voxels along \[z, y, x\], the empty border included.
    pub shape: [usize; 3],
    /// Millimetres between voxels along \[z, y, x\].
    pub spacing_mm: [f64; 3],
    /// For each voxel 0 outside the region, else 1 + the position of its grey level in `grey_levels`.
    pub ranks: Vec<u16>,
    /// The grey levels present, ascending; the lowest is 1.
    pub grey_levels: Vec<f64>,
    /// Numbers of the region's voxels in `ranks`, ascending.
    pub voxels: Vec<usize>,
    /// Intensities of `voxels`.
    pub intensities: Vec<f64>,
}

impl Region {
    /// Cuts the marked voxels out and discretises them: level = ⌊x / width⌋ − ⌊min / width⌋ + 1.
    pub fn cut(image: &[f32], mask: &[bool], grid: VoxelGrid, bin_width: f64) -> Result<Self, Error> {
        grid.check("an image", image.len())?;
        grid.check("a mask", mask.len())?;
        let (low, high) = bounds(mask, grid)?;
        let shape = [0, 1, 2].map(|axis| high[axis] - low[axis] + 3);
        let (mut voxels, mut intensities) = (Vec::new(), Vec::new());
        for (index, value) in image.iter().enumerate().filter(|(index, _)| mask[*index]) {
            let place = grid.place(index);
            if !value.is_finite() {
                return Err(Error::Intensity { place, found: *value });
            }
            let [z, y, x] = [0, 1, 2].map(|axis| place[axis] - low[axis] + 1);
            voxels.push((z * shape[1] + y) * shape[2] + x);
            intensities.push(f64::from(*value));
        }
        let levels = discretise(&intensities, bin_width)?;
        let mut present = levels.clone();
        present.sort_unstable();
        present.dedup();
        if present.len() > MAX_LEVELS_PRESENT {
            return Err(Error::GreyLevels { bin_width, found: present.len(), limit: MAX_LEVELS_PRESENT });
        }
        let mut ranks = vec![0u16; shape.iter().product()];
        for (voxel, level) in voxels.iter().zip(&levels) {
            ranks[*voxel] = present.partition_point(|other| other <= level) as u16;
        }
        let grey_levels = present.into_iter().map(f64::from).collect();
        Ok(Self { shape, spacing_mm: grid.spacing_mm(), ranks, grey_levels, voxels, intensities })
    }

    /// How far apart in `ranks` neighbours along \[z, y, x\] lie.
    pub fn strides(&self) -> [usize; 3] {
        [self.shape[1] * self.shape[2], self.shape[2], 1]
    }

    /// Whether a voxel of `ranks` lies inside the empty border.
    pub fn inner(&self, voxel: usize) -> bool {
        let [_, rows, columns] = self.shape;
        let at = [voxel / (rows * columns), voxel / columns % rows, voxel % columns];
        at.iter().zip(self.shape).all(|(place, side)| *place > 0 && place + 1 < side)
    }

    /// The number of grey levels from the lowest to the highest, absent ones included.
    pub fn n_grey(&self) -> f64 {
        self.grey_levels.last().copied().unwrap_or(1.0)
    }
}

/// First and last marked voxel along each axis.
fn bounds(mask: &[bool], grid: VoxelGrid) -> Result<([usize; 3], [usize; 3]), Error> {
    let (mut low, mut high, mut count) = ([usize::MAX; 3], [0usize; 3], 0usize);
    for (index, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
        let place = grid.place(index);
        count += 1;
        for axis in 0..3 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis]);
        }
    }
    let extended = (0..3).filter(|axis| low[*axis] < high[*axis]).count();
    if extended < 2 {
        let found = match count {
            0 => "no voxel".to_owned(),
            1 => "one voxel".to_owned(),
            _ => format!("{count} voxels in a line"),
        };
        return Err(Error::Region { expected: "voxels along at least two axes", found });
    }
    Ok((low, high))
}

/// The grey level of each intensity, from 1.
fn discretise(intensities: &[f64], bin_width: f64) -> Result<Vec<u32>, Error> {
    let low = intensities.iter().copied().fold(f64::INFINITY, f64::min);
    let high = intensities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let start = low - low.rem_euclid(bin_width);
    let highest = (high - start) / bin_width + 1.0;
    if !(bin_width > 0.0 && highest <= MAX_LEVEL) {
        let found = if highest.is_finite() { highest as usize } else { usize::MAX };
        return Err(Error::GreyLevels { bin_width, found, limit: MAX_LEVEL as usize });
    }
    let level = |value: &f64| {
        // The edges decide, not the rounding of the division.
        let bin = ((value - start) / bin_width).floor();
        let above = f64::from(u8::from(start + (bin + 1.0) * bin_width <= *value));
        let below = f64::from(u8::from(start + bin * bin_width > *value));
        (bin + above - below).max(0.0) as u32 + 1
    };
    Ok(intensities.iter().map(level).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_start_at_multiples_of_the_width_and_are_half_open() {
        // The example of pyradiomics' documentation: 54 to 166, edges at 50, 75, 100 … 175.
        assert_eq!(discretise(&[54.0, 74.9, 75.0, 150.0, 166.0], 25.0).unwrap(), [1, 1, 2, 5, 5]);
        assert_eq!(discretise(&[-0.5, 0.0, 24.0], 25.0).unwrap(), [1, 2, 2]);
        // 0.7 / 0.1 is 6.999…, yet 0.7 opens the bin that starts there.
        assert_eq!(discretise(&[0.0, 0.1 * 7.0], 0.1).unwrap(), [1, 8]);
    }

    #[test]
    fn a_width_that_leaves_too_many_levels_is_refused() {
        for width in [0.0, -1.0, f64::NAN, 1e-9] {
            assert!(matches!(discretise(&[0.0, 1.0], width), Err(Error::GreyLevels { .. })), "{width}");
        }
    }
}
