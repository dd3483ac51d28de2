//! Models that PyTorch, timm, anomalib, scikit-learn and Keras make here, each imported and compared with its framework
//! on the same tiles. Frameworks that are not installed are skipped with a note.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln_export::import::{ImportRequest, ReferenceFile, Spec, import};
use kiln_runtime::Bundle;

use crate::support::{Bench, runtime};

/// Models that are made by the script, by name; and why others are not.
fn generate(folder: &Path) -> Option<(Vec<String>, BTreeMap<String, String>)> {
    let python = std::env::var("KILN_IMPORT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import/generate.py");
    let wanted = std::env::var("KILN_IMPORT_MODELS").unwrap_or_default();
    let wanted: Vec<&str> =
        wanted.split(|letter: char| letter == ',' || letter.is_whitespace()).filter(|name| !name.is_empty()).collect();
    let output = Command::new(&python).arg(script).arg(folder).args(&wanted).output();
    let output = match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            eprintln!("skipped: {python} cannot run the script: {}", text.lines().last().unwrap_or_default());
            return None;
        }
        Err(error) => {
            eprintln!("skipped: {python}: {error}; set KILN_IMPORT_PYTHON");
            return None;
        }
    };
    let (mut made, mut others) = (Vec::new(), BTreeMap::new());
    let mut unknown: BTreeSet<&str> = wanted.into_iter().collect();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((_, rest)) = line.split_once(' ') {
            unknown.remove(rest.split(':').next().unwrap_or_default());
        }
        match line.split_once(' ') {
            Some(("made", name)) => made.push(name.to_owned()),
            Some(("skipped", rest)) => {
                eprintln!("skipped {rest}");
            }
            Some(("failed", rest)) => {
                let (name, reason) = rest.split_once(':').unwrap_or((rest, ""));
                others.insert(name.to_owned(), reason.to_owned());
            }
            _ => {}
        }
    }
    others.extend(unknown.into_iter().map(|name| (name.to_owned(), " no such model".to_owned())));
    Some((made, others))
}

#[test]
fn every_framework_is_reproduced_within_1e_5() {
    let bench = Bench::new();
    let folder = bench.path("models");
    let Some((made, failed)) = generate(&folder) else { return };
    let mut problems: Vec<String> =
        failed.iter().map(|(name, reason)| format!("{name}: the script failed:{reason}")).collect();
    for name in &made {
        let spec = ["yaml", "json"].map(|end| folder.join(format!("{name}.{end}")));
        let spec = spec.iter().find(|path| path.exists()).expect("a description");
        let request = ImportRequest {
            reference: Some(ReferenceFile::Npz(folder.join(format!("{name}.npz")))),
            ..bench.request(folder.join(format!("{name}.onnx")), Spec::read(spec).unwrap())
        };
        match import(&request, runtime(), |_| {}) {
            Ok(imported) => {
                Bundle::open(&request.out).unwrap();
                let worst = imported.reference.iter().map(|output| output.max_abs).fold(0.0, f64::max);
                eprintln!(
                    "{name:<28} batch {:<8} {} outputs, largest difference from the framework {worst:.1e}",
                    imported.batch,
                    imported.outputs.len()
                );
            }
            Err(error) => problems.push(format!("{name}: {}", kiln_runtime::chain(&error))),
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
