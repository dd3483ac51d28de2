//! The files of a comparison: reports, and saved answers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_compare::{CompareError, Compared, Side, TileSet};
use kiln_files::publish;

use super::Args;
use crate::destination::{Destination, Refused};
use crate::output::Output;

/// Every file to write, with its flag.
fn targets(args: &Args) -> Vec<(&'static str, &Path)> {
    let files =
        [("--html", &args.html), ("--junit", &args.junit), ("--markdown", &args.markdown), ("--save", &args.save)];
    files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?))).collect()
}

/// Refuses a target that is an input or in one.
pub(super) fn refuse_inputs(args: &Args, sides: &[Side], tiles: &TileSet) -> Result<(), Refused> {
    let files = tiles.files();
    for (flag, path) in targets(args) {
        let target = Destination::new(flag, path);
        for side in sides {
            if let Some(bundle) = side.bundle() {
                target.is_not_in("the bundle", &bundle.path)?;
            }
            if let Some(run) = side.run() {
                target.is_not("the run", run.layout.root())?;
            }
            if let Some(saved) = side.saved() {
                target.is_not("the answers", &saved.path)?;
            }
        }
        if let Some(data) = &args.data {
            target.is_not_among_tiles(data)?;
        }
        args.tolerances.iter().try_for_each(|file| target.is_not("the file of tolerances", file))?;
        if target.exists() {
            files.iter().try_for_each(|file| target.is_not("the tile", file))?;
        }
    }
    Ok(())
}

/// The file of each side's answers.
pub(super) fn saved(args: &Args, sides: &[Side]) -> anyhow::Result<Vec<Option<PathBuf>>> {
    let Some(path) = &args.save else { return Ok(Vec::new()) };
    let live = |side: &Side| side.saved().is_none();
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
    match (is_file, sides.iter().filter(|side| live(side)).count()) {
        (_, 0) => bail!("--save {}: every side has saved answers already", path.display()),
        (true, 1) => Ok(sides.iter().map(|side| live(side).then(|| path.clone())).collect()),
        (true, sides) => bail!(
            "--save {}: one file cannot hold the answers of {sides} sides\nhint: name a folder, for one .npz file a side",
            path.display()
        ),
        (false, _) => {
            let file = |(at, side): (usize, &Side)| {
                let letter = char::from(b'a' + u8::try_from(at % 26).unwrap_or_default());
                live(side).then(|| path.join(format!("{letter}-{}.npz", safe(&side.facts.label))))
            };
            Ok(sides.iter().enumerate().map(file).collect())
        }
    }
}

/// A label as part of a file's name.
fn safe(label: &str) -> String {
    let plain: String = label.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    plain.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Writes every report that was asked for.
pub(super) fn reports(args: &Args, compared: &Compared, out: &Output) -> anyhow::Result<()> {
    type Render = fn(&Compared) -> String;
    let reports: [(&Option<PathBuf>, Render); 3] = [
        (&args.html, kiln_compare::html),
        (&args.junit, |compared| kiln_compare::junit(&compared.report)),
        (&args.markdown, |compared| kiln_compare::markdown(&compared.report)),
    ];
    for (path, render) in reports {
        let Some(path) = path else { continue };
        publish::write_file(path, render(compared).as_bytes())
            .map_err(|source| CompareError::Io { path: path.clone(), source })
            .context("cannot write the report")?;
        out.note(format_args!("wrote {}", path.display()));
    }
    Ok(())
}
