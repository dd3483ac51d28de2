//! Examines a slide in a child process, so that a file which crashes OpenSlide, or keeps it busy for ever, costs that file
//! and not the run.
//!
//! OpenSlide and the libraries in it are C. Version 4.0.1 is required, which has no known vulnerability, and
//! [`Slide::open`] keeps limits of sizes, levels and tiles; neither is a proof. A child process for every read would cost
//! more than reading itself. So a slide is examined once: [`examine`], in the child, opens it and reads in every level
//! where tiles lie, and only a slide that the child survived is opened in the process that scores. A tile that would crash
//! the decoder and is not among those that were read is the remaining risk.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kiln_files::text::one_line;

use crate::error::SlideError;
use crate::openslide::Library;
use crate::slide::Slide;

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

/// Side of the regions that are read.
const SIDE: u32 = 256;
/// Positions along each axis of a level.
const POSITIONS: u64 = 5;
/// Most bytes of the child's message.
const MAX_MESSAGE: u64 = 1 << 14;

/// Opens the slide and reads regions all over each of its levels. For the child process, which ends with status 0 if the result
/// is `Ok`, and else with [`REFUSED`] and the error on standard error. Damaged tiles are no error: each costs its own
/// reads.
///
/// # Errors
/// As [`Slide::open`].
pub fn examine(path: &Path, library: &Library) -> Result<(), SlideError> {
    let slide = Slide::open(path, library)?;
    for (number, level) in (0..).zip(slide.levels()) {
        for y in positions(level.height) {
            for x in positions(level.width) {
                let _ = slide.read_level(number, x, y, SIDE, SIDE);
            }
        }
    }
    Ok(())
}

/// Evenly spaced starts of regions, the last one at the far edge. The others are multiples of the usual side of a stored
/// tile: between two tiles, a region would decode four.
fn positions(side: u64) -> impl Iterator<Item = i64> {
    let (last, step) = (side.saturating_sub(u64::from(SIDE)), u64::from(SIDE));
    let count = if last == 0 { 1 } else { POSITIONS };
    let start = move |at: u64| if at + 1 == POSITIONS { last } else { last * at / (POSITIONS - 1) / step * step };
    (0..count).map(move |at| i64::try_from(start(at)).unwrap_or(0))
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
    // Read beside the wait: a child that writes more than a pipe holds would wait for ever.
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut messages) = messages {
            let _ = messages.by_ref().take(MAX_MESSAGE).read_to_end(&mut text);
            let _ = io::copy(&mut messages, &mut io::sink());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let end = wait(&mut child, limits).map_err(failed)?;
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

fn wait(child: &mut Child, limits: TimeLimits) -> io::Result<End> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
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
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
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
