//! Records of the parts of a sharded scoring.

use std::fs;

use kiln_files::digest::sha256_hex;
use kiln_runtime::score::PartRecord;
use serde_json::{Value, json};

use crate::scratch;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "part_record",
    run,
    sound: || vec![serde_json::to_vec(&record()).unwrap(), serde_json::to_vec_pretty(&record()).unwrap()],
    hostile: || {
        let changed = |key: &str, value: Value| {
            let mut record = record();
            record[key] = value;
            serde_json::to_vec(&record).unwrap()
        };
        vec![
            changed("shards", json!(u64::MAX)),
            changed("shards", json!(0)),
            changed("tiles", json!(u64::MAX)),
            changed("rows", json!(u64::MAX)),
            changed("classes", Value::from(vec!["a"; 10_000])),
            "[".repeat(200_000).into_bytes(),
        ]
    },
    words: &[
        "\"schema\":",
        "\"shard\":",
        "\"shards\":",
        "\"tiles\":",
        "\"rows\":",
        "\"list_sha256\":",
        "\"classes\":",
        "\"model\":",
        "\"bytes\":",
        "\"sha256\":",
        "\"names_sha256\":",
        "\"settings\":",
        "\"tile_digests\":",
        "null",
    ],
    rounds: 50_000,
    memory: 2 << 20,
};

const PART: &[u8] = b"path,score,label,status\na.png,0.5,anomalous,ok\n";

fn record() -> Value {
    json!({
        "schema": 1, "shard": 0, "shards": 2, "tiles": 2, "rows": 1, "list_sha256": sha256_hex(b"a.png\nb.png\n"),
        "classes": ["benign", "anomalous"], "model": "m", "bytes": PART.len(), "sha256": sha256_hex(PART)
    })
}

fn run(bytes: &[u8]) -> bool {
    let part = scratch::folder().join("part.csv");
    if !part.is_file() {
        fs::write(&part, PART).unwrap();
    }
    fs::write(PartRecord::path_of(&part), bytes).unwrap();
    let Ok(record) = PartRecord::read(&part) else { return false };
    assert!(record.shard < record.shards, "part {} of {}", record.shard, record.shards);
    assert_eq!(record.sha256, sha256_hex(PART));
    true
}
