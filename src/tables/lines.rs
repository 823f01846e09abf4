use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A line end: where its last byte is, and whether it counts as one (the `\r` of `\r\n` does not).
#[derive(Debug, Clone, Copy)]
struct LineEnd {
    at: u64,
    counts: bool,
}

#[derive(Debug, Default)]
struct Found {
    ends: VecDeque<LineEnd>,
    after_return: bool,
    read: u64,
}

/// Hands bytes through and remembers where lines end, so that byte positions can be told as line numbers.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    inner: R,
    found: Arc<Mutex<Found>>,
}

/// Line numbers of increasing byte positions in what a [`LineReader`] has handed through.
#[derive(Debug)]
pub(super) struct Lines {
    found: Arc<Mutex<Found>>,
    line: usize,
}

fn locked(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(inner: R) -> (Self, Lines) {
        let found = Arc::new(Mutex::new(Found::default()));
        (Self { inner, found: Arc::clone(&found) }, Lines { found, line: 1 })
    }
}

impl<R: Read> Read for LineReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let bytes = buffer.get(..n).unwrap_or_default();
        let mut found = locked(&self.found);
        if n > 0 && found.after_return && bytes.first() != Some(&b'\n') {
            count_last_return(&mut found);
        }
        for at in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let newline = bytes.get(at) == Some(&b'\n');
            let last = at + 1 == n;
            let counts = newline || (!last && bytes.get(at + 1) != Some(&b'\n'));
            let position = found.read + at as u64;
            found.ends.push_back(LineEnd { at: position, counts });
        }
        found.after_return = if n > 0 { bytes.last() == Some(&b'\r') } else { found.after_return };
        found.read += n as u64;
        Ok(n)
    }
}

/// A `\r` at the end of the last buffer was a line end of its own.
fn count_last_return(found: &mut Found) {
    let last = found.read.checked_sub(1);
    if let Some(end) = found.ends.back_mut()
        && Some(end.at) == last
    {
        end.counts = true;
    }
}

impl Lines {
    /// The line of the record that starts at `byte`, or after the line ends that stand there.
    pub(super) fn of(&mut self, byte: u64) -> usize {
        let mut found = locked(&self.found);
        let mut at = byte;
        while let Some(end) = found.ends.front().copied() {
            if end.at > at {
                break;
            }
            self.line += usize::from(end.counts);
            at = at.max(end.at + 1);
            found.ends.pop_front();
        }
        self.line
    }
}
