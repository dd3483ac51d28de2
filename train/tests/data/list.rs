//! Lists and folders: what is accepted, and what each abuse is answered with.

use std::fs;
use std::path::Path;

use kiln_files::Fault;
use kiln_train::data::{Dataset, Entry, Split, SplitPlan};

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
    assert_eq!(dataset.file(0), Some(dataset.root.join("z/2.png")));
}

#[test]
fn every_complaint_names_its_line() {
    for (text, line, words) in [
        ("", 1, "no column `path`"),
        ("path,group\n", 1, "no column `label`"),
        ("path,label,gruop\n1.png,a,x\n", 1, "unknown column `gruop`, nearest `group`"),
        ("path,label,path\n1.png,a,x\n", 1, "is in the header twice"),
        ("path,label\n1.png,a\n2.png\n", 3, "1 fields, but the header has 2"),
        ("path,label\n1.png,a\n2.png,b,c\n", 3, "3 fields, but the header has 2"),
        ("path,label\n1.png,\n", 2, "the label is empty"),
        ("path,label\n,a\n", 2, "the path is empty"),
        ("path,label\n1.png,a\nx/y.png,a\n./1.png,b\n", 4, "`1.png` is in line 2 already"),
        ("path,label\n../1.png,a\n", 2, "is outside the list's folder"),
        ("path,label\na/../../1.png,a\n", 2, "is outside the list's folder"),
        ("path,label\n/etc/1.png,a\n", 2, "is outside the list's folder"),
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
    assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("is there a link to a parent folder?"));
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
    assert!((0..dataset.len()).all(|index| dataset.file(index).is_some_and(|file| file.is_file())));
}

/// Names as people and programs make them: words, and whatever else a file system takes.
fn name() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let odd = "[./ \t\r\n,;\"'#|=\\\\\u{a0}\u{feff}\u{200b}\u{301}\u{2028}a-c\u{e9}]{1,8}";
    prop_oneof!["[a-z]{1,6}", odd, "\\PC{1,12}"]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    /// What is written is read back as it was, or refused by name before anything is written.
    #[test]
    fn a_split_is_read_back_as_it_was_written(
        rows in proptest::collection::vec((name(), name(), proptest::option::of(name()), 0_usize..3), 1..6),
    ) {
        let mut paths = std::collections::BTreeSet::new();
        let rows: Vec<_> =
            rows.into_iter().filter(|(path, ..)| paths.insert(Path::new(path).components().as_path().to_owned())).collect();
        let entries = rows.iter().map(|(path, label, group, _)| Entry {
            path: format!("{path}.png").into(),
            label: label.clone(),
            group: group.clone(),
            split: None,
        });
        let dataset = Dataset::from_files("imagined".into(), entries.collect(), None);
        let assignments: Vec<Split> = rows.iter().map(|row| Split::ALL[row.3]).collect();
        let plan = SplitPlan { assignments, seed: 0 };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("split.csv");
        match plan.write_csv(&dataset, &file) {
            Ok(()) => proptest::prop_assert_eq!(SplitPlan::read_csv(&dataset, &file).unwrap(), plan),
            Err(error) => {
                proptest::prop_assert!(error.to_string().contains("cannot be written to a list"), "{}", error);
                proptest::prop_assert!(!file.exists());
            }
        }
    }
}

#[test]
fn white_space_belongs_to_a_field_only_in_quotes() {
    let dataset = open_list("path,label\n\" a/1.png\", benign \na/2.png ,\tbenign\n").unwrap();
    let rows: Vec<_> =
        dataset.entries.iter().map(|entry| (entry.path.to_str().unwrap(), entry.label.as_str())).collect();
    assert_eq!(rows, [(" a/1.png", "benign"), ("a/2.png", "benign")]);
    for (text, words) in [
        ("path,label\n1.png,\"benign \"\n", "begins or ends with white space"),
        ("path,label\n1.png,\" benign\"\n", "begins or ends with white space"),
        ("path,label\n1.png,\"\u{a0}benign\"\n", "begins or ends with white space"),
        ("path,label\n1.png, \"benign\"\n", "remove the white space before it"),
        ("path,label,group\n1.png,a,\"slide 1 \"\n", "begins or ends with white space"),
        ("path,label\n1.png,\"a\nb\"\n", "control character"),
        ("path,label\n1.png,a\u{202e}b\n", "changes the direction"),
        ("path,label\n1.png,\u{200b}\n", "no visible character"),
        ("path,label\n1.png,a\u{2028}b\n", "line break"),
    ] {
        let message = open_list(text).unwrap_err();
        assert!(message.contains("line 2: ") && message.contains(words), "{text:?}: {message}");
    }
}

#[test]
fn labels_and_groups_with_two_spellings_are_refused_with_a_tile_of_each() {
    for (one, other) in
        [("benign", "Benign"), ("caf\u{e9}", "cafe\u{301}"), ("benign", "b\u{435}nign"), ("a b", "a  b")]
    {
        let message = open_list(format!("path,label\n1.png,{one}\n2.png,{other}\n")).unwrap_err();
        assert!(message.contains(&format!("`{one}`")) && message.contains(&format!("`{other}`")), "{message}");
        assert!(message.contains("`1.png`") && message.contains("`2.png`"), "{message}");
    }
    for (one, other) in [("slide 1", "slide  1"), ("caf\u{e9}", "cafe\u{301}"), ("slide 1", "slide\u{a0}1")] {
        let message = open_list(format!("path,label,group\n1.png,a,{one}\n2.png,a,{other}\n")).unwrap_err();
        assert!(message.contains("the groups") && message.contains("`2.png`"), "{message}");
    }
    // Identifiers of slides are taken as they are.
    open_list("path,label,group\n1.png,a,S1\n2.png,a,s1\n3.png,a,Sl\n").unwrap();
}
