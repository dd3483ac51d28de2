//! Checks the table of image formats in `docs/data.md`: for each of its rows, Python generates files, which are decoded
//! here. Decoded rows must give the picture of an independent decoder; refused rows must have the status in the table; and
//! no file, cut anywhere, may give another picture than the whole one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln_tile::{Decoder, RgbImage, SizePolicy, TileError};

/// One generated file.
struct File {
    name: String,
    case: String,
    bytes: Vec<u8>,
    /// The picture by an independent decoder, with the allowed largest and mean difference.
    twin: Option<Twin>,
}

struct Twin {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    max: f64,
    mean: f64,
}

/// The table's promise for a case.
#[derive(Clone, PartialEq, Debug)]
enum Promise {
    Decoded,
    /// Refused with this status code, or with any.
    Refused(Option<String>),
    /// Decoded exactly or refused: the case has files of both kinds.
    Either,
    /// Damage that the format cannot reveal, or a picture without a second decoder: only a panic is wrong.
    Unchecked,
}

fn decode(bytes: &[u8]) -> Result<RgbImage, TileError> {
    Decoder::new(SizePolicy::Resize).decode_image(bytes)
}

/// Largest and mean difference.
fn difference(image: &RgbImage, twin: &Twin) -> Result<(), String> {
    if (image.width, image.height) != (twin.width, twin.height) {
        return Err(format!("{}x{} pixels, expected {}x{}", image.width, image.height, twin.width, twin.height));
    }
    let differences = image.pixels.iter().zip(&twin.pixels).map(|(one, other)| f64::from(one.abs_diff(*other)));
    let (max, sum) = differences.fold((0.0_f64, 0.0), |(max, sum), one| (max.max(one), sum + one));
    let mean = sum / twin.pixels.len() as f64;
    if max > twin.max || mean > twin.mean {
        return Err(format!(
            "differs by {max} at most and {mean:.3} on average, allowed {} and {}",
            twin.max, twin.mean
        ));
    }
    Ok(())
}

/// Returns a message if the promise is broken.
fn broken(file: &File, promise: &Promise) -> Option<String> {
    let found = decode(&file.bytes);
    let wrong = match (promise, &found, &file.twin) {
        (Promise::Unchecked, Ok(_), None) => None,
        (Promise::Refused(_), Ok(_), _) => Some("decoded, expected a refusal".to_owned()),
        (_, Ok(image), Some(twin)) => difference(image, twin).err(),
        (_, Ok(_), None) => Some("decoded, but it has no right picture".to_owned()),
        (Promise::Decoded, Err(error), _) => Some(format!("{}: {error}", error.code())),
        (Promise::Refused(Some(code)), Err(error), _) if error.code() != code => {
            Some(format!("{}: {error}, expected {code}", error.code()))
        }
        (_, Err(error), _) if error.to_string().chars().any(char::is_control) => Some(format!("{error:?}")),
        (_, Err(_), _) => None,
    };
    wrong.map(|wrong| format!("{} ({}): {wrong}", file.name, file.case))
}

#[test]
fn every_row_of_the_table_of_formats_is_kept_by_generated_files() {
    let Some(files) = files() else { return };
    if std::env::var_os("KILN_CORPUS_REPORT").is_some() {
        report(&files);
    }
    let table = table();
    let cases: BTreeSet<&str> = files.iter().map(|file| file.case.as_str()).collect();
    let missing: Vec<_> = cases.iter().filter(|case| !table.contains_key(**case)).collect();
    assert!(missing.is_empty(), "docs/data.md has no row for {missing:?}");
    let without: Vec<_> = table.keys().filter(|case| !cases.contains(case.as_str())).collect();
    // Some files need libjpeg's tools.
    let tools = Command::new("cjpeg").arg("-version").output().is_ok();
    assert!(without.is_empty() || !tools, "no file was made for the rows {without:?}");
    let broken: Vec<String> = files.iter().filter_map(|file| broken(file, &table[&file.case])).collect();
    assert!(broken.is_empty(), "{} of {} files:\n{}", broken.len(), files.len(), broken.join("\n"));
    assert!(files.len() >= 600, "only {} files were made", files.len());
    println!("{} files of {} kinds", files.len(), cases.len());
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let Some(files) = files() else { return };
    let mut wrong = Vec::new();
    let mut cuts = 0;
    for file in &files {
        let Ok(whole) = decode(&file.bytes) else { continue };
        // Bytes behind the image are no part of it. (Where a TIFF ends, no header says.)
        if whole.notes.trailing_bytes || file.case == "tiff-trailing-bytes" {
            continue;
        }
        for percent in (0..100).step_by(2) {
            let length = file.bytes.len() * percent / 100;
            // Only an end marker may be missing.
            if length + 2 >= file.bytes.len() {
                continue;
            }
            cuts += 1;
            if let Ok(cut) = decode(&file.bytes[..length]) {
                let same = cut.pixels == whole.pixels;
                wrong.push(format!("{} ({}) cut to {percent} %: decoded, same pixels: {same}", file.name, file.case));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cuts}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{cuts} cut files refused");
}

#[test]
fn contents_that_are_left_aside_are_noted() {
    let Some(files) = files() else { return };
    let mut seen = BTreeSet::new();
    for file in &files {
        let Ok(image) = decode(&file.bytes) else { continue };
        let notes = image.notes;
        let noted = match file.case.as_str() {
            // A BMP may name a colour space without holding a profile.
            case if case.ends_with("-icc") => notes.icc_profile || case.starts_with("bmp"),
            // Of a TIFF, no header says where it ends.
            case if case.ends_with("-trailing-bytes") => {
                notes.trailing_bytes || case.starts_with("tiff") || file.name.contains("inside")
            }
            case if case.ends_with("-orientation") => notes.orientation.is_some() || file.name.contains("-1"),
            "tiff-page-and-thumbnail" => notes.further_images > 0,
            "png-rgba-8" | "webp-lossy-alpha" | "tiff-alpha-associated" => notes.transparent,
            _ => continue,
        };
        assert!(noted, "{} ({}): {notes:?}", file.name, file.case);
        seen.insert(file.case.clone());
    }
    assert!(seen.len() > 10, "{seen:?}");
}

/// Prints the outcome of each case, for authors of the table.
fn report(files: &[File]) {
    let mut cases: BTreeMap<&str, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for file in files {
        let outcome = match (decode(&file.bytes), &file.twin) {
            (Ok(image), Some(twin)) => {
                difference(&image, twin).map_or_else(|why| format!("WRONG {why}"), |()| "right".to_owned())
            }
            (Ok(_), None) => "DECODED WITHOUT A TWIN".to_owned(),
            (Err(error), _) => format!("{}: {error}", error.code()),
        };
        cases.entry(&file.case).or_default().entry(outcome).or_default().push(&file.name);
    }
    for (case, outcomes) in cases {
        for (outcome, names) in outcomes {
            println!("{case}: {} x {outcome} [{}]", names.len(), names[..names.len().min(3)].join(" "));
        }
    }
}

/// Reads the rows of the table: case to promise. Cells contain cases as code, and a promised status in parentheses.
fn table() -> BTreeMap<String, Promise> {
    let text = fs::read_to_string(root().join("docs/data.md")).unwrap();
    let begin = text.find("| possibility |").expect("docs/data.md has no table of image formats");
    let rows = text[begin..].lines().filter(|line| line.starts_with("| ") && !line.starts_with("| possibility"));
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [_, decoded, refused, either, unchecked] = cells[..] else { continue };
        let mut add = |cell: &str, promise: &dyn Fn(Option<String>) -> Promise| {
            for (case, code) in cases(cell) {
                assert!(table.insert(case.clone(), promise(code)).is_none(), "{case} is in the table twice");
            }
        };
        add(decoded, &|_| Promise::Decoded);
        add(refused, &Promise::Refused);
        add(either, &|_| Promise::Either);
        add(unchecked, &|_| Promise::Unchecked);
    }
    table
}

/// Parses "`a` `b` (code)" as a and b, each with the next code.
fn cases(cell: &str) -> Vec<(String, Option<String>)> {
    let (mut found, mut waiting) = (Vec::new(), Vec::new());
    for word in cell.split_whitespace() {
        if let Some(case) = word.strip_prefix('`').and_then(|word| word.strip_suffix('`')) {
            waiting.push(case.to_owned());
        } else {
            let code = word.trim_matches(['(', ')', ',', '`']).to_owned();
            let code = (code != "any").then_some(code);
            found.extend(waiting.drain(..).map(|case| (case, code.clone())));
        }
    }
    found.extend(waiting.into_iter().map(|case| (case, None)));
    found
}

/// Returns the generated files, or prints a reason and returns `None`.
fn files() -> Option<Vec<File>> {
    let folder = match made() {
        Ok(folder) => folder,
        Err(reason) => {
            println!("skipped: the corpus of images cannot be made here: {reason}");
            return None;
        }
    };
    let mut index = csv::Reader::from_path(folder.join("index.csv")).unwrap();
    let files = index.records().map(|record| {
        let record = record.unwrap();
        let number = |at: usize| record[at].parse::<f64>().ok();
        let twin = number(5).map(|max| Twin {
            width: number(3).unwrap() as u32,
            height: number(4).unwrap() as u32,
            pixels: fs::read(folder.join("twins").join(format!("{}.rgb", &record[0]))).unwrap(),
            max,
            mean: number(6).unwrap(),
        });
        let bytes =
            fs::read(folder.join(&record[1])).or_else(|_| fs::read(folder.join("files").join(&record[1]))).unwrap();
        File { name: record[0].to_owned(), case: record[2].to_owned(), bytes, twin }
    });
    Some(files.collect())
}

/// Generates the files once per version of the scripts.
fn made() -> Result<PathBuf, String> {
    static MADE: std::sync::OnceLock<Result<PathBuf, String>> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let scripts = root().join("runtime/tile/tests/corpus");
        let mut sources: Vec<_> = fs::read_dir(&scripts).unwrap().map(|entry| entry.unwrap().path()).collect();
        sources.sort();
        let text: Vec<u8> =
            sources.iter().filter(|path| path.is_file()).flat_map(|path| fs::read(path).unwrap()).collect();
        let digest = kiln_files::digest::sha256_hex(&text);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("corpus-{}", &digest[..12]));
        if folder.join("index.csv").exists() {
            return Ok(folder);
        }
        let python = python(&scripts.join("requirements.txt"))?;
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|error| error.to_string())?;
        run(Command::new(python).arg(scripts.join("make.py")).arg("--out").arg(scratch.path()).args(["--seed", "13"]))?;
        match fs::rename(scratch.path(), &folder) {
            Ok(()) => drop(scratch.keep()),
            // Another test process was faster.
            Err(_) if folder.join("index.csv").exists() => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok(folder)
    })
    .clone()
}

/// Returns a Python with the required packages, in a virtual environment.
fn python(requirements: &Path) -> Result<PathBuf, String> {
    let environment = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("corpus-python");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    // A failing script is a bug here, not a problem of the machine.
    assert!(!format!("{command:?}").contains("make.py"), "{text}");
    Err(format!("{command:?}: {}", text.lines().last().unwrap_or_default()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
