//! Hints for errors of server packages.

use super::flag::{leave_out, set};
use super::runtime::runtime;

/// Hints for errors of packaging.
pub(super) fn package(error: &kiln_package::Error) -> Option<String> {
    use kiln_package::Error;

    let hint = match error {
        Error::Bundle(error) => return runtime(error),
        Error::Option { option: "provider", .. } => "set it with --provider, or choose another --target",
        Error::Option { option: "rename", .. } => "set it with --rename, and the server with --target ovms",
        Error::Option { option: "gpus", .. } => "set it with --gpu, or choose another --provider",
        Error::Option { option, .. } => return set(option),
        Error::Unused { option, .. } => return leave_out(option),
        Error::VersionExists { .. } => "leave out --version to get the next free one",
        Error::Incompatible { .. } => "give this model another name with --name",
        Error::StainNormalisation { .. } => {
            "train with data.stain_normalisation=reinhard, which is part of the graph; or, if every client is kiln or \
             normalises as it does, pass --client-normalises"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
