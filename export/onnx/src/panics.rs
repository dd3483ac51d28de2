//! Converts panics to errors, without output on stderr. burn panics when a recorded value is read back; a library must
//! return that as an error.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::error::Error;

/// The message and the place of a panic.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
}

thread_local! {
    /// `Some` while this thread is inside [`catch`], and then the usual hook is not called. Contains the last panic's place.
    static WATCH: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Calls `work`; a panic inside becomes `Err`.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    install();
    let outer = WATCH.replace(Some(None));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let location = WATCH.replace(outer).flatten();
    result.map_err(|payload| Panic { message: message(&*payload), location })
}

/// Does work that reads parameters from their device; burn panics if it cannot.
pub(crate) fn reading<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch(work).unwrap_or_else(|panic| Err(Error::Unreadable(panic.message)))
}

/// Wraps the process's panic hook once, for good: a hook that another thread sets meanwhile must not be lost. Threads outside of [`catch`] keep the previous hook.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !note(info) {
                before(info);
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) -> bool {
    let place = info.location().map(ToString::to_string);
    WATCH
        .try_with(|watch| match &mut *watch.borrow_mut() {
            Some(slot) => {
                *slot = place;
                true
            }
            None => false,
        })
        .unwrap_or(false)
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_a_value_with_its_place() {
        let panic = catch(|| -> () { panic!("no value of {}", 3) }).unwrap_err();
        assert_eq!(panic.message, "no value of 3");
        assert!(panic.location.unwrap().contains("panics.rs"));
        assert_eq!(catch(|| 7).unwrap(), 7);
    }
}
