//! `kiln doctor --options`: every provider with its options, from the tables that declare them.

use kiln_runtime::ProviderKind;
use kiln_runtime::provider::OptionDoc;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;

#[derive(Serialize)]
struct Row {
    provider: &'static str,
    onnxruntime: &'static str,
    needs: &'static str,
    options: Vec<Described>,
    passed_through: &'static [&'static str],
}

pub(super) fn show(out: &Output) -> anyhow::Result<Exit> {
    let rows: Vec<_> = ProviderKind::ALL.iter().map(|kind| row(*kind)).collect();
    if out.json {
        out.document(&rows)?;
    } else {
        rows.iter().for_each(|row| print(row, out));
    }
    Ok(Exit::Done)
}

/// An option with its default in words.
#[derive(Serialize)]
struct Described {
    name: &'static str,
    default: String,
    unit: &'static str,
    sets: &'static str,
    doc: &'static str,
}

impl Described {
    fn new(option: &OptionDoc) -> Self {
        let OptionDoc { name, unit, sets, doc, .. } = *option;
        Self { name, default: option.default_value(), unit, sets, doc: doc.trim() }
    }
}

fn row(kind: ProviderKind) -> Row {
    Row {
        provider: kind.name(),
        onnxruntime: kind.onnx_name(),
        needs: kind.needs(),
        options: kind.options().iter().map(Described::new).collect(),
        passed_through: kind.passed_through(),
    }
}

fn print(row: &Row, out: &Output) {
    out.line(format_args!("{} ({}): needs {}", row.provider, row.onnxruntime, row.needs));
    for option in &row.options {
        out.line(format_args!(
            "  {}.{} ({}; default {}; sets {}) {}",
            row.provider, option.name, option.unit, option.default, option.sets, option.doc
        ));
    }
    if !row.passed_through.is_empty() {
        out.line(format_args!("  passed through: {}", row.passed_through.join(", ")));
    }
}
