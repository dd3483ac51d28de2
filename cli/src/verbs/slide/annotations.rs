//! The flags of annotations, and the file of each slide.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_slide::{AnnotationLimits, Annotations, GroupMap, GroupRole, LabelRule, Labeller};

use crate::destination::Destination;

/// Endings of annotation files.
const ENDINGS: [&str; 3] = ["xml", "geojson", "json"];

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
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "annotations")]
    tumour: f64,

    /// Greatest share of tumour in a tile that is labelled `normal`; tiles between the two are unlabelled.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "annotations")]
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

    /// Refuses slides of equal names that share an annotation file: it can be of one of them only.
    pub(super) fn are_of_one_slide_each(&self, slides: &[PathBuf]) -> anyhow::Result<()> {
        let Some(folder) = self.folder() else { return Ok(()) };
        let mut by_name = HashMap::new();
        for slide in slides {
            let Some(other) = by_name.insert(slide.file_stem(), slide) else { continue };
            if let Some(file) = find(folder, slide)? {
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

    /// The annotations of a slide whose bounds begin at `origin`; `None` if none were asked for. `slides` is the number of
    /// slides of the run.
    pub(super) fn read(&self, slide: &Path, origin: (u64, u64), slides: usize) -> anyhow::Result<Option<Annotations>> {
        let Some(path) = &self.annotations else { return Ok(None) };
        let file = if path.is_dir() {
            find(path, slide)?
        } else if slides > 1 {
            bail!("{} is one file of annotations for {slides} slides; name a folder", path.display());
        } else {
            Some(path.clone())
        };
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

/// The file of a slide in a folder: the slide's name with the ending of an annotation file.
pub(super) fn find(folder: &Path, slide: &Path) -> anyhow::Result<Option<PathBuf>> {
    let stem = slide.file_stem().with_context(|| format!("{} has no name", slide.display()))?;
    let files = ENDINGS.map(|ending| {
        let mut name = stem.to_owned();
        name.push(".");
        name.push(ending);
        folder.join(name)
    });
    let found: Vec<_> = files.into_iter().filter(|file| file.is_file()).collect();
    match found.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(file.clone())),
        [one, other, ..] => {
            bail!("{} and {} are both annotations of one slide; keep one", one.display(), other.display())
        }
    }
}
