//! A search for inputs that break a target, on a stable toolchain. A child process runs every input on a thread with the
//! usual stack of 2 MiB. After a panic, a stack overflow, an abort for lack of memory or an endless loop, the parent
//! process has the input in a file and reports it. The same numbers always give the same inputs.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kiln_files::digest::sha256_hex;
use kiln_files::is_of_library;

use crate::mutate::{Mutator, input};
use crate::target::{MEMORY_PER_BYTE, Target};
use crate::{memory, scratch};

/// Time limit of one input.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Exit status of a child process that found a broken target itself.
const FOUND: i32 = 70;
/// Default stack size of the standard library's threads, in bytes.
const STACK: usize = 2 << 20;
/// Environment variable with the file for the current input; set only in the child process.
const CURRENT: &str = "KILN_FUZZ_CURRENT";

/// A target to search, and the limits of the search.
#[derive(Clone, Copy)]
pub struct Hunt<'a> {
    /// The target.
    pub target: Target,
    /// Name of the test function that calls [`hunt`]; the child process runs it again.
    pub test: &'a str,
    /// The folder for findings.
    pub folder: &'a Path,
    /// Seconds to search for; `None` runs the target's number of rounds.
    pub seconds: Option<f64>,
    /// Number of the first changed seed.
    pub from: u64,
    /// The only input to run, if set.
    pub only: Option<&'a Path>,
    /// Time limit of one input.
    pub time_limit: Duration,
}

/// An input that broke a target.
#[derive(Debug)]
pub struct Finding {
    /// The failure.
    pub reason: String,
    /// The file with the input.
    pub path: PathBuf,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nthe input is {}", self.reason, self.path.display())
    }
}

/// Searches. Returns a line with the number of inputs, the number accepted, and the time taken.
///
/// # Errors
/// The first input that breaks the target.
pub fn hunt(hunt: &Hunt<'_>) -> Result<String, Finding> {
    if let Some(current) = std::env::var_os(CURRENT) {
        search(hunt, Path::new(&current));
    }
    fs::create_dir_all(hunt.folder).unwrap();
    let current = hunt.folder.join(format!("{}.current", hunt.test));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([hunt.test, "--exact", "--nocapture", "--test-threads=1"]).env(CURRENT, &current);
    let output = command.output().unwrap();
    scratch::sweep();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let _ = fs::remove_file(current);
        return Ok(stderr.lines().last().unwrap_or_default().to_owned());
    }
    let bytes = fs::read(&current).unwrap_or_default();
    let path = hunt.folder.join(format!("{}-{}", hunt.target.name, &sha256_hex(&bytes)[..16]));
    fs::rename(&current, &path).unwrap();
    Err(Finding { reason: format!("{}: {}", output.status, stderr.trim()), path })
}

/// Runs the search in the child process; never returns.
fn search(hunt: &Hunt<'_>, current: &Path) -> ! {
    let message = Arc::new(Mutex::new(String::new()));
    let last_panic = Arc::clone(&message);
    std::panic::set_hook(Box::new(move |panic| note(panic, &last_panic)));
    let (watch, searching) = (Arc::new(Watch::default()), Search::new(hunt, current));
    watch.clone().start(hunt.time_limit);
    let searcher = thread::Builder::new().stack_size(STACK);
    let searcher = searcher.spawn(move || searching.run(&watch)).unwrap();
    match searcher.join() {
        Ok(report) => {
            eprintln!("{report}");
            std::process::exit(0)
        }
        Err(_) => found(&message.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

fn found(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(FOUND)
}

/// Handles a panic. In this project's own code it is a finding even if caught; in a dependency, only if not caught: the
/// tile decoder turns it into a refusal on purpose. `kiln_files::caught` calls this hook for own code alone.
fn note(panic: &PanicHookInfo<'_>, message: &Mutex<String>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = format!("panicked at {place}: {}", panic.payload_as_str().unwrap_or("no message"));
    if !is_of_library(&place) {
        found(&text);
    }
    *message.lock().unwrap_or_else(PoisonError::into_inner) = text;
}

/// The start time of the current input.
struct Watch {
    start: Instant,
    begun_ms: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { start: Instant::now(), begun_ms: AtomicU64::new(u64::MAX) }
    }
}

impl Watch {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn start(self: Arc<Self>, limit: Duration) {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(50));
                let begun = self.begun_ms.load(Ordering::Acquire);
                if begun != u64::MAX && self.now().saturating_sub(begun) > limit_ms {
                    found(&format!("one input takes longer than {limit:?}"));
                }
            }
        });
    }

    fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        self.begun_ms.store(self.now(), Ordering::Release);
        let done = work();
        self.begun_ms.store(u64::MAX, Ordering::Release);
        done
    }
}

struct Search {
    target: Target,
    mutator: Mutator,
    sound: usize,
    current: File,
    seconds: Option<f64>,
    from: u64,
    only: Option<Vec<u8>>,
}

impl Search {
    fn new(hunt: &Hunt<'_>, current: &Path) -> Self {
        let target = hunt.target;
        let mut seeds = (target.sound)();
        let sound = seeds.len();
        seeds.extend((target.hostile)());
        Self {
            target,
            mutator: Mutator::new(seeds, target.words),
            sound,
            current: File::create(current).unwrap(),
            seconds: hunt.seconds,
            from: hunt.from,
            only: hunt.only.map(|path| fs::read(path).unwrap()),
        }
    }

    fn run(mut self, watch: &Watch) -> String {
        if let Some(bytes) = self.only.take() {
            let accepted = self.try_one(&bytes, watch);
            return format!("{}: the input is {}", self.target.name, if accepted { "accepted" } else { "refused" });
        }
        let begun = Instant::now();
        let seeds = self.mutator.seeds();
        let (mut tried, mut accepted) = (0_u64, 0_u64);
        for number in (0..seeds).chain(self.from.max(seeds)..) {
            let ends = match self.seconds {
                Some(seconds) => begun.elapsed().as_secs_f64() >= seconds,
                None => tried >= self.target.rounds,
            };
            if ends && number >= seeds {
                break;
            }
            let bytes = input(&self.mutator, number);
            let is_accepted = self.try_one(&bytes, watch);
            if number < self.sound as u64 && !is_accepted {
                found(&format!("{}: sound seed {number} is refused", self.target.name));
            }
            tried += 1;
            accepted += u64::from(is_accepted);
        }
        let seconds = begun.elapsed().as_secs_f64();
        format!("{}: {tried} inputs in {seconds:.1} s, {accepted} accepted", self.target.name)
    }

    fn try_one(&mut self, bytes: &[u8], watch: &Watch) -> bool {
        self.current.set_len(0).unwrap();
        self.current.seek(SeekFrom::Start(0)).unwrap();
        self.current.write_all(bytes).unwrap();
        let (accepted, peak) = watch.around(|| memory::peak(|| (self.target.run)(bytes)));
        let allowed = self.target.memory + MEMORY_PER_BYTE * bytes.len();
        if peak > allowed {
            found(&format!("{peak} bytes of memory for an input of {} bytes; {allowed} are allowed", bytes.len()));
        }
        accepted
    }
}
