//! Labels as people write them. Two labels that a reader takes for one (`Benign` and `benign`, a Cyrillic `а` in the
//! place of a Latin one) would be two classes, so [`check`] refuses them. [`label_counts`] is the table that is shown
//! before a training, and [`nearest`] finds the label that a misspelt word was meant to be.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kiln_tile::is_left_out;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use super::dataset::Entry;
use super::{DataError, Dataset, Result};

/// Labels of normal tiles, in use where a configuration names none.
pub const NORMAL_LABELS: [&str; 5] = ["benign", "normal", "healthy", "negative", "colon_n"];

/// What a label counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountsAs {
    /// A normal tile.
    Normal,
    /// An anomalous tile.
    Anomalous,
}

impl CountsAs {
    /// `normal` or `anomalous`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Anomalous => "anomalous",
        }
    }
}

/// One row of the table of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    /// The label.
    pub label: String,
    /// Its tiles.
    pub tiles: usize,
    /// What it counts as.
    pub counts_as: CountsAs,
}

/// The labels of a data set with their tiles, normal ones first.
#[must_use]
pub fn label_counts(dataset: &Dataset, normal: &[String]) -> Vec<LabelCount> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &dataset.entries {
        *counts.entry(&entry.label).or_default() += 1;
    }
    let row = |(label, tiles): (&str, usize)| {
        let counts_as = if normal.iter().any(|name| name == label) { CountsAs::Normal } else { CountsAs::Anomalous };
        LabelCount { label: label.to_owned(), tiles, counts_as }
    };
    let mut rows: Vec<LabelCount> = counts.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.counts_as == CountsAs::Anomalous);
    rows
}

/// Pairs of a normal and an anomalous label that differ in one letter, or in the place of one. Both may be right
/// (`normal` and `anormal`), so they are shown and not refused.
#[must_use]
pub fn close_labels(rows: &[LabelCount]) -> Vec<(&str, &str)> {
    let of = |wanted| rows.iter().filter(move |row| row.counts_as == wanted);
    let letters = |label: &str| label.chars().count() >= 5 && !label.chars().any(char::is_numeric);
    let pairs = of(CountsAs::Normal).flat_map(|normal| of(CountsAs::Anomalous).map(move |other| (normal, other)));
    pairs
        .map(|(normal, other)| (normal.label.as_str(), other.label.as_str()))
        .filter(|(normal, other)| letters(normal) && letters(other))
        .filter(|(normal, other)| is_slip(&normal.to_lowercase(), &other.to_lowercase()))
        .collect()
}

/// Whether one word becomes the other by one slip: a letter too many, missing, wrong, or in another place (`bening`,
/// `begnin`).
fn is_slip(one: &str, other: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    match strsim::damerau_levenshtein(one, other) {
        1 => true,
        2 => sorted(one) == sorted(other),
        _ => false,
    }
}

/// The label that `word` resembles most: one that a reader would take for it, else the one with the fewest changed
/// letters.
#[must_use]
pub fn nearest<'a>(word: &str, labels: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |label: &str| {
        let letters = strsim::damerau_levenshtein(&word.to_lowercase(), &label.to_lowercase());
        (!look_alike(word, label), letters)
    };
    labels.into_iter().min_by_key(|label| distance(label))
}

/// Whether a reader would take one label for the other.
#[must_use]
pub fn look_alike(one: &str, other: &str) -> bool {
    one == other || keys(one).iter().zip(keys(other)).any(|(one, other)| *one == other)
}

/// A label in backticks, with what cannot be seen written out as code points.
#[must_use]
pub fn shown(label: &str) -> String {
    let edge = label.len() - label.trim_start().len()..label.trim_end().len();
    let mut text = "`".to_owned();
    for (at, letter) in label.char_indices() {
        let plain = letter == ' ' || !letter.is_whitespace();
        if edge.contains(&at) && plain && !letter.is_control() && !is_invisible(letter) {
            text.push(letter);
        } else if letter.is_control() {
            text.extend(letter.escape_default());
        } else {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(letter));
        }
    }
    text.push('`');
    text
}

/// What is wrong with a label or a group by itself.
pub(super) fn problem(text: &str) -> Option<String> {
    let seen = || text.chars().filter(|letter| !letter.is_whitespace() && !is_invisible(*letter));
    if text.contains(char::is_control) {
        return Some(format!("{text:?} holds a control character"));
    }
    if text.contains(['\u{2028}', '\u{2029}']) {
        return Some(format!("{text:?} holds a line break"));
    }
    if text.contains(turns_text) {
        return Some(format!("{} holds a character that turns the direction of text", shown(text)));
    }
    if seen().next().is_none() {
        return Some(format!("{} holds nothing that can be seen", shown(text)));
    }
    (text.trim() != text).then(|| format!("{} begins or ends with white space", shown(text)))
}

/// What is wrong with a label by itself.
pub(super) fn label_problem(label: &str) -> Option<String> {
    let missing = || format!("{} is what a program writes for a missing value", shown(label));
    problem(label).or_else(|| label.eq_ignore_ascii_case("nan").then(missing))
}

/// Refuses labels, and groups, that a reader takes for one and that are two, and a class folder that is a copy of
/// another by its name.
///
/// # Errors
/// [`DataError::Dataset`], naming both with a tile of each.
pub(super) fn check(origin: &Path, entries: &[Entry]) -> Result<()> {
    let mut labels: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut groups: BTreeMap<&str, &Path> = BTreeMap::new();
    for entry in entries {
        labels.entry(&entry.label).or_insert(&entry.path);
        if let Some(group) = &entry.group {
            groups.entry(group).or_insert(&entry.path);
        }
    }
    let label_keys = |label: &str| keys(label).to_vec();
    if let Some((one, other)) = first_pair(labels.keys().copied(), label_keys) {
        return Err(pair_error(origin, "labels", (one, labels[one]), (other, labels[other])));
    }
    // A list is taken at its word.
    let folders: Vec<&str> = if origin.is_dir() { labels.keys().copied().collect() } else { Vec::new() };
    if let Some((copy, original)) = first_copy(&folders) {
        let reason = format!(
            "the class folder {} is a copy of {} by its name\nhint: move the copy out of {}, rename it, or list the \
             tiles and their labels in a tiles.csv",
            shown(copy),
            shown(original),
            origin.display()
        );
        return Err(DataError::dataset(origin, reason));
    }
    // Identifiers of slides may differ in case alone, and in `I` and `1`, so groups are compared more narrowly.
    if let Some((one, other)) = first_pair(groups.keys().copied(), |group| vec![spelling(group)]) {
        return Err(pair_error(origin, "groups", (one, groups[one]), (other, groups[other])));
    }
    Ok(())
}

fn first_pair<'a>(
    texts: impl Iterator<Item = &'a str>,
    keys: impl Fn(&str) -> Vec<String>,
) -> Option<(&'a str, &'a str)> {
    let mut seen: HashMap<(usize, String), &str> = HashMap::new();
    for text in texts {
        for key in keys(text).into_iter().enumerate() {
            if let Some(first) = seen.insert(key, text) {
                return Some((first, text));
            }
        }
    }
    None
}

fn pair_error(origin: &Path, what: &str, one: (&str, &Path), other: (&str, &Path)) -> DataError {
    let named = |(text, tile): (&str, &Path)| {
        format!("{}{} (tile {})", shown(text), code_points(text), shown(&tile.to_string_lossy()))
    };
    let rename = if what == "labels" {
        "give both one name if they are one class; rename one so that a reader can tell them apart if they are two"
    } else {
        "a group is one slide, patient or source image, and must have one spelling"
    };
    let reason = format!(
        "the {what} {} and {} differ only in {}\nhint: {rename}",
        named(one),
        named(other),
        difference(one.0, other.0)
    );
    DataError::dataset(origin, reason)
}

/// In what two look-alikes differ, as far as one word covers it.
fn difference(one: &str, other: &str) -> &'static str {
    let same = |change: &dyn Fn(&str) -> String| change(one) == change(other);
    let visible = |text: &str| text.chars().filter(|letter| !is_invisible(*letter)).collect::<String>();
    let unspaced = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    if same(&|text| text.nfc().collect()) {
        "Unicode normalisation (NFC and NFD)"
    } else if same(&visible) {
        "invisible characters"
    } else if same(&unspaced) {
        "white space"
    } else if same(&fold) {
        "case"
    } else if number(one).is_some() && number(one) == number(other) {
        "how one number is written"
    } else if same(&joined) {
        "separators"
    } else {
        "case, white space, separators or characters that look alike"
    }
}

/// The code points beyond ASCII, which is where look-alikes differ.
fn code_points(text: &str) -> String {
    let foreign = |letter: &char| !letter.is_ascii() && !is_invisible(*letter) && !letter.is_whitespace();
    let found: Vec<String> =
        text.chars().filter(foreign).take(8).map(|letter| format!("U+{:04X}", u32::from(letter))).collect();
    if found.is_empty() { String::new() } else { format!(", with {},", found.join(" ")) }
}

/// Six forms of a label; two labels that agree in one of them look alike. They are the skeletons of UTS 39: of the
/// label as it is, of the label without case, and of the label without case once foreign letters are Latin ones; then
/// the number that the label is, and the last two skeletons with all separators alike. Case comes before the skeleton
/// because `I` is a look-alike of `l`, and `N`, `I` and `L` are three labels.
fn keys(label: &str) -> [String; 6] {
    let visible: String = label.nfkc().filter(|letter| !is_invisible(*letter)).collect();
    let plain: String = bare(&visible).chars().filter(|letter| !letter.is_whitespace()).collect();
    let joined = joined(&visible);
    let folded = |text: &str| skeleton(&fold(text)).collect::<String>();
    [
        skeleton(&plain).collect(),
        folded(&plain),
        folded(&latin(&plain)),
        number(&plain).map_or_else(|| plain.clone(), |number| number.to_string()),
        folded(&joined),
        folded(&latin(&joined)),
    ]
}

/// Letters beyond ASCII as the Latin ones that they look like.
fn latin(text: &str) -> String {
    let mut latin = String::new();
    for letter in text.chars() {
        if letter.is_ascii() {
            latin.push(letter);
        } else {
            latin.extend(skeleton(letter.encode_utf8(&mut [0; 4])));
        }
    }
    latin
}

/// The number that a label is; `-0` is 0.
fn number(label: &str) -> Option<f64> {
    label.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number + 0.0)
}

/// A label without white space, `_` and `.` at its end.
fn bare(label: &str) -> &str {
    let bare = label.trim_end_matches(|letter: char| letter.is_whitespace() || matches!(letter, '_' | '.'));
    if bare.is_empty() { label } else { bare }
}

/// A label with one space for whatever separates two letters or digits. A dash that touches only one of them is a sign,
/// as in `HER2-` and `-1`, and stays.
fn joined(label: &str) -> String {
    let is_dash = |letter: char| matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let separates = |letter: char| letter.is_whitespace() || matches!(letter, '_' | '.') || is_dash(letter);
    let letters: Vec<char> = bare(label).chars().collect();
    let runs: Vec<&[char]> = letters.chunk_by(|one, other| separates(*one) == separates(*other)).collect();
    let mut joined = String::new();
    for (at, run) in runs.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| runs[at].last());
        let after = runs.get(at + 1).and_then(|run| run.first());
        let between = [before, after].iter().all(|side| side.is_some_and(|letter| letter.is_alphanumeric()));
        let is_sign = is_dash(run[0]) != is_dash(run[run.len() - 1]);
        if separates(run[0]) && between && !is_sign {
            joined.push(' ');
        } else {
            joined.extend(run.iter().filter(|letter| !letter.is_whitespace()));
        }
    }
    joined
}

/// A group without what a spreadsheet or a file system changes: normalisation, invisible characters, runs of spaces.
fn spelling(group: &str) -> String {
    let visible: String = group.nfkc().filter(|letter| !is_invisible(*letter)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without case; upper case first, so that `ß` and `ss`, `ς` and `σ` become one. The dot that lower case leaves of `İ`
/// is dropped.
fn fold(text: &str) -> String {
    text.to_uppercase().to_lowercase().replace("i\u{307}", "i")
}

/// Characters that text is drawn without: the default-ignorable code points of Unicode 16, and the marks of interlinear
/// annotation.
fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Embeddings, overrides and isolates of the bidirectional algorithm: they reorder the table that a label stands in.
fn turns_text(letter: char) -> bool {
    matches!(u32::from(letter), 0x202A..=0x202E | 0x2066..=0x2069)
}

/// Names of folders that hold what belongs to tiles and is none; `s` may follow.
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
/// The same, where the whole name must fit.
const BESIDE_TILES_WHOLE: [&str; 2] = ["ipynb_checkpoints", "ground_truth"];
/// Names of class folders that programs leave behind, or that only say that images are inside; `s` may follow.
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
/// Words that stand beside the name of a split.
const BESIDE_SPLITS: [&str; 7] = ["set", "data", "tiles", "images", "patches", "out", "hold"];
/// Words at the end of a name that mark the copy of a folder.
const COPY_MARKS: [&str; 4] = ["copy", "bak", "backup", "old"];

/// What is wrong with the folders that a tile of a class folder is in; `path` is relative to the data set.
pub(super) fn folder_problem(root: &Path, path: &Path) -> Option<String> {
    let folders: Vec<String> = path.parent()?.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let class = folders.first()?;
    if let Some(problem) = label_problem(class) {
        return Some(format!("the class folder {problem}\nhint: rename the folder"));
    }
    if let Some(name) = folders.iter().find(|name| is_beside_tiles(name)) {
        return Some(format!(
            "the folder {} holds tiles (such as {}), and by its name they are no tissue tiles of a class\nhint: move the \
             folder out of {}, or list the tiles and their labels in a tiles.csv",
            shown(name),
            shown(&path.to_string_lossy()),
            root.display()
        ));
    }
    if is_one_of(&LEFTOVERS, &class.to_lowercase()) {
        return Some(format!(
            "the class folder {} would be a class, and by its name it is what a program left, or any folder \
             of images\nhint: move the folder out of {}, rename it, or list the tiles and their labels in a tiles.csv",
            shown(class),
            root.display()
        ));
    }
    is_split(class).then(|| {
        format!(
            "the class folder {0} would be a class, and by its name it is a split\nhint: give the folder inside, such as \
             {1}, or list all tiles in a tiles.csv with the columns path, label and split",
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

/// Whether a word is one of some names, or its plural with `s`.
fn is_one_of(names: &[&str], word: &str) -> bool {
    names.contains(&word) || word.strip_suffix('s').is_some_and(|word| names.contains(&word))
}

fn is_split(name: &str) -> bool {
    let words = words(name);
    let splits = words.iter().filter(|word| SPLITS.contains(&word.as_str())).count();
    let beside = words.iter().filter(|word| BESIDE_SPLITS.contains(&word.as_str())).count();
    (splits > 0 || words == ["hold", "out"]) && splits + beside == words.len().max(1)
}

/// The first folder that is a copy of another by its name, and that other.
fn first_copy<'a>(folders: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let form = |name: &str| fold(&joined(name));
    let known: HashMap<String, &'a str> = folders.iter().map(|folder| (form(folder), *folder)).collect();
    folders.iter().find_map(|copy| {
        let mut originals = std::iter::successors(original(copy), |name| original(name));
        let found = originals.find_map(|name| known.get(&form(&name)).copied());
        found.filter(|found| found != copy).map(|found| (*copy, found))
    })
}

/// The name, without case, of what a folder such as `benign - Copy (2)` or `benign.bak` is a copy of.
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

/// A path with its problem, where a CSV row cannot carry it.
pub(super) fn path_problem(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    if text.contains(char::is_control) || text.contains(['\u{2028}', '\u{2029}']) {
        return Some(format!(
            "the path {text:?} holds a control character or a line break\nhint: rename the file or folder"
        ));
    }
    None
}

/// An example tile of a label.
pub(super) fn example<'a>(dataset: &'a Dataset, label: &str) -> Option<&'a PathBuf> {
    dataset.entries.iter().find(|entry| entry.label == label).map(|entry| &entry.path)
}

#[cfg(test)]
mod tests;
