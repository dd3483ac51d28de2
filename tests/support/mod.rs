//! Calling the binary, and reading what it left.

pub mod browser;
mod fixture;
mod kill;
pub mod onnx;
pub mod served;
#[cfg(unix)]
pub mod servers;
#[path = "../../runtime/tile/tests/encode/tiff.rs"]
mod tiff;
#[path = "../../runtime/tile/tests/encode/webp.rs"]
mod webp;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::Assert;
use image::{ImageFormat, Rgb, RgbImage};
use kiln_files::digest::sha256_file;
use serde_json::Value;
use tempfile::TempDir;

pub use fixture::{Fixture, Kind, TILES, fixture, install_library, lock};
pub use kill::{Killer, kill_when, names, repetitions};

/// Runs the binary with these arguments and returns its output: `kiln!("score", &bundle, "a.png").code(0)`.
macro_rules! kiln {
    ($($argument:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut command = $crate::support::command();
        $(command.arg($argument);)*
        $crate::support::finish(command)
    }};
}
pub(crate) use kiln;

/// The binary, without what the caller's environment would change in its words.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.env_remove("ORT_DYLIB_PATH").env_remove("COLUMNS").env_remove("RUST_BACKTRACE");
    command
}

/// Output of a finished process.
pub struct Outcome(Assert);

/// Runs the process to its end.
pub fn finish(command: Command) -> Outcome {
    Outcome(assert_cmd::Command::from_std(command).assert())
}

/// Runs another program to its end. Returns its output, or its error output if it failed.
pub fn succeeds(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Runs the process to its end, with this text on its standard input.
pub fn finish_with_input(command: Command, input: impl Into<Vec<u8>>) -> Outcome {
    Outcome(assert_cmd::Command::from_std(command).write_stdin(input).assert())
}

impl Outcome {
    /// Fails with all output unless this is the exit status.
    pub fn code(self, expected: i32) -> Self {
        Self(self.0.code(expected))
    }

    pub fn status(&self) -> Option<i32> {
        self.0.get_output().status.code()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.get_output().stdout.clone()).expect("stdout is UTF-8")
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.get_output().stderr.clone()).expect("stderr is UTF-8")
    }

    /// The whole of stdout as one JSON document.
    pub fn json(&self) -> Value {
        let text = self.stdout();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("stdout is no JSON document: {error}\n{text}"))
    }

    /// Fails unless stderr holds every one of these words.
    pub fn says(self, words: &[&str]) -> Self {
        let text = self.stderr();
        for word in words {
            assert!(text.contains(word), "`{word}` is not in:\n{text}");
        }
        self
    }
}

/// A folder for one test, on the disk of the build, removed with it.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Prints why a test is skipped; visible with `--nocapture`.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Name and digest of every file below a folder, so that two folders can be compared byte for byte.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), sha256_file(&path).unwrap());
            }
        }
    }
    files
}

/// A copy that a test may spoil.
pub fn copy(from: &Path, to: &Path) -> PathBuf {
    for relative in contents(from).keys() {
        let target = to.join(relative);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(relative), target).unwrap();
    }
    to.to_owned()
}

/// Reads a JSON file.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Header and rows of CSV text; every row is as long as the header.
pub fn read_csv(text: &str) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        header.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    let rows = rows.collect();
    (header, rows)
}

/// Writes a plain image; the format follows the name.
pub fn draw(path: &Path, width: u32, height: u32) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let shade = |x: u32, y: u32| Rgb([(x % 251) as u8, (y % 241) as u8, ((x + y) % 239) as u8]);
    save(&RgbImage::from_fn(width, height, shade), path);
    path.to_owned()
}

/// Writes an image; the format follows the name.
pub fn save(image: &RgbImage, path: &Path) {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("tif") => fs::write(path, tiff::tiff(image)).unwrap(),
        Some("webp") => fs::write(path, webp::webp(image)).unwrap(),
        _ => image.save(path).unwrap(),
    }
}

/// Writes the first half of an image file.
pub fn draw_truncated(path: &Path) -> PathBuf {
    draw(path, 256, 256);
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    path.to_owned()
}

/// Writes a PNG of a few bytes whose header, checksum and all, announces 100,000 x 100,000 pixels.
pub fn draw_bomb(path: &Path) -> PathBuf {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::new(1, 1).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    for side in [16..20, 20..24] {
        bytes[side].copy_from_slice(&100_000_u32.to_be_bytes());
    }
    let checksum = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&checksum);
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// CRC-32 as PNG has it (ISO 3309).
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
