//! `kiln score`: files to scores.

mod args;
#[cfg(feature = "endpoint")]
mod endpoint;
mod local;
mod report;
mod run;
mod sink;
mod work;

use std::io::{self, BufReader};

use anyhow::bail;
use kiln_runtime::score::{self, Listed, PartRecord, ResumableFile, Separator};
use kiln_runtime::{Bundle, DecisionRule};

pub(crate) use self::args::Args;
use self::work::Work;
use crate::destination::{Destination, Refused, STDOUT};
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(mut args: Args, out: &Output) -> anyhow::Result<Exit> {
    if args.out.as_deref().is_some_and(|file| file.as_os_str() == STDOUT) {
        if args.shard.is_named() || args.restart {
            bail!("--out - is standard output; --shard and --restart need a file");
        }
        args.out = None;
    }
    let format = args.format.resolve(args.out.as_deref(), out)?;
    let separator = if args.null { Separator::Null } else { Separator::Line };
    let listing = score::search(&args.inputs, &mut BufReader::new(io::stdin()), separator)?;
    let mut tiles = listing.tiles;
    refuse_inputs(&args, &tiles)?;
    if listing.left_out > 0 {
        out.note(format_args!(
            "{} hidden or system files and folders are left out; name a file to score it",
            listing.left_out
        ));
    }
    let part = args.shard.take(&mut tiles, out)?;
    let bundle = Bundle::open(&args.bundle)?;
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let work = |precision| Work { args: &args, bundle: &bundle, rule: &rule, tiles: &tiles, precision, format };
    #[cfg(feature = "endpoint")]
    if args.endpoint.is_named() {
        return endpoint::run(&work(args.precision.as_deref().unwrap_or("fp32")), part, out);
    }
    let providers = args.provider.providers()?;
    let precision = args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(providers.first()));
    local::run(&work(precision), &providers, part, out)
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
