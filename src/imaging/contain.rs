use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// True while this thread runs a decoder whose panic is contained.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` when it panics, without a message on stderr.
///
/// The last resort against third-party decoders on hostile bytes. The codecs may panic on a thread of their own pool,
/// so a panic raised in their source is silenced wherever it happens; it is passed on and contained here.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let source = info.location().map_or("", |place| place.file());
            let decoder =
                ["jpeg-decoder", "jpeg2k", "charls", "dicom-", "png-0"].iter().any(|part| source.contains(part));
            if !decoder && !CONTAINED.get() {
                previous(info);
            }
        }));
    });
    let before = CONTAINED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work)).ok();
    CONTAINED.set(before);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_contained() {
        assert_eq!(
            contained(|| if true {
                panic!("never on stderr")
            }),
            None
        );
        assert_eq!(contained(|| 3), Some(3));
    }
}
