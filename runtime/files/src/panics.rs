//! Panics of libraries on damaged input, as errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// True while this thread is inside [`caught`], and then no panic is reported on stderr.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `work`. If it panics, returns the panic's message and prints nothing: the caller's error is the report. Only for
/// calls into libraries that panic on damaged input. A panic on another thread that `work` waits for is still printed.
///
/// ```
/// let cell = "none".parse::<u8>();
/// assert!(kiln_files::caught(|| cell.unwrap()).unwrap_err().contains("InvalidDigit"));
/// ```
///
/// # Errors
/// The message of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Not while this thread ends, when the value may be gone: then the panic is reported.
            if !QUIET.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::caught;

    #[test]
    fn a_panic_becomes_its_message_and_is_nested() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| -> u8 { panic!("no digit") }), Err("no digit".to_owned()));
        assert_eq!(caught(|| -> u8 { panic!("no digit in {}", "x") }), Err("no digit in x".to_owned()));
        assert_eq!(caught(|| -> u8 { std::panic::panic_any(3) }), Err("a panic without a message".to_owned()));
        let outer = caught(|| (caught(|| -> u8 { panic!("inner") }), caught(|| 3)));
        assert_eq!(outer, Ok((Err("inner".to_owned()), Ok(3))));
    }
}
