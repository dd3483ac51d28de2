//! The tiles of a comparison.

use std::path::Path;

use kiln_compare::{Side, SideKind, TileSet};
use kiln_runtime::Bundle;
use kiln_runtime::bundle::MANIFEST;
use kiln_train::data::{SlideOptions, Split};
use kiln_train::training::Run;

use super::Args;
use crate::output::Output;

/// The tiles that were named; else the test split of a run, the tiles of saved answers, or the golden tiles of a bundle or of
/// the one that a server serves.
pub(super) fn tiles(args: &Args, sides: &[Side], out: &Output) -> anyhow::Result<TileSet> {
    let is_bundle = |path: &Path| path.join(MANIFEST).is_file();
    let (bundle, run) = match args.tiles_of.as_deref() {
        Some(path) if is_bundle(path) => (Some(Bundle::open_to_verify(path)?), None),
        Some(path) => {
            (None, Some(Run { openslide: crate::environment::variable("KILN_OPENSLIDE"), ..Run::open(path)? }))
        }
        None => (None, None),
    };
    let run = run.as_ref().or_else(|| sides.iter().find_map(Side::run));
    if let Some(run) = run
        && (args.data.is_none() || args.split.is_some())
    {
        return Ok(TileSet::from_run(run, args.data.as_deref(), args.split.unwrap_or(Split::Test))?);
    }
    if let Some(data) = &args.data {
        let bundle = bundle.as_ref().or_else(|| sides.iter().find_map(Side::bundle));
        let slides = SlideOptions {
            micrometres_per_pixel: bundle.and_then(|bundle| bundle.manifest.tile.micrometres_per_pixel),
            openslide: crate::environment::variable("KILN_OPENSLIDE"),
            ..SlideOptions::default()
        };
        return Ok(TileSet::from_data(data, args.split, &slides)?);
    }
    if let Some(bundle) = &bundle {
        return Ok(TileSet::golden_of(bundle)?);
    }
    // A bundle before that of a server, as for a side in a process of its own.
    let is_local = |side: &&Side| side.facts.kind == SideKind::Bundle && side.bundle().is_some();
    let golden = || sides.iter().find(is_local).or_else(|| sides.iter().find(|side| side.bundle().is_some()));
    let saved = sides.iter().find_map(Side::saved);
    let tiles = match (saved, golden()) {
        // Answers to golden tiles can be compared with the bundle that has them.
        (Some(saved), Some(bundle)) => {
            let named_golden = saved.tiles.iter().all(|tile| tile.info.path.starts_with("golden/"));
            if named_golden { TileSet::golden(bundle)? } else { saved.tile_set() }
        }
        (Some(saved), None) => saved.tile_set(),
        (None, Some(bundle)) => TileSet::golden(bundle)?,
        (None, None) => TileSet::golden(&sides[0])?,
    };
    out.note(format_args!("comparing on {} tiles ({}); name others with --data", tiles.len(), tiles.source));
    Ok(tiles)
}
