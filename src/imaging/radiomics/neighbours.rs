use super::region::Region;

/// The 13 directions to half of the 26 neighbours, \[z, y, x\]; the other half are their opposites.
pub(super) const DIRECTIONS: [[isize; 3]; 13] = [
    [0, 0, 1],
    [0, 1, -1],
    [0, 1, 0],
    [0, 1, 1],
    [1, -1, -1],
    [1, -1, 0],
    [1, -1, 1],
    [1, 0, -1],
    [1, 0, 0],
    [1, 0, 1],
    [1, 1, -1],
    [1, 1, 0],
    [1, 1, 1],
];

/// How far along the ranks of `region` the neighbour in each direction lies; the empty border keeps it inside.
pub(super) fn steps(region: &Region) -> [isize; 13] {
    let strides = region.strides().map(|stride| stride as isize);
    DIRECTIONS.map(|direction| (0..3).map(|axis| direction[axis] * strides[axis]).sum())
}

/// The ranks of the 26 neighbours of a voxel of the region, 0 for those outside.
pub(super) fn around<'a>(region: &'a Region, steps: &'a [isize; 13], voxel: usize) -> impl Iterator<Item = u16> + 'a {
    let rank = move |step: isize| region.ranks.get(voxel.wrapping_add_signed(step)).copied().unwrap_or(0);
    steps.iter().flat_map(move |step| [rank(*step), rank(-*step)])
}
