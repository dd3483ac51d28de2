//! The latent space of an autoencoder: how much of it is used, and whether it has collapsed.

use maud::{Markup, html};

use super::html::{table, verdict};
use crate::metrics::{ACTIVE_VARIANCE, LatentUse};

/// Units in the table, those with the largest variance first.
const SHOWN: usize = 12;

pub(super) fn section(found: &LatentUse) -> Markup {
    let sound = if found.active.is_some() { "The latent space is in use" } else { "The tiles are rebuilt" };
    html! {
        section {
            h2 { "Use of the latent space" }
            @match &found.caution {
                Some(caution) => (verdict(false, caution)),
                None => (verdict(true, sound)),
            }
            (table(&format!("Over {} normal tiles", found.tiles), &["figure", "value"], &figures(found)))
            (table(&caption(found), &["unit", "variance of the mean", "divergence in nats"], &units(found)))
            p.note {
                "A unit is active if the variance of its posterior mean is above " (ACTIVE_VARIANCE.to_string())
                " (Burda and others, 2016). metrics.json has every unit."
            }
        }
    }
}

fn figures(found: &LatentUse) -> Vec<Vec<String>> {
    let active = found.active.map(|active| ("active units", format!("{active} of {}", found.units)));
    let divergence = found.divergence.as_ref().map(|all| ("divergence, all units", format!("{:.2} nats", sum(all))));
    let rebuilt =
        found.rebuilt.map(|share| ("variance around one colour that is rebuilt", format!("{:.1} %", 100.0 * share)));
    let rows = active.into_iter().chain(divergence).chain(rebuilt);
    rows.map(|(name, value)| vec![name.to_owned(), value]).collect()
}

fn caption(found: &LatentUse) -> String {
    format!("The {} units with the largest variance, of {}", found.units.min(SHOWN), found.units)
}

fn units(found: &LatentUse) -> Vec<Vec<String>> {
    let mut order: Vec<usize> = (0..found.units).collect();
    order.sort_by(|a, b| found.variance[*b].total_cmp(&found.variance[*a]));
    let divergence =
        |unit: usize| found.divergence.as_ref().map_or_else(String::new, |all| format!("{:.3}", all[unit]));
    let row = |unit: usize| vec![unit.to_string(), format!("{:.4}", found.variance[unit]), divergence(unit)];
    order.into_iter().take(SHOWN).map(row).collect()
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}
