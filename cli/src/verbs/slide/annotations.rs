//! The flags of annotations, and the file of each slide.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_slide::{AnnotationLimits, Annotations, GroupMap, GroupRole, LabelRule, Labeller};

use super::grid::share;
use crate::destination::Destination;
use crate::output::Output;

/// Endings of annotation files.
const ENDINGS: [&str; 3] = ["xml", "geojson", "json"];

/// Annotation files without a slide that a note names; it counts the others.
const NAMED: usize = 3;

/// The flags of annotations and labels.
#[derive(clap::Args)]
#[command(next_help_heading = "Labels")]
pub(super) struct AnnotationArgs {
    /// Annotations: a file for one slide, or a folder with a file named like each slide. ASAP XML or QuPath GeoJSON.
    #[arg(long, value_name = "PATH")]
    annotations: Option<PathBuf>,

    /// Meaning of an unknown annotation group: NAME=tumour, NAME=normal or NAME=ignore; may be repeated.
    #[arg(long, value_name = "NAME=ROLE", value_parser = group, requires = "annotations")]
    group: Vec<(String, GroupRole)>,

    /// Least share of tumour in a tile that is labelled `tumour`.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share, requires = "annotations")]
    tumour: f64,

    /// Greatest share of tumour in a tile that is labelled `normal`; tiles between the two are unlabelled.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, requires = "annotations")]
    normal: f64,

    /// Label by another rule: `centre` (the tile's centre), or the side of a central square in pixels that must hold any
    /// tumour (PatchCamelyon: 32 of 96).
    #[arg(long, value_name = "centre|N", conflicts_with_all = ["tumour", "normal"], requires = "annotations")]
    label_by: Option<LabelBy>,

    /// Not all tumour is annotated, so tissue outside the polygons is unlabelled instead of normal.
    #[arg(long, requires = "annotations")]
    not_exhaustive: bool,

    /// Slides without an annotation file are normal throughout, as in CAMELYON16; otherwise they are an error.
    #[arg(long, requires = "annotations")]
    normal_without_file: bool,
}

/// `--label-by`.
#[derive(Debug, Clone, Copy)]
enum LabelBy {
    Centre,
    Square(u32),
}

impl std::str::FromStr for LabelBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "centre" => Ok(Self::Centre),
            Ok(side @ 1..=256) => Ok(Self::Square(side)),
            _ => Err("expected `centre`, or a side of 1 to 256 pixels".to_owned()),
        }
    }
}

fn group(text: &str) -> Result<(String, GroupRole), String> {
    let (name, role) = text.rsplit_once('=').ok_or("expected NAME=tumour, NAME=normal or NAME=ignore")?;
    let role = match role {
        "tumour" => GroupRole::Tumour,
        "normal" => GroupRole::NotTumour,
        "ignore" => GroupRole::Ignore,
        other => return Err(format!("`{other}` is no role: tumour, normal or ignore")),
    };
    Ok((name.to_owned(), role))
}

impl AnnotationArgs {
    /// True if tiles are labelled.
    pub(super) fn are_given(&self) -> bool {
        self.annotations.is_some()
    }

    /// The folder of the annotations; `None` for a single file.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.annotations.as_deref().filter(|path| path.is_dir())
    }

    pub(super) fn labeller(&self) -> anyhow::Result<Labeller> {
        Ok(Labeller::new(self.rule(), self.are_exhaustive())?)
    }

    /// The rule of the labels.
    pub(super) fn rule(&self) -> LabelRule {
        match self.label_by {
            None => LabelRule::Area { tumour: self.tumour, normal: self.normal },
            Some(LabelBy::Centre) => LabelRule::Centre,
            Some(LabelBy::Square(side)) => LabelRule::CentralSquare { side, tile: kiln_tile::SIDE },
        }
    }

    /// True if all tumour is annotated.
    pub(super) fn are_exhaustive(&self) -> bool {
        !self.not_exhaustive
    }

    /// Refuses a target that is one of the annotation files.
    pub(super) fn are_not(&self, target: &Destination<'_>) -> anyhow::Result<()> {
        let Some(path) = &self.annotations else { return Ok(()) };
        target.is_not("the annotations", path)?;
        if target.exists() && path.is_dir() {
            files(path)?.iter().try_for_each(|file| target.is_not("the annotation file", file))?;
        }
        Ok(())
    }

    /// The slides whose annotation file is found, or that have none. [`Self::read`] reports the fault of any other.
    pub(super) fn unambiguous(&self, slides: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        let Some(folder) = self.folder() else { return Ok(slides.to_vec()) };
        let files = files(folder)?;
        Ok(slides.iter().filter(|slide| find(&files, slide).is_ok()).cloned().collect())
    }

    /// Refuses annotations that do not exist, one file for several slides, and a file of a folder that two slides share: it
    /// can be of one of them only.
    pub(super) fn check(&self, slides: &[PathBuf]) -> anyhow::Result<()> {
        let Some(path) = &self.annotations else { return Ok(()) };
        if !path.exists() {
            bail!("--annotations {}: no such file or folder", path.display());
        }
        let Some(folder) = self.folder() else {
            if slides.len() > 1 {
                bail!("{} is one file of annotations for {} slides; name a folder", path.display(), slides.len());
            }
            return Ok(());
        };
        let files = files(folder)?;
        let mut by_file = HashMap::new();
        for slide in slides {
            let Some(file) = find(&files, slide)? else { continue };
            if let Some(other) = by_file.insert(file, slide) {
                bail!(
                    "{} would be the annotations of {} and of {}, which have one name; name the slides in two runs",
                    file.display(),
                    other.display(),
                    slide.display()
                );
            }
        }
        Ok(())
    }

    /// Names the annotation files of the folder that belong to none of the slides, if slides without a file are normal: one of
    /// them may be of such a slide, under another name.
    pub(super) fn note_unused(&self, slides: &[PathBuf], out: &Output) -> anyhow::Result<()> {
        let Some(folder) = self.folder().filter(|_| self.normal_without_file) else { return Ok(()) };
        let unused = unused(folder, slides.iter().map(PathBuf::as_path))?;
        if unused.is_empty() {
            return Ok(());
        }
        let named: Vec<_> = unused.iter().take(NAMED).map(|file| file.display().to_string()).collect();
        let more = match unused.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.note(format_args!(
            "annotation files that have the name of no slide, and are not used: {}{more}; slides without a file count as \
             normal",
            named.join(", ")
        ));
        Ok(())
    }

    /// The annotations of a slide whose bounds begin at `origin`; `None` if none were asked for. [`Self::check`] comes first.
    pub(super) fn read(&self, slide: &Path, origin: (u64, u64)) -> anyhow::Result<Option<Annotations>> {
        let Some(path) = &self.annotations else { return Ok(None) };
        let file = if path.is_dir() { find(&files(path)?, slide)?.cloned() } else { Some(path.clone()) };
        match file {
            Some(file) => self.read_file(&file, origin).map(Some),
            None if self.normal_without_file => Ok(Some(Annotations::none())),
            None => bail!(
                "{}: no annotations for it in {} (expected {}.xml, .geojson or .json)",
                slide.display(),
                path.display(),
                slide.file_stem().unwrap_or_default().to_string_lossy()
            ),
        }
    }

    /// The annotations in a file, of a slide whose bounds begin at `origin`.
    pub(super) fn read_file(&self, file: &Path, origin: (u64, u64)) -> anyhow::Result<Annotations> {
        let groups = self.group.iter().fold(GroupMap::default(), |map, (name, role)| map.with(name, *role));
        Ok(Annotations::read(file, &groups, &AnnotationLimits::default())?.on_level_0(origin))
    }
}

/// The annotation files of a folder, in the order of their names.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(failed)? {
        let file = entry.with_context(failed)?.path();
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The annotation files of a folder that belong to none of the slides, without hidden files.
pub(super) fn unused<'a>(folder: &Path, slides: impl Iterator<Item = &'a Path>) -> anyhow::Result<Vec<PathBuf>> {
    let files = files(folder)?;
    let mut used = HashSet::new();
    for slide in slides {
        used.extend(find(&files, slide)?);
    }
    let is_unused = |file: &&PathBuf| !used.contains(file) && !file.file_name().is_some_and(kiln_tile::is_left_out);
    Ok(files.iter().filter(is_unused).cloned().collect())
}

/// The file of a slide among `files`: the slide's name with the ending of an annotation file. `NAME.ome.tif` may have
/// `NAME.xml` instead of `NAME.ome.xml`.
///
/// # Errors
/// Two files of one slide, and a file whose name differs from the slide's by case alone: a slide that missed its file could
/// count as normal.
pub(super) fn find<'a>(files: &'a [PathBuf], slide: &Path) -> anyhow::Result<Option<&'a PathBuf>> {
    let stem = slide.file_stem().with_context(|| format!("{} has no name", slide.display()))?;
    let short = Path::new(stem).extension().filter(|ending| ending.eq_ignore_ascii_case("ome"));
    let short = short.and_then(|_| Path::new(stem).file_stem());
    for name in std::iter::once(stem).chain(short) {
        let found: Vec<_> = files.iter().filter(|file| file.file_stem() == Some(name) && file.is_file()).collect();
        match found.as_slice() {
            [] => {}
            [file] => return Ok(Some(*file)),
            [one, other, ..] => {
                bail!("{} and {} are both annotations of one slide; keep one", one.display(), other.display())
            }
        }
    }
    let names: Vec<_> = std::iter::once(stem).chain(short).map(|name| name.to_string_lossy().to_lowercase()).collect();
    let is_like = |file: &&PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        names.contains(&name)
    };
    match files.iter().find(is_like) {
        Some(file) => bail!(
            "{} and the slide {} differ in capitals; rename one of them if they belong together, or move the file",
            file.display(),
            slide.display()
        ),
        None => Ok(None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| std::fs::write(folder.path().join(name), "").unwrap());
        folder
    }

    fn found(names: &[&str], slide: &str) -> Result<Option<String>, String> {
        let folder = folder_with(names);
        let files = files(folder.path()).unwrap();
        let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        find(&files, Path::new(slide)).map(|file| file.map(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_slide_finds_its_file_by_its_name_and_endings_may_be_in_capitals() {
        let is = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(found(&["tumor_001.XML"], "s/tumor_001.tif"), is("tumor_001.XML"));
        assert_eq!(found(&["a.xml"], "a.ome.tif"), is("a.xml"));
        assert_eq!(found(&["a.GeoJson"], "a.OME.TIF"), is("a.GeoJson"));
        assert_eq!(found(&["a.ome.xml", "a.xml"], "a.ome.tif"), is("a.ome.xml"));
        assert_eq!(found(&["a.xml", "b.txt"], "b.tif"), Ok(None));
        assert!(found(&["a.xml", "a.JSON"], "a.tif").unwrap_err().contains("both annotations of one slide"));
        let message = found(&["Tumor_001.xml"], "tumor_001.tif").unwrap_err();
        assert!(message.contains("Tumor_001.xml") && message.contains("tumor_001.tif"), "{message}");
        assert!(found(&["A.xml"], "a.ome.tif").unwrap_err().contains("capitals"));
    }

    #[test]
    fn files_of_no_slide_are_unused() {
        let folder = folder_with(&["a.xml", "b.xml", "._a.xml", "c.txt"]);
        assert_eq!(unused(folder.path(), [Path::new("a.ome.tif")].into_iter()).unwrap(), [folder.path().join("b.xml")]);
    }
}
