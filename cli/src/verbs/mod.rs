//! The verbs, one file each: arguments, and the library calls that they become.

mod again;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "compare")]
mod compare;
mod completions;
#[cfg(feature = "train")]
mod data;
#[cfg(feature = "debug")]
mod debug;
#[cfg(all(feature = "export", feature = "bench"))]
mod demo;
mod doctor;
#[cfg_attr(not(feature = "endpoint"), path = "no_endpoint.rs")]
mod endpoint;
#[cfg(feature = "train")]
mod evaluate;
#[cfg(feature = "export")]
mod export;
mod format;
#[cfg(feature = "slide")]
mod given;
#[cfg(feature = "export")]
mod import;
mod inputs;
#[cfg(feature = "train")]
mod interval;
#[cfg(feature = "train")]
mod labels;
mod man;
mod merge;
mod number;
#[cfg(feature = "package")]
mod package;
#[cfg(feature = "train")]
mod pretrain;
mod provider;
mod runtime;
mod score;
mod shard;
#[cfg(all(feature = "export", feature = "package"))]
mod ship;
#[cfg(feature = "sign")]
pub(crate) mod sign;
#[cfg_attr(not(feature = "sign"), path = "no_signature.rs")]
mod signature;
#[cfg(feature = "slide")]
mod slide;
mod status;
#[cfg(feature = "train")]
mod steps;
#[cfg(feature = "train")]
mod study;
#[cfg(feature = "train")]
mod train;
mod verify;
#[cfg(feature = "train")]
mod weights;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// The verbs, in the order in which a model passes through them.
#[derive(Subcommand)]
pub(crate) enum Verb {
    #[cfg(all(feature = "export", feature = "bench"))]
    Demo(demo::Args),
    Runtime(runtime::Args),
    Doctor(doctor::Args),
    #[cfg(feature = "train")]
    Data(data::Args),
    #[cfg(feature = "slide")]
    Slide(Box<slide::Args>),
    #[cfg(feature = "train")]
    Weights(weights::Args),
    #[cfg(feature = "train")]
    Pretrain(pretrain::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    #[cfg(feature = "train")]
    Evaluate(evaluate::Args),
    #[cfg(feature = "train")]
    Study(study::Args),
    #[cfg(feature = "export")]
    Export(export::Args),
    #[cfg(feature = "export")]
    Import(Box<import::Args>),
    #[cfg(feature = "sign")]
    Sign(sign::Args),
    Verify(verify::Args),
    #[cfg(feature = "compare")]
    Compare(Box<compare::Args>),
    #[cfg(feature = "debug")]
    Debug(Box<debug::Args>),
    Score(Box<score::Args>),
    Status(status::Args),
    Merge(merge::Args),
    #[cfg(feature = "bench")]
    Bench(bench::Args),
    #[cfg(feature = "package")]
    Package(Box<package::Args>),
    #[cfg(all(feature = "export", feature = "package"))]
    Ship(Box<ship::Args>),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs a verb by the words of its command line, without the program's name.
#[cfg(all(feature = "export", feature = "bench"))]
fn run_words(words: &[std::ffi::OsString], out: &Output) -> anyhow::Result<Exit> {
    use clap::Parser;

    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(subcommand)]
        verb: Verb,
    }
    run(Line::try_parse_from(words)?.verb, out)
}

/// Runs a verb.
pub(crate) fn run(verb: Verb, out: &Output) -> anyhow::Result<Exit> {
    match verb {
        #[cfg(all(feature = "export", feature = "bench"))]
        Verb::Demo(args) => demo::run(args, out, &run_words),
        Verb::Runtime(args) => runtime::run(args, out),
        Verb::Doctor(args) => doctor::run(args, out),
        #[cfg(feature = "train")]
        Verb::Data(args) => data::run(args, out),
        #[cfg(feature = "slide")]
        Verb::Slide(args) => slide::run(*args, out),
        #[cfg(feature = "train")]
        Verb::Weights(args) => weights::run(args, out),
        #[cfg(feature = "train")]
        Verb::Pretrain(args) => pretrain::run(args, out),
        #[cfg(feature = "train")]
        Verb::Train(args) => train::run(args, out),
        #[cfg(feature = "train")]
        Verb::Evaluate(args) => evaluate::run(args, out),
        #[cfg(feature = "train")]
        Verb::Study(args) => study::run(args, out),
        #[cfg(feature = "export")]
        Verb::Export(args) => export::run(args, out),
        #[cfg(feature = "export")]
        Verb::Import(args) => import::run(*args, out),
        #[cfg(feature = "sign")]
        Verb::Sign(args) => sign::run(args, out),
        Verb::Verify(args) => verify::run(args, out),
        #[cfg(feature = "compare")]
        Verb::Compare(args) => compare::run(*args, out),
        #[cfg(feature = "debug")]
        Verb::Debug(args) => debug::run(*args, out),
        Verb::Score(args) => score::run(*args, out),
        Verb::Status(args) => status::run(&args, out),
        Verb::Merge(args) => merge::run(args, out),
        #[cfg(feature = "bench")]
        Verb::Bench(args) => bench::run(args, out),
        #[cfg(feature = "package")]
        Verb::Package(args) => package::run(*args, out),
        #[cfg(all(feature = "export", feature = "package"))]
        Verb::Ship(args) => ship::run(*args, out),
        Verb::Completions(args) => completions::run(&args, out),
        Verb::Man(args) => man::run(&args, out),
    }
}
