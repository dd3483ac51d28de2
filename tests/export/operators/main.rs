//! The table of operations in `docs/operators.md`, made by exporting every operation at every opset and looking at what
//! came out. `KILN_UPDATE_DOCS=1` writes it; without, the test says where it is out of date.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cases;
mod ir;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use burn_onnx_export::{DEFAULT_OPSET, Error, OPSETS, OnnxModel, not_expressible};

/// What was seen of an operation at one opset: the ONNX operators, and what burn recorded in its place if it did.
#[derive(Clone, Default, PartialEq)]
struct Seen {
    operators: BTreeSet<String>,
    instead: BTreeSet<String>,
}

/// What an operation becomes at each opset, or why it cannot.
type Row = BTreeMap<i64, Result<Seen, String>>;

fn rows() -> BTreeMap<&'static str, Row> {
    let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
    for (kind, export) in cases::all() {
        for opset in OPSETS {
            let found = match export(opset) {
                Ok(model) => Ok(seen(&model, kind)),
                Err(Error::Unsupported(list)) => Err(list.into_iter().next().unwrap().reason),
                Err(error) => panic!("{kind} at opset {opset}: {error}"),
            };
            // An operation may have several cases; each shows some of what it can become.
            let cell = rows.entry(kind).or_default().entry(opset).or_insert_with(|| found.clone());
            match (cell, found) {
                (Ok(all), Ok(more)) => {
                    all.operators.extend(more.operators);
                    all.instead.extend(more.instead);
                }
                (cell @ Ok(_), Err(reason)) => *cell = Err(reason),
                _ => {}
            }
        }
    }
    rows
}

/// ONNX operators of the nodes that came from a burn operation.
fn seen(model: &OnnxModel, kind: &str) -> Seen {
    let from = |node: &&burn_onnx_export::proto::NodeProto| {
        node.metadata_props.iter().any(|entry| entry.key == "burn.operation" && entry.value == kind)
    };
    let operators: BTreeSet<_> = model.graph().node.iter().filter(from).map(|node| node.op_type.clone()).collect();
    if operators.is_empty() {
        Seen { operators, instead: recorded(model) }
    } else {
        Seen { operators, ..Seen::default() }
    }
}

/// The burn operations that nodes came from.
fn recorded(model: &OnnxModel) -> BTreeSet<String> {
    let entries = model.graph().node.iter().flat_map(|node| &node.metadata_props);
    entries.filter(|entry| entry.key == "burn.operation").map(|entry| entry.value.clone()).collect()
}

fn names(operators: &BTreeSet<String>) -> String {
    operators.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn cells(row: &Row) -> (String, String) {
    let usual = row.get(&DEFAULT_OPSET).or_else(|| row.values().next()).unwrap();
    let mut notes = Vec::new();
    let mut before: Option<&Result<Seen, String>> = None;
    for (opset, found) in row {
        if before.is_some_and(|before| before != found) {
            match found {
                Ok(seen) => notes.push(format!("from {opset}: {}", names(&seen.operators))),
                Err(reason) => notes.push(format!("not from {opset}: {reason}")),
            }
        } else if let (None, Err(reason)) = (before, found) {
            notes.push(format!("not at {opset}: {reason}"));
        }
        before = Some(found);
    }
    let onnx = match usual {
        Ok(seen) if !seen.operators.is_empty() => names(&seen.operators),
        Ok(seen) => {
            let instead = match seen.instead.len() {
                ..=4 => names(&seen.instead),
                many => format!("{many} other operations"),
            };
            notes.push(format!("burn records {instead} instead"));
            "see note".to_owned()
        }
        Err(_) => "see note".to_owned(),
    };
    (onnx, notes.join("; "))
}

fn table() -> String {
    let rows = rows();
    let mut text = format!(
        "# Operations\n\n\
         Every operation of burn's intermediate representation (burn-ir {}), and the ONNX operators that it becomes.\n\
         Made by `tests/export/operators`, which exports each operation at every opset from {} to {} and looks at what\n\
         came out; the tests fail where this page differs. What is named is what the operation itself becomes at opset\n\
         {DEFAULT_OPSET}, with casts for types that ONNX Runtime has no kernel for left out. Layers that burn composes of\n\
         several operations are put together again: see [export.md](export.md).\n",
        ir::version(),
        OPSETS.start(),
        OPSETS.end(),
    );
    let mut counts = (0, 0);
    for (family, kinds) in ir::families() {
        write!(text, "\n## {family}\n\n| operation | ONNX | note |\n|---|---|---|\n").unwrap();
        for kind in kinds {
            let row = rows.get(kind.as_str());
            let (onnx, note) = match (row, not_expressible(&kind)) {
                (Some(row), None) => {
                    counts.0 += 1;
                    cells(row)
                }
                (None, Some(reason)) => {
                    counts.1 += 1;
                    ("none".to_owned(), reason.to_owned())
                }
                (Some(_), Some(_)) => panic!("{kind} is exported and yet said to have no ONNX form"),
                (None, None) => panic!("{kind} has neither a case nor a reason to have no ONNX form"),
            };
            writeln!(text, "| `{kind}` | {onnx} | {note} |").unwrap();
        }
    }
    write!(text, "\n{} operations are exported, {} have no ONNX form.\n", counts.0, counts.1).unwrap();
    text
}

#[test]
fn the_table_of_operations_says_what_the_exporter_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators.md");
    let table = table();
    if std::env::var_os("KILN_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(table.lines()).find(|(written, made)| written != made);
    assert!(
        written == table,
        "docs/operators.md is out of date; run this test with KILN_UPDATE_DOCS=1. First difference: {differs:?}"
    );
}
