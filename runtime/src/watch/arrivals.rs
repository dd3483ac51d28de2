//! The files of a folder from one search to the next: a file is finished when its size and its times of change have stayed
//! the same for a while, by the clock of this process, since the clocks of a share and of this machine may differ.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::score::Listed;

/// The times to wait for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// A file is finished when it has not changed for this long.
    pub settle: Duration,
    /// A file that gives no score is tried again at each search until it has not changed for this long; then it is
    /// reported.
    pub patience: Duration,
}

impl Default for Waiting {
    /// Ten seconds, and a minute.
    fn default() -> Self {
        Self { settle: Duration::from_secs(10), patience: Duration::from_secs(60) }
    }
}

/// The facts by which a change of a file is seen; none of them if it cannot be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Time of change of the inode in seconds and nanoseconds. `cp -p` and rsync set the time of modification, so that other
    /// content of the same size may have the same one; and a file whose permissions change keeps it. The inode's number is
    /// no such fact: some network file systems give another one each time. Not known on every platform.
    changed: Option<(i64, i64)>,
}

impl Stamp {
    fn new(path: &Path) -> Self {
        let from =
            |found: Metadata| Self { bytes: found.len(), modified: found.modified().ok(), changed: changed(&found) };
        path.metadata().map_or_else(|_| Self::default(), from)
    }
}

#[cfg(unix)]
fn changed(found: &Metadata) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((found.ctime(), found.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<(i64, i64)> {
    None
}

/// A file of the folder.
struct Entry {
    stamp: Stamp,
    /// The first search that found this stamp.
    since: Instant,
    /// The last search that found the file.
    search: u64,
    /// True if nothing is left to do until the file changes.
    is_done: bool,
}

/// The files of a folder.
pub(super) struct Arrivals {
    waiting: Waiting,
    files: HashMap<PathBuf, Entry>,
    search: u64,
}

impl Arrivals {
    pub(super) fn new(waiting: Waiting) -> Self {
        Self { waiting, files: HashMap::new(), search: 0 }
    }

    /// Takes the files that a search has found at the moment `now`, and returns those that are finished and not done, in
    /// the order given. Files that the search did not find are forgotten.
    pub(super) fn take(&mut self, listed: Vec<Listed>, now: Instant) -> Vec<Listed> {
        self.take_stamped(listed.into_iter().map(|one| (Stamp::new(&one.path), one)), now)
    }

    fn take_stamped(&mut self, listed: impl Iterator<Item = (Stamp, Listed)>, now: Instant) -> Vec<Listed> {
        self.search += 1;
        let search = self.search;
        let mut finished = Vec::new();
        for (stamp, one) in listed {
            let new = || Entry { stamp, since: now, search, is_done: false };
            let entry = self.files.entry(one.path.clone()).or_insert_with(new);
            if entry.stamp != stamp {
                *entry = new();
            }
            entry.search = search;
            if !entry.is_done && now.duration_since(entry.since) >= self.waiting.settle {
                finished.push(one);
            }
        }
        self.files.retain(|_, entry| entry.search == search);
        finished
    }

    /// Nothing is left to do for a file until it changes.
    pub(super) fn done(&mut self, path: &Path) {
        if let Some(entry) = self.files.get_mut(path) {
            entry.is_done = true;
        }
    }

    /// True if a file that gave no score has not changed for so long that this is final. Else it is tried again.
    pub(super) fn is_given_up(&self, path: &Path, now: Instant) -> bool {
        self.files.get(path).is_none_or(|entry| now.duration_since(entry.since) >= self.waiting.patience)
    }

    /// Files that are not done.
    pub(super) fn waiting(&self) -> usize {
        self.files.values().filter(|entry| !entry.is_done).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(10);

    struct Clock {
        arrivals: Arrivals,
        start: Instant,
    }

    impl Clock {
        fn new() -> Self {
            let waiting = Waiting { settle: SETTLE, patience: Duration::from_secs(60) };
            Self { arrivals: Arrivals::new(waiting), start: Instant::now() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// Searches at a moment: names and their numbers of bytes.
        fn finished(&mut self, seconds: u64, files: &[(&str, u64)]) -> Vec<String> {
            let listed = files.iter().map(|(name, bytes)| {
                (Stamp { bytes: *bytes, ..Stamp::default() }, Listed { path: PathBuf::from(name), refused: None })
            });
            let found = self.arrivals.take_stamped(listed, self.at(seconds));
            found.into_iter().map(|one| one.path.to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn a_file_that_grows_is_waited_for() {
        let mut clock = Clock::new();
        assert!(clock.finished(0, &[("a", 1), ("b", 1)]).is_empty());
        assert!(clock.finished(9, &[("a", 2), ("b", 1)]).is_empty());
        assert_eq!(clock.finished(10, &[("a", 2), ("b", 1)]), ["b"]);
        clock.arrivals.done(Path::new("b"));
        assert_eq!(clock.arrivals.waiting(), 1);
        assert_eq!(clock.finished(19, &[("a", 2), ("b", 1)]), ["a"]);
        clock.arrivals.done(Path::new("a"));
        assert!(clock.finished(100, &[("a", 2), ("b", 1)]).is_empty());
    }

    #[test]
    fn a_file_that_is_done_and_changes_is_taken_again() {
        let mut clock = Clock::new();
        clock.finished(0, &[("a", 1)]);
        assert_eq!(clock.finished(10, &[("a", 1)]), ["a"]);
        clock.arrivals.done(Path::new("a"));
        assert!(clock.finished(20, &[("a", 2)]).is_empty());
        assert_eq!(clock.finished(30, &[("a", 2)]), ["a"]);
    }

    #[cfg(unix)]
    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_change_that_keeps_size_and_time_is_seen() {
        use std::fs::{self, File, Permissions};
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.bmp");
        let write = |text: &str| {
            fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            // The clock of a file system may tick a hundred times a second only.
            std::thread::sleep(Duration::from_millis(30));
            Stamp::new(&path)
        };
        let (first, second) = (write("a"), write("b"));
        assert_eq!((first.bytes, first.modified), (second.bytes, second.modified));
        assert_ne!(first, second);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let third = Stamp::new(&path);
        assert_ne!(third, second);
        // Another file takes the name.
        let other = folder.path().join("other.bmp");
        std::thread::sleep(Duration::from_millis(30));
        fs::write(&other, "c").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::new(&path), third);
    }

    #[test]
    fn a_file_that_was_away_is_waited_for_again() {
        let mut clock = Clock::new();
        clock.finished(0, &[("a", 1)]);
        clock.finished(5, &[]);
        assert_eq!(clock.arrivals.waiting(), 0);
        assert!(clock.finished(10, &[("a", 1)]).is_empty());
    }

    #[test]
    fn a_file_without_a_score_is_tried_until_the_patience_ends() {
        let mut clock = Clock::new();
        clock.finished(0, &[("a", 1)]);
        for seconds in [10, 30, 59] {
            assert_eq!(clock.finished(seconds, &[("a", 1)]), ["a"]);
            assert!(!clock.arrivals.is_given_up(Path::new("a"), clock.at(seconds)));
        }
        assert!(clock.arrivals.is_given_up(Path::new("a"), clock.at(60)));
        clock.finished(60, &[("a", 2)]);
        assert!(!clock.arrivals.is_given_up(Path::new("a"), clock.at(61)), "it has changed");
    }
}
