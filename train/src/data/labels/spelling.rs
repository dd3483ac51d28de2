//! Spellings that a reader confuses: case, white space, separators, and characters that look alike (UTS 39).

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

/// True if a reader would confuse the two labels.
#[must_use]
pub fn look_alike(one: &str, other: &str) -> bool {
    one == other || keys(one).iter().zip(keys(other)).any(|(one, other)| *one == other)
}

/// The difference between two confusable labels, for a message.
pub(super) fn difference(one: &str, other: &str) -> &'static str {
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

/// The code points beyond ASCII, for a message.
pub(super) fn code_points(text: &str) -> String {
    let foreign = |letter: &char| !letter.is_ascii() && !is_invisible(*letter) && !letter.is_whitespace();
    let found: Vec<String> =
        text.chars().filter(foreign).take(8).map(|letter| format!("U+{:04X}", u32::from(letter))).collect();
    if found.is_empty() { String::new() } else { format!(", with {},", found.join(" ")) }
}

/// Six normalised forms of a label; two labels that agree in one of them are confusable. They are UTS 39 skeletons: of
/// the label, of the label without case, and of the label without case after foreign letters are mapped to Latin ones;
/// then the label as a number, and the last two skeletons with equal separators. Case is folded before the skeleton
/// because `I` is confusable with `l`, and `N`, `I` and `L` are three labels.
pub(super) fn keys(label: &str) -> [String; 6] {
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

/// Replaces letters beyond ASCII by the Latin letters that they look like.
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

/// The label as a number; `-0` is 0.
fn number(label: &str) -> Option<f64> {
    label.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number + 0.0)
}

/// Removes white space, `_` and `.` at the end.
fn bare(label: &str) -> &str {
    let bare = label.trim_end_matches(|letter: char| letter.is_whitespace() || matches!(letter, '_' | '.'));
    if bare.is_empty() { label } else { bare }
}

/// Replaces every separator between two letters or digits by one space. A dash at only one of them is a sign, as in
/// `HER2-` and `-1`, and is kept.
pub(super) fn joined(label: &str) -> String {
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

/// A group in one Unicode normalisation, without invisible characters and repeated spaces: differences that spreadsheets
/// and file systems introduce.
pub(super) fn spelling(group: &str) -> String {
    let visible: String = group.nfkc().filter(|letter| !is_invisible(*letter)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Folds case; upper case first, so that `ß` equals `ss` and `ς` equals `σ`. The dot that lower case adds for `İ` is
/// removed.
pub(super) fn fold(text: &str) -> String {
    text.to_uppercase().to_lowercase().replace("i\u{307}", "i")
}

/// True for invisible characters: the default-ignorable code points of Unicode 16, and the marks of interlinear
/// annotation.
pub(super) fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// True for embeddings, overrides and isolates of the bidirectional algorithm: they reorder the text around a label.
pub(super) fn turns_text(letter: char) -> bool {
    matches!(u32::from(letter), 0x202A..=0x202E | 0x2066..=0x2069)
}
