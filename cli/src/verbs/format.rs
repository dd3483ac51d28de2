//! `--format` of the verbs that write rows.

use std::path::Path;

use kiln_runtime::score::Format;

use crate::output::Output;

/// The argument.
#[derive(clap::Args)]
pub(super) struct FormatArgs {
    #[arg(long, value_name = "FORMAT", help = help())]
    format: Option<Format>,
}

impl FormatArgs {
    /// True if the user named a format.
    #[cfg(feature = "slide")]
    pub(super) fn is_named(&self) -> bool {
        self.format.is_some()
    }

    /// The format of the rows in `file`.
    pub(super) fn for_file(&self, file: &Path) -> kiln_runtime::Result<Format> {
        Format::for_file(file, self.format)
    }

    /// The format of the rows in `file`, or on stdout without one. Refuses impossible combinations before any work.
    pub(super) fn resolve(&self, file: Option<&Path>, out: &Output) -> kiln_runtime::Result<Format> {
        match file {
            Some(file) => self.for_file(file),
            None => Format::for_stream(self.format.unwrap_or(if out.json { Format::Jsonl } else { Format::Csv })),
        }
    }
}

fn help() -> String {
    format!(
        "Format of the rows: {} [default: by the name of --out; on stdout csv, or jsonl with --json]",
        Format::names()
    )
}
