//! The annotations of an evaluation: the flags, and the annotated slides that have no scores.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgMatches, Command, FromArgMatches};
use kiln_slide::{GroupRole, SlideRow};

use super::super::annotations::AnnotationArgs;

/// Name of the argument of the annotations.
const ANNOTATIONS: &str = "annotations";

/// Endings of files that are annotations and nothing else. A `.json` file may be anything.
const SURE: [&str; 2] = ["xml", "geojson"];

/// The flags of annotations, with the path of the files.
pub(super) struct Truth {
    flags: AnnotationArgs,
    path: Option<PathBuf>,
}

impl Deref for Truth {
    type Target = AnnotationArgs;

    fn deref(&self) -> &AnnotationArgs {
        &self.flags
    }
}

impl FromArgMatches for Truth {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let path = matches.get_one::<PathBuf>(ANNOTATIONS).cloned();
        Ok(Self { flags: AnnotationArgs::from_arg_matches_mut(matches)?, path })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.flags.update_from_arg_matches(matches)?;
        self.path = matches.get_one::<PathBuf>(ANNOTATIONS).cloned().or(self.path.take());
        Ok(())
    }
}

impl clap::Args for Truth {
    fn augment_args(command: Command) -> Command {
        <AnnotationArgs as clap::Args>::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        <AnnotationArgs as clap::Args>::augment_args_for_update(command)
    }
}

impl Truth {
    /// The annotation files with tumour whose slides are not in `table`. The figures are those of the other slides.
    pub(super) fn without_scores(&self, table: &[SlideRow]) -> anyhow::Result<Vec<String>> {
        let Some(folder) = self.path.as_deref().filter(|path| path.is_dir()) else { return Ok(Vec::new()) };
        let scored: BTreeSet<&OsStr> = table.iter().filter_map(|row| Path::new(&row.slide).file_stem()).collect();
        let failed = || format!("cannot read {}", folder.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).with_context(failed)? {
            let file = entry.with_context(failed)?.path();
            let is_annotation = ending(&file).is_some_and(|ending| ending == "json" || SURE.contains(&ending));
            let is_scored = file.file_stem().is_some_and(|stem| scored.contains(stem));
            if is_annotation && !is_scored && !file.file_name().is_some_and(kiln_tile::is_left_out) {
                files.push(file);
            }
        }
        files.sort();
        let mut without = Vec::new();
        for file in files {
            // The files are found by the name of a slide, without its ending.
            let mut slide = OsString::from(file.file_stem().unwrap_or_default());
            slide.push(".slide");
            let annotations = match self.flags.read(Path::new(&slide), (0, 0), table.len() + 1) {
                Ok(found) => found,
                Err(error) if ending(&file).is_some_and(|ending| SURE.contains(&ending)) => return Err(error),
                Err(_) => continue,
            };
            let is_tumour = |found: &kiln_slide::Annotations| {
                found.polygons().iter().any(|polygon| polygon.role == GroupRole::Tumour)
            };
            if annotations.is_some_and(|found| is_tumour(&found)) {
                without.push(file.display().to_string());
            }
        }
        Ok(without)
    }
}

/// The ending of an annotation file, as `kiln slide tile` looks for it.
fn ending(file: &Path) -> Option<&str> {
    file.extension().and_then(OsStr::to_str)
}
