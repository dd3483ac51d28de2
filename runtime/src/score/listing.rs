//! Which tiles are to be scored, from what a user names: files, folders, patterns and lists. The order is that of the
//! arguments, and natural order inside a folder or pattern, so that the same inputs give the same rows on any machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use kiln_tile::is_tile_path;

use super::natural;
use crate::{Error, Result};

/// The argument that means a list on standard input.
pub const STDIN: &str = "-";
/// Bytes of one line of a list: over twice the longest path that Linux opens.
const MAX_LINE: u64 = 10_000;

/// One thing to be scored, or the reason why it cannot even be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file, as the user wrote it or as it was found.
    pub path: PathBuf,
    /// Why it cannot be scored, as in a row's `status`; `None` for a file that may be a tile.
    pub refused: Option<String>,
}

/// Lists the tiles that `arguments` name. Each is one of
/// - a file, taken whatever its name;
/// - a folder, searched through all its subfolders for tile files (see [`is_tile_path`]);
/// - a pattern such as `slides/*/tile_??.png`, where no file has that very name; folders that it matches are searched;
/// - `@FILE`, a list of files, one a line, relative to the working folder; `-` is the same from `stdin`.
///
/// A file that is missing is listed: it gets its row with the reason. A folder inside a searched folder that cannot be
/// read is listed as refused.
///
/// # Errors
/// If a list cannot be read, a folder or pattern holds no tile, or a pattern is malformed.
pub fn list(arguments: &[PathBuf], stdin: &mut dyn BufRead) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for argument in arguments {
        add(argument, stdin, &mut listed)?;
    }
    if listed.is_empty() {
        return Err(wrong(Path::new("INPUT"), "nothing to score; name files, folders, patterns or lists"));
    }
    Ok(listed)
}

fn add(argument: &Path, stdin: &mut dyn BufRead, listed: &mut Vec<Listed>) -> Result<()> {
    let text = argument.to_string_lossy();
    if text == STDIN {
        return read_list(stdin, Path::new("standard input"), listed);
    }
    if let Some(file) = text.strip_prefix('@').filter(|_| !argument.exists()) {
        let file = Path::new(file);
        let reader = fs::File::open(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
        return read_list(&mut BufReader::new(reader), file, listed);
    }
    if argument.is_dir() {
        return add_folder(argument, listed);
    }
    if text.contains(['*', '?', '[']) && !argument.exists() {
        return add_pattern(&text, listed);
    }
    listed.push(tile(argument.to_owned()));
    Ok(())
}

fn add_folder(folder: &Path, listed: &mut Vec<Listed>) -> Result<()> {
    let before = listed.len();
    let entries = entries(folder).map_err(|source| Error::Read { path: folder.to_owned(), source })?;
    walk(entries, &mut vec![canonical(folder)], listed);
    if listed.len() == before {
        return Err(wrong(folder, "the folder holds no PNG, JPEG, TIFF, BMP or WebP file"));
    }
    Ok(())
}

fn add_pattern(pattern: &str, listed: &mut Vec<Listed>) -> Result<()> {
    let before = listed.len();
    let matches = glob::glob(pattern).map_err(|error| wrong(Path::new(pattern), &format!("not a pattern: {error}")))?;
    let mut matches: Vec<_> = matches.map(|found| found.unwrap_or_else(|error| error.path().to_owned())).collect();
    matches.sort_by(|left, right| natural::compare(&left.to_string_lossy(), &right.to_string_lossy()));
    walk(matches, &mut Vec::new(), listed);
    if listed.len() == before {
        return Err(wrong(Path::new(pattern), "no tile file has such a name"));
    }
    Ok(())
}

/// Adds tile files, and the tiles of folders. `above` holds the folders that lead here: a link back to one of them
/// would never end.
fn walk(paths: Vec<PathBuf>, above: &mut Vec<PathBuf>, listed: &mut Vec<Listed>) {
    for path in paths {
        if !path.is_dir() {
            if is_tile_path(&path) {
                listed.push(tile(path));
            }
            continue;
        }
        let real = canonical(&path);
        if above.contains(&real) {
            continue;
        }
        match entries(&path) {
            Ok(inner) => {
                above.push(real);
                walk(inner, above, listed);
                above.pop();
            }
            Err(error) => listed.push(Listed { path, refused: Some(format!("unreadable: {error}")) }),
        }
    }
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort_by(|left, right| natural::compare(&name(left), &name(right)));
    Ok(entries)
}

fn read_list(reader: &mut dyn BufRead, file: &Path, listed: &mut Vec<Listed>) -> Result<()> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut *reader, MAX_LINE);
        let read =
            limited.read_until(b'\n', &mut line).map_err(|source| Error::Read { path: file.to_owned(), source })?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE {
            return Err(wrong(
                file,
                &format!("line {number} is longer than a path can be; a list has one file a line"),
            ));
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong(file, &format!("line {number} is not UTF-8 text")))?;
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        if text.contains('\0') {
            return Err(wrong(file, &format!("line {number} holds a NUL: this is not a list of files")));
        }
        if !text.trim().is_empty() {
            listed.push(tile(PathBuf::from(text)));
        }
    }
    Ok(())
}

fn tile(path: PathBuf) -> Listed {
    Listed { path, refused: None }
}

fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn canonical(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn wrong(argument: &Path, reason: &str) -> Error {
    Error::Argument { argument: argument.display().to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
    }

    fn listed(arguments: &[PathBuf]) -> Result<Vec<Listed>> {
        list(arguments, &mut std::io::empty())
    }

    fn shown(listed: &[Listed], root: &Path) -> Vec<String> {
        listed.iter().map(|one| one.path.strip_prefix(root).unwrap_or(&one.path).display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_searched_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        files(
            folder.path(),
            &["t10.png", "t2.JPG", "a/z.webp", "a/b/c.tif", "tiles.csv", "t1.bmp", "empty.png/inner.jpeg"],
        );
        let found = listed(&[folder.path().to_owned()]).unwrap();
        let expected = ["a/b/c.tif", "a/z.webp", "empty.png/inner.jpeg", "t1.bmp", "t2.JPG", "t10.png"];
        assert_eq!(shown(&found, folder.path()), expected);
    }

    #[test]
    fn files_keep_the_order_of_the_arguments_and_any_name() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), &["b.dat", "a.png"]);
        let arguments = ["b.dat", "missing.png", "a.png"].map(|name| folder.path().join(name));
        assert_eq!(shown(&listed(&arguments).unwrap(), folder.path()), ["b.dat", "missing.png", "a.png"]);
    }

    #[test]
    fn a_pattern_matches_files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), &["s1/t10.png", "s1/t9.png", "s2/t1.png", "s2/notes.txt"]);
        let found = listed(&[folder.path().join("*/t*.png")]).unwrap();
        assert_eq!(shown(&found, folder.path()), ["s1/t9.png", "s1/t10.png", "s2/t1.png"]);
        assert_eq!(listed(&[folder.path().join("s?")]).unwrap().len(), 3);
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_or_a_list_is_that_file() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), &["t[1].png", "t1.png"]);
        assert_eq!(shown(&listed(&[folder.path().join("t[1].png")]).unwrap(), folder.path()), ["t[1].png"]);
    }

    #[test]
    fn a_list_names_files_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.txt");
        fs::write(&file, "\u{feff}b.png\r\n\n a b.png\nc.png").unwrap();
        let found = listed(&[PathBuf::from(format!("@{}", file.display()))]).unwrap();
        assert_eq!(shown(&found, folder.path()), ["b.png", " a b.png", "c.png"]);
        let found = list(&[PathBuf::from("-")], &mut &b"x.png\ny.png\n"[..]).unwrap();
        assert_eq!(shown(&found, folder.path()), ["x.png", "y.png"]);
    }

    #[test]
    fn lists_that_are_none_are_refused_by_name_and_line() {
        let long = [b"a.png\n".to_vec(), vec![b'x'; 20_000]].concat();
        let cases: [(&[u8], &str); 3] = [
            (b"a.png\n\xff\xfe\n", "line 2 is not UTF-8"),
            (b"a\0b", "line 1 holds a NUL"),
            (&long, "line 2 is longer"),
        ];
        for (mut bytes, expected) in cases {
            let error = list(&[PathBuf::from("-")], &mut bytes).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("standard input"), "{error}");
        }
        let error = listed(&[PathBuf::from("@no/such/list")]).unwrap_err();
        assert_eq!(error.to_string(), "cannot read no/such/list");
    }

    #[test]
    fn nothing_to_score_is_an_error_that_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let error = listed(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("holds no PNG"), "{error}");
        assert!(
            listed(&[folder.path().join("*.png")]).unwrap_err().to_string().contains("no tile file has such a name")
        );
        assert!(listed(&[PathBuf::from("a[.png")]).unwrap_err().to_string().contains("not a pattern"));
        assert!(list(&[PathBuf::from("-")], &mut std::io::empty()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_back_end() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), &["a/t.png", "other/u.png"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("other"), folder.path().join("a/beside")).unwrap();
        let found = listed(&[folder.path().join("a"), folder.path().to_owned()]).unwrap();
        assert!(shown(&found, folder.path()).contains(&"a/beside/u.png".to_owned()));
    }
}
