//! `kiln compare`: two or more sides on the same tiles.

mod args;
mod cells;
mod print;
mod tiles;
mod write;

use kiln_compare::{Compared, Comparison, Side, SideFacts, SideKind, SideOptions, SideSpec, Tolerances};
use kiln_train::metrics::Bootstrap;

pub(crate) use self::args::Args;
use self::cells::Cells;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let specs = args.specs()?;
    let tolerances = args.tolerances.as_deref().map(Tolerances::read).transpose()?.unwrap_or_default();
    let mut options = args.options(out)?;
    let scratch = tempfile::tempdir()?;
    let cells = Cells::new(&args, specs, &mut options, scratch.path(), out)?;
    let Opened { mut sides, unavailable } = open(&cells, &options)?;
    for (side, policy) in sides.iter_mut().zip(args.size_policy.iter().cycle()) {
        side.decoder.policy = *policy;
    }
    let tiles = tiles::tiles(&args, &sides, out)?;
    write::refuse_inputs(&args, &sides, &tiles)?;
    let (most, count) = (tiles.len() as u64, sides.len());
    let comparison = Comparison {
        batch: args.batch,
        threads: options.threads,
        outputs: options.outputs.clone(),
        worst: args.worst,
        pictures: if args.html.is_some() { args.pictures } else { 0 },
        bootstrap: Bootstrap { resamples: args.resamples, ..Bootstrap::default() },
        save: write::saved(&args, &sides)?,
        unavailable,
        ..Comparison::new(tolerances)
    };
    let bar = out.progress(Some(most), "compare");
    let compared = comparison.run(sides, &tiles, &mut |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let compared = compared?;
    show(&compared, count, out)?;
    exit(&compared).after_report(write::reports(&args, &compared, out), out)
}

/// Sides that opened, and candidates that did not.
struct Opened {
    sides: Vec<Side>,
    unavailable: Vec<(SideFacts, String)>,
}

/// Opens every side. A cell of a matrix that cannot run is a failed part of the report; another side is an error.
fn open(cells: &Cells, options: &SideOptions) -> anyhow::Result<Opened> {
    let mut opened = Opened { sides: Vec::new(), unavailable: cells.unavailable.clone() };
    for (at, (spec, side)) in cells.specs.iter().zip(kiln_compare::open_each(&cells.specs, options)?).enumerate() {
        match side {
            Ok(side) => opened.sides.push(side),
            Err(error) if at > 0 && cells.is_matrix => {
                let reason = kiln_runtime::chain(&error);
                let reason = match spec.is_url {
                    true => reason.replace(spec.target.to_string_lossy().trim_end_matches('/'), "the server"),
                    false => reason,
                };
                opened.unavailable.push((facts_of(spec), reason));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(opened)
}

/// Facts about a side that did not open, without its address or path.
fn facts_of(spec: &SideSpec) -> SideFacts {
    let name = spec.target.file_name().map_or_else(|| "bundle".into(), |name| name.to_string_lossy().into_owned());
    let other = |kind, label| SideFacts { threshold: None, ..SideFacts::new(kind, label, 0.0) };
    if spec.is_url {
        let model = spec.model.as_ref().map(|model| format!("{model} on a server"));
        return other(SideKind::Endpoint, model.unwrap_or_else(|| "a server".to_owned()));
    }
    if spec.is_run() {
        return other(SideKind::Run, format!("{name} (burn)"));
    }
    if spec.is_saved() {
        return other(SideKind::Arrays, name);
    }
    let precision = spec.precision.clone().unwrap_or_else(|| "fp32".to_owned());
    let provider = spec.providers.clone().unwrap_or_else(|| "cpu".to_owned());
    let mut facts = SideFacts::new(SideKind::Bundle, format!("{name}@{precision}:{provider}"), 0.0);
    facts.threshold = None;
    facts.precision = Some(precision);
    facts.provider = Some(provider);
    facts
}

fn show(compared: &Compared, sides: usize, out: &Output) -> anyhow::Result<()> {
    if out.json {
        return out.document(&compared.report);
    }
    print::print(compared, sides, out);
    Ok(())
}

fn exit(compared: &Compared) -> Exit {
    let report = &compared.report;
    match (report.passed, report.tiles.failed.is_empty()) {
        (false, _) => Exit::CheckFailed,
        (true, false) => Exit::Input,
        (true, true) => Exit::Done,
    }
}
