//! The slides and tile lists that the arguments of `kiln score` name.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::bail;
use kiln_runtime::score::{self, Format, Listing, STDIN};
use kiln_slide::{TileList, is_slide};

use super::args::Args;
use crate::output::Output;
use crate::verbs::inputs::is_no_image;
use crate::verbs::slide::SlideArgument;

/// Slides and lists of tiles of slides.
pub(super) struct SlideInputs {
    /// Lists of tiles.
    pub(super) lists: Vec<PathBuf>,
    /// Slides, and folders of slides.
    pub(super) slides: Vec<SlideArgument>,
}

/// A path to score, by its kind.
enum Input {
    /// A list of tiles of slides.
    List(PathBuf),
    /// A slide, or a folder of slides.
    Slide(SlideArgument),
    /// Anything else: tiles, and files that may be tiles.
    Tile(PathBuf),
}

impl SlideInputs {
    /// The slides and lists that the arguments name; `None` if they name image files. `@FILE`, of which `lists` has the
    /// content, and patterns are expanded first.
    /// A missing slide, list or, if the output is a folder, file is an error here.
    pub(super) fn from_arguments(args: &Args, lists: &[Option<Listing>], out: &Output) -> anyhow::Result<Option<Self>> {
        let mut inputs = Vec::new();
        for (argument, list) in args.inputs.iter().zip(lists) {
            if let Some(list) = list {
                inputs.extend(list.tiles.iter().map(|tile| Input::listed(args, tile.path.clone())));
                continue;
            }
            if score::is_pattern(argument) {
                inputs.extend(from_pattern(args, argument, out)?);
                continue;
            }
            if !argument.exists() && must_exist(args, argument) {
                bail!("{}: no such file or folder", argument.display());
            }
            inputs.push(Input::argument(args, argument.clone())?);
        }
        Self::from_inputs(args, inputs)
    }

    /// The slides and lists among the paths of a list of files; `None` if they are image files.
    pub(super) fn from_listed(args: &Args, paths: impl Iterator<Item = PathBuf>) -> anyhow::Result<Option<Self>> {
        Self::from_inputs(args, paths.map(|path| Input::listed(args, path)).collect())
    }

    fn from_inputs(args: &Args, inputs: Vec<Input>) -> anyhow::Result<Option<Self>> {
        let slide = inputs.iter().find(|input| input.is_of_slides()).map(|input| input.path().display());
        let tile = inputs.iter().find(|input| !input.is_of_slides()).map(|input| input.path().display());
        match (slide, tile) {
            (Some(slide), Some(tile)) => bail!("{slide} is a slide and {tile} is not; score them in two runs"),
            (None, _) => return Ok(None),
            (Some(_), None) => {}
        }
        let (mut lists, mut slides) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                Input::List(path) => lists.push(path),
                Input::Slide(argument) => slides.push(argument),
                Input::Tile(_) => {}
            }
        }
        if let Some(list) = lists.first() {
            refuse_grid(args, list)?;
            if slides.is_empty() && lists.iter().all(|list| names_no_tile(list)) {
                bail!("{}: the list names no tile\nhint: make it again with `kiln slide tile`", list.display());
            }
        }
        Ok(Some(Self { lists, slides }))
    }
}

impl Input {
    /// An argument. A CSV table must be a list of tiles of slides: read as a tile it would be one row of `unsupported`.
    fn argument(args: &Args, path: PathBuf) -> anyhow::Result<Self> {
        let named = Self::named(args, path);
        if let Self::Tile(path) = &named
            && is_csv(path)
            && path.is_file()
            && is_no_image(path)
        {
            if let Some(fault) = TileList::header_fault(path) {
                return Err(fault.into());
            }
            bail!(
                "{}: neither an image nor a list of tiles of slides\nhint: name the tiles, or write their paths one per line \
                 and give `@FILE`; `kiln evaluate` takes a list of labelled tiles",
                path.display()
            );
        }
        Ok(named)
    }

    /// An argument, or a path that a pattern matches. Folders are searched.
    fn named(args: &Args, path: PathBuf) -> Self {
        if is_tile_list(&path) {
            return Self::List(path);
        }
        let argument = SlideArgument::searched(path);
        if args.slide.slides || argument.names_slides() { Self::Slide(argument) } else { Self::Tile(argument.path) }
    }

    /// A path of a list of files, where folders are not searched.
    fn listed(args: &Args, path: PathBuf) -> Self {
        if is_tile_list(&path) {
            return Self::List(path);
        }
        if args.slide.slides || is_slide(&path) { Self::Slide(SlideArgument::new(path)) } else { Self::Tile(path) }
    }

    fn path(&self) -> &Path {
        match self {
            Self::List(path) | Self::Tile(path) => path,
            Self::Slide(argument) => &argument.path,
        }
    }

    /// True for a slide, a folder of slides, or a list of tiles of slides.
    fn is_of_slides(&self) -> bool {
        !matches!(self, Self::Tile(_))
    }
}

/// True for a CSV file whose first columns are those of a list of tiles.
fn is_tile_list(path: &Path) -> bool {
    is_csv(path) && TileList::is_list(path)
}

/// True for a list with a header and nothing else. A file that cannot be read counts as one with tiles, so that reading it
/// reports the fault.
fn names_no_tile(list: &Path) -> bool {
    let Ok(file) = File::open(list) else { return false };
    let lines = BufReader::new(file).split(b'\n');
    !lines.skip(1).any(|line| line.map_or(true, |line| !line.trim_ascii().is_empty()))
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
fn from_pattern(args: &Args, pattern: &Path, out: &Output) -> anyhow::Result<Vec<Input>> {
    let found = score::expand(pattern)?.into_iter().map(|path| Input::named(args, path));
    let (slides, others): (Vec<_>, Vec<_>) = found.partition(Input::is_of_slides);
    if slides.is_empty() {
        return Ok(vec![Input::Tile(pattern.to_owned())]);
    }
    if !others.is_empty() {
        out.note(format_args!("{}: {} files are no slides and are left out", pattern.display(), others.len()));
    }
    Ok(slides)
}
