//! `kill -9` at random moments.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Repetitions of a kill: a few, or twenty with `KILN_SLOW_TESTS=1`.
pub fn repetitions() -> usize {
    if env::var_os("KILN_SLOW_TESTS").is_some_and(|value| value != "0") { 20 } else { 3 }
}

/// Kills processes at moments that a seed decides, within what the work takes when it is let alone.
pub struct Killer {
    rng: ChaCha8Rng,
    longest: Duration,
}

impl Killer {
    /// `longest` is the latest moment: a little more than the whole work takes on this machine now.
    pub fn new(seed: u64, longest: Duration) -> Self {
        eprintln!("killing with seed {seed}, within {longest:?}");
        Self { rng: ChaCha8Rng::seed_from_u64(seed), longest }
    }

    /// Starts the process and kills it at a random moment. Returns true if it was still running.
    pub fn kill(&mut self, command: &mut Command) -> bool {
        let part = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let mut child = start(command);
        sleep(self.longest.mul_f64(part));
        let ended = child.try_wait().unwrap();
        if let Some(status) = ended {
            assert!(status.success(), "it failed by itself: {status}");
            return false;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        true
    }
}

/// Starts the process and kills it as soon as `moment` has come.
pub fn kill_when(command: &mut Command, moment: impl Fn() -> bool) {
    let mut child = start(command);
    let started = Instant::now();
    while !moment() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the moment had come");
        assert!(started.elapsed() < Duration::from_secs(120), "the moment did not come");
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Names in a folder that is there or not.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
