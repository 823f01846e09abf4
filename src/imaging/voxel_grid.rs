use super::Error;
use super::raster::MAX_SAMPLES;

/// The lattice of a volume: how many voxels, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelGrid {
    shape: [usize; 3],
    spacing_mm: [f64; 3],
}

impl VoxelGrid {
    /// A lattice of `shape` voxels, `spacing_mm` millimetres apart; both \[z, y, x\]. A single image is one plane.
    ///
    /// # Errors
    /// [`Error::Shape`] when a side is zero or the volume holds more than 2³⁰ voxels; [`Error::Spacing`] when a spacing
    /// is not a positive number.
    pub fn new(shape: [usize; 3], spacing_mm: [f64; 3]) -> Result<Self, Error> {
        let count = shape.iter().try_fold(1usize, |count, side| count.checked_mul(*side));
        if !count.is_some_and(|count| (1..=MAX_SAMPLES).contains(&count)) {
            return Err(Error::Shape {
                expected: format!("1 to {MAX_SAMPLES} voxels"),
                found: format!("{} x {} x {} voxels", shape[0], shape[1], shape[2]),
            });
        }
        if !spacing_mm.iter().all(|spacing| spacing.is_finite() && *spacing > 0.0) {
            return Err(Error::Spacing { found: spacing_mm });
        }
        Ok(Self { shape, spacing_mm })
    }

    /// Voxels along \[z, y, x\].
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Millimetres between voxels along \[z, y, x\].
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// Voxels in the volume, planes by rows by columns.
    #[must_use]
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Volume of one voxel, mm³.
    #[must_use]
    pub fn voxel_mm3(&self) -> f64 {
        self.spacing_mm.iter().product()
    }

    /// The place \[z, y, x\] of a voxel's number, counted plane by plane and row by row.
    #[must_use]
    pub fn place(&self, voxel: usize) -> [usize; 3] {
        let [_, rows, columns] = self.shape;
        [voxel / (rows * columns), voxel / columns % rows, voxel % columns]
    }

    /// The number of the voxel at \[z, y, x\]; `None` outside the volume.
    #[must_use]
    pub fn voxel(&self, place: [i64; 3]) -> Option<usize> {
        let mut voxel = 0;
        for (at, side) in place.into_iter().zip(self.shape) {
            let at = usize::try_from(at).ok().filter(|at| *at < side)?;
            voxel = voxel * side + at;
        }
        Some(voxel)
    }

    /// The mask of the box from the corner `first` up to, and without, `end`, both \[z, y, x\], clamped to the volume.
    #[must_use]
    pub fn box_mask(&self, first: [usize; 3], end: [usize; 3]) -> Vec<bool> {
        let inside = |place: [usize; 3]| (0..3).all(|axis| (first[axis]..end[axis]).contains(&place[axis]));
        (0..self.voxels()).map(|voxel| inside(self.place(voxel))).collect()
    }

    /// The voxels around one, up to one step away along each axis, itself left out.
    pub(super) fn neighbours(&self, voxel: usize) -> impl Iterator<Item = usize> + use<> {
        let (grid, centre) = (*self, self.place(voxel).map(|side| side as i64));
        (0..27i64).filter(|step| *step != 13).filter_map(move |step| {
            grid.voxel([centre[0] + step / 9 - 1, centre[1] + step / 3 % 3 - 1, centre[2] + step % 3 - 1])
        })
    }

    /// Refuses values that do not fill the lattice.
    pub(super) fn check(&self, what: &str, found: usize) -> Result<(), Error> {
        if found == self.voxels() {
            return Ok(());
        }
        let [z, y, x] = self.shape;
        Err(Error::Shape { expected: format!("{what} of {z} x {y} x {x} voxels"), found: format!("{found} values") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_without_voxels_or_spacing_is_refused() {
        assert!(matches!(VoxelGrid::new([0, 4, 4], [1.0; 3]), Err(Error::Shape { .. })));
        assert!(matches!(VoxelGrid::new([usize::MAX, 4, 4], [1.0; 3]), Err(Error::Shape { .. })));
        for spacing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(VoxelGrid::new([2, 4, 4], [1.0, spacing, 1.0]), Err(Error::Spacing { .. })));
        }
    }

    #[test]
    fn neighbours_stay_inside_the_volume() {
        let grid = VoxelGrid::new([2, 3, 4], [1.0; 3]).unwrap();
        // By hand: a corner of two planes has 2 x 2 x 2 - 1 neighbours, a middle column 2 x 3 x 3 - 1.
        assert_eq!((grid.neighbours(0).count(), grid.neighbours(5).count()), (7, 17));
        assert_eq!(grid.voxel([1, 2, 3]), Some(23));
        assert_eq!((grid.voxel([-1, 0, 0]), grid.voxel([0, 0, 4])), (None, None));
        assert_eq!(grid.box_mask([0, 1, 2], [1, 9, 9]).iter().filter(|inside| **inside).count(), 4);
    }

    #[test]
    fn voxels_are_counted_plane_by_plane() {
        let grid = VoxelGrid::new([2, 3, 4], [2.0, 1.0, 0.5]).unwrap();
        assert_eq!((grid.place(0), grid.place(13), grid.place(23)), ([0, 0, 0], [1, 0, 1], [1, 2, 3]));
        assert_eq!((grid.voxels(), grid.voxel_mm3()), (24, 1.0));
    }
}
