//! Panics of libraries on damaged input, as errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// True while this thread is inside [`caught`], and then panics of libraries are not reported on stderr.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `work`. If a library panics in it, returns the panic's message and prints nothing: the caller's error is the report.
/// Only for calls into libraries that panic on damaged input. A panic of this project's own code is returned too, and still
/// reported, because it is a mistake to be found; so is a panic on another thread that `work` waits for.
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
            // The value may be gone while this thread ends: then the panic is reported.
            let quiet = QUIET.try_with(Cell::get).unwrap_or(false);
            if !quiet || info.location().is_none_or(|place| !is_of_library(place.file())) {
                previous(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|payload| message(&*payload))
}

/// Returns true if a source file, as a panic's location names it, belongs to a registry's package or to the standard library.
#[must_use]
pub fn is_of_library(file: &str) -> bool {
    ["/registry/src/", "\\registry\\src\\", "/rustc/"].iter().any(|part| file.contains(part))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]

    use std::process::Command;

    use super::caught;

    /// Panics of a library (here the standard library's, at a place of its own) are not printed, those of this file are.
    #[test]
    fn only_panics_of_own_code_are_printed() {
        let child = |name: &str| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "--ignored", "--nocapture", name]);
            String::from_utf8(command.output().unwrap().stderr).unwrap()
        };
        assert_eq!(child("panics::tests::child_with_a_panic_of_a_library"), "");
        assert!(child("panics::tests::child_with_a_panic_of_its_own").contains("no digit"));
    }

    #[test]
    #[ignore = "a child of another test"]
    fn child_with_a_panic_of_a_library() {
        let grown = caught(|| Vec::<u32>::new().reserve(usize::MAX));
        assert!(grown.unwrap_err().contains("capacity overflow"));
    }

    #[test]
    #[ignore = "a child of another test"]
    fn child_with_a_panic_of_its_own() {
        assert!(caught(|| -> u8 { panic!("no digit") }).is_err());
    }

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
