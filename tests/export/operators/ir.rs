//! The operations of burn's intermediate representation, read from its source, so that a new one cannot be missed.

use std::path::PathBuf;
use std::process::Command;

/// The enumerations of operations, and their families.
const ENUMS: [(&str, &str); 8] = [
    ("BaseOperationIr", "Base"),
    ("NumericOperationIr", "Numeric"),
    ("FloatOperationIr", "Float"),
    ("IntOperationIr", "Int"),
    ("BoolOperationIr", "Bool"),
    ("ActivationOperationIr", "Activation"),
    ("ModuleOperationIr", "Module"),
    ("DistributedOperationIr", "Distributed"),
];

/// The metadata of the burn-ir package.
fn package() -> serde_json::Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Packages of other platforms may be missing.
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host, "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "burn-ir").unwrap().clone()
}

/// The version of burn-ir.
pub(crate) fn version() -> String {
    package()["version"].as_str().unwrap().to_owned()
}

/// Every family with its operations, in the order of the source.
pub(crate) fn families() -> Vec<(&'static str, Vec<String>)> {
    let manifest = PathBuf::from(package()["manifest_path"].as_str().unwrap());
    let source = std::fs::read_to_string(manifest.with_file_name("src").join("operation.rs")).unwrap();
    let mut families: Vec<_> = ENUMS.iter().map(|(name, family)| (*family, variants(&source, name, family))).collect();
    let rest = ["Init", "Drop", "Custom"].map(str::to_owned).to_vec();
    // Variants of `OperationIr` that are no family.
    for kind in &rest {
        assert!(source.contains(&format!("    {kind}(")), "burn-ir no longer has {kind}");
    }
    families.push(("Others", rest));
    families
}

fn variants(source: &str, name: &str, family: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap().split("\n}").next().unwrap();
    let name = |line: &str| {
        let end = line.find(['(', ',', '{']).unwrap_or(line.len());
        format!("{family}::{}", line[..end].trim())
    };
    let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_uppercase());
    let found: Vec<String> = body.lines().filter(is_variant).map(name).collect();
    assert!(!found.is_empty(), "{family}");
    found
}
