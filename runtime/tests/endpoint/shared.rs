//! Several servers and many batches: the load is shared, the order kept, and nothing is lost when one of them dies.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use image::{Rgb, RgbImage};
use kiln_runtime::endpoint::{Endpoint, EndpointOptions};
use kiln_runtime::score::{self, Listed, ListedTiles, PipelineOptions, ScoreRow, Summary};
use kiln_runtime::{DecisionRule, Result};
use kiln_tile::Decoder;
use serde_json::json;

use crate::fake::{Fake, Reply, answer};
use crate::{connect, options, scores, words};

fn tiles(folder: &Path, count: u8) -> Vec<Listed> {
    let tile = |value: u8| {
        let path = folder.join(format!("t{value}.bmp"));
        RgbImage::from_pixel(256, 256, Rgb([value; 3])).save(&path).unwrap();
        Listed { path, refused: None }
    };
    (0..count).map(tile).collect()
}

fn run(endpoint: &Endpoint, tiles: &[Listed]) -> (Vec<ScoreRow>, Result<Summary>) {
    let options = PipelineOptions { batch: 2, workers: 2 };
    let source = ListedTiles::new(tiles, Decoder::default());
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let mut rows = Vec::new();
    let mut keep = |row| {
        rows.push(row);
        Ok(())
    };
    let summary = score::run(&mut endpoint.handles(), &rule, &source, &options, &mut keep);
    (rows, summary)
}

fn assert_whole(rows: &[ScoreRow], count: u8) {
    let found: Vec<_> = rows.iter().map(|row| row.score).collect();
    assert_eq!(found, (0..count).map(|value| Some(f32::from(value))).collect::<Vec<_>>());
}

#[test]
fn servers_share_the_load_and_the_order_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 40);
    let slow = |_: usize, request: &crate::fake::Request| {
        std::thread::sleep(Duration::from_millis(u64::from(request.scores()[0] as u8 % 5)));
        answer(&request.scores())
    };
    let (one, two) = (Fake::new(slow), Fake::new(slow));
    let endpoint = connect(EndpointOptions { concurrency: 4, ..options(&[&one, &two]) }).unwrap();
    let (rows, summary) = run(&endpoint, &tiles);
    assert_whole(&rows, 40);
    assert_eq!(summary.unwrap().scored, 40);
    assert_eq!(one.inferences() + two.inferences(), 20, "each batch was sent once");
    assert!(one.inferences() > 2 && two.inferences() > 2, "{} and {}", one.inferences(), two.inferences());
}

#[test]
fn no_more_requests_are_on_their_way_than_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 30);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counter, highest) = (Arc::clone(&now), Arc::clone(&most));
    let server = Fake::new(move |_, request| {
        highest.fetch_max(counter.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        counter.fetch_sub(1, Ordering::SeqCst);
        answer(&request.scores())
    });
    let endpoint = connect(EndpointOptions { concurrency: 3, ..options(&[&server]) }).unwrap();
    assert_whole(&run(&endpoint, &tiles).0, 30);
    assert!((2..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[test]
fn a_dead_servers_work_goes_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 40);
    let whole = Fake::new(|_, request| answer(&request.scores()));
    // From its third inference on it breaks every connection.
    let dies = Fake::new(
        |number, request| {
            if number < 2 { answer(&request.scores()) } else { Reply::Cut(String::new(), vec![]) }
        },
    );
    let endpoint = connect(options(&[&dies, &whole])).unwrap();
    let (rows, summary) = run(&endpoint, &tiles);
    summary.unwrap();
    assert_whole(&rows, 40);
}

#[test]
fn a_server_that_is_not_there_is_left_out_and_named() {
    let (whole, gone) = (Fake::new(|_, request| answer(&request.scores())), Fake::new(|_, _| Reply::Endless));
    let options = options(&[&gone, &whole]);
    let missing = gone.url();
    drop(gone);
    let mut endpoint = connect(options).unwrap();
    assert_eq!(endpoint.unreachable()[0].0, missing);
    assert_eq!(scores(&mut endpoint, &[4]).unwrap(), [4.0]);
    assert_eq!(endpoint.served()[0].url, whole.url());
}

#[test]
fn a_run_that_ends_early_names_the_batch_and_keeps_the_rows_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 20);
    let server = Fake::new(|_, request| {
        let scores = request.scores();
        if scores[0] >= 8.0 { Reply::Json(400, json!({ "error": "I stop at 8" })) } else { answer(&scores) }
    });
    let endpoint = connect(options(&[&server])).unwrap();
    let (rows, summary) = run(&endpoint, &tiles);
    assert_whole(&rows, 8);
    let error = summary.unwrap_err();
    let (text, _) = words(Err::<(), _>(error));
    assert!(text.contains("2 tiles from") && text.contains("t8.bmp"), "{text}");
}
