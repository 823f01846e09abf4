use crate::imaging::diameter::{longest_distance, surface_vertices};
use crate::imaging::{Error, VoxelGrid};

/// The connected parts of a mask through the 26 neighbours: numbers of their voxels, ascending; the largest part first, of
/// equal ones that of the lowest voxel.
///
/// # Errors
/// [`Error::Shape`] when the mask does not fill `grid`.
pub fn components(mask: &[bool], grid: VoxelGrid) -> Result<Vec<Vec<usize>>, Error> {
    grid.check("a mask", mask.len())?;
    let mut left = mask.to_vec();
    let mut parts = Vec::new();
    for start in 0..left.len() {
        if !std::mem::take(&mut left[start]) {
            continue;
        }
        let mut part = vec![start];
        let mut next = 0;
        while let Some(voxel) = part.get(next).copied() {
            next += 1;
            part.extend(grid.neighbours(voxel).filter(|other| std::mem::take(&mut left[*other])));
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts.sort_by_key(|part: &Vec<usize>| std::cmp::Reverse(part.len()));
    Ok(parts)
}

/// The longest diameter of the mask's largest connected part, mm: the distance of the two vertices of its surface that lie
/// farthest apart; 0 for an empty mask.
///
/// The same definition as the radiomic feature `original_shape_Maximum3DDiameter`: a vertex lies half a voxel outside the
/// centre of a voxel on the surface.
///
/// # Errors
/// [`Error::Shape`] when the mask does not fill `grid`.
///
/// # Source
/// IBSI 3.1.11, maximum 3D diameter.
pub fn longest_diameter_mm(mask: &[bool], grid: VoxelGrid) -> Result<f64, Error> {
    Ok(components(mask, grid)?.first().map_or(0.0, |part| extent_mm(part, grid)))
}

/// The longest diameter of one part, its voxels ascending.
pub(super) fn extent_mm(part: &[usize], grid: VoxelGrid) -> f64 {
    let places = part.iter().map(|voxel| grid.place(*voxel).map(|side| side as i64));
    let inside = |place| grid.voxel(place).is_some_and(|voxel| part.binary_search(&voxel).is_ok());
    longest_distance(&surface_vertices(places, inside), grid.spacing_mm().map(|spacing| spacing / 2.0))
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::ellipsoid;
    use super::*;

    #[test]
    fn parts_touch_at_corners_and_do_not_wrap_around_rows() {
        let grid = VoxelGrid::new([2, 2, 4], [1.0; 3]).unwrap();
        let marked = [0, 1, 3, 13, 7, 4 + 8];
        let mask: Vec<bool> = (0..16).map(|voxel| marked.contains(&voxel)).collect();
        // By hand: 0-1 joins 12 and 13 across the planes by corners; 3 and 7 stay apart at the other end of the row.
        assert_eq!(components(&mask, grid).unwrap(), [vec![0, 1, 12, 13], vec![3, 7]]);
        assert!(components(&[false; 16], grid).unwrap().is_empty());
        assert!(matches!(components(&[true; 3], grid), Err(Error::Shape { .. })));
    }

    #[test]
    fn diameters_of_spheres_and_tilted_ellipsoids_are_known() {
        let grid = VoxelGrid::new([40, 64, 64], [1.5, 0.9, 0.9]).unwrap();
        // Voxelisation: each end may miss the surface by half the diagonal of a voxel.
        let diagonal = (1.5f64 * 1.5 + 2.0 * 0.9 * 0.9).sqrt();
        for (semi_mm, turn) in [([12.0, 12.0, 12.0], 0.0), ([8.0, 10.0, 22.0], 0.5), ([20.0, 9.0, 7.0], -0.3)] {
            let mut mask = ellipsoid(grid, [30.0, 28.0, 29.0], semi_mm, turn);
            let known = 2.0 * semi_mm.into_iter().fold(0.0, f64::max);
            let found = longest_diameter_mm(&mask, grid).unwrap();
            assert!((found - known).abs() <= diagonal, "{found} {known}");
            // A small part far away does not lengthen it.
            mask[0] = true;
            assert_eq!(longest_diameter_mm(&mask, grid).unwrap(), found);
        }
        assert_eq!(longest_diameter_mm(&vec![false; grid.voxels()], grid).unwrap(), 0.0);
    }
}
