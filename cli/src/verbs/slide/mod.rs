//! `kiln slide`: facts about slides, their tiles as a list of coordinates, and heat maps from scores.

mod annotations;
#[cfg(feature = "train")]
mod evaluate;
mod folder_names;
mod grid;
mod inspect;
mod known;
mod library;
mod named;
mod probe;
pub(super) mod report;
mod tile;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

pub(super) use self::grid::{GridArgs, resolution};
pub(super) use self::known::KnownSlides;
pub(super) use self::library::LibraryArgs;
pub(super) use self::named::{SlideArgument, slides_of};
pub(super) use self::report::Pictures;

/// Inspect whole slides, and list their tissue tiles as coordinates.
///
/// Slides are read by OpenSlide, which `kiln runtime install openslide` installs, and JPEG tiles of TIFF files directly.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln slide inspect slide.svs --mpp 0.5\n  \
    kiln slide tile slides/ --mpp 0.5 --annotations xml/ --out tiles.csv")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Inspect(inspect::Args),
    Tile(tile::Args),
    Report(report::Args),
    #[command(hide = true)]
    Probe(probe::Args),
    #[cfg(feature = "train")]
    Evaluate(evaluate::Args),
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Inspect(args) => inspect::run(&args, out),
        Action::Tile(args) => tile::run(&args, out),
        Action::Report(args) => report::run(&args, out),
        Action::Probe(args) => probe::run(&args, out),
        #[cfg(feature = "train")]
        Action::Evaluate(args) => evaluate::run(&args, out),
    }
}
