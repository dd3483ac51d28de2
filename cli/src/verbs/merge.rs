//! `kiln merge`: parts of a sharded scoring become one file.

use std::io::{self, BufReader};
use std::path::PathBuf;

use kiln_runtime::score::{self, Format, merge};

use crate::exit::Exit;
use crate::output::Output;

/// Join the parts that `kiln score --shard` left, in the order of the list.
///
/// The file appears only if it is the list, tile by tile: every part once, all of the same list and model, none changed
/// since it was scored. Otherwise the exit status is 1 and what is missing, or there twice, is named.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln merge parts/*.csv --out scores.csv\n  \
    kiln merge parts/part-*.parquet --out scores.parquet --list @tiles.txt")]
pub(crate) struct Args {
    /// The parts, in any order; beside each lies its record, PART.shard.json.
    #[arg(required = true)]
    parts: Vec<PathBuf>,

    /// File to write; replaces what is there.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// csv, jsonl or parquet [default: by the name of --out, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// What was scored, as `kiln score` was given it: the parts must be of that list. May be repeated.
    #[arg(long, value_name = "INPUT")]
    list: Vec<PathBuf>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let format = args.format.or_else(|| Format::of_path(&args.out)).unwrap_or(Format::Csv);
    let list = match args.list.as_slice() {
        [] => None,
        inputs => Some(score::list(inputs, &mut BufReader::new(io::stdin()))?),
    };
    let merged = merge(&args.parts, &args.out, format, list.as_deref())?;
    out.note(format_args!(
        "{} parts, {} tiles: {} with a score, {} without",
        merged.parts, merged.tiles, merged.scored, merged.failed
    ));
    if out.json {
        let (parts, tiles, scored, failed) = (merged.parts, merged.tiles, merged.scored, merged.failed);
        out.document(&serde_json::json!({
            "out": args.out, "parts": parts, "tiles": tiles, "scored": scored, "failed": failed,
        }))?;
    }
    out.line(args.out.display());
    Ok(Exit::Done)
}
