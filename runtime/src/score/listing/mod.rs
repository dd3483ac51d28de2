//! The list of tiles to score, from files, folders, patterns and lists that a user names. The order is that of the
//! arguments, and natural order inside a folder or pattern, so that the same inputs give the same rows on any machine.

mod lines;
mod pattern;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use kiln_tile::{is_left_out, is_tile_path};

use super::error::ListingError;
use super::natural;
use crate::{Error, Result};

pub use lines::Separator;

/// The argument that means a list on standard input.
pub const STDIN: &str = "-";

/// A file to score, or the reason why it is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file, as the user wrote it or as it was found.
    pub path: PathBuf,
    /// The reason, as a row's `status`; `None` for a file that may be a tile.
    pub refused: Option<String>,
}

/// All tiles to score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of the arguments.
    pub tiles: Vec<Listed>,
    /// Hidden or system folders and tile files that searches left out: see [`is_left_out`].
    pub left_out: usize,
}

/// Lists the tiles that `arguments` name. Each is one of
/// - a file, taken whatever its name;
/// - a folder, searched through all its subfolders for tile files (see [`is_tile_path`]);
/// - a pattern such as `slides/*/tile_??.png`, where no file has that very name; folders that it matches are searched.
///   Leading folders that exist are taken literally, so that `slides [1]/*.png` searches the folder `slides [1]`;
/// - `@FILE`, a list of files, one a line, relative to the working folder; `-` is the same from `stdin`.
///
/// Folders and patterns leave out hidden files and folders and those of the operating system (see [`is_left_out`]). A
/// file that is missing is listed: it gets its row with the reason. A folder inside a searched folder that cannot be
/// read is listed as refused.
///
/// # Errors
/// [`Error::Read`] if a list cannot be read; [`Error::Listing`] if a folder or pattern holds no tile, or a pattern or list is
/// malformed.
pub fn list(arguments: &[PathBuf], stdin: &mut dyn BufRead) -> Result<Vec<Listed>> {
    Ok(search(arguments, stdin, Separator::Line)?.tiles)
}

/// [`list`], with a choice of the separator in lists, and the number of files that were left out.
///
/// # Errors
/// As [`list`].
pub fn search(arguments: &[PathBuf], stdin: &mut dyn BufRead, separator: Separator) -> Result<Listing> {
    let mut listing = Listing::default();
    for argument in arguments {
        add(argument, stdin, separator, &mut listing)?;
    }
    if listing.tiles.is_empty() {
        return Err(ListingError::Empty.into());
    }
    Ok(listing)
}

/// The file of a list argument, `@FILE`. An existing file whose name begins with `@` is that file and no list.
#[must_use]
pub fn list_file(argument: &Path) -> Option<PathBuf> {
    let name = argument.as_os_str().as_encoded_bytes().strip_prefix(b"@")?;
    if argument.exists() { None } else { lines::path_from(name) }
}

/// True if an argument is a pattern: nothing exists at the path, and a name behind the leading ones that exist has `*`, `?` or
/// `[`.
#[must_use]
pub fn is_pattern(argument: &Path) -> bool {
    argument.symlink_metadata().is_err() && pattern::is_pattern(argument)
}

/// The files and folders that match a pattern, in natural order. Folders are not searched, and those that cannot be read
/// match nothing.
///
/// # Errors
/// [`Error::Listing`] if the pattern is malformed.
pub fn expand(pattern: &Path) -> Result<Vec<PathBuf>> {
    matches_in_order(pattern, &mut Listing::default())
}

fn matches_in_order(pattern: &Path, listing: &mut Listing) -> Result<Vec<PathBuf>> {
    let mut matches = pattern::matches(pattern, listing)?;
    matches.sort_by(|left, right| in_order(left.as_os_str(), right.as_os_str()));
    Ok(matches)
}

fn add(argument: &Path, stdin: &mut dyn BufRead, separator: Separator, listing: &mut Listing) -> Result<()> {
    if argument.as_os_str() == STDIN {
        return lines::read(stdin, Path::new("standard input"), separator, &mut listing.tiles);
    }
    if let Some(file) = list_file(argument) {
        let reader = fs::File::open(&file).map_err(|source| Error::Read { path: file.clone(), source })?;
        return lines::read(&mut BufReader::new(reader), &file, separator, &mut listing.tiles);
    }
    if argument.is_dir() {
        return add_folder(argument, listing);
    }
    if is_pattern(argument) {
        return add_pattern(argument, listing);
    }
    listing.tiles.push(tile(argument.to_owned()));
    Ok(())
}

fn add_folder(folder: &Path, listing: &mut Listing) -> Result<()> {
    let (tiles, left_out) = (listing.tiles.len(), listing.left_out);
    let entries = entries(folder, listing).map_err(|source| Error::Read { path: folder.to_owned(), source })?;
    walk(entries, &mut vec![canonical(folder)], listing);
    if listing.tiles.len() == tiles {
        let left_out = listing.left_out - left_out;
        return Err(ListingError::EmptyFolder { folder: folder.to_owned(), left_out }.into());
    }
    Ok(())
}

fn add_pattern(pattern: &Path, listing: &mut Listing) -> Result<()> {
    let (tiles, left_out) = (listing.tiles.len(), listing.left_out);
    let matches = matches_in_order(pattern, listing)?;
    walk(matches, &mut Vec::new(), listing);
    // A pattern such as `slides/**` matches a folder and what is in it: each tile is listed once.
    let mut seen = HashSet::new();
    let mut found = listing.tiles.split_off(tiles);
    found.retain(|one| seen.insert(one.path.clone()));
    if found.is_empty() {
        let left_out = listing.left_out - left_out;
        return Err(ListingError::NoMatch { pattern: pattern.to_owned(), left_out }.into());
    }
    listing.tiles.append(&mut found);
    Ok(())
}

/// Adds tile files, and the tiles of folders. `above` holds the folders that lead here: a link back to one of them
/// would never end.
fn walk(paths: Vec<PathBuf>, above: &mut Vec<PathBuf>, listing: &mut Listing) {
    for path in paths {
        if !path.is_dir() {
            if is_tile_path(&path) {
                listing.tiles.push(tile(path));
            }
            continue;
        }
        let real = canonical(&path);
        if above.contains(&real) {
            continue;
        }
        match entries(&path, listing) {
            Ok(inner) => {
                above.push(real);
                walk(inner, above, listing);
                above.pop();
            }
            Err(error) => listing.tiles.push(unreadable(path, &error)),
        }
    }
}

/// The entries of a folder that a search follows, in natural order; counts the others.
fn entries(folder: &Path, listing: &mut Listing) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_left_out(name(&path)) {
            listing.left_out += usize::from(is_tile_path(&path) || path.is_dir());
        } else {
            entries.push(path);
        }
    }
    entries.sort_by(|left, right| in_order(name(left), name(right)));
    Ok(entries)
}

/// Natural order; names that are the same but for bytes that are no UTF-8 are ordered by these bytes.
fn in_order(left: &OsStr, right: &OsStr) -> std::cmp::Ordering {
    natural::compare(&left.to_string_lossy(), &right.to_string_lossy())
        .then_with(|| left.as_encoded_bytes().cmp(right.as_encoded_bytes()))
}

fn tile(path: PathBuf) -> Listed {
    Listed { path, refused: None }
}

fn unreadable(path: PathBuf, error: &std::io::Error) -> Listed {
    Listed { path, refused: Some(format!("unreadable: {error}")) }
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

fn canonical(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests;
