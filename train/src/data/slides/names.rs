//! Short names of slides, for identities of tiles and for groups. They depend on as little of the path as possible, so that
//! a split stays valid when slides and list are moved.

use std::path::{Component, Path, PathBuf};

/// The last parts of each path, as few as distinguish all slides: usually the file names.
///
/// # Errors
/// The indices of two paths that lead to the same file.
pub(in crate::data) fn short_names(paths: &[PathBuf]) -> Result<Vec<String>, (usize, usize)> {
    let parts: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut same = (0, 0);
    for count in 1..=longest.max(1) {
        let names: Vec<String> =
            parts.iter().map(|parts| parts[parts.len().saturating_sub(count)..].join("/")).collect();
        match first_pair(&names) {
            None => return Ok(names),
            Some(pair) => same = pair,
        }
    }
    Err(same)
}

fn first_pair(names: &[String]) -> Option<(usize, usize)> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| &names[*index]);
    order.windows(2).map(|pair| (pair[0], pair[1])).find(|pair| names[pair.0] == names[pair.1])
}

/// The names along an absolute path, with `.` and `..` resolved by name.
fn parts(path: &Path) -> Vec<String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut parts = Vec::new();
    for component in absolute.components() {
        match component {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(paths: &[&str]) -> Result<Vec<String>, (usize, usize)> {
        short_names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn file_names_are_enough_unless_two_are_equal() {
        assert_eq!(names(&["/a/1.svs", "/b/c/2.svs"]).unwrap(), ["1.svs", "2.svs"]);
        assert_eq!(names(&["/a/x/1.dcm", "/a/y/1.dcm", "/z/2.dcm"]).unwrap(), ["x/1.dcm", "y/1.dcm", "z/2.dcm"]);
        assert_eq!(names(&["/1.svs", "/a/1.svs"]).unwrap(), ["1.svs", "a/1.svs"]);
        assert_eq!(names(&[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn two_spellings_of_one_path_are_the_same_slide() {
        assert_eq!(names(&["/a/2.svs", "/a/b/../1.svs", "/a/./1.svs"]), Err((1, 2)));
        assert_eq!(names(&["1.svs", "x/../1.svs"]), Err((0, 1)));
    }
}
