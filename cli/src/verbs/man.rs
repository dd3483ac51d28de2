//! `kiln man`: manual pages of all verbs, from the definitions that `--help` is made from. The bytes depend on the binary
//! alone: pages have no date.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use kiln_files::publish;
use serde_json::json;

use crate::exit::Exit;
use crate::output::Output;

/// Print the manual page of a verb, or write the pages of all verbs to a folder.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln man runtime install | man -l -\n  kiln man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Verb whose page is printed, such as `score` or `runtime install`; the page of kiln itself without one.
    #[arg(value_name = "VERB", conflicts_with = "out")]
    verb: Vec<String>,

    /// Folder that gets one page for kiln and one for each verb, such as kiln-score.1. Pages of the same name are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let mut kiln = crate::Cli::command().disable_help_subcommand(true);
    kiln.build();
    match &args.out {
        Some(folder) => write_all(&kiln, folder, out)?,
        None => print(find(&kiln, &args.verb)?, out)?,
    }
    Ok(Exit::Done)
}

fn find<'a>(kiln: &'a Command, verb: &[String]) -> anyhow::Result<&'a Command> {
    let mut found = kiln;
    for name in verb {
        let Some(inner) = found.find_subcommand(name) else {
            let known: Vec<_> = visible(found).map(Command::get_name).collect();
            let known = if known.is_empty() { String::new() } else { format!("; known are: {}", known.join(", ")) };
            bail!("`{}` has no verb `{name}`{known}", name_of(found).replace('-', " "));
        };
        found = inner;
    }
    Ok(found)
}

fn print(command: &Command, out: &Output) -> anyhow::Result<()> {
    let page = page(command)?;
    if out.json {
        return out.document(&json!({ "name": name_of(command), "page": page }));
    }
    out.line(page.trim_end());
    Ok(())
}

fn write_all(kiln: &Command, folder: &Path, out: &Output) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for command in pages(kiln) {
        let file = folder.join(format!("{}.1", name_of(command)));
        publish::write_file(&file, page(command)?.as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
        out.line(file.display());
        files.push(file);
    }
    if out.json {
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        out.document(&json!({ "out": folder.to_string_lossy(), "pages": files }))?;
    }
    Ok(())
}

/// A command and all commands below it, each before those below it.
fn pages(command: &Command) -> Vec<&Command> {
    std::iter::once(command).chain(visible(command).flat_map(pages)).collect()
}

/// The commands directly below this one.
fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| !inner.is_hide_set())
}

/// The name of the page: `kiln-runtime-install`.
fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of a command, in roff.
fn page(command: &Command) -> anyhow::Result<String> {
    let man = Man::new(command.clone()).source(concat!("kiln ", env!("CARGO_PKG_VERSION"))).manual("Kiln");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    closing_text(command).to_writer(&mut page)?;
    exit_status().to_writer(&mut page)?;
    see_also(command).to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

/// The text at the end of `--help`, which [`Man`] would fill into one paragraph. A line that ends with a colon becomes a
/// heading, and the lines below it stay lines.
fn closing_text(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let text = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    for line in text.iter().flat_map(|text| text.lines()) {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => {
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
            }
            None => drop(roff.text([roman(line.trim_start())])),
        }
    }
    if text.is_some() {
        roff.control("fi", []);
    }
    roff
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    let rows = [
        ("0", "Done."),
        ("1", "A check failed: parity, a gate, or the validity of a benchmark."),
        ("2", "The input, the arguments or the configuration are wrong."),
        ("3", "The machine lacks something, such as an ONNX Runtime library or a provider."),
    ];
    for (status, meaning) in rows {
        roff.control("TP", []).text([roman(status)]).text([roman(meaning)]);
    }
    roff
}

/// The pages directly above and below this one.
fn see_also(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let name = name_of(command);
    let above = name.strip_suffix(command.get_name()).and_then(|above| above.strip_suffix('-'));
    let names: Vec<_> =
        above.into_iter().chain(visible(command).map(name_of)).map(|name| format!("{name}(1)")).collect();
    if !names.is_empty() {
        roff.control("SH", ["SEE ALSO"]).text([roman(names.join(", "))]);
    }
    roff
}
