//! Examines a slide in a child process, so that a file which crashes OpenSlide, or keeps it busy for ever, costs that file
//! and not the run.
//!
//! OpenSlide and the libraries in it are C. Version 4.0.1 is required, which has no known vulnerability, and
//! [`Slide::open`] keeps limits of sizes, levels and tiles; neither is a proof. A child process for every read would cost
//! more than reading itself. So a slide is examined once: [`examine`], in the child, opens it and decodes stored tiles from
//! edge to edge of every level, and only a slide that the child survived is opened in the process that scores. A tile that
//! would crash the decoder and is not among those that were read is the remaining risk.

mod regions;

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use kiln_files::text::one_line;

use self::regions::regions;
use crate::error::SlideError;
use crate::openslide::Library;
use crate::slide::Slide;
use crate::threads;

/// Times after which an examination is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// Processor time. A sound slide never takes it, however busy the machine is. Measured on Linux; elsewhere only the other
    /// limit counts.
    pub processor: Duration,
    /// Time by the clock: for storage that does not answer.
    pub clock: Duration,
}

impl Default for TimeLimits {
    /// 30 s of processor time, 10 minutes by the clock. Real slides take below a second.
    fn default() -> Self {
        Self { processor: Duration::from_secs(30), clock: Duration::from_secs(600) }
    }
}

/// Exit status of a child that refuses a slide. The message is on its standard error.
pub const REFUSED: i32 = 2;

/// First pause between two looks at the child, and the longest one.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Most bytes of the child's message.
const MAX_MESSAGE: u64 = 1 << 14;

/// Opens the slide and reads regions all over each of its levels, one stored tile at a time, on a thread for each core. For
/// the child process, which ends with status 0 if the result is `Ok`, and else with [`REFUSED`] and the error on standard
/// error. Damaged tiles are no error: each costs its own reads.
///
/// # Errors
/// As [`Slide::open`].
pub fn examine(path: &Path, library: &Library) -> Result<(), SlideError> {
    let slide = Slide::open(path, library)?;
    threads::for_each(&regions(&slide), |region| {
        let _ = slide.read_level(region.level, region.x, region.y, region.width, region.height);
    });
    Ok(())
}

/// Runs `command`, a program that calls [`examine`] for the slide at `path`, and waits until it ends or a limit is reached.
///
/// # Errors
/// [`SlideError::Refused`] with the child's message, [`SlideError::Crashed`] if a signal or a panic ended it,
/// [`SlideError::TimedOut`], [`SlideError::NoAnswer`], [`SlideError::Io`] if it could not be started.
pub fn examine_in_child(path: &Path, command: &mut Command, limits: TimeLimits) -> Result<(), SlideError> {
    let failed = |source: io::Error| SlideError::Io { path: path.to_owned(), source };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let messages = child.stderr.take();
    let (open, closed) = channel::<()>();
    // Read beside the wait: a child that writes more than a pipe holds would wait for ever.
    let reader = thread::spawn(move || {
        // Dropped with this thread, when nobody can write to standard error any more.
        let _open = open;
        let mut text = Vec::new();
        if let Some(mut messages) = messages {
            let _ = messages.by_ref().take(MAX_MESSAGE).read_to_end(&mut text);
            let _ = io::copy(&mut messages, &mut io::sink());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let end = wait(&mut child, limits, closed).map_err(failed)?;
    let message = reader.join().unwrap_or_default();
    match end {
        End::Busy => Err(SlideError::TimedOut { path: path.to_owned(), seconds: limits.processor.as_secs() }),
        End::Stuck => Err(SlideError::NoAnswer { path: path.to_owned(), seconds: limits.clock.as_secs() }),
        End::Exited(status) if status.success() => Ok(()),
        End::Exited(status) if status.code() == Some(REFUSED) => {
            Err(SlideError::Refused { path: path.to_owned(), reason: one_line(&message).into_owned() })
        }
        End::Exited(status) => Err(SlideError::Crashed { path: path.to_owned(), how: status.to_string() }),
    }
}

/// The end of a child process.
enum End {
    Exited(ExitStatus),
    /// Killed at the limit of processor time.
    Busy,
    /// Killed at the limit by the clock.
    Stuck,
}

/// Waits until the child ends or a limit is reached. `closed` is disconnected when the child's standard error is closed, which
/// is how its end is noticed at once; a child that closes it and runs on is looked at from time to time.
fn wait(child: &mut Child, limits: TimeLimits, closed: Receiver<()>) -> io::Result<End> {
    let start = Instant::now();
    let mut closed = Some(closed);
    let mut pause = PAUSE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Exited(status));
        }
        let is_busy = processor_time(child.id()).is_some_and(|time| time >= limits.processor);
        if is_busy || start.elapsed() >= limits.clock {
            child.kill()?;
            child.wait()?;
            return Ok(if is_busy { End::Busy } else { End::Stuck });
        }
        let is_open = match &closed {
            Some(closed) => closed.recv_timeout(pause) == Err(RecvTimeoutError::Timeout),
            None => {
                thread::sleep(pause);
                true
            }
        };
        if is_open {
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            (closed, pause) = (None, PAUSE);
        }
    }
}

/// The processor time of a process so far, from `/proc/PID/stat`; `None` where there is no such file. Linux counts in
/// hundredths of a second in this file on every machine.
fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may contain spaces and brackets.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    let [user, system] = ticks.as_slice() else { return None };
    Some(Duration::from_millis(user.saturating_add(*system).saturating_mul(10)))
}
