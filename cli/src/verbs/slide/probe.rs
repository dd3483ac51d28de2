//! `kiln slide probe`: the child process that opens an unknown slide first. Internal.

use std::path::PathBuf;

use kiln_files::limits::Limits;
use kiln_slide::openslide::{Library, LibraryFile, Origin};
use kiln_slide::probe;

use crate::exit::Exit;
use crate::output::Output;

/// Size of OpenSlide's cache of decoded tiles, in bytes, if memory allows: neighbouring regions of a level may need the same
/// tile.
const CACHE_BYTES: usize = 32 << 20;

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
    probe::examine(&args.slide, &Library::load(&file, Limits::here().cache_bytes(CACHE_BYTES))?)?;
    Ok(Exit::Done)
}
