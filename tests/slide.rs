//! Whole slides: a drawn slide becomes tiles, rows, heat maps and a page; the rows are those of the same tiles as files; and
//! stops, shards, damage and missing facts cost what they must and nothing more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_slide::{PyramidOptions, openslide, write_pyramid_file};
use kiln_tile::Place;
use kiln_train::data::synth::{WholeSlide, WholeSlideOptions};

use crate::support::{Killer, Kind, command, fixture, kiln, lock, read_csv, read_json, repetitions, scratch, skip};

/// Resolution of the drawn slides and of the tiles in µm/px.
const MPP: &str = "0.5";

/// False, with a printed reason, if OpenSlide cannot be installed here.
fn has_openslide() -> bool {
    let _one_installation = lock("openslide");
    match openslide::find_or_install(None, &mut |_| ()) {
        Ok(_) => true,
        Err(error) => {
            skip(&format!("no OpenSlide: {error}"));
            false
        }
    }
}

/// Draws a slide of 2,048 pixels, with its annotations beside it.
fn draw(folder: &Path, name: &str, options: WholeSlideOptions) -> PathBuf {
    let slide = WholeSlide::new(&WholeSlideOptions { side: 2_048, ..options }).unwrap();
    let path = folder.join(format!("{name}.tif"));
    let region = |place: Place| slide.region(place.minx as u32, place.miny as u32, place.width, place.height);
    let size = (slide.side(), slide.side());
    write_pyramid_file(&path, size, &PyramidOptions::new(WholeSlide::MPP), &mut |place| Ok(region(place))).unwrap();
    fs::write(path.with_extension("xml"), slide.asap_xml()).unwrap();
    path
}

fn tissue() -> WholeSlideOptions {
    WholeSlideOptions { seed: 3, lesions: 1, ..WholeSlideOptions::default() }
}

fn rows(file: &Path) -> Vec<BTreeMap<String, String>> {
    read_csv(&fs::read_to_string(file).unwrap()).1
}

#[test]
fn a_slide_becomes_rows_heat_maps_and_a_page_and_its_rows_are_those_of_the_same_tiles_as_files() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let (slide, bundle, out) = (draw(here, "drawn", tissue()), fixture.bundle(Kind::Cnn), here.join("out"));
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--out", &out).code(0).says(&["page:"]);
    let (header, found) = read_csv(&fs::read_to_string(out.join("tiles.csv")).unwrap());
    let expected = "slide,minx,miny,width,height,score,label,status,";
    assert!(header.join(",").starts_with(expected), "{header:?}");
    assert!(header.join(",").ends_with(",level,tissue_fraction,tumour_fraction"), "{header:?}");
    assert!(found.len() > 8 && found.iter().all(|row| row["status"] == "ok" && row["width"] == "256"), "{found:?}");
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--size-policy", "resize")
        .code(2)
        .says(&["--size-policy is for files"]);
    let says = ["--heatmap: no effect, because rows go to standard output", "hint: leave out --heatmap"];
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--heatmap", "png").code(2).says(&says);
    let (file, says) = (out.join("rows.csv"), ["--heatmap: no effect, because --out is a file of rows"]);
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--heatmap", "png", "--out", &file).code(2).says(&says);
    let names = ["heatmap.geojson", "heatmap.ome.tif", "heatmap.png", "index.html", "overlay.png"];
    assert_eq!(crate::support::names(&out.join("drawn")), names);
    let geojson = read_json(&out.join("drawn/heatmap.geojson"));
    assert_eq!(geojson["type"], "FeatureCollection");
    let table = rows(&out.join("slides.csv"));
    let highest = found.iter().map(|row| row["score"].parse::<f32>().unwrap()).fold(0.0, f32::max);
    assert_eq!(table.len(), 1);
    assert_eq!(table[0]["score"].parse::<f32>().unwrap(), highest);
    assert_eq!((table[0]["status"].as_str(), table[0]["tiles"].parse::<usize>().unwrap()), ("ok", found.len()));

    // The same tiles as PNG files.
    let (list, images) = (here.join("tiles.csv"), here.join("images"));
    kiln!("slide", "tile", &slide, "--mpp", MPP, "--out", &list, "--images", &images).code(0);
    assert_eq!(rows(&list).len(), found.len());
    let scores = here.join("files.csv");
    kiln!("score", &bundle, &images, "--out", &scores).code(0);
    let name = |path: &str| Path::new(path).file_stem().unwrap().to_string_lossy().into_owned();
    let by_place: BTreeMap<String, String> =
        rows(&scores).into_iter().map(|row| (name(&row["path"]), row["score"].clone())).collect();
    for row in &found {
        let (a, b) = (&by_place[&format!("{}_{}", row["minx"], row["miny"])], &row["score"]);
        let (a, b): (f32, f32) = (a.parse().unwrap(), b.parse().unwrap());
        assert!((a - b).abs() < 1e-5, "{row:?}: {a} as a file");
    }
    // From the list, to stdout.
    let listed = kiln!("score", &bundle, &list, "--mpp", MPP).code(0).stdout();
    assert_eq!(read_csv(&listed).1.len(), found.len());
}

#[test]
fn killed_again_and_again_a_scoring_of_a_slide_ends_in_the_same_bytes() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let (slide, bundle) = (draw(here, "drawn", tissue()), fixture.bundle(Kind::Cnn));
    let score = |out: &Path| {
        let mut command = command();
        command.arg("score").arg(&bundle).arg(&slide).args(["--mpp", MPP, "--batch", "1", "--threads", "1"]);
        command.args(["--heatmap", "geojson", "--out"]).arg(out);
        command
    };
    let (whole, killed) = (here.join("whole"), here.join("killed"));
    crate::support::finish(score(&whole)).code(0);
    let mut killer = Killer::new(5, std::time::Duration::from_millis(900));
    for _ in 0..repetitions() {
        killer.kill(&mut score(&killed));
    }
    crate::support::finish(score(&killed)).code(0);
    for file in ["tiles.csv", "slides.csv", "drawn/heatmap.geojson"] {
        assert_eq!(fs::read(whole.join(file)).unwrap(), fs::read(killed.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn shards_of_a_slide_join_to_the_rows_of_one_machine_and_are_drawn() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let (slide, bundle) = (draw(here, "drawn", tissue()), fixture.bundle(Kind::Cnn));
    let whole = here.join("whole.csv");
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--batch", "1", "--out", &whole).code(0);
    let part = |index: usize| here.join(format!("part-{index}.parquet"));
    for index in 0..3 {
        let shard = format!("{index}/3");
        kiln!("score", &bundle, &slide, "--mpp", MPP, "--batch", "1", "--shard", shard, "--out", part(index)).code(0);
    }
    let (joined, drawn) = (here.join("joined.csv"), here.join("report"));
    kiln!("merge", part(2), part(0), part(1), "--out", &joined).code(0);
    assert_eq!(fs::read(&joined).unwrap(), fs::read(&whole).unwrap());
    kiln!("slide", "report", &bundle, &joined, "--out", &drawn, "--heatmap", "page").code(0);
    assert!(drawn.join("drawn/index.html").is_file());
}

#[test]
fn a_slide_of_glass_has_no_tiles_and_the_others_are_scored() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let slides = here.join("slides");
    fs::create_dir(&slides).unwrap();
    draw(&slides, "glass", WholeSlideOptions { tissue: 0.0, lesions: 0, ..tissue() });
    let bundle = fixture.bundle(Kind::Cnn);
    let out = here.join("glass");
    kiln!("score", &bundle, slides.join("glass.tif"), "--mpp", MPP, "--out", &out).code(2).says(&["no_tissue"]);
    assert!(!out.join("glass").exists(), "a heat map of nothing");
    draw(&slides, "tissue", tissue());
    let out = here.join("both");
    kiln!("score", &bundle, &slides, "--mpp", MPP, "--heatmap", "none", "--out", &out).code(2).says(&["no_tissue"]);
    let status: BTreeMap<String, String> =
        rows(&out.join("slides.csv")).into_iter().map(|row| (row["slide"].clone(), row["status"].clone())).collect();
    let of = |name: &str| status.iter().find(|(slide, _)| slide.ends_with(name)).unwrap().1.as_str();
    assert!(of("glass.tif").starts_with("no_tissue"));
    assert_eq!(of("tissue.tif"), "ok");
    fs::copy(slides.join("tissue.xml"), slides.join("other.xml")).unwrap();
    let figures = kiln!("--json", "slide", "evaluate", &bundle, &out, "--annotations", &slides).code(2).json();
    assert_eq!(figures["left_out"].as_array().unwrap().len(), 1, "{figures}");
    assert_eq!(figures["froc"]["lesions"], 1, "{figures}");
    assert_eq!(figures["not_scored"].as_array().unwrap().len(), 1, "{figures}");
    let table = out.join("slides.csv");
    let sound = fs::read_to_string(&table).unwrap();
    let evaluated = || kiln!("slide", "evaluate", &bundle, &out, "--annotations", &slides);
    let wrong_rule = kiln!("slide", "evaluate", &bundle, &out, "--annotations", &slides, "--slide-rule", "top_mean:3");
    wrong_rule.code(2).says(&["by the rule max, not top_mean:3"]);
    let line = sound.lines().find(|line| line.contains("tissue.tif")).unwrap();
    fs::write(&table, format!("{sound}{line}\n")).unwrap();
    evaluated().code(2).says(&["has two rows"]);
    let score = line.split(',').nth(1).unwrap();
    fs::write(&table, sound.replacen(&format!(",{score},"), ",0.123,", 1)).unwrap();
    evaluated().code(2).says(&["has the score 0.123, but the rule max over its rows gives"]);
    // An annotation file is of one slide, and a file that none has used is named.
    fs::write(&table, sound.replace("glass.tif", "two/tissue.tif")).unwrap();
    evaluated().code(2).says(&["tissue.xml", "which have one name"]);
    fs::write(&table, &sound).unwrap();
    let normal = kiln!("slide", "evaluate", &bundle, &out, "--annotations", &slides, "--normal-without-file");
    normal.code(2).says(&["not used: ", "other.xml"]);
    let patients = here.join("patients.csv");
    let grouped =
        || kiln!("--json", "slide", "evaluate", &bundle, &out, "--annotations", &slides, "--patients", &patients);
    fs::write(&patients, "slide,patient\ntissue.svs,p1\nglass,p2\n").unwrap();
    grouped().code(2).says(&["without a patient", "tissue.tif", "not among the slides of the scores: tissue.svs"]);
    // The slide of glass has no score, and so needs no patient.
    fs::write(&patients, "slide,patient\ntissue,p1\n").unwrap();
    assert_eq!(grouped().code(2).json()["left_out"].as_array().unwrap().len(), 1);
    fs::rename(slides.join("tissue.xml"), slides.join("Tissue.xml")).unwrap();
    evaluated().code(2).says(&["Tissue.xml", "tissue.tif", "capitals"]);

    // A report is not written over its rows, nor into the bundle.
    let report = |out: &Path| kiln!("slide", "report", &bundle, out.join("slides.csv"), "--out", out);
    report(&out).code(2).says(&["is the file of rows", "would be overwritten"]);
    assert_eq!(fs::read_to_string(&table).unwrap(), sound);
    kiln!("slide", "report", &bundle, out.join("tiles.csv"), "--out", bundle.join("report"))
        .code(2)
        .says(&["only read"]);
    assert!(!bundle.join("report").exists());
}

#[test]
fn a_slide_counts_once_and_one_that_is_gone_costs_its_own_row() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let (slide, bundle) = (draw(here, "drawn", tissue()), fixture.bundle(Kind::Cnn));
    let list = here.join("list.csv");
    kiln!("slide", "tile", &slide, "--mpp", MPP, "--out", &list).code(0);
    let tiles = rows(&list).len();
    let score = |inputs: &[&Path], out: &Path, code: i32| {
        let mut command = command();
        command.arg("score").arg(&bundle).args(inputs).args(["--mpp", MPP, "--heatmap", "none", "--out"]).arg(out);
        crate::support::finish(command).code(code)
    };
    let again = here.join("./drawn.tif");
    score(&[&slide, &again], &here.join("twice"), 0).says(&["it is read once"]);
    assert_eq!(rows(&here.join("twice/tiles.csv")).len(), tiles);
    score(&[&list, &slide], &here.join("both"), 2).says(&["in a list of tiles and named as a slide"]);
    let pattern = here.join("*.tif");
    score(&[&pattern], &here.join("pattern"), 0);
    score(&[&here.join("none.csv")], &here.join("none"), 2).says(&["no such file"]);
    kiln!("score", &bundle, &list, "--mpp", MPP, "--min-tissue", "0.9").code(2).says(&["--min-tissue", "slide tile"]);
    let text = fs::read_to_string(&list).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    // Lists that name no tile, or not as Kiln reads it, are refused before anything is written.
    let (other, none) = (here.join("other.csv"), here.join("none"));
    for (content, words) in [
        (format!("{header}\n\n"), "names no tile"),
        (text.replace(',', ";"), "semicolons"),
        (text.replacen("slide,", "path,", 1), "no column `slide`"),
    ] {
        fs::write(&other, content).unwrap();
        score(&[&other], &none, 2).says(&["other.csv", words]);
        assert!(!none.exists(), "{words}");
    }
    let quoted: Vec<_> = header.split(',').map(|name| format!("\"{name}\"")).collect();
    fs::write(&other, format!("{}\n{lines}", quoted.join(","))).unwrap();
    score(&[&other], &here.join("quoted"), 0);
    // Every second row is of a slide that is gone.
    let mixed: String =
        lines.lines().map(|line| format!("{line}\n{}\n", line.replacen("drawn.tif", "gone.tif", 1))).collect();
    fs::write(&list, format!("{header}\n{mixed}")).unwrap();
    let out = here.join("mixed");
    score(&[&list], &out, 2);
    let table = rows(&out.join("slides.csv"));
    let status: Vec<_> = table.iter().map(|row| row["status"].as_str()).collect();
    assert!(status.len() == 2 && status[0] == "ok" && status[1].starts_with("not_found"), "{status:?}");
    // A place that was changed is not one of the bundle's tiles.
    let edited = here.join("edited.csv");
    let found = fs::read_to_string(here.join("twice/tiles.csv")).unwrap();
    let last = found.lines().last().unwrap();
    fs::write(&edited, format!("{found}{last}\n")).unwrap();
    kiln!("slide", "report", &bundle, &edited, "--out", here.join("edited"), "--heatmap", "none")
        .code(2)
        .says(&["repeated"]);
}

#[test]
fn a_damaged_tile_costs_one_row_and_a_missing_resolution_names_the_override() {
    if !has_openslide() {
        return;
    }
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let (slide, bundle) = (draw(here, "drawn", tissue()), fixture.bundle(Kind::Cnn));
    let sound = here.join("sound.csv");
    kiln!("score", &bundle, &slide, "--mpp", MPP, "--batch", "1", "--out", &sound).code(0);
    // The resolution in the TIFF's tags is that of 72 dpi: 353 µm/px.
    let bytes = fs::read(&slide).unwrap();
    let bundle_says_nothing = kiln!("score", &bundle, &slide).code(2);
    bundle_says_nothing.says(&["--mpp"]);
    let absurd = here.join("absurd.tif");
    let size = (2_048, 2_048);
    let white = |place: Place| Ok(vec![255; 3 * place.width as usize * place.height as usize]);
    write_pyramid_file(&absurd, size, &PyramidOptions::new(20.0), &mut |place| white(place)).unwrap();
    kiln!("slide", "inspect", &absurd).code(0);
    kiln!("score", &bundle, &absurd, "--mpp", MPP).code(2).says(&["coarser"]);
    // Zeros in the middle of a tile of tissue. Most long streams are those of level 0.
    let start = median_jpeg(&bytes);
    let mut damaged = bytes.clone();
    damaged[start + 2_000..start + 6_000].fill(0);
    let broken = here.join("broken.tif");
    fs::write(&broken, damaged).unwrap();
    let out = here.join("broken.csv");
    kiln!("score", &bundle, &broken, "--mpp", MPP, "--batch", "1", "--out", &out).code(2);
    let (sound, broken) = (rows(&sound), rows(&out));
    assert_eq!(sound.len(), broken.len());
    let failed = broken.iter().filter(|row| row["status"] != "ok").count();
    assert_eq!(failed, 1, "one TIFF tile is one tile of the grid");
    for (a, b) in sound.iter().zip(&broken).filter(|(_, b)| b["status"] == "ok") {
        assert_eq!(a["score"], b["score"]);
    }
}

#[test]
fn no_input_is_overwritten_no_slide_listed_twice_and_slides_of_equal_names_keep_their_tiles() {
    if !has_openslide() {
        return;
    }
    let folder = scratch();
    let here = folder.path();
    let slides = ["1", "2"].map(|number| {
        let folder = here.join("d").join(number);
        fs::create_dir_all(&folder).unwrap();
        draw(&folder, "x", tissue())
    });
    let (slide, xml, list, images) = (&slides[0], slides[0].with_extension("xml"), here.join("t.csv"), here.join("i"));
    let before = (fs::read(slide).unwrap(), fs::read(&xml).unwrap());
    kiln!("slide", "inspect", slide, "--thumbnail", slide).code(2).says(&["--thumbnail"]);
    kiln!("slide", "inspect", slide, "--thumbnail", &xml).code(2).says(&["--thumbnail"]);
    kiln!("slide", "tile", slide, "--mpp", MPP, "--annotations", &xml, "--out", &xml).code(2).says(&["--out"]);
    let mask = here.join("mask.csv");
    fs::write(&mask, "a mask").unwrap();
    kiln!("slide", "tile", slide, "--mpp", MPP, "--mask", &mask, "--out", &mask).code(2).says(&["is the mask"]);
    assert_eq!(before, (fs::read(slide).unwrap(), fs::read(&xml).unwrap()));
    assert_eq!(fs::read(&mask).unwrap(), b"a mask");

    kiln!("slide", "tile", slide, slide, "--mpp", MPP, "--out", &list).code(0).says(&["it is read once"]);
    let once = rows(&list).len();
    let tile = || kiln!("slide", "tile", here.join("d"), "--mpp", MPP, "--out", &list, "--images", &images);
    tile().code(0);
    assert_eq!(rows(&list).len(), 2 * once);
    for name in ["x", "x-2"] {
        assert_eq!(crate::support::names(&images.join(name)).len(), once, "{name}");
    }
    tile().code(2).says(&["not empty", "--images"]);
    let tile =
        || kiln!("slide", "tile", here.join("d"), "--mpp", MPP, "--out", &list, "--annotations", here.join("d/1"));
    tile().code(2).says(&["one name"]);

    let tile = |mpp: &str, more: &[&str]| {
        let mut command = command();
        command.args(["slide", "tile"]).arg(slide).args(["--mpp", mpp, "--out"]).arg(&list).args(more);
        crate::support::finish(command)
    };
    tile(MPP, &["--annotations", "nowhere"]).code(2).says(&["nowhere", "no such file or folder"]);
    tile(MPP, &["--min-tissue=25"]).code(2).says(&["--min-tissue", "from 0 to 1"]);
    tile("10", &[]).code(2).says(&["no tile of 5120 px"]);
    kiln!("slide", "inspect", slide, "--min-tissue", "0.5").code(2).says(&["--min-tissue", "--mpp"]);

    // A slide with two annotation files is one error in an inspection, and the other slides are inspected.
    let pair = here.join("pair");
    fs::create_dir(&pair).unwrap();
    for name in ["a", "b"] {
        fs::copy(slide, pair.join(format!("{name}.tif"))).unwrap();
        fs::copy(&xml, pair.join(format!("{name}.xml"))).unwrap();
    }
    fs::copy(&xml, pair.join("b.json")).unwrap();
    let reports = kiln!("--json", "slide", "inspect", &pair, "--mpp", MPP, "--annotations", &pair).code(2).json();
    assert!(reports[0]["tiles"]["labels"].is_object(), "{reports}");
    assert!(reports[1]["error"].as_str().unwrap().contains("both annotations of one slide"), "{reports}");
    let tile = kiln!("slide", "tile", &pair, "--mpp", MPP, "--out", &list, "--annotations", &pair);
    tile.code(2).says(&["b.json", "both annotations of one slide"]);

    // A slide that is cut short is not lost among the images of its folder.
    let whole = &before.0;
    fs::write(here.join("d/cut.tif"), &whole[..whole.len() / 3]).unwrap();
    kiln!("slide", "tile", here.join("d"), "--mpp", MPP, "--out", &list).code(2).says(&["cut.tif", "cut short"]);
}

/// The start of the JPEG stream of median length among those of more than 8,000 bytes.
fn median_jpeg(bytes: &[u8]) -> usize {
    let starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, at)| *at == [0xff, 0xd8, 0xff]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let mut long: Vec<(usize, usize)> = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| (end - start, *start))
        .filter(|(length, _)| *length > 8_000)
        .collect();
    long.sort_unstable();
    long[long.len() / 2].1
}
