//! `kiln score --endpoint`: the same rows, by model servers.

use std::path::PathBuf;

use kiln_runtime::endpoint::{Endpoint, check_golden};

use super::report::report;
use super::run::{Scored, score};
use super::sink::Sink;
use super::work::Work;
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::endpoint::{ServersReport, describe};
use crate::verbs::shard::Part;

pub(super) fn run(work: &Work<'_>, part: Part<'_>, out: &Output) -> anyhow::Result<Exit> {
    let endpoint = open(work, out)?;
    let mut handles = endpoint.handles();
    let batch = batch(work, &endpoint, &mut handles, out)?;
    // After the servers were checked: where nothing can be scored, stdout gets no header that promises rows.
    let sink = Sink::open(work, &settings(&endpoint), out)?;
    let kept = sink.progress();
    match score(work, &mut handles, batch, sink, out) {
        Ok(scored) => {
            let exit = scored.exit();
            if let Scored::All(summary, digests) = scored {
                work.record(part, digests)?;
                let place = describe(&endpoint);
                report(work, &endpoint, batch, &summary, (&place, ServersReport::new(&endpoint)), out)?;
            }
            Ok(exit)
        }
        Err(error) => {
            out.note(how_to_continue(kept));
            Err(error.into())
        }
    }
}

/// Connects to the servers, and compares them with the bundle.
pub(super) fn open(work: &Work<'_>, out: &Output) -> anyhow::Result<Endpoint> {
    let Work { args, bundle, rule, precision, .. } = *work;
    let endpoint = args.endpoint.connect(bundle, Some(rule.outputs()), out)?;
    check_golden(&endpoint, bundle, precision)?;
    Ok(endpoint)
}

/// The facts about the servers that rows depend on. Rows do not depend on the servers that answer, so that other servers may
/// continue a run.
pub(super) fn settings(endpoint: &Endpoint) -> [&str; 3] {
    ["endpoint", endpoint.model(), endpoint.version().unwrap_or_default()]
}

/// The requested batch, or the largest one that the servers take.
fn batch(work: &Work<'_>, endpoint: &Endpoint, handles: &mut [Endpoint], out: &Output) -> anyhow::Result<usize> {
    let asked = work.batch(handles, out)?;
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
