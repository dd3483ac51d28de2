//! The part of a data set that is measured. Tiles of the training are recognised by digest, and a model is not measured on
//! tiles that it was trained on unless that was asked for.

use anyhow::bail;
use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::data::{self, Dataset, Split, SplitPlan};
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

/// The part that was asked for, else the test split of the training's data set, or all tiles of another one. `trained_on`
/// is the digest of the training's data set; `run` is its run, if known.
pub(super) fn part_of(
    args: &Args,
    dataset: &Dataset,
    decoder: Decoder,
    trained_on: &str,
    run: Option<&Run>,
    out: &Output,
) -> anyhow::Result<Part> {
    if let Some(part) = args.split {
        return Ok(part);
    }
    let test = Part::Of(Split::Test);
    if args.split_file.is_some() {
        return Ok(test);
    }
    let digests = data::tile_digests(dataset, &decoder).map_err(Error::from)?;
    if data::dataset_digest(dataset, &digests) == trained_on {
        return Ok(test);
    }
    if let Some(run) = run {
        refuse_seen(run, dataset, &run.seen(&digests)?)?;
    }
    out.note(format_args!(
        "{} is not the data set of the training, so all its tiles are measured",
        dataset.root.display()
    ));
    Ok(Part::All)
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
pub(super) fn bundle_indices(args: &Args, part: Part, dataset: &Dataset) -> anyhow::Result<(Vec<usize>, Vec<usize>)> {
    let Part::Of(split) = part else { return Ok(((0..dataset.len()).collect(), Vec::new())) };
    let splits: Vec<Option<Split>> = match &args.split_file {
        Some(file) => {
            SplitPlan::read_csv(dataset, file).map_err(Error::from)?.assignments.into_iter().map(Some).collect()
        }
        None => dataset.entries.iter().map(|entry| entry.split).collect(),
    };
    if splits.iter().any(Option::is_none) {
        bail!(
            "{} does not assign every tile to a split, so its {} split is unknown\nhint: give the run's split.csv with \
             --split-file, or measure all tiles with --split all",
            dataset.root.display(),
            split.name()
        );
    }
    let of = |wanted| (0..splits.len()).filter(|&at| splits[at] == Some(wanted)).collect();
    Ok((of(split), if split == Split::Train { Vec::new() } else { of(Split::Train) }))
}
