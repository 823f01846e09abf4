/// How a long stage says how far it is, and learns that it should stop.
pub trait Progress: Sync {
    /// `done` of `total` steps of `what` are finished.
    fn step(&self, what: &str, done: usize, total: usize);

    /// True when the user asked to stop; the stage then ends without writing its result.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Says nothing and is never interrupted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _what: &str, _done: usize, _total: usize) {}
}
