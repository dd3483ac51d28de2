//! The scores of a bundle.

use std::slice::from_mut;
use std::sync::Arc;

use anyhow::bail;
use kiln_files::text::escaped;
use kiln_runtime::score::{self, PipelineOptions};
use kiln_runtime::{Bundle, DecisionRule, Manifest, Session, SessionOptions, library};
use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::config::SubgroupKey;
use kiln_train::data::{Dataset, SlideOptions, Split};
use kiln_train::evaluation::require_columns;

use super::part::{Part, bundle_indices, check_tiles, part_of, stated_plan};
use super::subject::{Subject, checked_labels, facts};
use super::{Args, reconstruction};
use crate::output::Output;
use crate::verbs::number::cores;

impl Subject {
    /// Scores of tiles, through ONNX Runtime. A tile that cannot be scored is named and left out.
    pub(super) fn from_bundle(args: &Args, out: &Output) -> anyhow::Result<Self> {
        let bundle = Bundle::open(&args.subject)?;
        let Some(data) = &args.data else {
            bail!(
                "cannot evaluate {}: a bundle does not contain a data set\nhint: name one with --data DIR",
                args.subject.display()
            );
        };
        let manifest = &bundle.manifest;
        let slides = SlideOptions {
            micrometres_per_pixel: manifest.tile.micrometres_per_pixel,
            openslide: crate::environment::variable("KILN_OPENSLIDE"),
            ..SlideOptions::default()
        };
        let columns: Vec<&str> = args.subgroups.iter().filter_map(SubgroupKey::column).collect();
        let dataset = Arc::new(Dataset::open_with_columns(data, &slides, &columns).map_err(Error::from)?);
        require_columns(&dataset, &args.subgroups)?;
        // The colour baseline is measured on tiles before stain normalisation.
        let trained_on = &manifest.provenance.data_sha256;
        let policy = args.size_policy.unwrap_or(manifest.tile.size_policy);
        let decoder = Decoder::new(policy);
        let plan = stated_plan(args, &dataset)?;
        let (part, digests) = match args.split {
            None if plan.is_some() => (Part::Of(Split::Test), None),
            _ => part_of(args, &dataset, decoder, trained_on, None, out)?,
        };
        let (indices, train) = bundle_indices(part, &dataset, plan.as_ref())?;
        let labels = checked_labels(&dataset, decoder, &indices, &manifest.classes, &manifest.normal_classes, out)?;
        check_tiles(args, part, &dataset, decoder, &indices, plan.as_ref(), digests.as_deref())?;
        let mut session = open(args, &bundle, out)?;
        let decoding = Decoder { policy, ..manifest.tile.decoder() };
        let (scores, failed) = score_tiles(&mut session, manifest, &dataset, &indices, decoding, out)?;
        let scored: Vec<usize> = scores.iter().map(|(index, _)| *index).collect();
        let squared_errors = reconstruction::squared_errors(&mut session, &decoding, &dataset, &scored, out)?;
        let threshold = &manifest.threshold;
        let nodes: Vec<String> =
            session.nodes().iter().map(|(name, count)| format!("{count} nodes on {name}")).collect();
        Ok(Self {
            name: manifest.model.name.clone(),
            part,
            decoder,
            classes: manifest.classes.clone(),
            normal_classes: manifest.normal_classes.clone(),
            scores,
            squared_errors,
            train,
            threshold: threshold.value,
            subgroups: args.subgroups.clone(),
            clusters: None,
            failed,
            labels,
            facts: facts(
                &dataset,
                args,
                part,
                format!("{} on the {}", threshold.rule, threshold.chosen_on),
                format!("ONNX Runtime, {}", nodes.join(", ")),
            ),
            dataset,
        })
    }
}

/// Most tiles without a score that are named.
const MOST_NAMED: usize = 20;

/// Index and score of each tile, and the number of tiles without a score, which are named.
fn score_tiles(
    session: &mut Session,
    manifest: &Manifest,
    dataset: &Dataset,
    indices: &[usize],
    decoding: Decoder,
    out: &Output,
) -> anyhow::Result<(Vec<(usize, f64)>, usize)> {
    let rule = DecisionRule::from_manifest(manifest);
    let workers = cores();
    let options = PipelineOptions { batch: PipelineOptions::DEFAULT_BATCH, workers };
    let bar = out.progress(Some(indices.len() as u64), "score");
    let (mut scores, mut failed, mut next) = (Vec::with_capacity(indices.len()), 0, indices.iter());
    let mut first: Option<String> = None;
    let source = dataset.tiles(indices, decoding);
    score::run(from_mut(session), &rule, &source, &options, &mut |row| {
        bar.inc(1);
        match (next.next(), row.score) {
            (Some(&index), Some(score)) => scores.push((index, f64::from(score))),
            _ => {
                failed += 1;
                let reason = format!("{}: {}", escaped(&row.path), row.status);
                if failed <= MOST_NAMED {
                    out.note(&reason);
                }
                first.get_or_insert(reason);
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    if failed > MOST_NAMED {
        out.note(format_args!("{} further tiles have no score", failed - MOST_NAMED));
    }
    if let (true, Some(first)) = (scores.is_empty(), first) {
        bail!("none of the {failed} tiles has a score; the first: {first}");
    }
    Ok((scores, failed))
}

fn open(args: &Args, bundle: &Bundle, out: &Output) -> anyhow::Result<Session> {
    let providers = args.provider.clone().map_or_else(|| "cpu".parse(), Ok)?;
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &providers)?)?;
    let options = SessionOptions { providers, ..SessionOptions::default() };
    let model = bundle.model_path(args.precision.as_deref().unwrap_or("fp32"))?;
    let mut session = Session::open(runtime, &model, &options)?;
    session.select_outputs(DecisionRule::from_manifest(&bundle.manifest).outputs())?;
    for (provider, reason) in session.skipped() {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    Ok(session)
}
