#![allow(clippy::unwrap_used)]

use kiln_files::FileDigest;
use kiln_tile::Decoder;

use super::super::{Listed, ListedTiles, OK, ScoredBy, Shard, file_digest};
use super::*;

const CLASSES: [&str; 2] = ["benign", "odd, \"very\""];

fn list(tiles: usize) -> Vec<Listed> {
    // One tile twice, as a list may have it.
    let name = |tile: usize| format!("slides/a, b/{}.png", if tile == 4 { 3 } else { tile });
    (0..tiles).map(|tile| Listed { path: name(tile).into(), refused: None }).collect()
}

fn row(tile: &Listed, number: usize) -> ScoreRow {
    let path = tile.path.to_string_lossy().into_owned();
    if number % 7 == 5 {
        return ScoreRow::failed(path, "truncated: the image, \"data\" end early");
    }
    let score = 1.0 / (number as f32 + 3.0);
    let probabilities = vec![1.0 - score, score];
    ScoreRow {
        path,
        tile: None,
        score: Some(score),
        label: Some(CLASSES[number % 2].to_owned()),
        status: OK.to_owned(),
        probabilities,
        digest: None,
    }
}

fn columns() -> Columns {
    Columns::for_files(&CLASSES.map(str::to_owned))
}

fn source(list: &[Listed]) -> ListedTiles<'_> {
    ListedTiles::new(list, Decoder::default())
}

fn by(model: &str) -> ScoredBy {
    ScoredBy { model: model.to_owned(), settings: String::new() }
}

fn merge(parts: &[PathBuf], out: &Path, format: Format, list: Option<&[Listed]>) -> Result<Merged> {
    let list = list.map(|list| ListedTiles::new(list, Decoder::default()));
    let digest = |_: usize, row: &ScoreRow| file_digest(Path::new(&row.path));
    let list = list.as_ref().map(|list| list as &dyn TileSource);
    let options = MergeOptions { list, digest: Some(&digest), workers: 2 };
    super::merge(parts, |columns| RowWriter::to_file(out, format, columns), options)
}

fn score(list: &[Listed], shard: Option<Shard>, path: &Path, model: &str) -> PathBuf {
    let range = shard.map_or(0..list.len(), |shard| shard.range(list.len()));
    let mut writer = RowWriter::to_file(path, Format::from_path(path).unwrap(), &columns()).unwrap();
    range.for_each(|number| writer.write(&row(&list[number], number)).unwrap());
    writer.finish().unwrap();
    if let Some(shard) = shard {
        PartRecord::new(shard, &source(list), &columns(), by(model), vec![]).write(path).unwrap();
    }
    path.to_owned()
}

fn parts(folder: &Path, list: &[Listed], count: usize, format: &str) -> Vec<PathBuf> {
    let part =
        |index| score(list, Some(Shard { index, count }), &folder.join(format!("{count}-{index}.{format}")), "m");
    (0..count).map(part).collect()
}

#[test]
fn parts_of_any_format_join_to_the_very_file_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(23);
    for format in Format::ALL {
        let whole = score(&list, None, &folder.path().join(format!("whole.{format}")), "m");
        for count in [1, 4, 30] {
            let mut parts = parts(folder.path(), &list, count, &format.to_string());
            parts.reverse();
            let out = folder.path().join(format!("joined.{format}"));
            let merged = merge(&parts, &out, format, Some(&list)).unwrap();
            assert_eq!((merged.parts, merged.tiles, merged.failed), (count, 23, 3));
            assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&whole).unwrap(), "{format} in {count} parts");
        }
    }
    let mixed =
        [parts(folder.path(), &list, 2, "parquet").remove(0), parts(folder.path(), &list, 2, "jsonl").remove(1)];
    let out = folder.path().join("mixed.csv");
    merge(&mixed, &out, Format::Csv, None).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(folder.path().join("whole.csv")).unwrap());
}

#[test]
fn what_is_missing_twice_or_foreign_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let tiles = list(20);
    let whole = parts(here, &tiles, 4, "csv");
    let shard = |index| Some(Shard { index, count: 4 });
    let another_list = score(&list(21), shard(1), &here.join("list.csv"), "m");
    let another_model = score(&tiles, shard(1), &here.join("model.csv"), "n");
    let twice = score(&tiles, shard(1), &here.join("twice.csv"), "m");
    let damaged = score(&tiles, shard(1), &here.join("damaged.csv"), "m");
    let text = std::fs::read_to_string(&damaged).unwrap();
    std::fs::write(&damaged, text.replacen("0.", "1.", 1)).unwrap();
    let unknown = here.join("unknown.csv");
    std::fs::copy(&whole[1], &unknown).unwrap();
    let with = |part: &PathBuf| vec![whole[0].clone(), part.clone(), whole[2].clone(), whole[3].clone()];
    let cases = [
        (vec![whole[0].clone(), whole[3].clone()], "1/4, 2/4"),
        ([whole.clone(), vec![twice]].concat(), "part 1/4 is there twice"),
        (with(&another_list), "two lists"),
        (with(&another_model), "two models"),
        (with(&damaged), "SHA-256"),
        (with(&unknown), "unknown.csv.shard.json"),
        ([parts(here, &tiles, 2, "csv").remove(0), whole[1].clone()].to_vec(), "two numbers of parts"),
        (vec![], "no parts"),
    ];
    let out = here.join("out.csv");
    for (parts, expected) in cases {
        let error = merge(&parts, &out, Format::Csv, None).unwrap_err();
        assert_eq!(error.fault(), kiln_files::Fault::Check, "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!out.exists());
    }
    assert!(merge(&whole, &out, Format::Csv, Some(&list(19))).unwrap_err().to_string().contains("another list"));
}

/// Found by fuzzing: every missing part was listed, until memory was full.
#[test]
fn a_record_of_more_parts_than_can_be_is_refused_in_few_words() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = list(8);
    let part = score(&tiles, Some(Shard { index: 0, count: 2 }), &folder.path().join("a.csv"), "m");
    let path = PartRecord::path_of(&part);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"shards\": 2", "\"shards\": 18446744073709551615")).unwrap();
    let error = merge(&[part], &folder.path().join("out.csv"), Format::Csv, None).unwrap_err().to_string();
    assert!(error.contains("18446744073709551594 others") && error.len() < 2_000, "{error}");
}

#[test]
fn a_part_with_rows_of_other_tiles_is_refused_whatever_its_record_says() {
    let folder = tempfile::tempdir().unwrap();
    let (tiles, mut other) = (list(8), list(8));
    other[7].path = "elsewhere.png".into();
    let shard = |index| Shard { index, count: 2 };
    let one = score(&tiles, Some(shard(0)), &folder.path().join("a.csv"), "m");
    let two = score(&other, Some(shard(1)), &folder.path().join("b.csv"), "m");
    PartRecord::new(shard(1), &source(&tiles), &columns(), by("m"), vec![]).write(&two).unwrap();
    let error = merge(&[one, two], &folder.path().join("out.csv"), Format::Csv, None).unwrap_err();
    assert!(error.to_string().contains("not the list"), "{error}");
}

#[test]
fn a_part_of_other_settings_or_of_names_that_only_look_alike_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = list(8);
    let shard = |index| Shard { index, count: 2 };
    let one = score(&tiles, Some(shard(0)), &folder.path().join("a.csv"), "m");
    let two = score(&tiles, Some(shard(1)), &folder.path().join("b.csv"), "m");
    let record = PartRecord::read(&two).unwrap();
    let out = folder.path().join("out.csv");
    let other = PartRecord { settings: "resize".to_owned(), ..record.clone() };
    other.write(&two).unwrap();
    let error = merge(&[one.clone(), two.clone()], &out, Format::Csv, None).unwrap_err();
    assert!(error.to_string().contains("two settings"), "{error}");
    let other = PartRecord { names_sha256: "other".to_owned(), ..record };
    other.write(&two).unwrap();
    let error = merge(&[one, two], &out, Format::Csv, None).unwrap_err();
    assert!(error.to_string().contains("two lists"), "{error}");
}

#[test]
fn a_part_whose_tile_was_replaced_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let tile = |i: usize| {
        let path = folder.path().join(format!("t{i}.png"));
        std::fs::write(&path, format!("tile {i}")).unwrap();
        Listed { path, refused: None }
    };
    let tiles: Vec<_> = (0..4).map(tile).collect();
    let part = |index: usize| {
        let shard = Shard { index, count: 2 };
        let part = score(&tiles, Some(shard), &folder.path().join(format!("{index}.csv")), "m");
        let digests =
            tiles[shard.range(4)].iter().map(|tile| Some(FileDigest::new(&std::fs::read(&tile.path).unwrap())));
        PartRecord::new(shard, &source(&tiles), &columns(), by("m"), digests.collect()).write(&part).unwrap();
        part
    };
    let parts = [part(0), part(1)];
    let out = folder.path().join("out.csv");
    let merged = merge(&parts, &out, Format::Csv, Some(&tiles)).unwrap();
    assert_eq!((merged.compared, merged.not_compared), (4, 0));
    std::fs::remove_file(&out).unwrap();
    std::fs::write(&tiles[2].path, "another tile").unwrap();
    let error = merge(&parts, &out, Format::Csv, None).unwrap_err().to_string();
    assert!(error.contains("t2.png is not the tile") && error.contains("part 1/2"), "{error}");
    assert!(!out.exists());
    std::fs::remove_file(&tiles[2].path).unwrap();
    let merged = merge(&parts, &out, Format::Csv, None).unwrap();
    assert_eq!((merged.compared, merged.not_compared), (3, 1));
}

/// Two machines may have different files at one path.
#[test]
fn tiles_of_one_slide_with_two_contents_are_refused_although_the_slide_is_not_here() {
    let folder = tempfile::tempdir().unwrap();
    let columns = Columns::for_slides(&CLASSES.map(str::to_owned));
    let place = |number: usize| kiln_tile::Place { minx: 256 * number as i64, miny: 0, width: 256, height: 256 };
    let name = |number: usize| PathBuf::from(format!("a.svs#{},0,256x256", 256 * number));
    let tiles: Vec<_> = (0..4).map(|number| Listed { path: name(number), refused: None }).collect();
    let part = |index: usize, contents: [&str; 2]| {
        let shard = Shard { index, count: 2 };
        let path = folder.path().join(format!("{index}.csv"));
        let mut writer = RowWriter::to_file(&path, Format::Csv, &columns).unwrap();
        for number in shard.range(4) {
            let tile = kiln_tile::SlideTile {
                slide: "a.svs".to_owned(),
                place: place(number),
                level: Some(0),
                tissue_fraction: None,
                tumour_fraction: None,
            };
            writer.write(&ScoreRow { tile: Some(tile), ..row(&tiles[number], 0) }).unwrap();
        }
        writer.finish().unwrap();
        let digests = contents.map(|content| Some(FileDigest::new(content.as_bytes()))).to_vec();
        PartRecord::new(shard, &source(&tiles), &columns, by("m"), digests).write(&path).unwrap();
        path
    };
    let out = folder.path().join("out.csv");
    let parts = [part(0, ["x", "x"]), part(1, ["x", "x"])];
    let merged = merge(&parts, &out, Format::Csv, None).unwrap();
    assert_eq!((merged.tiles, merged.not_compared), (4, 4));
    std::fs::remove_file(&out).unwrap();
    for contents in [["y", "y"], ["x", "y"]] {
        let parts = [part(0, ["x", "x"]), part(1, contents)];
        let error = merge(&parts, &out, Format::Csv, None).unwrap_err().to_string();
        assert!(error.contains("a.svs was scored with two contents") && error.contains("1.csv"), "{error}");
        assert!(!out.exists());
    }
}
