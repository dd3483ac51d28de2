//! The subgroups of an evaluation: which can be measured, and their lines.

use kiln_train::config::SubgroupKey;
use kiln_train::data::Dataset;
use kiln_train::metrics::{Interval, Subgroups};

use super::Args;
use crate::output::Output;

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
    let interval = |figure: Interval| format!("{:.3} [{:.3}, {:.3}]", figure.value, figure.low, figure.high);
    for one in &found.subgroups {
        let figures = match (&one.figures, &one.caution) {
            (Some(figures), _) => format!("AUROC {}, F1 {}", interval(figures.auroc), interval(figures.f1)),
            (None, Some(reason)) => reason.clone(),
            (None, None) => String::new(),
        };
        let counts = format!("{} tiles, {} anomalous", one.n, one.anomalous);
        out.line(format_args!("subgroup     {} {}: {counts}; {figures}", found.by, one.name));
    }
    for caution in &found.cautions {
        out.line(format_args!("caution      {}: {caution}", found.by));
    }
}
