//! `kiln debug bisect`: the smallest part of a graph that shows a difference.

use std::path::PathBuf;

use kiln_debug::bisect::{BisectReport, BisectRequest, SIZE, bisect};

use super::sides::SideArgs;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Write the smallest part of the second side's graph that shows a difference as a folder that needs ONNX Runtime alone.
///
/// The folder has the part as a model, the reference's values before and after it, a Python script that compares, and a
/// README with figures and versions. It contains no path of this machine and can be attached to an issue of ONNX Runtime as
/// it is; its arrays are intermediate values of one tile. The exit status is 0 if the folder was written, and 1 if no
/// difference was found.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln debug bisect runs/cnn bundles/cnn:openvino --out issue/\n  \
    kiln debug bisect bundles/cnn bundles/cnn@int8 --value blocks.1.conv/out --out issue/ --replace")]
pub(crate) struct Args {
    #[command(flatten)]
    sides: SideArgs,

    /// Folder to write; it appears whole or not at all.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace the folder of an earlier bisection.
    #[arg(long)]
    replace: bool,

    /// Value to bisect [default: the first at which the sides part].
    #[arg(long, value_name = "NAME")]
    value: Option<String>,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let target = Destination::new("--out", &args.out);
    for side in [&args.sides.a, &args.sides.b] {
        target.does_not_hold("the side", &side.path)?;
        if side.path.is_dir() {
            target.is_not_in("the side", &side.path)?;
        }
    }
    let request = BisectRequest { out: args.out.clone(), replace: args.replace, value: args.value.clone() };
    request.check_target()?;
    let (mut opened, inputs, report) = args.sides.compare(out)?;
    let found = bisect(&mut opened.a, &mut opened.b, &inputs, &report, &request)?;
    if out.json {
        out.document(&found)?;
    } else {
        print(&found, args, out);
    }
    Ok(Exit::Done)
}

fn print(found: &BisectReport, args: &Args, out: &Output) {
    out.line(format_args!("{}: {}", found.value, found.operators.join(", ")));
    out.line(format_args!(
        "largest difference {:.3e}, allowed by rounding {:.3e}; expected {}, found {}",
        found.figures.max_abs, found.allowed, found.figures.worst.0, found.figures.worst.1
    ));
    if let Some(cause) = &found.cause {
        out.line(format_args!("cause: {}", cause.sentence()));
    }
    if let Some(tile) = &found.tile {
        out.line(format_args!("values of {tile}"));
    }
    if !found.reductions.is_empty() {
        out.line(format_args!("cut: {}", found.reductions.join("; ")));
    }
    if found.bytes > SIZE {
        out.note(format_args!("{} bytes: the difference does not show on a smaller part of the values", found.bytes));
    }
    out.line(format_args!("{} bytes in {}; run `python reproduce.py` there", found.bytes, args.out.display()));
}
