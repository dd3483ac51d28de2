//! The figures of a pair equal those of NVIDIA Polygraphy on the same arrays, to its digits. Skipped where Python or
//! Polygraphy are missing; `KILN_IMPORT_PYTHON` names another interpreter than `python3`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::process::Command;

use kiln_compare::{Comparison, SideOptions, SideSpec, Tolerances};
use support::{Row, id, model, noise, side, tiles};

/// Compares two .npz files with Polygraphy's own function, the reference second as it expects, and prints its figures.
const SCRIPT: &str = r#"
import json, sys
import numpy as np
from polygraphy.logger import G_LOGGER
G_LOGGER.module_severity = G_LOGGER.CRITICAL
from polygraphy.comparator import CompareFunc, IterationResult
reference, candidate = (np.load(path) for path in sys.argv[1:])
names = [name for name in reference.files if name != "answers.json"]
results = [IterationResult({name: file[name] for name in names}, runner_name=label)
           for file, label in ((candidate, "candidate"), (reference, "reference"))]
found = {}
for quantile in (0.9, 0.99, 0.999):
    compare = CompareFunc.simple(atol=1e9, rtol=1e9, error_quantile=quantile, check_error_stat="quantile")
    for name, one in compare(*results).items():
        into = found.setdefault(name, {})
        into.update(max=float(one.max_absdiff), mean=float(one.mean_absdiff), median=float(one.median_absdiff),
                    relative=float(one.max_reldiff))
        into[str(quantile)] = float(one.quantile_absdiff)
print(json.dumps(found))
"#;

fn noisy(pixels: &[u8]) -> Row {
    let mut row = model(pixels);
    for (number, (_, values)) in row.values_mut().enumerate() {
        for (at, value) in values.iter_mut().enumerate() {
            let amount = noise((id(pixels) * 4096 + at * 7 + number) as u64) - 0.5;
            *value += amount as f32 * 10f32.powi(-2 - (at % 4) as i32);
        }
    }
    row
}

#[test]
fn figures_equal_those_of_polygraphy() {
    let python = std::env::var("KILN_IMPORT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let known = Command::new(&python).args(["-c", "import polygraphy, numpy"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no polygraphy");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.npz", "b.npz"].map(|name| folder.path().join(name));
    let save = files.iter().cloned().map(Some).collect();
    let comparison = Comparison { save, ..Comparison::new(Tolerances::default()) };
    let sides = vec![side("reference", model), side("candidate", noisy)];
    let ours = comparison.run(sides, &tiles(24), &mut |_| {}).unwrap().report;
    // The files are read as they were written.
    let sides = kiln_compare::open(&files.clone().map(|file| SideSpec::path(&file)), &SideOptions::default()).unwrap();
    let set = sides[0].saved().unwrap().tile_set();
    let again = Comparison::new(Tolerances::default()).run(sides, &set, &mut |_| {}).unwrap().report;
    assert_eq!(again.comparisons[0].outputs, ours.comparisons[0].outputs);

    let output = Command::new(&python).args(["-c", SCRIPT]).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut compared = 0;
    for output in &ours.comparisons[0].outputs {
        let found = &theirs[output.name.as_str()];
        let figures = [
            ("max", output.max_abs),
            ("mean", output.mean_abs),
            ("median", output.quantiles.p50),
            ("0.9", output.quantiles.p90),
            ("0.99", output.quantiles.p99),
            ("0.999", output.quantiles.p99_9),
        ];
        for (name, ours) in figures {
            let theirs = found[name].as_f64().unwrap();
            // Polygraphy subtracts in single precision and prints five digits.
            let near = (ours - theirs).abs() <= 1e-5 * theirs.abs() + 1e-7;
            assert!(near, "{} {name}: {ours} here, {theirs} by Polygraphy", output.name);
            compared += 1;
        }
        // Values near zero are relative to 1e-7 here, and to a smaller number there.
        let relative = found["relative"].as_f64().unwrap();
        if relative < 1e3 {
            assert!((output.max_rel / relative - 1.0).abs() < 1e-4, "{}: {} {relative}", output.name, output.max_rel);
        }
    }
    assert_eq!(compared, 30);
}
