#![allow(clippy::unwrap_used, clippy::expect_used)]

use kiln_files::Fault;
use kiln_tile::{TILE_BYTES, Tile};

use super::*;
use crate::metrics::{Bootstrap, Scored, measure};

fn decode(picture: &Picture) -> image::RgbImage {
    let image = image::load_from_memory_with_format(picture.png(), image::ImageFormat::Png).unwrap().into_rgb8();
    assert_eq!(image.dimensions(), picture.size());
    image
}

/// Number of pixels of about a colour; antialiasing blends the edges.
fn count(image: &image::RgbImage, colour: plotters::style::RGBColor) -> usize {
    let near = |a: u8, b: u8| a.abs_diff(b) < 12;
    image.pixels().filter(|p| near(p.0[0], colour.0) && near(p.0[1], colour.1) && near(p.0[2], colour.2)).count()
}

fn scored(n: usize) -> Vec<Scored> {
    let tile = |at: usize| {
        let anomalous = at.is_multiple_of(2);
        let score = (at * 37 % 100) as f64 / 160.0 + if anomalous { 0.35 } else { 0.0 };
        Scored { score, anomalous, group: (at / 4).to_string() }
    };
    (0..n).map(tile).collect()
}

fn epoch(epoch: u64, val_auroc: Option<f64>) -> EpochRecord {
    let loss = 0.7 / epoch as f64;
    EpochRecord {
        epoch,
        step: epoch * 100,
        learning_rate: 1e-3,
        train_loss: loss,
        val_loss: loss + 0.05,
        val_auroc,
        seconds: 1.0,
    }
}

fn flat(value: u8) -> Tile {
    Tile::from_pixels(vec![value; TILE_BYTES]).unwrap()
}

#[test]
fn loss_curves_show_auroc_only_where_it_was_measured() {
    let without: Vec<EpochRecord> = (1..=9).map(|at| epoch(at, None)).collect();
    let with: Vec<EpochRecord> = (1..=9).map(|at| epoch(at, Some(0.8))).collect();
    let (narrow, wide) = (loss_curves(&without, 1).unwrap(), loss_curves(&with, 1).unwrap());
    assert!(narrow.size().0 < wide.size().0);
    for colour in [style::BLUE, style::VERMILLION] {
        assert!(count(&decode(&narrow), colour) > 500);
    }
}

#[test]
fn the_epoch_that_was_kept_is_marked() {
    let history: Vec<EpochRecord> = (1..=9).map(|at| epoch(at, Some(0.8))).collect();
    let pictures = [0, 3, 7].map(|kept| loss_curves(&history, kept).unwrap());
    let marks = |picture: &Picture| count(&decode(picture), style::GREY);
    assert!(marks(&pictures[1]) > marks(&pictures[0]) + 500, "no epoch 0 was kept");
    assert_ne!(pictures[1].png(), pictures[2].png());
}

#[test]
fn one_epoch_and_diverged_epochs_are_drawn() {
    loss_curves(&[epoch(1, None)], 1).unwrap();
    let mut history = vec![epoch(1, None), epoch(2, None)];
    history[1].val_loss = f64::NAN;
    loss_curves(&history, 1).unwrap();
    history.iter_mut().for_each(|epoch| (epoch.train_loss, epoch.val_loss) = (f64::NAN, f64::INFINITY));
    let error = loss_curves(&history, 1).unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    assert!(error.to_string().contains("none of 2 epochs"), "{error}");
    assert!(loss_curves(&[], 1).is_err());
}

#[test]
fn history_lines_are_read_with_and_without_auroc() {
    let line = r#"{"epoch":1,"step":161,"learning_rate":0.001,"train_loss":0.5,"val_loss":0.4,"val_auroc":null,"seconds":2.5}"#;
    let record: EpochRecord = serde_json::from_str(line).unwrap();
    assert_eq!((record.step, record.val_auroc), (161, None));
    assert_eq!(serde_json::to_string(&record).unwrap(), line);
}

#[test]
fn roc_and_pr_show_the_model_and_the_baseline() {
    let tiles = scored(120);
    let metrics = measure(&tiles, 0.5, Some(&tiles), Bootstrap { resamples: 100, seed: 1 }).unwrap();
    let alone = decode(&roc_and_pr(&tiles, None, &metrics).unwrap());
    let beside = decode(&roc_and_pr(&tiles, Some(&tiles), &metrics).unwrap());
    assert!(count(&alone, style::BLUE) > 2000);
    assert!(count(&beside, style::VERMILLION) > count(&alone, style::VERMILLION));
    assert!(roc_and_pr(&[], None, &metrics).is_err());
}

#[test]
fn pictures_are_the_same_every_time() {
    let tiles = scored(40);
    let metrics = measure(&tiles, 0.5, None, Bootstrap { resamples: 100, seed: 1 }).unwrap();
    assert_eq!(roc_and_pr(&tiles, None, &metrics).unwrap(), roc_and_pr(&tiles, None, &metrics).unwrap());
}

#[test]
fn a_sheet_tells_right_calls_from_wrong_ones() {
    let tile =
        |score, anomalous| SheetTile { tile: flat(90), name: "a/very/long/path/to/tile.png".into(), score, anomalous };
    let sheet = score_sheet(&[tile(0.1, false), tile(0.2, true), tile(0.9, true), tile(0.95, false)], 0.5).unwrap();
    let image = decode(&sheet);
    let (right, wrong) = (count(&image, style::BLUE), count(&image, style::VERMILLION));
    assert!(right > 2 * 4 * 160 * 3, "{right}");
    assert!(wrong > 2 * 4 * 160, "{wrong}");
    // A wrong call's frame is broken, so that it can be told apart in grey as well.
    assert!(wrong < right);
    assert_eq!(score_sheet(&[], 0.5).unwrap_err().fault(), Fault::Input);
}

#[test]
fn a_sheet_of_the_training_says_what_was_made_up() {
    let tile = |made_up| TrainingTile { tile: flat(90), label: "tumour".into(), made_up, name: "tile.png".into() };
    let red = |tiles: &[TrainingTile]| count(&decode(&training_sheet(tiles).unwrap()), style::VERMILLION);
    assert_eq!(red(&[tile(false), tile(false)]), 0);
    assert!(red(&[tile(false), tile(true)]) > 20);
    assert_eq!(training_sheet(&[]).unwrap_err().fault(), Fault::Input);
}

#[test]
fn chosen_tiles_hold_the_worst_mistakes_and_the_whole_range() {
    let mut tiles = scored(100);
    tiles[7] = Scored { score: 5.0, anomalous: false, group: "x".into() };
    tiles[8].score = f64::NAN;
    let chosen = choose_tiles(&tiles, 0.5, 12);
    assert_eq!(chosen.len(), 12);
    assert!(chosen.contains(&7) && !chosen.contains(&8));
    assert!(chosen.is_sorted_by(|&a, &b| tiles[a].score <= tiles[b].score));
    let mut distinct = chosen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 12);
    assert_eq!(choose_tiles(&tiles[..3], 0.5, 12).len(), 3);
    assert!(choose_tiles(&[], 0.5, 12).is_empty());
    assert!(choose_tiles(&tiles, 0.5, 0).is_empty());
}

#[test]
fn a_reconstruction_sheet_shows_tiles_as_they_are_and_errors_on_a_scale() {
    let map: Vec<f32> = (0..256 * 256).map(|at| (at / 256) as f32 / 255.0 * 0.02).collect();
    let row = |map| Reconstruction { tile: flat(40), reconstruction: flat(200), error_map: map, caption: "a".into() };
    let image = decode(&reconstruction_sheet(&[row(map.clone()), row(map)]).unwrap());
    let near = |grey| count(&image, plotters::style::RGBColor(grey, grey, grey));
    assert!(near(40) >= 2 * 65_536 && near(200) >= 2 * 65_536);
    let error = reconstruction_sheet(&[row(vec![0.0; 10])]).unwrap_err();
    assert!(error.to_string().contains("row 0 has 10 values, expected 65536"), "{error}");
    assert!(reconstruction_sheet(&[]).is_err());
    reconstruction_sheet(&[row(vec![0.0; 65_536])]).unwrap();
    reconstruction_sheet(&[row(vec![f32::NAN; 65_536])]).unwrap();
}

#[test]
fn a_picture_is_saved_whole_or_says_where_it_could_not() {
    let folder = tempfile::tempdir().unwrap();
    let picture = loss_curves(&[epoch(1, None), epoch(2, None)], 1).unwrap();
    picture.save(&folder.path().join("loss.png")).unwrap();
    assert_eq!(std::fs::read(folder.path().join("loss.png")).unwrap(), picture.png());
    let error = picture.save(&folder.path().join("loss.png/under-a-file.png")).unwrap_err();
    assert_eq!(error.fault(), Fault::Environment);
    assert!(error.to_string().contains("loss.png"), "{error}");
}

#[test]
fn models_are_compared_in_colours_of_their_own() {
    let (good, poor) = (scored(200), scored(60));
    fn model<'a>(name: &str, lists: Vec<&'a [Scored]>) -> ComparedScores<'a> {
        ComparedScores { name: name.to_owned(), lists }
    }
    let two = compared_curves(&[model("colour", vec![&poor]), model("net", vec![&good, &poor])]).unwrap();
    let image = decode(&two);
    for colour in &style::PALETTE[..2] {
        assert!(count(&image, *colour) > 500, "{colour:?}");
    }
    assert_eq!(count(&image, style::PALETTE[2]), 0);
    let many: Vec<ComparedScores<'_>> = (0..9).map(|at| model(&at.to_string(), vec![&good])).collect();
    compared_curves(&many).unwrap();
    assert!(compared_curves(&[]).is_err());
    assert!(compared_curves(&[model("one class", vec![&good[..1]])]).is_err());
}

#[test]
fn intervals_are_drawn_one_below_the_other() {
    use crate::metrics::Interval;
    let row =
        |value: f64| ("a model with a rather long name".to_owned(), Interval { value, low: value - 0.1, high: value });
    let rows = |count: usize| -> Vec<_> { (0..count).map(|at| row(0.5 + at as f64 / 20.0)).collect() };
    let (two, six) = (
        interval_rows(["AUROC", "area"], &rows(2), Some(0.6)).unwrap(),
        interval_rows(["AUROC", "area"], &rows(6), None).unwrap(),
    );
    assert!(six.size().1 > two.size().1);
    assert!(count(&decode(&six), style::BLUE) > count(&decode(&two), style::BLUE));
    interval_rows(["no spread", "area"], &[("one".to_owned(), Interval { value: 1.0, low: 1.0, high: 1.0 })], None)
        .unwrap();
    assert!(interval_rows(["none", "area"], &[], None).is_err());
}

#[test]
fn quality_is_drawn_over_its_price() {
    use crate::metrics::Interval;
    let cost = |at: usize| Cost {
        name: format!("model {at}"),
        auroc: Interval { value: 0.9, low: 0.8, high: 0.95 },
        training_s: 10_f64.powi(at as i32),
        inference_ms: (at > 0).then_some(2.0),
    };
    let costs: Vec<Cost> = (0..3).map(cost).collect();
    assert!(count(&decode(&quality_by_cost(&costs).unwrap()), style::BLUE) > 300);
    quality_by_cost(&costs[..1]).unwrap();
    assert!(quality_by_cost(&[Cost { training_s: 0.0, ..cost(1) }]).is_err());
}

#[test]
fn maps_lie_over_their_tiles() {
    let insight = |evidence: Option<Vec<f32>>| Insight {
        tile: flat(200),
        evidence,
        error_map: None,
        caption: "a.png: false alarm, score 0.9".to_owned(),
    };
    let hot: Vec<f32> = (0..65_536).map(|at| if at % 256 < 128 { 1.0 } else { 0.0 }).collect();
    let sheet = decode(&insight_sheet(&[insight(Some(hot)), insight(None)]).unwrap());
    // The evidence column begins at 16 + 256 + 20 pixels: bright on its left, dark on its right.
    let (bright, dark) = (sheet.get_pixel(292 + 20, 100 + 60).0, sheet.get_pixel(292 + 236, 100 + 60).0);
    assert!(bright.iter().map(|v| u32::from(*v)).sum::<u32>() > dark.iter().map(|v| u32::from(*v)).sum::<u32>());
    assert_eq!(sheet.get_pixel(100, 160).0, [200; 3]);
    let short = insight_sheet(&[insight(Some(vec![0.0; 9]))]).unwrap_err();
    assert!(short.to_string().contains("row 0 has 9 values"), "{short}");
    assert!(insight_sheet(&[]).is_err());
}

#[test]
fn the_latent_space_is_drawn_by_truth_and_as_strips() {
    let place = |at: usize| LatentPoint { x: at as f64, y: (at * at % 7) as f64, anomalous: at.is_multiple_of(3) };
    let places: Vec<LatentPoint> = (0..30).map(place).collect();
    let map = decode(&latent_map(&places, 0.4).unwrap());
    assert!(count(&map, style::BLUE) > 100 && count(&map, style::VERMILLION) > 100);
    latent_map(&places[..1], 1.0).unwrap();
    assert!(latent_map(&[], 1.0).is_err());
    let strip =
        interpolation_strips(&[("dark to light".to_owned(), (0..7).map(|at| flat(at * 40)).collect())]).unwrap();
    assert!(strip.size().0 > 900);
    assert!(interpolation_strips(&[]).is_err());
}
