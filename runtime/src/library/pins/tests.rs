#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;

use kiln_files::shared_library;

use super::*;

/// The file name of the library that is loaded first on a platform.
fn core_name(pins: &Pins) -> String {
    match pins.platform.os() {
        "windows" => "onnxruntime.dll".to_owned(),
        "macos" => format!("libonnxruntime.{}.dylib", pins.version),
        _ => format!("libonnxruntime.so.{}", pins.version),
    }
}

fn extension(platform: Platform) -> &'static str {
    match platform.os() {
        "windows" => ".dll",
        "macos" => ".dylib",
        _ => ".so",
    }
}

#[test]
fn each_wheel_has_one_row_for_each_platform_and_cpu_has_one_for_every_platform() {
    let rows: BTreeSet<_> = TABLE.iter().map(|pins| (pins.wheel, pins.platform)).collect();
    assert_eq!(rows.len(), TABLE.len());
    for platform in Platform::ALL {
        assert!(find(RuntimeWheel::Cpu, platform).is_some(), "{platform}");
    }
    assert!(RuntimeWheel::ALL.iter().all(|wheel| rows.iter().any(|(known, _)| known == wheel)));
    let versions: BTreeSet<_> =
        TABLE.iter().filter(|pins| pins.wheel != RuntimeWheel::Openvino).map(|pins| pins.version).collect();
    assert_eq!(versions.len(), 1, "one version on every platform: {versions:?}");
}

#[test]
fn every_row_has_its_core_library_first_its_licence_and_whole_digests() {
    for pins in TABLE {
        let row = format!("{} on {}", pins.wheel, pins.platform);
        assert_eq!(pins.files.first().map(WheelFile::name), Some(core_name(pins).as_str()), "{row}");
        for text in ["LICENSE", "ThirdPartyNotices.txt"] {
            assert!(pins.files.iter().any(|file| file.name() == text && file.role == Role::Text), "{row}: {text}");
        }
        for library in pins.files.iter().filter(|file| file.role != Role::Text) {
            assert!(library.name().contains(extension(pins.platform)), "{row}: {}", library.name());
        }
        let names: BTreeSet<_> = pins.files.iter().map(WheelFile::name).collect();
        assert_eq!(names.len(), pins.files.len(), "{row}: two files of one name");
        for digest in pins.files.iter().map(|file| file.sha256).chain([pins.wheel_sha256]) {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(digest.len() == 64 && digest.bytes().all(is_hex), "{row}: {digest}");
        }
    }
    let wheels: BTreeSet<_> = TABLE.iter().map(|pins| pins.wheel_sha256).collect();
    assert_eq!(wheels.len(), TABLE.len(), "a digest was copied from another row");
}

#[test]
fn tags_belong_to_their_platforms() {
    for pins in TABLE {
        let expected = match pins.platform {
            Platform::LinuxX64 => ("manylinux", "x86_64"),
            Platform::LinuxArm64 => ("manylinux", "aarch64"),
            Platform::MacOsArm64 => ("macosx", "arm64"),
            Platform::WindowsX64 => ("win", "amd64"),
            Platform::WindowsArm64 => ("win", "arm64"),
        };
        assert!(pins.tag.starts_with(expected.0) && pins.tag.ends_with(expected.1), "{}", pins.tag);
    }
}

/// Downloads every wheel, 600 MB in all, and unpacks its files as an installation does: names, lengths and digests are the
/// pinned ones, and each library is for its platform.
#[test]
fn the_wheels_of_every_platform_have_the_pinned_files() {
    if std::env::var_os("KILN_SLOW_TESTS").is_none() {
        eprintln!("skipped: downloads 600 MB; set KILN_SLOW_TESTS to run it");
        return;
    }
    for pins in TABLE {
        let row = format!("{} on {}", pins.wheel, pins.platform);
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("installed");
        crate::install::installation(pins, &folder)
            .install(&mut |_| ())
            .unwrap_or_else(|error| panic!("{row}: {error}"));
        for library in pins.files.iter().filter(|file| file.role != Role::Text) {
            let bytes = fs::read(folder.join(library.name())).unwrap();
            let head = &bytes[..bytes.len().min(65_536)];
            let checked = shared_library::check_head(head, library.bytes, pins.platform.os(), pins.platform.arch());
            assert_eq!(checked, Ok(()), "{row}: {}", library.name());
        }
    }
}
