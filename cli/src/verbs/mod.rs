//! One file a verb: its arguments, and the calls that they turn into.

#[cfg(feature = "train")]
mod data;
mod doctor;
#[cfg(feature = "export")]
mod export;
mod runtime;
#[cfg(feature = "train")]
mod train;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What `kiln` can do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    #[cfg(feature = "train")]
    Data(data::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    #[cfg(feature = "export")]
    Export(export::Args),
    Runtime(runtime::Args),
    Doctor(doctor::Args),
}

/// Runs a verb to its end.
pub(crate) fn run(verb: Verb, out: &Output) -> anyhow::Result<Exit> {
    match verb {
        #[cfg(feature = "train")]
        Verb::Data(args) => data::run(args, out),
        #[cfg(feature = "train")]
        Verb::Train(args) => train::run(args, out),
        #[cfg(feature = "export")]
        Verb::Export(args) => export::run(args, out),
        Verb::Runtime(args) => runtime::run(args, out),
        Verb::Doctor(args) => doctor::run(args, out),
    }
}
