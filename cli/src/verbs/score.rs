//! `kiln score`: files to scores.

mod args;
#[cfg(feature = "endpoint")]
mod endpoint;
mod local;
mod report;
mod run;
mod sink;
#[cfg(feature = "slide")]
mod slide_inputs;
#[cfg(feature = "slide")]
mod slides;
mod watch;
mod work;

use std::io::{self, BufReader};
use std::path::PathBuf;

use anyhow::bail;
use kiln_runtime::score::{self, Columns, Format, Listed, ListedTiles, PartRecord, ResumableFile, Separator};
use kiln_runtime::{Bundle, DecisionRule};
use kiln_tile::{Decoder, TileSource, TileSubset};

pub(crate) use self::args::Args;
#[cfg(feature = "slide")]
use self::slide_inputs::SlideInputs;
use self::work::Work;
use crate::destination::{Destination, Refused, STDOUT};
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(mut args: Args, out: &Output) -> anyhow::Result<Exit> {
    if let Some(folder) = &args.watch.watch {
        return watch::run(&args, folder, out);
    }
    if args.out.as_deref().is_some_and(|file| file.as_os_str() == STDOUT) {
        if args.shard.is_named() || args.restart {
            bail!("--out - is standard output; --shard and --restart need a file");
        }
        args.out = None;
    }
    let separator = if args.null { Separator::Null } else { Separator::Line };
    let has_stdin = args.inputs.iter().any(|input| input.as_os_str() == score::STDIN);
    #[cfg(feature = "slide")]
    if !has_stdin && let Some(inputs) = SlideInputs::from_arguments(&args, separator, out)? {
        return slides::run(&args, &inputs, out);
    }
    // Standard input can be read once; its list may be one of slides.
    let read = |args: &Args| score::search(&args.inputs, &mut BufReader::new(io::stdin()), separator);
    let listing = if has_stdin { Some(read(&args)?) } else { None };
    #[cfg(feature = "slide")]
    if let Some(listing) = &listing
        && let Some(inputs) = SlideInputs::from_listed(&args, listing.tiles.iter().map(|tile| tile.path.clone()))?
    {
        return slides::run(&args, &inputs, out);
    }
    let format = args.format.resolve(args.out.as_deref(), out)?;
    let listing = match listing {
        Some(listing) => listing,
        None => read(&args)?,
    };
    let tiles = listing.tiles;
    refuse_inputs(&args, &tiles)?;
    if listing.left_out > 0 {
        out.note(format_args!(
            "{} hidden or system files and folders are left out; name a file to score it",
            listing.left_out
        ));
    }
    let bundle = Bundle::open(&args.bundle)?;
    let decoder = decoder(&args, &bundle);
    let settings = vec![decoder.policy.to_string()];
    let source = ListedTiles::new(&tiles, decoder);
    let columns = Columns::for_files;
    let source = ScoreSource { source: &source, settings, columns, out: args.out.clone(), format };
    score_source(&args, &bundle, source, out)
}

/// Tiles to score, and the target of their rows.
struct ScoreSource<'a> {
    source: &'a dyn TileSource,
    /// The settings that the pixels of a tile depend on, beside its bytes.
    settings: Vec<String>,
    /// The columns of rows, for the classes of a model.
    columns: fn(&[String]) -> Columns,
    /// The file of the rows; `None` for stdout.
    out: Option<PathBuf>,
    format: Format,
}

/// Scores all tiles, or those of a shard.
fn score_source(args: &Args, bundle: &Bundle, tiles: ScoreSource<'_>, out: &Output) -> anyhow::Result<Exit> {
    let (range, part) = args.shard.select(tiles.source, out)?;
    let places: Vec<usize> = range.collect();
    let source = TileSubset::new(tiles.source, &places);
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let work = |precision| Work {
        args,
        bundle,
        rule: &rule,
        source: &source,
        settings: tiles.settings,
        precision,
        out: tiles.out,
        columns: (tiles.columns)(rule.classes()),
        format: tiles.format,
    };
    #[cfg(feature = "endpoint")]
    if args.endpoint.is_named() {
        return endpoint::run(&work(args.precision.as_deref().unwrap_or("fp32")), part, out);
    }
    let providers = args.provider.providers()?;
    let precision = args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(providers.first()));
    local::run(&work(precision), &providers, part, out)
}

fn decoder(args: &Args, bundle: &Bundle) -> Decoder {
    let spec = &bundle.manifest.tile;
    Decoder { policy: args.size_policy.unwrap_or(spec.size_policy), ..spec.decoder() }
}

/// Refuses to write over a tile, a list or the bundle. The files beside the result count too.
fn refuse_inputs(args: &Args, tiles: &[Listed]) -> Result<(), Refused> {
    let Some(file) = &args.out else { return Ok(()) };
    let mut files = vec![file.clone(), ResumableFile::progress_of(file)];
    if args.shard.is_named() {
        files.push(PartRecord::path_of(file));
    }
    for file in &files {
        let target = Destination::new("--out", file);
        target.is_not_in("the bundle", &args.bundle)?;
        for list in args.inputs.iter().filter_map(|input| score::list_file(input)) {
            target.is_not("the list", &list)?;
        }
        // Where nothing is there, nothing is overwritten: a long list is not gone through.
        if target.exists() {
            tiles.iter().try_for_each(|tile| target.is_not("the tile", &tile.path))?;
        }
    }
    Ok(())
}
