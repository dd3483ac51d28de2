#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use kiln_files::FileDigest;

use super::*;
use crate::decision::DecisionRule;

fn row(number: usize) -> ScoreRow {
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let digest = Some(FileDigest::new(&number.to_le_bytes()));
    ScoreRow { digest, ..ScoreRow::scored(format!("tile {number}.png"), 0.25, vec![], &rule) }
}

fn open(target: &Path, key: &str) -> Result<(Journal, Vec<ScoreRow>)> {
    let mut earlier = Vec::new();
    let format = Format::from_path(target).unwrap();
    let claim = Journal::claim(target, format)?;
    let journal = Journal::open(claim, &Columns::for_files(&[]), key, &mut |row, _| earlier.push(row))?;
    Ok((journal, earlier))
}

fn write(target: &Path, rows: std::ops::Range<usize>) {
    let (mut journal, earlier) = open(target, "key").unwrap();
    assert_eq!(earlier.len(), rows.start);
    let places: Vec<_> = rows.clone().map(|number| journal.write(&row(number)).unwrap()).collect();
    rows.zip(places).for_each(|(number, place)| assert_eq!(journal.row(place).unwrap(), row(number)));
    assert!(journal.row(1).is_err());
    journal.sync().unwrap();
}

#[test]
fn wherever_a_process_is_killed_each_row_is_there_once() {
    for name in ["scores.csv", "scores.jsonl"] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(name);
        write(&target, 0..4);
        let (whole, journal) = (fs::read(&target).unwrap(), fs::read(Journal::path_of(&target)).unwrap());
        let head = journal.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        // A row is in the journal before it is in the result file, and either may have been cut.
        for kept in (head..=journal.len()).step_by(23).chain([head, journal.len()]) {
            for shown in [0, whole.len() / 3, whole.len() - 1, whole.len()] {
                fs::write(Journal::path_of(&target), &journal[..kept]).unwrap();
                fs::write(&target, &whole[..shown]).unwrap();
                let (again, earlier) = open(&target, "key").unwrap();
                drop(again);
                write(&target, earlier.len()..4);
                assert_eq!(fs::read(&target).unwrap(), whole, "journal cut at {kept}, result at {shown}");
                assert_eq!(fs::read(Journal::path_of(&target)).unwrap(), journal);
            }
        }
    }
}

#[test]
fn a_result_file_that_differs_is_made_again_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("scores.csv");
    write(&target, 0..3);
    let whole = fs::read(&target).unwrap();
    for text in ["", "edited\n", "path,score,label,status\ntile 0.png,9,normal,ok\n"] {
        fs::write(&target, text).unwrap();
        drop(open(&target, "key").unwrap());
        assert_eq!(fs::read(&target).unwrap(), whole, "{text}");
    }
    let longer = [whole.as_slice(), b"tile 9.png,0.5,normal,ok\n"].concat();
    fs::write(&target, longer).unwrap();
    drop(open(&target, "key").unwrap());
    assert_eq!(fs::read(&target).unwrap(), whole);
}

#[test]
fn earlier_rows_come_back_with_their_digests() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/scores.jsonl");
    write(&target, 0..2);
    let (mut journal, earlier) = open(&target, "key").unwrap();
    assert_eq!((journal.len(), journal.is_empty()), (2, false));
    assert_eq!(earlier, [row(0), row(1)]);
    journal.write(&row(2)).unwrap();
    drop(journal);
    let mut places = Vec::new();
    let claim = Journal::claim(&target, Format::Jsonl).unwrap();
    let columns = Columns::for_files(&[]);
    let mut journal = Journal::open(claim, &columns, "key", &mut |_, place| places.push(place)).unwrap();
    for (number, place) in places.into_iter().enumerate() {
        assert_eq!(journal.row(place).unwrap(), row(number));
    }
}

#[test]
fn a_row_that_cannot_be_read_does_not_move_the_place_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("scores.csv");
    let (mut journal, _) = open(&target, "key").unwrap();
    let place = journal.write(&row(0)).unwrap();
    journal.write(&row(1)).unwrap();
    // A file that is open for writing alone fails where it is read.
    journal.file = OpenOptions::new().write(true).open(Journal::path_of(&target)).unwrap();
    assert!(matches!(journal.row(place), Err(Error::Read { .. })));
    journal.write(&row(2)).unwrap();
    drop(journal);
    assert_eq!(open(&target, "key").unwrap().1, [row(0), row(1), row(2)]);
}

#[test]
fn what_is_not_this_watch_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("scores.csv");
    let refused = |key: &str| match open(&target, key).err().unwrap() {
        Error::Target(error) => error,
        error => panic!("{error}"),
    };
    fs::write(&target, "somebody's rows\n").unwrap();
    assert!(matches!(refused("key"), TargetError::NotWatched { .. }));
    assert_eq!(fs::read_to_string(&target).unwrap(), "somebody's rows\n");
    assert!(!Journal::path_of(&target).exists());
    fs::write(Journal::path_of(&target), "").unwrap();
    assert!(matches!(refused("key"), TargetError::NotWatched { .. }));
    fs::write(Journal::path_of(&target), "somebody's notes\n").unwrap();
    assert!(matches!(refused("key"), TargetError::ForeignProgress { .. }));
    assert_eq!(fs::read_to_string(Journal::path_of(&target)).unwrap(), "somebody's notes\n");
    fs::remove_file(&target).unwrap();
    fs::remove_file(Journal::path_of(&target)).unwrap();
    write(&target, 0..1);
    let before = fs::read(&target).unwrap();
    assert!(matches!(refused("another bundle"), TargetError::OtherWatch { .. }));
    assert_eq!(fs::read(&target).unwrap(), before);
    let (_running, _) = open(&target, "key").unwrap();
    assert!(matches!(refused("key"), TargetError::InUse { .. }));
}

#[cfg(unix)]
#[test]
fn a_journal_beside_a_link_is_named_and_works_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("data")).unwrap();
    write(&at("data/scores.csv"), 0..2);
    std::os::unix::fs::symlink("data/scores.csv", at("link.csv")).unwrap();
    let (kept, left) = (Journal::path_of(&at("data/scores.csv")), at("link.csv.watch"));
    fs::write(&left, "somebody's notes\n").unwrap();
    assert!(open(&at("link.csv"), "key").is_ok());
    fs::rename(&kept, &left).unwrap();
    match open(&at("link.csv"), "key").err().unwrap() {
        Error::Target(TargetError::JournalBesideLink { journal, expected, .. }) => {
            assert_eq!((journal, &expected), (left, &kept));
            fs::rename(at("link.csv.watch"), expected).unwrap();
        }
        error => panic!("{error}"),
    }
    assert_eq!(open(&at("link.csv"), "key").unwrap().1.len(), 2);
}

#[test]
fn a_format_that_cannot_grow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("scores.parquet");
    assert!(matches!(open(&target, "key"), Err(Error::Target(TargetError::NotAStream { .. }))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
