//! A child process with a time limit. A child that dies or hangs is an answer too; one that hangs is ended.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of each stream that are kept.
const KEPT: u64 = 1 << 20;

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
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = wait(&mut child, patience)?;
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    Ok(Ended { status, stdout, stderr })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // Bytes before an error are kept: they are only shown. The rest is read and dropped, so that the child ends.
            let _ = pipe.by_ref().take(KEPT).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The status of a child that ends in time; one that does not is ended.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < patience {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_hangs_is_ended_and_one_that_writes_much_is_not() {
        let hangs = run(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap();
        assert!(hangs.status.is_none());
        let mut command = Command::new("sh");
        command.args(["-c", "head -c 3000000 /dev/zero; echo done >&2; exit 3"]);
        let writes = run(&mut command, Duration::from_secs(30)).unwrap();
        assert_eq!(writes.status.and_then(|status| status.code()), Some(3));
        assert_eq!((writes.stdout.len(), writes.stderr.as_str()), (1 << 20, "done\n"));
    }
}
