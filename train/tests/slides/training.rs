//! Training on tiles of slides: the strongest proof that the source is right is that the weights are the same bytes as those
//! of a training on the same tiles as PNG files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kiln_train::Config;
use kiln_train::data::{Dataset, Split};
use kiln_train::training::{Event, Run, Silent, TrainRequest, report, train};

use crate::{N, Slides, TILES, corner, label, slides};

fn config(model: &str, sets: &[&str]) -> Config {
    let text = format!(
        "name: tiny\nmodel: {model}\ndata:\n  size_policy: error\n  micrometres_per_pixel: 0.5\n  split: {{train: 0.5, val: \
         0.25, test: 0.25}}\n  workers: 3\ntraining: {{epochs: 2, batch: 8, seed: 5, schedule: {{kind: constant}}}}\n\
         bootstrap_resamples: 100\n"
    );
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::parse(&text, "tiny.yaml", &sets).unwrap()
}

/// Weights and dropout draw from one generator of the process, so trainings take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const CNN: &str = "{kind: cnn, filters: [4, 8], head: pooled, dense: [8], dropout: 0.1}";

fn request(slides: &Slides, config: &Config, data: &Path, out: &str) -> TrainRequest {
    TrainRequest {
        config: config.clone(),
        data: Some(data.to_owned()),
        out: slides.path(out),
        resume: false,
        openslide: Some(slides.library.clone()),
        split: None,
        features: None,
    }
}

/// The same tiles as PNG files with names that sort as the identities do, and the list of them.
fn files(slides: &Slides) -> std::path::PathBuf {
    let folder = slides.path("png");
    fs::create_dir(&folder).unwrap();
    let mut text = "path,label,group\n".to_owned();
    for (slide, tiles) in slides.tiles.iter().enumerate() {
        for (at, tile) in tiles.iter().enumerate() {
            let (x, y) = corner(at);
            let name = format!("slide-{slide}.tif#{x},{y},{N}x{N}.png");
            let image = image::RgbImage::from_raw(N as u32, N as u32, tile.pixels().to_vec()).unwrap();
            image.save(folder.join(&name)).unwrap();
            writeln!(text, "\"{name}\",{},slide-{slide}.tif", label(at)).unwrap();
        }
    }
    let list = folder.join("tiles.csv");
    fs::write(&list, text).unwrap();
    list
}

#[test]
fn training_on_slides_gives_the_weights_of_training_on_png_files() {
    let Some(slides) = slides(6) else { return };
    let _turn = turn();
    let (list, png) = (slides.list(), files(&slides));
    let vae = "{kind: vae, filters: [4, 8], stride: 8, latent: 8}";
    for (name, model, sets) in [
        ("cnn", CNN, &["data.stain_normalisation=macenko", "data.oversampling=true"][..]),
        ("reinhard", CNN, &["data.stain_normalisation=reinhard", "data.synthesis.cut_paste=0.25"]),
        ("vae", vae, &[]),
    ] {
        let config = config(model, sets);
        let runs = [(&list, "slides"), (&png, "png")]
            .map(|(data, of)| train(&request(&slides, &config, data, &format!("{name}-{of}")), &mut Silent).unwrap());
        let weights = runs.each_ref().map(|run| fs::read(run.layout.weights()).unwrap());
        assert!(weights[0] == weights[1], "{name}: other weights");
        let metrics = runs.each_ref().map(|run| run.metrics().unwrap());
        assert_eq!(metrics[0], metrics[1], "{name}");
        let seen = runs.each_ref().map(|run| fs::read(run.layout.seen()).unwrap());
        assert!(seen[0] == seen[1], "{name}: other tiles");
        assert_eq!(runs[0].facts.threshold, runs[1].facts.threshold, "{name}");
        let png = ["scores.png", "roc_pr.png"].iter().all(|picture| runs[0].layout.picture(picture).is_file());
        assert!(png, "{name}: pictures are missing");
    }
    // Nothing beside runs and lists was written.
    let mut names: Vec<_> =
        fs::read_dir(slides.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 6 + 2 + 6, "{names:?}");
}

#[test]
fn a_run_is_opened_again_where_slides_and_list_have_moved() {
    let Some(slides) = slides(6) else { return };
    let _turn = turn();
    let list = slides.list();
    let config = config(CNN, &[]);
    let trained = train(&request(&slides, &config, &list, "run"), &mut Silent).unwrap();
    let run = Run { openslide: Some(slides.library.clone()), ..Run::open(trained.layout.root()).unwrap() };
    let dataset = run.dataset(None).unwrap();
    let test = run.indices(&dataset, Split::Test).unwrap();
    assert!(!test.is_empty() && test.len().is_multiple_of(TILES));

    let elsewhere = tempfile::tempdir().unwrap();
    let mut text = "slide,minx,miny,width,height,label\n".to_owned();
    for slide in 0..6 {
        let path = elsewhere.path().join(format!("slide-{slide}.tif"));
        fs::rename(slides.path(&format!("slide-{slide}.tif")), &path).unwrap();
        for at in 0..TILES {
            let (x, y) = corner(at);
            writeln!(text, "{},{x},{y},{N},{N},{}", path.display(), label(at)).unwrap();
        }
    }
    let moved = slides.write("moved.csv", &text);
    assert!(run.dataset(None).unwrap_err().to_string().contains("slide-0.tif"));
    let found = run.dataset(Some(&moved)).unwrap();
    assert_eq!(run.indices(&found, Split::Test).unwrap(), test);
    // The report is drawn again from the moved slides, and a finished training is found again.
    report(&run, Some(&moved), None, None).unwrap();
    let again = TrainRequest { resume: true, ..request(&slides, &config, &moved, "run") };
    assert_eq!(train(&again, &mut Silent).unwrap().facts, trained.facts);
}

#[test]
fn a_training_states_its_resolution_and_says_what_it_leaves_out() {
    let Some(slides) = slides(1) else { return };
    let _turn = turn();
    let list = slides.list();
    let without = config(CNN, &["data.micrometres_per_pixel=null"]);
    let error = train(&request(&slides, &without, &list, "a"), &mut Silent).unwrap_err().to_string();
    assert!(error.contains("data.micrometres_per_pixel: required") && error.contains("0.5000 µm/px"), "{error}");
    let other = config(CNN, &["data.micrometres_per_pixel=0.25"]);
    let error = train(&request(&slides, &other, &list, "b"), &mut Silent).unwrap_err().to_string();
    assert!(error.contains("`micrometres_per_pixel` is 0.25") && error.contains("slide-0.tif"), "{error}");

    let mut text = "slide,minx,miny,width,height,label,split\n".to_owned();
    for at in 0..TILES {
        let ((x, y), split) = (corner(at), Split::ALL[at / 6]);
        let label = if at == 15 { "" } else { label(at) };
        writeln!(text, "slide-0.tif,{x},{y},{N},{N},{label},{split}").unwrap();
    }
    let list = slides.write("divided.csv", &text);
    let mut heard = Vec::new();
    let mut observer = |event: &Event<'_>| match event {
        Event::Unlabelled { tiles } => heard.push(("unlabelled", *tiles)),
        Event::DividedSlides { slides } => heard.push(("divided", *slides)),
        _ => {}
    };
    train(&request(&slides, &config(CNN, &[]), &list, "c"), &mut observer).unwrap();
    assert_eq!(heard, [("unlabelled", 1), ("divided", 1)]);
    // The list is a data set of slides wherever a path is named.
    assert!(Dataset::open_with(&list, &slides.options()).unwrap().is_of_slides());
}
