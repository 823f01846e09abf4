//! The longest distance within a set of lattice points, exactly and in far fewer comparisons than all pairs.
//!
//! Distance is convex, so its maximum over a plane of points is reached on that plane's convex hull; the hulls are found in
//! whole numbers. Between the hulls of different planes, pairs are taken from the outside inwards and the search stops
//! where no remaining pair can be longer.

use std::collections::BTreeMap;

/// A point on a lattice, \[z, y, x\].
pub(super) type LatticePoint = [i64; 3];

/// The vertices of the surface of a set of voxels, half-way to each of their six neighbours outside, in half voxels.
pub(super) fn surface_vertices(
    voxels: impl Iterator<Item = LatticePoint>,
    inside: impl Fn(LatticePoint) -> bool,
) -> Vec<LatticePoint> {
    let mut vertices = Vec::new();
    for place in voxels {
        for (axis, step) in [(0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)] {
            let mut neighbour = place;
            neighbour[axis] += step;
            if !inside(neighbour) {
                let mut vertex = place.map(|side| 2 * side);
                vertex[axis] += step;
                vertices.push(vertex);
            }
        }
    }
    vertices
}

/// The distance of the two points farthest apart, in the unit of `spacing`; 0 with fewer than two points.
pub(super) fn longest_distance(points: &[LatticePoint], spacing: [f64; 3]) -> f64 {
    let hulls: Vec<LatticePoint> = planes(points, 0).into_values().flat_map(|plane| hull(plane, 0)).collect();
    farthest(&hulls, spacing)
}

/// The longest distance between two points of one plane across `axis`, in the unit of `spacing`.
pub(super) fn longest_in_plane(points: &[LatticePoint], spacing: [f64; 3], axis: usize) -> f64 {
    planes(points, axis).into_values().map(|plane| farthest(&hull(plane, axis), spacing)).fold(0.0, f64::max)
}

/// The points by their coordinate along `axis`.
fn planes(points: &[LatticePoint], axis: usize) -> BTreeMap<i64, Vec<LatticePoint>> {
    let mut planes: BTreeMap<i64, Vec<LatticePoint>> = BTreeMap::new();
    for point in points {
        planes.entry(point[axis]).or_default().push(*point);
    }
    planes
}

/// The corners of the convex hull of points in one plane across `axis` (Andrew's monotone chain).
fn hull(mut points: Vec<LatticePoint>, axis: usize) -> Vec<LatticePoint> {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    points.sort_unstable_by_key(|point| (point[u], point[v]));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turns_right = |a: &LatticePoint, b: &LatticePoint, c: &LatticePoint| {
        (b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u]) <= 0
    };
    let chain = |ordered: &mut dyn Iterator<Item = &LatticePoint>| {
        let mut chain: Vec<LatticePoint> = Vec::new();
        for point in ordered {
            while let [.., a, b] = chain.as_slice() {
                if !turns_right(a, b, point) {
                    break;
                }
                chain.pop();
            }
            chain.push(*point);
        }
        chain.pop();
        chain
    };
    let mut corners = chain(&mut points.iter());
    corners.extend(chain(&mut points.iter().rev()));
    corners
}

/// The longest distance between any two points, by comparing pairs from the outside inwards.
fn farthest(points: &[LatticePoint], spacing: [f64; 3]) -> f64 {
    let scaled = |point: &LatticePoint| [0, 1, 2].map(|axis| point[axis] as f64 * spacing[axis]);
    let places: Vec<[f64; 3]> = points.iter().map(scaled).collect();
    let count = places.len().max(1) as f64;
    let centre = [0, 1, 2].map(|axis| places.iter().map(|place| place[axis]).sum::<f64>() / count);
    let squared = |a: &[f64; 3], b: &[f64; 3]| [0, 1, 2].map(|axis| (a[axis] - b[axis]).powi(2)).iter().sum::<f64>();
    let mut by_reach: Vec<(f64, [f64; 3])> =
        places.into_iter().map(|place| (squared(&place, &centre).sqrt(), place)).collect();
    by_reach.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut longest = 0.0f64;
    for (index, (reach, place)) in by_reach.iter().enumerate() {
        for (other_reach, other) in by_reach.get(index + 1..).unwrap_or_default() {
            // The triangle inequality through the centre, with room for rounding.
            if (reach + other_reach) * (1.0 + 1e-12) < longest.sqrt() {
                break;
            }
            longest = longest.max(squared(place, other));
        }
    }
    longest.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scattered points by a multiplicative hash.
    fn scattered(count: i64, side: i64) -> Vec<LatticePoint> {
        (1..=count).map(|k| [7, 31, 97].map(|factor: i64| (k * k * factor + k * 13) % side - side / 2)).collect()
    }

    /// Every pair compared.
    fn twin(points: &[LatticePoint], spacing: [f64; 3], axis: Option<usize>) -> f64 {
        let mut longest = 0.0f64;
        for a in points {
            for b in points.iter().filter(|b| axis.is_none_or(|axis| a[axis] == b[axis])) {
                let squared: f64 = (0..3).map(|i| ((a[i] - b[i]) as f64 * spacing[i]).powi(2)).sum();
                longest = longest.max(squared);
            }
        }
        longest.sqrt()
    }

    #[test]
    fn hulls_and_pruning_agree_with_comparing_every_pair() {
        for (count, side, spacing) in
            [(400, 37, [2.0, 0.7, 0.7]), (300, 11, [1.0; 3]), (50, 101, [0.3, 4.0, 1.1]), (2, 9, [1.0; 3])]
        {
            let points = scattered(count, side);
            // Both sides multiply, subtract and square in another order: a few roundings.
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b;
            assert!(close(longest_distance(&points, spacing), twin(&points, spacing, None)));
            for axis in 0..3 {
                let (fast, slow) = (longest_in_plane(&points, spacing, axis), twin(&points, spacing, Some(axis)));
                assert!(close(fast, slow), "axis {axis}: {fast} {slow}");
            }
        }
    }

    #[test]
    fn one_point_and_no_point_have_no_extent() {
        assert_eq!((longest_distance(&[], [1.0; 3]), longest_distance(&[[1, 2, 3]], [1.0; 3])), (0.0, 0.0));
        // Points on a line are their own hull's two ends: 3-4-5.
        assert_eq!(longest_distance(&[[0, 0, 0], [0, 3, 4], [0, 6, 8]], [1.0; 3]), 10.0);
    }
}
