//! Slides for the tests, and OpenSlide's pixels of them by its Python binding.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

pub(crate) mod tiff;

use std::path::{Path, PathBuf};
use std::process::Command;

use kiln_slide::openslide::{Library, find};

/// Runs a Python script with openslide, tifffile and imagecodecs. Prints the reason and returns `None` without them.
pub(crate) fn python(script: &str, arguments: &[&Path]) -> Option<String> {
    let python = std::env::var_os("KILN_SLIDE_PYTHON").unwrap_or_else(|| "python3".into());
    let modules = "import openslide, tifffile, imagecodecs, numpy";
    let works = Command::new(&python).args(["-c", modules]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {} has no openslide, tifffile, imagecodecs and numpy", Path::new(&python).display());
        return None;
    }
    let output = Command::new(&python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A file or folder beside the repository, with reference slides and scripts. Prints the reason if it is missing.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = ["../shared", "shared"].iter().map(|shared| root.join(shared).join(path)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no ../shared/{path}");
    }
    found
}

/// The OpenSlide library: `KILN_OPENSLIDE`, the one that Kiln finds, or Python's. Prints the reason if there is none.
pub(crate) fn library() -> Option<Library> {
    let named = std::env::var_os("KILN_OPENSLIDE").map(PathBuf::from);
    let file = match find(named.as_deref()) {
        Ok(file) => file,
        Err(_) => {
            let path = python("import openslide_bin; print(openslide_bin.libopenslide1._name)", &[])?;
            find(Some(Path::new(path.trim()))).unwrap()
        }
    };
    Some(Library::load(&file, 32 << 20).unwrap())
}

/// Runs a script of `../shared/slides`.
pub(crate) fn run_shared(script: &str, arguments: &[&Path]) -> Option<()> {
    const RUN: &str = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')";
    let script = shared(script)?;
    let arguments: Vec<&Path> = std::iter::once(script.as_path()).chain(arguments.iter().copied()).collect();
    python(RUN, &arguments).map(|_| ())
}

/// A level as OpenSlide reads it.
pub(crate) struct Reference {
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// `[height, width, 4]`: red, green, blue, alpha. Empty if OpenSlide refuses the level.
    pub(crate) rgba: Vec<u8>,
}

/// A slide as OpenSlide reads it; `None` if OpenSlide does not open it.
pub(crate) struct SlideReference {
    pub(crate) vendor: String,
    pub(crate) levels: Vec<Reference>,
}

/// Reads a slide with openslide-python, each level in rectangles whose tiles are read by themselves.
pub(crate) fn openslide(path: &Path) -> Option<Option<SlideReference>> {
    const SCRIPT: &str = r#"
import sys, json, numpy as np, openslide
path, out = sys.argv[1:3]
try: s = openslide.OpenSlide(path)
except openslide.OpenSlideError as e:
    print("null"); sys.exit()
def level(i):
    w, h = s.level_dimensions[i]; f = s.level_downsamples[i]
    with openslide.OpenSlide(path) as one:
        try: a = np.asarray(one.read_region((0, 0), i, (w, h)))
        except openslide.OpenSlideError: a = np.zeros(0, np.uint8)
    a.tofile(f"{out}/{i}"); return [w, h]
print(json.dumps([s.properties["openslide.vendor"], [level(i) for i in range(s.level_count)]]))
"#;
    let out = tempfile::tempdir().unwrap();
    let text = python(SCRIPT, &[path, out.path()])?;
    let Some((vendor, sizes)) = serde_json::from_str::<Option<(String, Vec<(u64, u64)>)>>(&text).unwrap() else {
        return Some(None);
    };
    let level = |(index, (width, height)): (usize, (u64, u64))| {
        let rgba = std::fs::read(out.path().join(index.to_string())).unwrap();
        Reference { width, height, rgba }
    };
    Some(Some(SlideReference { vendor, levels: sizes.into_iter().enumerate().map(level).collect() }))
}
