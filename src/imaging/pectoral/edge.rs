//! The straight line and the path that part the muscle from the breast, on the small image.

use crate::imaging::Raster;
use crate::imaging::intensity::{largest_region, otsu, percentile};

/// Least and largest angle between the muscle's edge and the chest wall, degrees.
const ANGLES: std::ops::RangeInclusive<f64> = 10.0..=50.0;

/// The muscle meets the chest wall above this many tenths of the breast's height.
const LOWEST_TENTHS: usize = 8;

/// Distance from the edge at which the two sides are compared, pixels of the search.
const HALF_WIDTH: f32 = 3.0;

/// A step across the edge counts up to this part of the breast's range of intensities.
const STEP_CAP: f32 = 0.2;

/// Least mean step along the edge, as part of the cap.
const LEAST_STEP: f32 = 0.12;

/// Least share of the edge's points where the muscle's side is the brighter one.
const LEAST_BRIGHTER: f32 = 0.75;

/// How far the refined edge may leave the straight line, pixels of the search.
const BEND: isize = 7;

/// What one pixel of bend between neighbouring rows costs, as part of the cap.
const BEND_COST: f32 = 0.35;

/// The breast in the small image.
pub(super) struct Breast {
    pub image: Raster,
    marked: Vec<bool>,
    pub area: f64,
    /// First row and column of its box.
    pub top: usize,
    pub left: usize,
    /// Size of its box.
    rows: usize,
    columns: usize,
    /// Largest step across an edge that counts.
    cap: f32,
}

/// A line from the top edge of the breast's box to its left edge.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Columns from the box's left edge, in its first row.
    column: f64,
    /// Rows from the box's top edge, in its first column.
    row: f64,
}

impl Line {
    pub fn angle_deg(&self) -> f64 {
        (self.column / self.row).atan().to_degrees()
    }

    fn column_at(&self, row: f64) -> f64 {
        self.column * (1.0 - row / self.row)
    }

    /// Across the line, away from the muscle: columns and rows.
    fn outward(&self) -> (f32, f32) {
        let length = self.row.hypot(self.column);
        ((self.row / length) as f32, (self.column / length) as f32)
    }
}

impl Breast {
    /// The largest region above the level of air, smoothed; `None` on a blank image.
    pub fn find(small: &Raster) -> Option<Self> {
        let threshold = otsu(small)?;
        let (dark, _) = small.range()?;
        // As in the preparation of mammograms: half way down from Otsu's threshold lies the fat, still above air.
        let level = dark + 0.5 * (threshold - dark);
        let bright: Vec<bool> = small.pixels.iter().map(|value| *value >= level).collect();
        let region = largest_region(&bright, small.columns);
        let mut marked = vec![false; bright.len()];
        region.iter().for_each(|at| marked[*at] = true);
        let rows_of = || region.iter().map(|at| at / small.columns);
        // The chest wall is where the breast is tall: a line of the film's edge beside it is not.
        let mut heights = vec![0usize; small.columns];
        region.iter().for_each(|at| heights[at % small.columns] += 1);
        let tallest = heights.iter().copied().max()?;
        let left = heights.iter().position(|height| 2 * height >= tallest)?;
        let right = heights.iter().rposition(|height| *height > 0)?;
        let (top, bottom) = (rows_of().min()?, rows_of().max()?);
        let values: Vec<f32> = region.iter().map(|at| small.pixels[*at]).collect();
        let range = percentile(&values, 0.99)? - percentile(&values, 0.05)?;
        if range <= 0.0 {
            return None;
        }
        Some(Self {
            image: smoothed(&smoothed(small)),
            area: region.len() as f64,
            marked,
            top,
            left,
            rows: bottom - top + 1,
            columns: right.checked_sub(left)? + 1,
            cap: STEP_CAP * range,
        })
    }

    /// The line whose steps convince most; `None` when even that one does not.
    pub fn best_line(&self) -> Option<Line> {
        let mut best: Option<(f32, Line)> = None;
        for column in (4..self.columns).step_by(2) {
            for row in (self.rows / 6..self.rows * LOWEST_TENTHS / 10).step_by(2) {
                let line = Line { column: column as f64, row: row as f64 };
                if !ANGLES.contains(&line.angle_deg()) {
                    continue;
                }
                let Some(score) = self.score(&line) else { continue };
                if best.is_none_or(|(highest, _)| score > highest) {
                    best = Some((score, line));
                }
            }
        }
        best.map(|(_, line)| line)
    }

    /// The sum of capped steps over the square root of the number of points; `None` for a line that does not convince.
    fn score(&self, line: &Line) -> Option<f32> {
        let last = (line.row as usize).min(self.rows);
        let (mut sum, mut brighter, mut count) = (0.0f32, 0.0f32, 0.0f32);
        for row in 0..last {
            if let Some(step) = self.step(line, row, line.column_at(row as f64)) {
                sum += step.clamp(-self.cap, self.cap);
                brighter += f32::from(u8::from(step > 0.0));
                count += 1.0;
            }
        }
        let inside = count >= 0.8 * last as f32 && count >= 8.0;
        let convinces = sum >= LEAST_STEP * self.cap * count && brighter >= LEAST_BRIGHTER * count;
        (inside && convinces).then(|| sum / count.sqrt())
    }

    /// How much brighter the muscle's side of the line is at a point of the box; `None` outside the breast.
    fn step(&self, line: &Line, row: usize, column: f64) -> Option<f32> {
        let (across, down) = line.outward();
        let at = (self.left as f64 + column) as f32;
        let place = (self.top + row) as f32;
        let (near, far) = (at - HALF_WIDTH * across, at + HALF_WIDTH * across);
        if !self.holds(place, at) || !self.holds(place + HALF_WIDTH * down, far) {
            return None;
        }
        // Close to the chest wall the muscle is narrower than the comparison: its first column stands for it.
        let near = near.max(self.left as f32 + 1.0);
        let inner = self.at(place - HALF_WIDTH * down, near);
        let outer = self.at(place + HALF_WIDTH * down, far);
        Some(inner - outer)
    }

    fn holds(&self, row: f32, column: f32) -> bool {
        let (row, column) = (row.round().max(0.0) as usize, column.round().max(0.0) as usize);
        column < self.image.columns && self.marked.get(row * self.image.columns + column) == Some(&true)
    }

    /// The smoothed image between pixels, by bilinear interpolation.
    fn at(&self, row: f32, column: f32) -> f32 {
        let (row, column) = (row.max(0.0), column.max(0.0));
        let (top, left) = (row as usize, column as usize);
        let (down, across) = (row.fract(), column.fract());
        let line = |row| self.image.at(row, left, 0) * (1.0 - across) + self.image.at(row, left + 1, 0) * across;
        line(top) * (1.0 - down) + line(top + 1) * down
    }

    /// The path near the line with the best sum of steps less the cost of its bends: the muscle's end for each row of the
    /// box, in columns from its left edge.
    pub fn follow(&self, line: &Line) -> Vec<f64> {
        let last = (line.row as usize).min(self.rows);
        let offsets: Vec<f64> = (-BEND..=BEND).map(|offset| offset as f64).collect();
        let cost = BEND_COST * self.cap;
        let mut best = vec![vec![0.0f32; offsets.len()]; last];
        let mut from = vec![vec![0usize; offsets.len()]; last];
        for row in 0..last {
            for (k, offset) in offsets.iter().enumerate() {
                let column = line.column_at(row as f64) + offset;
                // Near the line the strongest edge is the muscle's: uncapped, or a plateau of capped steps would hide where.
                // Past the chest wall there is nothing to compare, and nothing against it.
                let step = if column < 0.0 { 0.0 } else { self.step(line, row, column).unwrap_or(-self.cap) };
                let (before, previous) = match row.checked_sub(1) {
                    None => (0.0, k),
                    Some(above) => (k.saturating_sub(1)..(k + 2).min(offsets.len()))
                        .map(|other| (best[above][other] - cost * other.abs_diff(k) as f32, other))
                        .fold((f32::NEG_INFINITY, k), |kept, other| if other.0 > kept.0 { other } else { kept }),
                };
                best[row][k] = before + step;
                from[row][k] = previous;
            }
        }
        let mut path = vec![0.0; last];
        let mut k = best.last().map_or(0, |row| {
            row.iter().enumerate().fold(0, |kept, (k, value)| if *value > row[kept] { k } else { kept })
        });
        for row in (0..last).rev() {
            path[row] = (line.column_at(row as f64) + offsets[k]).max(0.0);
            k = from[row][k];
        }
        path
    }

    /// How many pixels of the breast lie in a row of the box before a column of it.
    pub fn marked_before(&self, row: usize, end: f64) -> f64 {
        let start = (self.top + row) * self.image.columns + self.left;
        let count = (end.ceil().max(0.0) as usize).min(self.columns);
        self.marked.get(start..start + count).map_or(0.0, |row| row.iter().filter(|inside| **inside).count() as f64)
    }
}

/// The mean over each pixel and its eight neighbours, edges repeated.
fn smoothed(image: &Raster) -> Raster {
    let mut smooth = image.clone();
    for (index, value) in smooth.pixels.iter_mut().enumerate() {
        let (row, column) = (index / image.columns, index % image.columns);
        let near = |at: usize, k: usize| (at + k).saturating_sub(1);
        let sum: f32 = (0..9).map(|k| image.at(near(row, k / 3), near(column, k % 3), 0)).sum();
        *value = sum / 9.0;
    }
    smooth
}
