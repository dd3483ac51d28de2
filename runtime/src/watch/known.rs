//! The contents that have a row, by their digests.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use kiln_files::FileDigest;

use crate::score::ScoreRow;

/// A content that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Under the same path.
    SamePath,
    /// Under another path.
    OtherPath,
}

/// Contents with a row, and files that could not be read and have one.
#[derive(Default)]
pub(super) struct Known {
    /// The hash of the path that a content was scored under: a few bytes for each tile, whatever the length of its path.
    contents: HashMap<FileDigest, u64>,
    /// Hashes of path and status.
    unread: HashSet<u64>,
}

impl Known {
    pub(super) fn add(&mut self, row: &ScoreRow) {
        match row.digest {
            Some(digest) => {
                self.contents.entry(digest).or_insert_with(|| hash(&row.path));
            }
            None => {
                self.unread.insert(hash(&(&row.path, &row.status)));
            }
        }
    }

    /// The earlier row of a content; `None` for new content.
    pub(super) fn find(&self, digest: FileDigest, path: &str) -> Option<Earlier> {
        let earlier = self.contents.get(&digest)?;
        Some(if *earlier == hash(path) { Earlier::SamePath } else { Earlier::OtherPath })
    }

    /// True if there is a row of this content, or for a file that could not be read, of this path and status.
    pub(super) fn has(&self, row: &ScoreRow) -> bool {
        match row.digest {
            Some(digest) => self.contents.contains_key(&digest),
            None => self.unread.contains(&hash(&(&row.path, &row.status))),
        }
    }

    /// Adds those of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        for (digest, path) in other.contents {
            self.contents.entry(digest).or_insert(path);
        }
        self.unread.extend(other.unread);
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
    fn a_content_is_known_by_its_digest_and_an_unread_file_by_path_and_reason() {
        let mut known = Known::default();
        let digest = FileDigest::new(b"tile");
        let read =
            |path: &str| ScoreRow { digest: Some(digest), ..ScoreRow::failed(path.to_owned(), "truncated: early") };
        known.add(&read("a.png"));
        assert_eq!(known.find(digest, "a.png"), Some(Earlier::SamePath));
        assert_eq!(known.find(digest, "b.png"), Some(Earlier::OtherPath));
        assert_eq!(known.find(FileDigest::new(b"another"), "a.png"), None);
        assert!(known.has(&read("b.png")));
        let unread = |path: &str, status: &str| ScoreRow::failed(path.to_owned(), status);
        let mut more = Known::default();
        more.add(&unread("c.png", "unreadable: denied"));
        known.extend(more);
        assert!(known.has(&unread("c.png", "unreadable: denied")));
        assert!(!known.has(&unread("c.png", "unreadable: broken pipe")));
        assert!(!known.has(&unread("a.png", "unreadable: denied")));
    }
}
