//! Folders that look like a class and are none: masks, results, splits, copies.

use std::collections::HashMap;
use std::path::Path;

use kiln_tile::is_left_out;

use super::problem::{label_problem, shown};
use super::spelling::{fold, joined};

/// Names of folders with files that belong to tiles and are not tiles; `s` may follow.
const BESIDE_TILES: [&str; 12] = [
    "annotation",
    "groundtruth",
    "gt",
    "heatmap",
    "label",
    "overlay",
    "preview",
    "seg",
    "segmentation",
    "thumb",
    "thumbnail",
    "xml",
];

/// Further such names, which must match the whole name.
const BESIDE_TILES_WHOLE: [&str; 2] = ["ipynb_checkpoints", "ground_truth"];

/// Names of folders that programs create, or that mean only "images"; `s` may follow.
const LEFTOVERS: [&str; 20] = [
    "result",
    "output",
    "prediction",
    "log",
    "run",
    "checkpoint",
    "report",
    "figure",
    "plot",
    "metadata",
    "tmp",
    "temp",
    "trash",
    "backup",
    "cache",
    "__pycache__",
    "image",
    "img",
    "tile",
    "patches",
];

/// Names of splits.
const SPLITS: [&str; 12] =
    ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "holdout", "fold", "split"];

/// Words that may accompany the name of a split.
const BESIDE_SPLITS: [&str; 7] = ["set", "data", "tiles", "images", "patches", "out", "hold"];

/// Words at the end of a name that mark the copy of a folder.
const COPY_MARKS: [&str; 4] = ["copy", "bak", "backup", "old"];

/// The problem with the folders of a tile, if any; `path` is relative to the data set.
pub(in crate::data) fn folder_problem(root: &Path, path: &Path) -> Option<String> {
    let folders: Vec<String> = path.parent()?.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let class = folders.first()?;
    if let Some(problem) = label_problem(class) {
        return Some(format!("the class folder {problem}\nhint: rename the folder"));
    }
    if let Some(name) = folders.iter().find(|name| is_beside_tiles(name)) {
        return Some(format!(
            "the folder {} has images (such as {}), and by its name they are no tissue tiles of a class\nhint: move the \
             folder out of {}, or list the tiles and their labels in a tiles.csv",
            shown(name),
            shown(&path.to_string_lossy()),
            root.display()
        ));
    }
    if is_one_of(&LEFTOVERS, &class.to_lowercase()) {
        return Some(format!(
            "the folder {} would be a class, but by its name it is the output of a program or a general folder of \
             images\nhint: move the folder out of {}, rename it, or list the tiles and their labels in a tiles.csv",
            shown(class),
            root.display()
        ));
    }
    is_split(class).then(|| {
        format!(
            "the folder {0} would be a class, but by its name it is a split\nhint: use the folder inside, such as {1}, or \
             list all tiles in a tiles.csv with the columns path, label and split",
            shown(class),
            root.join(class).display()
        )
    })
}

fn words(name: &str) -> Vec<String> {
    let separate = |letter: char| !letter.is_alphanumeric() || letter.is_numeric();
    name.to_lowercase().split(separate).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_beside_tiles(name: &str) -> bool {
    is_left_out(name.as_ref())
        || BESIDE_TILES_WHOLE.contains(&name.to_lowercase().as_str())
        || words(name)
            .iter()
            .any(|word| word.ends_with("mask") || word.ends_with("masks") || is_one_of(&BESIDE_TILES, word))
}

/// True if a word is one of `names`, or its plural with `s`.
fn is_one_of(names: &[&str], word: &str) -> bool {
    names.contains(&word) || word.strip_suffix('s').is_some_and(|word| names.contains(&word))
}

fn is_split(name: &str) -> bool {
    let words = words(name);
    let splits = words.iter().filter(|word| SPLITS.contains(&word.as_str())).count();
    let beside = words.iter().filter(|word| BESIDE_SPLITS.contains(&word.as_str())).count();
    (splits > 0 || words == ["hold", "out"]) && splits + beside == words.len().max(1)
}

/// The first folder whose name marks it as a copy of another, and the other.
pub(super) fn first_copy<'a>(folders: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let form = |name: &str| fold(&joined(name));
    let known: HashMap<String, &'a str> = folders.iter().map(|folder| (form(folder), *folder)).collect();
    folders.iter().find_map(|copy| {
        let mut originals = std::iter::successors(original(copy), |name| original(name));
        let found = originals.find_map(|name| known.get(&form(&name)).copied());
        found.filter(|found| found != copy).map(|found| (*copy, found))
    })
}

/// The lower-case name of the original of a folder such as `benign - Copy (2)` or `benign.bak`.
fn original(folder: &str) -> Option<String> {
    let name = folder.to_lowercase();
    let separates = |letter: char| letter.is_whitespace() || matches!(letter, '-' | '_' | '.');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = name.strip_prefix("copy of ").unwrap_or(&name);
    let counted = whole.strip_suffix(')').and_then(|text| text.rsplit_once('(')).filter(|(_, number)| digits(number));
    let stem = counted.map_or(whole, |(stem, _)| stem.trim_end());
    let uncounted = stem.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter.is_whitespace());
    let marked = COPY_MARKS.iter().find_map(|mark| uncounted.strip_suffix(*mark));
    let unmarked = marked.filter(|text| text.ends_with(separates)).map(|text| text.trim_end_matches(separates));
    let original = unmarked.unwrap_or(stem);
    (original.len() < name.len()).then(|| original.to_owned())
}
