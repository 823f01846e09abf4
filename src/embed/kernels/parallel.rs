use std::cell::RefCell;

use rayon::prelude::*;

use super::aligned::Aligned;

/// Rows of a product that one task computes at most: its packed rows fit the second-level cache.
pub(super) const MOST_ROWS_PER_TASK: usize = 112;
/// Rows below which a task spends more time reading weights than multiplying.
const FEWEST_ROWS: usize = 8;

/// Calls `task(first_row, rows)` on disjoint groups of the rows of `out`, on all threads of the current pool.
pub(super) fn for_row_groups<F>(out: &mut [f32], row_len: usize, rows_per_group: usize, task: F)
where
    F: Fn(usize, &mut [f32]) + Sync + Send,
{
    let len = (row_len * rows_per_group).max(1);
    if rayon::current_num_threads() == 1 || out.len() <= len {
        out.chunks_mut(len).enumerate().for_each(|(group, rows)| task(group * rows_per_group, rows));
    } else {
        out.par_chunks_mut(len).enumerate().for_each(|(group, rows)| task(group * rows_per_group, rows));
    }
}

/// Calls `task(image, start, strip)` on strips of each image of `out`, on all threads of the current pool; `start` is
/// where the strip begins in its image.
pub(super) fn for_strips<F>(out: &mut [f32], image_len: usize, strip_len: usize, task: F)
where
    F: Fn(usize, usize, &mut [f32]) + Sync + Send,
{
    let images = out.chunks_mut(image_len).enumerate();
    let strips = images.flat_map(|(image, out)| {
        out.chunks_mut(strip_len).enumerate().map(move |(index, strip)| (image, index * strip_len, strip))
    });
    if rayon::current_num_threads() == 1 {
        strips.for_each(|(image, start, strip)| task(image, start, strip));
    } else {
        let strips: Vec<_> = strips.collect();
        strips.into_par_iter().for_each(|(image, start, strip)| task(image, start, strip));
    }
}

/// Rows per task, so that every thread has the same number of tasks where there are enough rows.
pub(super) fn rows_per_task(rows: usize) -> usize {
    let threads = rayon::current_num_threads();
    let tasks = rows.div_ceil(MOST_ROWS_PER_TASK).next_multiple_of(threads);
    rows.div_ceil(tasks).max(FEWEST_ROWS)
}

thread_local! {
    static SCRATCH: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
}

/// Calls `task` with `len` scratch values of this thread, of unspecified content; calls may nest.
pub(super) fn with_scratch<R>(len: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    scratch.resize(len);
    let result = task(scratch.values_mut());
    SCRATCH.with_borrow_mut(|free| free.push(scratch));
    result
}
