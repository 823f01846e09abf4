//! The surface of a region as triangles, by marching cubes at half height.
//!
//! # Source
//! Lorensen and Cline 1987, SIGGRAPH Comput. Graph. 21:163-169. The choice of triangles where several are possible is that
//! of pyradiomics 3.0.1 (copyright 2017 Harvard Medical School, BSD-3-Clause), so that areas and volumes agree.

use super::region::Region;

/// For each pattern of marked corners without the last one, the edges that its triangles join: three hexadecimal digits each.
#[rustfmt::skip]
const TRIANGLES: [&str; 128] = [
    "", "083", "190", "183198", "12a", "08312a", "92a029", "2832a8a98", "b23", "b2008b", "190b23", "b2119b98b",
    "3a1ba3", "a1008a8ba", "9033b9ba9", "98aba8", "478", "043473", "190478", "194147173", "12a478", "34730412a",
    "92a902478", "2a9297273479", "478b23", "b47b24204", "190478b23", "47b94bb29192", "3a1ba3478", "ba114b10447b",
    "4789033b9ba9", "47b4b99ba", "954", "954083", "054015", "854835315", "12a954", "08312a954", "2a5542240",
    "2a5325354834", "954b23", "b2008b954", "054015b23", "215258b28548", "3a1ba3954", "549a1008a8ba", "54050ba5bb03",
    "548a58ba8", "789579", "309539357", "780017715", "157173", "78957912a", "12a309395357", "0288258572a5",
    "2a5253357", "579789b23", "579972209b27", "b23018178157", "21b17b157", "7895793a1ba3", "5705097b0a10ba0",
    "ba003ba50078570", "ba557b", "65a", "08365a", "19065a", "18319865a", "165126", "165126083", "965906026",
    "598582526832", "b2365a", "b2008b65a", "190b2365a", "b2119b98b65a", "63b653513", "08b0b50515b6", "63b036065059",
    "65969bb98", "47865a", "04347365a", "19047865a", "19414717365a", "478165126", "043473165126", "478965906026",
    "739479329596269", "b2347865a", "b47b2420465a", "190b2347865a", "47b94bb2919265a", "47863b653513",
    "51b5b610b47b04b", "47863b036065059", "65969b4797b9", "a4964a", "a4964a083", "01aa60640", "18316886461a",
    "149124264", "149124264083", "024426", "832824426", "b23a4964a", "b2008ba4964a", "b2301aa60640",
    "64161a148b2118b", "964369139b63", "18b081b61149641", "63b036640", "86468b", "67a78a89a", "67a0a709a073",
    "67a1a7178018", "67a1a7173", "126168189678", "269129679309739", "078706602", "273267", "b2367a78a89a",
    "207b2709767a9a7", "67a1a7178018b23", "b2117ba61167", "896678169b63136", "09167b", "07870603bb60", "67b",
];

/// The corners of a cube, \[z, y, x\].
const CORNERS: [[usize; 3]; 8] =
    [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0]];

/// The middles of a cube's edges, \[z, y, x\], in halves of a voxel.
const EDGES: [[u8; 3]; 12] = [
    [0, 0, 1],
    [0, 1, 2],
    [0, 2, 1],
    [0, 1, 0],
    [2, 0, 1],
    [2, 1, 2],
    [2, 2, 1],
    [2, 1, 0],
    [1, 0, 0],
    [1, 0, 2],
    [1, 2, 2],
    [1, 2, 0],
];

type Vector = [f64; 3];

/// What the triangles of one pattern add to the surface.
#[derive(Clone, Copy, Default)]
struct Patch {
    area: f64,
    /// Σ a · (b × c) over triangles, measured from the cube's corner.
    volume: f64,
    /// Σ a × b + b × c + c × a: how the volume grows with the cube's distance from the origin.
    normal: Vector,
}

/// Area (mm²) and enclosed volume (mm³) of the region's surface.
pub(super) fn area_and_volume(region: &Region) -> (f64, f64) {
    let patches = patches(region.spacing_mm);
    let [planes, rows, columns] = region.shape;
    let strides = region.strides();
    let corners = CORNERS.map(|corner| (0..3).map(|axis| corner[axis] * strides[axis]).sum::<usize>());
    let (mut area, mut volume) = (0.0, 0.0);
    for z in 0..planes - 1 {
        for y in 0..rows - 1 {
            let line = z * strides[0] + y * strides[1];
            for x in 0..columns - 1 {
                let marked = |corner: &usize| region.ranks[line + x + corner] > 0;
                let pattern = corners.iter().enumerate().fold(0u8, |bits, (k, c)| bits | (u8::from(marked(c)) << k));
                // The surface of a pattern is that of its complement, turned inside out.
                let (pattern, side) = if pattern & 0x80 != 0 { (!pattern, -1.0) } else { (pattern, 1.0) };
                if pattern == 0 {
                    continue;
                }
                let patch = &patches[usize::from(pattern)];
                let place = scaled([z as f64, y as f64, x as f64], region.spacing_mm);
                area += patch.area;
                volume += side * (patch.volume + dot(place, patch.normal));
            }
        }
    }
    (area, volume / 6.0)
}

/// The patches of all patterns for one spacing.
fn patches(spacing_mm: Vector) -> [Patch; 128] {
    let place = |digit: &u8| {
        let edge = EDGES[char::from(*digit).to_digit(12).unwrap_or(0) as usize];
        scaled(edge.map(|half| f64::from(half) / 2.0), spacing_mm)
    };
    TRIANGLES.map(|edges| {
        let mut patch = Patch::default();
        for triangle in edges.as_bytes().chunks_exact(3) {
            let [a, b, c] = [0, 1, 2].map(|corner| place(&triangle[corner]));
            let (ab, bc, ca) = (cross(a, b), cross(b, c), cross(c, a));
            let normal = [0, 1, 2].map(|axis| ab[axis] + bc[axis] + ca[axis]);
            patch.area += dot(normal, normal).sqrt() / 2.0;
            patch.volume += dot(ab, c);
            patch.normal = [0, 1, 2].map(|axis| patch.normal[axis] + normal[axis]);
        }
        patch
    })
}

fn scaled(place: Vector, spacing_mm: Vector) -> Vector {
    [0, 1, 2].map(|axis| place[axis] * spacing_mm[axis])
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::VoxelGrid;

    #[test]
    fn the_surface_of_a_cuboid_is_a_cuboid_with_cut_edges() {
        // By hand: middles of edges lie half a voxel outside, so 2 x 3 x 4 voxels become the cuboid 1 x 2 x 3 between
        // their centres thickened by an octahedron of radius 1/2 (volume 1/6, area √3, cross-section 1/2).
        let grid = VoxelGrid::new([2, 3, 4], [1.0; 3]).unwrap();
        let region = Region::cut(&[0.0; 24], &[true; 24], grid, 25.0).unwrap();
        let (area, volume) = area_and_volume(&region);
        assert!((volume - (6.0 + 11.0 + 0.5 * 6.0 + 1.0 / 6.0)).abs() < 1e-12, "{volume}");
        assert!((area - (22.0 + 4.0 * 0.5f64.sqrt() * 6.0 + 3f64.sqrt())).abs() < 1e-12, "{area}");
    }
}
