//! `kiln score --endpoint`: the same rows, by model servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kiln_runtime::Scorer as _;
use kiln_runtime::endpoint::{Endpoint, check_golden};
use kiln_runtime::score::Summary;
use serde::Serialize;

use super::sink::Sink;
use super::{Part, Scored, Work};
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
    batch: usize,
    #[serde(flatten)]
    servers: ServersReport<'a>,
    nodes: BTreeMap<String, usize>,
}

pub(super) fn run(work: &Work<'_>, part: Part, out: &Output) -> anyhow::Result<Exit> {
    let Work { args, bundle, rule, precision, .. } = *work;
    let needed: &[&str] = if rule.classes().is_empty() { &["score"] } else { &["score", "probabilities"] };
    let endpoint = args.endpoint.connect(bundle, Some(needed), out)?;
    check_golden(&endpoint, bundle, precision)?;
    let mut scorers = endpoint.handles();
    let batch = batch(work, &endpoint, &mut scorers, out)?;
    // After the servers were checked: where nothing can be scored, stdout gets no header that promises rows. Which
    // servers answer is no part of what the rows depend on, so that other ones may go on where these were lost.
    let sink = Sink::open(work, &["endpoint", endpoint.model(), endpoint.version().unwrap_or_default()], out)?;
    let kept = sink.progress();
    match work.score(&mut scorers, batch, sink, out) {
        Ok(scored) => {
            let exit = scored.exit();
            if let Scored::All(summary, digests) = scored {
                work.record(part, digests)?;
                report(work, &endpoint, batch, &summary, out)?;
            }
            Ok(exit)
        }
        Err(error) => {
            out.note(how_to_continue(kept));
            Err(error.into())
        }
    }
}

/// The batch that was asked for, as far as the servers take it.
fn batch(work: &Work<'_>, endpoint: &Endpoint, scorers: &mut [Endpoint], out: &Output) -> anyhow::Result<usize> {
    let asked = work.batch(scorers, out)?;
    let batch = endpoint.max_batch().map_or(asked, |most| asked.min(most));
    if batch < asked {
        out.note(format_args!("batches of {batch}: the server takes no larger ones"));
    }
    Ok(batch)
}

fn how_to_continue(kept: Option<PathBuf>) -> String {
    match kept {
        Some(file) => format!(
            "the rows before it are in {}; the same command goes on behind them, with these servers or others of the \
             same model",
            file.display()
        ),
        None => "the tiles before it have their rows; to continue, score the others, or use --out, which goes on by \
                 itself"
            .to_owned(),
    }
}

fn report(work: &Work<'_>, endpoint: &Endpoint, batch: usize, summary: &Summary, out: &Output) -> anyhow::Result<()> {
    let seconds = Duration::from_secs_f64(summary.seconds);
    let (scored, tiles, speed) = (summary.scored, summary.tiles, summary.tiles_per_s);
    out.note(format_args!(
        "{scored} of {tiles} tiles scored in {seconds:.2?}, {speed:.1} tiles/s, {}",
        describe(endpoint)
    ));
    let Some(file) = &work.args.out else { return Ok(()) };
    if !out.json {
        out.line(file.display());
        return Ok(());
    }
    let format = work.format.to_string();
    let (provider, nodes, precision) = (endpoint.provider(), endpoint.nodes(), work.precision);
    let servers = servers(endpoint);
    out.document(&Report { out: file, format, summary, provider, precision, batch, servers, nodes })
}
