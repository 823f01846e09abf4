use std::collections::VecDeque;

/// A mark stands out of its surroundings by this part of the range of the image.
const STANDS_OUT: f32 = 0.25;

/// Beside a line of text that is already found, letters may stand out less.
const BESIDE_TEXT: f32 = 0.12;

/// Least correlation of a caliper with a cross.
const CROSS_CORRELATION: f32 = 0.72;

/// One connected group of pixels with its bounds.
struct Blob {
    pixels: Vec<usize>,
    top: usize,
    bottom: usize,
    left: usize,
    right: usize,
}

impl Blob {
    fn height(&self) -> usize {
        self.bottom - self.top + 1
    }
    fn width(&self) -> usize {
        self.right - self.left + 1
    }

    /// Joins another group to this one.
    fn take(&mut self, other: &Self) {
        self.pixels.extend(&other.pixels);
        (self.top, self.bottom) = (self.top.min(other.top), self.bottom.max(other.bottom));
        (self.left, self.right) = (self.left.min(other.left), self.right.max(other.right));
    }
}

/// The 8-connected groups of true pixels.
fn blobs(mask: &[bool], columns: usize) -> Vec<Blob> {
    let rows = mask.len() / columns;
    let mut seen = vec![false; mask.len()];
    let mut found = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        let (row, column) = (start / columns, start % columns);
        let mut blob = Blob { pixels: Vec::new(), top: row, bottom: row, left: column, right: column };
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let (row, column) = (at / columns, at % columns);
            blob.pixels.push(at);
            (blob.top, blob.bottom) = (blob.top.min(row), blob.bottom.max(row));
            (blob.left, blob.right) = (blob.left.min(column), blob.right.max(column));
            for r in row.saturating_sub(1)..(row + 2).min(rows) {
                for c in column.saturating_sub(1)..(column + 2).min(columns) {
                    let next = r * columns + c;
                    if mask[next] && !seen[next] {
                        seen[next] = true;
                        queue.push_back(next);
                    }
                }
            }
        }
        found.push(blob);
    }
    found
}

/// The running extreme over windows of `2 radius + 1` pixels, across then down.
fn extreme(values: &[f32], columns: usize, radius: usize, pick: fn(f32, f32) -> f32) -> Vec<f32> {
    let rows = values.len() / columns;
    let mut across = values.to_vec();
    for row in 0..rows {
        for column in 0..columns {
            let window = column.saturating_sub(radius)..(column + radius + 1).min(columns);
            let line = &values[row * columns..(row + 1) * columns];
            across[row * columns + column] = line[window].iter().copied().fold(values[row * columns + column], pick);
        }
    }
    let mut out = across.clone();
    for row in 0..rows {
        for near in row.saturating_sub(radius)..(row + radius + 1).min(rows) {
            for column in 0..columns {
                let at = row * columns + column;
                out[at] = pick(out[at], across[near * columns + column]);
            }
        }
    }
    out
}

/// How far each pixel stands above the brightest square of its size around it: white top-hat.
fn top_hat(level: &[f32], columns: usize, radius: usize) -> Vec<f32> {
    let opened = extreme(&extreme(level, columns, radius, f32::min), columns, radius, f32::max);
    level.iter().zip(opened).map(|(value, ground)| value - ground).collect()
}

/// Half the width of the square that no stroke of a letter fills.
fn stroke_radius(rows: usize, columns: usize) -> usize {
    (rows.min(columns) / 110).clamp(1, 6) + 1
}

/// The pixels of lines of burned-in text.
///
/// Letters are blobs of the top-hat; a line begins as at least three of like height side by side on one baseline, and
/// grows along its own band by whatever stands out a little there.
pub(super) fn text_lines(level: &[f32], columns: usize) -> Vec<usize> {
    let rows = level.len() / columns;
    let hat = top_hat(level, columns, stroke_radius(rows, columns));
    let over = |part: f32| hat.iter().map(|value| *value > part).collect::<Vec<bool>>();
    let faint = blobs(&over(BESIDE_TEXT), columns);
    let mut marks = Vec::new();
    // Dim letters show only at a low level; at that level bright ones run into the speckle around them.
    for level in [0.8, 1.1, 1.5, 2.0] {
        for mut band in lines_of(&over(level * STANDS_OUT), columns) {
            grow_line(&mut band, &faint);
            marks.extend(band.pixels);
        }
    }
    grown(&marks, rows, columns)
}

/// Runs of at least three letters among the blobs of a mask, each as one group.
fn lines_of(mask: &[bool], columns: usize) -> Vec<Blob> {
    let rows = mask.len() / columns;
    let tallest = (rows.min(columns) / 10).max(10);
    let mut letters: Vec<Blob> = blobs(mask, columns)
        .into_iter()
        .filter(|blob| (5..=tallest).contains(&blob.height()) && blob.width() <= 2 * blob.height())
        .collect();
    letters.sort_by_key(|blob| (blob.left, blob.top));
    let mut lines = Vec::new();
    let mut used = vec![false; letters.len()];
    for first in 0..letters.len() {
        if used[first] {
            continue;
        }
        let mut line = vec![first];
        for next in first + 1..letters.len() {
            if !used[next] && line.last().is_some_and(|last| follows(&letters[*last], &letters[next])) {
                line.push(next);
            }
        }
        if line.len() >= 3 {
            let mut band = Blob { pixels: Vec::new(), top: rows, bottom: 0, left: columns, right: 0 };
            for index in line {
                used[index] = true;
                band.take(&letters[index]);
            }
            lines.push(band);
        }
    }
    lines
}

/// True when a letter may follow another on one line: like height, common baseline, at most two heights away.
fn follows(last: &Blob, next: &Blob) -> bool {
    let (tall, short) = (last.height().max(next.height()), last.height().min(next.height()));
    let gap = next.left as i64 - last.right as i64;
    let on_line = next.bottom.abs_diff(last.bottom) <= 1 + tall / 10 && next.top.abs_diff(last.top) <= 1 + tall / 6;
    on_line && tall * 3 <= short * 4 && (-1..=2 * tall as i64).contains(&gap)
}

/// Adds the faint blobs that lie in the band of a line, within two heights of what is in it.
fn grow_line(band: &mut Blob, faint: &[Blob]) {
    let reach = 2 * band.height();
    let (top, bottom) = (band.top.saturating_sub(1), band.bottom + 1);
    loop {
        let before = (band.left, band.right);
        for blob in faint {
            let inside = blob.top >= top && blob.bottom <= bottom && 2 * blob.height() >= bottom - top - 2;
            let near = blob.left <= band.right + reach && blob.right + reach >= band.left;
            let new = blob.left < band.left || blob.right > band.right;
            if inside && near && new {
                band.take(blob);
            }
        }
        if (band.left, band.right) == before {
            break;
        }
    }
    let between =
        |blob: &&Blob| blob.top >= top && blob.bottom <= bottom && blob.left >= band.left && blob.right <= band.right;
    let within: Vec<usize> = faint.iter().filter(between).flat_map(|blob| blob.pixels.iter().copied()).collect();
    band.pixels.extend(within);
}

/// The pixels of calipers: crosses that correlate with an upright or a diagonal template.
pub(super) fn calipers(level: &[f32], columns: usize) -> Vec<usize> {
    let rows = level.len() / columns;
    let mut marks = Vec::new();
    let hat = top_hat(level, columns, stroke_radius(rows, columns));
    for arm in [2usize, 3, 4, 5] {
        let side = 2 * arm + 3;
        let margin = arm + 1;
        if rows <= side || columns <= side || arm * 130 < rows.min(columns) || arm * 40 > rows.min(columns) {
            continue;
        }
        for (row, column) in (margin..rows - margin).flat_map(|row| (margin..columns - margin).map(move |c| (row, c))) {
            if hat[row * columns + column] < 0.8 * STANDS_OUT {
                continue;
            }
            for diagonal in [false, true] {
                let stroke = |y: usize, x: usize| {
                    let (dy, dx) = (y.abs_diff(margin), x.abs_diff(margin));
                    let inside = dy <= arm && dx <= arm;
                    inside && if diagonal { dy == dx } else { dy == 0 || dx == 0 }
                };
                let at = |y: usize, x: usize| (row + y - margin) * columns + column + x - margin;
                if correlation(level, side, &at, &stroke) >= CROSS_CORRELATION {
                    let cells = (0..side).flat_map(|y| (0..side).map(move |x| (y, x)));
                    marks.extend(cells.filter(|(y, x)| stroke(*y, *x)).map(|(y, x)| at(y, x)));
                }
            }
        }
    }
    grown(&marks, rows, columns)
}

/// Pearson's correlation of a square of pixels with a stroke; zero when the strokes do not stand out everywhere.
fn correlation(
    level: &[f32],
    side: usize,
    at: &impl Fn(usize, usize) -> usize,
    stroke: &impl Fn(usize, usize) -> bool,
) -> f32 {
    let (mut n, mut on) = (0.0f32, 0.0f32);
    let (mut sum, mut squares, mut sum_on, mut least, mut ground) = (0.0f32, 0.0f32, 0.0f32, f32::INFINITY, 0.0f32);
    for y in 0..side {
        for x in 0..side {
            let value = level[at(y, x)];
            (n, sum, squares) = (n + 1.0, sum + value, squares + value * value);
            if stroke(y, x) {
                (on, sum_on, least) = (on + 1.0, sum_on + value, least.min(value));
            } else {
                ground += value;
            }
        }
    }
    let mean = sum / n;
    if least < ground / (n - on) + 0.3 * STANDS_OUT {
        return 0.0;
    }
    let spread = ((squares / n - mean * mean) * (on / n) * (1.0 - on / n)).sqrt();
    if spread > 0.0 { (sum_on / n - mean * on / n) / spread } else { 0.0 }
}

/// The pixels of small bright objects on the dark ground outside the sector.
///
/// The sector is the largest region in which most pixels around are lit; without dark ground (under 5 % of the image)
/// nothing lies outside.
pub(super) fn outside_sector(level: &[f32], columns: usize) -> Vec<usize> {
    let rows = level.len() / columns;
    let lit: Vec<bool> = level.iter().map(|value| *value > 0.04).collect();
    let radius = (rows.min(columns) / 60).max(2);
    let density = box_mean(&lit, columns, radius);
    let dense: Vec<bool> = density.iter().map(|part| *part > 0.5).collect();
    let Some(sector) = blobs(&dense, columns).into_iter().max_by_key(|blob| (blob.pixels.len(), usize::MAX - blob.top))
    else {
        return Vec::new();
    };
    let mut inside = vec![false; level.len()];
    for at in sector.pixels {
        let (row, column) = (at / columns, at % columns);
        for r in row.saturating_sub(radius)..(row + radius + 1).min(rows) {
            let start = r * columns;
            inside[start + column.saturating_sub(radius)..start + (column + radius + 1).min(columns)].fill(true);
        }
    }
    let ground = inside.iter().filter(|inside| !**inside).count();
    if ground * 20 < level.len() {
        return Vec::new();
    }
    let outside: Vec<bool> = lit.iter().zip(&inside).map(|(lit, inside)| *lit && !inside).collect();
    let largest = (rows.max(columns) / 4).max(16);
    let bright = |blob: &Blob| {
        let mean = blob.pixels.iter().map(|at| level[*at]).sum::<f32>() / blob.pixels.len() as f32;
        mean > 0.2
            && blob.height() <= largest
            && blob.width() <= largest
            && blob.pixels.iter().any(|at| level[*at] > 0.35)
    };
    blobs(&outside, columns).into_iter().filter(bright).flat_map(|blob| blob.pixels).collect()
}

/// The part of true pixels in the square around each pixel; what lies outside the image counts as false.
fn box_mean(mask: &[bool], columns: usize, radius: usize) -> Vec<f32> {
    let rows = mask.len() / columns;
    let mut sums = vec![0u32; (rows + 1) * (columns + 1)];
    for row in 0..rows {
        for column in 0..columns {
            let above = sums[row * (columns + 1) + column + 1] + sums[(row + 1) * (columns + 1) + column];
            let own = u32::from(mask[row * columns + column]);
            sums[(row + 1) * (columns + 1) + column + 1] = above + own - sums[row * (columns + 1) + column];
        }
    }
    let full = ((2 * radius + 1) * (2 * radius + 1)) as f32;
    let sum = |row: usize, column: usize| sums[row * (columns + 1) + column];
    (0..mask.len())
        .map(|at| {
            let (row, column) = (at / columns, at % columns);
            let (top, bottom) = (row.saturating_sub(radius), (row + radius + 1).min(rows));
            let (left, right) = (column.saturating_sub(radius), (column + radius + 1).min(columns));
            (sum(bottom, right) + sum(top, left) - sum(top, right) - sum(bottom, left)) as f32 / full
        })
        .collect()
}

/// The pixels and their neighbours: the soft edge of a stroke belongs to it.
fn grown(pixels: &[usize], rows: usize, columns: usize) -> Vec<usize> {
    let mut mask = vec![false; rows * columns];
    for at in pixels {
        let (row, column) = (at / columns, at % columns);
        for r in row.saturating_sub(1)..(row + 2).min(rows) {
            let start = r * columns;
            mask[start + column.saturating_sub(1)..start + (column + 2).min(columns)].fill(true);
        }
    }
    (0..mask.len()).filter(|at| mask[*at]).collect()
}
