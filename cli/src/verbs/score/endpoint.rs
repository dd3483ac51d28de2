//! `kiln score --endpoint`: the same rows, by model servers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_runtime::endpoint::{Endpoint, check_golden};
use kiln_runtime::score::{self, Format, Listed, PipelineOptions, RowWriter, Summary};
use kiln_runtime::{Bundle, DecisionRule, Engine as _, Error};
use kiln_tile::{Decoder, publish};
use serde::Serialize;

use super::{Args, MAX_NAMED, default_format, name_bad_tile, threads};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::endpoint::{ServersReport, describe, report as servers};

/// What `--json` shows beside a result file.
#[derive(Serialize)]
struct Report<'a> {
    out: &'a PathBuf,
    format: String,
    #[serde(flatten)]
    summary: &'a Summary,
    provider: String,
    precision: &'a str,
    #[serde(flatten)]
    servers: ServersReport<'a>,
    nodes: BTreeMap<String, usize>,
}

pub(super) fn run(args: &Args, bundle: &Bundle, tiles: &[Listed], out: &Output) -> anyhow::Result<Exit> {
    let rule = DecisionRule::of(&bundle.manifest);
    let needed: &[&str] = if rule.classes().is_empty() { &["score"] } else { &["score", "probabilities"] };
    let endpoint = args.endpoint.connect(bundle, Some(needed), out)?;
    let precision = args.precision.as_deref().unwrap_or("fp32");
    bundle.variant(precision)?;
    check_golden(&endpoint, bundle, precision)?;
    let format = args.format.unwrap_or_else(|| default_format(args, out));
    let mut writer = match &args.out {
        Some(file) => RowWriter::to_file(file, format, rule.classes())?,
        None => RowWriter::to_stream(Box::new(io::stdout()), format, rule.classes())?,
    };
    let mut given = 0;
    match score_all((&endpoint, &rule), tiles, args, bundle, (&mut writer, &mut given), out) {
        Ok(summary) => {
            writer.finish()?;
            report(args, format, (&endpoint, precision), &summary, out)?;
            Ok(if summary.failed == 0 { Exit::Done } else { Exit::Input })
        }
        // A reader that went away (`kiln score … | head`) has all that it wanted.
        Err(Error::Write { source, .. }) if args.out.is_none() && source.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Exit::Done)
        }
        Err(error) => {
            keep(args, writer, &tiles[given..], tiles.len(), out)?;
            Err(error.into())
        }
    }
}

fn score_all(
    (endpoint, rule): (&Endpoint, &DecisionRule),
    tiles: &[Listed],
    args: &Args,
    bundle: &Bundle,
    (writer, given): (&mut RowWriter, &mut usize),
    out: &Output,
) -> kiln_runtime::Result<Summary> {
    let policy = args.size_policy.unwrap_or(bundle.manifest.tile.size_policy);
    let batch = endpoint.max_batch().map_or(args.batch, |most| args.batch.min(most));
    if batch < args.batch {
        out.note(format_args!("batches of {batch}: the server takes no larger ones"));
    }
    let options = PipelineOptions { batch, workers: threads(args), decoder: Decoder::new(policy) };
    let bar = (tiles.len() > MAX_NAMED).then(|| out.progress(Some(tiles.len() as u64), "score"));
    let mut bad = 0;
    let summary = score::run_streams(&mut endpoint.handles(), rule, tiles, &options, &mut |row| {
        if !row.is_ok() {
            bad += 1;
            name_bad_tile(&row, bad, out);
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
        writer.write(&row)?;
        *given += 1;
        Ok(())
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    summary
}

/// Nothing that was scored is lost when the servers are: rows go to a file of their own, as do the tiles that have none.
fn keep(args: &Args, writer: RowWriter, missing: &[Listed], all: usize, out: &Output) -> anyhow::Result<()> {
    let done = all - missing.len();
    let Some(first) = missing.first() else { return Ok(()) };
    let Some(file) = &args.out else {
        let first = first.path.display();
        out.note(format_args!("{done} of {all} tiles have a row; to continue, score the tiles from {first} on"));
        return Ok(());
    };
    let (rows, list) = (beside(file, "part"), file.with_extension("missing.txt"));
    writer.finish_as(&rows)?;
    let names: String = missing.iter().map(|tile| format!("{}\n", tile.path.display())).collect();
    publish::write_file(&list, names.as_bytes()).map_err(|source| Error::Write { path: list.clone(), source })?;
    out.note(format_args!(
        "{done} of {all} tiles are in {}; the {} without a row are listed in {}; to continue, score @{} with the same \
         bundle and servers",
        rows.display(),
        missing.len(),
        list.display(),
        list.display()
    ));
    Ok(())
}

/// `scores.csv` to `scores.part.csv`.
fn beside(file: &Path, word: &str) -> PathBuf {
    match file.extension() {
        Some(extension) => file.with_extension(format!("{word}.{}", extension.to_string_lossy())),
        None => file.with_extension(word),
    }
}

fn report(
    args: &Args,
    format: Format,
    (endpoint, precision): (&Endpoint, &str),
    summary: &Summary,
    out: &Output,
) -> anyhow::Result<()> {
    let seconds = Duration::from_secs_f64(summary.seconds);
    let (scored, tiles, speed) = (summary.scored, summary.tiles, summary.tiles_per_s);
    out.note(format_args!("{scored} of {tiles} tiles scored in {seconds:.2?}, {speed:.1} tiles/s, {}", describe(endpoint)));
    let Some(file) = &args.out else { return Ok(()) };
    if !out.json {
        out.line(file.display());
        return Ok(());
    }
    let (provider, nodes) = (endpoint.provider(), endpoint.nodes());
    let servers = servers(endpoint);
    out.document(&Report { out: file, format: format.to_string(), summary, provider, precision, servers, nodes })
}
