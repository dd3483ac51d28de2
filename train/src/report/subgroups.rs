//! The sections of subgroups: the figures of each centre, scanner or colour.

use maud::{Markup, html};

use super::html::table;
use crate::metrics::{Interval, Subgroup, SubgroupFigures, Subgroups};

/// The columns of the table.
const COLUMNS: [&str; 9] =
    ["subgroup", "tiles", "anomalous", "AUROC", "by colour alone", "F1", "precision", "recall", "calibration error"];

pub(super) fn section(found: &Subgroups) -> Markup {
    let rows: Vec<Vec<String>> = found.subgroups.iter().map(row).collect();
    let notes = found.subgroups.iter().filter_map(|one| Some((one.name.as_str(), one.caution.as_deref()?)));
    html! {
        section {
            h2 { "By " (found.by) }
            (table("The figures of each subgroup at the threshold of all tiles, with 95 % intervals over its groups", &COLUMNS, &rows))
            @for caution in &found.cautions { p.note { "Caution: " (caution) "." } }
            @for (name, caution) in notes { p.note { (name) ": " (caution) "." } }
            @if let Some(clusters) = &found.clusters {
                p.note {
                    "A tile is purple if its mean blue minus mean red is at least " (format!("{:.3}", clusters.boundary))
                    ", fitted to " (clusters.tiles) " tiles without their labels; "
                    (format!("{:.0}", 100.0 * clusters.between)) " % of the variance is between the two colours."
                }
            }
        }
    }
}

fn row(one: &Subgroup) -> Vec<String> {
    let figure = |of: &dyn Fn(&SubgroupFigures) -> Option<Interval>| {
        let found = one.figures.as_ref().and_then(of);
        found.map_or_else(String::new, |figure| figure.to_string().replace(' ', "\u{a0}"))
    };
    vec![
        one.name.clone(),
        one.n.to_string(),
        one.anomalous.to_string(),
        figure(&|all| Some(all.auroc)),
        figure(&|all| all.colour_auroc),
        figure(&|all| Some(all.f1)),
        figure(&|all| Some(all.precision)),
        figure(&|all| Some(all.recall)),
        figure(&|all| all.ece),
    ]
}
