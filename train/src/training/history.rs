//! `history.jsonl`: one line per epoch.

use std::fmt::Write as _;
use std::fs;

use kiln_files::publish;

use super::Layout;
use super::run::RESTORE;
use crate::picture::EpochRecord;
use crate::{Error, Result};

/// The epochs in `history.jsonl` of a complete or unfinished run.
pub(crate) fn read_history(layout: &Layout) -> Result<Vec<EpochRecord>> {
    let path = layout.history();
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let record = |line: &str| {
        serde_json::from_str(line).map_err(|error| Error::damaged(layout.root(), "history.jsonl", &error, RESTORE))
    };
    text.lines().map(record).collect()
}

/// Writes `history.jsonl` anew.
pub(crate) fn write_history(layout: &Layout, history: &[EpochRecord]) -> Result<()> {
    let path = layout.history();
    let mut text = String::new();
    for record in history {
        let line = serde_json::to_string(record).map_err(|error| Error::run(layout.root(), error.to_string()))?;
        let _ = writeln!(text, "{line}");
    }
    publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path))
}
