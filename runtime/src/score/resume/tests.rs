#![allow(clippy::unwrap_used)]

use std::fs;
use std::time::{Duration, SystemTime};

use std::slice::from_ref;

use kiln_tile::Decoder;

use super::super::{Listed, ListedTiles};
use super::*;
use crate::decision::DecisionRule;

fn source(tiles: &[Listed]) -> ListedTiles<'_> {
    ListedTiles::new(tiles, Decoder::default())
}

/// A run over ten tiles that are there.
struct Run {
    folder: tempfile::TempDir,
    tiles: Vec<Listed>,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tiles")).unwrap();
        let tile = |i: usize| {
            let path = folder.path().join(format!("tiles/t{i}.png"));
            fs::write(&path, format!("tile {i}")).unwrap();
            Listed { path, refused: None }
        };
        let tiles = (0..10).map(tile).collect();
        Self { folder, tiles }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("out/scores.csv")
    }

    fn progress(&self) -> PathBuf {
        ResumableFile::progress_of(&self.target())
    }

    fn try_open(&self, key: &str, restart: bool) -> Result<(ResumableFile, Found)> {
        fs::create_dir_all(self.folder.path().join("out")).unwrap();
        let resume = Resume { restart, workers: 3, on_tile: &|| () };
        let columns = Columns::for_files(&["a".to_owned(), "b".to_owned()]);
        ResumableFile::open(&self.target(), Format::Csv, &columns, key, &source(&self.tiles), &resume)
    }

    fn open(&self, key: &str) -> (ResumableFile, Found) {
        self.try_open(key, false).unwrap()
    }

    /// The row of a tile as its file is now; `generation` is told apart in the score.
    fn row(&self, place: usize, generation: f32) -> ScoreRow {
        let rule = DecisionRule::new(0.5, vec![], &[]);
        let path = self.tiles[place].path.to_string_lossy().into_owned();
        match fs::read(&self.tiles[place].path) {
            Ok(bytes) if bytes.starts_with(b"tile") => ScoreRow {
                digest: Some(FileDigest::new(&bytes)),
                ..ScoreRow::scored(path, generation + place as f32 / 7.0, vec![0.25, 0.75], &rule)
            },
            Ok(bytes) => ScoreRow {
                digest: Some(FileDigest::new(&bytes)),
                ..ScoreRow::failed(path, "unsupported: no \"image\"")
            },
            Err(_) => ScoreRow::failed(path, "not_found: no such file"),
        }
    }

    /// Scores the next `count` tiles, and is killed.
    fn stop_after(&self, key: &str, count: usize, generation: f32) -> Found {
        let (mut file, found) = self.open(key);
        let todo = file.todo().to_vec();
        todo.into_iter().take(count).for_each(|place| file.write(&self.row(place, generation)).unwrap());
        file.file.flush().unwrap();
        found
    }

    /// Scores all that is left; gives what was scored and the result.
    fn complete(&self, key: &str, generation: f32) -> (Found, Vec<usize>, String) {
        let (mut file, found) = self.open(key);
        let todo = file.todo().to_vec();
        todo.iter().for_each(|place| file.write(&self.row(*place, generation)).unwrap());
        let digests = file.finish().unwrap();
        assert_eq!(digests.len(), 10);
        assert!(!self.progress().exists(), "progress was left");
        let text = fs::read_to_string(self.target()).unwrap();
        fs::remove_file(self.target()).unwrap();
        (found, todo, text)
    }

    /// The generation of each row's score; none for a row without one.
    fn generations(text: &str) -> Vec<Option<usize>> {
        let score = |line: &str| line.split(',').nth(1).unwrap().parse::<f32>().ok().map(|score| score as usize / 10);
        text.lines().skip(1).map(score).collect()
    }
}

fn kept(rows: usize, changed: usize, without_score: usize) -> Found {
    Found::Rows(Kept { rows, changed, without_score })
}

#[test]
fn wherever_a_run_is_cut_the_next_one_gives_the_same_file() {
    let run = Run::new();
    fs::write(&run.tiles[3].path, "no image").unwrap();
    let (found, todo, expected) = run.complete("k", 0.0);
    assert_eq!((found, todo.len()), (Found::Nothing, 10));
    run.stop_after("k", 7, 0.0);
    let bytes = fs::read(run.progress()).unwrap();
    for cut in (0..=bytes.len()).step_by(13) {
        fs::write(run.progress(), &bytes[..cut]).unwrap();
        let (_, _, text) = run.complete("k", 0.0);
        assert_eq!(text, expected, "cut at {cut}");
    }
}

#[test]
fn a_row_that_was_changed_is_scored_again_with_all_that_follow() {
    let run = Run::new();
    run.stop_after("k", 7, 0.0);
    let text = fs::read_to_string(run.progress()).unwrap();
    let third = text.lines().nth(3).unwrap();
    for (from, to) in [("\"label\":\"", "\"label\":\"x"), ("0.25", "0.35"), ("\"score\":0.2", "\"score\":0.9")] {
        assert!(third.contains(from), "{third}");
        fs::write(run.progress(), text.replace(third, &third.replace(from, to))).unwrap();
        assert_eq!(run.open("k").1, kept(2, 0, 0), "{to}");
    }
}

#[test]
fn another_run_another_release_and_a_restart_begin_again() {
    let run = Run::new();
    assert_eq!(run.stop_after("k", 2, 0.0), Found::Nothing);
    assert_eq!(run.stop_after("other", 1, 0.0), Found::OtherRun);
    assert_eq!(run.open("other").1, kept(1, 0, 0));
    let (file, found) = run.try_open("other", true).unwrap();
    assert_eq!((file.todo().len(), found), (10, Found::Nothing));
    drop(file);
    let before = format!("{{\"run\":\"k\",\"tiles\":10}}\n{{\"path\":\"{}\"}}\n", run.tiles[0].path.display());
    fs::write(run.progress(), before).unwrap();
    assert_eq!(run.open("k").1, Found::OtherFormat);
    fs::write(run.progress(), "{\"progress\":4,\"run\":\"k\",\"tiles\":10}\n").unwrap();
    assert_eq!(run.open("k").1, Found::OtherFormat);
}

#[test]
fn a_tile_with_other_bytes_is_scored_again_whatever_its_times_and_the_others_stand() {
    let run = Run::new();
    run.stop_after("k", 6, 0.0);
    let (old, hour) = (&run.tiles[2].path, Duration::from_secs(3600));
    let times = fs::metadata(old).unwrap().modified().unwrap();
    fs::write(old, "tile 2, as scanned again").unwrap();
    // As `cp -p`, rsync, tar and unzip leave it: older than the progress.
    File::options().write(true).open(old).unwrap().set_modified(times - hour).unwrap();
    // A tile that only looks newer is the same tile.
    File::options().write(true).open(&run.tiles[4].path).unwrap().set_modified(SystemTime::now() + hour).unwrap();
    let (found, todo, text) = run.complete("k", 10.0);
    assert_eq!(found, kept(5, 1, 0));
    assert_eq!(todo, [2, 6, 7, 8, 9]);
    let again = Some(1);
    let expected = [Some(0), Some(0), again, Some(0), Some(0), Some(0), again, again, again, again];
    assert_eq!(Run::generations(&text), expected, "{text}");
    let places: Vec<_> = text.lines().skip(1).map(|line| line.find("/tiles/").map(|at| &line[at..at + 9])).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn tiles_that_change_between_two_stops_are_never_taken_for_an_earlier_row() {
    let run = Run::new();
    run.stop_after("k", 6, 0.0);
    let first = fs::read(&run.tiles[1].path).unwrap();
    fs::write(&run.tiles[1].path, "tile 1, other").unwrap();
    assert_eq!(run.stop_after("k", 1, 10.0), kept(5, 1, 0));
    // The first bytes are back: the last row, of the other bytes, does not stand, and the first is not taken up again.
    fs::write(&run.tiles[1].path, first).unwrap();
    assert_eq!(run.stop_after("k", 1, 20.0), kept(5, 1, 0));
    let (found, _, text) = run.complete("k", 30.0);
    assert_eq!(found, kept(6, 0, 0));
    assert_eq!(Run::generations(&text)[..3], [Some(0), Some(2), Some(0)]);
}

#[test]
fn a_moved_folder_and_a_link_that_is_turned_are_seen() {
    let run = Run::new();
    run.stop_after("k", 10, 0.0);
    let (here, aside) = (run.folder.path().join("tiles"), run.folder.path().join("aside"));
    fs::rename(&here, &aside).unwrap();
    let other = run.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    (0..10).for_each(|i| fs::write(other.join(format!("t{i}.png")), format!("tile {}", i / 2 * 2)).unwrap());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("other", &here).unwrap();
        // Every second tile has the bytes that were scored.
        assert_eq!(run.open("k").1, kept(5, 5, 0));
        fs::remove_file(&here).unwrap();
    }
    // Nothing is mounted there.
    assert_eq!(run.open("k").1, kept(0, 10, 0));
    fs::rename(&aside, &here).unwrap();
    assert_eq!(run.open("k").1, kept(10, 0, 0));
}

#[test]
fn rows_without_a_score_are_tried_again() {
    let run = Run::new();
    fs::write(&run.tiles[1].path, "no image").unwrap();
    fs::remove_file(&run.tiles[3].path).unwrap();
    run.stop_after("k", 8, 0.0);
    fs::write(&run.tiles[3].path, "tile 3, at last").unwrap();
    let (found, todo, text) = run.complete("k", 10.0);
    assert_eq!((found, todo), (kept(6, 0, 2), vec![1, 3, 8, 9]));
    assert_eq!(Run::generations(&text)[..5], [Some(0), None, Some(0), Some(1), Some(0)]);
}

#[test]
fn a_row_of_another_tile_in_the_progress_is_not_believed() {
    let run = Run::new();
    run.stop_after("k", 3, 0.0);
    let text = fs::read_to_string(run.progress()).unwrap();
    for wrong in [text.replace("t1.png", "t2.png"), text.replace("[1,", "[7,"), text.replace("[1,", "[99,")] {
        fs::write(run.progress(), wrong).unwrap();
        assert_eq!(run.open("k").1, kept(1, 0, 0));
    }
}

#[test]
fn a_file_of_the_users_in_the_place_of_the_progress_is_kept() {
    let run = Run::new();
    fs::create_dir(run.folder.path().join("out")).unwrap();
    for text in ["path,score\n", "{\"paths\":[]}", "my notes"] {
        fs::write(run.progress(), text).unwrap();
        let error = run.try_open("k", true).err().unwrap().to_string();
        assert!(error.contains("scores.csv.progress") && error.contains("not written by Kiln"), "{error}");
        assert_eq!(fs::read_to_string(run.progress()).unwrap(), text);
    }
    // What a machine that went down left of it is no file of the user's.
    fs::write(run.progress(), [0; 40]).unwrap();
    run.complete("k", 0.0);
}

#[cfg(unix)]
#[test]
fn progress_beside_a_link_is_found() {
    let run = Run::new();
    run.stop_after("k", 3, 0.0);
    let link = run.folder.path().join("link.csv");
    std::os::unix::fs::symlink("out/scores.csv", &link).unwrap();
    let left = run.folder.path().join("link.csv.progress");
    let found = || ResumableFile::left_beside_link(&link);
    fs::copy(run.progress(), &left).unwrap();
    assert_eq!(found(), None, "progress is beside the file");
    fs::remove_file(run.progress()).unwrap();
    assert_eq!(found(), Some(left.clone()));
    for other in ["", "my notes"] {
        fs::write(&left, other).unwrap();
        assert_eq!(found(), None, "{other}");
    }
    assert_eq!(ResumableFile::left_beside_link(&run.target()), None);
}

#[test]
fn two_runs_do_not_write_one_file() {
    let run = Run::new();
    let first = run.open("k");
    assert!(run.try_open("k", false).err().unwrap().to_string().contains("another process"));
    drop(first);
}

#[cfg(unix)]
#[test]
fn names_that_look_alike_are_two_tiles_to_a_run() {
    use std::os::unix::ffi::OsStrExt as _;
    let listed = |name: &[u8]| Listed { path: std::ffi::OsStr::from_bytes(name).into(), refused: None };
    let key = |tiles: &[Listed]| key(&["bundle", "fp32"], Some(&source(tiles)));
    let (one, other) = (listed(b"t\xff.png"), listed(b"t\xfe.png"));
    assert_ne!(key(&[one.clone(), other.clone()]), key(&[other.clone(), one.clone()]));
    assert_ne!(key(std::slice::from_ref(&one)), key(std::slice::from_ref(&other)));
    assert_ne!(key(from_ref(&one)), super::key(&["bundle", "int8"], Some(&source(from_ref(&one)))));
    assert_ne!(key(from_ref(&one)), super::key(&["bundlefp32"], Some(&source(from_ref(&one)))));
}
