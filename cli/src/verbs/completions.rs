//! `kiln completions`: a shell's completion script, from the definitions that `--help` is made from.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use crate::exit::Exit;
use crate::output::Output;

/// Print the completion script of a shell.
///
/// The script completes the verbs and flags of this binary. The release archives contain the same scripts; see
/// docs/distribution.md for the folder of each shell.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln completions bash > ~/.local/share/bash-completion/completions/kiln\n  \
                        kiln completions zsh > ~/.zfunc/_kiln")]
pub(crate) struct Args {
    /// Shell that the script is for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "kiln", &mut script);
    let script = String::from_utf8(script)?;
    if out.json {
        out.document(&json!({ "shell": args.shell.to_string(), "script": script }))?;
    } else {
        out.line(script.trim_end());
    }
    Ok(Exit::Done)
}
