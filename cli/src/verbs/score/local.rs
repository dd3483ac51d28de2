//! `kiln score` by ONNX Runtime in this process.

use kiln_files::limits::Limits;
use kiln_runtime::score::{self, Layout};
use kiln_runtime::{Providers, Scorer, Session, library};
use serde::Serialize;

use super::args::BatchSize;
use super::report::report;
use super::run::{Scored, score};
use super::sink::Sink;
use super::work::Work;
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::shard::Part;

/// The report's list of providers that were skipped.
#[derive(Serialize)]
struct More<'a> {
    skipped: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    provider: &'a str,
    reason: &'a str,
}

pub(super) fn run(work: &Work<'_>, providers: &Providers, part: Part<'_>, out: &Output) -> anyhow::Result<Exit> {
    let mut sessions = open(work, providers, work.source.len(), out)?;
    let batch = work.batch(&mut sessions, out)?;
    // After the session: where nothing can be scored, stdout gets no header that promises rows.
    let settings = settings(&sessions, providers);
    let sink = Sink::open(work, &settings.each_ref().map(String::as_str), out)?;
    for (provider, reason) in sessions.first().into_iter().flat_map(Session::skipped) {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    let scored = score(work, &mut sessions, batch, sink, out)?;
    let exit = scored.exit();
    if let Scored::All(summary, digests) = scored {
        work.record(part, digests)?;
        if let Some(session) = sessions.first() {
            let nodes = session.nodes().iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}"));
            let place = format!("{}, {}", work.precision, nodes.collect::<Vec<_>>().join(", "));
            let skipped = session.skipped().iter().map(|(provider, reason)| Skipped { provider, reason }).collect();
            report(work, session, batch, &summary, (&place, More { skipped }), out)?;
        }
    }
    Ok(exit)
}

/// Opens the sessions for this many tiles.
pub(super) fn open(work: &Work<'_>, providers: &Providers, tiles: usize, out: &Output) -> anyhow::Result<Vec<Session>> {
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), providers)?)?;
    let model = work.bundle.model_path(work.precision)?;
    let batches = match work.args.batch {
        BatchSize::Tiles(batch) => vec![batch],
        BatchSize::Auto => score::PROBED_BATCHES.to_vec(),
    };
    let options = work.args.provider.session(work.bundle, work.precision, &batches)?;
    let smallest = batches.iter().copied().min().unwrap_or(1);
    let largest = batches.iter().copied().max().unwrap_or(1);
    let bytes = work.bundle.graph_files(work.precision)?.iter().map(|file| file.bytes).sum();
    let layout = Layout::new(providers, work.args.threads(), tiles.div_ceil(smallest));
    let layout = layout.within(Limits::here().memory(), bytes, largest);
    Ok(score::open_sessions(runtime, &model, &options, layout, work.rule)?)
}

/// The settings of a session that rows depend on: the requested providers with their options, the provider that runs,
/// the library.
pub(super) fn settings(sessions: &[Session], providers: &Providers) -> [String; 3] {
    let session = sessions.first();
    [
        providers.identity(),
        session.map(|session| session.provider().to_owned()).unwrap_or_default(),
        session.map(Scorer::version).unwrap_or_default(),
    ]
}
