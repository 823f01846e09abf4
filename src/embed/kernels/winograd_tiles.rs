use pulp::Simd;

/// One-dimensional transforms of minimal filtering with windows of 3: `POINTS` inputs, `OUT` outputs.
pub(super) trait Transform<const POINTS: usize, const OUT: usize>: Send {
    /// G, applied to a window.
    const WEIGHTS: [[f64; 3]; POINTS];

    /// Bᵀ applied to one line of a tile.
    fn map_line<S: Simd>(simd: S, line: [S::f32s; POINTS]) -> [S::f32s; POINTS];

    /// Aᵀ applied to one line of products.
    fn out_line<S: Simd>(simd: S, line: [S::f32s; POINTS]) -> [S::f32s; OUT];

    /// A line transform applied to the columns and then the rows of a tile.
    #[inline(always)]
    fn both_sides<V: Copy>(tile: [[V; POINTS]; POINTS], line: impl Fn([V; POINTS]) -> [V; POINTS]) -> [[V; POINTS]; POINTS] {
        let mut columns = tile;
        for x in 0..POINTS {
            let column = line(std::array::from_fn(|y| tile[y][x]));
            for (y, value) in column.into_iter().enumerate() {
                columns[y][x] = value;
            }
        }
        columns.map(line)
    }

    /// Aᵀ m A.
    #[inline(always)]
    fn back<S: Simd>(simd: S, products: [[S::f32s; POINTS]; POINTS]) -> [[S::f32s; OUT]; OUT] {
        let rows = products.map(|line| Self::out_line(simd, line));
        let columns: [[S::f32s; OUT]; OUT] =
            std::array::from_fn(|x| Self::out_line(simd, std::array::from_fn(|y| rows[y][x])));
        std::array::from_fn(|y| std::array::from_fn(|x| columns[x][y]))
    }
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
        let number = |value| simd.splat_f32s(value);
        let fma = |factor: f32, x, y| simd.mul_add_e_f32s(number(factor), x, y);
        let (even, odd) = (fma(-4.0, c, e), fma(-4.0, b, d));
        let (even_2, odd_2) = (simd.sub_f32s(e, c), simd.mul_f32s(number(2.0), simd.sub_f32s(d, b)));
        [
            fma(4.0, a, fma(-5.0, c, e)),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(even_2, odd_2),
            simd.sub_f32s(even_2, odd_2),
            fma(4.0, b, fma(-5.0, d, f)),
        ]
    }

    #[inline(always)]
    fn out_line<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let fma = |factor: f32, x, y| simd.mul_add_e_f32s(simd.splat_f32s(factor), x, y);
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (sum_2, difference_2) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(a, simd.add_f32s(sum, sum_2)),
            fma(2.0, difference_2, difference),
            fma(4.0, sum_2, sum),
            fma(8.0, difference_2, simd.add_f32s(difference, f)),
        ]
    }
}
