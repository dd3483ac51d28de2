//! The scores of a run.

use anyhow::bail;
use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::data::{Split, SplitPlan};
use kiln_train::evaluation::{require_columns, score_run};
use kiln_train::training::Run;

use super::part::{Part, check_tiles, part_of, refuse_trained};
use super::subject::{Subject, checked_labels, facts};
use super::{Args, subgroups};
use crate::output::Output;

impl Subject {
    /// Scores of a run's tiles, through burn.
    pub(super) fn from_run(args: &Args, out: &Output) -> anyhow::Result<Self> {
        if args.provider.is_some() || args.precision.is_some() || args.size_policy.is_some() {
            bail!(
                "--provider, --precision and --size-policy are for a bundle, but {} is not one (it has no manifest.json)",
                args.subject.display()
            );
        }
        let mut run = Run { openslide: crate::environment::variable("KILN_OPENSLIDE"), ..Run::open(&args.subject)? };
        // The list may have these columns beside those of the configuration.
        run.config.subgroups.extend(args.subgroups.iter().cloned());
        let dataset = run.dataset(args.data.as_deref())?;
        require_columns(&dataset, &args.subgroups)?;
        let decoder = Decoder::new(run.config.data.size_policy);
        let (part, digests) = match &args.data {
            Some(_) => part_of(args, &dataset, decoder, &run.facts.data_sha256, Some(&run), out)?,
            None => (args.split.unwrap_or(Part::Of(Split::Test)), None),
        };
        let plan = match &args.split_file {
            Some(file) => Some(SplitPlan::read_csv(&dataset, file).map_err(Error::from)?),
            None => None,
        };
        let of = |split| match &plan {
            Some(plan) => Ok(plan.indices(split)),
            None => run.indices(&dataset, split),
        };
        let (indices, train) = match part {
            Part::All => ((0..dataset.len()).collect(), Vec::new()),
            Part::Of(Split::Train) => (of(Split::Train)?, Vec::new()),
            Part::Of(split) => (of(split)?, of(Split::Train)?),
        };
        let known = &run.facts.classes;
        let labels = checked_labels(&dataset, decoder, &indices, &known.names, known.normal_names(), out)?;
        // The run's own tiles and split were checked when it was trained, unless they have changed since.
        if args.data.is_none() && plan.is_none() && part != Part::All {
            run.check_unchanged(&dataset)?;
        }
        if args.data.is_some() || plan.is_some() {
            check_tiles(args, part, &dataset, decoder, &indices, plan.as_ref(), digests.as_deref())?;
        }
        if let (Some(file), Part::Of(Split::Test)) = (&args.split_file, part) {
            refuse_trained(&run, &dataset, decoder, &indices, file)?;
        }
        let subgroups = subgroups::measurable(args, &run.config.subgroups, &dataset, out);
        let scored = score_run(&run, &dataset, indices)?;
        let threshold = &run.facts.threshold;
        Ok(Self {
            name: run.config.name.clone(),
            part,
            decoder,
            classes: run.facts.classes.names.clone(),
            normal_classes: run.facts.classes.normal_names().to_vec(),
            scores: scored.iter().map(|tile| (tile.index, tile.score)).collect(),
            squared_errors: scored.iter().map(|tile| tile.squared_error).collect(),
            train,
            threshold: threshold.value,
            subgroups,
            clusters: run.facts.colour_clusters,
            failed: 0,
            labels,
            facts: facts(
                &dataset,
                args,
                part,
                format!("{} on the {}", threshold.rule, threshold.chosen_on),
                "burn".to_owned(),
            ),
            dataset,
        })
    }
}
