//! A child process with a time limit. A child that dies or hangs is an answer too; one that hangs is ended. Neither a
//! process that the child leaves behind nor a child that a driver keeps from ending can hold up the caller.

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of each stream that are kept.
const KEPT: usize = 1 << 20;

/// Longest wait for the end of a child that was killed, and for the end of a stream whose child has ended.
const GRACE: Duration = Duration::from_secs(3);

/// A child that has ended.
pub(super) struct Ended {
    /// `None` if it was ended at its time limit.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a command to its end, for at most `patience`.
pub(super) fn run(command: &mut Command, patience: Duration) -> io::Result<Ended> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Read beside waiting: a child that fills a pipe would never end.
    let (stdout, stderr) = (Stream::read(child.stdout.take()), Stream::read(child.stderr.take()));
    let status = wait(&mut child, patience)?;
    if status.is_none() && child.kill().is_ok() {
        // Collected, so that it is gone. A process that waits for its driver ends later than that, or never.
        wait(&mut child, GRACE)?;
    }
    let limit = Instant::now() + GRACE;
    Ok(Ended { status, stdout: stdout.text(limit), stderr: stderr.text(limit) })
}

/// The status of a child that ends in time.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || started.elapsed() >= patience {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The text of a pipe, read in a thread. A process that the child started may keep the pipe open after the child's end.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Its sender is dropped at the end of the pipe.
    end: Receiver<()>,
}

impl Stream {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (sender, end) = mpsc::channel();
        let kept = Arc::clone(&bytes);
        thread::spawn(move || {
            if let Some(pipe) = pipe {
                keep(pipe, &kept);
            }
            drop(sender);
        });
        Self { bytes, end }
    }

    /// The text up to the end of the pipe, or up to a moment at which it is still open.
    fn text(self, limit: Instant) -> String {
        // Nothing is sent: this returns when the sender is dropped, or at the limit.
        let _ = self.end.recv_timeout(limit.saturating_duration_since(Instant::now()));
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Reads a pipe to its end and keeps the first [`KEPT`] bytes. Bytes before an error are kept: they are only shown.
fn keep(mut pipe: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..read.min(room)]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_that_hangs_is_ended_and_one_that_writes_much_is_not() {
        let hangs = run(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap();
        assert!(hangs.status.is_none());
        let writes =
            run(&mut shell("head -c 3000000 /dev/zero; echo done >&2; exit 3"), Duration::from_secs(30)).unwrap();
        assert_eq!(writes.status.and_then(|status| status.code()), Some(3));
        assert_eq!((writes.stdout.len(), writes.stderr.as_str()), (1 << 20, "done\n"));
    }

    #[test]
    fn a_process_that_the_child_leaves_behind_holds_up_nobody() {
        let started = Instant::now();
        let leaves = run(&mut shell("sleep 20 & echo left; exit 0"), Duration::from_secs(30)).unwrap();
        assert!(leaves.status.is_some_and(|status| status.success()));
        assert_eq!(leaves.stdout, "left\n");
        assert!(started.elapsed() < Duration::from_secs(15));
    }
}
