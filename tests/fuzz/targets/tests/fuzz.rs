//! Every fuzz target on a stable toolchain: seeds, and some thousand changed seeds each, about three seconds per target.
//!
//! `KILN_FUZZ_SECONDS=1800` searches each target for that long, `KILN_FUZZ_FROM=1000000` starts at another number, and
//! `KILN_FUZZ_INPUT=FILE` runs one input alone. CONTRIBUTING.md, "Fuzz".
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_fuzz::{Counting, Hunt, Mutator, TIME_LIMIT, Target, hunt, input, target, targets};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

macro_rules! hunted {
    ($($name:ident)*) => {
        const HUNTED: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            search(stringify!($name));
        })*
    };
}
hunted! { tile manifest graph golden score_list score_list_nul score_rows progress journal status part_record config_pbtxt http_answer grpc_answer config study tiles_csv annotations slide_list slides_csv signature }

/// Fails with the input that breaks the target.
fn search(name: &str) {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| variable(name).map(|text| text.parse::<f64>().expect("a number"));
    let only = variable("KILN_FUZZ_INPUT").map(PathBuf::from);
    let folder = findings();
    let report = hunt(&Hunt {
        seconds: number("KILN_FUZZ_SECONDS"),
        from: number("KILN_FUZZ_FROM").unwrap_or_default() as u64,
        only: only.as_deref(),
        ..at(target(name).unwrap(), name, &folder)
    });
    match report {
        Ok(report) => eprintln!("{report}"),
        Err(finding) => panic!(
            "{name}: {finding}\nagain: KILN_FUZZ_INPUT={} cargo test --release --workspace --test fuzz -- --exact {name}",
            finding.path.display()
        ),
    }
}

fn findings() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz")
}

fn at<'a>(target: Target, test: &'a str, folder: &'a Path) -> Hunt<'a> {
    Hunt { target, test, folder, seconds: None, from: 0, only: None, time_limit: TIME_LIMIT }
}

#[test]
fn every_target_is_hunted_here_and_by_cargo_fuzz() {
    let mut names: Vec<_> = targets().iter().map(|target| target.name).collect();
    let mut hunted = HUNTED.to_vec();
    names.sort_unstable();
    hunted.sort_unstable();
    assert_eq!(names, hunted);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program of tests/fuzz/Cargo.toml");
        let source = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "fuzz_targets/{name}.rs runs another target");
    }
}

#[test]
fn a_number_gives_the_same_input_every_time() {
    for target in targets() {
        // Made once: a status file has its time.
        let sound = (target.sound)();
        let mutator = || Mutator::new(sound.clone(), target.words);
        let (one, two) = (mutator(), mutator());
        for number in [0, 1_000, 1_001, u64::MAX] {
            assert!(input(&one, number) == input(&two, number), "{}: {number}", target.name);
        }
        assert!(input(&one, 1_000) != input(&one, 1_001), "{}", target.name);
    }
}

/// A target with the seed `sound` that calls `run` for every input.
fn broken(run: fn(&[u8]) -> bool) -> Target {
    Target {
        name: "broken",
        run,
        sound: || vec![b"sound".to_vec()],
        hostile: || vec![b"hostile".to_vec()],
        words: &[],
        rounds: 10,
        memory: 1 << 20,
    }
}

/// Returns the reason that a search reports for a broken target; its input must be kept for another run.
fn reported(run: fn(&[u8]) -> bool, test: &str, time_limit: Duration, input: &[u8]) -> String {
    let folder = findings();
    let finding = hunt(&Hunt { time_limit, ..at(broken(run), test, &folder) }).expect_err("nothing was found");
    assert_eq!(std::fs::read(&finding.path).unwrap(), input);
    std::fs::remove_file(finding.path).unwrap();
    finding.reason
}

#[test]
fn a_panic_is_found_even_where_it_is_caught() {
    let run = |bytes: &[u8]| std::panic::catch_unwind(|| assert!(bytes == b"sound", "as it should not")).is_ok();
    let reason = reported(run, "a_panic_is_found_even_where_it_is_caught", TIME_LIMIT, b"hostile");
    assert!(reason.contains("as it should not") && reason.contains("fuzz.rs"), "{reason}");
}

#[test]
fn a_stack_overflow_is_found() {
    fn deep(depth: u64) -> u64 {
        if std::hint::black_box(depth) == 0 { 0 } else { 1 + deep(std::hint::black_box(depth - 1)) }
    }
    let run = |bytes: &[u8]| bytes == b"sound" || deep(u64::MAX) == 0;
    let reason = reported(run, "a_stack_overflow_is_found", TIME_LIMIT, b"hostile");
    assert!(reason.contains("overflowed its stack"), "{reason}");
}

#[test]
fn an_endless_loop_is_found() {
    let run = |bytes: &[u8]| {
        let hostile = bytes != b"sound";
        while std::hint::black_box(hostile) {
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    };
    let reason = reported(run, "an_endless_loop_is_found", Duration::from_millis(300), b"hostile");
    assert!(reason.contains("longer than 300ms"), "{reason}");
}

#[test]
fn memory_that_the_input_does_not_explain_is_found() {
    let run = |bytes: &[u8]| bytes == b"sound" || std::hint::black_box(vec![0_u8; 64 << 20]).len() == 64 << 20;
    let reason = reported(run, "memory_that_the_input_does_not_explain_is_found", TIME_LIMIT, b"hostile");
    assert!(reason.contains("bytes of memory for an input of 7 bytes"), "{reason}");
}

#[test]
fn a_sound_seed_that_is_refused_is_found() {
    let reason = reported(|_| false, "a_sound_seed_that_is_refused_is_found", TIME_LIMIT, b"sound");
    assert!(reason.contains("sound seed 0 is refused"), "{reason}");
}
