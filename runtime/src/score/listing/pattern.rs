//! Files and folders whose paths match a pattern, as shells match them: `*`, `?` and `[…]` within one name, `**` for any
//! number of folders. Leading names that exist are taken literally, whatever characters they hold.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use kiln_tile::{is_left_out, is_tile_path};

use super::{Listing, canonical, unreadable};
use crate::Result;
use crate::score::error::ListingError;

/// Hidden names are left out by the rule of all searches, not by the pattern's dots.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// True if there is something to match: a name with `*`, `?` or `[` behind the leading names that exist.
pub(super) fn is_pattern(argument: &Path) -> bool {
    let (_, rest) = split(argument);
    rest.iter().any(|name| has_wildcards(name))
}

/// The paths that match, unordered. A folder that cannot be searched is added to `listing` as refused.
///
/// # Errors
/// If the pattern is malformed.
pub(super) fn matches(pattern: &Path, listing: &mut Listing) -> Result<Vec<PathBuf>> {
    let (folder, rest) = split(pattern);
    let mut search = Search { pattern, listing, found: Vec::new(), has_matched: false };
    search.expand(folder, &rest)?;
    Ok(search.found)
}

fn has_wildcards(name: &OsStr) -> bool {
    name.as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The longest leading path that exists, and the names behind it.
fn split(pattern: &Path) -> (PathBuf, Vec<&OsStr>) {
    let mut folder = PathBuf::new();
    let mut components = pattern.components().peekable();
    while let Some(component) = components.peek() {
        let next = folder.join(component);
        if matches!(component, Component::Normal(_)) && next.symlink_metadata().is_err() {
            break;
        }
        folder = next;
        components.next();
    }
    (folder, components.map(Component::as_os_str).collect())
}

/// The reason why a name is no pattern.
enum Fault {
    /// A bracket without its end, or the like.
    Malformed(String),
    /// A class by its name, which shells support and this search does not.
    NamedClass(String),
}

/// The pattern of a name. Shells write `[^…]` as well as `[!…]` for the characters that must not be there; the library
/// has only the second form, and takes `^` and the letters of `[[:alpha:]]` for characters that may be there.
fn compile(text: &str) -> std::result::Result<Pattern, Fault> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, class)) = rest.split_once('[') {
        let (opening, class) = match class.strip_prefix(['^', '!']) {
            Some(class) => ("[!", class),
            None => ("[", class),
        };
        // A `]` at its beginning is a character of the class.
        let first = class.chars().next().map_or(0, char::len_utf8);
        let end = class[first..].find(']').map_or(class.len(), |end| first + end + 1);
        if let Some(name) = named_class(class, end) {
            let reason = format!("{name} is not supported; write the characters, such as [a-z] or [0-9]");
            return Err(Fault::NamedClass(reason));
        }
        written.extend([before, opening, &class[..end]]);
        rest = &class[end..];
    }
    written.push_str(rest);
    Pattern::new(&written).map_err(|error| Fault::Malformed(error.to_string()))
}

/// A class by its name, such as `[:alpha:]`, `[.x.]` or `[=e=]`, that begins before `end`.
fn named_class(class: &str, end: usize) -> Option<&str> {
    [":", ".", "="].iter().find_map(|mark| {
        let start = class[..end].find(&format!("[{mark}"))?;
        let length = class[start + 2..].find(&format!("{mark}]"))?;
        Some(&class[start..start + 2 + length + 2])
    })
}

struct Search<'a> {
    pattern: &'a Path,
    listing: &'a mut Listing,
    found: Vec<PathBuf>,
    /// A wildcard has matched a folder. Names behind it may be malformed as patterns, and exist in some folders only.
    has_matched: bool,
}

impl Search<'_> {
    /// Adds what matches `names` below `folder`.
    fn expand(&mut self, folder: PathBuf, names: &[&OsStr]) -> Result<()> {
        let Some((name, rest)) = names.split_first() else {
            self.found.push(folder);
            return Ok(());
        };
        if *name == "**" {
            return self.expand_below(folder, rest, &mut Vec::new());
        }
        if !has_wildcards(name) {
            return self.expand_literally(folder.join(name), rest);
        }
        let text = name.to_string_lossy();
        let pattern = match compile(&text) {
            Ok(pattern) => pattern,
            Err(_) if folder.join(name).symlink_metadata().is_ok() => {
                return self.expand_literally(folder.join(name), rest);
            }
            Err(Fault::Malformed(_)) if self.has_matched => return Ok(()),
            Err(Fault::Malformed(reason) | Fault::NamedClass(reason)) => {
                return Err(ListingError::Pattern { pattern: self.pattern.to_owned(), reason }.into());
            }
        };
        let asks_for_hidden = text.starts_with('.');
        for (path, is_hidden) in self.read(&folder) {
            let found = path.file_name().unwrap_or_default();
            let is_literal = found == *name;
            if !(is_literal || pattern.matches_with(&found.to_string_lossy(), OPTIONS)) {
                continue;
            }
            if is_hidden && !is_literal && !asks_for_hidden {
                self.listing.left_out += usize::from(is_tile_path(&path) || path.is_dir());
            } else if rest.is_empty() || path.is_dir() {
                self.has_matched = true;
                self.expand(path, rest)?;
            }
        }
        Ok(())
    }

    /// `**`: the rest matches in this folder and in every folder below it.
    fn expand_below(&mut self, folder: PathBuf, rest: &[&OsStr], above: &mut Vec<PathBuf>) -> Result<()> {
        let real = canonical(self.searched(&folder));
        if above.contains(&real) {
            return Ok(());
        }
        if rest.is_empty() {
            // The search of the folder finds what is below it.
            self.found.push(self.searched(&folder).to_owned());
            return Ok(());
        }
        self.expand(folder.clone(), rest)?;
        above.push(real);
        for (path, is_hidden) in self.read(&folder) {
            if !is_hidden && path.is_dir() {
                self.expand_below(path, rest, above)?;
            }
        }
        above.pop();
        Ok(())
    }

    /// A name without wildcards. One that is missing matches nothing; one that cannot be looked at is refused.
    fn expand_literally(&mut self, path: PathBuf, rest: &[&OsStr]) -> Result<()> {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        match path.symlink_metadata() {
            Ok(_) => self.expand(path, rest),
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(()),
            Err(error) => {
                self.listing.tiles.push(unreadable(path, &error));
                Ok(())
            }
        }
    }

    fn searched<'f>(&self, folder: &'f Path) -> &'f Path {
        if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
    }

    /// The entries of a folder; `true` for one that a search leaves out. None, and a refused row, if it cannot be read.
    fn read(&mut self, folder: &Path) -> Vec<(PathBuf, bool)> {
        let names = std::fs::read_dir(self.searched(folder))
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>());
        match names {
            Ok(names) => names.into_iter().map(|name| (folder.join(&name), is_left_out(&name))).collect(),
            Err(error) => {
                let refused = unreadable(self.searched(folder).to_owned(), &error);
                if !self.listing.tiles.contains(&refused) {
                    self.listing.tiles.push(refused);
                }
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_leaves_out_characters_is_written_in_both_ways_of_shells() {
        let matches = |pattern: &str, name: &str| compile(pattern).is_ok_and(|compiled| compiled.matches(name));
        for pattern in ["[^t]*.png", "[!t]*.png", "*[^t].[^x]ng", "[^]t]*", "[!]t]*", "[^t-v]*"] {
            assert!(matches(pattern, "a1.png") && !matches(pattern, "t1.xng"), "{pattern}");
        }
        assert!(matches("[t^]*.png", "^1.png") && matches("[]^]*", "]1"));
        assert!(matches("é[^é]*[^x]", "éa.png") && !matches("é[^é]*", "éé.png"));
    }

    #[test]
    fn a_class_by_its_name_is_refused() {
        for (pattern, named) in [
            ("[[:alpha:]]*.png", "[:alpha:]"),
            ("a[^[:digit:]x].png", "[:digit:]"),
            ("[a[=e=]]", "[=e=]"),
            ("[[.-.]]", "[.-.]"),
        ] {
            assert!(
                matches!(compile(pattern), Err(Fault::NamedClass(reason)) if reason.starts_with(named)),
                "{pattern}"
            );
        }
        assert!(compile("[[:]").is_ok() && compile("[:a]*").is_ok());
        assert!(
            matches!(compile("a["), Err(Fault::Malformed(_))) && matches!(compile("[^]"), Err(Fault::Malformed(_)))
        );
    }
}
