//! `kiln demo --slide`: from drawn slides with known lesions to a page with a heat map. Every step is a command that the
//! user could type, and is printed before it runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use kiln_files::publish;
use kiln_files::text::shell_word;
use kiln_slide::{PyramidOptions, openslide, write_pyramid_file};
use kiln_train::data::synth::{WholeSlide, WholeSlideOptions};
use serde_json::json;

use super::{Folder, RunWords, onnx_runtime, step};
use crate::exit::Exit;
use crate::output::Output;

/// The slides: name, seed and split. Each is another slide of the same scanner.
const SLIDES: [(&str, u64, &str); 3] = [("slide-a", 11, "train"), ("slide-b", 12, "val"), ("slide-c", 13, "test")];
/// Changes to `configs/slides.yaml` that fit a few hundred tiles and two cores.
const SET: [&str; 6] = [
    "name=demo-slide",
    "model.filters=[16, 32, 64]",
    "model.dense=[64]",
    "training.epochs=4",
    "training.batch=16",
    "training.learning_rate=0.002",
];
/// Resolution of the tiles in µm/px.
const MPP: &str = "0.5";
/// The configuration; written into the folder, so that the printed command can be typed again.
const CONFIG: &str = include_str!("../../../../configs/slides.yaml");

pub(super) fn run(path: &Path, set: &[String], run_words: &RunWords, out: &Output) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let folder = Folder::fresh(path)?.0;
    onnx_runtime(out)?;
    let named = crate::environment::variable("KILN_OPENSLIDE");
    openslide::find_or_install(named.as_deref(), &mut |step| out.note(step))?;
    step(out, started, "drawing three slides with known lesions, and their annotations");
    let slides = draw(&folder)?;
    let at = |name: &str| folder.join(name).into_os_string();
    let (tiles, bundle) = (at("tiles.csv"), at("bundle"));
    publish::write_file(&folder.join("slides.yaml"), CONFIG.as_bytes()).context("cannot write slides.yaml")?;
    let quiet = out.without_stdout();
    let say = |words: &[OsString]| -> anyhow::Result<Exit> {
        let line: Vec<_> = words.iter().map(|word| shell_word(&word.to_string_lossy()).into_owned()).collect();
        step(out, started, &format!("kiln {}", line.join(" ")));
        run_words(words, if out.json { &quiet } else { out })
    };
    let listed = words(
        &["slide", "tile", "--mpp", MPP, "--annotations"],
        [at("slides"), "--out".into(), tiles.clone(), at("slides")],
    );
    say(&listed)?;
    add_splits(&folder.join("tiles.csv"))?;
    let mut training = words(&["train"], [at("slides.yaml"), "--data".into(), tiles, "--out".into(), at("run")]);
    for key in SET.iter().map(|key| (*key).to_owned()).chain(set.iter().cloned()) {
        training.extend(["--set".into(), key.into()]);
    }
    say(&training)?;
    say(&words(&["export"], [at("run"), "--out".into(), bundle.clone()]))?;
    // The slide that training has not seen.
    let last = slides.last().context("no slide was drawn")?.clone().into_os_string();
    let scored = say(&words(&["score"], [bundle.clone(), last, "--out".into(), at("scores")]))?;
    let annotations: OsString = "--annotations".into();
    let measured = say(&words(&["slide", "evaluate"], [bundle, at("scores"), annotations, at("slides")]))?;
    let page = folder.join("scores/slide-c/index.html");
    let seconds = started.elapsed().as_secs_f64();
    if out.json {
        let slides: Vec<_> = slides.iter().map(|slide| slide.to_string_lossy()).collect();
        let within = |name: &str| folder.join(name).to_string_lossy().into_owned();
        out.document(&json!({
            "out": folder.to_string_lossy(), "slides": slides, "run": within("run"), "bundle": within("bundle"),
            "scores": within("scores"), "page": page.to_string_lossy(), "seconds": seconds,
        }))?;
    }
    out.line(format_args!(
        "took       {seconds:.0} s; the slides are drawn, so these figures do not hold for real tissue"
    ));
    out.line(format_args!("page       {}", page.display()));
    out.line(format_args!("next       open the page in a browser; drag scores/slide-c/heatmap.geojson into QuPath"));
    Ok(if scored == Exit::Done { measured } else { scored })
}

/// Draws the slides, each with its ASAP XML beside it.
fn draw(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join("slides");
    let draw = |(name, seed, _): &(&str, u64, &str)| {
        let slide = WholeSlide::new(&WholeSlideOptions { seed: *seed, ..WholeSlideOptions::default() })
            .map_err(kiln_train::Error::from)?;
        let path = folder.join(format!("{name}.tif"));
        let size = (slide.side(), slide.side());
        let options = PyramidOptions::new(WholeSlide::MPP);
        write_pyramid_file(&path, size, &options, &mut |place| {
            let edge = |edge: i64| u32::try_from(edge);
            Ok(slide.region(edge(place.minx)?, edge(place.miny)?, place.width, place.height))
        })
        .with_context(|| format!("cannot draw {}", path.display()))?;
        let xml = path.with_extension("xml");
        publish::write_file(&xml, slide.asap_xml().as_bytes())
            .with_context(|| format!("cannot write {}", xml.display()))?;
        Ok(path)
    };
    SLIDES.iter().map(draw).collect()
}

/// States the split of each slide in the list: three slides are too few to draw splits from.
fn add_splits(list: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot add splits to {}", list.display());
    let tiles = kiln_slide::TileList::read(list, &kiln_slide::ListLimits::default())?;
    let mut writer = kiln_slide::TileListWriter::create(list)?;
    for tile in tiles.iter() {
        let stem = Path::new(tile.slide).file_stem().unwrap_or_default();
        let split = SLIDES.iter().find(|(name, ..)| *name == stem).map(|(_, _, split)| *split);
        writer.write(&kiln_slide::ListedPlace { split: Some(split.with_context(failed)?), ..tile })?;
    }
    writer.finish()?;
    Ok(())
}

fn words<const N: usize>(fixed: &[&str], rest: [OsString; N]) -> Vec<OsString> {
    fixed.iter().map(OsString::from).chain(rest).collect()
}
