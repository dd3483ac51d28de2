//! The part of a data set that is measured. Tiles of the training are recognised by digest, and a model is not measured on
//! tiles that it was trained on unless that was asked for.

use std::path::Path;

use anyhow::bail;
use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::data::{self, ContentDigests, Dataset, Split, SplitPlan};
use kiln_train::training::Run;

use super::Args;
use crate::output::Output;

/// The tiles to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Of(Split),
}

impl Part {
    /// Reads the value of `--split`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let split = Split::ALL.into_iter().find(|split| split.name() == text).map(Self::Of);
        split.or((text == "all").then_some(Self::All)).ok_or_else(|| "train, val, test or all is expected".to_owned())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Of(split) => split.name(),
        }
    }
}

/// The part that was asked for, else the test split of the training's data set, or all tiles of another one; and the digests of
/// all tiles, if they were needed for that. `trained_on` is the digest of the training's data set; `run` is its run, if known.
pub(super) fn part_of(
    args: &Args,
    dataset: &Dataset,
    decoder: Decoder,
    trained_on: &str,
    run: Option<&Run>,
    out: &Output,
) -> anyhow::Result<(Part, Option<Vec<ContentDigests>>)> {
    if let Some(part) = args.split {
        return Ok((part, None));
    }
    let test = Part::Of(Split::Test);
    if args.split_file.is_some() {
        return Ok((test, None));
    }
    let digests = data::tile_digests(dataset, &decoder).map_err(Error::from)?;
    if data::dataset_digest(dataset, &digests) == trained_on {
        return Ok((test, Some(digests)));
    }
    if let Some(run) = run {
        refuse_seen(run, dataset, &run.seen(&digests)?)?;
    }
    out.note(format_args!(
        "{} is not the data set of the training, so all its tiles are measured",
        dataset.root.display()
    ));
    Ok((Part::All, Some(digests)))
}

/// Refuses one image with two labels, and a split of a list or file that puts an image or a group of the measured tiles on another
/// side too. `--split all` measures every tile as it is.
pub(super) fn check_tiles(
    args: &Args,
    part: Part,
    dataset: &Dataset,
    decoder: Decoder,
    measured: &[usize],
    plan: Option<&SplitPlan>,
    known: Option<&[ContentDigests]>,
) -> anyhow::Result<()> {
    if args.split == Some(Part::All) {
        return Ok(());
    }
    let plan = plan.filter(|_| matches!(part, Part::Of(Split::Val | Split::Test)));
    Ok(data::check_measured(dataset, &decoder, measured, plan, known).map_err(Error::from)?)
}

/// Refuses a split file that puts training or validation tiles of the run among those to measure.
pub(super) fn refuse_trained(
    run: &Run,
    dataset: &Dataset,
    decoder: Decoder,
    measured: &[usize],
    file: &Path,
) -> anyhow::Result<()> {
    let trained = run.seen_among(dataset, &decoder, measured)?;
    let Some(&first) = trained.first() else { return Ok(()) };
    bail!(
        "{}: {} of its {} test tiles are training or validation tiles of the run {} (the first is {})\n\
         hint: leave out --split-file, which measures the run's own test split, or measure all tiles with --split all",
        file.display(),
        trained.len(),
        measured.len(),
        run.layout.root().display(),
        data::shown(&dataset.entries[first].path.to_string_lossy())
    );
}

/// Refuses to measure a model on tiles that it was trained on, unless `--split` was given.
fn refuse_seen(run: &Run, dataset: &Dataset, seen: &[usize]) -> anyhow::Result<()> {
    let Some(&first) = seen.first() else { return Ok(()) };
    bail!(
        "{} is not the data set of the training, but contains training or validation tiles of the run {} \
         ({}, the first is {})\nhint: leave them out, or measure all tiles nevertheless with --split all",
        dataset.root.display(),
        run.layout.root().display(),
        seen.len(),
        data::shown(&dataset.entries[first].path.to_string_lossy())
    );
}

/// The tiles to measure, and the tiles to fit the colour baseline on.
pub(super) fn bundle_indices(
    part: Part,
    dataset: &Dataset,
    plan: Option<&SplitPlan>,
) -> anyhow::Result<(Vec<usize>, Vec<usize>)> {
    let Part::Of(split) = part else { return Ok(((0..dataset.len()).collect(), Vec::new())) };
    let Some(plan) = plan else {
        bail!(
            "{} does not assign every tile to a split, so its {} split is unknown\nhint: give the run's split.csv with \
             --split-file, or measure all tiles with --split all",
            dataset.root.display(),
            split.name()
        );
    };
    Ok((plan.indices(split), if split == Split::Train { Vec::new() } else { plan.indices(Split::Train) }))
}

/// The split of `--split-file`, else of the data set's list.
pub(super) fn stated_plan(args: &Args, dataset: &Dataset) -> kiln_train::Result<Option<SplitPlan>> {
    match &args.split_file {
        Some(file) => Ok(Some(SplitPlan::read_csv(dataset, file)?)),
        None => Ok(SplitPlan::of_list(dataset)),
    }
}
