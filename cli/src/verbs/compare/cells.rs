//! The sides of a comparison: those that were named, and the cells of a matrix. One process can load one ONNX Runtime, so a
//! side whose provider is in another library is asked in a process of its own, which saves its answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::bail;
use kiln_compare::{Report, SideFacts, SideOptions, SideSpec};
use kiln_files::Fault;
use kiln_runtime::{Bundle, ProviderKind, Providers, library};

use super::{Args, facts_of};
use crate::output::Output;
use crate::unanswered::Unanswered;
use crate::verbs::again::again;
use crate::verbs::doctor;

/// The sides to open in this process.
pub(super) struct Cells {
    pub(super) specs: Vec<SideSpec>,
    /// Cells that did not run in their own process.
    pub(super) unavailable: Vec<(SideFacts, String)>,
    pub(super) is_matrix: bool,
    /// Sides that were asked in their own process.
    asked: usize,
}

impl Cells {
    /// The sides. Sets the library of `options` where the sides need a certain one; files of answers are put in `scratch`.
    pub(super) fn new(
        args: &Args,
        specs: Vec<SideSpec>,
        options: &mut SideOptions,
        scratch: &Path,
        out: &Output,
    ) -> anyhow::Result<Self> {
        let mut cells = Self { specs, unavailable: Vec::new(), is_matrix: args.matrix, asked: 0 };
        if args.matrix {
            cells.expand(args, options, scratch, out)?;
        } else if options.library.is_none() {
            cells.separate(args, scratch, out)?;
        }
        Ok(cells)
    }

    /// Replaces the last side by its cells: every precision on every provider.
    fn expand(&mut self, args: &Args, options: &mut SideOptions, scratch: &Path, out: &Output) -> anyhow::Result<()> {
        let Some(bundle) = self.specs.last().cloned() else { return Ok(()) };
        if !bundle.is_bundle() || bundle.precision.is_some() || bundle.providers.is_some() {
            bail!("--matrix is for a bundle without precision and provider, and the last side is {bundle}");
        }
        let reference = match self.specs.len() {
            // A single bundle is compared with its own fp32 graph on the CPU.
            1 => bundle.cell("fp32", "cpu"),
            _ => self.specs[0].clone(),
        };
        let middle: Vec<SideSpec> = self.specs.iter().skip(1).rev().skip(1).rev().cloned().collect();
        let places = doctor::providers_here(options.library.as_deref())?;
        let main = main_library(&places).or_else(|| options.library.clone());
        options.library = options.library.clone().or_else(|| main.clone());
        let precisions: Vec<String> =
            Bundle::open_to_verify(&bundle.target)?.manifest.variants.into_iter().map(|one| one.precision).collect();
        self.specs = std::iter::once(reference.clone()).chain(middle).collect();
        for (library, provider) in &places {
            // Every library has the CPU.
            let library = if provider == ProviderKind::Cpu.name() { main.as_ref().unwrap_or(library) } else { library };
            for precision in &precisions {
                let cell = bundle.cell(precision, provider);
                if cell == reference {
                    continue;
                }
                if main.as_deref() == Some(library.as_path()) {
                    self.specs.push(cell);
                } else {
                    self.ask_elsewhere(args, &cell, library, scratch, out)?;
                }
            }
        }
        if self.specs.len() + self.unavailable.len() < 2 {
            bail!(
                "there is nothing beside the reference: this machine runs one provider, and the bundle has one precision"
            );
        }
        Ok(())
    }

    /// Moves sides to other processes whose provider is in another library than that of the first such side.
    fn separate(&mut self, args: &Args, scratch: &Path, out: &Output) -> anyhow::Result<()> {
        let mut main: Option<ProviderKind> = None;
        for at in 0..self.specs.len() {
            let Some(kind) = accelerator(&self.specs[at])? else { continue };
            let first = *main.get_or_insert(kind);
            if kind.wheel() == first.wheel() {
                continue;
            }
            let spec = self.specs[at].clone();
            let library = library::find_for(None, &Providers::only(kind))?.path;
            if let Some(fault) = self.ask_elsewhere(args, &spec, &library, scratch, out)? {
                let reason = self.unavailable.pop().map(|(_, reason)| reason).unwrap_or_default();
                return Err(Unanswered { side: spec.to_string(), reason, fault }.into());
            }
            self.specs.swap_remove(at);
        }
        Ok(())
    }

    /// Asks a side in a process that loads `library`, and takes its answers as a side. Returns how the process ended if it
    /// failed.
    fn ask_elsewhere(
        &mut self,
        args: &Args,
        spec: &SideSpec,
        library: &Path,
        scratch: &Path,
        out: &Output,
    ) -> anyhow::Result<Option<Fault>> {
        let file = self.next_file(scratch);
        out.note(format_args!("{spec} is asked in a process of its own, which loads {}", library.display()));
        let tiles_of = self.specs.iter().find(|spec| spec.is_run());
        let tiles_of = tiles_of.or_else(|| self.specs.iter().find(|spec| spec.is_bundle()));
        let tiles_of = tiles_of.map(|spec| spec.target.as_path());
        let output = again(Some(library), "error")?
            .arg("compare")
            .arg(spec.to_string())
            .arg("--save")
            .arg(&file)
            .args(args.same_tiles(tiles_of))
            .output()?;
        self.take(spec, &file, &output)
    }

    /// A file for the answers of the next side. No other side gets its name, though a side may take the place of another.
    fn next_file(&mut self, scratch: &Path) -> PathBuf {
        self.asked += 1;
        scratch.join(format!("{}.npz", self.asked))
    }

    /// Takes the answers of a process that ended as a side. A process that failed has no answers, even if it left a file.
    fn take(&mut self, spec: &SideSpec, file: &Path, output: &process::Output) -> anyhow::Result<Option<Fault>> {
        if output.status.success() && file.is_file() {
            self.specs.push(SideSpec::path(file));
            return Ok(None);
        }
        if file.is_file() {
            fs::remove_file(file)?;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = match said.trim() {
            "" => unreadable(&output.stdout)
                .unwrap_or_else(|| format!("its process ended without answers ({})", output.status)),
            said => said.strip_prefix("error: ").unwrap_or(said).to_owned(),
        };
        self.unavailable.push((facts_of(spec), reason));
        Ok(Some(match output.status.code() {
            Some(1) => Fault::Check,
            Some(2) => Fault::Input,
            _ => Fault::Environment,
        }))
    }
}

/// The first tile that the report of another process lists as unreadable, with the reason.
fn unreadable(report: &[u8]) -> Option<String> {
    let report: Report = serde_json::from_slice(report).ok()?;
    let failed = &report.tiles.failed;
    let first = failed.first()?;
    Some(format!("{} tiles could not be read; the first is {}: {}", failed.len(), first.path, first.status))
}

/// The first provider of a side that is not the CPU.
fn accelerator(spec: &SideSpec) -> anyhow::Result<Option<ProviderKind>> {
    let Some(list) = spec.providers.as_deref().filter(|list| !list.starts_with('@')) else { return Ok(None) };
    let kinds: Vec<ProviderKind> = list.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
    Ok(kinds.into_iter().find(|kind| *kind != ProviderKind::Cpu))
}

/// The library with the most providers that run here.
fn main_library(places: &[(PathBuf, String)]) -> Option<PathBuf> {
    let count = |library: &PathBuf| places.iter().filter(|(other, _)| other == library).count();
    // Every library has the CPU too, which counts for the first of the search alone.
    let beside_cpu =
        |library: &PathBuf| places.iter().filter(|(other, name)| other == library && name != "cpu").count();
    places.iter().map(|(library, _)| library).max_by_key(|library| (beside_cpu(library), count(library))).cloned()
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn cells(sides: &[&str]) -> Cells {
        let specs = sides.iter().map(|side| SideSpec::path(Path::new(side))).collect();
        Cells { specs, unavailable: Vec::new(), is_matrix: false, asked: 0 }
    }

    fn ended(code: i32, stderr: &str) -> process::Output {
        let status = process::ExitStatus::from_raw(code << 8);
        process::Output { status, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn two_sides_asked_elsewhere_have_two_files() {
        let scratch = tempfile::tempdir().unwrap();
        let mut cells = cells(&["first", "second", "third"]);
        for at in [1, 2] {
            let spec = cells.specs[at].clone();
            let file = cells.next_file(scratch.path());
            fs::write(&file, spec.to_string()).unwrap();
            cells.take(&spec, &file, &ended(0, "")).unwrap();
            cells.specs.swap_remove(at);
        }
        let answers: Vec<String> =
            cells.specs[1..].iter().map(|spec| fs::read_to_string(&spec.target).unwrap()).collect();
        assert_eq!(answers, ["second", "third"]);
    }

    #[test]
    fn a_failed_process_has_no_answers() {
        let scratch = tempfile::tempdir().unwrap();
        let mut cells = cells(&["first"]);
        let spec = cells.specs[0].clone();
        let file = cells.next_file(scratch.path());
        fs::write(&file, "half").unwrap();
        let ends = cells.take(&spec, &file, &ended(2, "error: the disk is full\n")).unwrap();
        let other = cells.next_file(scratch.path());
        assert_eq!(ends, Some(Fault::Input));
        assert_eq!(cells.take(&spec, &other, &ended(0, "")).unwrap(), Some(Fault::Environment));
        assert!(cells.specs.len() == 1 && !file.exists());
        assert_eq!(cells.unavailable[0].1, "the disk is full");
        assert!(cells.unavailable[1].1.contains("without answers"), "{}", cells.unavailable[1].1);
    }
}
