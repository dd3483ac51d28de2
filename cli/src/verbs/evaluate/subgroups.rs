//! The subgroups of an evaluation: the keys that can be measured, and their lines.

use kiln_train::config::SubgroupKey;
use kiln_train::data::Dataset;
use kiln_train::metrics::Subgroups;

use super::Args;
use crate::output::Output;
use crate::verbs::interval::interval;

/// The keys to measure. Those that were asked for are all kept; of those in the configuration of the run, a column that this
/// data set does not have is named and left out.
pub(super) fn measurable(args: &Args, keys: &[SubgroupKey], dataset: &Dataset, out: &Output) -> Vec<SubgroupKey> {
    if !args.subgroups.is_empty() {
        return args.subgroups.clone();
    }
    let is_there = |key: &&SubgroupKey| {
        let there = key.column().is_none_or(|name| dataset.column(name).is_some());
        if !there {
            out.note(format_args!("the tiles have no column `{key}`, so its subgroups are not measured"));
        }
        there
    };
    keys.iter().filter(is_there).cloned().collect()
}

/// Prints a line for each subgroup of a key, and the cautions.
pub(super) fn show(found: &Subgroups, out: &Output) {
    for one in &found.subgroups {
        let counts = format!("{} tiles, {} anomalous", one.n, one.anomalous);
        let caution = one.caution.as_deref().map_or_else(String::new, |caution| format!("; {caution}"));
        let figures = one.figures.map_or_else(String::new, |figures| {
            format!("; AUROC {}, F1 {}", interval(figures.auroc), interval(figures.f1))
        });
        out.line(format_args!("subgroup     {} {}: {counts}{figures}{caution}", found.by, one.name));
    }
    for caution in &found.cautions {
        out.line(format_args!("caution      {}: {caution}", found.by));
    }
}
