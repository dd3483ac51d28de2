//! `kiln data inspect`: the content of a data set, before anything is trained on it.

use std::fmt::Display;

use kiln_tile::{Decoder, Limits, SizePolicy};
use kiln_train::Error;
use kiln_train::data::{self, ColumnCount, Dataset, Inspection, LabelCount, LabelKind, ValueCount};
use kiln_train::training::classes;
use serde::Serialize;

use super::{InspectArgs, colour, open};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::labels as table;

/// The number of findings of one kind that are printed; `--json` lists all.
const SHOWN: usize = 20;

pub(super) fn inspect(args: &InspectArgs, out: &Output) -> anyhow::Result<Exit> {
    let dataset = open(&args.data)?;
    let labels = labels(&dataset, &args.normal)?;
    data::check_masks(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let bar = out.progress(Some(dataset.len() as u64), "reading");
    let found =
        data::inspect(&dataset, args.positive.as_deref(), Limits::default(), &|| bar.inc(1)).map_err(Error::from)?;
    bar.finish_and_clear();
    if out.json {
        let (labels, undecided) = (labels.as_ref().ok(), labels.as_ref().err());
        out.document(&Document { labels, labels_undecided: undecided, found: &found })?
    } else {
        show(&found, &labels, out)
    }
    let sound = found.unreadable.is_empty() && found.label_conflicts.is_empty();
    Ok(if sound { Exit::Done } else { Exit::Input })
}

/// The JSON document: the findings, and the labels with their meaning, or the reason why a configuration must define it.
#[derive(Serialize)]
struct Document<'a> {
    labels: Option<&'a Vec<LabelCount>>,
    labels_undecided: Option<&'a String>,
    #[serde(flatten)]
    found: &'a Inspection,
}

/// The labels with their meaning (normal or anomalous), or the reason why a configuration must define it.
type Labels = Result<Vec<LabelCount>, String>;

fn labels(dataset: &Dataset, normal: &[String]) -> Result<Labels, Error> {
    let named = (!normal.is_empty()).then_some(normal);
    match (classes(dataset, named), named) {
        (Ok(classes), _) => Ok(Ok(data::label_counts(dataset, classes.normal_names()))),
        (Err(Error::Config { reason, .. }), Some(_)) => Err(Error::Config { origin: "--normal".to_owned(), reason }),
        (Err(Error::Config { reason, .. }), None) => Ok(Err(reason)),
        (Err(error), _) => Err(error),
    }
}

fn show(found: &Inspection, labels: &Labels, out: &Output) {
    out.line(format_args!("tiles      {} in {}", found.tiles, found.root.display()));
    if let Some(resolution) = found.micrometres_per_pixel {
        out.line(format_args!("resolution {resolution:.4} µm/px, by the places of the list"));
    }
    if found.unlabelled > 0 {
        out.line(format_args!("unlabelled {:6} tiles, left out", found.unlabelled));
    }
    for class in &found.classes {
        out.line(format_args!("class      {:6} tiles of {:5} groups  {}", class.tiles, class.groups, class.label));
    }
    match labels {
        Ok(labels) => table::lines(labels).iter().for_each(|line| out.line(line)),
        Err(reason) => out.line(format_args!("labels     meaning not decided: {reason}")),
    }
    show_groups(found, out);
    for split in &found.splits {
        out.line(format_args!("split      {:6} tiles  {}", split.tiles, split.split));
    }
    found.columns.iter().for_each(|column| show_column(column, labels.as_ref().ok(), out));
    for size in &found.sizes {
        out.line(format_args!("size       {:6} tiles  {}x{}", size.tiles, size.width, size.height));
    }
    for (what, tiles) in found.left_aside.counts().into_iter().filter(|(_, tiles)| *tiles > 0) {
        out.line(format_args!("aside      {tiles:6} tiles  {what}"));
    }
    out.line(format_args!("colour     {}", colour(found.colour.as_ref())));
    show_problems(found, out);
    if let Some(digest) = &found.data_sha256 {
        out.line(format_args!("sha256     {digest}"));
    }
}

fn show_groups(found: &Inspection, out: &Output) {
    match (found.groups.iter().map(|group| group.tiles).max(), found.without_group) {
        (Some(most), 0) => out.line(format_args!("groups     {}, with at most {most} tiles", found.groups.len())),
        (Some(most), rest) => {
            out.line(format_args!(
                "groups     {}, with at most {most} tiles; {rest} tiles have no group",
                found.groups.len()
            ));
        }
        (None, _) => {
            out.line("groups     unknown: each tile is its own group, so tiles of one slide may be in different splits")
        }
    }
}

/// The tiles of each value of a further column, with the share of anomalous ones if the meaning of the labels is decided.
fn show_column(found: &ColumnCount, labels: Option<&Vec<LabelCount>>, out: &Output) {
    let anomalous: Option<Vec<&str>> = labels.map(|rows| {
        rows.iter().filter(|row| row.counts_as == LabelKind::Anomalous).map(|row| row.label.as_str()).collect()
    });
    let share = |one: &ValueCount| -> String {
        let Some(anomalous) = &anomalous else { return String::new() };
        let tiles: usize =
            one.labels.iter().filter(|(label, _)| anomalous.contains(&label.as_str())).map(|(_, tiles)| *tiles).sum();
        format!(", {:.0} % anomalous", 100.0 * tiles as f64 / one.tiles as f64)
    };
    let row = |one: &ValueCount| {
        let value = data::shown(&one.value);
        format!("{:6} tiles of {:5} groups{}  {}", one.tiles, one.groups, share(one), value.trim_matches('`'))
    };
    list(out, &found.column, found.values.iter().map(row));
    if found.empty > 0 {
        out.line(format_args!("{:10} {:6} tiles without a value", found.column, found.empty));
    }
}

/// Prints duplicates, images with two labels, and files that are no tiles.
fn show_problems(found: &Inspection, out: &Output) {
    let twins = found.duplicates.iter();
    list(
        out,
        "duplicate",
        twins.map(|twin| format!("{} has the {} of {}", twin.path.display(), twin.same, twin.same_as.display())),
    );
    let conflicts = found.label_conflicts.iter();
    list(
        out,
        "conflict",
        conflicts.map(|conflict| {
            let [first, later] = &conflict.paths;
            format!("{} ({}) is {} ({})", first.display(), conflict.labels[0], later.display(), conflict.labels[1])
        }),
    );
    list(out, "unreadable", found.unreadable.iter().map(|file| format!("{}: {}", file.path.display(), file.reason)));
}

/// Prints the first findings of a kind, and their number.
fn list(out: &Output, kind: &str, findings: impl ExactSizeIterator<Item = impl Display>) {
    let all = findings.len();
    for finding in findings.take(SHOWN) {
        out.line(format_args!("{kind:10} {finding}"));
    }
    if all > SHOWN {
        out.line(format_args!("{kind:10} {all} in all; --json lists them"));
    }
}
