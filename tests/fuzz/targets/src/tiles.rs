//! `tiles.csv` of data sets, and `split.csv` of runs.

use std::collections::HashSet;
use std::path::Component;

use kiln_train::data::{Dataset, SplitPlan};

use crate::scratch;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "tiles_csv",
    run,
    sound,
    hostile: || {
        vec![
            b"path,label\n../a.png,benign\n".to_vec(),
            b"path,label\n\"a\n.png\",benign\n".to_vec(),
            b"path,label\na.png,\"benign\n".to_vec(),
            b"path,label\na.png,\"be\0nign\"\n".to_vec(),
            b"path,label,group\na.png,x\n".to_vec(),
            [b"path,label,".to_vec(), vec![b'g'; 200_000]].concat(),
            [b"path,label".to_vec(), b",x".repeat(50_000)].concat(),
            [b"path,label\n".to_vec(), vec![b'"'; 60_000]].concat(),
            [b"path,label\n".to_vec(), b"a/".repeat(30_000), b"a,b\n".to_vec()].concat(),
            [b"path,label\n".to_vec(), b"./".repeat(30_000), b"a,b\n".to_vec()].concat(),
        ]
    },
    words: &[
        "path", "label", "group", "split", "train", "val", "test", ",", "\"", "\"\"", "\r\n", "\u{feff}", "../", "./",
        "/", "\0", "\t", "\u{a0}", ".png",
    ],
    rounds: 12_000,
    memory: 2 << 20,
};

fn run(bytes: &[u8]) -> bool {
    let path = scratch::put("list.csv", bytes);
    let Ok(dataset) = Dataset::open(&path) else { return false };
    let lines = bytes.split(|byte| *byte == b'\n' || *byte == b'\r').count();
    assert!((1..lines.max(2)).contains(&dataset.len()), "{} tiles from {lines} lines", dataset.len());
    let mut seen = HashSet::new();
    for entry in &dataset.entries {
        let plain = entry.path.components().all(|part| matches!(part, Component::Normal(_)));
        assert!(plain && entry.path.components().next().is_some(), "{:?} leads out of the data set", entry.path);
        assert!(seen.insert(&entry.path), "{:?} is there twice", entry.path);
        assert!(!entry.label.is_empty() && entry.group.as_ref().is_none_or(|group| !group.is_empty()));
        let text =
            [entry.path.to_string_lossy().into_owned(), entry.label.clone(), entry.group.clone().unwrap_or_default()];
        assert!(!text.concat().contains(char::is_control), "{text:?} holds a control character");
    }
    let split = dataset.entries.iter().filter(|entry| entry.split.is_some()).count();
    assert!(split == 0 || split == dataset.len(), "{split} of {} tiles have a split", dataset.len());
    // A list with a split is a split.csv of itself.
    let plan = SplitPlan::read_csv(&dataset, &path);
    assert_eq!(plan.is_ok(), split > 0, "{:?}", plan.err());
    true
}

fn sound() -> Vec<Vec<u8>> {
    let lists = [
        "path,label\na.png,benign\nb/c.png,anomalous\n",
        "path,label,group\na.png,benign,s1\nb.png,\"tumour, solid\",\n",
        "path,label,group,split\na.png,benign,s1,train\nb.png,anomalous,s2,val\nc.png,benign,s3,test\n",
        "\u{feff}label,path\r\nbenign,\"a \"\"b\"\".png\"\r\nbenign,./b.png\r\n",
    ];
    lists.map(|text| text.as_bytes().to_vec()).to_vec()
}
