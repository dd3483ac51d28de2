//! `kiln slide probe`: the child process that opens an unknown slide first. Internal.

use std::path::PathBuf;

use kiln_slide::openslide::{Library, LibraryFile, Origin};
use kiln_slide::probe;

use crate::exit::Exit;
use crate::output::Output;

/// Open a slide and read parts of it, so that a hostile file ends this process and not the one that scores.
#[derive(clap::Args)]
pub(super) struct Args {
    /// OpenSlide library, which the parent has checked.
    library: PathBuf,

    /// Slide to open.
    slide: PathBuf,
}

pub(super) fn run(args: &Args, _out: &Output) -> anyhow::Result<Exit> {
    let file = LibraryFile { path: args.library.clone(), origin: Origin::Explicit };
    probe::examine(&args.slide, &Library::load(&file, 0)?)?;
    Ok(Exit::Done)
}
