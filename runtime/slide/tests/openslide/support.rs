//! The library, the Python and the slides of these tests.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use kiln_slide::Slide;
use kiln_slide::openslide::{self, Library, LibraryError};

/// `$name`, or an early return with the reason.
macro_rules! need {
    ($found:expr) => {
        match $found {
            Ok(found) => found,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}
pub(crate) use need;

/// A rectangle of a level: level, x, y, width, height.
pub(crate) type Rectangle = (u32, i64, i64, u32, u32);

pub(crate) fn python(modules: &str) -> Result<PathBuf, String> {
    let python = PathBuf::from(env::var_os("KILN_SLIDE_PYTHON").unwrap_or_else(|| "python3".into()));
    let output = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    match output {
        Ok(output) if output.status.success() => Ok(python),
        _ => Err(format!("{} cannot import {modules}", python.display())),
    }
}

/// The library of the Python package.
fn python_library() -> Result<PathBuf, String> {
    let python = python("openslide_bin").map_err(|reason| format!("no OpenSlide on this machine, and {reason}"))?;
    let code = "import openslide_bin; print(openslide_bin.libopenslide1._name)";
    let output = Command::new(python).args(["-c", code]).output().unwrap();
    Ok(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
}

pub(crate) fn library() -> Result<Library, String> {
    static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
    // Only a machine without OpenSlide skips: a library that is there must load.
    let load = || {
        let named = env::var_os("KILN_OPENSLIDE").map(PathBuf::from);
        let file = match openslide::find(named.as_deref()) {
            Err(LibraryError::NotFound { .. }) => openslide::find(Some(&python_library()?)),
            found => found,
        };
        Ok(Library::load(&file.unwrap(), 16 << 20).unwrap())
    };
    LOADED.get_or_init(load).clone()
}

/// The shared folder beside the project, with real slides and the makers of others.
pub(crate) fn shared() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().parent().unwrap().join("shared");
    let folder = env::var_os("KILN_SHARED").map_or(folder, PathBuf::from);
    if folder.join("slides").is_dir() { Ok(folder) } else { Err(format!("no {}/slides", folder.display())) }
}

pub(crate) fn real_slides() -> Result<PathBuf, String> {
    Ok(shared()?.join("data/slides"))
}

/// The folder of the drawn TIFF variants and the Philips TIFF, made once.
pub(crate) fn variants() -> Result<&'static Path, String> {
    static MADE: OnceLock<Result<tempfile::TempDir, String>> = OnceLock::new();
    let make = || {
        let makers = shared()?.join("slides");
        let python = python("openslide, tifffile, imagecodecs, numpy")?;
        let folder = tempfile::tempdir().unwrap();
        for (maker, out) in
            [("mkslides.py", folder.path().to_owned()), ("mkphilips.py", folder.path().join("philips.tiff"))]
        {
            let status = Command::new(&python).arg(makers.join(maker)).arg(out).status().unwrap();
            assert!(status.success(), "{maker} failed");
        }
        Ok(folder)
    };
    MADE.get_or_init(make).as_ref().map(tempfile::TempDir::path).map_err(Clone::clone)
}

pub(crate) fn open(path: &Path) -> Slide {
    Slide::open(path, &library().unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a Python program that is given as text.
pub(crate) fn run_python(modules: &str, code: &str, arguments: &[&Path]) -> Result<(), String> {
    let status = Command::new(python(modules)?).args(["-c", code]).args(arguments).status().unwrap();
    assert!(status.success(), "the Python program failed");
    Ok(())
}

/// The RGB of rectangles by another reader: `openslide` or `tifffile`.
pub(crate) fn reference(reader: &str, slide: &Path, rectangles: &[Rectangle]) -> Result<Vec<Vec<u8>>, String> {
    let python = python(if reader == "openslide" { "openslide, numpy" } else { "tifffile, imagecodecs, numpy" })?;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pixels");
    let mut child = Command::new(python)
        .args(["-c", include_str!("reference.py"), reader])
        .args([slide, &out])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String =
        rectangles.iter().map(|(level, x, y, width, height)| format!("{level} {x} {y} {width} {height}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "the reference failed");
    let bytes = fs::read(out).unwrap();
    let mut rest = bytes.as_slice();
    let mut take = |(_, _, _, width, height): &Rectangle| {
        let (pixels, after) = rest.split_at(*width as usize * *height as usize * 3);
        rest = after;
        pixels.to_vec()
    };
    Ok(rectangles.iter().map(&mut take).collect())
}

/// Numbers for tests: xorshift64*, always the same for a seed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// Rectangles on every level of a slide: its corners, and random ones that may exceed it where `outside` is set.
pub(crate) fn rectangles(slide: &Slide, count: u64, outside: bool) -> Vec<Rectangle> {
    let mut numbers = Numbers::new(count);
    let mut found = Vec::new();
    for (number, level) in (0..).zip(slide.levels()) {
        let (width, height) = (i64::try_from(level.width).unwrap(), i64::try_from(level.height).unwrap());
        for _ in 0..count {
            let side = |numbers: &mut Numbers| 1 + u32::try_from(numbers.below(300)).unwrap();
            let (w, h) = (side(&mut numbers), side(&mut numbers));
            let margin = if outside { 200 } else { 0 };
            let mut at = |side: i64| i64::try_from(numbers.below((side + 2 * margin).unsigned_abs())).unwrap() - margin;
            found.push((number, at(width), at(height), w, h));
        }
        found.push((number, 0, 0, 256, 256));
        found.push((number, (width - 100).max(0), (height - 100).max(0), 100, 100));
    }
    found
}
