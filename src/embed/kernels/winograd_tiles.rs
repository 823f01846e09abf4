use pulp::Simd;

/// One-dimensional transforms of minimal filtering with windows of 3: `POINTS` inputs, `OUT` outputs.
pub(super) trait Transform<const POINTS: usize, const OUT: usize>: Send {
    /// G, applied to a window.
    const WEIGHTS: [[f64; 3]; POINTS];

    /// Bᵀ applied to one line of a tile.
    fn map_line<S: Simd>(simd: S, line: [S::f32s; POINTS]) -> [S::f32s; POINTS];

    /// Aᵀ applied to one line of products.
    fn out_line<S: Simd>(simd: S, line: [S::f32s; POINTS]) -> [S::f32s; OUT];

    /// Bᵀ d B of a tile.
    #[inline(always)]
    fn map_tile<S: Simd>(simd: S, tile: [[S::f32s; POINTS]; POINTS]) -> [[S::f32s; POINTS]; POINTS] {
        let mut columns = tile;
        for x in 0..POINTS {
            let mut column = tile[0];
            for y in 0..POINTS {
                column[y] = tile[y][x];
            }
            let column = Self::map_line(simd, column);
            for y in 0..POINTS {
                columns[y][x] = column[y];
            }
        }
        let mut both = columns;
        for y in 0..POINTS {
            both[y] = Self::map_line(simd, columns[y]);
        }
        both
    }

    /// Aᵀ m A of the products of a tile.
    #[inline(always)]
    fn out_tile<S: Simd>(simd: S, products: [[S::f32s; POINTS]; POINTS]) -> [[S::f32s; OUT]; OUT] {
        let zero = simd.splat_f32s(0.0);
        let mut rows = [[zero; OUT]; POINTS];
        for y in 0..POINTS {
            rows[y] = Self::out_line(simd, products[y]);
        }
        let mut out = [[zero; OUT]; OUT];
        for x in 0..OUT {
            let mut column = products[0];
            for y in 0..POINTS {
                column[y] = rows[y][x];
            }
            let column = Self::out_line(simd, column);
            for y in 0..OUT {
                out[y][x] = column[y];
            }
        }
        out
    }
}

/// factor × x + y.
#[inline(always)]
fn fma<S: Simd>(simd: S, factor: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), x, y)
}

/// F(2, 3), points 0, 1, −1, ∞.
pub(super) struct F2;

impl Transform<4, 2> for F2 {
    const WEIGHTS: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

    #[inline(always)]
    fn map_line<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }

    #[inline(always)]
    fn out_line<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
    }
}

/// F(4, 3), points 0, 1, −1, 2, −2, ∞.
pub(super) struct F4;

impl Transform<6, 4> for F4 {
    const WEIGHTS: [[f64; 3]; 6] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    fn map_line<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        let (even, odd) = (fma(simd, -4.0, c, e), fma(simd, -4.0, b, d));
        let (even_2, odd_2) = (simd.sub_f32s(e, c), simd.mul_f32s(simd.splat_f32s(2.0), simd.sub_f32s(d, b)));
        [
            fma(simd, 4.0, a, fma(simd, -5.0, c, e)),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(even_2, odd_2),
            simd.sub_f32s(even_2, odd_2),
            fma(simd, 4.0, b, fma(simd, -5.0, d, f)),
        ]
    }

    #[inline(always)]
    fn out_line<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (sum_2, difference_2) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(a, simd.add_f32s(sum, sum_2)),
            fma(simd, 2.0, difference_2, difference),
            fma(simd, 4.0, sum_2, sum),
            fma(simd, 8.0, difference_2, simd.add_f32s(difference, f)),
        ]
    }
}
