//! The table of labels that every verb prints before it trains or measures on tiles.

use kiln_train::Error;
use kiln_train::data::{LabelCount, close_labels, shown};

/// The lines of the table, then a warning for every pair of labels that looks like a spelling mistake.
pub(crate) fn lines(labels: &[LabelCount]) -> Vec<String> {
    let mut lines = vec![format!("{:>7}  {:<9}  label", "tiles", "counts as")];
    // The label comes last, so that a long one moves no other column.
    lines.extend(
        labels.iter().map(|row| {
            format!("{:>7}  {:<9}  {}", row.tiles, row.counts_as.name(), shown(&row.label).trim_matches('`'))
        }),
    );
    lines.extend(close_labels(labels).into_iter().map(|(normal, anomalous)| {
        format!(
            "warning: {} counts as normal and {} as anomalous, but they differ in one letter only",
            shown(normal),
            shown(anomalous)
        )
    }));
    lines
}

/// The keys of a configuration that are checked against the data set.
const KEYS: [&str; 5] = [
    "data.normal_classes",
    "data.micrometres_per_pixel",
    "split.leave_one_out",
    "training.batch",
    "training.class_weights",
];

/// Adds the source, the configuration file or the `--set`, to an error about the data set; the error names the key alone.
pub(crate) fn with_origin(error: Error, config: &std::path::Path, sets: &[String]) -> Error {
    let Error::Config { origin, reason } = error else { return error };
    if !KEYS.contains(&origin.as_str()) {
        return Error::Config { origin, reason };
    }
    let of_key = |set: &&String| {
        let key = set.split_once('=').map_or(set.as_str(), |(key, _)| key);
        let below = |key: &str, section: &str| {
            key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // A key below the one that is wrong, such as a label with its weight, is to blame only if the reason names it.
        let label = key.strip_prefix(&format!("{origin}."));
        below(&origin, key) || label.is_some_and(|label| reason.contains(&shown(label)))
    };
    let origin = match sets.iter().rev().find(of_key) {
        Some(set) => format!("--set {set}"),
        None => format!("{}: {origin}", config.display()),
    };
    Error::Config { origin, reason }
}

/// The note about tiles without a label.
pub(super) fn unlabelled(tiles: usize) -> String {
    format!("{tiles} tiles of the list have no label and are left out")
}
