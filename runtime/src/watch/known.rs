//! The contents that have a row, by their digests, and the last row of each path.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kiln_files::FileDigest;

use crate::score::ScoreRow;

/// The last row of a path, compared with the state of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastRow {
    /// It is of the same content, or of a file that cannot be read for the same reason.
    Same,
    /// It is of another content or reason.
    Other,
}

/// Contents with a row, and the last row of each path: some bytes for each row, whatever the length of its path.
#[derive(Default)]
pub(super) struct Known {
    /// The place of the first row of a content in the journal.
    contents: HashMap<FileDigest, u64>,
    /// The hash of the state in the last row of a path, by the hash of the path.
    paths: HashMap<u64, u64>,
}

impl Known {
    /// Adds a row at its place in the journal.
    pub(super) fn add(&mut self, row: &ScoreRow, place: u64) {
        if let Some(digest) = row.digest {
            self.contents.entry(digest).or_insert(place);
        }
        self.paths.insert(hash(&row.path), state(row));
    }

    /// True if a content has a row, under any path.
    pub(super) fn has(&self, digest: FileDigest) -> bool {
        self.contents.contains_key(&digest)
    }

    /// The place of a content's row in the journal; `None` for new content.
    pub(super) fn place(&self, digest: FileDigest) -> Option<u64> {
        self.contents.get(&digest).copied()
    }

    /// Forgets a content whose row cannot be read, so that it is scored again.
    pub(super) fn forget(&mut self, digest: FileDigest) {
        self.contents.remove(&digest);
    }

    /// Compares the last row of a row's path with the row; `None` if the path has none.
    pub(super) fn last(&self, row: &ScoreRow) -> Option<LastRow> {
        let last = self.paths.get(&hash(&row.path))?;
        Some(if *last == state(row) { LastRow::Same } else { LastRow::Other })
    }

    /// Adds the later rows of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        for (digest, place) in other.contents {
            self.contents.entry(digest).or_insert(place);
        }
        self.paths.extend(other.paths);
    }
}

/// The content of a row, or the reason why its file could not be read.
fn state(row: &ScoreRow) -> u64 {
    match &row.digest {
        Some(digest) => hash(digest),
        None => hash(&row.status),
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_known_by_its_digest_and_a_path_by_its_last_row() {
        let mut known = Known::default();
        let digest = |text: &str| FileDigest::new(text.as_bytes());
        let read = |path: &str, text: &str| ScoreRow {
            digest: Some(digest(text)),
            ..ScoreRow::failed(path.to_owned(), "truncated: early")
        };
        known.add(&read("a.png", "tile"), 7);
        known.add(&read("b.png", "tile"), 8);
        assert_eq!((known.place(digest("tile")), known.place(digest("other"))), (Some(7), None));
        assert!(known.has(digest("tile")) && !known.has(digest("other")));
        assert_eq!(known.last(&read("a.png", "tile")), Some(LastRow::Same));
        assert_eq!(known.last(&read("a.png", "other")), Some(LastRow::Other));
        assert_eq!(known.last(&read("c.png", "tile")), None);
        let unread = |path: &str, status: &str| ScoreRow::failed(path.to_owned(), status);
        let mut more = Known::default();
        more.add(&unread("a.png", "unreadable: denied"), 9);
        known.extend(more);
        assert_eq!(known.last(&unread("a.png", "unreadable: denied")), Some(LastRow::Same));
        assert_eq!(known.last(&unread("a.png", "unreadable: broken pipe")), Some(LastRow::Other));
        assert_eq!(known.last(&read("a.png", "tile")), Some(LastRow::Other));
        assert_eq!(known.last(&unread("c.png", "unreadable: denied")), None);
    }
}
