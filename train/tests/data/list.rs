//! Lists and folders: what is accepted, and what each abuse is answered with.

use std::fs;
use std::path::Path;

use kiln_tile::Fault;
use kiln_train::data::{Dataset, Split};

use crate::{save, tile};

fn open_list(text: impl AsRef<[u8]>) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    fs::write(&path, text).unwrap();
    Dataset::open(&path).map_err(|error| {
        assert_eq!(error.fault(), Fault::Input, "{error}");
        error.to_string()
    })
}

#[test]
fn a_list_gives_its_rows_in_order() {
    let text = "\u{feff}label, path ,split,group\nb, z/./2.png ,test,\na,1.png,train,slide 1\n";
    let dataset = open_list(text).unwrap();
    let rows: Vec<_> = dataset
        .entries
        .iter()
        .map(|entry| (entry.path.to_str().unwrap(), entry.label.as_str(), entry.group.as_deref(), entry.split.unwrap()))
        .collect();
    assert_eq!(rows, [("z/2.png", "b", None, Split::Test), ("1.png", "a", Some("slide 1"), Split::Train)]);
    assert_eq!(dataset.labels(), ["a", "b"]);
    assert_eq!(dataset.full_path(0), dataset.root.join("z/2.png"));
}

#[test]
fn every_complaint_names_its_line() {
    for (text, line, words) in [
        ("", 1, "no column `path`"),
        ("path,group\n", 1, "no column `label`"),
        ("path,label,gruop\n1.png,a,x\n", 1, "unknown column `gruop`, nearest `group`"),
        ("path,label,path\n1.png,a,x\n", 1, "stands twice"),
        ("path,label\n1.png,a\n2.png\n", 3, "1 fields, but the header has 2"),
        ("path,label\n1.png,a\n2.png,b,c\n", 3, "3 fields, but the header has 2"),
        ("path,label\n1.png,\n", 2, "the label is empty"),
        ("path,label\n,a\n", 2, "the path is empty"),
        ("path,label\n1.png,a\nx/y.png,a\n./1.png,b\n", 4, "`1.png` stands in line 2 already"),
        ("path,label\n../1.png,a\n", 2, "leads out"),
        ("path,label\na/../../1.png,a\n", 2, "leads out"),
        ("path,label\n/etc/1.png,a\n", 2, "leads out"),
        ("path,label\n.,a\n", 2, "names no file"),
        ("path,label\n\"1\n.png\",a\n", 2, "control character"),
        ("path,label\n1.png,\"a\u{7}\"\n", 2, "control character"),
        ("path,label,split\n1.png,a,train\n2.png,a,validation\n", 3, "unknown split `validation`"),
        ("path,label,split\n1.png,a,train\n2.png,a,\n", 3, "no split, but 1 other"),
    ] {
        let message = open_list(text).unwrap_err();
        assert!(
            message.contains(&format!("list.csv, line {line}: ")) && message.contains(words),
            "{text:?}: {message}"
        );
    }
    let message = open_list(b"path,label\n1.png,a\n\xff.png,a\n").unwrap_err();
    assert!(message.contains("line 3: not UTF-8"), "{message}");
    assert!(open_list("path,label\n").unwrap_err().contains("no tiles"));
}

#[test]
fn an_endless_list_is_refused_before_it_is_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    fs::File::create(&path).unwrap().set_len(10 << 30).unwrap();
    let message = Dataset::open(&path).unwrap_err().to_string();
    assert!(message.contains("over 67108864 bytes"), "{message}");
}

#[test]
fn class_folders_are_searched_and_sorted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b/2.png", "b/1.png", "a/deep/er/3.BMP", "a/.hidden.png", ".git/4.png"] {
        save(&tile(1), &folder.path().join(name));
    }
    fs::write(folder.path().join("a/notes.txt"), "no tile").unwrap();
    fs::write(folder.path().join("stray.png"), "in no class").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    let paths: Vec<_> = dataset.entries.iter().map(|entry| entry.path.as_path()).collect();
    assert_eq!(paths, ["a/deep/er/3.BMP", "b/1.png", "b/2.png"].map(Path::new));
    assert_eq!(dataset.labels(), ["a", "b"]);

    fs::write(folder.path().join("tiles.csv"), "path,label\nb/1.png,benign\n").unwrap();
    assert_eq!(Dataset::open(folder.path()).unwrap().labels(), ["benign"]);
}

#[test]
fn folders_without_tiles_and_files_that_are_no_list_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("no tiles"));
    let file = folder.path().join("tile.png");
    fs::write(&file, "x").unwrap();
    assert!(Dataset::open(&file).unwrap_err().to_string().contains("neither a folder nor a .csv list"));
    let error = Dataset::open(&folder.path().join("nowhere")).unwrap_err();
    assert!(error.to_string().contains("nowhere"));
    assert_eq!(error.fault(), Fault::Input);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_ends() {
    let folder = tempfile::tempdir().unwrap();
    save(&tile(1), &folder.path().join("a/1.png"));
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
    assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("does a link lead back?"));
}

#[test]
fn real_lists_open() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/lc25000-colon");
    if !real.is_dir() {
        println!("skipped: {} is missing", real.display());
        return;
    }
    let dataset = Dataset::open(&real).unwrap();
    assert_eq!((dataset.len(), dataset.labels()), (1608, vec!["colon_aca".to_owned(), "colon_n".to_owned()]));
    assert!((0..dataset.len()).all(|index| dataset.full_path(index).is_file()));
}
