//! `kiln score`: files to scores.

mod args;
#[cfg(feature = "endpoint")]
mod endpoint;
#[cfg(feature = "slide")]
mod loading;
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
use std::slice;

use anyhow::bail;
use kiln_runtime::score::{self, Columns, Format, Listed, ListedTiles, Listing, PartRecord, ResumableFile, Separator};
use kiln_runtime::{Bundle, DecisionRule};
use kiln_tile::{Decoder, TileSource, TileSubset};

pub(crate) use self::args::Args;
#[cfg(feature = "slide")]
use self::slide_inputs::SlideInputs;
use self::work::Work;
use crate::destination::{Destination, Refused, STDOUT};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::inputs::separator;
use crate::verbs::signature::{describe, signer};

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
    let separator = separator(args.null, &args.inputs, "input")?;
    let has_stdin = args.inputs.iter().any(|input| input.as_os_str() == score::STDIN);
    let (listing, format) = if has_stdin {
        let listing = score::search(&args.inputs, &mut BufReader::new(io::stdin()), separator)?;
        #[cfg(feature = "slide")]
        if let Some(inputs) = SlideInputs::from_listed(&args, listing.tiles.iter().map(|tile| tile.path.clone()))? {
            return slides::run(&args, &inputs, out);
        }
        (listing, args.format.resolve(args.out.as_deref(), out)?)
    } else {
        let lists = lists(&args.inputs, separator)?;
        #[cfg(feature = "slide")]
        if let Some(inputs) = SlideInputs::from_arguments(&args, &lists, out)? {
            return slides::run(&args, &inputs, out);
        }
        let format = args.format.resolve(args.out.as_deref(), out)?;
        (joined(&args.inputs, lists)?, format)
    };
    #[cfg(feature = "slide")]
    refuse_slide_flags(&args)?;
    let tiles = listing.tiles;
    refuse_inputs(&args, &tiles)?;
    if listing.left_out > 0 {
        out.note(format_args!(
            "{} hidden or system files and folders are left out; name a file to score it",
            listing.left_out
        ));
    }
    let bundle = open(&args, out)?;
    let decoder = decoder(&args, &bundle);
    let settings = vec![decoder.policy.to_string()];
    let source = ListedTiles::new(&tiles, decoder);
    let columns = Columns::for_files;
    let source = ScoreSource { source: &source, settings, columns, out: args.out.clone(), format };
    score_source(&args, &bundle, source, out)
}

/// Refuses flags that have an effect on slides alone.
#[cfg(feature = "slide")]
fn refuse_slide_flags(args: &Args) -> anyhow::Result<()> {
    let flags = args.slide.flags();
    if flags.is_empty() {
        return Ok(());
    }
    let flags = flags.join(", ");
    let or = if args.watch.watch.is_some() { "" } else { ", or treat every input as a slide with --slides" };
    bail!("{flags}: only for slides, but the inputs are files of tiles\nhint: leave out {flags}{or}");
}

/// Opens the bundle, and names the signer of one that must be signed.
fn open(args: &Args, out: &Output) -> anyhow::Result<Bundle> {
    #[cfg(feature = "endpoint")]
    if args.signature.is_required() && args.endpoint.is_named() {
        bail!("--require-signature covers the bundle, and --endpoint scores with the model of a server");
    }
    let bundle = args.signature.open(&args.bundle)?;
    if let Some(signer) = signer(&bundle) {
        out.note(describe(signer));
    }
    Ok(bundle)
}

/// The lists among the arguments (`@FILE`), `None` for others. A list may be a pipe, and its files tiles or slides, so it is
/// read once, before that is known.
fn lists(inputs: &[PathBuf], separator: Separator) -> kiln_runtime::Result<Vec<Option<Listing>>> {
    let read = |input: &PathBuf| score::search(slice::from_ref(input), &mut io::empty(), separator);
    inputs.iter().map(|input| score::list_file(input).map(|_| read(input)).transpose()).collect()
}

/// All tiles, in the order of the arguments.
fn joined(inputs: &[PathBuf], lists: Vec<Option<Listing>>) -> kiln_runtime::Result<Listing> {
    let mut all = Listing::default();
    for (input, list) in inputs.iter().zip(lists) {
        let listing = match list {
            Some(list) => list,
            None => score::search(slice::from_ref(input), &mut io::empty(), Separator::Line)?,
        };
        all.tiles.extend(listing.tiles);
        all.left_out += listing.left_out;
    }
    Ok(all)
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

/// Refuses to write over a list, or over another file that a flag names as input.
fn refuse_named(args: &Args, target: &Destination<'_>) -> Result<(), Refused> {
    for list in args.inputs.iter().filter_map(|input| score::list_file(input)) {
        target.is_not("the list", &list)?;
    }
    if args.inputs.iter().any(|input| input.as_os_str() == score::STDIN) {
        target.is_not_stdin("the list")?;
    }
    args.more_inputs().try_for_each(|(kind, file)| target.is_not(kind, file))
}

/// Refuses to write over a tile, a list or the bundle. The files beside the result count too.
fn refuse_inputs(args: &Args, tiles: &[Listed]) -> Result<(), Refused> {
    let Some(file) = &args.out else { return Ok(()) };
    let mut files = vec![file.clone(), ResumableFile::progress_of(file)];
    if args.shard.is_named() {
        let record = PartRecord::path_of(file);
        Destination::new("--out", &record).can_be_written()?;
        files.push(record);
    }
    for file in &files {
        let target = Destination::new("--out", file);
        target.is_not_in("the bundle", &args.bundle)?;
        refuse_named(args, &target)?;
        // Where nothing is there, nothing is overwritten: a long list is not gone through.
        if target.exists() {
            tiles.iter().try_for_each(|tile| target.is_not("the tile", &tile.path))?;
        }
    }
    Ok(())
}
