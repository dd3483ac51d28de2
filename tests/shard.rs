//! One list on many machines: parts are disjoint and complete, and together equal the file of a single machine.

use std::fs;

use crate::support::{Kind, finish, fixture, kiln, names, read_json, scratch};

#[test]
fn parts_scored_apart_join_to_the_file_of_one_machine() {
    let fixture = fixture();
    let folder = scratch();
    let here = folder.path();
    let list = here.join("tiles.txt");
    let mut tiles: Vec<String> = (0..11).map(|number| fixture.tile(number).display().to_string()).collect();
    tiles.insert(5, here.join("missing.png").display().to_string());
    tiles.push(tiles[0].clone());
    fs::write(&list, tiles.join("\n")).unwrap();
    let list = format!("@{}", list.display());
    let bundle = fixture.bundle(Kind::Cnn);
    let whole = here.join("whole.csv");
    kiln!("score", &bundle, &list, "--out", &whole, "--batch", "1").code(2);
    let part = |index: usize| here.join(format!("part-{index}.csv"));
    for index in 0..3 {
        let mut command = crate::support::command();
        command.args(["score"]).arg(&bundle).args([list.as_str(), "--batch", "1", "--shard"]);
        if index == 1 {
            command.arg("auto").env("JOB_COMPLETION_INDEX", "1").env("KILN_SHARDS", "3");
        } else {
            command.arg(format!("{index}/3"));
        }
        command.arg("--out").arg(part(index));
        let done = finish(command);
        done.code(if index == 1 { 2 } else { 0 });
    }
    let record = read_json(&here.join("part-1.csv.shard.json"));
    assert_eq!((&record["shard"], &record["shards"], &record["tiles"]), (&1.into(), &3.into(), &13.into()));
    let joined = here.join("joined.csv");
    let merged = kiln!("--json", "merge", part(2), part(0), part(1), "--out", &joined, "--list", &list).code(0).json();
    assert_eq!((&merged["parts"], &merged["tiles"], &merged["failed"]), (&3.into(), &13.into(), &1.into()));
    assert_eq!(fs::read(&joined).unwrap(), fs::read(&whole).unwrap());
    let out = here.join("no.csv");
    kiln!("merge", part(0), part(2), "--out", &out).code(1).says(&["missing: part 1/3"]);
    kiln!("merge", part(0), part(1), part(2), part(1), "--out", &out).code(1).says(&["part 1/3 is there twice"]);
    kiln!("merge", part(0), part(1), part(2), "--out", &out, "--list", fixture.tile(0)).code(1).says(&["another list"]);
    let text = fs::read_to_string(part(0)).unwrap();
    fs::write(part(0), text.replacen("benign", "malign", 1)).unwrap();
    kiln!("merge", part(0), part(1), part(2), "--out", &out).code(1).says(&["part-0.csv", "score it again"]);
    assert!(!names(here).contains(&"no.csv".to_owned()));
}

#[test]
fn a_part_that_there_is_not_or_that_goes_nowhere_is_refused() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = fixture.bundle(Kind::Cnn);
    let out = folder.path().join("part.csv");
    kiln!("score", &bundle, fixture.tile(0), "--shard", "3/3", "--out", &out).code(2).says(&["counted from 0", "2/3"]);
    kiln!("score", &bundle, fixture.tile(0), "--shard", "auto", "--out", &out).code(2).says(&["JOB_COMPLETION_INDEX"]);
    kiln!("score", &bundle, fixture.tile(0), "--shard", "0/3").code(2).says(&["--out"]);
    assert!(!out.exists());
}
