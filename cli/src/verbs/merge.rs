//! `kiln merge`: joins the parts of a sharded scoring run into one file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use kiln_files::FileDigest;
use kiln_runtime::Error;
use kiln_runtime::score::{
    self, Columns, DigestNow, Format, Listed, ListedTiles, MergeOptions, PartRecord, RowWriter, ScoreRow, TargetLock,
    file_digest, merge,
};
use kiln_tile::{Decoder, TileError, TileSource};

use super::format::FormatArgs;
use crate::destination::{Destination, Refused, STDOUT};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::inputs::{may_have_a_score, separator};
use crate::verbs::number::cores;

/// Join the parts of `kiln score --shard` into one file, in the order of the list.
///
/// The file appears only if it has exactly one row for every tile of the list: every part once, all of the same list, model
/// and settings, none changed since it was scored. Tiles that are found at their paths are read, and a part is refused if
/// its tiles were replaced after scoring. A missing, repeated or changed part is named, with exit status 1.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln merge parts/*.csv --out scores.csv\n  \
    kiln merge parts/part-*.parquet --out scores.parquet --list @tiles.txt")]
pub(crate) struct Args {
    /// Parts to join, in any order, each with its record PART.shard.json beside it.
    #[arg(required = true)]
    parts: Vec<PathBuf>,

    /// File to write; an existing one is replaced, but never an input. `-` is stdout, once all parts are checked.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    format: FormatArgs,

    /// Input of `kiln score` (files, folders, patterns, @FILE) that the parts must match; may be repeated.
    #[arg(long, value_name = "INPUT")]
    list: Vec<PathBuf>,

    /// Names in the lists of --list end with NUL instead of a line break, as from `find -print0`.
    #[arg(long, requires = "list")]
    null: bool,

    /// Do not compare the tiles with the scored ones: to save time, or if other tiles have these names on this machine.
    #[arg(long)]
    skip_tile_check: bool,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let is_stdout = args.out.as_os_str() == STDOUT;
    let format = args.format.resolve((!is_stdout).then_some(args.out.as_path()), out)?;
    let separator = separator(args.null, &args.list, "--list")?;
    let list = match args.list.as_slice() {
        [] => None,
        inputs => Some(score::search(inputs, &mut BufReader::new(io::stdin()), separator)?.tiles),
    };
    if !is_stdout {
        refuse_inputs(&args, list.as_deref().unwrap_or_default())?;
    }
    let listed = list.as_deref().map(|list| ListedTiles::new(list, Decoder::default()));
    // The list has the names as they are; a row shows a name that is not UTF-8 with replacement characters.
    let slides = SlideDigests::default();
    let digest = |index: usize, row: &ScoreRow| {
        if let Some(tile) = &row.tile {
            return slides.of(&tile.slide);
        }
        let listed = list.as_deref().and_then(|list| list.get(index)).map(|tile| tile.path.as_path());
        file_digest(listed.unwrap_or(Path::new(&row.path)))
    };
    let options = MergeOptions {
        list: listed.as_ref().map(|list| list as &dyn TileSource),
        digest: (!args.skip_tile_check).then_some(&digest as &DigestNow<'_>),
        workers: cores(),
    };
    // A reader of stdout gets all rows or none, so they wait in a file until all parts are checked.
    let scratch = is_stdout.then(tempfile::tempdir).transpose().context("cannot make a folder for temporary files")?;
    let file = scratch.as_ref().map_or_else(|| args.out.clone(), |folder| folder.path().join("rows"));
    let mut lock = None;
    let open = |columns: &Columns| {
        if !is_stdout {
            lock = Some(TargetLock::acquire(&file)?);
        }
        RowWriter::to_file(&file, format, columns)
    };
    let merged = merge(&args.parts, open, options)?;
    drop(lock);
    out.note(format_args!(
        "{} parts, {} tiles: {} with a score, {} without",
        merged.parts, merged.tiles, merged.scored, merged.failed
    ));
    if merged.not_compared > 0 && !args.skip_tile_check {
        out.note(format_args!(
            "{} tiles were not found, so changes since they were scored cannot be ruled out",
            merged.not_compared
        ));
    }
    if is_stdout {
        return print(&file);
    }
    if out.json {
        out.document(&serde_json::json!({
            "out": args.out.to_string_lossy(), "parts": merged.parts, "tiles": merged.tiles, "scored": merged.scored,
            "failed": merged.failed, "compared": merged.compared, "not_compared": merged.not_compared,
        }))?;
    }
    out.line(args.out.display());
    Ok(Exit::Done)
}

/// The digests of slides, each of which is read once; `None` for a slide that cannot be read here. Threads read different
/// slides at once, since the lock is not held meanwhile.
#[derive(Default)]
struct SlideDigests(Mutex<HashMap<String, SlideDigest>>);

/// Empty until a thread needs it; other threads then wait for that one.
type SlideDigest = Arc<OnceLock<Option<FileDigest>>>;

impl SlideDigests {
    fn of(&self, slide: &str) -> Result<FileDigest, TileError> {
        let digest = self.entry(slide);
        digest.get_or_init(|| slide_digest(Path::new(slide))).ok_or(TileError::NotFound)
    }

    fn entry(&self, slide: &str) -> SlideDigest {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(slide.to_owned()).or_default())
    }
}

#[cfg(feature = "slide")]
fn slide_digest(slide: &Path) -> Option<FileDigest> {
    kiln_slide::content_digest(slide).ok()
}

/// Without whole slides none can be read.
#[cfg(not(feature = "slide"))]
fn slide_digest(_: &Path) -> Option<FileDigest> {
    None
}

fn print(file: &Path) -> anyhow::Result<Exit> {
    let copied = File::open(file).and_then(|mut file| io::copy(&mut file, &mut io::stdout().lock()));
    match copied {
        // The reader closed the pipe (`kiln merge … | head`): it needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        copied => {
            let failed = |source| Error::Write { path: PathBuf::from("standard output"), source };
            copied.map(|_| Exit::Done).map_err(|source| failed(source).into())
        }
    }
}

/// Refuses to write over a part, its record, a list or a tile.
fn refuse_inputs(args: &Args, tiles: &[Listed]) -> Result<(), Refused> {
    let target = Destination::new("--out", &args.out);
    for part in &args.parts {
        target.is_not("the part", part)?;
        target.is_not("the record of a part", &PartRecord::path_of(part))?;
    }
    for list in args.list.iter().filter_map(|input| score::list_file(input)) {
        target.is_not("the list", &list)?;
    }
    if args.list.iter().any(|input| input.as_os_str() == score::STDIN) {
        target.is_not_stdin("the list")?;
    }
    // Where nothing is there, nothing is overwritten: a long list is not gone through.
    if target.exists() {
        tiles.iter().try_for_each(|tile| target.is_not("the tile", &tile.path))?;
        // Nor are the parts, where an earlier result is replaced.
        if may_have_a_score(&args.out) {
            refuse_scored(&target, &args.parts)?;
        }
    }
    Ok(())
}

/// Refuses to write over a tile or a slide that the parts have rows of. Parts that cannot be read are left to the merge.
fn refuse_scored(target: &Destination<'_>, parts: &[PathBuf]) -> Result<(), Refused> {
    let mut slides = HashSet::new();
    for part in parts {
        let (Ok(record), Some(format)) = (PartRecord::read(part), Format::from_path(part)) else { continue };
        let Ok(rows) = score::rows(part, format, &record.columns()) else { continue };
        for row in rows.map_while(Result::ok) {
            match row.tile {
                None => target.is_not("the tile", Path::new(&row.path))?,
                Some(tile) if slides.contains(&tile.slide) => {}
                Some(tile) => {
                    target.is_not("the slide", Path::new(&tile.slide))?;
                    slides.insert(tile.slide);
                }
            }
        }
    }
    Ok(())
}
