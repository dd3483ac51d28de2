//! The table of labels that every verb shows before it learns from tiles or measures on them.

use kiln_train::Error;
use kiln_train::data::{LabelCount, close_labels, shown};

/// The table, a line each, and what looks like a slip in it.
pub(crate) fn lines(labels: &[LabelCount]) -> Vec<String> {
    let mut lines = vec![format!("{:>7}  {:<9}  label", "tiles", "counts as")];
    // The label comes last, where a long one pushes nothing out of its column.
    lines.extend(
        labels.iter().map(|row| {
            format!("{:>7}  {:<9}  {}", row.tiles, row.counts_as.name(), shown(&row.label).trim_matches('`'))
        }),
    );
    lines.extend(close_labels(labels).into_iter().map(|(normal, anomalous)| {
        format!(
            "warning: {} counts as normal and {} as anomalous, and one letter tells them apart",
            shown(normal),
            shown(anomalous)
        )
    }));
    lines
}

/// The keys whose values are labels.
const KEYS: [&str; 2] = ["data.normal_classes", "training.class_weights"];

/// Adds the configuration file, or the `--set`, to an error in a label, which has a key alone.
pub(crate) fn with_origin(error: Error, config: &std::path::Path, sets: &[String]) -> Error {
    let Error::Config { origin, reason } = error else { return error };
    if !KEYS.contains(&origin.as_str()) {
        return Error::Config { origin, reason };
    }
    let of_key = |set: &&String| set.split_once('=').is_some_and(|(key, _)| key == origin);
    let origin = match sets.iter().rev().find(of_key) {
        Some(set) => format!("--set {set}"),
        None => format!("{}: {origin}", config.display()),
    };
    Error::Config { origin, reason }
}
