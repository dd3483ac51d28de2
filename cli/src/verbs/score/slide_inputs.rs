//! The slides and tile lists that the arguments of `kiln score` name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::bail;
use kiln_runtime::score::{self, Format, STDIN, Separator};
use kiln_slide::{TileList, is_slide};

use super::args::Args;
use crate::output::Output;
use crate::verbs::slide::names_slides;

/// Slides and lists of tiles of slides.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SlideInputs {
    /// Lists of tiles.
    pub(super) lists: Vec<PathBuf>,
    /// Slides, and folders of slides.
    pub(super) slides: Vec<PathBuf>,
}

/// A path to score, and its kind.
struct Input {
    path: PathBuf,
    is_slide: bool,
}

impl SlideInputs {
    /// The slides and lists that the arguments name; `None` if they name image files. `@FILE` and patterns are expanded first.
    /// A missing slide, list or, if the output is a folder, file is an error here.
    pub(super) fn from_arguments(args: &Args, separator: Separator, out: &Output) -> anyhow::Result<Option<Self>> {
        let mut inputs = Vec::new();
        for argument in &args.inputs {
            if score::list_file(argument).is_some() {
                let listed = score::search(std::slice::from_ref(argument), &mut io::empty(), separator)?;
                inputs.extend(listed.tiles.into_iter().map(|tile| Input::listed(args, tile.path)));
                continue;
            }
            let exists = argument.symlink_metadata().is_ok();
            if !exists && has_wildcards(argument) {
                inputs.extend(from_pattern(args, argument, out));
                continue;
            }
            if !argument.exists() && must_exist(args, argument) {
                bail!("{}: no such file or folder", argument.display());
            }
            let is_slide = args.slide.slides || is_tile_list(argument) || names_slides(argument);
            inputs.push(Input { path: argument.clone(), is_slide });
        }
        Self::from_inputs(args, inputs)
    }

    /// The slides and lists among the paths of a list of files; `None` if they are image files.
    pub(super) fn from_listed(args: &Args, paths: impl Iterator<Item = PathBuf>) -> anyhow::Result<Option<Self>> {
        Self::from_inputs(args, paths.map(|path| Input::listed(args, path)).collect())
    }

    fn from_inputs(args: &Args, inputs: Vec<Input>) -> anyhow::Result<Option<Self>> {
        let of = |wanted: bool| inputs.iter().find(|input| input.is_slide == wanted).map(|input| input.path.display());
        match (of(true), of(false)) {
            (Some(slide), Some(tile)) => bail!("{slide} is a slide and {tile} is not; score them in two runs"),
            (None, _) => return Ok(None),
            (Some(_), None) => {}
        }
        let (lists, slides): (Vec<_>, Vec<_>) =
            inputs.into_iter().map(|input| input.path).partition(|path| is_tile_list(path));
        if let Some(list) = lists.first() {
            refuse_grid(args, list)?;
        }
        Ok(Some(Self { lists, slides }))
    }
}

impl Input {
    /// A path of a list of files, where folders are not searched.
    fn listed(args: &Args, path: PathBuf) -> Self {
        let is_slide = args.slide.slides || is_tile_list(&path) || is_slide(&path);
        Self { path, is_slide }
    }
}

/// True for a CSV file whose first columns are those of a list of tiles.
fn is_tile_list(path: &Path) -> bool {
    is_csv(path) && TileList::is_list(path)
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

/// True for an argument that cannot become the row of a missing tile: a slide, a list, or anything if the output is a folder.
fn must_exist(args: &Args, argument: &Path) -> bool {
    let is_folder = args.out.as_deref().is_some_and(|out| Format::from_path(out).is_none() && !args.format.is_named());
    argument.as_os_str() != STDIN && (args.slide.slides || is_csv(argument) || is_slide(argument) || is_folder)
}

/// Refuses flags that choose tiles: a list names its tiles.
fn refuse_grid(args: &Args, list: &Path) -> anyhow::Result<()> {
    if let Some(flag) = args.slide.grid.choice_of_tiles() {
        bail!(
            "{flag} chooses tiles, but {} lists them\nhint: give {flag} to `kiln slide tile`, or name the slides instead of \
             the list",
            list.display()
        );
    }
    Ok(())
}

/// The slides that a pattern matches; the pattern itself if it matches none, so that tiles are searched by it.
fn from_pattern(args: &Args, pattern: &Path, out: &Output) -> Vec<Input> {
    let found = matches(pattern);
    let is_slide = |path: &PathBuf| args.slide.slides || is_tile_list(path) || names_slides(path);
    let (slides, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_slide);
    if slides.is_empty() {
        return vec![Input { path: pattern.to_owned(), is_slide: false }];
    }
    if !others.is_empty() {
        out.note(format_args!("{}: {} files are no slides and are left out", pattern.display(), others.len()));
    }
    slides.into_iter().map(|path| Input { path, is_slide: true }).collect()
}

fn has_wildcards(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The paths that match a pattern of `*` and `?`, in the order of their names. Hidden names are left out.
fn matches(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name: Vec<char> = component.as_os_str().to_string_lossy().chars().collect();
        if !name.iter().any(|letter| "*?".contains(*letter)) {
            found = found.into_iter().map(|path| path.join(component)).filter(|path| path.exists()).collect();
            continue;
        }
        let in_folder = |folder: PathBuf| {
            let searched = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
            let entries = fs::read_dir(searched).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let fitting = entries.filter(|entry| {
                let letters: Vec<char> = entry.to_string_lossy().chars().collect();
                !kiln_tile::is_left_out(entry) && fits(&name, &letters)
            });
            let mut paths: Vec<PathBuf> = fitting.map(|entry| folder.join(entry)).collect();
            paths.sort();
            paths
        };
        found = found.into_iter().flat_map(in_folder).collect();
    }
    found
}

/// True if a name fits a pattern in which `*` stands for any letters and `?` for one.
fn fits(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], [_, others @ ..]) => fits(rest, name) || fits(pattern, others),
        (['*', rest @ ..], []) => fits(rest, name),
        ([one, rest @ ..], [letter, others @ ..]) => (*one == '?' || one == letter) && fits(rest, others),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_in_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["1/b.svs", "1/a.svs", "2/c.svs", "2/c.txt", "1/.d.svs"] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let names = matches(&folder.path().join(pattern));
            names.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(found("*/*.svs"), ["1/a.svs", "1/b.svs", "2/c.svs"]);
        assert_eq!(found("2/?.*"), ["2/c.svs", "2/c.txt"]);
        assert_eq!(found("3/*"), [""; 0]);
        assert_eq!(found("1/b.svs"), ["1/b.svs"]);
    }

    #[test]
    fn stars_stand_for_any_letters() {
        let fits = |pattern: &str, name: &str| {
            super::fits(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in [("*", ""), ("*", "é"), ("a*b*", "axxb"), ("?.tif", "é.tif"), ("a**", "a")] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("?", ""), ("a*b", "abc"), ("*.tif", "a.tiff")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
