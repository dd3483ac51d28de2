//! Requests to end: SIGTERM, as from systemd and Kubernetes, and SIGINT (Ctrl-C).

use std::sync::atomic::AtomicBool;

/// True after a request to end.
static STOP: AtomicBool = AtomicBool::new(false);

/// Lets the process end by itself after SIGTERM or SIGINT: from now on either sets the flag that is returned, once. A second
/// one ends the process at once, as usual. Elsewhere than on Unix the flag stays false, and the system ends the process.
pub(crate) fn stop_requested() -> &'static AtomicBool {
    #[cfg(unix)]
    unix::install();
    &STOP
}

#[cfg(unix)]
mod unix {
    use std::sync::atomic::Ordering;

    use super::STOP;

    /// Only stores to an atomic, which a signal handler may do at any moment.
    extern "C" fn request_stop(_signal: libc::c_int) {
        STOP.store(true, Ordering::Relaxed);
    }

    pub(super) fn install() {
        for signal in [libc::SIGTERM, libc::SIGINT] {
            // SAFETY: an all-zero `sigaction` is a valid one without blocked signals; its handler takes one number, returns,
            // and is async-signal-safe. Reads and writes that a signal interrupts are continued.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = request_stop as *const () as usize;
                action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
    }
}
