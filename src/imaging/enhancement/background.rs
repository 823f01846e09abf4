use super::maps::DcePhases;
use crate::imaging::intensity::otsu;
use crate::imaging::{Error, Raster, VoxelGrid};

/// Where background enhancement is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackgroundSide {
    /// In the half of a volume of both breasts, parted at its middle column, that does not hold the lesion's centre.
    OtherBreast,
    /// In the whole breast given, away from the lesion: for volumes of one breast.
    SameBreast,
}

/// How background enhancement is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackgroundOptions {
    /// Where.
    pub side: BackgroundSide,
    /// Voxels nearer to the lesion than this are left out, mm.
    pub margin_mm: f64,
    /// Whether fat is dark before contrast; fibroglandular tissue is then the bright class, else the dark one.
    pub fat_suppressed: bool,
}

impl Default for BackgroundOptions {
    /// The other breast, 10 mm, fat suppressed.
    fn default() -> Self {
        Self { side: BackgroundSide::OtherBreast, margin_mm: 10.0, fat_suppressed: true }
    }
}

/// Enhancement of the normal fibroglandular tissue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackgroundEnhancement {
    /// Mean early percent enhancement of the fibroglandular tissue.
    pub mean_pe_percent: f64,
    /// Volume of that tissue, mm³.
    pub tissue_mm3: f64,
    /// Its share of the breast looked at, in (0, 1].
    pub tissue_share: f64,
}

/// Background parenchymal enhancement: the mean early percent enhancement of the fibroglandular tissue of `breast`, on the
/// side that `options` says and away from `lesion`.
///
/// Fibroglandular tissue is one of the two classes into which Otsu's threshold parts the breast's signal before contrast. A
/// simple definition: it needs a mask of the breast without skin, chest wall and heart, and a bias field blurs the classes. It
/// is a number for comparison over visits, not the reader's four categories.
///
/// # Errors
/// [`Error::Shape`] when a mask does not fill the phases' grid; [`Error::Region`] when no voxel of the breast is left, or the
/// lesion is empty where its side is asked for.
///
/// # Source
/// The quantity: King et al. 2011, Radiology 260:50-60. Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62-66.
pub fn background_enhancement(
    phases: &DcePhases,
    breast: &[bool],
    lesion: &[bool],
    options: BackgroundOptions,
) -> Result<BackgroundEnhancement, Error> {
    let grid = phases.grid;
    grid.check("a breast", breast.len())?;
    grid.check("a lesion", lesion.len())?;
    let near = dilated(lesion, grid, options.margin_mm);
    let middle = grid.shape()[2] as f64 / 2.0;
    let other_side = match options.side {
        BackgroundSide::SameBreast => None,
        BackgroundSide::OtherBreast => Some(lesion_column(lesion, grid)? < middle),
    };
    let looked_at = |voxel: &usize| {
        let right = grid.place(*voxel)[2] as f64 + 0.5 > middle;
        breast[*voxel] && !near[*voxel] && phases.pre[*voxel] > 0.0 && other_side.is_none_or(|other| other == right)
    };
    let voxels: Vec<usize> = (0..grid.voxels()).filter(looked_at).collect();
    if voxels.is_empty() {
        return Err(Error::Region { expected: "breast away from the lesion", found: "no voxel".to_owned() });
    }
    let signal = Raster::new(1, voxels.len(), 1, voxels.iter().map(|voxel| phases.pre[*voxel]).collect())?;
    let threshold = otsu(&signal);
    let glandular = |voxel: &&usize| threshold.is_none_or(|t| (phases.pre[**voxel] >= t) == options.fat_suppressed);
    let pe = phases.percent_enhancement();
    let tissue: Vec<f64> = voxels.iter().filter(glandular).map(|voxel| f64::from(pe[*voxel])).collect();
    if tissue.is_empty() {
        return Err(Error::Region { expected: "fibroglandular tissue", found: "no voxel".to_owned() });
    }
    Ok(BackgroundEnhancement {
        mean_pe_percent: tissue.iter().sum::<f64>() / tissue.len() as f64,
        tissue_mm3: tissue.len() as f64 * grid.voxel_mm3(),
        tissue_share: tissue.len() as f64 / voxels.len() as f64,
    })
}

/// The mean column of the lesion's voxel centres, counted from the volume's left edge.
fn lesion_column(lesion: &[bool], grid: VoxelGrid) -> Result<f64, Error> {
    let marked = (0..lesion.len()).filter(|voxel| lesion[*voxel]);
    let (sum, count) = marked.fold((0.0, 0.0), |(sum, n), voxel| (sum + grid.place(voxel)[2] as f64 + 0.5, n + 1.0));
    if count == 0.0 {
        return Err(Error::Region {
            expected: "a lesion that says which breast is the other",
            found: "no voxel".to_owned(),
        });
    }
    Ok(sum / count)
}

/// The voxels within `margin_mm` of a marked one, centre to centre: axis by axis, squared distances to the nearest.
fn dilated(mask: &[bool], grid: VoxelGrid, margin_mm: f64) -> Vec<bool> {
    let (shape, spacing) = (grid.shape(), grid.spacing_mm());
    let mut squared: Vec<f64> = mask.iter().map(|inside| if *inside { 0.0 } else { f64::INFINITY }).collect();
    let strides = [shape[1] * shape[2], shape[2], 1];
    for axis in 0..3 {
        let reach = (margin_mm / spacing[axis]).floor().clamp(0.0, shape[axis] as f64) as usize;
        let before = squared.clone();
        for (voxel, nearest) in squared.iter_mut().enumerate() {
            let at = grid.place(voxel)[axis];
            for other in at.saturating_sub(reach)..(at + reach + 1).min(shape[axis]) {
                let from = voxel - at * strides[axis] + other * strides[axis];
                let step = other.abs_diff(at) as f64 * spacing[axis];
                *nearest = nearest.min(before[from] + step * step);
            }
        }
    }
    squared.into_iter().map(|distance| distance <= margin_mm * margin_mm).collect()
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::ellipsoid;
    use super::*;

    #[test]
    fn dilation_agrees_with_measuring_every_pair() {
        let grid = VoxelGrid::new([7, 11, 9], [2.0, 0.8, 1.1]).unwrap();
        let mask: Vec<bool> = (0..grid.voxels()).map(|voxel| voxel % 97 == 13).collect();
        let millimetres = |a: usize, b: usize| {
            let (a, b, spacing) = (grid.place(a), grid.place(b), grid.spacing_mm());
            (0..3).map(|axis| (a[axis].abs_diff(b[axis]) as f64 * spacing[axis]).powi(2)).sum::<f64>()
        };
        let near = |voxel| (0..mask.len()).any(|other| mask[other] && millimetres(voxel, other) <= 2.5 * 2.5);
        let twin: Vec<bool> = (0..mask.len()).map(near).collect();
        assert_eq!(dilated(&mask, grid, 2.5), twin);
    }

    #[test]
    fn the_background_of_the_other_breast_is_found() {
        let grid = VoxelGrid::new([10, 40, 80], [2.0, 1.0, 1.0]).unwrap();
        // Two breasts of fat (40) with glandular tissue (120) that enhances by 30 % on the left of the image and by 50 % on
        // the right, where a lesion of +200 % lies.
        let left = ellipsoid(grid, [10.0, 20.0, 20.0], [9.0, 18.0, 18.0], 0.0);
        let right = ellipsoid(grid, [10.0, 20.0, 60.0], [9.0, 18.0, 18.0], 0.0);
        let gland = |x: f64| ellipsoid(grid, [10.0, 20.0, x], [6.0, 12.0, 12.0], 0.0);
        let (gland_left, gland_right) = (gland(20.0), gland(60.0));
        let lesion = ellipsoid(grid, [10.0, 20.0, 62.0], [3.0; 3], 0.0);
        let breast: Vec<bool> = left.iter().zip(&right).map(|(l, r)| *l || *r).collect();
        let signal = |voxel: usize, other: f32| match (breast[voxel], gland_left[voxel] || gland_right[voxel]) {
            (_, true) => 120.0,
            (true, false) => other,
            _ => 1.0,
        };
        let pre: Vec<f32> = (0..grid.voxels()).map(|voxel| signal(voxel, 40.0)).collect();
        let gain = |voxel: usize| match () {
            () if lesion[voxel] => 3.0,
            () if gland_left[voxel] => 1.3,
            () if gland_right[voxel] => 1.5,
            () => 1.05,
        };
        let early: Vec<f32> = pre.iter().enumerate().map(|(voxel, signal)| signal * gain(voxel)).collect();
        let phases = DcePhases::new(&pre, &early, &early, grid).unwrap();
        let other = background_enhancement(&phases, &breast, &lesion, BackgroundOptions::default()).unwrap();
        assert!((other.mean_pe_percent - 30.0).abs() < 1e-3, "{other:?}");
        let count = gland_left.iter().filter(|inside| **inside).count() as f64;
        assert_eq!(other.tissue_mm3, count * grid.voxel_mm3());
        let same = BackgroundOptions { side: BackgroundSide::SameBreast, ..BackgroundOptions::default() };
        let same = background_enhancement(&phases, &right, &lesion, same).unwrap();
        assert!((same.mean_pe_percent - 50.0).abs() < 1e-3, "{same:?}");
        // Fat is the dark class: asked for the other one, the number is that of fat.
        let bright_fat = BackgroundOptions { fat_suppressed: false, ..BackgroundOptions::default() };
        let fat = background_enhancement(&phases, &breast, &lesion, bright_fat).unwrap();
        assert!((fat.mean_pe_percent - 5.0).abs() < 1e-3, "{fat:?}");
    }

    #[test]
    fn a_breast_without_voxels_is_refused() {
        let grid = VoxelGrid::new([1, 4, 4], [1.0; 3]).unwrap();
        let phases = DcePhases::new(&[1.0; 16], &[2.0; 16], &[2.0; 16], grid).unwrap();
        let (none, all) = ([false; 16], [true; 16]);
        let options = BackgroundOptions::default();
        assert!(matches!(background_enhancement(&phases, &all, &none, options), Err(Error::Region { .. })));
        assert!(matches!(background_enhancement(&phases, &none, &all, options), Err(Error::Region { .. })));
        assert!(matches!(background_enhancement(&phases, &all, &all[1..], options), Err(Error::Shape { .. })));
    }
}
