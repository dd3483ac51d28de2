//! `--endpoint` in a build without the cargo feature `endpoint`: refused with the reason, and left out of the help.

use std::path::Path;

/// The argument that is refused.
#[derive(clap::Args)]
pub(super) struct EndpointArgs {
    #[arg(long, hide = true, value_parser = refused)]
    endpoint: Option<String>,
}

impl EndpointArgs {
    /// No file.
    pub(super) fn ca(&self) -> Option<&Path> {
        None
    }
}

fn refused(_: &str) -> Result<String, String> {
    Err("this build cannot reach model servers (cargo feature `endpoint`)".to_owned())
}
