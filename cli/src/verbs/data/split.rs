//! `kiln data split`: the split of a data set as a file.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use kiln_files::publish;
use kiln_tile::{Decoder, SizePolicy};
use kiln_train::Error;
use kiln_train::data::{self, Dataset, Split, SplitPlan};
use serde_json::json;

use super::{SplitArgs, open};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

pub(super) fn split(args: &SplitArgs, out: &Output) -> anyhow::Result<Exit> {
    let [train, val, test] = args.fractions[..] else {
        bail!("--fractions takes three numbers: train,val,test\nhint: write for example --fractions 0.8,0.1,0.1");
    };
    let dataset = open(&args.data)?;
    let target = args.out.clone().unwrap_or_else(|| dataset.root.join("split.csv"));
    if target.symlink_metadata().is_ok() && !args.force {
        bail!("{} exists already\nhint: replace it with --force, or choose another file with --out", target.display());
    }
    if let Err(reason) = publish::can_be_written(&target) {
        bail!("cannot write the split to {}: {reason}\nhint: name another file with --out", target.display());
    }
    data::check_masks(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let file = Destination::new("--out", &target);
    let list = dataset.list.iter().cloned();
    for input in list.chain(dataset.files()) {
        file.is_not("the data set's file", &input)?;
    }
    if target.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("csv")) {
        bail!(
            "cannot write the split to {}: its name must end in .csv\nhint: name another file with --out",
            target.display()
        );
    }
    let digests = data::tile_digests(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let plan = SplitPlan::with_digests(&dataset, &digests, [train, val, test], args.seed).map_err(Error::from)?;
    plan.write_list(&dataset, &target).map_err(Error::from)?;
    if dataset.unlabelled > 0 {
        out.note(crate::verbs::labels::unlabelled(dataset.unlabelled));
    }
    report(&dataset, &plan, &target, out)?;
    Ok(Exit::Done)
}

fn report(dataset: &Dataset, plan: &SplitPlan, target: &Path, out: &Output) -> anyhow::Result<()> {
    let counts = plan.counts(dataset);
    let groups = |split: Split| {
        let names = plan.indices(split).into_iter().map(|index| dataset.group_name(index));
        names.collect::<BTreeSet<_>>().len()
    };
    if out.json {
        let splits: serde_json::Map<String, serde_json::Value> = counts
            .iter()
            .map(|(split, labels)| {
                let tiles: usize = labels.values().sum();
                (split.to_string(), json!({ "tiles": tiles, "groups": groups(*split), "labels": labels }))
            })
            .collect();
        return out.document(&json!({
            "split": target.to_string_lossy(), "tiles": dataset.len(), "seed": plan.seed, "splits": splits,
        }));
    }
    for (split, labels) in &counts {
        let each: Vec<String> = labels.iter().map(|(label, tiles)| format!("{tiles} {label}")).collect();
        let tiles: usize = labels.values().sum();
        out.line(format_args!(
            "{:10} {tiles:6} tiles of {:5} groups: {}",
            split.name(),
            groups(*split),
            each.join(", ")
        ));
    }
    out.line(format_args!("written    {}", target.display()));
    Ok(())
}
