//! Radiomic features of a region: shape, intensities and texture, by the definitions of the Image Biomarker
//! Standardisation Initiative as pyradiomics computes them, under its names.
//!
//! Lives here: the region cut out and discretised, one file per family of features. May import [`crate::imaging`]'s lattice
//! and errors only. Deliberately absent: filtered images (wavelet, Laplacian of Gaussian), resampling, 2-D shape.

mod dependence;
mod eigenvalues;
mod first_order;
mod glcm;
mod marching_cubes;
mod neighbours;
mod ngtdm;
mod region;
mod run_length;
mod shape;
mod size_matrix;
mod size_zone;
#[cfg(test)]
mod synthetic;

use super::{Error, VoxelGrid};
use region::Region;

/// One radiomic feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadiomicFeature {
    /// Name as in pyradiomics, for example `original_firstorder_Mean`.
    pub name: &'static str,
    /// Value, never NaN. Lengths in mm, areas in mm², volumes in mm³; intensities in those of the image.
    pub value: f64,
}

/// Width of the bins into which intensities are put for texture where nothing else is asked for: pyradiomics' default.
pub const DEFAULT_BIN_WIDTH: f64 = 25.0;

/// The 107 features of the region that `mask` marks in `image`, always in the same order.
///
/// Families: shape (14, from the region alone), first order (18), grey level co-occurrence (24, mean of 13 directions),
/// run length (16, mean of 13 directions), size zone (16), dependence (14), neighbouring grey tone difference (5); distance
/// one voxel, 26 neighbours. `bin_width` is in the unit of the intensities; bins start at its multiples.
///
/// Known departures of pyradiomics from IBSI, kept for parity: bins start at multiples of the width and not at the lowest
/// intensity; kurtosis is not in excess of 3; axis lengths come from the covariance over n, not n − 1; tone differences
/// count voxels without neighbours.
///
/// # Errors
/// [`Error::Shape`] when image or mask do not fill `grid`; [`Error::Region`] when the mask is empty, one voxel, a line
/// along an axis, or without two voxels that touch; [`Error::Intensity`] when a voxel of the region is not finite;
/// [`Error::GreyLevels`] when `bin_width` is not positive or leaves too many grey levels.
///
/// # Source
/// Zwanenburg et al. 2020, Radiology 295:328-338 (IBSI); van Griethuysen et al. 2017, Cancer Res. 77:e104-e107
/// (pyradiomics 3.0.1).
pub fn radiomics(image: &[f32], mask: &[bool], grid: VoxelGrid, bin_width: f64) -> Result<Vec<RadiomicFeature>, Error> {
    let region = Region::cut(image, mask, grid, bin_width)?;
    let mut features = Vec::with_capacity(107);
    features.extend(shape::features(&region));
    features.extend(first_order::features(&region));
    features.extend(glcm::features(&region)?);
    features.extend(run_length::features(&region)?);
    features.extend(size_zone::features(&region));
    features.extend(dependence::features(&region));
    features.extend(ngtdm::features(&region));
    Ok(features)
}

/// Names and values put together.
fn named<const N: usize>(names: [&'static str; N], values: [f64; N]) -> impl Iterator<Item = RadiomicFeature> {
    names.into_iter().zip(values).map(|(name, value)| RadiomicFeature { name, value })
}

/// The element-wise mean of the values of several directions.
fn mean_of<const N: usize>(directions: &[[f64; N]]) -> [f64; N] {
    let mut mean = [0.0; N];
    for values in directions {
        mean.iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
    }
    mean.map(|sum| sum / directions.len() as f64)
}

#[cfg(test)]
mod tests;
