//! The servers, one module each. A server describes its files, its limits and its commands; everything else (versions,
//! digests, publishing, the record, the README) is the same for all.

mod kserve;
mod ovms;
pub(crate) mod triton;

use std::path::Path;

use crate::error::Result;
use crate::plan::{ModelFiles, NewFile, Plan};
use crate::repository::Record;
use crate::request::PackageRequest;
use crate::source::Source;
use crate::target::Target;

/// A server that Kiln packages for.
pub(crate) trait Server {
    /// The server's name for people.
    fn title(&self) -> &'static str;

    /// Refuses options that this server does not support, whatever the bundle.
    fn validate(&self, request: &PackageRequest) -> Result<()>;

    /// Returns true if weights in separate files need a folder of the graph's name.
    fn wants_folder_for_split_graphs(&self) -> bool {
        false
    }

    /// Makes the files of a model called `model`, and checks them against the graph.
    fn model_files(&self, request: &PackageRequest, source: &Source, model: &str) -> Result<ModelFiles>;

    /// Refuses a model whose new version would break clients of the versions in `folder`.
    fn may_follow(&self, folder: &Path, files: &ModelFiles) -> Result<()>;

    /// Makes the files in the server package's folder that belong to all of its models, from those that are there; writes
    /// nothing.
    fn shared_files(&self, request: &PackageRequest, plans: &[Plan]) -> Result<Vec<NewFile>>;

    /// Compares a model's folder with its newest version. Returns every problem.
    fn check(&self, folder: &Path, model: &str, record: &Record) -> Vec<String>;

    /// The server's part of the README.
    fn instructions(&self, request: &PackageRequest, model: &str) -> Instructions;
}

/// A server's part of the README.
pub(crate) struct Instructions {
    /// Commands that start the server.
    pub(crate) start: String,
    /// The address of the server that they start.
    pub(crate) url: &'static str,
    /// Notes for clients and administrators.
    pub(crate) notes: String,
}

/// The server of a target.
pub(crate) fn for_target(target: Target) -> &'static dyn Server {
    match target {
        Target::Triton => &triton::Triton,
        Target::Kserve => &kserve::KServe,
        Target::Ovms => &ovms::ModelServer,
    }
}
