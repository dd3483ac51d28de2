//! Damaged and hostile files give an error and end no process. Each mutated slide is examined in a child process, so that
//! a crash is seen as one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kiln_slide::openslide::{self, Library};
use kiln_slide::probe::TimeLimits;
use kiln_slide::{Inspection, Slide, SlideError, probe};

use crate::support::{Numbers, library, need, real_slides, variants};

const SLIDE: &str = "KILN_TEST_SLIDE";
const LIBRARY: &str = "KILN_TEST_LIBRARY";

/// The child process: examines each slide of a folder, or one slide, and ends as [`probe::examine`] documents. Before each
/// slide it writes its name, so that the last one is the culprit.
#[test]
#[ignore = "run by the other tests as a child process"]
fn examine_child() {
    let path = PathBuf::from(env::var_os(SLIDE).unwrap());
    let file = openslide::find(Some(Path::new(&env::var_os(LIBRARY).unwrap()))).unwrap();
    let library = Library::load(&file, 1 << 20).unwrap();
    if path.is_dir() && path.join("many").exists() {
        for entry in fs::read_dir(path.join("many")).unwrap() {
            let slide = entry.unwrap().path();
            println!("\nslide {}", slide.display());
            let result = probe::examine(&slide, &library);
            println!("\nresult {}", result.as_ref().map_or_else(SlideError::code, |()| "ok"));
            if let Ok(slide) = Slide::open(&slide, &library) {
                let _ = Inspection::new(&slide);
                let _ = slide.privacy_findings(true);
                let _ = slide.thumbnail(64);
            }
        }
        println!("\nall examined");
        return;
    }
    if let Err(error) = probe::examine(&path, &library) {
        eprintln!("{error}");
        std::process::exit(probe::REFUSED);
    }
    std::process::exit(0);
}

fn child(library: &Library, path: &Path) -> Command {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "hostile::examine_child", "--nocapture", "--test-threads", "1"]);
    child.env(SLIDE, path).env(LIBRARY, library.path());
    child
}

/// 500 mutations of small slides of every kind at hand: flipped bytes, zeroed and random runs, cuts and huge numbers.
#[test]
fn mutated_slides_crash_nothing() {
    let library = need!(library());
    let small = need!(real_slides()).join("small");
    let folder = tempfile::tempdir().unwrap();
    let many = folder.path().join("many");
    fs::create_dir(&many).unwrap();
    let names = ["boxes.tiff", "small.svs", "boxes_0.dcm", "hd_sm_image.dcm", "boxes_1.dcm"];
    let sources = names.map(|name| (name, fs::read(small.join(name)).unwrap()));
    let mut numbers = Numbers::new(15);
    for at in 0..500 {
        let (name, bytes) = &sources[at % sources.len()];
        let mut bytes = bytes.clone();
        for _ in 0..=numbers.below(8) {
            mutate(&mut bytes, &mut numbers);
        }
        // A DICOM file alone in its folder: its neighbours would be levels of one slide.
        let alone = many.join(format!("{at:03}-{name}"));
        if name.ends_with(".dcm") {
            fs::create_dir(&alone).unwrap();
            fs::write(alone.join(name), bytes).unwrap();
        } else {
            fs::write(alone, bytes).unwrap();
        }
    }
    let output = child(&library, folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| line.starts_with("slide ")).unwrap_or("none");
    assert!(output.status.success() && text.contains("all examined"), "{}: {last}", output.status);
    let count = |result: &str| text.lines().filter(|line| *line == format!("result {result}")).count();
    println!("{} open, {} unsupported, {} unreadable", count("ok"), count("unsupported"), count("unreadable"));
    assert!(count("ok") > 20 && count("unsupported") + count("unreadable") > 100);
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let length = bytes.len() as u64;
    let at = usize::try_from(numbers.below(length.max(1))).unwrap();
    // Headers and directories are where files are fragile.
    let at = if numbers.below(2) == 0 { at % 600 } else { at }.min(bytes.len().saturating_sub(9));
    let run = 1 + usize::try_from(numbers.below(64)).unwrap();
    let end = (at + run).min(bytes.len());
    match numbers.below(6) {
        0 | 1 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
        2 => bytes[at..end].fill(0),
        3 => bytes[at..end].fill_with(|| u8::try_from(numbers.below(256)).unwrap()),
        4 => bytes[at..at + 4].fill(0xff),
        _ => {
            let keep = bytes.len() - usize::try_from(numbers.below(length / 4 + 1)).unwrap();
            bytes.truncate(keep.max(16));
        }
    }
}

#[test]
fn broken_variants_are_examined_without_a_crash() {
    let library = need!(library());
    for entry in fs::read_dir(need!(variants())).unwrap() {
        let path = entry.unwrap().path();
        let result = probe::examine_in_child(&path, &mut child(&library, &path), probe::TimeLimits::default());
        let opens = Slide::open(&path, &library);
        match (result, opens) {
            (Ok(()), Ok(_)) => {}
            (Err(SlideError::Refused { reason, .. }), Err(error)) => {
                assert!(reason.ends_with(&error.to_string()), "{reason} is not {error}");
            }
            (result, _) => panic!("{}: {result:?}", path.display()),
        }
    }
}

/// Several threads examine a slide, and a tile that OpenSlide cannot read ends none of them.
#[test]
fn a_damaged_tile_does_not_end_an_examination() {
    let library = need!(library());
    let folder = need!(variants());
    for name in ["jpeg.tif", "tile-zeroed.tif", "one-level.tif"] {
        probe::examine(&folder.join(name), &library).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_child_that_dies_hangs_or_cannot_start_is_an_error() {
    let path = Path::new("slide.svs");
    let shell = |script: &str, limit| {
        let mut command = Command::new("sh");
        probe::examine_in_child(path, command.args(["-c", script]), limit)
    };
    let limits = |processor: u64, clock: u64| TimeLimits {
        processor: Duration::from_millis(processor),
        clock: Duration::from_millis(clock),
    };
    let second = limits(10_000, 60_000);
    assert!(shell("exit 0", second).is_ok());
    let crash = shell("kill -SEGV $$", second).unwrap_err();
    assert_eq!(crash.code(), "hostile");
    assert!(crash.to_string().contains("SIGSEGV") && crash.to_string().contains("slide.svs"), "{crash}");
    assert!(matches!(shell("exit 101", second), Err(SlideError::Crashed { .. })));
    // A machine that is busy, or storage that does not answer, is no fault of the slide.
    let wait = shell("exec sleep 60", limits(100, 400)).unwrap_err();
    assert!(matches!(wait, SlideError::NoAnswer { .. }) && wait.code() == "unreadable", "{wait}");
    assert!(shell("sleep 0.5", limits(300, 60_000)).is_ok(), "waiting takes no processor time");
    if cfg!(target_os = "linux") {
        let busy = shell("while :; do :; done", limits(200, 120_000)).unwrap_err();
        assert!(matches!(busy, SlideError::TimedOut { .. }) && busy.code() == "hostile", "{busy}");
    }
    // Closing its standard error does not end a child, nor does it stop the limits.
    let late = shell("exec 2>&-; sleep 0.3; exit 3", second).unwrap_err();
    assert!(matches!(late, SlideError::Crashed { .. }) && late.to_string().contains('3'), "{late}");
    let silent = shell("exec 2>&-; exec sleep 60", limits(10_000, 400)).unwrap_err();
    assert!(matches!(silent, SlideError::NoAnswer { .. }), "{silent}");
    let refused = shell("yes refused | head -c 3000000 >&2; exit 2", second).unwrap_err();
    assert!(matches!(refused, SlideError::Refused { .. }));
    assert!(refused.to_string().len() < 20_000);
    let mut nothing = Command::new("/nonexistent/program");
    assert!(matches!(probe::examine_in_child(path, &mut nothing, second), Err(SlideError::Io { .. })));
}

#[test]
fn things_that_are_no_slide_are_refused_unopened() {
    let library = need!(library());
    let folder = tempfile::tempdir().unwrap();
    let code =
        |path: &Path| Slide::open(path, &library).map_err(|error| (error.code(), error.to_string())).unwrap_err();
    let (missing, empty) = (folder.path().join("missing.svs"), folder.path().join("empty.svs"));
    assert_eq!(code(&missing).0, "not_found");
    fs::write(&empty, "").unwrap();
    assert!(code(&empty).1.contains("the file is empty"));
    assert!(code(folder.path()).1.contains("a folder without DICOM files"));
    fs::write(&empty, "MM\0*\0\0\0\x08\0\0").unwrap();
    assert_eq!(code(&empty).0, "unreadable", "a TIFF that ends before its first directory");
    for text in ["x", "II*\0", "not a slide at all, but long enough to look at"] {
        fs::write(&empty, text).unwrap();
        assert_eq!(code(&empty).0, "unsupported", "{text:?}");
    }
    #[cfg(unix)]
    {
        assert!(code(Path::new("/dev/zero")).1.contains("a pipe, socket or device"));
        let pipe = folder.path().join("pipe.svs");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(code(&pipe).1.contains("a pipe, socket or device"));
        // In a folder it is passed over, and never waited for.
        assert!(code(folder.path()).1.contains("a folder without DICOM files"));
        use std::os::unix::ffi::OsStrExt as _;
        let nul = Path::new(std::ffi::OsStr::from_bytes(b"a\0b.svs"));
        assert_eq!(code(nul).0, "unreadable");
    }
}

/// Written by the `tiff` crate: strips, which no slide format of OpenSlide has.
#[test]
fn a_tiff_with_strips_is_refused_with_the_way_out() {
    let library = need!(library());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strips.tif");
    let mut file = fs::File::create(&path).unwrap();
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
    encoder.write_image::<tiff::encoder::colortype::RGB8>(64, 64, &[200; 64 * 64 * 3]).unwrap();
    drop(file);
    let error = Slide::open(&path, &library).unwrap_err();
    assert_eq!(error.code(), "unsupported");
    assert!(error.to_string().contains("convert the slide to a tiled pyramidal TIFF"), "{error}");
}
